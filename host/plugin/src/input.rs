//! Arrow batches as the contract lays them out. Buffers are borrowed, so that a column is copied once: into the guest's memory.

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer};
use arrow_schema::DataType as ArrowType;
use gristmill_record::{DataType, Scalar};

use crate::bindings::columns::{ArrayParam, BatchParam, NestedListsParam, StructFieldsParam, ValuesParam, VarlenParam};

/// A batch in the contract's layout: arrays as a list, a part after what holds it.
#[derive(Debug)]
pub(crate) struct Lowered {
    rows: u32,
    arrays: Vec<Flat>,
    columns: Vec<u32>,
}

/// One array; the buffers hold exactly its values.
#[derive(Debug)]
struct Flat {
    values: Values,
    validity: Option<Buffer>,
}

#[derive(Debug)]
enum Values {
    Booleans(Buffer),
    Int64s(Buffer),
    Float64s(Buffer),
    Timestamps(Buffer),
    Dates(Buffer),
    Strings { offsets: Buffer, data: Buffer },
    Bytes { offsets: Buffer, data: Buffer },
    Json { offsets: Buffer, data: Buffer },
    Lists { offsets: Buffer, child: u32 },
    Structs { length: u32, children: Vec<u32> },
}

impl Lowered {
    /// Lays out a batch whose columns are of `types`. The error names the first thing that is of another type.
    pub(crate) fn new<'a>(
        batch: &RecordBatch,
        types: impl ExactSizeIterator<Item = &'a DataType>,
    ) -> Result<Self, String> {
        if batch.num_columns() != types.len() {
            return Err(format!("it has {} columns where {} are declared", batch.num_columns(), types.len()));
        }
        let rows = u32::try_from(batch.num_rows()).map_err(|_| format!("it has {} rows", batch.num_rows()))?;
        let mut lowered =
            Self { rows, arrays: Vec::with_capacity(types.len()), columns: Vec::with_capacity(types.len()) };
        for ((column, ty), field) in batch.columns().iter().zip(types).zip(batch.schema_ref().fields()) {
            let index = lowered.add(column, ty).map_err(|what| format!("column `{}` {what}", field.name()))?;
            lowered.columns.push(index);
        }
        Ok(lowered)
    }

    /// Adds an array, then its parts; gives its index.
    fn add(&mut self, array: &ArrayRef, ty: &DataType) -> Result<u32, String> {
        let mismatch = || format!("is {:?} where {ty} is declared", array.data_type());
        let index = self.arrays.len();
        let number = u32::try_from(index).map_err(|_| "has too many parts".to_owned())?;
        let validity = validity(array.nulls());
        // Its place comes before those of its parts, which are known after it.
        self.arrays.push(Flat { values: Values::Booleans(Buffer::default()), validity });
        let values = match (ty, array.data_type()) {
            (DataType::Scalar(s), data_type) => scalar(*s, array, data_type).ok_or_else(mismatch)?,
            (DataType::List(element), ArrowType::List(_)) => {
                let list = array.as_list::<i32>();
                let (offsets, start, end) = offsets(list.offsets());
                let child = self.add(&list.values().slice(start, end - start), element)?;
                Values::Lists { offsets, child }
            }
            (DataType::Struct(fields), ArrowType::Struct(_)) => {
                let array = array.as_struct();
                if array.num_columns() != fields.len() {
                    return Err(mismatch());
                }
                let mut children = Vec::with_capacity(fields.len());
                for (column, field) in array.columns().iter().zip(fields) {
                    children.push(self.add(column, &field.ty)?);
                }
                Values::Structs { length: u32::try_from(array.len()).map_err(|_| "is too long".to_owned())?, children }
            }
            _ => return Err(mismatch()),
        };
        if let Some(flat) = self.arrays.get_mut(index) {
            flat.values = values;
        }
        Ok(number)
    }

    /// Calls `f` with the batch as the bindings take it.
    pub(crate) fn with<R>(&self, f: impl FnOnce(BatchParam<'_>) -> R) -> R {
        let arrays: Vec<ArrayParam<'_>> = self.arrays.iter().map(Flat::param).collect();
        f(BatchParam { rows: self.rows, arrays: &arrays, columns: &self.columns })
    }
}

