//! What the columns of a table hold, in numbers: how many nulls, about how many different values, from where to where, and how they
//! are spread. Of text only lengths are kept.

use std::collections::HashSet;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use gristmill_record::Table;
use gristmill_record::time::{format_date, format_rfc3339};
use serde_json::{Value, json};

use crate::output::histogram::Histogram;

/// Different values that are counted one by one; from there on they are estimated.
const COUNTED: usize = 256;
/// Registers of the estimate, as a power of two: its error is 2.3 %.
const REGISTERS: u32 = 11;

/// Of the columns of one table.
#[derive(Debug)]
pub(super) struct Profile {
    columns: Vec<Column>,
}

#[derive(Debug)]
struct Column {
    name: String,
    ty: String,
    nulls: u64,
    distinct: Distinct,
    range: Range,
    histogram: Histogram,
    /// Values that are true, of a column of booleans.
    yes: u64,
}

/// From where to where, and of what.
#[derive(Debug, Clone, Copy)]
enum Range {
    None,
    Integers(i64, i64),
    Floats(f64, f64),
    /// Microseconds since the Unix epoch.
    Times(i64, i64),
    /// Days since the Unix epoch.
    Dates(i64, i64),
    /// Bytes of text.
    Lengths(i64, i64),
    /// Elements of lists.
    Elements(i64, i64),
}

impl Profile {
    pub(super) fn new(table: &Table) -> Self {
        let column = |column: &gristmill_record::OutputColumn| Column {
            name: column.name.clone(),
            ty: column.ty.to_string(),
            nulls: 0,
            distinct: Distinct::default(),
            range: Range::None,
            histogram: Histogram::default(),
            yes: 0,
        };
        Self { columns: table.columns().iter().map(column).collect() }
    }

    /// Takes note of values of a column; `hashes` has one for each, 0 for null.
    pub(super) fn observe(&mut self, column: usize, values: &ArrayRef, hashes: &[u64]) {
        let Some(column) = self.columns.get_mut(column) else { return };
        column.nulls += values.null_count() as u64;
        column.distinct.add(hashes);
        column.observe(values);
    }

    pub(super) fn to_json(&self, table: &str, rows: u64) -> Value {
        json!({ "table": table, "rows": rows, "columns": self.columns.iter().map(|column| column.to_json(rows)).collect::<Vec<_>>() })
    }
}

impl Column {
    fn observe(&mut self, values: &ArrayRef) {
        match values.data_type() {
            DataType::Int64 => self.integers(values.as_primitive::<Int64Type>().iter(), Range::Integers),
            DataType::Timestamp(..) => {
                self.integers(values.as_primitive::<TimestampMicrosecondType>().iter(), Range::Times);
            }
            DataType::Date32 => {
                self.integers(values.as_primitive::<Date32Type>().iter().map(|v| v.map(i64::from)), Range::Dates);
            }
            DataType::Utf8 => {
                let lengths = values.as_string::<i32>().iter().map(|v| v.and_then(|v| i64::try_from(v.len()).ok()));
                self.integers(lengths, Range::Lengths);
            }
            DataType::Binary => {
                let lengths = values.as_binary::<i32>().iter().map(|v| v.and_then(|v| i64::try_from(v.len()).ok()));
                self.integers(lengths, Range::Lengths);
            }
            DataType::List(_) => {
                let lengths = values.as_list::<i32>().iter().map(|v| v.and_then(|v| i64::try_from(v.len()).ok()));
                self.integers(lengths, Range::Elements);
            }
            DataType::Float64 => {
                for value in values.as_primitive::<Float64Type>().iter().flatten() {
                    self.histogram.add_float(value);
                    self.range = match self.range {
                        Range::Floats(from, to) => Range::Floats(from.min(value), to.max(value)),
                        _ => Range::Floats(value, value),
                    };
                }
            }
            DataType::Boolean => self.yes += values.as_boolean().true_count() as u64,
            _ => {}
        }
    }

    fn integers(&mut self, values: impl Iterator<Item = Option<i64>>, of: fn(i64, i64) -> Range) {
        let mut range = match self.range {
            Range::None | Range::Floats(..) => None,
            Range::Integers(a, b)
            | Range::Times(a, b)
            | Range::Dates(a, b)
            | Range::Lengths(a, b)
            | Range::Elements(a, b) => Some((a, b)),
        };
        for value in values.flatten() {
            self.histogram.add_integer(value);
            range = Some(range.map_or((value, value), |(from, to)| (from.min(value), to.max(value))));
        }
        if let Some((from, to)) = range {
            self.range = of(from, to);
        }
    }

