//! Arrays that a plugin returns, checked against the contract and the declared types, and turned into Arrow's without a copy.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Float64Array, Int64Array, ListArray, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use gristmill_record::arrow::arrow_field;
use gristmill_record::time::{MAX_MICROS, MIN_MICROS};
use gristmill_record::{DataType, Scalar};

use crate::bindings::columns::{ArrayResult, NestedListsResult, StructFieldsResult, ValuesResult, VarlenResult};

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// The arrays of one batch, each to be used once.
pub(crate) struct Arrays {
    arrays: Vec<Option<ArrayResult>>,
    unused: usize,
    /// Most elements that lists of the batch may have: elements without a size would make the size of the output no bound for them.
    max_elements: usize,
}

/// What an array must be.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) ty: &'a DataType,
    pub(crate) length: usize,
    pub(crate) required: bool,
}

impl Arrays {
    pub(crate) fn new(arrays: Vec<ArrayResult>, max_elements: usize) -> Self {
        Self { unused: arrays.len(), arrays: arrays.into_iter().map(Some).collect(), max_elements }
    }

    /// How many arrays nothing has used.
    pub(crate) fn unused(&self) -> usize {
        self.unused
    }

    /// The array at `index`, with its parts. `holder` is the index of the array that it is a part of.
    pub(crate) fn take(&mut self, index: u32, holder: Option<u32>, wanted: Wanted<'_>) -> Result<ArrayRef, String> {
        if holder.is_some_and(|holder| index <= holder) {
            return Err(format!("array {index} is a part of an array that does not come before it"));
        }
        let count = self.arrays.len();
        let place =
            self.arrays.get_mut(index as usize).ok_or_else(|| format!("there is no array {index} of {count}"))?;
        let array = place.take().ok_or_else(|| format!("array {index} is used twice"))?;
        self.unused = self.unused.saturating_sub(1);
        let nulls = nulls(array.validity, wanted.length)?;
        if wanted.required && nulls.is_some() {
            return Err("it is required and has a null".to_owned());
        }
        self.values(index, array.values, nulls, wanted)
    }

    fn values(
        &mut self,
        index: u32,
        values: ValuesResult,
        nulls: Option<NullBuffer>,
        wanted: Wanted<'_>,
    ) -> Result<ArrayRef, String> {
        let length = wanted.length;
        Ok(match (wanted.ty, values) {
            (DataType::Scalar(s), values) => return scalar(*s, values, nulls, length),
            (DataType::List(element), ValuesResult::Lists(NestedListsResult { offsets, child })) => {
                let end = offsets.last().map_or(0, |o| *o as usize);
                if end > self.max_elements {
                    return Err(format!("its lists have {end} elements; at most {} are taken", self.max_elements));
                }
                let offsets = check_offsets(offsets, length, end)?;
                let wanted = Wanted { ty: element, length: end, required: false };
                let child = self.take(child, Some(index), wanted).map_err(|what| format!("elements: {what}"))?;
                let field = Arc::new(arrow_field("item", element, true));
                Arc::new(ListArray::try_new(field, offsets, child, nulls).map_err(|e| e.to_string())?)
            }
            (DataType::Struct(fields), ValuesResult::Structs(StructFieldsResult { length: has, children })) => {
                check_length(has as usize, length)?;
                if children.len() != fields.len() {
                    return Err(format!(
                        "its struct has {} fields where {} are declared",
                        children.len(),
                        fields.len()
                    ));
                }
                if fields.is_empty() {
                    return Ok(Arc::new(StructArray::new_empty_fields(length, nulls)));
                }
                let mut columns = Vec::with_capacity(fields.len());
                for (child, field) in children.into_iter().zip(fields) {
                    let wanted = Wanted { ty: &field.ty, length, required: false };
                    let column = self.take(child, Some(index), wanted);
                    columns.push(column.map_err(|what| format!("field `{}`: {what}", field.name))?);
                }
                let fields = fields.iter().map(|f| arrow_field(&f.name, &f.ty, true)).collect();
                Arc::new(StructArray::try_new(fields, columns, nulls).map_err(|e| e.to_string())?)
            }
            (ty, values) => return Err(format!("it holds {} where {ty} is declared", kind(&values))),
        })
    }
}

