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

/// What is kept of the rows of one table.
#[derive(Debug)]
pub struct TableOutput {
    /// The table's name.
    pub table: String,
    /// Of all its rows.
    pub sketch: Sketch,
    /// Its columns, where that was asked for.
    pub profile: Option<Value>,
}

/// Looks at every row of one table that a run puts out.
pub(crate) struct Observer {
    table: String,
    hasher: RowHasher,
    sketch: Sketch,
    profile: Option<Profile>,
}

impl Observer {
    /// For the rows of a run with this id and time. `profile`: look at the columns as well.
    pub(crate) fn new(table: &Table, run_id: &str, started_at: i64, profile: bool) -> Self {
        Self {
            table: table.name().to_owned(),
            hasher: RowHasher::new(table, Own { run_id: run_id.to_owned(), started_at }),
            sketch: Sketch::default(),
            profile: profile.then(|| Profile::new(table)),
        }
    }

    /// Takes note of rows.
    pub(crate) fn observe(&mut self, batch: &RecordBatch) -> Result<(), RunError> {
        let Self { hasher, sketch, profile, .. } = self;
        hasher.hash(batch, |column, hashes| {
            if let (Some(profile), Some(values)) = (profile.as_mut(), batch.columns().get(column)) {
                profile.observe(column, values, hashes);
            }
        })?;
        hasher.rows().for_each(|(key, row)| sketch.add(key, row));
        Ok(())
    }

    /// All that was noted.
    pub(crate) fn finish(self) -> TableOutput {
        let profile = self.profile.map(|profile| profile.to_json(&self.table, self.sketch.rows()));
        TableOutput { table: self.table, sketch: self.sketch.finish(), profile }
    }
}
