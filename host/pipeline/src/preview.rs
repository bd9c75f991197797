//! A look at what a job would do: the first rows, and nothing written.

use std::sync::Arc;

use arrow_array::RecordBatch;
use gristmill_decode::Projection;

use crate::error::RunError;
use crate::job::Job;
use crate::reading::SplitReader;
use crate::run::SPLIT_BYTES;
use crate::verdicts::{RuleCounts, Validators};

/// The beginning of a job.
#[derive(Debug, Default)]
pub struct Preview {
    /// Records looked at.
    pub records: u64,
    /// Of them, documents that the plugin's pattern does not take.
    pub other: u64,
    /// Of them, refused, and rows of them that a validator refused.
    pub refused: u64,
    /// Per table, the rows made of them.
    pub tables: Vec<Vec<RecordBatch>>,
    /// Whether the whole input was looked at.
    pub whole: bool,
}

/// Maps the beginning of the input until the first table has `rows` rows or `records` records were looked at.
pub fn preview(job: &Job, rows: usize, records: u64) -> Result<Preview, RunError> {
    let description = job.transform.description();
    let projection = Arc::new(Projection::new(description, 0));
    let mut worker = job.transform.worker()?;
    let (mut validators, mut rules) = (Validators::new(&job.validators)?, RuleCounts::new());
    let mut preview = Preview { tables: vec![Vec::new(); description.tables().len()], ..Preview::default() };
    for split in job.input.splits(SPLIT_BYTES)? {
        let mut reader = SplitReader::open(&job.input, &split, &projection, job.options.max_document)?;
        while let Some(batch) = reader.next(job.options.batch_rows.min(256), |_| Ok(()))? {
            preview.records += batch.tally.records;
            preview.other += batch.tally.other_documents;
            preview.refused += batch.refused.len() as u64;
            if batch.columns.num_rows() > 0 {
                let mapped = worker.transform(&batch.columns)?;
                preview.refused += mapped.faults.len() as u64;
                for mut part in mapped.parts {
                    preview.refused += part.rejections.len() as u64;
                    for ((index, made), table) in part.tables.iter_mut().enumerate().zip(description.tables()) {
                        preview.refused += validators.judge(index, table, made, &mut rules, None)?.len() as u64;
                    }
                    for (kept, made) in preview.tables.iter_mut().zip(part.tables) {
                        kept.push(made.rows);
                    }
                }
            }
            let made: usize = preview.tables.first().into_iter().flatten().map(RecordBatch::num_rows).sum();
            if made >= rows || preview.records >= records {
                return Ok(preview);
            }
        }
    }
    preview.whole = true;
    Ok(preview)
}
