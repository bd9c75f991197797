//! What a decoder hands out.

use arrow_array::RecordBatch;
use gristmill_record::Refusal;

/// Rows of decoded documents, with what became of the records between them.
#[derive(Debug, Clone)]
pub struct Batch {
    /// A column for each declared input: [`gristmill_record::arrow::input_schema`].
    pub columns: RecordBatch,
    /// For each row, where its record begins: bytes from the start of the (decompressed) file.
    pub offsets: Vec<u64>,
    /// For each row, the XXH3 hash (64 bits, with the projection's seed) of the document's path below `…/documents/`: segments joined by
    /// `/`, integer ids as `__id7__`. The same in every format.
    pub identities: Vec<u64>,
    /// The refused records of this batch, in input order.
    pub refused: Vec<RefusedRecord>,
    /// The records that this batch accounts for.
    pub tally: Tally,
}

/// A record that could not be decoded into a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRecord {
    /// Where it begins: bytes from the start of the (decompressed) file.
    pub offset: u64,
    /// Why. Its stage is [`gristmill_record::Stage::Decode`].
    pub refusal: Refusal,
    /// The document in REST JSON, one line, where it can be read.
    pub document: Option<Vec<u8>>,
    /// The record's bytes where `document` is `None`; empty for a record of a log that is larger than
    /// [`crate::Limits::max_document`], which is never held.
    pub raw: Vec<u8>,
}

/// Counts of records: `records` = rows + refused + `other_documents`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Records read.
    pub records: u64,
    /// Documents that the pattern does not match.
    pub other_documents: u64,
    /// Bytes of the payloads of log records, of all `records`; 0 for JSON.
    pub payload_bytes: u64,
    /// Values of Datastore-mode exports that were read as plain values, in the fields that were looked at.
    pub legacy_values: u64,
}
