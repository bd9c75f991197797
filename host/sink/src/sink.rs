//! The trait, and what goes through it.

use arrow_array::RecordBatch;
use async_trait::async_trait;
use gristmill_record::Table;

use crate::{SinkError, ValueLimits};

/// What becomes of a row whose key the destination holds already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnConflict {
    /// What is there stays.
    #[default]
    Keep,
    /// What is there becomes the new row.
    Update,
}

/// One load: all that a run brings to a destination, seen by its readers at once or never.
#[derive(Debug, Clone)]
pub struct Load {
    /// Names the run: 1 to 64 of `A-Z a-z 0-9 _ -`, not beginning with `-`. Files are named after it.
    pub run_id: String,
    /// Hex digest of the input's content, the plugin and the configuration: the same job again has the same.
    pub job: String,
    /// The time of the run, microseconds since 1970-01-01T00:00:00Z.
    pub started_at: i64,
    /// The tables, in the order of the indexes that [`Sink::write`] takes. At least one.
    pub tables: Vec<Table>,
    /// For rows that are there already.
    pub on_conflict: OnConflict,
    /// `name@version`.
    pub plugin: String,
    /// Hex digest of the plugin's file.
    pub plugin_digest: String,
}

/// What a destination answers to [`Sink::begin`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// Rows may be written.
    Ready,
    /// The destination holds the result of this very job: nothing needs to be written, and no load is open.
    /// One count a table, its rows all as `already`.
    AlreadyLoaded(Vec<TableCount>),
}

/// What became of a table's rows. The sum is the number of rows written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TableCount {
    /// Rows that were not there before.
    pub inserted: u64,
    /// Rows whose key was there, and that differed.
    pub updated: u64,
    /// Rows whose key was there, and that were left as they were: under [`OnConflict::Keep`], or equal in every column.
    pub already: u64,
}

impl TableCount {
    /// All rows written.
    pub fn rows(&self) -> u64 {
        self.inserted + self.updated + self.already
    }
}

/// What [`Sink::check`] finds of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableState {
    /// It is not there; the load creates it.
    Absent,
    /// It is there, and its columns fit.
    Present {
        /// How many rows it has, where the destination knows without counting.
        rows: Option<u64>,
    },
}

/// A destination.
///
/// One load at a time: [`begin`](Self::begin), then writes, then [`commit`](Self::commit) or [`abort`](Self::abort); then the next may
/// begin. After an error of `begin` no load is open; after one of `write` or `commit` the load is open and only `abort` is left. A sink
/// that is dropped with an open load aborts it as well as it can.
///
/// The built-in sinks block inside these functions: run them on a thread of their own.
#[async_trait]
pub trait Sink: Send {
    /// What it is, for people: `SQLite database reports.db`.
    fn describe(&self) -> String;

    /// Values that this destination cannot hold. Rows that have one are best refused before the load begins: [`write`](Self::write)
    /// gives an error for them.
    fn limits(&self) -> ValueLimits {
        ValueLimits::default()
    }

    /// Whether a load takes the place of all rows that earlier ones brought, instead of joining them.
    fn replaces(&self) -> bool {
        false
    }

    /// What the sink may take from here on: bytes of rows, memory that whoever hands the rows over gives up as it does so, and threads. A sink that sorts
    /// rows holds more of them at once, one that encodes them does so on several processors; what it writes is the same.
    fn set_resources(&mut self, _memory: u64, _threads: usize) {}

    /// Before anything is read: whether the destination can be reached and written, and the columns of tables that are
    /// there fit. One answer a table, in order. Changes nothing.
    async fn check(&mut self, tables: &[Table]) -> Result<Vec<TableState>, SinkError>;

    /// What came of this load, where the destination's own record says that it was committed: asked before [`begin`](Self::begin) by who does not know
    /// whether a process that is gone came so far. `None` where it was not, or where the destination keeps no such record: a sink that can tell when it
    /// has the rows does so in [`commit`](Self::commit), and from others rows that are there come as `already`.
    async fn loaded(&mut self, load: &Load) -> Result<Option<Vec<TableCount>>, SinkError> {
        let _ = load;
        Ok(None)
    }

    /// Opens a load, after the checks of [`check`](Self::check).
    async fn begin(&mut self, load: &Load) -> Result<Begun, SinkError>;

    /// Rows for the table at this index of [`Load::tables`], in the columns of `gristmill_record::arrow::table_schema`.
    /// No key may occur twice in a load: who calls has removed duplicates.
    async fn write(&mut self, table: usize, rows: RecordBatch) -> Result<(), SinkError>;

    /// Makes the load durable, then visible. One count a table, in order.
    async fn commit(&mut self) -> Result<Vec<TableCount>, SinkError>;

    /// Takes everything back. Does nothing where no load is open.
    async fn abort(&mut self) -> Result<(), SinkError>;
}

/// Whether a run id is safe in names of files: see [`Load::run_id`].
pub(crate) fn check_run_id(id: &str) -> Result<(), SinkError> {
    let safe = (1..=64).contains(&id.len())
        && !id.starts_with('-')
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if safe { Ok(()) } else { Err(SinkError::RunId { id: id.chars().take(80).collect() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_ids_that_could_leave_the_folder_are_refused() {
        for id in ["20240101-120000_ab", "a", "_x", &"a".repeat(64)] {
            assert!(check_run_id(id).is_ok(), "{id}");
        }
        for id in ["", "..", "a/b", "a.b", "-rf", "ä", "a b", "a\0", &"a".repeat(65)] {
            assert!(check_run_id(id).is_err(), "{id}");
        }
    }
}
