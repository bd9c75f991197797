//! Rows between the map and the load: kept in input order, in memory while the budget lasts, in the work folder after that.
//!
//! Rows are never moved by key: only their keys are (see `keys`). So the order of the output is the order of the input, and a row is
//! written and read at most once. `docs/adr/` tells why.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;

use crate::error::RunError;
use crate::memory::Budget;
use crate::progress::Progress;

/// Batches below this many rows are joined before they are kept, so that small batches do not cost a segment each.
const SEGMENT_ROWS: usize = 1_024;
/// Unless they have so many bytes already.
const SEGMENT_BYTES: usize = 1 << 20;

/// Rows of one split for one table, in input order.
#[derive(Debug, Default)]
pub(crate) struct SplitRows {
    segments: Vec<Segment>,
    /// How many rows they are.
    pub(crate) rows: u64,
}

#[derive(Debug)]
enum Segment {
    Memory(RecordBatch),
    /// A range of the table's spill file: one Arrow IPC stream.
    Disk {
        offset: u64,
        len: u64,
        rows: u64,
    },
}

/// All rows of one table.
pub(crate) struct RowStore {
    schema: SchemaRef,
    splits: Mutex<Vec<SplitRows>>,
    spill: Mutex<Spill>,
}

struct Spill {
    path: PathBuf,
    file: Option<File>,
    end: u64,
}

impl RowStore {
    /// A store for a run of `splits` splits, that spills into `folder`.
    pub(crate) fn new(schema: SchemaRef, table: usize, splits: usize, folder: &Path) -> Self {
        let path = folder.join(format!("rows-{table}.arrows"));
        Self {
            schema,
            splits: Mutex::new((0..splits).map(|_| SplitRows::default()).collect()),
            spill: Mutex::new(Spill { path, file: None, end: 0 }),
        }
    }

    /// Collects the rows of one split.
    pub(crate) fn collect<'a>(&'a self, budget: &'a Budget, progress: &'a Progress) -> Collector<'a> {
        Collector {
            store: self,
            budget,
            progress,
            pending: Vec::new(),
            pending_rows: 0,
            pending_bytes: 0,
            kept: SplitRows::default(),
        }
    }

    /// Rows of every split, in input order of the splits.
    pub(crate) fn rows_of_splits(&self) -> Vec<u64> {
        lock(&self.splits).iter().map(|s| s.rows).collect()
    }

    /// Hands out the rows of a split, in order, with the index in the split of the first row of each batch, and forgets them.
    pub(crate) fn take_split(
        &self,
        split: usize,
        mut each: impl FnMut(u64, RecordBatch) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        let taken = lock(&self.splits).get_mut(split).map(std::mem::take).unwrap_or_default();
        let mut first = 0;
        for segment in taken.segments {
            let batch = match segment {
                Segment::Memory(batch) => batch,
                Segment::Disk { offset, len, rows } => self.read(offset, len, rows)?,
            };
            let rows = batch.num_rows() as u64;
            each(first, batch)?;
            first += rows;
        }
        Ok(())
    }

    fn write(&self, batch: &RecordBatch) -> Result<Segment, RunError> {
        // Encoded before the lock is taken: the encoding is the costly part.
        let mut bytes = Vec::with_capacity(batch.get_array_memory_size());
        let options = IpcWriteOptions::default();
        let encoded = StreamWriter::try_new_with_options(&mut bytes, &self.schema, options)
            .and_then(|mut writer| writer.write(batch).and_then(|()| writer.finish()));
        encoded.map_err(|e| RunError::Bug(format!("rows could not be encoded: {e}")))?;
        let spill = &mut *lock(&self.spill);
        let fail = |e| RunError::work(&spill.path, e);
        let file = match &mut spill.file {
            Some(file) => file,
            none => {
                none.insert(File::options().create_new(true).read(true).write(true).open(&spill.path).map_err(fail)?)
            }
        };
        file.seek(SeekFrom::Start(spill.end)).and_then(|_| file.write_all(&bytes)).map_err(fail)?;
        let segment = Segment::Disk { offset: spill.end, len: bytes.len() as u64, rows: batch.num_rows() as u64 };
        spill.end += bytes.len() as u64;
        Ok(segment)
    }

    fn read(&self, offset: u64, len: u64, rows: u64) -> Result<RecordBatch, RunError> {
        let spill = lock(&self.spill);
        let fail = |e| RunError::work(&spill.path, e);
        let len = usize::try_from(len).map_err(|_| RunError::Bug("a segment exceeds the address space".into()))?;
        let mut bytes = vec![0; len];
        let file = spill.file.as_ref().ok_or_else(|| RunError::Bug("rows were spilled to no file".into()))?;
        file.read_exact_at(&mut bytes, offset).map_err(fail)?;
        let damaged = |what: String| fail(std::io::Error::new(std::io::ErrorKind::InvalidData, what));
        let mut reader = StreamReader::try_new(bytes.as_slice(), None).map_err(|e| damaged(e.to_string()))?;
        match reader.next() {
            Some(Ok(batch)) if batch.num_rows() as u64 == rows => Ok(batch),
            Some(Ok(batch)) => Err(damaged(format!("a segment at {offset} has {} rows, not {rows}", batch.num_rows()))),
            Some(Err(e)) => Err(damaged(format!("the segment at {offset}: {e}"))),
            None => Err(damaged(format!("the segment at {offset} holds nothing"))),
        }
    }
}