impl Flat {
    fn param(&self) -> ArrayParam<'_> {
        let values = match &self.values {
            Values::Booleans(bits) => ValuesParam::Booleans(bits),
            Values::Int64s(v) => ValuesParam::Int64s(v.typed_data()),
            Values::Float64s(v) => ValuesParam::Float64s(v.typed_data()),
            Values::Timestamps(v) => ValuesParam::Timestamps(v.typed_data()),
            Values::Dates(v) => ValuesParam::Dates(v.typed_data()),
            Values::Strings { offsets, data } => ValuesParam::Strings(varlen(offsets, data)),
            Values::Bytes { offsets, data } => ValuesParam::Bytes(varlen(offsets, data)),
            Values::Json { offsets, data } => ValuesParam::Json(varlen(offsets, data)),
            Values::Lists { offsets, child } => {
                ValuesParam::Lists(NestedListsParam { offsets: offsets.typed_data(), child: *child })
            }
            Values::Structs { length, children } => {
                ValuesParam::Structs(StructFieldsParam { length: *length, children })
            }
        };
        ArrayParam { values, validity: self.validity.as_ref().map(Buffer::as_slice) }
    }
}

fn varlen<'a>(offsets: &'a Buffer, data: &'a Buffer) -> VarlenParam<'a> {
    VarlenParam { offsets: offsets.typed_data(), data }
}

/// The values of an array of a type without parts; none where the array is of another.
fn scalar(scalar: Scalar, array: &ArrayRef, data_type: &ArrowType) -> Option<Values> {
    Some(match (scalar, data_type) {
        (Scalar::Boolean, ArrowType::Boolean) => Values::Booleans(bits(array.as_boolean().values())),
        (Scalar::Int64, ArrowType::Int64) => Values::Int64s(array.as_primitive::<Int64Type>().values().inner().clone()),
        (Scalar::Float64, ArrowType::Float64) => {
            Values::Float64s(array.as_primitive::<Float64Type>().values().inner().clone())
        }
        (Scalar::Timestamp, ArrowType::Timestamp(arrow_schema::TimeUnit::Microsecond, _)) => {
            Values::Timestamps(array.as_primitive::<TimestampMicrosecondType>().values().inner().clone())
        }
        (Scalar::Date, ArrowType::Date32) => Values::Dates(array.as_primitive::<Date32Type>().values().inner().clone()),
        (Scalar::String | Scalar::Reference | Scalar::Json, ArrowType::Utf8) => {
            let strings = array.as_string::<i32>();
            let (offsets, start, end) = offsets(strings.offsets());
            let data = strings.values().slice_with_length(start, end - start);
            if scalar == Scalar::Json { Values::Json { offsets, data } } else { Values::Strings { offsets, data } }
        }
        (Scalar::Bytes, ArrowType::Binary) => {
            let bytes = array.as_binary::<i32>();
            let (offsets, start, end) = offsets(bytes.offsets());
            Values::Bytes { offsets, data: bytes.values().slice_with_length(start, end - start) }
        }
        _ => return None,
    })
}

/// Offsets that begin with 0, and the part of the values that they span. Those of a slice begin elsewhere and are counted from
/// their first; all others are taken as they are. Arrow's offsets are never negative, so that `i32` and `u32` are the same bits.
fn offsets(offsets: &OffsetBuffer<i32>) -> (Buffer, usize, usize) {
    let (first, last) = (offsets.first(), offsets.last());
    let buffer = if first == 0 {
        offsets.inner().inner().clone()
    } else {
        Buffer::from_vec(offsets.iter().map(|o| o - first).collect::<Vec<i32>>())
    };
    (buffer, usize::try_from(first).unwrap_or_default(), usize::try_from(last).unwrap_or_default())
}

