//! Rows to files: `part-00000.parquet` and so on in one folder.
//!
//! What is written depends on the rows alone: they are cut again into chunks of fixed size before the encoder sees them, since it decides
//! about pages whenever it is handed rows.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;

use super::encoding::Encoding;
use super::manifest::FileEntry;
use super::place::Done;
use crate::SinkError;
use crate::weight::{Bounds, Gatherer};

/// What the encoder is handed at once.
const CHUNK: Bounds = Bounds { rows: super::encoding::CHUNK_ROWS, weight: 4 << 20 };
/// A row group ends with the chunk that reaches either. Its pages stay in memory, encoded, until then.
const ROW_GROUP: Bounds = Bounds { rows: 128 * 1024, weight: 32 << 20 };
/// A file ends with the row group that reaches either.
const FILE: Bounds = Bounds { rows: 1024 * 1024, weight: 256 << 20 };

/// Writes the files of one folder.
pub(super) struct Parts {
    schema: SchemaRef,
    encoding: Arc<Encoding>,
    /// Where the files are made.
    folder: PathBuf,
    /// What the manifest calls that folder.
    listed: String,
    done: Done,
    gathered: Gatherer,
    open: Option<Part>,
    files: Vec<FileEntry>,
}

struct Part {
    writer: ArrowWriter<Measured>,
    path: PathBuf,
    rows: usize,
    weight: u64,
    group_rows: usize,
    group_weight: u64,
}

impl Parts {
    /// Creates the folder.
    pub(super) fn create(
        schema: SchemaRef,
        encoding: Arc<Encoding>,
        folder: PathBuf,
        listed: String,
        done: Done,
    ) -> Result<Self, SinkError> {
        std::fs::create_dir_all(&folder).map_err(SinkError::io("creating", &folder))?;
        let gathered = Gatherer::new(CHUNK);
        Ok(Self { schema, encoding, folder, listed, done, gathered, open: None, files: Vec::new() })
    }

    pub(super) fn push(&mut self, rows: &RecordBatch) -> Result<(), SinkError> {
        let mut start = 0;
        while start < rows.num_rows() {
            start += self.gathered.take(rows, start);
            if self.gathered.is_full() {
                self.write_chunk()?;
            }
        }
        Ok(())
    }

    fn write_chunk(&mut self) -> Result<(), SinkError> {
        let (batches, weight) = self.gathered.drain();
        let mut part = match self.open.take() {
            Some(part) => part,
            None => self.open_part()?,
        };
        let rows = super::join(batches).map_err(SinkError::encode("writing", &part.path))?;
        let Some(rows) = rows else { return Ok(()) };
        part.writer.write(&rows).map_err(|e| parquet_error(e, &part.path))?;
        part.group_rows += rows.num_rows();
        part.group_weight += weight;
        part.rows += rows.num_rows();
        part.weight += weight;
        if part.group_rows >= ROW_GROUP.rows || part.group_weight >= ROW_GROUP.weight {
            part.writer.flush().map_err(|e| parquet_error(e, &part.path))?;
            (part.group_rows, part.group_weight) = (0, 0);
            if part.rows >= FILE.rows || part.weight >= FILE.weight {
                return self.close(part);
            }
        }
        self.open = Some(part);
        Ok(())
    }

    fn open_part(&self) -> Result<Part, SinkError> {
        let path = self.folder.join(self.name());
        let file = File::create_new(&path).map_err(SinkError::io("creating", &path))?;
        let options = ArrowWriterOptions::new()
            .with_properties(self.encoding.properties.clone())
            .with_parquet_schema(self.encoding.schema.clone())
            .with_skip_arrow_metadata(true);
        let measured = Measured { file, bytes: 0, crc: 0 };
        let writer = ArrowWriter::try_new_with_options(measured, self.schema.clone(), options)
            .map_err(|e| parquet_error(e, &path))?;
        Ok(Part { writer, path, rows: 0, weight: 0, group_rows: 0, group_weight: 0 })
    }

    fn name(&self) -> String {
        format!("part-{:05}.parquet", self.files.len())
    }

    fn close(&mut self, part: Part) -> Result<(), SinkError> {
        let Part { mut writer, path, rows, .. } = part;
        writer.finish().map_err(|e| parquet_error(e, &path))?;
        // Finishing has flushed everything to the file.
        let Measured { bytes, crc, .. } = writer.inner();
        let entry = FileEntry {
            path: format!("{}/{}", self.listed, self.name()),
            rows: rows as u64,
            bytes: *bytes,
            crc32c: format!("{crc:08x}"),
        };
        (self.done)(&path, &entry)?;
        self.files.push(entry);
        Ok(())
    }

    /// The files, complete but not yet durable.
    pub(super) fn finish(mut self) -> Result<Vec<FileEntry>, SinkError> {
        if !self.gathered.is_empty() {
            self.write_chunk()?;
        }
        if let Some(part) = self.open.take() {
            self.close(part)?;
        }
        Ok(self.files)
    }
}

/// A file that counts and sums what goes through it.
struct Measured {
    file: File,
    bytes: u64,
    crc: u32,
}

impl Write for Measured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.bytes += n as u64;
        self.crc = crc32c::crc32c_append(self.crc, bytes.get(..n).unwrap_or_default());
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The library wraps errors of the file: a full disk must be told from a mistake.
fn parquet_error(error: parquet::errors::ParquetError, path: &Path) -> SinkError {
    match error {
        parquet::errors::ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(io) => SinkError::io("writing", path)(*io),
            Err(other) => SinkError::encode("writing", path)(other),
        },
        other => SinkError::encode("writing", path)(other),
    }
}
