//! The values of columns.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrowPrimitiveType};
use arrow_schema::{DataType, TimeUnit};

use super::{Column, Node};
use crate::bigquery::text;
use crate::bigquery::value::Value;

impl Column {
    /// The values of an array, one a row.
    pub(super) fn values(&self, array: &dyn Array) -> Result<Vec<Value>, String> {
        match &self.node {
            Node::Scalar => self.scalars(array),
            Node::Struct(parts) => {
                let array = array.as_struct_opt().ok_or_else(|| self.odd(array))?;
                let parts =
                    parts.iter().zip(array.columns()).map(|(p, a)| p.values(a)).collect::<Result<Vec<_>, _>>()?;
                let mut parts: Vec<_> = parts.into_iter().map(Vec::into_iter).collect();
                let one = |i| {
                    let values: Arc<[Value]> = parts.iter_mut().map(|p| p.next().unwrap_or(Value::Null)).collect();
                    if array.is_null(i) { Value::Null } else { Value::Struct(values) }
                };
                Ok((0..array.len()).map(one).collect())
            }
            Node::List { item, inferred } => {
                let array = array.as_list_opt::<i32>().ok_or_else(|| self.odd(array))?;
                let one = |i| {
                    let values = if array.is_null(i) { Vec::new() } else { item.values(&array.value(i))? };
                    if *inferred {
                        // BigQuery's arrays hold no null. What it says of one in Parquet is not documented; these are its words for JSON.
                        if values.iter().any(Value::is_null) {
                            return Err(format!(
                                "Only optional fields can be set to NULL. Field: {}; Value: NULL",
                                self.field.name
                            ));
                        }
                        return Ok(Value::Array(values.into()));
                    }
                    if array.is_null(i) {
                        return Ok(Value::Null);
                    }
                    let elements = values.into_iter().map(|v| Value::Struct([v].into()));
                    Ok(Value::Struct([Value::Array(elements.collect())].into()))
                };
                (0..array.len()).map(one).collect()
            }
        }
    }

    fn odd(&self, array: &dyn Array) -> String {
        format!("Column '{}' was read as {}.", self.field.name, array.data_type())
    }

    fn scalars(&self, array: &dyn Array) -> Result<Vec<Value>, String> {
        let instant = |micros: Option<i64>| {
            let micros = micros.ok_or_else(|| format!("Invalid timestamp value in column '{}'.", self.field.name))?;
            text::timestamp(micros)
                .ok_or_else(|| format!("Invalid timestamp value {micros} in column '{}'.", self.field.name))
        };
        Ok(match array.data_type() {
            DataType::Boolean => array.as_boolean().iter().map(|v| v.map_or(Value::Null, Value::Bool)).collect(),
            DataType::Int8 => integers::<Int8Type>(array),
            DataType::Int16 => integers::<Int16Type>(array),
            DataType::Int32 => integers::<Int32Type>(array),
            DataType::Int64 => integers::<Int64Type>(array),
            DataType::UInt8 => integers::<UInt8Type>(array),
            DataType::UInt16 => integers::<UInt16Type>(array),
            DataType::UInt32 => integers::<UInt32Type>(array),
            DataType::UInt64 => primitives::<UInt64Type>(array)
                .map(|v| {
                    let fits = |n: u64| i64::try_from(n).map(Value::Int);
                    let wrong = |n: u64| format!("Value {n} of column '{}' exceeds INTEGER.", self.field.name);
                    v.map_or(Ok(Value::Null), |n| fits(n).map_err(|_| wrong(n)))
                })
                .collect::<Result<_, _>>()?,
            DataType::Float32 => {
                primitives::<Float32Type>(array).map(|v| v.map_or(Value::Null, |f| Value::Float(f.into()))).collect()
            }
            DataType::Float64 => {
                primitives::<Float64Type>(array).map(|v| v.map_or(Value::Null, Value::Float)).collect()
            }
            DataType::Date32 => primitives::<Date32Type>(array)
                .map(|v| {
                    let days = |d: i32| text::days(text::day(d)).filter(|day| *day == d).map(Value::Date);
                    v.map_or(Ok(Value::Null), |d| {
                        days(d).ok_or_else(|| format!("Invalid date value {d} in column '{}'.", self.field.name))
                    })
                })
                .collect::<Result<_, _>>()?,
            DataType::Timestamp(TimeUnit::Microsecond, _) => primitives::<TimestampMicrosecondType>(array)
                .map(|v| v.map_or(Ok(Value::Null), |t| instant(Some(t))))
                .collect::<Result<_, _>>()?,
            DataType::Timestamp(TimeUnit::Millisecond, _) => primitives::<TimestampMillisecondType>(array)
                .map(|v| v.map_or(Ok(Value::Null), |t| instant(t.checked_mul(1000))))
                .collect::<Result<_, _>>()?,
            // INT96.
            DataType::Timestamp(TimeUnit::Nanosecond, _) => primitives::<TimestampNanosecondType>(array)
                .map(|v| v.map_or(Ok(Value::Null), |t| instant(Some(t.div_euclid(1000)))))
                .collect::<Result<_, _>>()?,
            DataType::Utf8 => array.as_string::<i32>().iter().map(|v| v.map_or(Value::Null, Value::string)).collect(),
            DataType::Binary => {
                array.as_binary::<i32>().iter().map(|v| v.map_or(Value::Null, |b| Value::Bytes(b.into()))).collect()
            }
            DataType::FixedSizeBinary(_) => {
                array.as_fixed_size_binary().iter().map(|v| v.map_or(Value::Null, |b| Value::Bytes(b.into()))).collect()
            }
            _ => return Err(self.odd(array)),
        })
    }
}

fn primitives<T: ArrowPrimitiveType>(array: &dyn Array) -> impl Iterator<Item = Option<T::Native>> + '_ {
    array.as_primitive::<T>().iter()
}

fn integers<T: ArrowPrimitiveType>(array: &dyn Array) -> Vec<Value>
where
    T::Native: Into<i64>,
{
    primitives::<T>(array).map(|v| v.map_or(Value::Null, |i| Value::Int(i.into()))).collect()
}
