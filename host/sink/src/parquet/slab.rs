//! Rows that are gathered in memory and then sorted by partition.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, SchemaRef};

use super::partition::Partitions;
use super::scatter::{Places, Segment, scatter};
use crate::weight::{Bounds, Gatherer};

/// Rows that a slab holds at most.
const SLAB_ROWS: usize = 4 << 20;
/// Bytes of values that a slab holds where nothing else was said, and what it holds whatever was said.
pub(super) const SLAB_BYTES: u64 = 16 << 20;
/// Bytes of values that a slab holds at most: Arrow counts the bytes of a column of texts up to 2 GiB.
const MOST_BYTES: u64 = 1 << 30;

/// Rows of one partition after rows of another, each in the order in which they came.
pub(super) struct Sorted {
    pub(super) rows: RecordBatch,
    /// By number.
    pub(super) segments: Vec<Segment>,
}

pub(super) struct Slab {
    schema: SchemaRef,
    column: usize,
    gathered: Gatherer,
}

impl Slab {
    /// `column`: index of the column that decides. `bytes`: of values that it holds at most; sorting them takes as much again where columns share
    /// their memory, as those do that were read from a disk, and else as much as the largest column.
    pub(super) fn new(schema: SchemaRef, column: usize, bytes: u64) -> Self {
        let bounds = Bounds { rows: SLAB_ROWS, weight: bytes.clamp(SLAB_BYTES, MOST_BYTES) };
        Self { schema, column, gathered: Gatherer::new(bounds) }
    }

    pub(super) fn take(&mut self, rows: &RecordBatch, start: usize) -> usize {
        self.gathered.take(rows, start)
    }

    pub(super) fn is_full(&self) -> bool {
        self.gathered.is_full()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.gathered.is_empty()
    }

    /// Sorts what was gathered, and begins anew.
    pub(super) fn sort(&mut self, partitions: &mut Partitions) -> Result<Sorted, ArrowError> {
        let (batches, _) = self.gathered.drain();
        let mut numbers = Vec::new();
        for batch in &batches {
            partitions.assign(batch.column(self.column), &mut numbers);
        }
        let (places, segments) = Places::by_partition(numbers, partitions.len())?;
        // Column by column, so that the memory of one that nobody shares is free for the next.
        let mut columns: Vec<Vec<ArrayRef>> = vec![Vec::with_capacity(batches.len()); self.schema.fields().len()];
        for batch in batches {
            for (arrays, array) in columns.iter_mut().zip(batch.columns()) {
                arrays.push(Arc::clone(array));
            }
        }
        let columns = columns.into_iter().map(|arrays| scatter(&arrays, &places));
        let columns = columns.collect::<Result<_, _>>()?;
        Ok(Sorted { rows: RecordBatch::try_new(self.schema.clone(), columns)?, segments })
    }
}