fn scalar(scalar: Scalar, values: ValuesResult, nulls: Option<NullBuffer>, length: usize) -> Result<ArrayRef, String> {
    let is_value = |i: usize| nulls.as_ref().is_none_or(|n| n.is_valid(i));
    Ok(match (scalar, values) {
        (Scalar::Boolean, ValuesResult::Booleans(bits)) => {
            check_bits(&bits, length)?;
            Arc::new(BooleanArray::new(BooleanBuffer::new(Buffer::from_vec(bits), 0, length), nulls))
        }
        (Scalar::Int64, ValuesResult::Int64s(values)) => {
            check_length(values.len(), length)?;
            Arc::new(Int64Array::new(values.into(), nulls))
        }
        (Scalar::Float64, ValuesResult::Float64s(values)) => {
            check_length(values.len(), length)?;
            Arc::new(Float64Array::new(values.into(), nulls))
        }
        (Scalar::Timestamp, ValuesResult::Timestamps(values)) => {
            check_length(values.len(), length)?;
            check_range(&values, MIN_MICROS, MAX_MICROS, is_value)?;
            Arc::new(TimestampMicrosecondArray::new(values.into(), nulls).with_timezone("UTC"))
        }
        (Scalar::Date, ValuesResult::Dates(values)) => {
            check_length(values.len(), length)?;
            let days = |micros: i64| i32::try_from(micros.div_euclid(MICROS_PER_DAY)).unwrap_or_default();
            check_range(&values, days(MIN_MICROS), days(MAX_MICROS), is_value)?;
            Arc::new(Date32Array::new(values.into(), nulls))
        }
        (Scalar::String, ValuesResult::Strings(values)) => Arc::new(strings(values, nulls, length)?),
        (Scalar::Json, ValuesResult::Json(values)) => {
            let texts = strings(values, nulls, length)?;
            let is_json = |text: &str| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
            if let Some(i) = texts.iter().position(|text| text.is_some_and(|text| !is_json(text))) {
                return Err(format!("value {i} is not a JSON text"));
            }
            Arc::new(texts)
        }
        (Scalar::Bytes, ValuesResult::Bytes(VarlenResult { offsets, data })) => {
            let offsets = check_offsets(offsets, length, data.len())?;
            Arc::new(BinaryArray::try_new(offsets, Buffer::from_vec(data), nulls).map_err(|e| e.to_string())?)
        }
        (s, values) => return Err(format!("it holds {} where {} is declared", kind(&values), s.name())),
    })
}

fn kind(values: &ValuesResult) -> &'static str {
    match values {
        ValuesResult::Booleans(_) => "booleans",
        ValuesResult::Int64s(_) => "int64s",
        ValuesResult::Float64s(_) => "float64s",
        ValuesResult::Timestamps(_) => "timestamps",
        ValuesResult::Dates(_) => "dates",
        ValuesResult::Strings(_) => "strings",
        ValuesResult::Bytes(_) => "bytes",
        ValuesResult::Json(_) => "json",
        ValuesResult::Lists(_) => "lists",
        ValuesResult::Structs(_) => "structs",
    }
}

fn check_length(has: usize, wanted: usize) -> Result<(), String> {
    if has == wanted { Ok(()) } else { Err(format!("it has {has} values where {wanted} are due")) }
}

fn check_bits(bits: &[u8], values: usize) -> Result<(), String> {
    let wanted = values.div_ceil(8);
    if bits.len() == wanted {
        Ok(())
    } else {
        Err(format!("it has {} bytes of bits where {values} values take {wanted}", bits.len()))
    }
}

/// Validity without a null is none.
fn nulls(validity: Option<Vec<u8>>, length: usize) -> Result<Option<NullBuffer>, String> {
    let Some(bits) = validity else { return Ok(None) };
    check_bits(&bits, length).map_err(|what| format!("validity: {what}"))?;
    let nulls = NullBuffer::new(BooleanBuffer::new(Buffer::from_vec(bits), 0, length));
    Ok((nulls.null_count() > 0).then_some(nulls))
}

