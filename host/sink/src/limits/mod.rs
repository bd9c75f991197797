//! Values that a destination cannot hold, found before it is asked to.

mod json;
mod text;

use std::collections::BTreeMap;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_schema::DataType;
use gristmill_record::Table;
use gristmill_record::time::{MAX_MICROS, MIN_MICROS};

/// Days since 1970-01-01 of 0001-01-01 and of 9999-12-31.
const FIRST_DAY: i32 = -719_162;
const LAST_DAY: i32 = 2_932_896;

/// What a destination cannot hold. The default can hold everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueLimits {
    /// Whether a column of doubles can hold NaN.
    pub nan: bool,
    /// Whether a column of doubles can hold infinities.
    pub infinite: bool,
    /// Whether instants and dates outside the years 1 to 9999 can be held. RFC 3339 has no text for them.
    pub any_year: bool,
    /// Whether text can hold U+0000, and JSON its escape or that of half a surrogate pair, at any depth.
    pub any_text: bool,
    /// How many bytes the value of a string column that partitions its table may have, counting three for each that is escaped
    /// in names of folders.
    pub partition_bytes: Option<usize>,
    /// How many bytes the string columns of a key may have together.
    pub key_bytes: Option<usize>,
    /// What columns of tables that are there are narrower than the plugin's types: by table, one limit a column.
    pub columns: BTreeMap<String, Vec<ColumnLimit>>,
}

/// What a column that is there can hold of its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColumnLimit {
    /// Every value.
    #[default]
    None,
    /// Whole numbers from the first to the second.
    Integers(i64, i64),
    /// Text of so many characters (Unicode scalar values).
    Characters(usize),
    /// Text or bytes of so many bytes.
    Bytes(usize),
    /// JSON of so many lists and objects in each other, without escapes of half a surrogate pair.
    Json(usize),
    /// The same, of which each number is a 64-bit integer, or the shortest text of a double or that with another exponent or more zeros.
    ExactJson(usize),
}

impl Default for ValueLimits {
    fn default() -> Self {
        Self {
            nan: true,
            infinite: true,
            any_year: true,
            any_text: true,
            partition_bytes: None,
            key_bytes: None,
            columns: BTreeMap::new(),
        }
    }
}

/// A value that the destination cannot hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// Index of the row in its batch.
    pub row: usize,
    /// The column.
    pub column: String,
    /// The kind of value: `NaN`.
    pub what: &'static str,
}

impl ValueLimits {
    /// The values of these rows that the destination cannot hold, column by column. Of values inside lists and structs only the text
    /// is looked at: they are stored as JSON, or as they are.
    pub fn breaches(&self, table: &Table, rows: &RecordBatch) -> Vec<Breach> {
        let mut found = Vec::new();
        for (index, (field, array)) in rows.schema_ref().fields().iter().zip(rows.columns()).enumerate() {
            let mut push = |row: usize, what: &'static str| {
                if !array.is_null(row) {
                    found.push(Breach { row, column: field.name().clone(), what });
                }
            };
            if !self.any_text {
                text::unheld(field, array, &mut push);
            }
            let limit =
                self.columns.get(table.name()).and_then(|limits| limits.get(index)).copied().unwrap_or_default();
            match limit {
                ColumnLimit::Json(depth) => json::unheld(field, array, depth, false, &mut push),
                ColumnLimit::ExactJson(depth) => json::unheld(field, array, depth, true, &mut push),
                limit => narrow(limit, array, &mut push),
            }
            match array.data_type() {
                DataType::Float64 => {
                    let values = array.as_primitive::<Float64Type>().values();
                    if !self.nan {
                        each(values, |v| v.is_nan(), |row| push(row, "NaN"));
                    }
                    if !self.infinite {
                        each(values, |v| v.is_infinite(), |row| push(row, "an infinite number"));
                    }
                }
                DataType::Timestamp(..) if !self.any_year => {
                    let outside = |v: i64| !(MIN_MICROS..=MAX_MICROS).contains(&v);
                    each(array.as_primitive::<TimestampMicrosecondType>().values(), outside, |row| {
                        push(row, "an instant outside the years 1 to 9999");
                    });
                }
                DataType::Date32 if !self.any_year => {
                    let outside = |v: i32| !(FIRST_DAY..=LAST_DAY).contains(&v);
                    each(array.as_primitive::<Date32Type>().values(), outside, |row| {
                        push(row, "a date outside the years 1 to 9999");
                    });
                }
                DataType::Utf8 if table.partition_by() == Some(index) => {
                    let Some(limit) = self.partition_bytes else { continue };
                    for (row, value) in array.as_string::<i32>().iter().enumerate() {
                        if value.is_some_and(|v| v.len() > limit / 3 && crate::text::folder_name_len(v) > limit) {
                            push(row, "so long a string as the name of a partition");
                        }
                    }
                }
                _ => {}
            }
        }
        if let Some(limit) = self.key_bytes {
            long_keys(table, rows, limit, &mut found);
        }
        found
    }
}

