//! A column of many batches as one array, its values in another order.
//!
//! Values are read in the order in which they lie, and each is put in its place. With the rows of some hundred partitions that is some hundred places
//! that are written to in turn, which a processor's caches hold. To gather the values of one partition after the other would fetch a line of memory for each.

use std::sync::Arc;

use arrow_array::builder::BooleanBufferBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, BinaryType, ByteArrayType, Date32Type, Float64Type, Int64Type, TimestampMicrosecondType,
    Utf8Type,
};
use arrow_array::{Array, ArrayRef, BooleanArray, GenericByteArray, PrimitiveArray};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, TimeUnit};
use arrow_select::interleave::interleave;

/// A partition's number, and how many rows it has.
pub(super) type Segment = (u32, usize);

/// For each row its place in another order: every number below the number of rows, once.
pub(super) struct Places(Vec<u32>);

impl Places {
    /// The order of the rows' partitions by their `numbers`, which are below `partitions`; rows of one stay in theirs. With the rows of each partition.
    ///
    /// # Errors
    /// More rows than a `u32` counts, or a number that is too large.
    pub(super) fn by_partition(mut numbers: Vec<u32>, partitions: usize) -> Result<(Self, Vec<Segment>), ArrowError> {
        let too_large = || ArrowError::ComputeError("more rows or partitions than were counted".to_owned());
        u32::try_from(numbers.len()).map_err(|_| too_large())?;
        let mut next = vec![0_u32; partitions];
        for number in &numbers {
            *next.get_mut(*number as usize).ok_or_else(too_large)? += 1;
        }
        let segments = (0_u32..).zip(&next).filter(|(_, n)| **n > 0).map(|(number, n)| (number, *n as usize)).collect();
        // From here on the place where the next row of the partition goes.
        let mut sum = 0;
        for count in &mut next {
            sum += std::mem::replace(count, sum);
        }
        for number in &mut numbers {
            let place = next.get_mut(*number as usize).ok_or_else(too_large)?;
            *number = *place;
            *place += 1;
        }
        Ok((Self(numbers), segments))
    }
}

/// The arrays, which are of one type, as one, their rows in their places.
///
/// # Errors
/// More or fewer rows than places, arrays of different types, or texts of more than 2 GiB.
pub(super) fn scatter(arrays: &[ArrayRef], Places(places): &Places) -> Result<ArrayRef, ArrowError> {
    let unfit = || ArrowError::InvalidArgumentError("arrays that do not fit their places".to_owned());
    let data_type = arrays.first().ok_or_else(unfit)?.data_type();
    let rows: usize = arrays.iter().map(|array| array.len()).sum();
    if rows != places.len() || arrays.iter().any(|array| array.data_type() != data_type) {
        return Err(unfit());
    }
    Ok(match data_type {
        DataType::Int64 => fixed::<Int64Type>(arrays, places, data_type),
        DataType::Float64 => fixed::<Float64Type>(arrays, places, data_type),
        DataType::Timestamp(TimeUnit::Microsecond, _) => fixed::<TimestampMicrosecondType>(arrays, places, data_type),
        DataType::Date32 => fixed::<Date32Type>(arrays, places, data_type),
        DataType::Utf8 => varying::<Utf8Type>(arrays, places)?,
        DataType::Binary => varying::<BinaryType>(arrays, places)?,
        DataType::Boolean => booleans(arrays, places),
        _ => parts(arrays, places)?,
    })
}

fn fixed<T: ArrowPrimitiveType>(arrays: &[ArrayRef], places: &[u32], data_type: &DataType) -> ArrayRef {
    let mut values = vec![T::default_value(); places.len()];
    let mut rest = places;
    for array in arrays {
        let array = array.as_primitive::<T>();
        let (mine, others) = rest.split_at_checked(array.len()).unwrap_or((rest, &[]));
        rest = others;
        for (value, place) in array.values().iter().zip(mine) {
            if let Some(slot) = values.get_mut(*place as usize) {
                *slot = *value;
            }
        }
    }
    Arc::new(PrimitiveArray::<T>::new(values.into(), nulls(arrays, places)).with_data_type(data_type.clone()))
}

