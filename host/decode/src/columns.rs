//! Columns under construction: plain vectors that become Arrow arrays without a copy.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, ListArray, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow_buffer::{BooleanBufferBuilder, Buffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType as ArrowType};
use gristmill_record::{DataType, Scalar};

use crate::append::append;
use crate::rest;
use crate::value::{Halt, Kind, Plain};

/// Which texts a column of texts takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    String,
    Reference,
    Json,
    Bytes,
}

/// The values of a column, by its type.
#[derive(Debug)]
pub(crate) enum Values {
    Boolean(BooleanBufferBuilder),
    Int64(Vec<i64>),
    Float64(Vec<f64>),
    Timestamp(Vec<i64>),
    Text { text: Text, offsets: Vec<i32>, data: Vec<u8> },
    List { offsets: Vec<i32>, child: Box<Column> },
    Struct { names: Arc<[Box<[u8]>]>, fields: Vec<Column>, geo_point: bool },
}

/// A column under construction.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) values: Values,
    nulls: NullBufferBuilder,
}

/// The limits keep every column below 2 GiB; should one pass all the same, Arrow refuses the offsets, and that is reported.
fn offset(len: usize) -> i32 {
    i32::try_from(len).unwrap_or(i32::MAX)
}

fn first_offset(rows: usize) -> Vec<i32> {
    let mut offsets = Vec::with_capacity(rows + 1);
    offsets.push(0);
    offsets
}

/// `integer` as a double, where a double holds it exactly.
fn widen(integer: i64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "whether it is exact is tested in the next line")]
    let double = integer as f64;
    // 2^63, which i64::MAX rounds to, would saturate on the way back and look exact.
    #[expect(clippy::cast_possible_truncation, reason = "a double below 2^63 that came from an integer is one")]
    let back = double as i64;
    (back == integer && double < 9_223_372_036_854_775_808.0).then_some(double)
}

impl Column {
    pub(crate) fn new(ty: &DataType) -> Self {
        let text = |text| Values::Text { text, offsets: first_offset(0), data: Vec::new() };
        let values = match ty {
            DataType::Scalar(scalar) => match scalar {
                Scalar::Boolean => Values::Boolean(BooleanBufferBuilder::new(0)),
                // A description has no dates among its inputs.
                Scalar::Int64 | Scalar::Date => Values::Int64(Vec::new()),
                Scalar::Float64 => Values::Float64(Vec::new()),
                Scalar::Timestamp => Values::Timestamp(Vec::new()),
                Scalar::String => text(Text::String),
                Scalar::Reference => text(Text::Reference),
                Scalar::Json => text(Text::Json),
                Scalar::Bytes => text(Text::Bytes),
            },
            DataType::List(element) => Values::List { offsets: first_offset(0), child: Box::new(Self::new(element)) },
            DataType::Struct(fields) => Values::Struct {
                names: fields.iter().map(|f| f.name.as_bytes().into()).collect(),
                fields: fields.iter().map(|f| Self::new(&f.ty)).collect(),
                geo_point: ty.is_geo_point(),
            },
        };
        Self { values, nulls: NullBufferBuilder::new(0) }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.nulls.len()
    }

    pub(crate) fn is_null(&self, index: usize) -> bool {
        !self.nulls.is_valid(index)
    }

    /// Whether its values have more bytes than the same number of others.
    pub(crate) fn is_varying(&self) -> bool {
        matches!(self.values, Values::Text { .. } | Values::List { .. } | Values::Struct { .. })
    }

    /// Bytes that its values take.
    pub(crate) fn bytes(&self) -> usize {
        match &self.values {
            Values::Boolean(_) => self.len() / 8,
            Values::Int64(_) | Values::Float64(_) | Values::Timestamp(_) => self.len() * 8,
            Values::Text { data, .. } => self.len() * 4 + data.len(),
            Values::List { child, .. } => self.len() * 4 + child.bytes(),
            Values::Struct { fields, .. } => fields.iter().map(Self::bytes).sum(),
        }
    }

    pub(crate) fn push_null(&mut self) {
        match &mut self.values {
            Values::Boolean(bits) => bits.append(false),
            Values::Int64(values) | Values::Timestamp(values) => values.push(0),
            Values::Float64(values) => values.push(0.0),
            Values::Text { offsets, data, .. } => offsets.push(offset(data.len())),
            Values::List { offsets, child } => offsets.push(offset(child.len())),
            Values::Struct { fields, .. } => fields.iter_mut().for_each(Self::push_null),
        }
        self.nulls.append_null();
    }

    /// Drops the values from `len` on, and what is left of one that was not finished.
    pub(crate) fn truncate(&mut self, len: usize) {
        let end = |offsets: &mut Vec<i32>| {
            offsets.truncate(len + 1);
            offsets.last().and_then(|o| usize::try_from(*o).ok()).unwrap_or(0)
        };
        match &mut self.values {
            Values::Boolean(bits) => bits.truncate(len),
            Values::Int64(values) | Values::Timestamp(values) => values.truncate(len),
            Values::Float64(values) => values.truncate(len),
            Values::Text { offsets, data, .. } => data.truncate(end(offsets)),
            Values::List { offsets, child } => child.truncate(end(offsets)),
            Values::Struct { fields, .. } => fields.iter_mut().for_each(|f| f.truncate(len)),
        }
        self.nulls.truncate(len);
    }

