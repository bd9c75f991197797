//! Lines of JSON to rows.

use serde_json::Value as Json;

use crate::bigquery::schema::{self, Field, Type};
use crate::bigquery::text;
use crate::bigquery::value::{Row, Value};

/// Reads one line. The error is what BigQuery says of it.
pub(super) fn record(line: &str, position: usize, fields: &[Field], ignore_unknown: bool) -> Result<Row, String> {
    let wrong = |what: String| format!("JSON parsing error in row starting at position {position}: {what}");
    let json: Json =
        serde_json::from_str(line).map_err(|e| wrong(format!("Parser terminated before end of string. {e}")))?;
    let values = structure(&json, fields, "", ignore_unknown).map_err(wrong)?;
    Ok(values.into())
}

/// The fields of an object, in the order of the schema. `path` is where the object is.
fn structure(json: &Json, fields: &[Field], path: &str, ignore_unknown: bool) -> Result<Vec<Value>, String> {
    let Some(object) = json.as_object() else {
        return Err(format!("JSON object specified for non-record field: {path}"));
    };
    let full = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let mut values = vec![None; fields.len()];
    for (name, value) in object {
        let at = schema::position(fields, name);
        match at.and_then(|at| Some((fields.get(at)?, values.get_mut(at)?))) {
            Some((field, slot)) => *slot = Some(self::value(value, field, &full(&field.name), ignore_unknown)?),
            None if ignore_unknown => {}
            None => return Err(format!("No such field: {}.", full(name))),
        }
    }
    let missing = |(field, value): (&Field, Option<Value>)| match (value, &field.ty) {
        (Some(value), _) => Ok(value),
        (None, Type::Array(_)) => Ok(Value::Array([].into())),
        (None, _) if field.required => Err(format!("Missing required field: {}.", full(&field.name))),
        (None, _) => Ok(Value::Null),
    };
    fields.iter().zip(values).map(missing).collect()
}

fn value(json: &Json, field: &Field, path: &str, ignore_unknown: bool) -> Result<Value, String> {
    match (&field.ty, json) {
        // A column of JSON holds JSON's null.
        (Type::Json, _) => Ok(Value::Json(json.to_string().into())),
        (Type::Array(_), Json::Null) => Err(not_null(path)),
        (_, Json::Null) if field.required => Err(not_null(path)),
        (_, Json::Null) => Ok(Value::Null),
        (Type::Array(item), Json::Array(values)) => {
            let item = Field { required: true, ..Field::nullable(&field.name, (**item).clone()) };
            values
                .iter()
                .map(|v| value(v, &item, path, ignore_unknown))
                .collect::<Result<Vec<_>, _>>()
                .map(|v| Value::Array(v.into()))
        }
        (Type::Array(_), other) => Err(format!("Array expected. Field: {path}; Value: {}", shown(other))),
        (_, Json::Array(_)) => Err(format!("Array specified for non-repeated field: {path}.")),
        (Type::Struct(fields), _) => Ok(Value::Struct(structure(json, fields, path, ignore_unknown)?.into())),
        (_, Json::Object(_)) => Err(format!("JSON object specified for non-record field: {path}")),
        (ty, _) => scalar(json, ty, path),
    }
}

fn not_null(path: &str) -> String {
    format!("Only optional fields can be set to NULL. Field: {path}; Value: NULL")
}

fn shown(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn scalar(json: &Json, ty: &Type, path: &str) -> Result<Value, String> {
    let text = shown(json);
    if let (Type::Timestamp, Json::Number(seconds)) = (ty, json) {
        // Seconds since the epoch, exact where they are whole.
        let micros = match seconds.as_i64() {
            Some(seconds) => seconds.checked_mul(1_000_000),
            None => seconds.as_f64().and_then(float_seconds),
        };
        return micros.and_then(text::timestamp).ok_or_else(|| no_conversion(ty, path, &text));
    }
    from_text(&text, ty).ok_or_else(|| no_conversion(ty, path, &text))
}

fn float_seconds(seconds: f64) -> Option<i64> {
    // The text of a whole double is an integer's.
    format!("{:.0}", (seconds * 1e6).round()).parse().ok()
}

/// A scalar from its text in a file.
pub(super) fn from_text(text: &str, ty: &Type) -> Option<Value> {
    match ty {
        Type::String => Some(Value::string(text)),
        Type::Int64 => text.trim().parse().ok().map(Value::Int),
        Type::Float64 => text::parse_float(text).map(Value::Float),
        Type::Bool => match text.trim().to_ascii_lowercase().as_str() {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        },
        Type::Bytes => text::parse_base64(text).map(|bytes| Value::Bytes(bytes.into())),
        Type::Timestamp => text::parse_timestamp(text).map(Value::Timestamp),
        Type::Date => text::parse_date(text).and_then(text::days).map(Value::Date),
        Type::Json => text::json_text(text).map(|json| Value::Json(json.into())),
        Type::Other(_) | Type::Struct(_) | Type::Array(_) => None,
    }
}

pub(super) fn no_conversion(ty: &Type, path: &str, text: &str) -> String {
    match ty {
        Type::Int64 => format!("Could not convert value to integer. Field: {path}; Value: {text}"),
        Type::Float64 => format!("Could not convert value to float. Field: {path}; Value: {text}"),
        Type::Bool => format!("Could not convert value to boolean. Field: {path}; Value: {text}"),
        Type::Timestamp => format!(
            "Couldn't convert value to timestamp: Could not parse '{text}' as a timestamp. Required format is YYYY-MM-DD \
             HH:MM[:SS[.SSSSSS]] or YYYY/MM/DD HH:MM[:SS[.SSSSSS]] Field: {path}; Value: {text}"
        ),
        Type::Other(name) => format!("The double of BigQuery holds no {name}. Field: {path}; Value: {text}"),
        other => format!(
            "Could not convert value to {}. Field: {path}; Value: {text}",
            schema::api_name(other).to_ascii_lowercase()
        ),
    }
}
