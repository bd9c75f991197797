//! The bytes of a split.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::{Compression, Format, Input, SourceError, Split};

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
        let now = std::fs::metadata(&file.path).map_err(|e| SourceError::unreadable(&file.path, e))?.len();
        if now != file.size {
            return Err(SourceError::Changed { path: file.path.clone(), listed: file.size, now });
        }
        if file.compression != Compression::None {
            let mut reader = decompress(&file.path, file.compression)?;
            io::copy(&mut reader.by_ref().take(start), &mut io::sink())
                .map_err(|e| SourceError::from_read(&file.path, e))?;
            return Ok(Box::new(reader));
        }
        let unreadable = |e| SourceError::unreadable(&file.path, e);
        let mut plain = File::open(&file.path).map_err(unreadable)?;
        if start > 0 {
            plain.seek(SeekFrom::Start(start)).map_err(unreadable)?;
        }
        let compression = Compression::None;
        Ok(Box::new(PlacedReader { inner: plain, path: file.path.clone(), compression, offset: start }))
    }
}

/// A file's decompressed bytes from its beginning.
pub(crate) fn decompress(path: &Path, compression: Compression) -> Result<impl Read + Send + use<>, SourceError> {
    let unreadable = |e| SourceError::unreadable(path, e);
    let file = BufReader::with_capacity(BUFFER, File::open(path).map_err(unreadable)?);
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
