//! Rows between the map and the load: kept in input order, in memory while the budget lasts, on disk after that; of a run that can go on after a
//! crash, every row is on disk as well.
//!
//! Rows are never moved by key: only their keys are (see `keys`). So the order of the output is the order of the input, and a row is
//! written and read at most once. `docs/adr/` tells why.

use std::sync::{Arc, Mutex};

use arrow_array::{ArrayRef, Int64Array, RecordBatch, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use gristmill_plugin::TableRows;

use crate::error::RunError;
use crate::files::{Place, RowWriter, Segment};
use crate::memory::Budget;
use crate::progress::Progress;

/// Batches below this many rows are joined before they are kept, so that small batches do not cost a segment each.
const SEGMENT_ROWS: usize = 1_024;
/// Unless they have so many bytes already.
const SEGMENT_BYTES: usize = 1 << 20;

/// Rows of one split for one table, in input order.
#[derive(Debug, Default)]
pub(crate) struct SplitRows {
    segments: Vec<Held>,
    /// How many rows they are.
    pub(crate) rows: u64,
}

#[derive(Debug)]
enum Held {
    Memory(RecordBatch),
    Disk(Place),
}

/// What the shuffle has to know of rows besides their columns: a value for each row.
#[derive(Debug, Default)]
pub(crate) struct Origins {
    /// Of the document's path.
    pub(crate) identities: Vec<u64>,
    /// Where the document begins in the split's file.
    pub(crate) offsets: Vec<u64>,
    /// By which the newest is told.
    pub(crate) latest: Vec<i64>,
}

/// Names of the columns for it in a file of rows.
const ORIGINS: [(&str, DataType); 3] =
    [("_identity", DataType::UInt64), ("_offset", DataType::UInt64), ("_latest", DataType::Int64)];

impl Origins {
    /// Adds those of the rows of a part of a batch, of which `first` is the first record; the slices and `latest` are of the whole batch.
    pub(crate) fn add(
        &mut self,
        made: &TableRows,
        first: usize,
        identities: &[u64],
        offsets: &[u64],
        latest: impl Fn(usize) -> i64,
    ) {
        let rows = made.rows.num_rows();
        let of = |row: usize| first + made.origin(row);
        if made.origins.is_none() {
            self.identities.extend(identities.iter().skip(first).take(rows));
            self.offsets.extend(offsets.iter().skip(first).take(rows));
        } else {
            let number = |of_records: &[u64], row| of_records.get(of(row)).copied().unwrap_or_default();
            self.identities.extend((0..rows).map(|row| number(identities, row)));
            self.offsets.extend((0..rows).map(|row| number(offsets, row)));
        }
        self.latest.extend((0..rows).map(|row| latest(of(row))));
    }

    fn columns(&mut self) -> [ArrayRef; 3] {
        let Self { identities, offsets, latest } = std::mem::take(self);
        [
            Arc::new(UInt64Array::from(identities)),
            Arc::new(UInt64Array::from(offsets)),
            Arc::new(Int64Array::from(latest)),
        ]
    }
}

/// All rows of one table.
pub(crate) struct RowStore {
    schema: SchemaRef,
    /// That of the files of rows: the table's columns, and those of [`Origins`] where rows are kept for a run that goes on.
    written: SchemaRef,
    /// Whether every row is written, and not only those for which memory has no room.
    durable: bool,
    splits: Mutex<Vec<SplitRows>>,
}

impl RowStore {
    /// A store for a run of `splits` splits.
    pub(crate) fn new(schema: SchemaRef, splits: usize, durable: bool) -> Self {
        let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
        if durable {
            fields.extend(ORIGINS.map(|(name, ty)| Arc::new(Field::new(name, ty, false))));
        }
        Self {
            written: Arc::new(Schema::new(fields)),
            schema,
            durable,
            splits: Mutex::new((0..splits).map(|_| SplitRows::default()).collect()),
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
            origins: Origins::default(),
            kept: SplitRows::default(),
            written: Vec::new(),
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
                Held::Memory(batch) => batch,
                Held::Disk(place) => self.columns_of(&place.read()?)?,
            };
            let rows = batch.num_rows() as u64;
            each(first, batch)?;
            first += rows;
        }
        Ok(())
    }

    /// The table's own columns of a batch that was read back.
    fn columns_of(&self, read: &RecordBatch) -> Result<RecordBatch, RunError> {
        let own = read.columns().get(..self.schema.fields().len()).unwrap_or_default();
        RecordBatch::try_new(Arc::clone(&self.schema), own.to_vec())
            .map_err(|e| RunError::Bug(format!("rows that were written do not fit their table: {e}")))
    }

    /// Takes over rows of a split that a process before this one wrote. `each` is shown each batch with what the shuffle has to know of its rows,
    /// and the index in the split of its first row.
    pub(crate) fn take_over(
        &self,
        split: usize,
        places: Vec<Place>,
        budget: &Budget,
        mut each: impl FnMut(u64, &RecordBatch, &Origins) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        let mut kept = SplitRows::default();
        for place in places {
            let read = place.read()?;
            let batch = self.columns_of(&read)?;
            each(kept.rows, &batch, &origins_of(&read)?)?;
            kept.rows += batch.num_rows() as u64;
            // Columns share the bytes of their segment, so that is their size.
            let fits = budget.try_take(place.segment.length);
            kept.segments.push(if fits { Held::Memory(batch) } else { Held::Disk(place) });
        }
        self.keep(split, kept);
        Ok(())
    }

    fn keep(&self, split: usize, kept: SplitRows) {
        if let Some(slot) = lock(&self.splits).get_mut(split) {
            *slot = kept;
        }
    }
}

