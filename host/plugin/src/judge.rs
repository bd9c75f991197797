//! The seam between a run and what judges its rows: a plugin in the sandbox, rules from a file, or anything else that keeps the same promises.

use arrow_array::RecordBatch;

use crate::PluginError;

/// Judges rows of the tables that it was configured for, on any number of threads.
pub trait Validate: Send + Sync {
    /// Who it is: `name@version` of a plugin, for messages and dead letters.
    fn name(&self) -> &str;

    /// SHA-256 of what it is made of, hexadecimal.
    fn digest(&self) -> &str;

    /// What it was configured with: a JSON object.
    fn config(&self) -> &str;

    /// Whether its verdicts may depend on the time of the run. A plugin is told it, so it may.
    fn is_timed(&self) -> bool {
        true
    }

    /// Functions that it called though no plugin is given what they are for, and how often.
    fn refused_calls(&self) -> Vec<(String, u64)> {
        Vec::new()
    }

    /// Whether a rule of this name is about rows of the table with this index: the share of rows that break it is of those.
    fn is_about(&self, rule: &str, table: usize) -> bool;

    /// What must not stand in two rows of a table. Rows that break it are told by the run: a worker sees a batch of them.
    fn uniques(&self) -> &[Unique] {
        &[]
    }

    /// A worker for one thread, which needs a stack of at least 2 MiB.
    ///
    /// # Errors
    /// When the plugin cannot be started, or asks for other columns than before.
    fn worker(&self) -> Result<Box<dyn ValidateWorker>, PluginError>;

    /// A worker that judges a second time what another one has judged: its faults are counted by nobody, since they have been counted.
    ///
    /// # Errors
    /// Those of [`Self::worker`].
    fn second_worker(&self) -> Result<Box<dyn ValidateWorker>, PluginError> {
        self.worker()
    }
}

/// Judges batches on one thread.
pub trait ValidateWorker: Send {
    /// What is wrong with rows of the table with this index, which have the schema `gristmill_record::arrow::table_schema(table)`.
    ///
    /// # Errors
    /// Those end the run. What goes wrong with one row is a violation.
    fn validate(&mut self, table: usize, rows: &RecordBatch) -> Result<Vec<Violation>, PluginError>;

    /// How many calls have failed by the validator's own fault, those included whose rows were judged in parts afterwards.
    fn failed_calls(&self) -> u64 {
        0
    }
}

/// Columns that no two rows of a table have the same values in, over the whole run. A row with a null in any of them breaks nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unique {
    /// Index of the table.
    pub table: usize,
    /// Indexes of columns, whose types are scalar.
    pub columns: Vec<usize>,
    /// As in [`Violation`].
    pub rule: String,
    /// The column at fault.
    pub column: String,
    /// What becomes of every such row but the first in input order.
    pub severity: Severity,
    /// For people.
    pub message: String,
}

/// What a violation does to its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It is counted; the row goes on.
    Warning,
    /// The row is refused.
    Error,
}

/// A rule that a row breaks, or a row that no verdict could be had on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Index into the rows of the batch.
    pub row: u32,
    /// Lower-case letters, digits, `-` and `.`, at most 64. Those that begin with `plugin.` are faults of the validator itself.
    pub rule: String,
    /// The column at fault.
    pub column: Option<String>,
    /// What it does to the row.
    pub severity: Severity,
    /// For people, at most 4,096 bytes; it may hold any character.
    pub message: String,
}
