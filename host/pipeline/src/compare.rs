//! Two mappings over one input, record by record: what the second makes differently. Nothing is loaded, and duplicates are not dropped.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use gristmill_decode::{Batch, Projection};
use gristmill_plugin::{Transform, TransformWorker};
use gristmill_source::{Input, Split};

use crate::error::RunError;
use crate::ledger::{CODES, OTHER_CODES};
use crate::reading::SplitReader;
use crate::run::SPLIT_BYTES;
use crate::trial::path_of;

/// How a comparison goes about its work.
#[derive(Debug, Clone, Copy)]
pub struct CompareOptions {
    /// Rows in a batch at most.
    pub batch_rows: usize,
    /// Largest encoded document, in bytes.
    pub max_document: usize,
    /// Records that are kept as samples of each difference.
    pub samples: usize,
}

/// What differs.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Records that at least one of the two takes.
    pub records: u64,
    /// Of them, those that both make the same of.
    pub same: u64,
    /// Records with another outcome, by the two outcomes.
    pub outcomes: BTreeMap<(Outcome, Outcome), Difference>,
    /// Records of which both make as many rows of a table, with another value in a column: by table and column.
    pub columns: BTreeMap<(String, String), Difference>,
}

/// A difference, and records that have it.
#[derive(Debug, Default)]
pub struct Difference {
    /// How many records.
    pub records: u64,
    /// The first of them in input order.
    pub samples: Vec<Sample>,
}

/// A record that both map, but not to the same.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The path of the document below `…/documents/`; empty where it cannot be read.
    pub document: String,
    /// The file, and where in it the record begins.
    pub file: String,
    /// Bytes from the beginning of the (decompressed) file.
    pub offset: u64,
    /// The rows of both, where it is a value that differs: index of the column, batch and row of the old and of the new.
    pub values: Option<[(usize, RecordBatch); 2]>,
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It became so many rows of the tables with these names, in this order.
    Rows(Vec<(String, usize)>),
    /// The plugin made nothing of it.
    Filtered,
    /// It was refused, with this code.
    Refused(String),
    /// The plugin does not take such documents.
    NotTaken,
}

/// A record as one side made it.
struct Made {
    offset: u64,
    record: Record,
    outcome: Outcome,
    /// Per table of the side: the batch and the rows in it.
    rows: Vec<(Arc<RecordBatch>, Vec<usize>)>,
}

/// Where the document of a record is to be had.
enum Record {
    /// A row of the reader's last batch.
    Row(usize),
    /// In the REST form; none where it cannot be read.
    Document(Option<Vec<u8>>),
}

/// One side over one split.
struct Side<'a> {
    transform: &'a dyn Transform,
    worker: &'a mut dyn TransformWorker,
    reader: SplitReader<'a>,
    waiting: VecDeque<Made>,
    batch_rows: usize,
}

/// Compares what `old` and `new` make of an input.
///
/// # Errors
/// When the input cannot be read, or a plugin cannot be run.
pub fn compare(
    input: &Input,
    old: &dyn Transform,
    new: &dyn Transform,
    options: CompareOptions,
) -> Result<Comparison, RunError> {
    let projections = [old, new].map(|side| Arc::new(Projection::new(side.description(), 0)));
    let [old_projection, new_projection] = &projections;
    let (mut old_worker, mut new_worker) = (old.worker()?, new.worker()?);
    let mut comparison = Comparison::default();
    for split in input.splits(SPLIT_BYTES) {
        let open = |projection: &Arc<Projection>, split: &Split| {
            SplitReader::open(input, split, projection, options.max_document)
        };
        let mut left = Side {
            transform: old,
            worker: old_worker.as_mut(),
            reader: open(old_projection, &split)?,
            waiting: VecDeque::new(),
            batch_rows: options.batch_rows,
        };
        let mut right = Side {
            transform: new,
            worker: new_worker.as_mut(),
            reader: open(new_projection, &split)?,
            waiting: VecDeque::new(),
            batch_rows: options.batch_rows,
        };
        // Both in the order of the file, so that records meet by their offset.
        loop {
            let (a, b) = (left.peek()?, right.peek()?);
            let at = match (a, b) {
                (None, None) => break,
                (Some(a), None) => a,
                (None, Some(b)) => b,
                (Some(a), Some(b)) => a.min(b),
            };
            let (a, b) = (left.take(at), right.take(at));
            let document = || match (&a, &b) {
                (Some(made), _) => left.document(&made.record),
                (None, Some(made)) => right.document(&made.record),
                (None, None) => String::new(),
            };
            let place =
                |values| Sample { document: document(), file: left.reader.file.name.clone(), offset: at, values };
            comparison.add(&a, &b, [old, new], options.samples, place);
        }
    }
    Ok(comparison)
}

