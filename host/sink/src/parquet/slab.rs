//! Rows that are gathered in memory and then sorted by partition.

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::interleave::interleave;

use super::partition::Partitions;
use crate::weight::{Bounds, Gatherer};

/// What a slab holds at most. Sorting it takes the same again for a moment.
const SLAB: Bounds = Bounds { rows: 256 * 1024, weight: 16 << 20 };

/// A batch's index, and a row's in it.
type Place = (usize, usize);
/// A partition's number, and how many rows it has.
type Segment = (u32, usize);

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
    /// `column`: index of the column that decides.
    pub(super) fn new(schema: SchemaRef, column: usize) -> Self {
        Self { schema, column, gathered: Gatherer::new(SLAB) }
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
        let (places, segments) = order(&batches, &numbers, partitions.len());
        drop(numbers);
        let columns = (0..self.schema.fields().len()).map(|i| {
            let arrays: Vec<_> = batches.iter().map(|b| b.column(i).as_ref()).collect();
            interleave(&arrays, &places)
        });
        let columns = columns.collect::<Result<_, _>>()?;
        Ok(Sorted { rows: RecordBatch::try_new(self.schema.clone(), columns)?, segments })
    }
}

/// Places of the rows in the order of their partitions' numbers: a counting sort.
fn order(batches: &[RecordBatch], numbers: &[u32], partitions: usize) -> (Vec<Place>, Vec<Segment>) {
    let mut counts = vec![0_usize; partitions];
    for number in numbers {
        if let Some(count) = counts.get_mut(*number as usize) {
            *count += 1;
        }
    }
    let segments = (0_u32..).zip(&counts).filter(|(_, n)| **n > 0).map(|(number, n)| (number, *n)).collect();
    // From here on the place where the next row of the partition goes.
    let mut next = 0;
    for count in &mut counts {
        next += std::mem::replace(count, next);
    }
    let mut places = vec![(0, 0); numbers.len()];
    let rows = batches.iter().enumerate().flat_map(|(b, batch)| (0..batch.num_rows()).map(move |row| (b, row)));
    for (place, number) in rows.zip(numbers) {
        if let Some(next) = counts.get_mut(*number as usize) {
            if let Some(slot) = places.get_mut(*next) {
                *slot = place;
            }
            *next += 1;
        }
    }
    (places, segments)
}