/// What was written of the origin of rows.
fn origins_of(read: &RecordBatch) -> Result<Origins, RunError> {
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Int64Type, UInt64Type};
    let column =
        |i: usize| read.num_columns().checked_sub(ORIGINS.len()).and_then(|first| read.columns().get(first + i));
    let numbers = |i| Some(column(i)?.as_primitive_opt::<UInt64Type>()?.values().to_vec());
    let latest = column(2).and_then(|c| Some(c.as_primitive_opt::<Int64Type>()?.values().to_vec()));
    let (Some(identities), Some(offsets), Some(latest)) = (numbers(0), numbers(1), latest) else {
        return Err(RunError::Bug("rows were written without their origins".into()));
    };
    Ok(Origins { identities, offsets, latest })
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
    /// Of the pending rows, where they are written.
    origins: Origins,
    kept: SplitRows,
    written: Vec<Segment>,
}

impl Collector<'_> {
    /// Index in the split of the next row.
    pub(crate) fn next_row(&self) -> u64 {
        self.kept.rows + self.pending_rows as u64
    }

    /// Where the origins of the rows go that are pushed next; none where nobody wants them.
    pub(crate) fn origins(&mut self) -> Option<&mut Origins> {
        self.store.durable.then_some(&mut self.origins)
    }

    /// Adds rows.
    pub(crate) fn push(&mut self, batch: RecordBatch, writer: &mut RowWriter<'_>) -> Result<(), RunError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.pending_rows += batch.num_rows();
        self.pending_bytes += batch.get_array_memory_size();
        self.pending.push(batch);
        if self.pending_rows >= SEGMENT_ROWS || self.pending_bytes >= SEGMENT_BYTES {
            self.flush(writer)
        } else {
            Ok(())
        }
    }

    fn flush(&mut self, writer: &mut RowWriter<'_>) -> Result<(), RunError> {
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
        let fits = self.budget.try_take(size);
        if !fits {
            Progress::bump(&self.progress.spilled, size);
        }
        let segment = if fits && !self.store.durable {
            Held::Memory(batch)
        } else {
            let place = self.write(&batch, writer)?;
            if fits { Held::Memory(batch) } else { Held::Disk(place) }
        };
        self.kept.segments.push(segment);
        Ok(())
    }

    fn write(&mut self, batch: &RecordBatch, writer: &mut RowWriter<'_>) -> Result<Place, RunError> {
        let RowStore { written: schema, durable, .. } = self.store;
        if !durable {
            return writer.write(schema, batch, false, self.progress);
        }
        let columns = batch.columns().iter().cloned().chain(self.origins.columns()).collect();
        let whole = RecordBatch::try_new(Arc::clone(schema), columns)
            .map_err(|e| RunError::Bug(format!("rows and their origins do not fit together: {e}")))?;
        let place = writer.write(schema, &whole, true, self.progress)?;
        self.written.push(place.segment);
        Ok(place)
    }

    /// Hands the split's rows to the store. Gives the segments in which they were written, where every row is.
    pub(crate) fn finish(mut self, split: usize, writer: &mut RowWriter<'_>) -> Result<Vec<Segment>, RunError> {
        self.flush(writer)?;
        self.store.keep(split, self.kept);
        Ok(self.written)
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use proptest::prelude::*;

    use super::*;
    use crate::files::RowFiles;

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

        /// Whatever fits in memory and whether they are kept, rows come back in order, and every row has its position; what was kept is taken over
        /// by a store of another process.
        #[test]
        fn rows_come_back_in_order(
            batches in proptest::collection::vec(0..3_000_usize, 1..12), limit in 0..60_000_u64, durable in any::<bool>(),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
            let store = RowStore::new(Arc::clone(&schema), 2, durable);
            let (budget, progress) = (Budget::new(limit), Progress::default());
            let files = RowFiles::new(folder.path().to_owned());
            let mut writer = files.writer();
            let mut expected = Vec::new();
            let mut next = 0_i64;
            let mut kept = Vec::new();
            for split in [1, 0] {
                let mut collector = store.collect(&budget, &progress);
                let mut mine = Vec::new();
                writer.begin();
                for rows in &batches {
                    let values: Vec<i64> = (0..*rows).map(|_| { next += 1; next }).collect();
                    mine.extend(values.iter().enumerate().map(|(i, v)| (collector.next_row() + i as u64, *v)));
                    if let Some(origins) = collector.origins() {
                        origins.latest.extend(&values);
                        origins.offsets.extend(values.iter().map(|v| v.unsigned_abs()));
                        origins.identities.extend(values.iter().map(|v| v.unsigned_abs() * 2));
                    }
                    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(Int64Array::from(values))]).unwrap();
                    collector.push(batch, &mut writer).unwrap();
                }
                kept.push((split, collector.finish(split, &mut writer).unwrap(), writer.range()));
                mine.extend(expected);
                expected = mine;
            }
            prop_assert_eq!(store.rows_of_splits().iter().sum::<u64>(), expected.len() as u64);
            prop_assert_eq!(read_back(&store, 2), expected.clone());
            if durable {
                let files = RowFiles::new(folder.path().to_owned());
                let other = RowStore::new(schema, 2, true);
                for (split, segments, range) in kept {
                    let Some(range) = range else { prop_assert!(segments.is_empty()); continue };
                    let file = files.get(range.file).unwrap();
                    prop_assert!(file.holds(&range));
                    let damaged = crate::files::Range { length: range.length - 1, ..range };
                    prop_assert!(!file.holds(&damaged));
                    let places = segments.into_iter().map(|segment| Place { file: Arc::clone(&file), segment }).collect();
                    other.take_over(split, places, &Budget::new(limit), |_, rows, origins| {
                        assert_eq!(rows.column(0).as_primitive::<Int64Type>().values().to_vec(), origins.latest);
                        assert!(origins.identities.iter().zip(&origins.offsets).all(|(i, o)| *i == o * 2));
                        Ok(())
                    }).unwrap();
                }
                prop_assert_eq!(read_back(&other, 2), expected);
            }
        }
    }
}
