//! Functions of single values.

use std::cmp::Ordering;

use chrono::{Datelike, Timelike};
use sqlparser::ast::{Expr as Ast, Function as Call, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectNamePart};

use super::bind::{no_signature, unify, unsupported};
use super::calendar;
use super::cast;
use super::context::Context;
use super::expr::{Expr, Typed};
use crate::bigquery::refusal::Refusal;
use crate::bigquery::schema::Type;
use crate::bigquery::text;
use crate::bigquery::value::Value;

/// A function that is called with values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Abs,
    ArrayLength,
    Ceil,
    Concat,
    CurrentDate,
    CurrentTimestamp,
    DateTrunc,
    EndsWith,
    Extract,
    Floor,
    FormatDate,
    FormatTimestamp,
    FromBase64,
    Greatest,
    IsInf,
    IsNan,
    JsonValue,
    Least,
    Length,
    Lower,
    Mod,
    ParseJson,
    RegexpContains,
    Replace,
    StartsWith,
    Substr,
    TimestampMicros,
    TimestampMillis,
    TimestampSeconds,
    TimestampTrunc,
    ToBase64,
    ToHex,
    Trim,
    UnixMicros,
    UnixMillis,
    UnixSeconds,
    Upper,
}

/// Name and arguments of a call that has nothing else; names of functions in capitals.
pub(super) fn plain(call: &Call) -> Option<(String, Vec<&Ast>)> {
    let Call {
        name,
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        filter: None,
        null_treatment: None,
        ..
    } = call
    else {
        return None;
    };
    let [ObjectNamePart::Identifier(name)] = name.0.as_slice() else { return None };
    let arguments = match &call.args {
        FunctionArguments::None => Vec::new(),
        FunctionArguments::List(list) if list.duplicate_treatment.is_none() && list.clauses.is_empty() => {
            list.args.iter().map(expression).collect::<Option<_>>()?
        }
        _ => return None,
    };
    call.within_group.is_empty().then(|| (name.value.to_ascii_uppercase(), arguments))
}

/// An argument that is an expression and nothing else.
fn expression(argument: &FunctionArg) -> Option<&Ast> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => Some(e),
        _ => None,
    }
}

/// The argument as a part of a date, as `DAY`, where the function has one there.
pub(super) fn date_part(name: &str, at: usize, argument: &Ast) -> Option<String> {
    let takes = matches!((name, at), ("DATE_TRUNC" | "TIMESTAMP_TRUNC", 1));
    match argument {
        Ast::Identifier(part) if takes => Some(part.value.to_ascii_uppercase()),
        _ => None,
    }
}

