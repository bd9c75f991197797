//! One check on one column.

use std::collections::HashSet;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use regex::Regex;

/// What a value must be.
#[derive(Debug)]
pub(crate) enum Check {
    Required,
    /// Both ends belong to it. NaN is in no range.
    Floats(f64, f64),
    Int64s(i64, i64),
    Timestamps(i64, i64),
    Dates(i32, i32),
    OneOfStrings(HashSet<String>),
    OneOfInt64s(HashSet<i64>),
    OneOfBooleans(HashSet<bool>),
    Pattern(Regex),
    Length(u64, u64),
    /// The other column, and how this one must stand to it.
    Compare(usize, Relation),
}

/// How a value stands to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Equals,
    Differs,
    AtLeast,
    AtMost,
    Above,
    Below,
}

impl Relation {
    /// Whether it holds. Without an order (NaN) only `Differs` does.
    fn holds(self, order: Option<std::cmp::Ordering>) -> bool {
        match self {
            Self::Equals => order.is_some_and(std::cmp::Ordering::is_eq),
            Self::Differs => order.is_none_or(std::cmp::Ordering::is_ne),
            Self::AtLeast => order.is_some_and(std::cmp::Ordering::is_ge),
            Self::AtMost => order.is_some_and(std::cmp::Ordering::is_le),
            Self::Above => order.is_some_and(std::cmp::Ordering::is_gt),
            Self::Below => order.is_some_and(std::cmp::Ordering::is_lt),
        }
    }
}

impl Check {
    /// Calls `broken` with each row whose value in column `column` breaks the rule. Whether the column has the right type was checked before.
    pub(crate) fn each_broken(&self, rows: &RecordBatch, column: usize, mut broken: impl FnMut(usize)) {
        let Some(array) = rows.columns().get(column).map(AsRef::as_ref) else { return };
        let mut unless = |holds: &dyn Fn(usize) -> bool| {
            (0..array.len()).filter(|row| array.is_valid(*row) && !holds(*row)).for_each(&mut broken);
        };
        match self {
            Self::Required => (0..array.len()).filter(|row| array.is_null(*row)).for_each(broken),
            Self::Floats(min, max) => {
                if let Some(values) = array.as_primitive_opt::<Float64Type>() {
                    unless(&|row| (*min..=*max).contains(&values.value(row)));
                }
            }
            Self::Int64s(min, max) => {
                if let Some(values) = array.as_primitive_opt::<Int64Type>() {
                    unless(&|row| (*min..=*max).contains(&values.value(row)));
                }
            }
            Self::Timestamps(min, max) => {
                if let Some(values) = array.as_primitive_opt::<TimestampMicrosecondType>() {
                    unless(&|row| (*min..=*max).contains(&values.value(row)));
                }
            }
            Self::Dates(min, max) => {
                if let Some(values) = array.as_primitive_opt::<Date32Type>() {
                    unless(&|row| (*min..=*max).contains(&values.value(row)));
                }
            }
            Self::OneOfStrings(allowed) => {
                if let Some(values) = array.as_string_opt::<i32>() {
                    unless(&|row| allowed.contains(values.value(row)));
                }
            }
            Self::OneOfInt64s(allowed) => {
                if let Some(values) = array.as_primitive_opt::<Int64Type>() {
                    unless(&|row| allowed.contains(&values.value(row)));
                }
            }
            Self::OneOfBooleans(allowed) => {
                if let Some(values) = array.as_boolean_opt() {
                    unless(&|row| allowed.contains(&values.value(row)));
                }
            }
            Self::Pattern(pattern) => {
                if let Some(values) = array.as_string_opt::<i32>() {
                    unless(&|row| pattern.is_match(values.value(row)));
                }
            }
            Self::Length(min, max) => unless(&|row| (*min..=*max).contains(&length(array, row))),
            Self::Compare(other, relation) => {
                let Some(other) = rows.columns().get(*other).map(AsRef::as_ref) else { return };
                unless(&|row| other.is_null(row) || relation.holds(order(array, other, row)));
            }
        }
    }
}

/// Characters of a string, bytes of bytes, elements of a list.
fn length(array: &dyn Array, row: usize) -> u64 {
    let length = match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).chars().count(),
        DataType::Binary => array.as_binary::<i32>().value(row).len(),
        DataType::List(_) => array.as_list::<i32>().value(row).len(),
        _ => 0,
    };
    length as u64
}

/// How the value of a row stands to the one of another column of the same type.
fn order(array: &dyn Array, other: &dyn Array, row: usize) -> Option<std::cmp::Ordering> {
    macro_rules! primitive {
        ($ty:ty) => {
            array.as_primitive::<$ty>().value(row).partial_cmp(&other.as_primitive::<$ty>().value(row))
        };
    }
    match array.data_type() {
        DataType::Float64 => primitive!(Float64Type),
        DataType::Int64 => primitive!(Int64Type),
        DataType::Timestamp(..) => primitive!(TimestampMicrosecondType),
        DataType::Date32 => primitive!(Date32Type),
        DataType::Utf8 => Some(array.as_string::<i32>().value(row).cmp(other.as_string::<i32>().value(row))),
        DataType::Boolean => Some(array.as_boolean().value(row).cmp(&other.as_boolean().value(row))),
        _ => None,
    }
}
