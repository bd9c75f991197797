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

/// Bytes of the code of a refusal or the name of a rule at most.
pub const LONGEST_CODE: usize = 64;

/// What the host's own codes begin with. Plugins and validators have none such: they could pass their refusals for the host's.
pub const HOST_CODES: [&str; 4] = ["decode.", "plugin.", "sink.", "dedup."];

/// Whether a code is one of the host's own.
pub fn is_host_code(code: &str) -> bool {
    HOST_CODES.iter().any(|prefix| code.starts_with(prefix))
}

/// Whether a text can be a code of a plugin, or the name of a rule: lower-case letters, digits, `-` and `.`, and none of the host's.
pub fn is_code(code: &str) -> bool {
    (1..=LONGEST_CODE).contains(&code.len())
        && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
        && !is_host_code(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        for good in ["a", "score-out-of-range", "x.y.2", "decoded", &"a".repeat(64)] {
            assert!(is_code(good), "{good}");
        }
        for bad in ["", "Upper", "a b", "a_b", "ä", "decode.utf8", "plugin.trap", &"a".repeat(65)] {
            assert!(!is_code(bad), "{bad}");
        }
    }
}
