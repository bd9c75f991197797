//! Rows as values of statements, for servers that take no files of clients.

use gristmill_record::Table;
use mysql_async::{DriverError, Error, Value};

use super::connect::Connection;
use super::quoted;
use super::rows::{size, value};
use crate::SinkError;
use crate::json::Cells;

/// Values of a statement, at most: its count has 16 bits.
const VALUES: usize = 65_535;
/// Rows of a statement: more gain nothing.
const ROWS: usize = 1_024;
/// Bytes of a statement's values: more gain nothing, and have to be held twice.
const BYTES: usize = 4 << 20;
/// Bytes of a message besides its values.
const OVERHEAD: usize = 256;

/// Statements for one table.
pub(super) struct Inserts {
    head: String,
    /// `(?, ?)`.
    row: String,
    columns: usize,
}

impl Inserts {
    pub(super) fn new(table: &Table, target: &str) -> Self {
        let columns: Vec<_> = table.columns().iter().map(|c| quoted(&c.name)).collect();
        Self {
            head: format!("INSERT INTO {target} ({}) VALUES ", columns.join(", ")),
            row: format!("({})", vec!["?"; columns.len()].join(", ")),
            columns: columns.len(),
        }
    }

    /// Rows of a statement are a power of two, so that there are few statements to prepare: the greatest of which text and values
    /// are no larger than a message.
    fn most(&self, max_packet: usize) -> usize {
        let room = max_packet.saturating_sub(self.head.len() + OVERHEAD) / (self.row.len() + 1);
        let most = ROWS.min(VALUES / self.columns.max(1)).min(room).max(1);
        1 << most.ilog2()
    }

    fn sql(&self, rows: usize) -> String {
        format!("{}{}", self.head, vec![self.row.as_str(); rows].join(","))
    }

    /// Sends rows.
    pub(super) async fn run(
        &self,
        connection: &mut Connection,
        doing: &str,
        cells: &mut [Cells<'_>],
        rows: usize,
    ) -> Result<(), SinkError> {
        let max_packet = connection.server.max_packet;
        let most = self.most(max_packet);
        let room = max_packet.saturating_sub(OVERHEAD);
        let budget = BYTES.min(room);
        let mut waiting: Vec<Vec<Value>> = Vec::new();
        let mut bytes = 0;
        for row in 0..rows {
            let values: Vec<Value> = cells.iter_mut().map(|cell| value(cell, row)).collect();
            let weight: usize = values.iter().map(size).sum();
            if weight > room {
                return Err(connection.error(doing, &Error::Driver(DriverError::PacketTooLarge)));
            }
            if bytes + weight > budget {
                self.flush(connection, doing, &mut waiting, most).await?;
                bytes = 0;
            }
            bytes += weight;
            waiting.push(values);
            if waiting.len() == most {
                self.flush(connection, doing, &mut waiting, most).await?;
                bytes = 0;
            }
        }
        self.flush(connection, doing, &mut waiting, most).await
    }

    async fn flush(
        &self,
        connection: &mut Connection,
        doing: &str,
        waiting: &mut Vec<Vec<Value>>,
        most: usize,
    ) -> Result<(), SinkError> {
        let mut rest = std::mem::take(waiting);
        while !rest.is_empty() {
            let rows = most.min(1 << rest.len().ilog2());
            let values = rest.drain(..rows).flatten().collect();
            connection.bring_values(doing, &self.sql(rows), values).await?;
        }
        Ok(())
    }
}
