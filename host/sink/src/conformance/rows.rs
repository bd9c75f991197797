//! Rows from JSON, in the form that the NDJSON sink writes; and back, to compare them.

use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, BooleanBuilder, Date32Builder, Float64Builder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, ListArray, RecordBatch, StructArray, TimestampMicrosecondArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType as ArrowType, Fields};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gristmill_record::arrow::{arrow_type, table_schema};
use gristmill_record::time::parse_rfc3339;
use gristmill_record::{DataType, Scalar, Table};
use serde_json::Value;

use crate::json::Lines;

/// A value that is not of its column's type.
#[derive(Debug, thiserror::Error)]
#[error("column `{column}`: {what}")]
pub struct RowError {
    /// The column.
    pub column: String,
    /// What is wrong.
    pub what: String,
}

/// The rows of a table from JSON objects, one a row, in the form that the NDJSON sink writes. A column that is missing is null; a
/// JSON column takes any value.
pub fn rows_from_json(table: &Table, rows: &[Value]) -> Result<RecordBatch, RowError> {
    let column = |c: &gristmill_record::OutputColumn| {
        let values: Vec<_> = rows.iter().map(|row| row.get(&c.name).filter(|v| !v.is_null())).collect();
        build(&c.ty, &values)
            .ok_or_else(|| RowError { column: c.name.clone(), what: format!("a value is no {}", c.ty) })
    };
    let columns = table.columns().iter().map(column).collect::<Result<_, _>>()?;
    RecordBatch::try_new(table_schema(table), columns)
        .map_err(|e| RowError { column: table.name().to_owned(), what: e.to_string() })
}

/// Rows as lines of JSON, sorted: two batches have the same rows when these are equal. `None` for types that no table has.
pub fn lines(rows: &RecordBatch) -> Option<Vec<String>> {
    let mut writer = Lines::new(rows)?;
    let mut lines = Vec::with_capacity(writer.len());
    for row in 0..writer.len() {
        let mut line = Vec::new();
        writer.write(row, &mut line);
        lines.push(String::from_utf8(line).ok()?);
    }
    lines.sort();
    Some(lines)
}

fn build(ty: &DataType, values: &[Option<&Value>]) -> Option<ArrayRef> {
    /// `None`: a value of another type.
    fn each<T>(
        values: &[Option<&Value>],
        read: impl Fn(&Value) -> Option<T>,
        mut push: impl FnMut(Option<T>),
    ) -> Option<()> {
        values.iter().try_for_each(|v| {
            push(v.map(|v| read(v).ok_or(())).transpose().ok()?);
            Some(())
        })
    }
    Some(match ty {
        DataType::Scalar(Scalar::Boolean) => {
            let mut b = BooleanBuilder::new();
            each(values, Value::as_bool, |v| b.append_option(v))?;
            Arc::new(b.finish())
        }
        DataType::Scalar(Scalar::Int64) => {
            let mut b = Int64Builder::new();
            each(values, Value::as_i64, |v| b.append_option(v))?;
            Arc::new(b.finish())
        }
        DataType::Scalar(Scalar::Float64) => {
            let mut b = Float64Builder::new();
            each(values, double, |v| b.append_option(v))?;
            Arc::new(b.finish())
        }
        DataType::Scalar(Scalar::Timestamp) => {
            let mut all = Vec::new();
            each(values, |v| parse_rfc3339(v.as_str()?.as_bytes()), |v| all.push(v))?;
            Arc::new(TimestampMicrosecondArray::from(all).with_timezone("UTC"))
        }
        DataType::Scalar(Scalar::Date) => {
            let mut b = Date32Builder::new();
            each(values, |v| day(v.as_str()?), |v| b.append_option(v))?;
            Arc::new(b.finish())
        }
        DataType::Scalar(Scalar::String | Scalar::Reference) => {
            let mut b = StringBuilder::new();
            each(values, |v| v.as_str().map(str::to_owned), |v| b.append_option(v))?;
            Arc::new(b.finish())
        }
        DataType::Scalar(Scalar::Json) => {
            let mut b = StringBuilder::new();
            each(values, |v| Some(v.to_string()), |v| b.append_option(v))?;
            Arc::new(b.finish())
        }
        DataType::Scalar(Scalar::Bytes) => {
            let mut b = BinaryBuilder::new();
            each(values, |v| STANDARD.decode(v.as_str()?).ok(), |v| b.append_option(v))?;
            Arc::new(b.finish())
        }
        DataType::List(item) => {
            let ArrowType::List(field) = arrow_type(ty) else { return None };
            let mut items = Vec::new();
            let mut lengths = Vec::new();
            for value in values {
                let elements = match value {
                    Some(value) => value.as_array()?.as_slice(),
                    None => &[],
                };
                lengths.push(elements.len());
                items.extend(elements.iter().map(|v| Some(v).filter(|v| !v.is_null())));
            }
            Arc::new(ListArray::new(field, OffsetBuffer::from_lengths(lengths), build(item, &items)?, nulls(values)))
        }
        DataType::Struct(fields) => {
            let ArrowType::Struct(arrow_fields) = arrow_type(ty) else { return None };
            if !values.iter().flatten().all(|v| v.is_object()) {
                return None;
            }
            let child = |field: &gristmill_record::Field| {
                let values: Vec<_> =
                    values.iter().map(|v| v.and_then(|v| v.get(&field.name)).filter(|v| !v.is_null())).collect();
                build(&field.ty, &values)
            };
            let children = fields.iter().map(child).collect::<Option<Vec<_>>>()?;
            structs(arrow_fields, children, values)
        }
    })
}

fn structs(fields: Fields, children: Vec<ArrayRef>, values: &[Option<&Value>]) -> ArrayRef {
    if fields.is_empty() {
        Arc::new(StructArray::new_empty_fields(values.len(), nulls(values)))
    } else {
        Arc::new(StructArray::new(fields, children, nulls(values)))
    }
}

fn nulls(values: &[Option<&Value>]) -> Option<NullBuffer> {
    Some(values.iter().map(Option::is_some).collect::<Vec<_>>().into())
}

fn double(value: &Value) -> Option<f64> {
    match value.as_str() {
        Some("NaN") => Some(f64::NAN),
        Some("Infinity") => Some(f64::INFINITY),
        Some("-Infinity") => Some(f64::NEG_INFINITY),
        Some(_) => None,
        None => value.as_f64(),
    }
}

fn day(text: &str) -> Option<i32> {
    let midnight = parse_rfc3339(format!("{text}T00:00:00Z").as_bytes())?;
    i32::try_from(midnight / 86_400_000_000).ok()
}
