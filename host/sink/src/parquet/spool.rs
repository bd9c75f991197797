//! Sorted slabs on disk, and their merge.
//!
//! A slab that does not fit beside the next is written to a temporary file without a name, as blocks of Arrow's IPC format: a run. At the end, or when
//! there are many runs, they are merged: for each partition, its rows of the first run, of the second, and so on. Memory is a
//! block a run, and the number of runs is bounded by merging the small ones into a large one.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::FileDecoder;
use arrow_ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions, write_message};
use arrow_ipc::{Block, MetadataVersion};
use arrow_schema::{ArrowError, SchemaRef};

use super::slab::Sorted;
use crate::SinkError;
use crate::weight::{Bounds, Gatherer};

/// What a block holds at most.
const BLOCK: Bounds = Bounds { rows: 4096, weight: 128 << 10 };

/// So many runs are merged into one.
const FAN_IN: usize = 128;

/// Runs in the order of their rows.
pub(super) struct Spool {
    schema: SchemaRef,
    folder: PathBuf,
    /// Merged runs, older than every run of `small`.
    large: Option<Runs>,
    small: Option<Runs>,
}

impl Spool {
    /// Temporary files lie in `folder`.
    pub(super) fn new(schema: SchemaRef, folder: &Path) -> Self {
        Self { schema, folder: folder.to_owned(), large: None, small: None }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.small.is_none() && self.large.is_none()
    }

    pub(super) fn add(&mut self, sorted: &Sorted) -> Result<(), SinkError> {
        let runs = match &mut self.small {
            Some(runs) => runs,
            None => self.small.insert(Runs::create(&self.folder)?),
        };
        let mut writer = RunWriter::new(runs);
        writer.push(&sorted.rows)?;
        writer.finish(sorted.segments.clone())?;
        if runs.runs.len() >= FAN_IN { self.compact() } else { Ok(()) }
    }

    /// Merges the small runs into a large one.
    fn compact(&mut self) -> Result<(), SinkError> {
        let Some(small) = self.small.take() else { return Ok(()) };
        let large = match &mut self.large {
            Some(runs) => runs,
            None => self.large.insert(Runs::create(&self.folder)?),
        };
        let mut writer = RunWriter::new(large);
        let mut segments: Vec<(u32, usize)> = Vec::new();
        merge(small.readers(&self.schema), |number, rows| {
            match segments.last_mut() {
                Some((last, n)) if *last == number => *n += rows.num_rows(),
                _ => segments.push((number, rows.num_rows())),
            }
            writer.push(&rows)
        })?;
        writer.finish(segments)
    }

    /// All rows, by the number of their partition; those of one partition in the order in which they came.
    pub(super) fn read(&self, emit: impl FnMut(u32, RecordBatch) -> Result<(), SinkError>) -> Result<(), SinkError> {
        let runs = self.large.iter().chain(&self.small);
        merge(runs.flat_map(|r| r.readers(&self.schema)).collect(), emit)
    }
}

fn merge(
    mut readers: Vec<RunReader<'_>>,
    mut emit: impl FnMut(u32, RecordBatch) -> Result<(), SinkError>,
) -> Result<(), SinkError> {
    while let Some(number) = readers.iter().filter_map(|r| r.segments.front()).map(|(number, _)| *number).min() {
        for reader in &mut readers {
            if let Some((_, rows)) = reader.segments.pop_front_if(|(n, _)| *n == number) {
                reader.take(rows, |rows| emit(number, rows))?;
            }
        }
    }
    Ok(())
}

/// A temporary file of runs.
struct Runs {
    file: File,
    /// Bytes that have been written.
    end: u64,
    folder: PathBuf,
    runs: Vec<Run>,
}

struct Run {
    blocks: Vec<Block>,
    segments: Vec<(u32, usize)>,
}

impl Runs {
    fn create(folder: &Path) -> Result<Self, SinkError> {
        let file = tempfile::tempfile_in(folder).map_err(SinkError::io("creating a file in", folder))?;
        Ok(Self { file, end: 0, folder: folder.to_owned(), runs: Vec::new() })
    }

    fn readers(&self, schema: &SchemaRef) -> Vec<RunReader<'_>> {
        let reader = |run: &Run| RunReader {
            file: &self.file,
            folder: &self.folder,
            decoder: FileDecoder::new(schema.clone(), MetadataVersion::V5),
            blocks: run.blocks.clone().into(),
            segments: run.segments.clone().into(),
            current: None,
        };
        self.runs.iter().map(reader).collect()
    }
}

struct RunWriter<'a> {
    runs: &'a mut Runs,
    gathered: Gatherer,
    blocks: Vec<Block>,
    options: IpcWriteOptions,
    context: IpcWriteContext,
}

impl<'a> RunWriter<'a> {
    fn new(runs: &'a mut Runs) -> Self {
        Self {
            runs,
            gathered: Gatherer::new(BLOCK),
            blocks: Vec::new(),
            options: IpcWriteOptions::default(),
            context: IpcWriteContext::default(),
        }
    }

    fn push(&mut self, rows: &RecordBatch) -> Result<(), SinkError> {
        let mut start = 0;
        while start < rows.num_rows() {
            start += self.gathered.take(rows, start);
            if self.gathered.is_full() {
                self.write_block()?;
            }
        }
        Ok(())
    }