/// Bits from the first of a byte on; a slice may begin within one.
fn bits(bits: &BooleanBuffer) -> Buffer {
    if bits.offset().is_multiple_of(8) {
        bits.inner().slice_with_length(bits.offset() / 8, bits.len().div_ceil(8))
    } else {
        let bits = bits.sliced();
        let length = bits.len();
        bits.slice_with_length(0, length)
    }
}

fn validity(nulls: Option<&NullBuffer>) -> Option<Buffer> {
    nulls.filter(|n| n.null_count() > 0).map(|n| bits(n.inner()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{BooleanArray, Int64Array, ListArray, StringArray};
    use arrow_schema::{Field, Schema};

    use super::*;

    fn lowered(array: ArrayRef, ty: &DataType) -> Lowered {
        let schema = Schema::new(vec![Field::new("c", array.data_type().clone(), true)]);
        let batch = RecordBatch::try_new(Arc::new(schema), vec![array]).unwrap();
        Lowered::new(&batch, std::iter::once(ty)).unwrap()
    }

    #[test]
    fn a_slice_begins_at_its_first_value() {
        let strings = StringArray::from(vec![Some("zero"), Some("one"), None, Some("three"), Some("four")]);
        lowered(Arc::new(strings.slice(1, 3)), &Scalar::String.into()).with(|batch| {
            let [ArrayParam { values: ValuesParam::Strings(v), validity }] = batch.arrays else { panic!("{batch:?}") };
            assert_eq!((v.offsets, v.data), (&[0, 3, 3, 8][..], &b"onethree"[..]));
            assert_eq!(validity.map(|v| v[0] & 0b111), Some(0b101));
        });
        let flags = BooleanArray::from((0..30).map(|i| i % 3 == 0).collect::<Vec<_>>());
        for start in [0, 5, 8, 16] {
            lowered(Arc::new(flags.slice(start, 11)), &Scalar::Boolean.into()).with(|batch| {
                let ValuesParam::Booleans(bytes) = batch.arrays[0].values else { panic!("{batch:?}") };
                assert_eq!(bytes.len(), 2);
                let read: Vec<_> = (0..11).map(|i| bytes[i / 8] >> (i % 8) & 1 == 1).collect();
                assert_eq!(read, (start..start + 11).map(|i| i % 3 == 0).collect::<Vec<_>>());
            });
        }
    }

    #[test]
    fn a_part_comes_after_what_holds_it() {
        let lists = ListArray::from_iter_primitive::<Int64Type, _, _>(vec![
            Some(vec![Some(1)]),
            Some(vec![Some(2), None]),
            None,
            Some(vec![Some(4)]),
        ]);
        let ty = DataType::List(Box::new(Scalar::Int64.into()));
        lowered(Arc::new(lists.slice(1, 2)), &ty).with(|batch| {
            let ValuesParam::Lists(list) = &batch.arrays[0].values else { panic!("{batch:?}") };
            assert_eq!((list.offsets, list.child), (&[0, 2, 2][..], 1));
            let ValuesParam::Int64s(values) = batch.arrays[1].values else { panic!("{batch:?}") };
            assert_eq!((values.len(), values[0]), (2, 2));
            assert_eq!(batch.columns, [0]);
        });
    }

    #[test]
    fn another_type_is_named() {
        let schema = Schema::new(vec![Field::new("c", ArrowType::Int64, true)]);
        let batch = RecordBatch::try_new(Arc::new(schema), vec![Arc::new(Int64Array::from(vec![1]))]).unwrap();
        let error = Lowered::new(&batch, std::iter::once(&Scalar::String.into())).unwrap_err();
        assert_eq!(error, "column `c` is Int64 where string is declared");
        assert!(Lowered::new(&batch, [].iter()).unwrap_err().contains("1 columns where 0"));
    }
}