impl Side<'_> {
    /// Where the next record begins.
    fn peek(&mut self) -> Result<Option<u64>, RunError> {
        while self.waiting.is_empty() {
            let Some(batch) = self.reader.next(self.batch_rows, |_| Ok(()))? else { return Ok(None) };
            self.map(batch)?;
        }
        Ok(self.waiting.front().map(|made| made.offset))
    }

    fn take(&mut self, offset: u64) -> Option<Made> {
        self.waiting.pop_front_if(|made| made.offset == offset)
    }

    /// The path of a record's document.
    fn document(&self, record: &Record) -> String {
        let mut written = Vec::new();
        let json = match record {
            Record::Row(row) => self.reader.write_document(*row, &mut written).ok().map(|()| &written),
            Record::Document(document) => document.as_ref(),
        };
        json.map(|json| path_of(json)).unwrap_or_default()
    }

    fn map(&mut self, batch: Batch) -> Result<(), RunError> {
        let names: Vec<&str> = self.transform.description().tables().iter().map(|t| t.name()).collect();
        let make = |offset, record, outcome| Made { offset, record, outcome, rows: Vec::new() };
        let mut made: Vec<Made> = (batch.offsets.iter().enumerate())
            .map(|(row, offset)| make(*offset, Record::Row(row), Outcome::Filtered))
            .collect();
        if !made.is_empty() {
            let mapped = self.worker.transform(&batch.columns)?;
            let refuse = |made: &mut Vec<Made>, row: usize, code: &str| {
                if let Some(record) = made.get_mut(row) {
                    record.outcome = Outcome::Refused(code.to_owned());
                }
            };
            mapped.faults.iter().for_each(|fault| refuse(&mut made, fault.row as usize, fault.code));
            for part in mapped.parts {
                let first = part.first_row as usize;
                part.rejections.iter().for_each(|r| refuse(&mut made, first + r.row as usize, &r.code));
                for (index, table) in part.tables.into_iter().enumerate() {
                    let rows = Arc::new(table.rows);
                    for row in 0..rows.num_rows() {
                        let origin = table.origins.as_ref().map_or(Some(row), |o| o.get(row).map(|o| *o as usize));
                        let Some(record) = origin.and_then(|origin| made.get_mut(first + origin)) else { continue };
                        let tables = record.rows.len().max(index + 1);
                        record.rows.resize_with(tables, || (Arc::clone(&rows), Vec::new()));
                        if let Some(slot) = record.rows.get_mut(index) {
                            slot.0 = Arc::clone(&rows);
                            slot.1.push(row);
                        }
                    }
                }
            }
            for record in made.iter_mut().filter(|r| !r.rows.is_empty()) {
                let counts = names.iter().zip(&record.rows).filter(|(_, (_, rows))| !rows.is_empty());
                let mut rows: Vec<_> = counts.map(|(name, (_, rows))| ((*name).to_owned(), rows.len())).collect();
                // By name: the order in which tables are declared makes no row different.
                rows.sort();
                record.outcome = Outcome::Rows(rows);
            }
        }
        made.extend(batch.refused.into_iter().map(|refused| {
            make(refused.offset, Record::Document(refused.document), Outcome::Refused(refused.refusal.code))
        }));
        made.sort_by_key(|record| record.offset);
        self.waiting.extend(made);
        Ok(())
    }
}

impl Comparison {
    fn add(
        &mut self,
        old: &Option<Made>,
        new: &Option<Made>,
        sides: [&dyn Transform; 2],
        samples: usize,
        sample: impl Fn(Option<[(usize, RecordBatch); 2]>) -> Sample,
    ) {
        self.records += 1;
        let outcome = |made: &Option<Made>| made.as_ref().map_or(Outcome::NotTaken, |m| m.outcome.clone());
        let outcomes = (outcome(old), outcome(new));
        if outcomes.0 != outcomes.1 {
            let is_known = self.outcomes.len() < CODES || self.outcomes.contains_key(&outcomes);
            let other = || Outcome::Refused(OTHER_CODES.to_owned());
            let outcomes = if is_known { outcomes } else { (other(), other()) };
            self.outcomes.entry(outcomes).or_default().add(samples, || sample(None));
            return;
        }
        let (Some(old), Some(new)) = (old, new) else { return };
        let [old_tables, new_tables] = sides.map(|side| side.description().tables());
        let mut is_same = true;
        for (table, (old_batch, old_rows)) in old_tables.iter().zip(&old.rows) {
            let Some(at) = new_tables.iter().position(|t| t.name() == table.name()) else { continue };
            let Some((new_batch, new_rows)) = new.rows.get(at) else { continue };
            for (column, field) in old_batch.schema_ref().fields().iter().enumerate() {
                let Some(other) = new_batch.schema_ref().index_of(field.name()).ok() else { continue };
                let differing = old_rows
                    .iter()
                    .zip(new_rows)
                    .find(|(a, b)| !is_equal(old_batch, column, **a, new_batch, other, **b));
                if let Some((a, b)) = differing {
                    is_same = false;
                    let key = (table.name().to_owned(), field.name().clone());
                    let values = || Some([(column, old_batch.slice(*a, 1)), (other, new_batch.slice(*b, 1))]);
                    self.columns.entry(key).or_default().add(samples, || sample(values()));
                }
            }
        }
        self.same += u64::from(is_same);
    }
}

impl Difference {
    fn add(&mut self, most: usize, sample: impl FnOnce() -> Sample) {
        self.records += 1;
        if self.samples.len() < most {
            self.samples.push(sample());
        }
    }
}

/// Whether two values are the same, bit for bit; values of different types never are.
fn is_equal(old: &RecordBatch, column: usize, row: usize, new: &RecordBatch, other: usize, at: usize) -> bool {
    let (Some(a), Some(b)) = (old.columns().get(column), new.columns().get(other)) else { return false };
    if a.is_null(row) || b.is_null(at) {
        return a.is_null(row) && b.is_null(at);
    }
    match (a.data_type(), b.data_type()) {
        (DataType::Utf8, DataType::Utf8) => {
            use arrow_array::cast::AsArray;
            a.as_string::<i32>().value(row) == b.as_string::<i32>().value(at)
        }
        (x, y) => x == y && a.slice(row, 1).to_data() == b.slice(at, 1).to_data(),
    }
}
