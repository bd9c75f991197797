//! Judging rows that are there already, row by row: what a validator's own tests look at. Nothing is mapped or loaded.

use arrow_array::RecordBatch;
use gristmill_plugin::{Validate, Violation};
use gristmill_record::Table;

use crate::error::RunError;
use crate::trial::Calls;
use crate::verdicts::settled;

/// Rows of tables, in an order of their own.
#[derive(Debug)]
pub struct SampleRows {
    /// By table.
    batches: Vec<RecordBatch>,
    /// For each row its table, and its place in the table's batch.
    order: Vec<(usize, usize)>,
}

impl SampleRows {
    /// Rows that were made up, so many of each table: every column with values at the edges of its type.
    ///
    /// # Errors
    /// None that is not a defect.
    pub fn made_up(tables: &[Table], rows: usize) -> Result<Self, RunError> {
        let make = |table| crate::synthetic::rows(table, rows);
        let batches = tables.iter().map(make).collect::<Result<Vec<_>, _>>();
        let batches = batches.map_err(|e| RunError::Bug(format!("no rows could be made up: {e}")))?;
        let order = (0..tables.len()).flat_map(|table| (0..rows).map(move |row| (table, row))).collect();
        Ok(Self { batches, order })
    }

    /// Rows that are given: a batch for each table, with the schema `gristmill_record::arrow::table_schema`, and for each row, in the order in
    /// which they are to be told, the index of its table. Rows of one table come in the order of its batch.
    pub fn new(batches: Vec<RecordBatch>, tables: impl IntoIterator<Item = usize>) -> Self {
        let mut next = vec![0; batches.len()];
        let place = |table: usize| {
            let row = next.get_mut(table)?;
            *row += 1;
            Some((table, *row - 1))
        };
        let order = tables.into_iter().filter_map(place).collect();
        Self { batches, order }
    }

    /// The table of each row.
    pub fn tables(&self) -> impl Iterator<Item = usize> {
        self.order.iter().map(|(table, _)| *table)
    }

    /// Whether one call for each table judges all of its rows, without a fault after which they would be halved.
    ///
    /// # Errors
    /// When the validator cannot be run.
    pub fn are_judged_at_once(&self, validator: &dyn Validate) -> Result<bool, RunError> {
        let mut worker = validator.worker()?;
        for (table, rows) in self.batches.iter().enumerate() {
            worker.validate(table, rows)?;
        }
        Ok(worker.failed_calls() == 0)
    }

    /// The first row that no verdict is to be had on, since the validator fails on it, and how. Each row is judged alone, and none after it.
    ///
    /// # Errors
    /// When the validator cannot be run.
    pub fn first_fault(&self, validator: &dyn Validate) -> Result<Option<(usize, Violation)>, RunError> {
        let mut worker = validator.worker()?;
        for (index, (table, row)) in self.order.iter().enumerate() {
            let Some(rows) = self.batches.get(*table) else { continue };
            let found = worker.validate(*table, &rows.slice(*row, 1))?;
            if let Some(fault) = found.into_iter().find(|v| v.rule.starts_with("plugin.")) {
                return Ok(Some((index, fault)));
            }
        }
        Ok(None)
    }

    /// The violations of each row, errors first.
    ///
    /// # Errors
    /// When the validator cannot be run.
    pub fn judge(&self, validator: &dyn Validate, calls: Calls) -> Result<Vec<Vec<Violation>>, RunError> {
        let mut worker = validator.worker()?;
        let mut found: Vec<Vec<Vec<Violation>>> = Vec::with_capacity(self.batches.len());
        for (table, rows) in self.batches.iter().enumerate() {
            let mut of_rows = vec![Vec::new(); rows.num_rows()];
            let mut starts: Vec<usize> = (0..rows.num_rows()).step_by(calls.rows.max(1)).collect();
            if calls.reversed {
                starts.reverse();
            }
            for start in starts {
                if calls.fresh {
                    worker = validator.worker()?;
                }
                let part = rows.slice(start, calls.rows.max(1).min(rows.num_rows() - start));
                for violation in settled(worker.validate(table, &part)?) {
                    if let Some(slot) = of_rows.get_mut(start + violation.row as usize) {
                        slot.push(Violation { row: 0, ..violation });
                    }
                }
            }
            found.push(of_rows);
        }
        let take = |(table, row): &(usize, usize)| {
            let slot = found.get_mut(*table).and_then(|rows| rows.get_mut(*row));
            slot.map(std::mem::take).unwrap_or_default()
        };
        Ok(self.order.iter().map(take).collect())
    }
}
