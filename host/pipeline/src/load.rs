//! The load: rows that stay are handed to the sink in input order. A thread of its own reads them back, so that reading and writing overlap.

use arrow_array::{BooleanArray, RecordBatch};
use arrow_select::filter::filter_record_batch;
use gristmill_sink::Sink;
use tokio::runtime::Runtime;

use crate::dedup::Survivors;
use crate::error::RunError;
use crate::progress::Progress;
use crate::rows::RowStore;

/// Batches that wait between the reader and the sink.
const AHEAD: usize = 2;

/// Hands the rows of one table to the sink.
pub(crate) fn load_table(
    runtime: &Runtime,
    sink: &mut dyn Sink,
    table: usize,
    rows: &RowStore,
    stay: &Survivors,
    splits: usize,
    progress: &Progress,
) -> Result<(), RunError> {
    let (send, receive) = crossbeam_channel::bounded::<RecordBatch>(AHEAD);
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            for split in 0..splits {
                rows.take_split(split, |first, batch| {
                    let batch = surviving(split, first, batch, stay)?;
                    // The receiver is gone only when the sink failed or the run was cancelled, and that is what is told.
                    send.send(batch).map_err(|_| RunError::Cancelled)
                })?;
            }
            Ok(())
        });
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