/// A call with its types.
pub(super) fn bind(name: &str, arguments: Vec<Typed>, ast: &Ast) -> Result<Typed, Refusal> {
    use Type::{Bool, Bytes, Date, Float64, Int64, Json, String, Timestamp};
    let types: Vec<_> = arguments.iter().map(|a| a.ty.clone()).collect();
    let wrong = || no_signature(name, &types, ast);
    // The arguments as these types.
    let take = |wanted: &[Type]| -> Result<Vec<Expr>, Refusal> {
        if wanted.len() != arguments.len() {
            return Err(wrong());
        }
        let all = arguments.iter().zip(wanted).map(|(a, ty)| cast::coerce(a.clone(), ty).map(|t| t.expr));
        all.collect::<Option<_>>().ok_or_else(wrong)
    };
    let call =
        |function: Function, wanted: &[Type], gives: Type| Ok(Typed::new(Expr::Call(function, take(wanted)?), gives));
    let same = |function: Function| {
        let (exprs, ty) = unify(arguments.clone(), name, ast)?;
        if exprs.is_empty() || !ty.is_comparable() {
            Err(wrong())
        } else {
            Ok(Typed::new(Expr::Call(function, exprs), ty))
        }
    };
    let first = types.first().cloned();
    let is = |ty: &Type| first.as_ref() == Some(ty);
    // Functions that do the same for two types.
    let either = |a: Type, b: Type| if is(&b) { b } else { a };
    match name {
        "COALESCE" | "IFNULL" if name == "COALESCE" || types.len() == 2 => {
            let (exprs, ty) = unify(arguments, name, ast)?;
            let filled = exprs.into_iter().rev().reduce(|rest, one| {
                let missing = Expr::IsNull(Box::new(one.clone()));
                Expr::Case(vec![(Expr::Not(Box::new(missing)), one)], Box::new(rest))
            });
            filled.map(|e| Typed::new(e, ty)).ok_or_else(wrong)
        }
        "IF" => {
            let mut arguments = arguments.into_iter();
            let (Some(when), Some(then), Some(other), None) =
                (arguments.next(), arguments.next(), arguments.next(), arguments.next())
            else {
                return Err(no_signature(name, &types, ast));
            };
            let when = cast::coerce(when, &Bool).ok_or_else(|| no_signature(name, &types, ast))?;
            let (exprs, ty) = unify(vec![then, other], name, ast)?;
            match <[Expr; 2]>::try_from(exprs) {
                Ok([then, other]) => Ok(Typed::new(Expr::Case(vec![(when.expr, then)], Box::new(other)), ty)),
                Err(_) => Err(no_signature(name, &types, ast)),
            }
        }
        "NULLIF" => {
            let (exprs, ty) = unify(arguments, name, ast)?;
            match <[Expr; 2]>::try_from(exprs) {
                Ok([value, other]) if ty.is_comparable() => {
                    let equal = Expr::Compare(super::expr::Comparison::Equal, Box::new(value.clone()), Box::new(other));
                    Ok(Typed::new(Expr::Case(vec![(equal, Expr::Const(Value::Null))], Box::new(value)), ty))
                }
                _ => Err(no_signature(name, &types, ast)),
            }
        }
        "TO_JSON_STRING" => match <[Typed; 1]>::try_from(arguments) {
            Ok([one]) => Ok(Typed::new(Expr::ToJson(Box::new(one.expr), one.ty), String)),
            Err(_) => Err(no_signature(name, &types, ast)),
        },
        "TIMESTAMP" if is(&Date) || is(&String) => {
            one_cast(arguments, Timestamp).ok_or_else(|| no_signature(name, &types, ast))
        }
        "TIMESTAMP" if is(&Timestamp) && types.len() == 1 => {
            arguments.into_iter().next().ok_or_else(|| no_signature(name, &types, ast))
        }
        "DATE" if is(&Timestamp) || is(&String) => {
            one_cast(arguments, Date).ok_or_else(|| no_signature(name, &types, ast))
        }
        "DATE" if is(&Date) && types.len() == 1 => {
            arguments.into_iter().next().ok_or_else(|| no_signature(name, &types, ast))
        }
        "STRING" => one_cast(arguments, String).ok_or_else(|| no_signature(name, &types, ast)),
        "CONCAT" => {
            let ty = either(String, Bytes);
            call(Function::Concat, &vec![ty.clone(); types.len()], ty)
        }
        "GREATEST" => same(Function::Greatest),
        "LEAST" => same(Function::Least),
        "ABS" => call(Function::Abs, &[either(Float64, Int64)], either(Float64, Int64)),
        "CEIL" | "CEILING" => call(Function::Ceil, &[Float64], Float64),
        "FLOOR" => call(Function::Floor, &[Float64], Float64),
        "MOD" => call(Function::Mod, &[Int64, Int64], Int64),
        "LENGTH" | "CHAR_LENGTH" | "CHARACTER_LENGTH" => call(Function::Length, &[either(String, Bytes)], Int64),
        "LOWER" => call(Function::Lower, &[String], String),
        "UPPER" => call(Function::Upper, &[String], String),
        "TRIM" if types.len() == 1 => call(Function::Trim, &[String], String),
        "TRIM" => call(Function::Trim, &[String, String], String),
        "REPLACE" => call(Function::Replace, &[String, String, String], String),
        "STARTS_WITH" => call(Function::StartsWith, &[String, String], Bool),
        "ENDS_WITH" => call(Function::EndsWith, &[String, String], Bool),
        "SUBSTR" | "SUBSTRING" if types.len() == 2 => call(Function::Substr, &[String, Int64], String),
        "SUBSTR" | "SUBSTRING" => call(Function::Substr, &[String, Int64, Int64], String),
        "REGEXP_CONTAINS" => call(Function::RegexpContains, &[String, String], Bool),
        "IS_NAN" => call(Function::IsNan, &[Float64], Bool),
        "IS_INF" => call(Function::IsInf, &[Float64], Bool),
        "PARSE_JSON" => call(Function::ParseJson, &[String], Json),
        "JSON_VALUE" | "JSON_EXTRACT_SCALAR" if is(&String) => call(Function::JsonValue, &[String, String], String),
        "JSON_VALUE" | "JSON_EXTRACT_SCALAR" => call(Function::JsonValue, &[Json, String], String),
        "TO_BASE64" => call(Function::ToBase64, &[Bytes], String),
        "FROM_BASE64" => call(Function::FromBase64, &[String], Bytes),
        "TO_HEX" => call(Function::ToHex, &[Bytes], String),
        "CURRENT_TIMESTAMP" => call(Function::CurrentTimestamp, &[], Timestamp),
        "CURRENT_DATE" => call(Function::CurrentDate, &[], Date),
        "FORMAT_TIMESTAMP" => call(Function::FormatTimestamp, &[String, Timestamp], String),
        "FORMAT_DATE" => call(Function::FormatDate, &[String, Date], String),
        "TIMESTAMP_TRUNC" => call(Function::TimestampTrunc, &[Timestamp, String], Timestamp),
        "DATE_TRUNC" => call(Function::DateTrunc, &[Date, String], Date),
        "EXTRACT" => {
            let ty = match types.get(1) {
                Some(Date) => Date,
                _ => Timestamp,
            };
            call(Function::Extract, &[String, ty], Int64)
        }
        "TIMESTAMP_MICROS" => call(Function::TimestampMicros, &[Int64], Timestamp),
        "TIMESTAMP_MILLIS" => call(Function::TimestampMillis, &[Int64], Timestamp),
        "TIMESTAMP_SECONDS" => call(Function::TimestampSeconds, &[Int64], Timestamp),
        "UNIX_MICROS" => call(Function::UnixMicros, &[Timestamp], Int64),
        "UNIX_MILLIS" => call(Function::UnixMillis, &[Timestamp], Int64),
        "UNIX_SECONDS" => call(Function::UnixSeconds, &[Timestamp], Int64),
        "ARRAY_LENGTH" => match first {
            Some(ty @ Type::Array(_)) => call(Function::ArrayLength, &[ty], Int64),
            _ => Err(wrong()),
        },
        _ => Err(unsupported(ast)),
    }
}

/// A function that is a CAST by another name.
fn one_cast(arguments: Vec<Typed>, to: Type) -> Option<Typed> {
    let [one] = <[Typed; 1]>::try_from(arguments).ok()?;
    let castable = super::types::castable(&one.ty, &to);
    castable.then(|| Typed::new(Expr::Cast { expr: Box::new(one.expr), from: one.ty, to: to.clone(), safe: false }, to))
}

fn invalid(what: impl Into<String>) -> Refusal {
    Refusal::invalid_query(what)
}

impl Function {
    /// The value for arguments of the types that [`bind`] saw to. Null in, null out.
    pub(super) fn call(self, arguments: &[Value], context: &Context<'_>) -> Result<Value, Refusal> {
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
