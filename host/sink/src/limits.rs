//! Values that a destination cannot hold, found before it is asked to.

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use gristmill_record::Table;
use gristmill_record::time::{MAX_MICROS, MIN_MICROS};

/// Days since 1970-01-01 of 0001-01-01 and of 9999-12-31.
const FIRST_DAY: i32 = -719_162;
const LAST_DAY: i32 = 2_932_896;

/// What a destination cannot hold. The default can hold everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueLimits {
    /// Whether a column of doubles can hold NaN.
    pub nan: bool,
    /// Whether instants and dates outside the years 1 to 9999 can be held. RFC 3339 has no text for them.
    pub any_year: bool,
    /// How many bytes the value of a string column that partitions its table may have, counting three for each that is escaped
    /// in names of folders.
    pub partition_bytes: Option<usize>,
}

impl Default for ValueLimits {
    fn default() -> Self {
        Self { nan: true, any_year: true, partition_bytes: None }
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
    /// The values of these rows that the destination cannot hold, column by column. Values inside lists and structs are
    /// not looked at: they are stored as JSON text, or as they are.
    pub fn breaches(&self, table: &Table, rows: &RecordBatch) -> Vec<Breach> {
        let mut found = Vec::new();
        for (index, (field, array)) in rows.schema_ref().fields().iter().zip(rows.columns()).enumerate() {
            let mut push = |row: usize, what: &'static str| {
                if !array.is_null(row) {
                    found.push(Breach { row, column: field.name().clone(), what });
                }
            };
            match array.data_type() {
                DataType::Float64 if !self.nan => {
                    each(array.as_primitive::<Float64Type>().values(), |v| v.is_nan(), |row| push(row, "NaN"));
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
        found
    }
}

/// Calls `push` with the positions of the values for which `bad` holds. The first pass has no branch, so that the common case,
/// none, runs at the speed of memory.
fn each<T: Copy>(values: &[T], bad: impl Fn(T) -> bool, mut push: impl FnMut(usize)) {
    if values.iter().fold(false, |any, v| any | bad(*v)) {
        values.iter().enumerate().filter(|(_, v)| bad(**v)).for_each(|(row, _)| push(row));
    }
}
