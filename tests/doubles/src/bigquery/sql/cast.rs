//! CAST, and the changes of type that need none.

use std::sync::Arc;

use super::expr::{Expr, Literal, Typed};
use crate::bigquery::refusal::Refusal;
use crate::bigquery::schema::Type;
use crate::bigquery::text;
use crate::bigquery::value::Value;

/// The expression as another type where that needs no CAST. `None`: it does.
///
/// INT64 becomes FLOAT64; a literal of a string becomes an instant or a date; NULL becomes anything; constructors of structs and
/// arrays become what their parts become.
pub(super) fn coerce(typed: Typed, to: &Type) -> Option<Typed> {
    if same(&typed.ty, to) {
        return Some(typed);
    }
    let literal = typed.literal;
    let with = |expr: Expr| Some(Typed { expr, ty: to.clone(), literal });
    match (typed.expr, &typed.ty, to) {
        (expr @ Expr::Const(Value::Null), ..) if literal == Literal::Null => with(expr),
        (Expr::Const(value), Type::Int64, Type::Float64) => with(Expr::Const(cast(&value, &Type::Int64, to).ok()?)),
        (expr, Type::Int64, Type::Float64) => {
            with(Expr::Cast { expr: Box::new(expr), from: Type::Int64, to: to.clone(), safe: false })
        }
        (Expr::Const(value), Type::String, Type::Timestamp | Type::Date) if literal != Literal::No => {
            with(Expr::Const(cast(&value, &Type::String, to).ok()?))
        }
        (Expr::Struct(parts), Type::Struct(have), Type::Struct(want)) if have.len() == want.len() => {
            let parts = parts.into_iter().zip(have).zip(want).map(|((expr, have), want)| {
                let null = matches!(expr, Expr::Const(Value::Null));
                let literal = match (&expr, null) {
                    (_, true) => Literal::Null,
                    (Expr::Const(_), _) => Literal::Yes,
                    _ => Literal::No,
                };
                coerce(Typed { expr, ty: have.ty.clone(), literal }, &want.ty).map(|t| t.expr)
            });
            with(Expr::Struct(parts.collect::<Option<_>>()?))
        }
        (Expr::Array(items), Type::Array(have), Type::Array(want)) => {
            let items = items.into_iter().map(|expr| {
                let literal = if matches!(expr, Expr::Const(_)) { Literal::Yes } else { Literal::No };
                coerce(Typed { expr, ty: (**have).clone(), literal }, want).map(|t| t.expr)
            });
            with(Expr::Array(items.collect::<Option<_>>()?))
        }
        _ => None,
    }
}

/// Whether two types are one: names of struct fields and what else was said of them do not matter.
pub(super) fn same(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::Array(a), Type::Array(b)) => same(a, b),
        (Type::Struct(a), Type::Struct(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(&a.ty, &b.ty)),
        (a, b) => a == b,
    }
}

/// The type that all of them become without CAST. `None`: there is none.
pub(super) fn common(all: &[Typed]) -> Option<Type> {
    let mut candidates: Vec<&Typed> = all.iter().filter(|t| t.literal != Literal::Null).collect();
    // What is no literal decides.
    candidates.sort_by_key(|t| t.literal != Literal::No);
    let Some(first) = candidates.first() else { return Some(Type::Int64) };
    let fits = |ty: &Type| candidates.iter().all(|t| coerce((*t).clone(), ty).is_some());
    let mut tries = candidates.iter().map(|t| &t.ty).chain([&Type::Float64]);
    if fits(&first.ty) { Some(first.ty.clone()) } else { tries.find(|ty| fits(ty)).cloned() }
}

/// CAST.
pub(super) fn cast(value: &Value, from: &Type, to: &Type) -> Result<Value, Refusal> {
    let bad = |shown: &str| {
        Refusal::invalid_query(match to {
            Type::Int64 => format!("Bad int64 value: {shown}"),
            Type::Float64 => format!("Bad double value: {shown}"),
            Type::Bool => format!("Bad bool value: {shown}"),
            Type::Timestamp => format!("Invalid timestamp: '{shown}'"),
            Type::Date => format!("Invalid date: '{shown}'"),
            other => format!("Could not cast '{shown}' to type {other}"),
        })
    };
    if value.is_null() || same(from, to) {
        return Ok(value.clone());
    }
    Ok(match (value, to) {
        (Value::Int(i), Type::Float64) => Value::Float(int_to_float(*i)),
        (Value::Int(i), Type::String) => Value::string(i.to_string()),
        (Value::Int(i), Type::Bool) => Value::Bool(*i != 0),
        (Value::Bool(b), Type::Int64) => Value::Int(i64::from(*b)),
        (Value::Bool(b), Type::String) => Value::string(b.to_string()),
        (Value::Float(f), Type::Int64) => Value::Int(round(*f).ok_or_else(|| bad(&text::float_text(*f)))?),
        (Value::Float(f), Type::String) => Value::string(text::float_text(*f)),
        (Value::String(s), Type::Int64) => Value::Int(parse_int(s).ok_or_else(|| bad(s))?),
        (Value::String(s), Type::Float64) => Value::Float(text::parse_float(s).ok_or_else(|| bad(s))?),
        (Value::String(s), Type::Bool) => match s.to_ascii_lowercase().as_str() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => return Err(bad(s)),
        },
        (Value::String(s), Type::Timestamp) => Value::Timestamp(text::parse_timestamp(s).ok_or_else(|| bad(s))?),
        (Value::String(s), Type::Date) => Value::Date(text::parse_date(s).and_then(text::days).ok_or_else(|| bad(s))?),
        (Value::String(s), Type::Bytes) => Value::Bytes(s.as_bytes().into()),
        (Value::Bytes(b), Type::String) => {
            Value::string(std::str::from_utf8(b).map_err(|_| bad("bytes that are no UTF-8"))?)
        }
        (Value::Timestamp(t), Type::String) => Value::string(text::timestamp_text(*t)),
        (Value::Timestamp(t), Type::Date) => {
            Value::Date(text::days(text::civil(*t).date_naive()).ok_or_else(|| bad("an instant out of range"))?)
        }
        (Value::Date(d), Type::String) => Value::string(text::day(*d).to_string()),
        (Value::Date(d), Type::Timestamp) => Value::Timestamp(i64::from(*d) * 86_400_000_000),
        (Value::Struct(values), Type::Struct(want)) => match from {
            Type::Struct(have) => {
                let parts =
                    values.iter().zip(have.iter().zip(want)).map(|(v, (have, want))| cast(v, &have.ty, &want.ty));
                Value::Struct(parts.collect::<Result<Arc<[_]>, _>>()?)
            }
            _ => return Err(bad("a struct")),
        },
        _ => return Err(Refusal::invalid_query(format!("Invalid cast from {from} to {to}"))),
    })
}

/// The nearest double.
#[expect(clippy::cast_precision_loss, reason = "that is what the cast means")]
fn int_to_float(i: i64) -> f64 {
    i as f64
}

/// The nearest integer, halves away from zero. `None`: out of range, or no number.
pub(super) fn round(f: f64) -> Option<i64> {
    // The text of a whole double is that of an integer, exactly.
    f.is_finite().then(|| format!("{:.0}", f.round()).parse().ok()).flatten()
}

fn parse_int(text: &str) -> Option<i64> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        Some(hex) => i64::from_str_radix(&format!("{sign}{hex}"), 16).ok(),
        None => format!("{sign}{digits}").parse().ok(),
    }
}
