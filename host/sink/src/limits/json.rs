//! JSON that some databases cannot hold.

use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Field};
use gristmill_record::arrow::{EXTENSION_KEY, JSON_EXTENSION};

use super::text::has_escape;
use crate::json::Cells;

const DEEP: &str = "JSON that is nested so deep";
const ESCAPE: &str = "JSON with an escape of half a surrogate pair";

/// Calls `push` for each row whose value, stored as JSON, is deeper, or has such an escape.
pub(super) fn unheld(field: &Field, array: &ArrayRef, depth: usize, mut push: impl FnMut(usize, &'static str)) {
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
    use super::is_deeper;

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
}
