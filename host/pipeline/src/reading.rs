//! A split being read: bytes go from its file into a decoder, batches come out.

use std::io::Read;
use std::sync::Arc;

use gristmill_decode::{Batch, Decoder, Limits, Projection};
use gristmill_source::{Input, InputFile, SourceError, Split};

use crate::error::RunError;

/// Bytes asked of a file at a time: enough for batches of thousands of documents, small beside the budget.
const READ_BYTES: usize = 1 << 18;

/// Reads one split from its beginning to its end.
pub(crate) struct SplitReader<'a> {
    pub(crate) file: &'a InputFile,
    reader: Box<dyn Read + Send>,
    decoder: Decoder,
}

impl<'a> SplitReader<'a> {
    pub(crate) fn open(
        input: &'a Input,
        split: &Split,
        projection: &Arc<Projection>,
        max_document: usize,
    ) -> Result<Self, RunError> {
        Self::over(input, split, input.open(split)?, projection, max_document)
    }

    /// The same over the split's bytes as someone has opened them.
    pub(crate) fn over(
        input: &'a Input,
        split: &Split,
        reader: Box<dyn Read + Send>,
        projection: &Arc<Projection>,
        max_document: usize,
    ) -> Result<Self, RunError> {
        let file = file_of(input, split)?;
        let limits = Limits { max_document, ..Limits::default() };
        let decoder = Decoder::new(file.format, Arc::clone(projection), split.start, split.end, limits);
        Ok(Self { file, reader, decoder })
    }

    /// Lets go of the split's bytes, and keeps the buffers.
    pub(crate) fn close(&mut self) {
        self.reader = Box::new(std::io::empty());
    }

    /// Goes on with another split, in the buffers of the one before.
    pub(crate) fn reopen(
        &mut self,
        input: &'a Input,
        split: &Split,
        reader: Box<dyn Read + Send>,
    ) -> Result<(), RunError> {
        self.file = file_of(input, split)?;
        self.reader = reader;
        self.decoder.restart(self.file.format, split.start, split.end);
        Ok(())
    }

    /// The next batch, of up to `rows` rows; none when the split has been read. `seen` is shown the bytes as they are read, those beyond the end
    /// of the split that its last record needs with them.
    pub(crate) fn next(
        &mut self,
        rows: usize,
        mut seen: impl FnMut(&[u8]) -> Result<(), RunError>,
    ) -> Result<Option<Batch>, RunError> {
        loop {
            if let Some(batch) = self.decoder.next_batch(rows).map_err(|e| self.decode_error(e))? {
                return Ok(Some(batch));
            }
            if self.decoder.is_done() {
                return Ok(None);
            }
            let room = self.decoder.room(READ_BYTES);
            match self.reader.read(room) {
                Ok(0) => self.decoder.finish_input(),
                Ok(read) => {
                    seen(room.get(..read).unwrap_or_default())?;
                    self.decoder.fed(read);
                }
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(RunError::Source(SourceError::from_read(&self.file.path, e))),
            }
        }
    }

    /// Writes the document of a row of the last batch in REST JSON.
    pub(crate) fn write_document(&self, row: usize, out: &mut Vec<u8>) -> Result<(), RunError> {
        self.decoder.write_document(row, out).map_err(|e| self.decode_error(e))
    }

    fn decode_error(&self, source: gristmill_decode::DecodeError) -> RunError {
        RunError::Decode { file: self.file.name.clone(), source }
    }
}

fn file_of<'a>(input: &'a Input, split: &Split) -> Result<&'a InputFile, RunError> {
    usize::try_from(split.file)
        .ok()
        .and_then(|f| input.files.get(f))
        .ok_or_else(|| RunError::Bug("a split names a file that is not in the input".into()))
}
