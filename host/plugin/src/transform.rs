//! The seam between a run and what maps its records: a plugin in the sandbox, or anything else that keeps the same promises.

use arrow_array::RecordBatch;
use gristmill_record::Description;

use crate::PluginError;

/// Maps batches of records to rows, on any number of threads.
pub trait Transform: Send + Sync {
    /// What it reads and writes.
    fn description(&self) -> &Description;

    /// Functions that it called though no plugin is given what they are for, such as `wasi:filesystem/preopens.get-directories`, and how often.
    fn refused_calls(&self) -> Vec<(String, u64)> {
        Vec::new()
    }

    /// A worker for one thread. The thread needs a stack of at least 2 MiB, which is what `std::thread` gives.
    ///
    /// # Errors
    /// When the plugin cannot be started, or declares something else than before.
    fn worker(&self) -> Result<Box<dyn TransformWorker>, PluginError>;

    /// A worker that maps a second time what another one has mapped: its faults are counted by nobody, since they have been counted.
    ///
    /// # Errors
    /// Those of [`Self::worker`].
    fn second_worker(&self) -> Result<Box<dyn TransformWorker>, PluginError> {
        self.worker()
    }
}

/// Maps batches on one thread.
pub trait TransformWorker: Send {
    /// The rows of a batch with the schema `gristmill_record::arrow::input_schema(description)`.
    ///
    /// # Errors
    /// Those end the run. What goes wrong with one record is in [`Mapped::faults`].
    fn transform(&mut self, input: &RecordBatch) -> Result<Mapped, PluginError>;

    /// Bytes of memory that the mapping has for itself, where it has any.
    fn memory(&self) -> Option<u64> {
        None
    }
}

/// What became of a batch: each of its rows is in one part or one fault.
#[derive(Debug, Clone, Default)]
pub struct Mapped {
    /// In row order. One for the whole batch, more where it had to be halved, none where nothing was mapped.
    pub parts: Vec<Part>,
    /// In row order.
    pub faults: Vec<RecordFault>,
}

/// What one call made of a run of rows.
#[derive(Debug, Clone)]
pub struct Part {
    /// Index in the input batch of the first row.
    pub first_row: u32,
    /// How many rows.
    pub rows: u32,
    /// One for each declared table, in that order.
    pub tables: Vec<TableRows>,
    /// Rows that the plugin refused, in any order, none twice.
    pub rejections: Vec<Rejection>,
}

/// Rows for one table.
#[derive(Clone)]
pub struct TableRows {
    /// Of the schema `gristmill_record::arrow::table_schema(table)`, checked.
    pub rows: RecordBatch,
    /// For each row the row of the part that it was made from, never falling. None: row i was made from row i of the part.
    pub origins: Option<Vec<u32>>,
}

impl TableRows {
    /// The row of the part that a row was made from.
    pub fn origin(&self, row: usize) -> usize {
        match &self.origins {
            Some(origins) => origins.get(row).map_or(0, |origin| *origin as usize),
            None => row,
        }
    }
}

/// Without the rows: what is shown for debugging may end in a log, and records' content may not.
impl std::fmt::Debug for TableRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let origins = self.origins.as_ref().map(Vec::len);
        f.debug_struct("TableRows").field("rows", &self.rows.num_rows()).field("origins", &origins).finish()
    }
}

/// A record that the plugin refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Index into the rows of the part.
    pub row: u32,
    /// Lower-case letters, digits, `-` and `.`, at most 64.
    pub code: String,
    /// The declared input at fault.
    pub input: Option<String>,
    /// For people, at most 4,096 bytes, in the plugin's own words: it may hold any character.
    pub message: String,
}

/// A record on which the plugin failed by its own fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordFault {
    /// Index into the rows of the input batch.
    pub row: u32,
    /// `plugin.trap`, `plugin.timeout`, `plugin.memory`, `plugin.output-size` (it returned too much), `plugin.output` (what it
    /// returned breaks a rule of the contract) or `plugin.error` (it returned an error).
    pub code: &'static str,
    /// What happened, on one line.
    pub message: String,
}
