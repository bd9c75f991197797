//! The values of calls.

use std::cmp::Ordering;

use chrono::{Datelike, Timelike};

use super::Function;
use crate::bigquery::refusal::Refusal;
use crate::bigquery::sql::calendar;
use crate::bigquery::sql::context::Context;
use crate::bigquery::text;
use crate::bigquery::value::Value;

fn invalid(what: impl Into<String>) -> Refusal {
    Refusal::invalid_query(what)
}

impl Function {
    /// The value for arguments of the types that [`super::bind`] saw to. Null in, null out.
    pub(in crate::bigquery::sql) fn call(self, arguments: &[Value], context: &Context<'_>) -> Result<Value, Refusal> {
        if arguments.iter().any(Value::is_null) {
            return Ok(Value::Null);
        }
        Ok(match (self, arguments) {
            (Self::CurrentTimestamp, _) => Value::Timestamp(context.now),
            (Self::CurrentDate, _) => {
                text::days(text::civil(context.now).date_naive()).map_or(Value::Null, Value::Date)
            }
            (Self::Concat, [Value::Bytes(_), ..]) => Value::Bytes(
                arguments.iter().flat_map(|a| if let Value::Bytes(b) = a { b.to_vec() } else { Vec::new() }).collect(),
            ),
            (Self::Concat, _) => Value::string(arguments.iter().filter_map(as_text).collect::<String>()),
            (Self::Greatest | Self::Least, _) => extreme(arguments, self == Self::Greatest),
            (Self::Abs, [Value::Int(i)]) => {
                Value::Int(i.checked_abs().ok_or_else(|| invalid(format!("int64 overflow: ABS({i})")))?)
            }
            (Self::Abs, [Value::Float(f)]) => Value::Float(f.abs()),
            (Self::Ceil, [Value::Float(f)]) => Value::Float(f.ceil()),
            (Self::Floor, [Value::Float(f)]) => Value::Float(f.floor()),
            (Self::Mod, [Value::Int(a), Value::Int(b)]) => {
                if *b == 0 {
                    return Err(invalid(format!("division by zero: MOD({a}, {b})")));
                }
                Value::Int(a.checked_rem(*b).unwrap_or_default())
            }
            (Self::Length, [Value::Bytes(b)]) => count(b.len()),
            (Self::Length, [Value::String(s)]) => count(s.chars().count()),
            (Self::ArrayLength, [Value::Array(values)]) => count(values.len()),
            (Self::Lower, [Value::String(s)]) => Value::string(s.to_lowercase()),
            (Self::Upper, [Value::String(s)]) => Value::string(s.to_uppercase()),
            (Self::Trim, [Value::String(s)]) => Value::string(s.trim()),
            (Self::Trim, [Value::String(s), Value::String(set)]) => Value::string(s.trim_matches(|c| set.contains(c))),
            (Self::Replace, [Value::String(_), Value::String(from), _]) if from.is_empty() => {
                arguments.first().cloned().unwrap_or(Value::Null)
            }
            (Self::Replace, [Value::String(s), Value::String(from), Value::String(to)]) => {
                Value::string(s.replace(&**from, to))
            }
            (Self::StartsWith, [Value::String(s), Value::String(part)]) => Value::Bool(s.starts_with(&**part)),
            (Self::EndsWith, [Value::String(s), Value::String(part)]) => Value::Bool(s.ends_with(&**part)),
            (Self::Substr, [Value::String(s), Value::Int(from)]) => Value::string(substr(s, *from, i64::MAX)),
            (Self::Substr, [Value::String(s), Value::Int(from), Value::Int(length)]) => {
                if *length < 0 {
                    return Err(invalid("Third argument in SUBSTR() cannot be negative"));
                }
                Value::string(substr(s, *from, *length))
            }
            (Self::RegexpContains, [Value::String(s), Value::String(pattern)]) => {
                let regex =
                    regex::Regex::new(pattern).map_err(|e| invalid(format!("Cannot parse regular expression: {e}")))?;
                Value::Bool(regex.is_match(s))
            }
            (Self::IsNan, [Value::Float(f)]) => Value::Bool(f.is_nan()),
            (Self::IsInf, [Value::Float(f)]) => Value::Bool(f.is_infinite()),
            (Self::ParseJson, [Value::String(s)]) => {
                let json = text::json_text(s)
                    .ok_or_else(|| invalid("Invalid input to PARSE_JSON: syntax error while parsing value"))?;
                Value::Json(json.into())
            }
            (Self::JsonValue, [Value::String(json) | Value::Json(json), Value::String(path)]) => {
                json_value(json, path)?
            }
            (Self::ToBase64, [Value::Bytes(b)]) => Value::string(text::base64(b)),
            (Self::FromBase64, [Value::String(s)]) => {
                let bytes = text::parse_base64(s).ok_or_else(|| invalid("Failed to decode invalid base64 string"))?;
                Value::Bytes(bytes.into())
            }
            (Self::ToHex, [Value::Bytes(b)]) => Value::string(b.iter().map(|b| format!("{b:02x}")).collect::<String>()),
            (Self::FormatTimestamp, [Value::String(format), Value::Timestamp(t)]) => {
                Value::string(calendar::format(format, text::civil(*t).naive_utc())?)
            }
            (Self::FormatDate, [Value::String(format), Value::Date(d)]) => {
                Value::string(calendar::format(format, text::day(*d).and_time(chrono::NaiveTime::MIN))?)
            }
            (Self::TimestampTrunc, [Value::Timestamp(t), Value::String(part)]) => {
                calendar::truncate_timestamp(*t, part)?
            }
            (Self::DateTrunc, [Value::Date(d), Value::String(part)]) => calendar::truncate_date(*d, part)?,
            (Self::Extract, [Value::String(part), Value::Timestamp(t)]) => {
                extract(part, text::civil(*t).naive_utc(), true)?
            }
            (Self::Extract, [Value::String(part), Value::Date(d)]) => {
                extract(part, text::day(*d).and_time(chrono::NaiveTime::MIN), false)?
            }
            (Self::TimestampDiff, [Value::Timestamp(a), Value::Timestamp(b), Value::String(part)]) => {
                Value::Int((a - b) / calendar::micros(part)?)
            }
            (Self::DateDiff, [Value::Date(a), Value::Date(b), Value::String(part)]) if &**part == "DAY" => {
                Value::Int(i64::from(*a) - i64::from(*b))
            }
            (Self::DateDiff, [_, _, Value::String(part)]) => {
                return Err(Refusal::unsupported(format!("DATE_DIFF by {part}")));
            }
            (Self::TimestampAdd | Self::TimestampSub, [Value::Timestamp(t), Value::Struct(interval)]) => {
                let (count, part) = interval_of(interval, self == Self::TimestampSub)?;
                let moved = count.checked_mul(calendar::micros(&part)?).and_then(|m| t.checked_add(m));
                instant(moved)?
            }
            (Self::DateAdd | Self::DateSub, [Value::Date(d), Value::Struct(interval)]) => {
                let (count, part) = interval_of(interval, self == Self::DateSub)?;
                calendar::add_to_date(*d, count, &part)?
            }
            (Self::TimestampMicros, [Value::Int(i)]) => instant(Some(*i))?,
            (Self::TimestampMillis, [Value::Int(i)]) => instant(i.checked_mul(1_000))?,
            (Self::TimestampSeconds, [Value::Int(i)]) => instant(i.checked_mul(1_000_000))?,
            (Self::UnixMicros, [Value::Timestamp(t)]) => Value::Int(*t),
            (Self::UnixMillis, [Value::Timestamp(t)]) => Value::Int(t.div_euclid(1_000)),
            (Self::UnixSeconds, [Value::Timestamp(t)]) => Value::Int(t.div_euclid(1_000_000)),
            _ => {
                return Err(Refusal::new(
                    "internalError",
                    format!("The double of BigQuery called {self:?} with other types"),
                ));
            }
        })
    }
}

