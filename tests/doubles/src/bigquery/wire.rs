//! Rows as the API answers them: `{"f": [{"v": …}]}`, every scalar a string.

use serde_json::{Map, Value as Json, json};

use super::schema::{Field, Type};
use super::text;
use super::value::Value;

/// How timestamps are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instants {
    /// Seconds, in the notation of a double.
    Seconds,
    /// Microseconds, as an integer: `formatOptions.useInt64Timestamp`.
    Micros,
}

/// A `TableRow`.
pub(crate) fn row(fields: &[Field], values: &[Value], instants: Instants) -> Json {
    let cells = fields.iter().zip(values).map(|(f, v)| json!({"v": cell(&f.ty, v, instants)}));
    json!({"f": cells.collect::<Vec<_>>()})
}

fn cell(ty: &Type, value: &Value, instants: Instants) -> Json {
    match (ty, value) {
        // An array is never null.
        (Type::Array(_), Value::Null) => json!([]),
        (_, Value::Null) => Json::Null,
        (Type::Array(item), Value::Array(values)) => {
            values.iter().map(|v| json!({"v": cell(item, v, instants)})).collect()
        }
        (Type::Struct(fields), Value::Struct(values)) => row(fields, values, instants),
        (_, Value::Timestamp(micros)) => match instants {
            Instants::Micros => micros.to_string().into(),
            Instants::Seconds => text::timestamp_seconds(*micros).into(),
        },
        (_, value) => scalar(value).into(),
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::Bool(b) => b.to_string(),
        Value::Int(i) | Value::Timestamp(i) => i.to_string(),
        Value::Float(f) => text::float_api(*f),
        Value::String(s) | Value::Json(s) => s.to_string(),
        Value::Bytes(b) => text::base64(b),
        Value::Date(d) => text::day(*d).to_string(),
        Value::Null | Value::Struct(_) | Value::Array(_) => String::new(),
    }
}

/// A row for tests: numbers as numbers, instants as RFC 3339, bytes as base64, structs as objects.
pub(crate) fn plain_row(fields: &[Field], values: &[Value]) -> Map<String, Json> {
    fields.iter().zip(values).map(|(f, v)| (f.name.clone(), plain(&f.ty, v))).collect()
}

fn plain(ty: &Type, value: &Value) -> Json {
    match (ty, value) {
        (Type::Array(_), Value::Null) => json!([]),
        (_, Value::Null) => Json::Null,
        (_, Value::Bool(b)) => json!(b),
        (_, Value::Int(i)) => json!(i),
        (_, Value::Float(f)) if f.is_finite() => json!(f),
        (_, Value::Timestamp(micros)) => json!(text::timestamp_json(*micros)),
        (_, Value::Json(j)) => serde_json::from_str(j).unwrap_or(Json::Null),
        (Type::Array(item), Value::Array(values)) => values.iter().map(|v| plain(item, v)).collect(),
        (Type::Struct(fields), Value::Struct(values)) => Json::Object(plain_row(fields, values)),
        (_, value) => json!(scalar(value)),
    }
}
