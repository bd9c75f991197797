//! Files of rows between map and load: each worker appends to one of its own, as Arrow IPC.

use std::fs::File;
use std::io::{IoSlice, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::writer::StreamEncoder;
use arrow_schema::{ArrowError, Schema};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::error::RunError;
use crate::progress::Progress;
use crate::rows::lock;

/// Bytes that are looked at together when a checksum is compared.
const CHUNK: usize = 1 << 20;

/// A file of rows. It only grows, so that what was written once can be read at any time.
#[derive(Debug)]
pub(crate) struct RowFile {
    /// By which it is named.
    pub(crate) number: u32,
    path: PathBuf,
    file: File,
}

/// The files of rows of a run, in one folder.
pub(crate) struct RowFiles {
    folder: PathBuf,
    /// By number; those of processes before this one are opened when they are needed.
    open: Mutex<Vec<Option<Arc<RowFile>>>>,
}

/// A segment: a range of a file of rows that is one Arrow IPC stream of one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Segment {
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) rows: u64,
}

/// A segment, and the file in which it is.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) file: Arc<RowFile>,
    pub(crate) segment: Segment,
}

/// A range of a file with the digest of its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Range {
    /// The number of the file.
    pub(crate) file: u32,
    pub(crate) offset: u64,
    pub(crate) length: u64,
    /// XXH3 of 128 bits, hexadecimal.
    pub(crate) digest: String,
}

impl RowFiles {
    /// Files in this folder, which is there.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, open: Mutex::default() }
    }

    fn path(&self, number: u32) -> PathBuf {
        self.folder.join(format!("rows-{number}.arrows"))
    }

    /// A new file. Nobody writes to those of processes before this one: what they end with may belong to no finished split.
    fn create(&self) -> Result<Arc<RowFile>, RunError> {
        let mut open = lock(&self.open);
        loop {
            let number = u32::try_from(open.len()).map_err(|_| RunError::Bug("more than 2^32 files of rows".into()))?;
            let path = self.path(number);
            match File::options().create_new(true).read(true).write(true).open(&path) {
                Ok(file) => {
                    let made = Arc::new(RowFile { number, path, file });
                    open.push(Some(Arc::clone(&made)));
                    return Ok(made);
                }
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => open.push(None),
                Err(e) => return Err(RunError::work(&path, e)),
            }
        }
    }

    /// The file with this number.
    pub(crate) fn get(&self, number: u32) -> Result<Arc<RowFile>, RunError> {
        let mut open = lock(&self.open);
        let index = number as usize;
        if let Some(Some(file)) = open.get(index) {
            return Ok(Arc::clone(file));
        }
        let path = self.path(number);
        let file = File::open(&path).map_err(|e| RunError::work(&path, e))?;
        let file = Arc::new(RowFile { number, path, file });
        if open.len() <= index {
            open.resize(index + 1, None);
        }
        if let Some(slot) = open.get_mut(index) {
            *slot = Some(Arc::clone(&file));
        }
        Ok(file)
    }

    /// Makes all that was written durable.
    pub(crate) fn sync(&self) -> Result<(), RunError> {
        let open: Vec<Arc<RowFile>> = lock(&self.open).iter().flatten().cloned().collect();
        open.iter().try_for_each(|file| file.file.sync_data().map_err(|e| RunError::work(&file.path, e)))
    }

    /// What one worker appends to.
    pub(crate) fn writer(&self) -> RowWriter<'_> {
        RowWriter { files: self, file: None, end: 0, begin: 0, hash: Xxh3::new() }
    }
}

/// Appends rows to a file that nobody else writes to; it is made when there is something to write.
pub(crate) struct RowWriter<'a> {
    files: &'a RowFiles,
    file: Option<Arc<RowFile>>,
    end: u64,
    /// Where the split under way begins.
    begin: u64,
    /// Of what was written since then.
    hash: Xxh3,
}

