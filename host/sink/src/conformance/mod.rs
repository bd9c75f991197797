//! What every sink must do, as a suite that any sink can be put through.
//!
//! A [`Subject`] stands for one empty destination: it opens sinks on it and reads back what is there. [`run`] asks for a new one
//! for each case.
//!
//! ```text
//! gristmill_sink::conformance::run(&mut || Box::new(MyDestination::empty())).await?;
//! ```

mod cases;
mod many;
mod rows;

use arrow_array::RecordBatch;
use gristmill_record::Table;

use crate::Sink;
pub use many::run as many;
pub use rows::{RowError, lines, rows_from_json};

/// How destinations may differ and still be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ways {
    /// Whether a load is merged by key into what is there; otherwise it takes the place of what is there.
    pub merges: bool,
    /// Whether the sign of a zero is kept.
    pub negative_zero: bool,
}

/// One destination under test, empty at first.
pub trait Subject {
    /// How it differs.
    fn ways(&self) -> Ways;

    /// A sink on it, as a new process would open it.
    fn sink(&self) -> Box<dyn Sink>;

    /// All rows of a table in the columns of `gristmill_record::arrow::table_schema`, in any order; `None` where there is no such table.
    /// Read by other means than the sink's.
    fn rows(&self, table: &Table) -> Result<Option<RecordBatch>, String>;

    /// How many rows a table has.
    fn count(&self, table: &Table) -> Result<u64, String> {
        Ok(self.rows(table)?.map_or(0, |rows| rows.num_rows() as u64))
    }

    /// Names of all that is there (files, tables), also of what is only half made.
    fn traces(&self) -> Result<Vec<String>, String>;

    /// Whether a column may have any name, with quotes and spaces in it.
    fn any_name(&self) -> bool {
        true
    }

    /// Puts a table of this name, with other columns, there. `false` where the destination has no columns of its own.
    fn occupy(&self, table: &Table) -> Result<bool, String>;
}

/// What a sink does not do.
#[derive(Debug, thiserror::Error)]
#[error("case `{case}`: {what}")]
pub struct Failure {
    /// The case.
    pub case: &'static str,
    /// What was found.
    pub what: String,
}

/// Puts a sink through every case; `subject` makes a new, empty destination. Ends with the first failure.
pub async fn run(subject: &mut dyn FnMut() -> Box<dyn Subject>) -> Result<(), Failure> {
    for case in cases::NAMES {
        let subject = subject();
        let cases = cases::Cases::new(subject.any_name()).map_err(|what| Failure { case: "preparation", what })?;
        cases.run(case, subject.as_ref()).await.map_err(|what| Failure { case, what })?;
    }
    Ok(())
}