fn booleans(arrays: &[ArrayRef], places: &[u32]) -> ArrayRef {
    let mut values = BooleanBufferBuilder::new(places.len());
    values.append_n(places.len(), false);
    let bits = arrays.iter().flat_map(|array| array.as_boolean().values());
    for (_, place) in bits.zip(places).filter(|(bit, _)| *bit) {
        values.set_bit(*place as usize, true);
    }
    Arc::new(BooleanArray::new(values.finish(), nulls(arrays, places)))
}

fn varying<T: ByteArrayType<Offset = i32>>(arrays: &[ArrayRef], places: &[u32]) -> Result<ArrayRef, ArrowError> {
    // At `place + 1` the length of a value, and then where it ends.
    let mut ends = vec![0_i32; places.len() + 1];
    let mut rest = places;
    for array in arrays {
        let offsets = array.as_bytes::<T>().value_offsets();
        let (mine, others) = rest.split_at_checked(array.len()).unwrap_or((rest, &[]));
        rest = others;
        for (pair, place) in offsets.array_windows().zip(mine) {
            let [from, to] = pair;
            if let Some(slot) = ends.get_mut(*place as usize + 1) {
                *slot = to - from;
            }
        }
    }
    let mut sum = 0_i32;
    for end in &mut ends {
        sum = sum.checked_add(*end).ok_or(ArrowError::OffsetOverflowError(usize::MAX))?;
        *end = sum;
    }
    let mut data = vec![0_u8; usize::try_from(sum).unwrap_or_default()];
    let mut rest = places;
    for array in arrays {
        let array = array.as_bytes::<T>();
        let (mine, others) = rest.split_at_checked(array.len()).unwrap_or((rest, &[]));
        rest = others;
        let values = array.value_data();
        for (pair, place) in array.value_offsets().array_windows().zip(mine) {
            let [from, to] = pair.map(|offset| usize::try_from(offset).unwrap_or_default());
            let start = ends.get(*place as usize).and_then(|start| usize::try_from(*start).ok()).unwrap_or_default();
            if let (Some(slot), Some(value)) = (data.get_mut(start..start + (to - from)), values.get(from..to)) {
                copy(slot, value);
            }
        }
    }
    let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
    let nulls = nulls(arrays, places);
    #[expect(unsafe_code, reason = "the safe constructor would check once more that strings are UTF-8")]
    // SAFETY: the offsets begin with 0 and do not fall, and `data` ends with the last. Every place is that of one row (`Places`), whose value has the
    // length between the two offsets and stands there, a valid value of an array of the same type; and `nulls` has as many bits as there are places.
    Ok(Arc::new(unsafe { GenericByteArray::<T>::new_unchecked(offsets, Buffer::from_vec(data), nulls) }))
}

/// Copies a value of the same length. Most are short, and a call for each would cost more than the copy.
#[inline(always)]
fn copy(to: &mut [u8], from: &[u8]) {
    match from.len() {
        0 => {}
        8..=16 => {
            if let (Some(head), Some(tail)) = (from.first_chunk::<8>(), from.last_chunk::<8>()) {
                let (head, tail) = (*head, *tail);
                to.first_chunk_mut::<8>().into_iter().for_each(|slot| *slot = head);
                to.last_chunk_mut::<8>().into_iter().for_each(|slot| *slot = tail);
            }
        }
        17..=32 => {
            if let (Some(head), Some(tail)) = (from.first_chunk::<16>(), from.last_chunk::<16>()) {
                let (head, tail) = (*head, *tail);
                to.first_chunk_mut::<16>().into_iter().for_each(|slot| *slot = head);
                to.last_chunk_mut::<16>().into_iter().for_each(|slot| *slot = tail);
            }
        }
        _ => to.copy_from_slice(from),
    }
}

fn nulls(arrays: &[ArrayRef], places: &[u32]) -> Option<NullBuffer> {
    if arrays.iter().all(|array| array.null_count() == 0) {
        return None;
    }
    let mut bits = BooleanBufferBuilder::new(places.len());
    bits.append_n(places.len(), true);
    let mut rest = places;
    for array in arrays {
        let (mine, others) = rest.split_at_checked(array.len()).unwrap_or((rest, &[]));
        rest = others;
        let Some(nulls) = array.nulls().filter(|nulls| nulls.null_count() > 0) else { continue };
        for row in (!nulls.inner()).set_indices() {
            if let Some(place) = mine.get(row) {
                bits.set_bit(*place as usize, false);
            }
        }
    }
    Some(NullBuffer::new(bits.finish()))
}

