//! Rows as JSON text, straight from the columns.
//!
//! Instants are RFC 3339 in UTC with six digits of fraction, dates `2024-01-31`, bytes base64. Doubles are the shortest text that reads
//! back as the same double, with a point or an exponent; those that JSON has no number for are the strings `NaN`, `Infinity` and `-Infinity`.
//! JSON columns are put in as they are, but on one line. U+2028 and U+2029 are escaped: some readers of lines end one there.

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, BinaryArray, BooleanArray, Date32Array, Float64Array, Int64Array, ListArray, RecordBatch, StringArray,
    StructArray, TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field, TimeUnit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gristmill_record::arrow::{EXTENSION_KEY, JSON_EXTENSION};

use crate::text::{TimestampText, date_text};

/// The values of one array, by what they are.
pub(crate) enum Cells<'a> {
    Boolean(&'a BooleanArray),
    Int(&'a Int64Array),
    Float(&'a Float64Array),
    Timestamp(&'a TimestampMicrosecondArray, TimestampText),
    Date(&'a Date32Array),
    /// With whether none of its values needs an escape.
    Text(&'a StringArray, bool),
    /// With whether none of its values has a line end.
    Json(&'a StringArray, bool),
    Bytes(&'a BinaryArray),
    List(&'a ListArray, Box<Cells<'a>>),
    /// With the text before each field.
    Struct(&'a StructArray, Vec<(Vec<u8>, Cells<'a>)>),
}

impl<'a> Cells<'a> {
    /// `None` for a type that no table has.
    pub(crate) fn new(field: &Field, array: &'a dyn Array) -> Option<Self> {
        Some(match array.data_type() {
            DataType::Boolean => Self::Boolean(array.as_boolean()),
            DataType::Int64 => Self::Int(array.as_primitive::<Int64Type>()),
            DataType::Float64 => Self::Float(array.as_primitive::<Float64Type>()),
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                Self::Timestamp(array.as_primitive::<TimestampMicrosecondType>(), TimestampText::default())
            }
            DataType::Date32 => Self::Date(array.as_primitive::<Date32Type>()),
            DataType::Utf8 => {
                let array = array.as_string::<i32>();
                let bytes = extent(array);
                if field.metadata().get(EXTENSION_KEY).is_some_and(|e| e == JSON_EXTENSION) {
                    Self::Json(array, !bytes.iter().fold(false, |any, b| any | matches!(b, b'\n' | b'\r')))
                } else {
                    Self::Text(array, !bytes.iter().fold(false, |any, b| any | needs_care(*b)))
                }
            }
            DataType::Binary => Self::Bytes(array.as_binary::<i32>()),
            DataType::List(item) => {
                let array = array.as_list::<i32>();
                Self::List(array, Box::new(Self::new(item, array.values().as_ref())?))
            }
            DataType::Struct(fields) => {
                let array = array.as_struct();
                let cells =
                    fields.iter().zip(array.columns()).enumerate().map(|(i, (field, column))| {
                        Some((prefix(i, field.name()), Self::new(field, column.as_ref())?))
                    });
                Self::Struct(array, cells.collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }

    /// Appends the value at `row`, which must be below the length of the array.
    pub(crate) fn write(&mut self, row: usize, out: &mut Vec<u8>) {
        match self {
            _ if self.is_null(row) => out.extend_from_slice(b"null"),
            Self::Boolean(a) => out.extend_from_slice(if a.value(row) { b"true" } else { b"false" }),
            Self::Int(a) => push_number(out, &a.value(row)),
            Self::Float(a) => push_double(out, a.value(row)),
            Self::Timestamp(a, text) => push_quoted(out, &text.of(a.value(row))),
            Self::Date(a) => push_quoted(out, &date_text(i64::from(a.value(row)))),
            Self::Text(a, true) => push_quoted(out, a.value(row).as_bytes()),
            Self::Text(a, false) => push_escaped(out, a.value(row)),
            Self::Json(a, true) => out.extend_from_slice(a.value(row).as_bytes()),
            // Between its tokens only: a JSON string has no line end.
            Self::Json(a, false) => {
                out.extend(a.value(row).bytes().map(|b| if matches!(b, b'\n' | b'\r') { b' ' } else { b }));
            }
            Self::Bytes(a) => {
                let text = STANDARD.encode(a.value(row));
                push_quoted(out, text.as_bytes());
            }
            Self::List(a, items) => {
                let offsets = a.value_offsets();
                let at = |i: usize| offsets.get(i).and_then(|o| usize::try_from(*o).ok()).unwrap_or(0);
                out.push(b'[');
                for i in at(row)..at(row + 1) {
                    if i > at(row) {
                        out.push(b',');
                    }
                    items.write(i, out);
                }
                out.push(b']');
            }
            Self::Struct(_, fields) => {
                if fields.is_empty() {
                    out.push(b'{');
                }
                for (prefix, cells) in fields {
                    out.extend_from_slice(prefix);
                    cells.write(row, out);
                }
                out.push(b'}');
            }
        }
    }

    pub(crate) fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Boolean(a) => a.is_null(row),
            Self::Int(a) => a.is_null(row),
            Self::Float(a) => a.is_null(row),
            Self::Timestamp(a, _) => a.is_null(row),
            Self::Date(a) => a.is_null(row),
            Self::Text(a, _) | Self::Json(a, _) => a.is_null(row),
            Self::Bytes(a) => a.is_null(row),
            Self::List(a, _) => a.is_null(row),
            Self::Struct(a, _) => a.is_null(row),
        }
    }
}

/// Writes rows as JSON objects, a line each.
pub(crate) struct Lines<'a> {
    columns: Vec<(Vec<u8>, Cells<'a>)>,
    rows: usize,
}

impl<'a> Lines<'a> {
    /// `None` where a column has a type that no table has.
    pub(crate) fn new(batch: &'a RecordBatch) -> Option<Self> {
        let columns = batch.schema_ref().fields().iter().zip(batch.columns()).enumerate();
        let columns =
            columns.map(|(i, (field, array))| Some((prefix(i, field.name()), Cells::new(field, array.as_ref())?)));
        Some(Self { columns: columns.collect::<Option<_>>()?, rows: batch.num_rows() })
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// Appends the row and a line feed.
    pub(crate) fn write(&mut self, row: usize, out: &mut Vec<u8>) {
        for (prefix, cells) in &mut self.columns {
            out.extend_from_slice(prefix);
            cells.write(row, out);
        }
        out.extend_from_slice(b"}\n");
    }
}

/// The rows of a batch of a table as JSON objects, as the NDJSON sink writes them. `None` where a column has a type that no table has.
pub fn json_rows(batch: &RecordBatch) -> Option<Vec<String>> {
    let mut lines = Lines::new(batch)?;
    let text = |row| {
        let mut out = Vec::new();
        lines.write(row, &mut out);
        String::from_utf8_lossy(&out).trim_end().to_owned()
    };
    Some((0..batch.num_rows()).map(text).collect())
}

/// What stands before the value of a column: `{"name":` or `,"name":`.
fn prefix(index: usize, name: &str) -> Vec<u8> {
    let mut out = vec![if index == 0 { b'{' } else { b',' }];
    push_escaped(&mut out, name);
    out.push(b':');
    out
}

/// The bytes of all values of an array.
fn extent(array: &StringArray) -> &[u8] {
    let offsets = array.value_offsets();
    let at = |o: Option<&i32>| o.and_then(|o| usize::try_from(*o).ok()).unwrap_or(0);
    array.value_data().get(at(offsets.first())..at(offsets.last())).unwrap_or_default()
}

/// Whether a byte is escaped, or begins a character that may be: U+2028 and U+2029 begin with 0xE2.
fn needs_care(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\' || byte == 0xe2
}

fn push_quoted(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(text);
    out.push(b'"');
}

/// Writing a number to memory cannot fail.
fn push_number<T: serde::Serialize>(out: &mut Vec<u8>, value: &T) {
    let _ = serde_json::to_writer(out, value);
}

fn push_double(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() {
        push_number(out, &value);
    } else if value.is_nan() {
        out.extend_from_slice(b"\"NaN\"");
    } else {
        out.extend_from_slice(if value > 0.0 { b"\"Infinity\"" } else { b"\"-Infinity\"" });
    }
}

fn push_escaped(out: &mut Vec<u8>, text: &str) {
    let mut rest = text;
    out.push(b'"');
    while let Some(at) = rest.bytes().position(needs_care) {
        let (plain, tail) = rest.split_at(at);
        out.extend_from_slice(plain.as_bytes());
        let Some(c) = tail.chars().next() else { break };
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\0'..='\x1f' | '\u{2028}' | '\u{2029}' => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes())
            }
            _ => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        rest = tail.get(c.len_utf8()..).unwrap_or_default();
    }
    out.extend_from_slice(rest.as_bytes());
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::ArrayRef;
    use arrow_array::builder::{Float64Builder, ListBuilder};
    use arrow_schema::{Fields, Schema};
    use proptest::prelude::*;

    use super::*;

    fn lines(batch: &RecordBatch) -> Vec<String> {
        let mut lines = Lines::new(batch).unwrap();
        (0..lines.len())
            .map(|row| {
                let mut out = Vec::new();
                lines.write(row, &mut out);
                String::from_utf8(out).unwrap()
            })
            .collect()
    }

    fn one(field: Field, array: ArrayRef) -> Vec<String> {
        lines(&RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![array]).unwrap())
    }

    fn json_field() -> Field {
        Field::new("j", DataType::Utf8, true).with_metadata([(EXTENSION_KEY.to_owned(), JSON_EXTENSION.to_owned())])
    }

    #[test]
    fn every_double_has_its_text() {
        let values = [0.0, -0.0, 1.0, 0.1, 1e300, -2.5e-7, 5e-324, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        let array = Arc::new(Float64Array::from(values.to_vec()));
        let want =
            ["0.0", "-0.0", "1.0", "0.1", "1e+300", "-2.5e-7", "5e-324", "\"NaN\"", "\"Infinity\"", "\"-Infinity\""];
        let want: Vec<_> = want.iter().map(|w| format!("{{\"x\":{w}}}\n")).collect();
        assert_eq!(one(Field::new("x", DataType::Float64, true), array), want);
    }

    #[test]
    fn json_stays_but_on_one_line() {
        let array = Arc::new(StringArray::from(vec![Some("{\n \"a\":\r\n [1.50, \"x\\n\"]}"), None]));
        assert_eq!(one(json_field(), array), ["{\"j\":{  \"a\":   [1.50, \"x\\n\"]}}\n", "{\"j\":null}\n"]);
    }

    #[test]
    fn lists_and_structs_nest() {
        let mut list = ListBuilder::new(Float64Builder::new());
        list.values().append_value(1.5);
        list.values().append_null();
        list.append(true);
        list.append(false);
        list.append(true);
        let list: ArrayRef = Arc::new(list.finish());
        let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![&b"\x00\xff"[..], b"", b"abc"]));
        let fields = Fields::from(vec![
            Field::new("l\"", list.data_type().clone(), true),
            Field::new("b", DataType::Binary, true),
        ]);
        let whole: ArrayRef = Arc::new(StructArray::new(fields, vec![list, bytes], None));
        let field = Field::new("s", whole.data_type().clone(), true);
        // Sliced, so that offsets do not begin at the start of the buffers.
        assert_eq!(
            one(field.clone(), whole.slice(1, 2)),
            ["{\"s\":{\"l\\\"\":null,\"b\":\"\"}}\n", "{\"s\":{\"l\\\"\":[],\"b\":\"YWJj\"}}\n"]
        );
        assert_eq!(one(field, whole)[0], "{\"s\":{\"l\\\"\":[1.5,null],\"b\":\"AP8=\"}}\n");
    }

    #[test]
    fn ends_of_lines_of_other_readers_are_escaped() {
        let array = Arc::new(StringArray::from(vec!["a\u{2028}b\u{2029}\u{20ac}\u{85}"]));
        assert_eq!(one(Field::new("x", DataType::Utf8, true), array), ["{\"x\":\"a\\u2028b\\u2029€\u{85}\"}\n"]);
    }

    proptest! {
        #[test]
        fn text_reads_back(values in prop::collection::vec(prop::option::of("(?s).{0,20}"), 1..8)) {
            let array = Arc::new(StringArray::from(values.clone()));
            for (line, value) in one(Field::new("x", DataType::Utf8, true), array).iter().zip(values) {
                prop_assert_eq!(line.matches('\n').count(), 1);
                let read: serde_json::Value = serde_json::from_str(line).unwrap();
                prop_assert_eq!(read["x"].as_str(), value.as_deref());
            }
        }

        #[test]
        fn numbers_read_back(int in any::<i64>(), double in any::<f64>()) {
            let batch = RecordBatch::try_from_iter([
                ("i", Arc::new(Int64Array::from(vec![int])) as ArrayRef),
                ("d", Arc::new(Float64Array::from(vec![double])) as ArrayRef),
            ]).unwrap();
            let read: serde_json::Value = serde_json::from_str(&lines(&batch)[0]).unwrap();
            prop_assert_eq!(read["i"].as_i64(), Some(int));
            if double.is_finite() {
                // Not through serde_json, which may be off by one in the last place.
                let line = &lines(&batch)[0];
                let text = &line[line.find("\"d\":").unwrap() + 4..line.len() - 2];
                prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), double.to_bits());
                prop_assert!(text.contains(['.', 'e']), "{} looks like an integer", text);
            }
        }
    }
}