/// Whether every value, nulls apart, is from `min` to `max`.
fn check_range<T: Copy + Ord + std::fmt::Debug>(
    values: &[T],
    min: T,
    max: T,
    is_value: impl Fn(usize) -> bool,
) -> Result<(), String> {
    let is_out = |v: &T| *v < min || *v > max;
    // Without an early end the first pass is vectorised; what it finds is commonly nothing.
    if !values.iter().fold(false, |any, v| any | is_out(v)) {
        return Ok(());
    }
    match values.iter().enumerate().find(|(i, v)| is_out(v) && is_value(*i)) {
        Some((i, _)) => Err(format!("value {i} is not in the years 1 to 9999")),
        None => Ok(()),
    }
}

/// The rules of offsets: one more than values, the first 0, none below the one before it, the last the end of what they count.
fn check_offsets(offsets: Vec<u32>, values: usize, end: usize) -> Result<OffsetBuffer<i32>, String> {
    if Some(offsets.len()) != values.checked_add(1) {
        return Err(format!("it has {} offsets where {values} values take one more than that", offsets.len()));
    }
    if offsets.first() != Some(&0) {
        return Err("its first offset is not 0".to_owned());
    }
    let after_first = offsets.get(1..).unwrap_or_default();
    if !offsets.iter().zip(after_first).fold(true, |all, (a, b)| all & (a <= b)) {
        let at = offsets.iter().zip(after_first).position(|(a, b)| a > b).map_or(0, |i| i.saturating_add(1));
        return Err(format!("offset {at} is below the one before it"));
    }
    if offsets.last().map(|o| *o as usize) != Some(end) {
        return Err(format!("its last offset is not {end}, where its data ends"));
    }
    if i32::try_from(end).is_err() {
        return Err(format!("it has {end} bytes or elements; Arrow counts at most {}", i32::MAX));
    }
    let count = offsets.len();
    let offsets = ScalarBuffer::new(Buffer::from_vec(offsets), 0, count);
    #[expect(unsafe_code, reason = "the safe constructor would check once more what was checked above")]
    // SAFETY: there is at least one offset; they begin with 0, do not fall, and the last, the greatest, fits `i32`: so as `i32` none is
    // negative and none below the one before it.
    Ok(unsafe { OffsetBuffer::new_unchecked(offsets) })
}

