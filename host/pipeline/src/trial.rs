//! A mapping on a small input, record by record: what a plugin's own tests look at. Nothing is loaded.

use std::sync::Arc;

use arrow_array::{RecordBatch, UInt32Array};
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;
use gristmill_decode::Projection;
use gristmill_plugin::Transform;
use gristmill_record::{PathPattern, Refusal};
use gristmill_source::Input;

use crate::error::RunError;
use crate::outcome::{Outcome, outcomes_of, path_of};
use crate::reading::SplitReader;
use crate::run::SPLIT_BYTES;

/// Records decoded at a time.
const BATCH_ROWS: usize = 4_096;

/// The records of an input, decoded for one mapping.
#[derive(Debug)]
pub struct Samples {
    records: Vec<Sample>,
    columns: RecordBatch,
}

#[derive(Debug)]
struct Sample {
    /// The path of the document below `…/documents/`.
    document: String,
    state: State,
}

#[derive(Debug)]
enum State {
    /// A row of the columns.
    Row(usize),
    /// It cannot be decoded.
    Refused(Refusal),
}

/// How a mapping is called: nothing of it may make a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calls {
    /// Rows in a batch at most.
    pub rows: usize,
    /// The last batch first.
    pub reversed: bool,
    /// A fresh instance for every batch.
    pub fresh: bool,
}

/// What must not make a difference to any mapping, and how it is called to see that.
pub const PROPERTIES: [(&str, Calls); 4] = [
    ("in batches of 1 row", Calls { rows: 1, reversed: false, fresh: false }),
    ("in batches of 7 rows", Calls { rows: 7, reversed: false, fresh: false }),
    ("with the batches in reverse order", Calls { rows: 3, reversed: true, fresh: false }),
    ("in a fresh instance for each batch", Calls { rows: 2, reversed: false, fresh: true }),
];

/// What became of one record.
#[derive(Debug, Clone, PartialEq)]
pub struct Traced {
    /// The path of the document below `…/documents/`; empty where it cannot be read.
    pub document: String,
    /// How it ended.
    pub outcome: Outcome,
}

impl Samples {
    /// Reads the records that a mapping takes, and whose path `only` takes, up to `most` of them.
    ///
    /// # Errors
    /// When the input cannot be read.
    pub fn read(
        input: &Input,
        transform: &dyn Transform,
        only: Option<&PathPattern>,
        most: usize,
    ) -> Result<Self, RunError> {
        let projection = Arc::new(Projection::new(transform.description(), 0));
        let max_document = gristmill_decode::Limits::default().max_document;
        let mut records: Vec<Sample> = Vec::new();
        let (mut batches, mut rows) = (Vec::new(), 0);
        'splits: for split in input.splits(SPLIT_BYTES)? {
            let mut reader = SplitReader::open(input, &split, &projection, max_document)?;
            while let Some(batch) = reader.next(BATCH_ROWS, |_| Ok(()))? {
                // Rows and refused records, put back into the order of the file.
                let mut found: Vec<(u64, Sample)> = Vec::new();
                for (row, offset) in batch.offsets.iter().enumerate() {
                    let mut json = Vec::new();
                    reader.write_document(row, &mut json)?;
                    found.push((*offset, Sample { document: path_of(&json), state: State::Row(row) }));
                }
                for refused in batch.refused {
                    let document = refused.document.as_deref().map(path_of).unwrap_or_default();
                    found.push((refused.offset, Sample { document, state: State::Refused(refused.refusal) }));
                }
                found.sort_by_key(|(offset, _)| *offset);
                // Only what is asked for is kept.
                found.retain(|(_, sample)| only.is_none_or(|pattern| pattern.matches(sample.document.split('/'))));
                let is_last = records.len() + found.len() >= most;
                found.truncate(most - records.len());
                let mut kept: Vec<u32> = Vec::new();
                for (_, mut sample) in found {
                    if let State::Row(row) = &mut sample.state {
                        kept.push(u32::try_from(*row).unwrap_or(u32::MAX));
                        *row = rows;
                        rows += 1;
                    }
                    records.push(sample);
                }
                let columns = take_record_batch(&batch.columns, &UInt32Array::from(kept))
                    .map_err(|e| RunError::Bug(format!("rows could not be taken: {e}")))?;
                batches.push(columns);
                if is_last {
                    break 'splits;
                }
            }
        }
        let columns = concat_batches(projection.schema(), &batches)
            .map_err(|e| RunError::Bug(format!("batches of one input do not fit together: {e}")))?;
        Ok(Self { records, columns })
    }

    /// Records that were made up: every input of the mapping with values at the edges of its type.
    ///
    /// # Errors
    /// None that is not a defect.
    pub fn made_up(transform: &dyn Transform, rows: usize) -> Result<Self, RunError> {
        let columns = crate::synthetic::batch(transform.description(), rows)
            .map_err(|e| RunError::Bug(format!("no records could be made up: {e}")))?;
        let sample = |row| Sample { document: format!("made-up record {row}"), state: State::Row(row) };
        Ok(Self { records: (0..rows).map(sample).collect(), columns })
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether one call maps all records, without a fault after which they would be halved.
    ///
    /// # Errors
    /// When the plugin cannot be run.
    pub fn maps_at_once(&self, transform: &dyn Transform) -> Result<bool, RunError> {
        let mapped = transform.worker()?.transform(&self.columns)?;
        Ok(mapped.faults.is_empty() && mapped.parts.len() <= 1)
    }

    /// Maps the records.
    ///
    /// # Errors
    /// When the plugin cannot be run.
    pub fn map(&self, transform: &dyn Transform, calls: Calls) -> Result<Vec<Traced>, RunError> {
        // Decoded rows that `only` or `most` left out are in the columns as well: what is called with is what was asked for.
        let rows: Vec<usize> = (self.records.iter())
            .filter_map(|record| match record.state {
                State::Row(row) => Some(row),
                State::Refused(_) => None,
            })
            .collect();
        let mut outcomes: Vec<Outcome> = vec![Outcome::Filtered; rows.len()];
        let mut pieces = Vec::new();
        let mut start = 0;
        while let Some(first) = rows.get(start) {
            let piece = rows.get(start..).unwrap_or_default();
            // Rows that follow one another are a slice.
            let run =
                piece.iter().enumerate().take(calls.rows.max(1)).take_while(|(i, row)| **row == first + i).count();
            pieces.push((start, self.columns.slice(*first, run)));
            start += run;
        }
        if calls.reversed {
            pieces.reverse();
        }
        let mut worker = transform.worker()?;
        for (start, columns) in pieces {
            if calls.fresh {
                worker = transform.worker()?;
            }
            let found = outcomes_of(worker.transform(&columns)?, transform.description(), columns.num_rows());
            for (slot, outcome) in outcomes.iter_mut().skip(start).zip(found) {
                *slot = outcome;
            }
        }
        let mut outcomes = outcomes.into_iter();
        let traced = self.records.iter().map(|record| Traced {
            document: record.document.clone(),
            outcome: match &record.state {
                State::Row(_) => outcomes.next().unwrap_or(Outcome::Filtered),
                State::Refused(refusal) => Outcome::Refused(refusal.clone()),
            },
        });
        Ok(traced.collect())
    }
}