    /// Adds a value without parts.
    #[inline]
    pub(crate) fn put(&mut self, value: &Plain<'_>) -> Result<(), Halt> {
        match (&mut self.values, value) {
            (_, Plain::Null) => {
                self.push_null();
                return Ok(());
            }
            (Values::Float64(values), Plain::Double(v)) => values.push(*v),
            (Values::Int64(values), Plain::Integer(v)) | (Values::Timestamp(values), Plain::Timestamp(v)) => {
                values.push(*v);
            }
            (Values::Float64(values), Plain::Integer(v)) => match widen(*v) {
                Some(v) => values.push(v),
                None => return Err(Halt::Mismatch(Kind::Integer)),
            },
            (Values::Boolean(bits), Plain::Boolean(v)) => bits.append(*v),
            (Values::Text { text: Text::String, offsets, data }, Plain::String(v))
            | (Values::Text { text: Text::Reference, offsets, data }, Plain::Reference(v))
            | (Values::Text { text: Text::Bytes, offsets, data }, Plain::Bytes(v)) => {
                append(data, v);
                offsets.push(offset(data.len()));
            }
            (Values::Text { text: Text::Json, offsets, data }, value) => {
                rest::plain(data, value);
                offsets.push(offset(data.len()));
            }
            (Values::Struct { names, fields, geo_point: true }, Plain::GeoPoint { latitude, longitude }) => {
                for (name, field) in names.iter().zip(fields) {
                    field.put(&Plain::Double(if &**name == b"latitude" { *latitude } else { *longitude }))?;
                }
            }
            (_, value) => return Err(Halt::Mismatch(value.kind())),
        }
        self.nulls.append_non_null();
        Ok(())
    }

    /// Adds a text that the column takes whatever its kind: a capture, a name, the name of a type.
    #[inline]
    pub(crate) fn put_text(&mut self, value: &[u8]) {
        if let Values::Text { offsets, data, .. } = &mut self.values {
            append(data, value);
            offsets.push(offset(data.len()));
            self.nulls.append_non_null();
        } else {
            self.push_null();
        }
    }

    /// Where a JSON column's next text goes; [`Self::end_json`] makes it a value.
    pub(crate) fn json(&mut self) -> Option<&mut Vec<u8>> {
        match &mut self.values {
            Values::Text { text: Text::Json, data, .. } => Some(data),
            _ => None,
        }
    }

    pub(crate) fn end_json(&mut self) {
        self.put_text(&[]);
    }

    /// Makes the elements that the child has got since the last list a list.
    pub(crate) fn end_list(&mut self) {
        if let Values::List { offsets, child } = &mut self.values {
            offsets.push(offset(child.len()));
            self.nulls.append_non_null();
        }
    }

    /// Makes a value of a struct whose fields have each got one.
    pub(crate) fn end_struct(&mut self) {
        self.nulls.append_non_null();
    }

    /// The column as an array, and an empty one in its place that has room for as many rows.
    pub(crate) fn finish(&mut self, ty: &ArrowType) -> Result<ArrayRef, ArrowError> {
        let len = self.len();
        let nulls = self.nulls.finish();
        fn take<T>(values: &mut Vec<T>) -> Vec<T> {
            let room = values.len();
            std::mem::replace(values, Vec::with_capacity(room))
        }
        fn take_offsets(offsets: &mut Vec<i32>) -> OffsetBuffer<i32> {
            let empty = first_offset(offsets.len());
            OffsetBuffer::new(ScalarBuffer::from(std::mem::replace(offsets, empty)))
        }
        Ok(match &mut self.values {
            Values::Boolean(bits) => Arc::new(BooleanArray::new(bits.finish(), nulls)),
            Values::Int64(values) => Arc::new(Int64Array::try_new(take(values).into(), nulls)?),
            Values::Float64(values) => Arc::new(Float64Array::try_new(take(values).into(), nulls)?),
            Values::Timestamp(values) => {
                Arc::new(TimestampMicrosecondArray::try_new(take(values).into(), nulls)?.with_timezone("UTC"))
            }
            Values::Text { text, offsets, data } => {
                if i32::try_from(data.len()).is_err() {
                    return Err(ArrowError::OffsetOverflowError(data.len()));
                }
                let (offsets, data) = (take_offsets(offsets), Buffer::from_vec(take(data)));
                match text {
                    Text::Bytes => Arc::new(BinaryArray::try_new(offsets, data, nulls)?),
                    _ => Arc::new(StringArray::try_new(offsets, data, nulls)?),
                }
            }
            Values::List { offsets, child } => {
                let ArrowType::List(field) = ty else {
                    return Err(ArrowError::SchemaError(format!("a list where {ty} is declared")));
                };
                let child = child.finish(field.data_type())?;
                Arc::new(ListArray::try_new(Arc::clone(field), take_offsets(offsets), child, nulls)?)
            }
            Values::Struct { fields: columns, .. } => {
                let ArrowType::Struct(fields) = ty else {
                    return Err(ArrowError::SchemaError(format!("a struct where {ty} is declared")));
                };
                let arrays = columns
                    .iter_mut()
                    .zip(fields)
                    .map(|(column, field)| column.finish(field.data_type()))
                    .collect::<Result<Vec<_>, _>>()?;
                Arc::new(StructArray::try_new_with_length(fields.clone(), arrays, nulls, len)?)
            }
        })
    }
}
