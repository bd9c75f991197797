//! Rows as the server takes them: as lines of a file, or as values of a statement.

use arrow_array::RecordBatch;
use gristmill_record::Table;
use mysql_async::Value;

use crate::SinkError;
use crate::json::Cells;
use crate::text::date_text;

/// How lines are read: <https://dev.mysql.com/doc/refman/8.4/en/load-data.html>. `binary`: bytes are taken as they are, in whatever column.
pub(super) const FORMAT: &str =
    "CHARACTER SET binary FIELDS TERMINATED BY '\\t' ENCLOSED BY '' ESCAPED BY '\\\\' LINES TERMINATED BY '\\n'";

/// The cells of a batch; an error where it has other columns than the table.
pub(super) fn cells<'a>(rows: &'a RecordBatch, table: &Table) -> Result<Vec<Cells<'a>>, SinkError> {
    let fields = rows.schema_ref().fields().iter().zip(rows.columns());
    let cells = fields.map(|(f, a)| Cells::new(f, a.as_ref())).collect::<Option<Vec<_>>>();
    cells.filter(|c| c.len() == table.columns().len()).ok_or_else(|| SinkError::columns(table.name()))
}

/// Appends a row as a line.
pub(super) fn push_line(cells: &mut [Cells<'_>], row: usize, out: &mut Vec<u8>, scratch: &mut Vec<u8>) {
    for (i, cell) in cells.iter_mut().enumerate() {
        if i > 0 {
            out.push(b'\t');
        }
        match cell {
            _ if cell.is_null(row) => out.extend_from_slice(b"\\N"),
            Cells::Text(a, _) | Cells::Json(a, _) => push_escaped(out, a.value(row).as_bytes()),
            Cells::Bytes(a) => push_escaped(out, a.value(row)),
            Cells::List(..) | Cells::Struct(..) => {
                scratch.clear();
                cell.write(row, scratch);
                push_escaped(out, scratch);
            }
            Cells::Boolean(a) => out.push(if a.value(row) { b'1' } else { b'0' }),
            // Numbers as JSON has them: the shortest text that reads back as the same.
            Cells::Int(_) | Cells::Float(_) => cell.write(row, out),
            Cells::Timestamp(a, text) => out.extend_from_slice(without_zone(&text.of(a.value(row)))),
            Cells::Date(a) => out.extend_from_slice(&date_text(i64::from(a.value(row)))),
        }
    }
    out.push(b'\n');
}

/// A value of a statement.
pub(super) fn value(cell: &mut Cells<'_>, row: usize) -> Value {
    match cell {
        _ if cell.is_null(row) => Value::NULL,
        Cells::Text(a, _) | Cells::Json(a, _) => Value::Bytes(a.value(row).as_bytes().to_vec()),
        Cells::Bytes(a) => Value::Bytes(a.value(row).to_vec()),
        Cells::List(..) | Cells::Struct(..) => {
            let mut json = Vec::new();
            cell.write(row, &mut json);
            Value::Bytes(json)
        }
        Cells::Boolean(a) => Value::Int(a.value(row).into()),
        Cells::Int(a) => Value::Int(a.value(row)),
        Cells::Float(a) => Value::Double(a.value(row)),
        Cells::Timestamp(a, text) => Value::Bytes(without_zone(&text.of(a.value(row))).to_vec()),
        Cells::Date(a) => Value::Bytes(date_text(i64::from(a.value(row))).to_vec()),
    }
}

/// Bytes of a value in a message, at most.
pub(super) fn size(value: &Value) -> usize {
    match value {
        Value::Bytes(bytes) => bytes.len() + 9,
        _ => 9,
    }
}

/// `2024-01-31T23:59:59.123456`, as the session is in UTC.
fn without_zone(instant: &[u8; 27]) -> &[u8] {
    instant.strip_suffix(b"Z").unwrap_or(instant)
}

fn push_escaped(out: &mut Vec<u8>, value: &[u8]) {
    let mut rest = value;
    while let Some(at) = rest.iter().position(|b| matches!(b, b'\\' | b'\t' | b'\n' | 0)) {
        let (before, from) = rest.split_at(at);
        out.extend_from_slice(before);
        let Some((special, after)) = from.split_first() else { return };
        out.push(b'\\');
        out.push(match special {
            b'\t' => b't',
            b'\n' => b'n',
            0 => b'0',
            other => *other,
        });
        rest = after;
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_separates_is_escaped() {
        let mut out = Vec::new();
        push_escaped(&mut out, b"a\tb\nc\\N\0\r'\xff");
        assert_eq!(out, b"a\\tb\\nc\\\\N\\0\r'\xff");
        out.clear();
        push_escaped(&mut out, b"\\");
        assert_eq!(out, b"\\\\");
    }
}