    fn write_block(&mut self) -> Result<(), SinkError> {
        let folder = self.runs.folder.clone();
        let doing = "writing a temporary file in";
        let rows = super::join(self.gathered.drain().0).map_err(SinkError::encode(doing, &folder))?;
        let Some(rows) = rows else { return Ok(()) };
        let mut dictionaries = DictionaryTracker::new(true);
        let (_, encoded) = IpcDataGenerator::default()
            .encode(&rows, &mut dictionaries, &self.options, &mut self.context)
            .map_err(SinkError::encode(doing, &folder))?;
        // The head is gathered; the body, larger than the buffer, goes to the file without a copy.
        let mut file = BufWriter::with_capacity(8 << 10, &self.runs.file);
        let (head, body) = write_message(&mut file, encoded, &self.options).map_err(|e| match e {
            ArrowError::IoError(_, e) => SinkError::io(doing, &folder)(e),
            e => SinkError::encode(doing, &folder)(e),
        })?;
        file.flush().map_err(SinkError::io(doing, &folder))?;
        drop(file);
        let offset = self.runs.end;
        self.runs.end += (head + body) as u64;
        let too_large = |_| SinkError::encode(doing, &folder)("a block is too large");
        self.blocks.push(Block::new(
            i64::try_from(offset).map_err(too_large)?,
            i32::try_from(head).map_err(too_large)?,
            i64::try_from(body).map_err(too_large)?,
        ));
        Ok(())
    }

    fn finish(mut self, segments: Vec<(u32, usize)>) -> Result<(), SinkError> {
        self.write_block()?;
        self.runs.runs.push(Run { blocks: self.blocks, segments });
        Ok(())
    }
}

struct RunReader<'a> {
    file: &'a File,
    folder: &'a Path,
    decoder: FileDecoder,
    blocks: VecDeque<Block>,
    segments: VecDeque<(u32, usize)>,
    /// A block and how many of its rows are taken.
    current: Option<(RecordBatch, usize)>,
}

impl RunReader<'_> {
    /// Hands the next rows to `emit`.
    fn take(
        &mut self,
        mut rows: usize,
        mut emit: impl FnMut(RecordBatch) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        while rows > 0 {
            let (block, taken) = match self.current.take() {
                Some(current) => current,
                None => (self.read_block()?, 0),
            };
            let n = rows.min(block.num_rows() - taken);
            emit(block.slice(taken, n))?;
            rows -= n;
            self.current = (taken + n < block.num_rows()).then_some((block, taken + n));
        }
        Ok(())
    }

    fn read_block(&mut self) -> Result<RecordBatch, SinkError> {
        let doing = "reading a temporary file in";
        let fail = || SinkError::encode(doing, self.folder)("it ends too early");
        let block = self.blocks.pop_front().ok_or_else(fail)?;
        let number = |n: i64| u64::try_from(n).map_err(|_| fail());
        let length = number(i64::from(block.metaDataLength()))? + number(block.bodyLength())?;
        // Read into memory that nobody has cleared.
        let mut bytes = Vec::with_capacity(usize::try_from(length).map_err(|_| fail())?);
        let mut file = self.file;
        let read = file
            .seek(SeekFrom::Start(number(block.offset())?))
            .and_then(|_| file.take(length).read_to_end(&mut bytes))
            .map_err(SinkError::io(doing, self.folder))?;
        if read as u64 != length {
            return Err(fail());
        }
        let rows = self.decoder.read_record_batch(&block, &Buffer::from_vec(bytes));
        rows.map_err(SinkError::encode(doing, self.folder))?.ok_or_else(fail)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use arrow_array::{ArrayRef, Int64Array};

    use super::*;

    /// Enough runs to merge them twice, and some that stay small.
    #[test]
    fn merged_runs_keep_the_order_of_rows() {
        let folder = tempfile::TempDir::new().unwrap();
        let batch = |numbers: Vec<i64>| {
            let column: ArrayRef = Arc::new(Int64Array::from(numbers));
            RecordBatch::try_from_iter([("n", column)]).unwrap()
        };
        let mut spool = Spool::new(batch(vec![]).schema(), folder.path());
        let runs = i64::try_from(2 * FAN_IN + 3).unwrap();
        for run in 0..runs {
            // Partition 1 in every run, the others in some.
            let mut segments = vec![(1, 2)];
            let mut numbers = vec![run, run];
            if run % 3 == 0 {
                segments.insert(0, (0, 1));
                numbers.insert(0, 1_000 + run);
            }
            if run % 100 == 7 {
                segments.push((9, 5_000));
                numbers.extend(vec![2_000 + run; 5_000]);
            }
            spool.add(&Sorted { rows: batch(numbers), segments }).unwrap();
        }
        let mut read: Vec<(u32, i64)> = Vec::new();
        spool
            .read(|number, rows| {
                read.extend(rows.column(0).as_primitive::<Int64Type>().values().iter().map(|v| (number, *v)));
                Ok(())
            })
            .unwrap();
        let mut want: Vec<_> = (0..runs).step_by(3).map(|run| (0, 1_000 + run)).collect();
        want.extend((0..runs).flat_map(|run| [(1, run), (1, run)]));
        want.extend((7..runs).step_by(100).flat_map(|run| vec![(9, 2_000 + run); 5_000]));
        assert!(read == want);
        assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "a temporary file has a name");
    }
}