fn count(n: usize) -> Value {
    i64::try_from(n).map_or(Value::Null, Value::Int)
}

fn as_text(value: &Value) -> Option<&str> {
    match value {
        Value::String(s) => Some(s),
        _ => None,
    }
}

/// Number and part of an INTERVAL.
fn interval_of(interval: &[Value], negative: bool) -> Result<(i64, std::sync::Arc<str>), Refusal> {
    match interval {
        [Value::Int(count), Value::String(part)] => {
            let count = if negative { count.checked_neg() } else { Some(*count) };
            Ok((count.ok_or_else(|| invalid("int64 overflow in INTERVAL"))?, part.clone()))
        }
        _ => Err(invalid("INTERVAL of NULL")),
    }
}

fn instant(micros: Option<i64>) -> Result<Value, Refusal> {
    micros.and_then(text::timestamp).ok_or_else(|| invalid("TIMESTAMP value is out of allowed range: from 0001-01-01 00:00:00.000000+00 to 9999-12-31 23:59:59.999999+00."))
}

/// GREATEST and LEAST: NaN among them is the answer.
fn extreme(arguments: &[Value], greatest: bool) -> Value {
    let nan = arguments.iter().find(|v| matches!(v, Value::Float(f) if f.is_nan()));
    let order = |a: &&Value, b: &&Value| a.compare(b).unwrap_or(Ordering::Equal);
    let found = nan.or_else(|| if greatest { arguments.iter().max_by(order) } else { arguments.iter().min_by(order) });
    found.cloned().unwrap_or(Value::Null)
}