/// Arrays of values with parts.
fn parts(arrays: &[ArrayRef], places: &[u32]) -> Result<ArrayRef, ArrowError> {
    let mut rows = vec![(0, 0); places.len()];
    let all = arrays.iter().enumerate().flat_map(|(i, array)| (0..array.len()).map(move |row| (i, row)));
    for (row, place) in all.zip(places) {
        if let Some(slot) = rows.get_mut(*place as usize) {
            *slot = row;
        }
    }
    interleave(&arrays.iter().map(AsRef::as_ref).collect::<Vec<_>>(), &rows)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use arrow_array::{
        BinaryArray, Date32Array, Float64Array, Int64Array, ListArray, StringArray, TimestampMicrosecondArray,
    };
    use proptest::prelude::*;

    use super::*;

    /// Columns of every kind, whose values tell their row.
    fn columns(rows: &[Option<u8>]) -> Vec<ArrayRef> {
        let numbers = || rows.iter().map(|row| row.map(i64::from));
        let texts = || rows.iter().map(|row| row.map(|n| "é".repeat(usize::from(n % 23))));
        vec![
            Arc::new(numbers().collect::<Int64Array>()),
            Arc::new(rows.iter().map(|row| row.map(f64::from)).collect::<Float64Array>()),
            Arc::new(numbers().collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
            Arc::new(rows.iter().map(|row| row.map(i32::from)).collect::<Date32Array>()),
            Arc::new(rows.iter().map(|row| row.map(|n| n % 3 == 0)).collect::<BooleanArray>()),
            Arc::new(texts().collect::<StringArray>()),
            Arc::new(rows.iter().map(|row| row.map(|n| vec![n; usize::from(n)])).collect::<BinaryArray>()),
            Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(
                rows.iter().map(|row| row.map(|n| vec![Some(i64::from(n)), None])),
            )),
        ]
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let (places, _) = Places::by_partition(vec![1, 0], 2).unwrap();
        let numbers = |rows: i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values(0..rows)) };
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
        assert_eq!(&scatter(&[numbers(2)], &places).unwrap(), &(Arc::new(Int64Array::from(vec![1, 0])) as ArrayRef));
        for arrays in [vec![], vec![numbers(1)], vec![numbers(3)], vec![numbers(1), texts]] {
            assert!(scatter(&arrays, &places).is_err());
        }
        assert!(Places::by_partition(vec![0, 2], 2).is_err());
    }

    proptest! {
        #[test]
        fn every_value_is_in_its_place(
            rows in prop::collection::vec(prop::option::weighted(0.8, any::<u8>()), 1..200),
            keys in prop::collection::vec(0..40_u32, 200),
            cut in any::<prop::sample::Index>(),
            offset in 0..9_usize,
        ) {
            let numbers = keys[..rows.len()].to_vec();
            let mut order: Vec<usize> = (0..rows.len()).collect();
            order.sort_by_key(|row| numbers[*row]);
            let (places, segments) = Places::by_partition(numbers.clone(), 40).unwrap();
            let counted: Vec<_> = numbers.iter().copied().collect::<BTreeSet<_>>().into_iter()
                .map(|number| (number, numbers.iter().filter(|n| **n == number).count()))
                .collect();
            prop_assert_eq!(segments, counted);
            let cut = cut.index(rows.len() + 1);
            // Slices, which do not begin at the start of their buffers.
            let piece = |rows: &[Option<u8>]| {
                let padded: Vec<_> = std::iter::repeat_n(Some(1), offset).chain(rows.iter().copied()).collect();
                columns(&padded).into_iter().map(|c| c.slice(offset, rows.len())).collect::<Vec<_>>()
            };
            let wanted: Vec<_> = order.iter().map(|row| rows[*row]).collect();
            for ((a, b), want) in piece(&rows[..cut]).into_iter().zip(piece(&rows[cut..])).zip(columns(&wanted)) {
                let found = scatter(&[a, b], &places).unwrap();
                found.to_data().validate_full().unwrap();
                prop_assert_eq!(&found, &want);
            }
        }
    }
}
