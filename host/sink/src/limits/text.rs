//! Text that some databases cannot hold.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Field};
use gristmill_record::arrow::{EXTENSION_KEY, JSON_EXTENSION};

use crate::json::Cells;

const NUL: &str = "the character U+0000";
const ESCAPE: &str = "JSON with an escape of U+0000 or of half a surrogate pair";

/// Calls `push` for each row whose value has such text, at any depth.
pub(super) fn unheld(field: &Field, array: &ArrayRef, mut push: impl FnMut(usize, &'static str)) {
    if !suspicious(field, array.as_ref()) {
        return;
    }
    let nested = matches!(array.data_type(), DataType::List(_) | DataType::Struct(_));
    let Some(mut cells) = Cells::new(field, array.as_ref()) else { return };
    let mut json = Vec::new();
    for row in 0..array.len() {
        match &mut cells {
            _ if array.is_null(row) => {}
            Cells::Text(a, _) if a.value(row).contains('\0') => push(row, NUL),
            Cells::Json(a, _) if has_escape(a.value(row).as_bytes(), true) => push(row, ESCAPE),
            cells if nested => {
                json.clear();
                cells.write(row, &mut json);
                if has_escape(&json, true) {
                    push(row, ESCAPE);
                }
            }
            _ => {}
        }
    }
}

/// Whether an array has bytes that such text is made of: one pass over memory, so that the common case costs nothing more.
fn suspicious(field: &Field, array: &dyn Array) -> bool {
    match array.data_type() {
        DataType::Utf8 => {
            let bytes = array.as_string::<i32>().value_data();
            let sought =
                if field.metadata().get(EXTENSION_KEY).is_some_and(|e| e == JSON_EXTENSION) { b'\\' } else { 0 };
            bytes.contains(&sought)
        }
        DataType::List(item) => suspicious(item, array.as_list::<i32>().values().as_ref()),
        DataType::Struct(fields) => {
            fields.iter().zip(array.as_struct().columns()).any(|(field, column)| suspicious(field, column.as_ref()))
        }
        _ => false,
    }
}

/// Whether a JSON text has the escape of half a surrogate pair, or, where `nul` says so, of U+0000.
pub(super) fn has_escape(json: &[u8], nul: bool) -> bool {
    let mut rest = json;
    while let Some(at) = rest.iter().position(|b| *b == b'\\') {
        let escape = rest.get(at + 1..).unwrap_or_default();
        let Some(first) = unit(escape) else {
            // Of two characters.
            rest = escape.get(1..).unwrap_or_default();
            continue;
        };
        rest = escape.get(5..).unwrap_or_default();
        match first {
            0xdc00..=0xdfff => return true,
            0 if nul => return true,
            0xd800..=0xdbff => match rest.strip_prefix(b"\\").and_then(unit) {
                Some(0xdc00..=0xdfff) => rest = rest.get(6..).unwrap_or_default(),
                _ => return true,
            },
            _ => {}
        }
    }
    false
}

/// The UTF-16 unit of `uXXXX`.
fn unit(escape: &[u8]) -> Option<u16> {
    let digits = std::str::from_utf8(escape.strip_prefix(b"u")?.get(..4)?).ok()?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::has_escape;

    #[test]
    fn escapes_are_told_from_what_looks_like_them() {
        for json in [r#""a\u0000""#, r#"{"\ud800":1}"#, r#""\udc00\ud800""#, r#""\ud83d\u0041""#, r#""\\\u0000""#] {
            assert!(has_escape(json.as_bytes(), true), "{json}");
        }
        for json in [r#""\\u0000""#, r#""\ud83c\udf3e""#, r#""\u0001\n\\""#, r#""u0000""#, r#""\""#] {
            assert!(!has_escape(json.as_bytes(), true), "{json}");
        }
        assert!(!has_escape(br#""\u0000""#, false) && has_escape(br#""\u0000\ud800""#, false));
    }
}
