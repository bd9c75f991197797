//! What ends the reading of a file. What spoils one record only is a refusal, see [`crate::RefusedRecord`].

use gristmill_record::{Blame, Diagnose};

/// Why a file cannot be read on. Offsets are bytes from the start of the file, after decompression; the caller knows its name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A fragment of a LevelDB log is damaged.
    #[error("offset {offset} (block {block} of 32 KiB): {what}")]
    Frame {
        /// Where the damaged fragment begins.
        offset: u64,
        /// Number of its block, from 0.
        block: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The input ends inside a record or document.
    #[error("the file ends at offset {end}, inside the {what} that begins at offset {offset}")]
    Truncated {
        /// Where the unfinished thing begins.
        offset: u64,
        /// Where the input ends.
        end: u64,
        /// What is unfinished.
        what: &'static str,
    },
    /// Not JSON, where no frame tells where the next document begins.
    #[error("line {line}, column {column}{} (offset {offset}): expected {expected}", counted_from(*lines_from))]
    Json {
        /// Where the first wrong byte is.
        offset: u64,
        /// Its line, from 1, counted from `lines_from`.
        line: u64,
        /// Its byte in the line, from 1.
        column: u64,
        /// Where the reading began: 0, but for a part of a file.
        lines_from: u64,
        /// What JSON, or the form of an export, would have there.
        expected: &'static str,
    },
    /// One document is larger than the limit.
    #[error("the document that begins at offset {offset} has more than {limit} bytes")]
    TooLarge {
        /// Where it begins.
        offset: u64,
        /// [`crate::Limits::max_document`], bytes.
        limit: usize,
    },
    /// A row was asked for that the last batch does not have.
    #[error("row {row} is not in the last batch, which has {rows} rows, or more input has been fed since")]
    NoSuchRow {
        /// The row.
        row: usize,
        /// How many there are.
        rows: usize,
    },
    /// Arrow refuses the columns.
    #[error("the decoded columns are not a batch: {0}")]
    Columns(String),
}

fn counted_from(offset: u64) -> String {
    if offset == 0 { String::new() } else { format!(", counted from offset {offset}") }
}

impl Diagnose for DecodeError {
    fn code(&self) -> &'static str {
        match self {
            Self::Frame { .. } => "decode.frame",
            Self::Truncated { .. } => "decode.truncated",
            Self::Json { .. } => "decode.json-syntax",
            Self::TooLarge { .. } => "decode.too-large",
            Self::NoSuchRow { .. } => "decode.no-such-row",
            Self::Columns(_) => "decode.columns",
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Frame { .. } | Self::Truncated { .. } | Self::Json { .. } | Self::TooLarge { .. } => Blame::Input,
            Self::NoSuchRow { .. } | Self::Columns(_) => Blame::Bug,
        }
    }

    fn remedy(&self) -> Option<String> {
        let text = match self {
            Self::Frame { .. } => {
                "Copy the file again from where it was exported; if the original is damaged too, export again"
            }
            Self::Truncated { .. } => {
                "Copy the file again: its end is missing; if the original ends there too, export again"
            }
            Self::Json { .. } => "Correct the file at that place, or export it again",
            Self::TooLarge { .. } => {
                "Raise the limit on the size of a document, or check that the file is an export: Firestore's documents have at most 1 MiB"
            }
            Self::NoSuchRow { .. } | Self::Columns(_) => {
                "Report this as a bug of gristmill, with the export's format and the plugin's description"
            }
        };
        Some(text.to_owned())
    }
}