/// Rows whose key is longer than the destination's index can hold.
fn long_keys(table: &Table, rows: &RecordBatch, limit: usize, found: &mut Vec<Breach>) {
    let text = table.key().iter().filter_map(|i| rows.columns().get(*i)?.as_string_opt::<i32>());
    let text: Vec<_> = text.collect();
    // One look at all of a batch: where even all of its keys fit into one, none is too long.
    fn most(array: &StringArray) -> i32 {
        let ends = array.value_offsets().windows(2);
        ends.filter_map(|w| w.iter().rev().copied().reduce(|end, start| end - start)).max().unwrap_or_default()
    }
    let longest: i64 = text.iter().map(|a| i64::from(most(a))).sum();
    if longest <= i64::try_from(limit).unwrap_or(i64::MAX) {
        return;
    }
    let column = table.key().first().and_then(|i| table.columns().get(*i)).map(|c| c.name.clone()).unwrap_or_default();
    for row in 0..rows.num_rows() {
        let bytes: usize = text.iter().filter(|a| a.is_valid(row)).map(|a| a.value(row).len()).sum();
        if bytes > limit {
            found.push(Breach { row, column: column.clone(), what: "so long a key" });
        }
    }
}

/// Values that a narrower column cannot hold.
fn narrow(limit: ColumnLimit, array: &ArrayRef, push: &mut impl FnMut(usize, &'static str)) {
    match (limit, array.data_type()) {
        (ColumnLimit::Integers(least, most), DataType::Int64) => {
            let outside = |v: i64| !(least..=most).contains(&v);
            each(array.as_primitive::<Int64Type>().values(), outside, |row| push(row, "so large a number"));
        }
        (ColumnLimit::Characters(most), DataType::Utf8) => {
            let long = |v: &str| v.len() > most && v.chars().nth(most).is_some();
            let values = array.as_string::<i32>().iter().enumerate();
            values.filter(|(_, v)| v.is_some_and(long)).for_each(|(row, _)| push(row, "so many characters"));
        }
        (ColumnLimit::Bytes(most), DataType::Utf8) => {
            let values = array.as_string::<i32>().iter().enumerate();
            values.filter(|(_, v)| v.is_some_and(|v| v.len() > most)).for_each(|(row, _)| push(row, "so many bytes"));
        }
        (ColumnLimit::Bytes(most), DataType::Binary) => {
            let values = array.as_binary::<i32>().iter().enumerate();
            values.filter(|(_, v)| v.is_some_and(|v| v.len() > most)).for_each(|(row, _)| push(row, "so many bytes"));
        }
        _ => {}
    }
}

/// Calls `push` with the positions of the values for which `bad` holds. The first pass has no branch, so that the common case,
/// none, runs at the speed of memory.
fn each<T: Copy>(values: &[T], bad: impl Fn(T) -> bool, mut push: impl FnMut(usize)) {
    if values.iter().fold(false, |any, v| any | bad(*v)) {
        values.iter().enumerate().filter(|(_, v)| bad(**v)).for_each(|(row, _)| push(row));
    }
}
