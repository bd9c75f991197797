//! Two mappings over one input, record by record: what the second makes differently. Nothing is loaded, and duplicates are not dropped.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch};
use gristmill_decode::{Batch, Projection};
use gristmill_plugin::{Transform, TransformWorker};
use gristmill_record::Table;
use gristmill_source::{Input, Split};

use crate::error::RunError;
use crate::ledger::{CODES, OTHER_CODES};
use crate::outcome::{Outcome, outcomes_of, path_of};
use crate::reading::SplitReader;
use crate::run::SPLIT_BYTES;

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
    /// Records that end in another way, by the two.
    pub endings: BTreeMap<(Ending, Ending), Difference>,
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

/// How a record ended, as far as two mappings are told apart by it without a look at values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// It became so many rows of the tables with these names, by name.
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
    for split in input.splits(SPLIT_BYTES)? {
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
            comparison.add((&a, left.tables()), (&b, right.tables()), options.samples, place);
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
        let mut made = Vec::new();
        if !batch.offsets.is_empty() {
            let mapped = self.worker.transform(&batch.columns)?;
            let outcomes = outcomes_of(mapped, self.transform.description(), batch.offsets.len());
            let rows = batch.offsets.iter().zip(outcomes).enumerate();
            made.extend(rows.map(|(row, (offset, outcome))| Made {
                offset: *offset,
                record: Record::Row(row),
                outcome,
            }));
        }
        made.extend(batch.refused.into_iter().map(|refused| Made {
            offset: refused.offset,
            record: Record::Document(refused.document),
            outcome: Outcome::Refused(refused.refusal),
        }));
        made.sort_by_key(|record| record.offset);
        self.waiting.extend(made);
        Ok(())
    }

    fn tables(&self) -> &[Table] {
        self.transform.description().tables()
    }
}

impl Made {
    fn ending(&self, tables: &[Table]) -> Ending {
        match &self.outcome {
            Outcome::Filtered => Ending::Filtered,
            Outcome::Refused(refusal) => Ending::Refused(refusal.code.clone()),
            Outcome::Rows(rows) => {
                // By name: the order in which tables are declared makes no row different.
                let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
                for (index, _) in rows {
                    *counts.entry(tables.get(*index).map(Table::name).unwrap_or_default()).or_default() += 1;
                }
                Ending::Rows(counts.into_iter().map(|(name, n)| (name.to_owned(), n)).collect())
            }
        }
    }

    /// The rows of one table.
    fn rows<'a>(&'a self, tables: &'a [Table], name: &'a str) -> impl Iterator<Item = &'a RecordBatch> {
        let rows: &[(usize, RecordBatch)] = if let Outcome::Rows(rows) = &self.outcome { rows } else { &[] };
        let is_of = move |index: usize| tables.get(index).is_some_and(|t| t.name() == name);
        rows.iter().filter(move |(index, _)| is_of(*index)).map(|(_, row)| row)
    }
}

impl Comparison {
    fn add(
        &mut self,
        old: (&Option<Made>, &[Table]),
        new: (&Option<Made>, &[Table]),
        samples: usize,
        sample: impl Fn(Option<[(usize, RecordBatch); 2]>) -> Sample,
    ) {
        self.records += 1;
        let [was, is] = [old, new].map(|(made, tables)| made.as_ref().map_or(Ending::NotTaken, |m| m.ending(tables)));
        if was != is {
            let key = (was, is);
            let is_known = self.endings.len() < CODES || self.endings.contains_key(&key);
            let other = || Ending::Refused(OTHER_CODES.to_owned());
            let key = if is_known { key } else { (other(), other()) };
            self.endings.entry(key).or_default().add(samples, || sample(None));
            return;
        }
        let ((Some(old), old_tables), (Some(new), new_tables)) = (old, new) else { return };
        // By column; of several rows that differ in one, the first.
        let mut differing: BTreeMap<(String, String), [(usize, RecordBatch); 2]> = BTreeMap::new();
        for table in old_tables {
            for (a, b) in old.rows(old_tables, table.name()).zip(new.rows(new_tables, table.name())) {
                for (column, field) in a.schema_ref().fields().iter().enumerate() {
                    let Ok(other) = b.schema_ref().index_of(field.name()) else { continue };
                    if !is_equal(a.column(column), b.column(other)) {
                        let key = (table.name().to_owned(), field.name().clone());
                        differing.entry(key).or_insert_with(|| [(column, a.clone()), (other, b.clone())]);
                    }
                }
            }
        }
        self.same += u64::from(differing.is_empty());
        for (key, values) in differing {
            self.columns.entry(key).or_default().add(samples, || sample(Some(values)));
        }
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

/// Whether two arrays of one value are the same, bit for bit; values of different types never are.
fn is_equal(a: &ArrayRef, b: &ArrayRef) -> bool {
    a.data_type() == b.data_type() && a.to_data() == b.to_data()
}
