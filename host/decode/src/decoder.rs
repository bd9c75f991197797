//! x
use std::sync::Arc;
use crate::{Batch, DecodeError, Projection};

/// How the records of a file are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// A LevelDB log of entity protobufs: Google's managed export, and the emulator's.
    Log,
    /// Documents in the JSON of Firestore's REST API, in any of its layouts.
    Json,
}

/// Ceilings on what a decoder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one encoded document.
    pub max_document: usize,
    /// Bytes after which a batch ends, of its columns or of the input that it was made from.
    pub max_batch_bytes: usize,
    /// Levels of maps and arrays that a value may nest.
    pub max_depth: usize,
}

impl Default for Limits {
    /// 32 MiB a document, 4 MiB a batch, 64 levels.
    fn default() -> Self {
        Self { max_document: 32 << 20, max_batch_bytes: 4 << 20, max_depth: 64 }
    }
}

/// x
#[derive(Debug)]
pub struct Decoder {}
impl Decoder {
    /// x
    pub fn new(_format: Format, _projection: Arc<Projection>, _start: u64, _end: Option<u64>, _limits: Limits) -> Self { Self {} }
    /// x
    pub fn feed(&mut self, _bytes: &[u8]) {}
    /// x
    pub fn finish_input(&mut self) {}
    /// x
    pub fn next_batch(&mut self, _max_rows: usize) -> Result<Option<Batch>, DecodeError> { Ok(None) }
    /// x
    pub fn is_done(&self) -> bool { true }
    /// x
    pub fn write_document(&self, _row: usize, _out: &mut Vec<u8>) -> Result<(), DecodeError> { Ok(()) }
}