impl RowWriter<'_> {
    /// Begins the range of a split.
    pub(crate) fn begin(&mut self) {
        self.begin = self.end;
        self.hash.reset();
    }

    /// The range of the split; none where nothing was written.
    pub(crate) fn range(&self) -> Option<Range> {
        let file = self.file.as_ref().filter(|_| self.end > self.begin)?;
        Some(Range {
            file: file.number,
            offset: self.begin,
            length: self.end - self.begin,
            digest: format!("{:032x}", self.hash.digest128()),
        })
    }

    /// Appends a batch, straight from its buffers. `hashed`: it belongs to the range of a split.
    pub(crate) fn write(
        &mut self,
        schema: &Schema,
        batch: &RecordBatch,
        hashed: bool,
        progress: &Progress,
    ) -> Result<Place, RunError> {
        let encode = || -> Result<Vec<Buffer>, ArrowError> {
            let mut encoder = StreamEncoder::try_new(schema)?;
            let mut buffers = encoder.encode(batch)?;
            buffers.extend(encoder.finish()?);
            Ok(buffers)
        };
        let buffers = encode().map_err(|e| RunError::Bug(format!("rows could not be encoded: {e}")))?;
        let file = match &self.file {
            Some(file) => Arc::clone(file),
            None => Arc::clone(self.file.insert(self.files.create()?)),
        };
        let length: u64 = buffers.iter().map(|b| b.len() as u64).sum();
        write_all(&file.file, &buffers).map_err(|e| RunError::work(&file.path, e))?;
        if hashed {
            buffers.iter().for_each(|b| self.hash.update(b));
            Progress::bump(&progress.shuffled, length);
        }
        let segment = Segment { offset: self.end, length, rows: batch.num_rows() as u64 };
        self.end += length;
        Ok(Place { file, segment })
    }
}

/// Writes buffers one after the other, many with a call.
fn write_all(mut file: &File, buffers: &[Buffer]) -> std::io::Result<()> {
    /// As many as any Unix takes.
    const AT_ONCE: usize = 512;
    for some in buffers.chunks(AT_ONCE) {
        let mut slices: Vec<IoSlice<'_>> = some.iter().filter(|b| !b.is_empty()).map(|b| IoSlice::new(b)).collect();
        let mut left = slices.as_mut_slice();
        while !left.is_empty() {
            match file.write_vectored(left) {
                Ok(0) => return Err(std::io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut left, written),
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }
    Ok(())
}

impl Place {
    /// Reads the batch back, with all columns that were written.
    pub(crate) fn read(&self) -> Result<RecordBatch, RunError> {
        let Segment { offset, length, rows } = self.segment;
        let fail = |e| RunError::work(&self.file.path, e);
        let damaged = |what: String| {
            let what = format!("the segment at {offset}: {what}");
            fail(std::io::Error::new(std::io::ErrorKind::InvalidData, what))
        };
        let length = usize::try_from(length).map_err(|_| damaged("it exceeds the address space".into()))?;
        let mut bytes = vec![0; length];
        self.file.file.read_exact_at(&mut bytes, offset).map_err(fail)?;
        let mut left = Buffer::from_vec(bytes);
        match StreamDecoder::new().decode(&mut left) {
            Ok(Some(batch)) if batch.num_rows() as u64 == rows => Ok(batch),
            Ok(Some(batch)) => Err(damaged(format!("it has {} rows, not {rows}", batch.num_rows()))),
            Ok(None) => Err(damaged("it holds nothing".into())),
            Err(e) => Err(damaged(e.to_string())),
        }
    }
}

impl RowFile {
    /// Whether the bytes of a range are those that were written.
    pub(crate) fn holds(&self, range: &Range) -> bool {
        let mut hash = Xxh3::new();
        let mut chunk = vec![0; CHUNK];
        let (mut at, mut left) = (range.offset, range.length);
        while left > 0 {
            let take = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
            let Some(part) = chunk.get_mut(..take) else { return false };
            if self.file.read_exact_at(part, at).is_err() {
                return false;
            }
            hash.update(part);
            at += take as u64;
            left -= take as u64;
        }
        format!("{:032x}", hash.digest128()) == range.digest
    }
}
