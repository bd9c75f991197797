//! Small things about text on a terminal.

use std::fmt::Write;
use std::io::Write as _;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use gristmill_record::time::{format_date, format_rfc3339};
use indicatif::HumanCount;

use crate::error::CliError;

/// Writes what was asked for.
pub(crate) fn print(text: &str) -> Result<(), CliError> {
    std::io::stdout().write_all(text.as_bytes()).map_err(CliError::Stdout)
}

/// Ends a text with a full stop.
pub(crate) fn sentence(text: &str) -> String {
    let text = text.trim_end();
    if text.ends_with(['.', '!', '?', ':']) { text.to_owned() } else { format!("{text}.") }
}

/// A count with separators: `1,234,567`.
pub(crate) fn count(n: u64) -> String {
    HumanCount(n).to_string()
}

/// How many a second.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate for people"
)]
pub(crate) fn per_second(n: u64, seconds: f64) -> u64 {
    (n as f64 / seconds.max(0.001)) as u64
}

/// A table with a line a row: columns are as wide as their widest cell; `right` tells which are numbers.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>], right: &[bool]) -> String {
    let widths: Vec<usize> = header
        .iter()
        .enumerate()
        .map(|(i, h)| {
            rows.iter()
                .filter_map(|r| r.get(i))
                .map(|c| c.chars().count())
                .chain([h.chars().count()])
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut out = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for ((cell, width), right) in cells.zip(&widths).zip(right.iter().chain(std::iter::repeat(&false))) {
            let _ = if *right { write!(text, "  {cell:>width$}") } else { write!(text, "  {cell:<width$}") };
        }
        out.push_str(text.trim_end());
        out.push('\n');
    };
    if header.iter().any(|h| !h.is_empty()) {
        line(&mut header.iter().copied());
    }
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
    out
}

/// A value of a row for a person to read; long ones are cut.
pub(crate) fn cell(batch: &RecordBatch, column: usize, row: usize) -> String {
    const WIDEST: usize = 40;
    let Some(array) = batch.columns().get(column) else { return String::new() };
    if array.is_null(row) {
        return "NULL".to_owned();
    }
    let text = match array.data_type() {
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float64 => format!("{:?}", array.as_primitive::<Float64Type>().value(row)),
        DataType::Timestamp(..) => format_rfc3339(array.as_primitive::<TimestampMicrosecondType>().value(row)),
        DataType::Date32 => format_date(array.as_primitive::<Date32Type>().value(row).into()),
        DataType::Utf8 => array.as_string::<i32>().value(row).escape_debug().to_string(),
        DataType::Binary => format!("{} bytes", array.as_binary::<i32>().value(row).len()),
        // Lists and structs as lines of NDJSON have them.
        other => part(batch, column, row).unwrap_or_else(|| format!("({other})")),
    };
    if text.chars().count() > WIDEST { text.chars().take(WIDEST - 1).chain(['…']).collect() } else { text }
}

/// A value with parts as JSON.
fn part(batch: &RecordBatch, column: usize, row: usize) -> Option<String> {
    let one = batch.slice(row, 1).project(&[column]).ok()?;
    let line = gristmill_sink::json_rows(&one)?.pop()?;
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&line).ok()?;
    object.into_iter().next().map(|(_, value)| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = vec![vec!["a".to_owned(), "1".to_owned()], vec!["long".to_owned(), "22".to_owned()]];
        assert_eq!(table(&["name", "n"], &rows, &[false, true]), "  name   n\n  a      1\n  long  22\n");
        assert_eq!(sentence("Do it"), "Do it.");
    }
}
