//! How a record can end badly, and where it lay.

use serde::{Deserialize, Serialize};

/// Where a record lies: the position that orders the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Index of the file in the run's list of input files, which is sorted.
    pub file: u32,
    /// Where the record begins: bytes from the start of the file, after decompression.
    pub offset: u64,
}

/// The part of a run that refused a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Bytes to columns: a broken record, a value that its declared type cannot hold, a missing required input.
    Decode,
    /// The plugin refused it, or failed on it.
    Transform,
    /// A validator refused a row of it.
    Validate,
    /// Its key belongs to another document.
    Dedup,
}

/// Why a record was refused. What the dead letter says of it besides the record itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Who refused it.
    pub stage: Stage,
    /// Stable and dotted for the host's own (`decode.type-mismatch`), the plugin's own word otherwise.
    pub code: String,
    /// The field path in the document, steps joined by `.`, where one field is at fault.
    pub field: Option<String>,
    /// For people.
    pub message: String,
}
