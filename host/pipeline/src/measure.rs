//! How long a mapping takes on a real input, apart from everything that a run does besides. Nothing is loaded.

use std::sync::Arc;
use std::time::Duration;

use cpu_time::ThreadTime;
use gristmill_decode::Projection;
use gristmill_plugin::Transform;
use gristmill_source::Input;

use crate::error::RunError;
use crate::reading::SplitReader;
use crate::run::SPLIT_BYTES;

/// What a mapping did, and how long it took. Times are processor times of one thread.
#[derive(Debug, Clone, Copy, Default)]
pub struct Measured {
    /// Records that the mapping takes.
    pub records: u64,
    /// Rows that it made.
    pub rows: u64,
    /// Records that were refused, by the mapping or before it.
    pub refused: u64,
    /// Reading and decoding, straight into the columns that the mapping declares.
    pub decoding: Duration,
    /// The calls: copying in, mapping, copying out and checking.
    pub calls: Duration,
    /// Bytes of the columns that went in.
    pub bytes_in: u64,
    /// Bytes of the columns that came out.
    pub bytes_out: u64,
    /// Bytes of memory of the instance after the first tenth of the records, and in the end; none where it has none of its own.
    pub memory: Option<(u64, u64)>,
}

impl Measured {
    /// Records a second of processor time, decoded and mapped.
    pub fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let records = self.records as f64;
        records / (self.decoding + self.calls).as_secs_f64().max(1e-9)
    }

    /// The share of the time that the calls take.
    pub fn share_of_calls(&self) -> f64 {
        self.calls.as_secs_f64() / (self.decoding + self.calls).as_secs_f64().max(1e-9)
    }
}

/// Maps up to `most` records of an input on this thread, in batches of `batch_rows`.
///
/// # Errors
/// When the input cannot be read, or the mapping cannot be run.
pub fn measure(input: &Input, transform: &dyn Transform, batch_rows: usize, most: u64) -> Result<Measured, RunError> {
    let projection = Arc::new(Projection::new(transform.description(), 0));
    let max_document = gristmill_decode::Limits::default().max_document;
    let mut worker = transform.worker()?;
    let mut measured = Measured::default();
    let (mut early, mut late) = (None, None);
    'splits: for split in input.splits(SPLIT_BYTES)? {
        let mut reader = SplitReader::open(input, &split, &projection, max_document)?;
        loop {
            let start = ThreadTime::now();
            let batch = reader.next(batch_rows, |_| Ok(()))?;
            measured.decoding += start.elapsed();
            let Some(batch) = batch else { break };
            measured.refused += batch.refused.len() as u64;
            measured.records += (batch.refused.len() + batch.columns.num_rows()) as u64;
            measured.bytes_in += batch.columns.get_array_memory_size() as u64;
            let start = ThreadTime::now();
            let mapped = worker.transform(&batch.columns)?;
            measured.calls += start.elapsed();
            measured.refused += mapped.faults.len() as u64;
            for part in &mapped.parts {
                measured.refused += part.rejections.len() as u64;
                for table in &part.tables {
                    measured.rows += table.rows.num_rows() as u64;
                    measured.bytes_out += table.rows.get_array_memory_size() as u64;
                }
            }
            // None of an instance that is about to be replaced.
            late = worker.memory().or(late);
            if early.is_none() && measured.records >= most / 10 {
                early = late;
            }
            if measured.records >= most {
                break 'splits;
            }
        }
    }
    measured.memory = late.map(|late| (early.unwrap_or(late), late));
    Ok(measured)
}
