//! How heavy rows are: bytes of their values. Depends on the values alone, not on how rows are cut into batches, so that what is
//! cut by weight is cut at the same rows in every run.

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;

/// Bytes of the values of rows `start..end`; null or not.
pub(crate) fn weight(batch: &RecordBatch, start: usize, end: usize) -> u64 {
    batch.columns().iter().map(|a| array_weight(a.as_ref(), start, end)).sum()
}

fn array_weight(array: &dyn Array, start: usize, end: usize) -> u64 {
    let rows = (end - start) as u64;
    match array.data_type() {
        DataType::Boolean => rows,
        DataType::Date32 => 4 * rows,
        DataType::Utf8 => {
            let (from, to) = extent(array.as_string::<i32>().value_offsets(), start, end);
            4 * rows + (to - from) as u64
        }
        DataType::Binary => {
            let (from, to) = extent(array.as_binary::<i32>().value_offsets(), start, end);
            4 * rows + (to - from) as u64
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let (from, to) = extent(list.value_offsets(), start, end);
            4 * rows + array_weight(list.values().as_ref(), from, to)
        }
        DataType::Struct(_) => {
            rows + array.as_struct().columns().iter().map(|a| array_weight(a.as_ref(), start, end)).sum::<u64>()
        }
        _ => 8 * rows,
    }
}

fn extent(offsets: &[i32], start: usize, end: usize) -> (usize, usize) {
    let at = |i: usize| offsets.get(i).and_then(|o| usize::try_from(*o).ok()).unwrap_or(0);
    (at(start), at(end).max(at(start)))
}

/// Where a run of rows ends: with the row that reaches either bound.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Rows.
    pub(crate) rows: usize,
    /// Bytes of values.
    pub(crate) weight: u64,
}

/// Gathers rows up to bounds.
pub(crate) struct Gatherer {
    bounds: Bounds,
    batches: Vec<RecordBatch>,
    rows: usize,
    weight: u64,
}

impl Gatherer {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, batches: Vec::new(), rows: 0, weight: 0 }
    }

    /// Takes rows of `batch` from `start` up to the bounds; how many.
    pub(crate) fn take(&mut self, batch: &RecordBatch, start: usize) -> usize {
        let most = (batch.num_rows() - start).min(self.bounds.rows - self.rows);
        let room = self.bounds.weight.saturating_sub(self.weight);
        let mut taken = most;
        let mut gained = weight(batch, start, start + most);
        if gained > room {
            // The least number of rows, at least one, that reaches the bound.
            let (mut low, mut high) = (1, most);
            while low < high {
                let middle = low + (high - low) / 2;
                if weight(batch, start, start + middle) >= room { high = middle } else { low = middle + 1 }
            }
            taken = low.min(most);
            gained = weight(batch, start, start + taken);
        }
        if taken > 0 {
            self.batches.push(batch.slice(start, taken));
            self.rows += taken;
            self.weight += gained;
        }
        taken
    }

    pub(crate) fn is_full(&self) -> bool {
        self.rows >= self.bounds.rows || self.weight >= self.bounds.weight
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// What was gathered, with its weight; and begins anew.
    pub(crate) fn drain(&mut self) -> (Vec<RecordBatch>, u64) {
        self.rows = 0;
        (std::mem::take(&mut self.batches), std::mem::take(&mut self.weight))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array, StringArray};
    use proptest::prelude::*;

    use super::*;

    fn batch(lengths: &[usize]) -> RecordBatch {
        let text: ArrayRef = Arc::new(StringArray::from_iter_values(lengths.iter().map(|n| "x".repeat(*n))));
        let number: ArrayRef = Arc::new(Int64Array::from_iter_values((0_i64..).take(lengths.len())));
        RecordBatch::try_from_iter([("t", text), ("n", number)]).unwrap()
    }

    fn cuts(bounds: Bounds, whole: &RecordBatch, sizes: &[usize]) -> Vec<usize> {
        let (mut cuts, mut gatherer, mut at, mut row) = (Vec::new(), Gatherer::new(bounds), 0, 0);
        let mut sizes = sizes.iter().cycle();
        while at < whole.num_rows() {
            let size = (*sizes.next().unwrap()).min(whole.num_rows() - at);
            let piece = whole.slice(at, size);
            at += size;
            let mut start = 0;
            while start < size {
                let n = gatherer.take(&piece, start);
                start += n;
                row += n;
                if gatherer.is_full() {
                    cuts.push(row);
                    gatherer.drain();
                }
            }
        }
        cuts
    }

    proptest! {
        #[test]
        fn cuts_do_not_depend_on_batches(
            lengths in prop::collection::vec(0..40_usize, 1..60),
            sizes in prop::collection::vec(1..20_usize, 1..5),
            rows in 1..20_usize,
            weight in 1..300_u64,
        ) {
            let whole = batch(&lengths);
            let bounds = Bounds { rows, weight };
            let want = cuts(bounds, &whole, &[1]);
            prop_assert_eq!(&cuts(bounds, &whole, &sizes), &want);
            prop_assert_eq!(&cuts(bounds, &whole, &[lengths.len()]), &want);
        }
    }
}