/// Locks, whatever a panicking thread left: what these locks guard is only ever replaced whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Takes the rows of one split, batch by batch. What was collected counts only once it is finished.
pub(crate) struct Collector<'a> {
    store: &'a RowStore,
    budget: &'a Budget,
    progress: &'a Progress,
    pending: Vec<RecordBatch>,
    pending_rows: usize,
    pending_bytes: usize,
    kept: SplitRows,
}

impl Collector<'_> {
    /// Index in the split of the next row.
    pub(crate) fn next_row(&self) -> u64 {
        self.kept.rows + self.pending_rows as u64
    }

    /// Adds rows.
    pub(crate) fn push(&mut self, batch: RecordBatch) -> Result<(), RunError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.pending_rows += batch.num_rows();
        self.pending_bytes += batch.get_array_memory_size();
        self.pending.push(batch);
        if self.pending_rows >= SEGMENT_ROWS || self.pending_bytes >= SEGMENT_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), RunError> {
        let batch = match self.pending.len() {
            0 => return Ok(()),
            1 => self.pending.pop(),
            _ => Some(
                concat_batches(&self.store.schema, &self.pending)
                    .map_err(|e| RunError::Bug(format!("rows of one table do not fit together: {e}")))?,
            ),
        };
        self.pending.clear();
        self.pending_rows = 0;
        self.pending_bytes = 0;
        let Some(batch) = batch else { return Ok(()) };
        self.kept.rows += batch.num_rows() as u64;
        let size = batch.get_array_memory_size() as u64;
        let segment = if self.budget.try_take(size) {
            Segment::Memory(batch)
        } else {
            Progress::bump(&self.progress.spilled, size);
            self.store.write(&batch)?
        };
        self.kept.segments.push(segment);
        Ok(())
    }

    /// Hands the split's rows to the store.
    pub(crate) fn finish(mut self, split: usize) -> Result<(), RunError> {
        self.flush()?;
        if let Some(slot) = lock(&self.store.splits).get_mut(split) {
            *slot = self.kept;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::types::Int64Type;
    use arrow_array::{Int64Array, cast::AsArray};
    use arrow_schema::{DataType, Field, Schema};
    use proptest::prelude::*;

    use super::*;

    fn read_back(store: &RowStore, splits: usize) -> Vec<(u64, i64)> {
        let mut all = Vec::new();
        for split in 0..splits {
            store
                .take_split(split, |first, batch| {
                    let values = batch.column(0).as_primitive::<Int64Type>().values().to_vec();
                    all.extend(values.into_iter().enumerate().map(|(i, v)| (first + i as u64, v)));
                    Ok(())
                })
                .unwrap();
        }
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        /// Whatever fits in memory, rows come back in order, and every row has its position.
        #[test]
        fn rows_come_back_in_order(batches in proptest::collection::vec(0..3_000_usize, 1..12), limit in 0..60_000_u64) {
            let folder = tempfile::tempdir().unwrap();
            let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
            let store = RowStore::new(Arc::clone(&schema), 0, 2, folder.path());
            let (budget, progress) = (Budget::new(limit), Progress::default());
            let mut expected = Vec::new();
            let mut next = 0_i64;
            for split in [1, 0] {
                let mut collector = store.collect(&budget, &progress);
                let mut mine = Vec::new();
                for rows in &batches {
                    let values: Vec<i64> = (0..*rows).map(|_| { next += 1; next }).collect();
                    mine.extend(values.iter().enumerate().map(|(i, v)| (collector.next_row() + i as u64, *v)));
                    collector.push(RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(Int64Array::from(values))]).unwrap()).unwrap();
                }
                collector.finish(split).unwrap();
                mine.extend(expected);
                expected = mine;
            }
            prop_assert_eq!(store.rows_of_splits().iter().sum::<u64>(), expected.len() as u64);
            prop_assert_eq!(read_back(&store, 2), expected);
        }
    }
}
