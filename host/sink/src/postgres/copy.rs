//! Rows in the binary format of COPY, <https://www.postgresql.org/docs/current/sql-copy.html> ("Binary Format"). Integers are in network order.

use std::sync::Arc;

use arrow_array::RecordBatch;
use bytes::{BufMut, Bytes, BytesMut};

use crate::SinkError;
use crate::json::Cells;

/// Signature, flags, length of the header's extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Ends the rows.
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();
/// Days and microseconds from 1970-01-01 to 2000-01-01, where the server's count begins.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROS: i64 = EPOCH_DAYS as i64 * 86_400_000_000;
/// The version of jsonb's binary form, which stands before its text.
const JSONB: u8 = 1;
/// Bytes of a message.
const MESSAGE: usize = 256 << 10;

/// Makes messages of rows.
pub(super) struct Encoder {
    buffer: BytesMut,
    scratch: Vec<u8>,
    table: Arc<str>,
}

impl Encoder {
    pub(super) fn new(table: &str) -> Self {
        let mut buffer = BytesMut::with_capacity(MESSAGE + (MESSAGE >> 3));
        buffer.put_slice(HEADER);
        Self { buffer, scratch: Vec::new(), table: table.into() }
    }

    /// Adds rows `from` to the end of a batch until a message is full. Gives the message and the row to go on with.
    pub(super) fn fill(
        &mut self,
        cells: &mut [Cells<'_>],
        from: usize,
        rows: usize,
    ) -> Result<(Option<Bytes>, usize), SinkError> {
        let columns = i16::try_from(cells.len()).map_err(|_| SinkError::columns(&self.table))?;
        for row in from..rows {
            self.buffer.put_i16(columns);
            for cell in &mut *cells {
                self.value(cell, row)?;
            }
            if self.buffer.len() >= MESSAGE {
                return Ok((Some(self.take()), row + 1));
            }
        }
        Ok((None, rows))
    }

    /// What is left, and the end.
    pub(super) fn finish(mut self) -> Bytes {
        self.buffer.put_slice(&TRAILER);
        self.buffer.freeze()
    }

    fn take(&mut self) -> Bytes {
        let full = self.buffer.split().freeze();
        self.buffer.reserve(MESSAGE + (MESSAGE >> 3));
        full
    }

    fn value(&mut self, cell: &mut Cells<'_>, row: usize) -> Result<(), SinkError> {
        let out = &mut self.buffer;
        match cell {
            _ if cell.is_null(row) => out.put_i32(-1),
            Cells::Boolean(a) => {
                out.put_i32(1);
                out.put_u8(a.value(row).into());
            }
            Cells::Int(a) => {
                out.put_i32(8);
                out.put_i64(a.value(row));
            }
            Cells::Float(a) => {
                out.put_i32(8);
                out.put_f64(a.value(row));
            }
            Cells::Timestamp(a, _) => {
                out.put_i32(8);
                // In range: years beyond 9999 are refused before.
                out.put_i64(a.value(row).saturating_sub(EPOCH_MICROS));
            }
            Cells::Date(a) => {
                out.put_i32(4);
                out.put_i32(a.value(row).saturating_sub(EPOCH_DAYS));
            }
            Cells::Text(a, _) => return bytes(out, None, a.value(row).as_bytes(), &self.table),
            Cells::Bytes(a) => return bytes(out, None, a.value(row), &self.table),
            Cells::Json(a, _) => return bytes(out, Some(JSONB), a.value(row).as_bytes(), &self.table),
            Cells::List(..) | Cells::Struct(..) => {
                self.scratch.clear();
                cell.write(row, &mut self.scratch);
                return bytes(out, Some(JSONB), &self.scratch, &self.table);
            }
        }
        Ok(())
    }
}

fn bytes(out: &mut BytesMut, version: Option<u8>, value: &[u8], table: &str) -> Result<(), SinkError> {
    let length = value.len() + usize::from(version.is_some());
    // An Arrow array with 32-bit offsets has no longer value.
    out.put_i32(i32::try_from(length).map_err(|_| SinkError::columns(table))?);
    if let Some(version) = version {
        out.put_u8(version);
    }
    out.put_slice(value);
    Ok(())
}

/// The cells of a batch; an error where it has other columns than the table.
pub(super) fn cells<'a>(rows: &'a RecordBatch, table: &gristmill_record::Table) -> Result<Vec<Cells<'a>>, SinkError> {
    let fields = rows.schema_ref().fields().iter().zip(rows.columns());
    let cells = fields.map(|(f, a)| Cells::new(f, a.as_ref())).collect::<Option<Vec<_>>>();
    cells.filter(|c| c.len() == table.columns().len()).ok_or_else(|| SinkError::columns(table.name()))
}
