//! The values of operators.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::expr::{Arithmetic, Comparison};
use crate::bigquery::refusal::Refusal;
use crate::bigquery::text;
use crate::bigquery::value::{Key, Value};

/// Whether a value is among others. `None`: that cannot be said.
pub(super) fn in_set(value: &Value, set: &HashSet<Key>) -> Option<bool> {
    let unknown = value.is_null() || matches!(value, Value::Float(f) if f.is_nan());
    if set.is_empty() {
        Some(false)
    } else if value.is_null() {
        None
    } else if !unknown && set.contains(&Key(value.clone())) {
        Some(true)
    } else if set.contains(&Key(Value::Null)) {
        None
    } else {
        Some(false)
    }
}

/// A comparison; `None` where a side is null.
pub(super) fn compare(how: Comparison, a: &Value, b: &Value) -> Option<bool> {
    if a.is_null() || b.is_null() {
        return None;
    }
    // What is not NaN has an order; every comparison with NaN is false but `!=`.
    let Some(order) = a.compare(b) else { return Some(how == Comparison::NotEqual) };
    Some(match how {
        Comparison::Equal => order == Ordering::Equal,
        Comparison::NotEqual => order != Ordering::Equal,
        Comparison::Less => order == Ordering::Less,
        Comparison::LessOrEqual => order != Ordering::Greater,
        Comparison::Greater => order == Ordering::Greater,
        Comparison::GreaterOrEqual => order != Ordering::Less,
    })
}

/// The error of an integer that is too large.
pub(super) fn overflow(what: String) -> Refusal {
    Refusal::invalid_query(format!("int64 overflow: {what}"))
}

/// `+`, `-`, `*` and `/` of two numbers of one type.
pub(super) fn arithmetic(how: Arithmetic, a: &Value, b: &Value) -> Result<Value, Refusal> {
    let sign = match how {
        Arithmetic::Add => '+',
        Arithmetic::Subtract => '-',
        Arithmetic::Multiply => '*',
        Arithmetic::Divide => '/',
    };
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => {
            let result = match how {
                Arithmetic::Add => a.checked_add(*b),
                Arithmetic::Subtract => a.checked_sub(*b),
                Arithmetic::Multiply => a.checked_mul(*b),
                Arithmetic::Divide => None,
            };
            result.map(Value::Int).ok_or_else(|| overflow(format!("{a} {sign} {b}")))
        }
        (Value::Float(a), Value::Float(b)) => {
            let result = match how {
                Arithmetic::Add => a + b,
                Arithmetic::Subtract => a - b,
                Arithmetic::Multiply => a * b,
                Arithmetic::Divide if *b == 0.0 => {
                    return Err(Refusal::invalid_query(format!("division by zero: {} / 0", text::float_text(*a))));
                }
                Arithmetic::Divide => a / b,
            };
            if result.is_infinite() && a.is_finite() && b.is_finite() {
                let (a, b) = (text::float_text(*a), text::float_text(*b));
                return Err(Refusal::invalid_query(format!("Floating point overflow in function: {a} {sign} {b}")));
            }
            Ok(Value::Float(result))
        }
        _ => Ok(Value::Null),
    }
}

/// An element of an array.
pub(super) fn element(array: &Value, at: &Value, first: i64, strict: bool) -> Result<Value, Refusal> {
    let (Value::Array(values), Value::Int(at)) = (array, at) else { return Ok(Value::Null) };
    let place = at.checked_sub(first).and_then(|i| usize::try_from(i).ok());
    match place.and_then(|i| values.get(i)) {
        Some(value) => Ok(value.clone()),
        None if strict => Err(Refusal::invalid_query(format!("Array index {at} is out of bounds"))),
        None => Ok(Value::Null),
    }
}

/// LIKE: `%` is any characters, `_` is one, a backslash takes the next as it is.
pub(super) fn like(value: &str, pattern: &str) -> Result<bool, Refusal> {
    let mut regex = String::from("(?s)^");
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        match c {
            '%' => regex.push_str(".*"),
            '_' => regex.push('.'),
            '\\' => {
                let next = rest.next().ok_or_else(|| Refusal::invalid_query("LIKE pattern ends with a backslash"))?;
                regex.push_str(&regex::escape(next.encode_utf8(&mut [0; 4])));
            }
            other => regex.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    regex.push('$');
    let regex =
        regex::Regex::new(&regex).map_err(|e| Refusal::invalid_query(format!("LIKE pattern '{pattern}': {e}")))?;
    Ok(regex.is_match(value))
}
