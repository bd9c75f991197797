//! The load: rows that stay are handed to the sink in input order. A thread of its own reads them back, so that reading and writing overlap; it also
//! takes note of them.

use arrow_array::{BooleanArray, RecordBatch};
use arrow_select::filter::filter_record_batch;
use gristmill_sink::Sink;
use tokio::runtime::Runtime;

use crate::dedup::Survivors;
use crate::error::RunError;
use crate::output::Observer;
use crate::progress::Progress;
use crate::rows::RowStore;

/// Batches that wait between the reader and the sink.
const AHEAD: usize = 2;

/// The rows of a table that stay.
pub(crate) struct Staying<'a> {
    pub(crate) rows: &'a RowStore,
    pub(crate) stay: &'a Survivors,
    pub(crate) splits: usize,
}

impl Staying<'_> {
    /// Hands them out in input order, when note was taken of them.
    fn each(
        &self,
        observer: &mut Observer,
        mut to: impl FnMut(RecordBatch) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        for split in 0..self.splits {
            self.rows.take_split(split, |first, batch| {
                let batch = surviving(split, first, batch, self.stay)?;
                observer.observe(&batch)?;
                to(batch)
            })?;
        }
        Ok(())
    }

    /// Takes note of them, where the destination has them already.
    pub(crate) fn look(&self, observer: &mut Observer) -> Result<(), RunError> {
        self.each(observer, |_| Ok(()))
    }
}

/// Hands the rows of one table to the sink.
pub(crate) fn load_table(
    runtime: &Runtime,
    sink: &mut dyn Sink,
    table: usize,
    rows: &Staying<'_>,
    observer: &mut Observer,
    progress: &Progress,
) -> Result<(), RunError> {
    let (send, receive) = crossbeam_channel::bounded::<RecordBatch>(AHEAD);
    std::thread::scope(|scope| {
        // The receiver is gone only when the sink failed or the run was cancelled, and that is what is told.
        let reader =
            scope.spawn(move || rows.each(observer, |batch| send.send(batch).map_err(|_| RunError::Cancelled)));
        for batch in receive {
            if progress.is_cancelled() {
                return Err(RunError::Cancelled);
            }
            let count = batch.num_rows() as u64;
            runtime.block_on(sink.write(table, batch))?;
            Progress::bump(&progress.rows_loaded, count);
        }
        reader.join().map_err(|_| RunError::Bug("the thread that reads rows back failed".into()))?
    })
}

/// The rows of a batch that stay.
fn surviving(split: usize, first: u64, batch: RecordBatch, stay: &Survivors) -> Result<RecordBatch, RunError> {
    if stay.is_whole(split) {
        return Ok(batch);
    }
    let mask: BooleanArray = (0..batch.num_rows() as u64).map(|i| Some(stay.stays(split, first + i))).collect();
    if mask.true_count() == batch.num_rows() {
        return Ok(batch);
    }
    filter_record_batch(&batch, &mask).map_err(|e| RunError::Bug(format!("rows could not be filtered: {e}")))
}