/// Characters from a 1-based place, or from the end where it is negative.
fn substr(text: &str, from: i64, length: i64) -> String {
    let characters = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    let start = match from {
        0 => 0,
        from if from > 0 => from - 1,
        from => characters.saturating_add(from).max(0),
    };
    let start = usize::try_from(start).unwrap_or(usize::MAX);
    text.chars().skip(start).take(usize::try_from(length).unwrap_or(usize::MAX)).collect()
}

/// JSON_VALUE for paths of names and numbers: `$.a.b[0]`.
fn json_value(json: &str, path: &str) -> Result<Value, Refusal> {
    let Ok(json) = serde_json::from_str::<serde_json::Value>(json) else { return Ok(Value::Null) };
    let rest = path.strip_prefix('$').ok_or_else(|| invalid(format!("JSONPath must start with '$': {path}")))?;
    let pointer = rest.replace('[', ".").replace(']', "");
    if rest.contains(['"', '\'', '*', '@'])
        || pointer.contains("..")
        || !(pointer.is_empty() || pointer.starts_with('.'))
    {
        return Err(Refusal::unsupported(format!("the JSONPath {path}")));
    }
    Ok(match json.pointer(&pointer.replace('.', "/")) {
        Some(serde_json::Value::String(text)) => Value::string(text),
        Some(value @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_))) => Value::string(value.to_string()),
        _ => Value::Null,
    })
}

fn extract(part: &str, at: chrono::NaiveDateTime, time: bool) -> Result<Value, Refusal> {
    let micros = at.and_utc().timestamp_subsec_micros();
    let n = match (part, time) {
        ("YEAR", _) => i64::from(at.year()),
        ("MONTH", _) => at.month().into(),
        ("DAY", _) => at.day().into(),
        ("DAYOFYEAR", _) => at.ordinal().into(),
        // Sunday is 1.
        ("DAYOFWEEK", _) => (at.weekday().num_days_from_sunday() + 1).into(),
        ("QUARTER", _) => ((at.month() - 1) / 3 + 1).into(),
        ("HOUR", true) => at.hour().into(),
        ("MINUTE", true) => at.minute().into(),
        ("SECOND", true) => at.second().into(),
        ("MILLISECOND", true) => (micros / 1000).into(),
        ("MICROSECOND", true) => micros.into(),
        _ => return Err(Refusal::unsupported(format!("EXTRACT({part})"))),
    };
    Ok(Value::Int(n))
}