/// Strings, each valid UTF-8 by itself. What stands at a null is not looked at.
fn strings(
    VarlenResult { offsets, data }: VarlenResult,
    nulls: Option<NullBuffer>,
    length: usize,
) -> Result<StringArray, String> {
    let offsets = check_offsets(offsets, length, data.len())?;
    let is_boundary = |o: &i32| usize::try_from(*o).is_ok_and(|o| data.get(o).is_none_or(|b| b & 0xc0 != 0x80));
    if data.is_ascii()
        || (simdutf8::basic::from_utf8(&data).is_ok() && offsets.iter().fold(true, |all, o| all & is_boundary(o)))
    {
        #[expect(unsafe_code, reason = "the safe constructor would check once more what was checked above")]
        // SAFETY: the data is valid UTF-8, every offset lies within it (`check_offsets`) and on the boundary of a character, and
        // `nulls` has `length` values, as many as there are.
        return Ok(unsafe { StringArray::new_unchecked(offsets, Buffer::from_vec(data), nulls) });
    }
    // Rare: either a value is wrong, or only what stands at nulls is, which must not get into Arrow's buffers.
    let mut values = Vec::with_capacity(length);
    for (i, pair) in offsets.windows(2).enumerate() {
        let range = match pair {
            [a, b] => usize::try_from(*a).unwrap_or_default()..usize::try_from(*b).unwrap_or_default(),
            _ => 0..0,
        };
        values.push(if nulls.as_ref().is_some_and(|n| n.is_null(i)) {
            None
        } else {
            let value = data.get(range).and_then(|bytes| simdutf8::basic::from_utf8(bytes).ok());
            Some(value.ok_or_else(|| format!("value {i} is not UTF-8"))?)
        });
    }
    Ok(StringArray::from(values))
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use gristmill_record::Field;
    use proptest::prelude::*;

    use super::*;

    fn varlen(offsets: &[u32], data: &[u8]) -> VarlenResult {
        VarlenResult { offsets: offsets.to_vec(), data: data.to_vec() }
    }

    fn array(values: ValuesResult) -> ArrayResult {
        ArrayResult { values, validity: None }
    }

    fn list_of(ty: DataType) -> DataType {
        DataType::List(Box::new(ty))
    }

    fn take(arrays: Vec<ArrayResult>, ty: &DataType, length: usize) -> Result<ArrayRef, String> {
        Arrays::new(arrays, 1_000).take(0, None, Wanted { ty, length, required: false })
    }

    #[test]
    fn what_stands_at_a_null_is_not_read() {
        // Not UTF-8 at the null, and a character in two halves around it.
        for (data, offsets) in [(&b"a\xffb"[..], &[0, 1, 2, 3][..]), ("aéb".as_bytes(), &[0, 1, 2, 4])] {
            let broken = take(vec![array(ValuesResult::Strings(varlen(offsets, data)))], &Scalar::String.into(), 3);
            assert_eq!(broken.unwrap_err(), "value 1 is not UTF-8");
        }
        let mut strings = array(ValuesResult::Strings(varlen(&[0, 1, 2, 3], b"a\xffb")));
        strings.validity = Some(vec![0b101]);
        let strings = take(vec![strings], &Scalar::String.into(), 3).unwrap();
        assert_eq!(strings.as_string::<i32>().iter().collect::<Vec<_>>(), [Some("a"), None, Some("b")]);
        strings.to_data().validate_full().unwrap();

        let mut times = array(ValuesResult::Timestamps(vec![0, i64::MIN]));
        times.validity = Some(vec![0b01]);
        assert_eq!(take(vec![times], &Scalar::Timestamp.into(), 2).unwrap().null_count(), 1);
    }

    #[test]
    fn dates_and_json_are_checked() {
        let dates = |days: i32| take(vec![array(ValuesResult::Dates(vec![days]))], &Scalar::Date.into(), 1);
        // 9999-12-31 and 0001-01-01.
        assert!(dates(2_932_896).is_ok() && dates(-719_162).is_ok());
        assert!(dates(2_932_897).is_err() && dates(-719_163).is_err());
        let json = |text: &str| {
            let end = u32::try_from(text.len()).unwrap();
            take(vec![array(ValuesResult::Json(varlen(&[0, end], text.as_bytes())))], &Scalar::Json.into(), 1)
        };
        assert!(json("{\"a\": [1, null]}").is_ok());
        assert_eq!(json("{a: 1}").unwrap_err(), "value 0 is not a JSON text");
        assert!(json("").is_err());
    }

    #[test]
    fn parts_come_after_what_holds_them_and_are_used_once() {
        let ints = |n: i64| array(ValuesResult::Int64s((0..n).collect()));
        let lists = |child: u32| array(ValuesResult::Lists(NestedListsResult { offsets: vec![0, 2], child }));
        let ty = list_of(Scalar::Int64.into());
        assert!(take(vec![lists(1), ints(2)], &ty, 1).is_ok());
        assert!(take(vec![lists(1), ints(3)], &ty, 1).unwrap_err().contains("elements: it has 3 values where 2"));
        assert!(take(vec![lists(2), ints(2)], &ty, 1).unwrap_err().contains("there is no array 2 of 2"));
        assert!(take(vec![lists(0)], &ty, 1).unwrap_err().contains("does not come before"));

        let field = |name: &str| Field { name: name.into(), ty: Scalar::Int64.into() };
        let ty = DataType::Struct(vec![field("a"), field("b")]);
        let structs = |length, children| array(ValuesResult::Structs(StructFieldsResult { length, children }));
        assert!(take(vec![structs(2, vec![2, 1]), ints(2), ints(2)], &ty, 2).is_ok());
        assert!(take(vec![structs(2, vec![1, 1]), ints(2)], &ty, 2).unwrap_err().contains("used twice"));
        assert!(take(vec![structs(2, vec![1]), ints(2)], &ty, 2).unwrap_err().contains("1 fields where 2"));
        assert!(take(vec![structs(3, vec![1, 2]), ints(2), ints(2)], &ty, 2).is_err());
        assert!(take(vec![structs(2, vec![1, 2]), ints(2), ints(1)], &ty, 2).unwrap_err().contains("field `b`"));
    }

    #[test]
    fn elements_without_a_size_have_a_ceiling() {
        let ty = list_of(DataType::Struct(Vec::new()));
        let arrays = |end: u32| {
            let lists = ValuesResult::Lists(NestedListsResult { offsets: vec![0, end], child: 1 });
            let structs = ValuesResult::Structs(StructFieldsResult { length: end, children: Vec::new() });
            vec![array(lists), array(structs)]
        };
        assert!(take(arrays(1_000), &ty, 1).is_ok());
        assert!(take(arrays(2_000_000_000), &ty, 1).unwrap_err().contains("at most 1000"));
    }

    /// Offsets that are often right.
    fn any_offsets() -> impl Strategy<Value = Vec<u32>> {
        prop_oneof![
            3 => proptest::collection::vec(0_u32..3, 0..5).prop_map(|steps| {
                std::iter::once(0).chain(steps.iter().scan(0, |at, step| { *at += step; Some(*at) })).collect()
            }),
            1 => proptest::collection::vec(0_u32..9, 0..6),
        ]
    }

    fn any_values() -> impl Strategy<Value = ValuesResult> {
        let data =
            || prop_oneof!["[aé]{0,6}".prop_map(String::into_bytes), proptest::collection::vec(any::<u8>(), 0..9)];
        let varlen = move || (any_offsets(), data()).prop_map(|(offsets, data)| VarlenResult { offsets, data });
        prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..2).prop_map(ValuesResult::Booleans),
            proptest::collection::vec(any::<i64>(), 0..5).prop_map(ValuesResult::Timestamps),
            varlen().prop_map(ValuesResult::Strings),
            varlen().prop_map(ValuesResult::Bytes),
            (any_offsets(), 0_u32..4)
                .prop_map(|(offsets, child)| ValuesResult::Lists(NestedListsResult { offsets, child })),
            (0_u32..5, proptest::collection::vec(0_u32..4, 0..3))
                .prop_map(|(length, children)| ValuesResult::Structs(StructFieldsResult { length, children })),
        ]
    }

    /// A declared type that the arrays fit, as far as they can be followed.
    fn type_of(arrays: &[ArrayResult], index: u32, depth: usize) -> DataType {
        let part = |child: u32| {
            if depth > 4 { Scalar::String.into() } else { type_of(arrays, child, depth + 1) }
        };
        match arrays.get(index as usize).map(|a| &a.values) {
            Some(ValuesResult::Booleans(_)) => Scalar::Boolean.into(),
            Some(ValuesResult::Timestamps(_)) => Scalar::Timestamp.into(),
            Some(ValuesResult::Bytes(_)) => Scalar::Bytes.into(),
            Some(ValuesResult::Lists(lists)) => list_of(part(lists.child)),
            Some(ValuesResult::Structs(structs)) => DataType::Struct(
                structs.children.iter().enumerate().map(|(i, c)| Field { name: i.to_string(), ty: part(*c) }).collect(),
            ),
            _ => Scalar::String.into(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]
        /// Whatever a plugin returns: either it is refused or Arrow finds nothing wrong with it.
        #[test]
        fn what_passes_is_a_sound_array(
            values in proptest::collection::vec((any_values(), proptest::option::weighted(0.3, proptest::collection::vec(any::<u8>(), 0..2))), 1..4),
            length in 0_usize..5,
        ) {
            let arrays: Vec<_> = values.into_iter().map(|(values, validity)| ArrayResult { values, validity }).collect();
            let ty = type_of(&arrays, 0, 0);
            if let Ok(array) = take(arrays, &ty, length) {
                prop_assert_eq!(array.len(), length);
                prop_assert!(array.to_data().validate_full().is_ok());
                prop_assert_eq!(array.data_type(), &gristmill_record::arrow::arrow_type(&ty));
            }
        }
    }
}
