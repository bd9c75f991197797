//! What is kept of the rows that a run puts out, so that two runs can be compared when the rows are long merged with others: a sketch
//! of bounded size, and on request a profile of the columns. Both are made while rows are handed to the destination.

mod difference;
mod hash;
mod histogram;
mod profile;
mod sketch;

use arrow_array::RecordBatch;
use gristmill_record::Table;
use serde_json::Value;

use crate::error::RunError;
use crate::output::hash::{Own, RowHasher};
use crate::output::profile::Profile;

pub use difference::Difference;
pub use sketch::Sketch;

/// What is kept of the rows that a run puts out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keeps {
    /// A sketch of them, so that the run can be compared with others.
    pub sketch: bool,
    /// What the columns hold.
    pub profile: bool,
}

/// What is kept of the rows of one table.
#[derive(Debug)]
pub struct TableOutput {
    /// The table's name.
    pub table: String,
    /// Of all its rows, where that was asked for.
    pub sketch: Option<Sketch>,
    /// Its columns, where that was asked for.
    pub profile: Option<Value>,
}

/// Looks at every row of one table that a run puts out.
pub(crate) struct Observer {
    table: String,
    hasher: RowHasher,
    rows: u64,
    sketch: Option<Sketch>,
    profile: Option<Profile>,
}

impl Observer {
    /// For the rows of a run with this id and time.
    pub(crate) fn new(table: &Table, run_id: &str, started_at: i64, keeps: Keeps) -> Self {
        Self {
            table: table.name().to_owned(),
            hasher: RowHasher::new(table, Own { run_id: run_id.to_owned(), started_at }),
            rows: 0,
            sketch: keeps.sketch.then(Sketch::default),
            profile: keeps.profile.then(|| Profile::new(table)),
        }
    }

    /// Takes note of rows; does nothing where nothing is kept.
    pub(crate) fn observe(&mut self, batch: &RecordBatch) -> Result<(), RunError> {
        let Self { hasher, rows, sketch, profile, .. } = self;
        *rows += batch.num_rows() as u64;
        if sketch.is_none() && profile.is_none() {
            return Ok(());
        }
        let each = profile.as_mut().map(|profile| {
            |column: usize, hashes: &[u64]| {
                if let Some(values) = batch.columns().get(column) {
                    profile.observe(column, values, hashes);
                }
            }
        });
        hasher.hash(batch, each)?;
        if let Some(sketch) = sketch {
            hasher.rows().for_each(|(key, row)| sketch.add(key, row));
        }
        Ok(())
    }

    /// All that was noted.
    pub(crate) fn finish(self) -> TableOutput {
        let profile = self.profile.map(|profile| profile.to_json(&self.table, self.rows));
        TableOutput { table: self.table, sketch: self.sketch.map(Sketch::finish), profile }
    }
}
