//! JSON that some databases cannot hold.

use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Field};
use gristmill_record::arrow::{EXTENSION_KEY, JSON_EXTENSION};

use super::text::has_escape;
use crate::json::Cells;

const DEEP: &str = "JSON that is nested so deep";
const ESCAPE: &str = "JSON with an escape of half a surrogate pair";
const NUMBER: &str = "JSON with a number that is neither a 64-bit integer nor exactly what a double reads back as";

/// Calls `push` for each row whose value, stored as JSON, is deeper, or has such an escape or, where `exact` says so, such a number.
pub(super) fn unheld(
    field: &Field,
    array: &ArrayRef,
    depth: usize,
    exact: bool,
    mut push: impl FnMut(usize, &'static str),
) {
    // What is not JSON itself, or has none within, is as deep as its type, and its text has no such escapes.
    if !has_json(field) {
        return;
    }
    let Some(mut cells) = Cells::new(field, array.as_ref()) else { return };
    let mut judge = |row: usize, json: &[u8]| {
        if is_deeper(json, depth) {
            push(row, DEEP);
        } else if json.contains(&b'\\') && has_escape(json, false) {
            push(row, ESCAPE);
        } else if exact && has_inexact(json) {
            push(row, NUMBER);
        }
    };
    if let Cells::Json(texts, _) = &cells {
        texts.iter().enumerate().for_each(|(row, text)| judge(row, text.unwrap_or_default().as_bytes()));
        return;
    }
    let mut json = Vec::new();
    for row in (0..array.len()).filter(|row| array.is_valid(*row)) {
        json.clear();
        cells.write(row, &mut json);
        judge(row, &json);
    }
}

fn has_json(field: &Field) -> bool {
    match field.data_type() {
        DataType::Utf8 => field.metadata().get(EXTENSION_KEY).is_some_and(|e| e == JSON_EXTENSION),
        DataType::List(item) => has_json(item),
        DataType::Struct(fields) => fields.iter().any(|f| has_json(f)),
        _ => false,
    }
}

/// Whether a JSON text has a number that neither a 64-bit integer nor a double stands for.
fn has_inexact(json: &[u8]) -> bool {
    let is_part = |b: &u8| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E');
    let (mut at, mut text) = (0, false);
    while let Some(byte) = json.get(at) {
        match byte {
            b'\\' if text => at += 1,
            b'"' => text = !text,
            b'-' | b'0'..=b'9' if !text => {
                let rest = json.get(at..).unwrap_or_default();
                let end = rest.iter().position(|b| !is_part(b)).unwrap_or(rest.len());
                let number = rest.get(..end).and_then(|n| std::str::from_utf8(n).ok()).unwrap_or_default();
                if !is_exact(number) {
                    return true;
                }
                at += end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    false
}

/// Whether the number's digits are those that a double of it is written with, or it is an integer of 64 bits.
fn is_exact(number: &str) -> bool {
    if number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok() {
        return true;
    }
    let Ok(double) = number.parse::<f64>() else { return false };
    double.is_finite() && digits(number) == digits(&format!("{double:e}"))
}

/// The digits of a number without zeros at either end, and the power of ten of the last; none and 0 for zero.
fn digits(number: &str) -> (String, i64) {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all: String = whole.chars().chain(fraction.chars()).filter(char::is_ascii_digit).collect();
    let kept = all.trim_start_matches('0').trim_end_matches('0');
    if kept.is_empty() {
        return (String::new(), 0);
    }
    let zeros = all.len() - all.trim_end_matches('0').len();
    let shift = i64::try_from(zeros).unwrap_or_default() - i64::try_from(fraction.len()).unwrap_or_default();
    // An exponent that is no number of 64 bits makes zero or infinity of any double.
    (kept.to_owned(), exponent.trim_start_matches('+').parse::<i64>().unwrap_or(i64::MAX / 2).saturating_add(shift))
}

/// Whether a JSON text has more lists and objects in each other.
fn is_deeper(json: &[u8], most: usize) -> bool {
    // In most texts there are not even as many.
    if json.iter().filter(|b| matches!(b, b'[' | b'{')).count() <= most {
        return false;
    }
    let (mut depth, mut text, mut bytes) = (0_usize, false, json.iter());
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if text => drop(bytes.next()),
            b'"' => text = !text,
            b'[' | b'{' if !text => {
                depth += 1;
                if depth > most {
                    return true;
                }
            }
            b']' | b'}' if !text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{has_inexact, is_deeper};

    #[test]
    fn depth_is_that_of_lists_and_objects() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(is_deeper(nested(4).as_bytes(), 3) && !is_deeper(nested(3).as_bytes(), 3));
        for (json, deeper) in [
            (r#"{"a":[{"b":[1]}]}"#, true),
            (r#"[{},{},{},{},[[]]]"#, false),
            (r#"["[[[[","\"[[[[",{"}}]]":[]}]"#, false),
            (r#"["\\",[[[]]]]"#, true),
        ] {
            assert_eq!(is_deeper(json.as_bytes(), 3), deeper, "{json}");
        }
    }

    #[test]
    fn numbers_that_a_double_would_change_are_told() {
        for json in [
            "0.1",
            "-2.50",
            "1e3",
            "1E+3",
            "0",
            "-0.0",
            "0.000e9",
            "9223372036854775807",
            "18446744073709551615",
            "5e-324",
            "1.7976931348623157e308",
            "0.30000000000000004",
            "100000000000000000000",
            r#"{"1e999": "0.12345678901234567890", "a": [1, 2.5]}"#,
            r#"["\"1e999\"", 7]"#,
        ] {
            assert!(!has_inexact(json.as_bytes()), "{json}");
        }
        for json in [
            "1e309",
            "[1, 0.12345678901234567890]",
            "18446744073709551617",
            "9007199254740993.0",
            "1e-400",
            r#"{"a": {"b": -1e999}}"#,
            "0.1000000000000000055511151231257827",
            "1e99999999999999999999",
        ] {
            assert!(has_inexact(json.as_bytes()), "{json}");
        }
    }
}