    fn to_json(&self, rows: u64) -> Value {
        let (distinct, is_exact) = self.distinct.count();
        // An estimate, and there cannot be more.
        let distinct = distinct.min(rows - self.nulls.min(rows));
        let (of, from, to) = match self.range {
            Range::None if self.ty == "boolean" => ("booleans", Value::Null, Value::Null),
            Range::None => ("nothing", Value::Null, Value::Null),
            Range::Integers(from, to) => ("integers", from.into(), to.into()),
            Range::Floats(from, to) => ("floats", float(from), float(to)),
            Range::Times(from, to) => ("times", format_rfc3339(from).into(), format_rfc3339(to).into()),
            Range::Dates(from, to) => ("dates", format_date(from).into(), format_date(to).into()),
            Range::Lengths(from, to) => ("lengths", from.into(), to.into()),
            Range::Elements(from, to) => ("elements", from.into(), to.into()),
        };
        json!({
            "name": self.name, "type": self.ty, "nulls": self.nulls,
            "distinct": distinct, "distinct_exact": is_exact,
            "of": of, "from": from, "to": to, "true": (of == "booleans").then_some(self.yes),
            "histogram": self.histogram.to_json(),
        })
    }
}

/// JSON has no infinities.
fn float(value: f64) -> Value {
    if value.is_finite() { value.into() } else { value.to_string().into() }
}

/// How many different values there are: HyperLogLog (Flajolet and others, 2007) over hashes, and a list of the first of them.
#[derive(Debug)]
struct Distinct {
    few: HashSet<u64>,
    registers: Vec<u8>,
    last: u64,
}

impl Default for Distinct {
    fn default() -> Self {
        Self { few: HashSet::new(), registers: vec![0; 1 << REGISTERS], last: 0 }
    }
}

impl Distinct {
    fn add(&mut self, hashes: &[u64]) {
        for hash in hashes.iter().copied() {
            // Null, or a column whose values stay the same for long.
            if hash == 0 || hash == self.last {
                continue;
            }
            self.last = hash;
            if self.few.len() <= COUNTED {
                self.few.insert(hash);
            }
            let register = usize::try_from(hash >> (64 - REGISTERS)).ok().and_then(|i| self.registers.get_mut(i));
            if let Some(register) = register {
                let zeros = (hash << REGISTERS | 1 << (REGISTERS - 1)).leading_zeros();
                *register = (*register).max(u8::try_from(zeros + 1).unwrap_or(u8::MAX));
            }
        }
    }

    /// The number, and whether it was counted.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate"
    )]
    fn count(&self) -> (u64, bool) {
        if self.few.len() <= COUNTED {
            return (self.few.len() as u64, true);
        }
        let m = self.registers.len() as f64;
        let sum: f64 = self.registers.iter().map(|r| 2.0_f64.powi(-i32::from(*r))).sum();
        let raw = 0.7213 / (1.0 + 1.079 / m) * m * m / sum;
        let empty = self.registers.iter().filter(|r| **r == 0).count();
        let estimate = if raw < 2.5 * m && empty > 0 { m * (m / empty as f64).ln() } else { raw };
        (estimate.round() as u64, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::hash::fold;

    #[test]
    fn different_values_are_counted_and_then_estimated() {
        for n in [0_u64, 1, 256, 257, 5_000, 200_000] {
            let mut distinct = Distinct::default();
            for round in 0..2 {
                // As numbers are hashed, in two steps.
                let once = |i: u64| fold(i ^ 0x9876_5432_1234_5678, 0x9e37_79b9_7f4a_7c15);
                let hashes: Vec<u64> = (0..n).map(|i| fold(once(i) ^ 0xabcd_ef01, 0x6a09_e667_f3bc_c909)).collect();
                distinct.add(&hashes);
                distinct.add(&[0]);
                let (found, is_exact) = distinct.count();
                assert_eq!(is_exact, n <= 256, "{round}");
                assert!(found.abs_diff(n) <= if is_exact { 0 } else { n / 12 }, "{found} of {n}");
            }
        }
    }
}
