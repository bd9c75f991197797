//! The bytes of a split.

use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::store::{Entry, Store};
use crate::{Compression, Format, Input, InputFile, SourceError, Split, bucket};

/// Bytes read from disk at once in front of a decompressor.
const BUFFER: usize = 256 << 10;

impl Input {
    /// The decompressed bytes from where a split starts to the **end of the file**: whoever decodes them knows when the
    /// split's last record has ended.
    ///
    /// For JSON a split that does not start at 0 is opened one byte earlier, so that the decoder sees whether a line begins at its start.
    /// An error while reading is turned into a [`SourceError`] that names file and offset by [`SourceError::from_read`].
    /// There is no buffer in front of plain files: read in large pieces.
    pub fn open(&self, split: &Split) -> Result<Box<dyn Read + Send>, SourceError> {
        let index = usize::try_from(split.file).unwrap_or(usize::MAX);
        let Some(file) = self.files.get(index) else {
            return Err(SourceError::Internal(format!("there is no input file number {}", split.file)));
        };
        let start = match file.format {
            Format::Log => split.start,
            Format::Json => split.start.saturating_sub(1),
        };
        let now = match self.store.entry(&file.path).map_err(|e| SourceError::unreadable(&file.path, e))? {
            Entry::File(size) => size,
            Entry::Folder | Entry::Other => 0,
        };
        if now != file.size {
            return Err(SourceError::Changed { path: file.path.clone(), listed: file.size, now });
        }
        self.store.check(&file.path)?;
        if file.compression != Compression::None {
            let mut reader = decompress(&self.store, &file.path, file.compression)?;
            io::copy(&mut reader.by_ref().take(start), &mut io::sink())
                .map_err(|e| SourceError::from_read(&file.path, e))?;
            return Ok(Box::new(reader));
        }
        let plain = self.store.open(&file.path, start).map_err(|e| SourceError::unreadable(&file.path, e))?;
        Ok(placed(file, plain, start))
    }
}

/// A file's decompressed bytes from its beginning.
pub(crate) fn decompress(
    store: &Store,
    path: &Path,
    compression: Compression,
) -> Result<impl Read + Send + use<>, SourceError> {
    let raw = store.open(path, 0).map_err(|e| SourceError::unreadable(path, e))?;
    unpacked(path, compression, raw)
}

/// The bytes of a plain file from `start`, with errors that know where they happened.
pub(crate) fn placed(file: &InputFile, raw: Box<dyn Read + Send>, start: u64) -> Box<dyn Read + Send> {
    Box::new(PlacedReader { inner: raw, path: file.path.clone(), compression: Compression::None, offset: start })
}

/// The decompressed bytes of a file whose own bytes are `raw`.
pub(crate) fn unpacked(
    path: &Path,
    compression: Compression,
    raw: Box<dyn Read + Send>,
) -> Result<impl Read + Send + use<>, SourceError> {
    let unreadable = |e| SourceError::unreadable(path, e);
    let file = BufReader::with_capacity(BUFFER, raw);
    let inner: Box<dyn Read + Send> = match compression {
        Compression::None => Box::new(file),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
        Compression::Zstd => Box::new(zstd::Decoder::with_buffer(file).map_err(unreadable)?),
    };
    Ok(PlacedReader { inner, path: path.to_owned(), compression, offset: 0 })
}

/// A reader whose errors know where they happened.
struct PlacedReader<R> {
    inner: R,
    path: PathBuf,
    compression: Compression,
    offset: u64,
}

impl<R: Read> Read for PlacedReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(into) {
            Ok(n) => {
                self.offset += n as u64;
                Ok(n)
            }
            // Callers repeat it; it must stay what it is.
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Err(e),
            Err(error) => {
                let kind = error.kind();
                let error = match bucket::unwrap(error) {
                    Ok(storage) => return Err(io::Error::new(kind, SourceError::Storage(storage))),
                    Err(error) => error,
                };
                let (path, offset) = (self.path.clone(), self.offset);
                // An operating system's error has a number, a decompressor's has none.
                let placed = if self.compression == Compression::None || error.raw_os_error().is_some() {
                    SourceError::Unreadable { path, offset: Some(offset), error }
                } else {
                    SourceError::Compressed { path, compression: self.compression.name(), offset, error }
                };
                Err(io::Error::new(kind, placed))
            }
        }
    }
}

impl SourceError {
    /// The error that a reader of [`Input::open`] met, with file and offset; any other I/O error is put down to `path`.
    pub fn from_read(path: &Path, error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(placed) => placed,
            Err(other) => Self::unreadable(path, other),
        }
    }
}
