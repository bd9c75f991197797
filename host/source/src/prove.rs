//! The proof that all of an export was read: what was counted against what its metadata promises.

use std::ops::Range;

use crate::{Compression, Export, Input, SourceError};

/// What was read of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileCount {
    /// Records, whatever became of them.
    pub documents: u64,
    /// Bytes of their payloads, without framing.
    pub payload_bytes: u64,
}

/// What an export's number of bytes counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BytesMeasure {
    /// The payloads of the records: exports of the Firestore service.
    Payloads,
    /// The files: exports of the emulator.
    Files,
    /// Not told, or not comparable because the files were compressed afterwards.
    NotCompared,
}

/// Whether an export was shown to be complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofState {
    /// Documents are as many as promised, and so are bytes where they can be compared.
    Proven(BytesMeasure),
    /// Why it cannot be told, or what is missing from an export that may be partial.
    Unproven(String),
}

/// What is known of the completeness of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The export's path, as in [`Export::path`].
    pub export: String,
    /// Documents that were read.
    pub documents: u64,
    /// Bytes of the records that were read.
    pub payload_bytes: u64,
    /// The finding.
    pub state: ProofState,
}

impl Proof {
    /// Whether the export was shown to be complete.
    pub fn is_proven(&self) -> bool {
        matches!(self.state, ProofState::Proven(_))
    }
}

impl Input {
    /// Compares what was read of every file, in the order of [`Input::files`], with what the exports promise: one proof an export.
    ///
    /// Every collection group of an export is compared by itself. What is missing is an error, unless the options allow a partial export.
    pub fn prove(&self, counts: &[FileCount]) -> Result<Vec<Proof>, SourceError> {
        if counts.len() != self.files.len() {
            return Err(SourceError::Internal(format!(
                "{} files were counted, but the input has {}",
                counts.len(),
                self.files.len()
            )));
        }
        self.exports.iter().map(|export| self.prove_export(export, counts)).collect()
    }

    fn prove_export(&self, export: &Export, counts: &[FileCount]) -> Result<Proof, SourceError> {
        let sum = |range: &Range<usize>| {
            counts
                .get(range.clone())
                .unwrap_or_default()
                .iter()
                .fold((0, 0), |(documents, bytes), c| (documents + c.documents, bytes + c.payload_bytes))
        };
        let mut state = ProofState::Proven(BytesMeasure::NotCompared);
        for collection in &export.collections {
            let files = self.files.get(collection.files.clone()).unwrap_or_default();
            let file_bytes: u64 = files.iter().map(|f| f.size).sum();
            let (documents, payload_bytes) = sum(&collection.files);
            let Some(expected) = collection.documents else {
                state = ProofState::Unproven("no overall metadata says how many documents there are".to_owned());
                continue;
            };
            let measure = match collection.bytes {
                None => Some(BytesMeasure::NotCompared),
                Some(bytes) if bytes == payload_bytes => Some(BytesMeasure::Payloads),
                Some(bytes) if bytes == file_bytes => Some(BytesMeasure::Files),
                Some(_) if files.iter().any(|f| f.compression != Compression::None) => Some(BytesMeasure::NotCompared),
                Some(_) => None,
            };
            match measure {
                Some(measure) if documents == expected => {
                    if let ProofState::Proven(seen) = &mut state {
                        *seen = measure;
                    }
                }
                _ if self.allow_partial => {
                    state = ProofState::Unproven(format!("{documents} of {expected} documents were read"));
                }
                _ => {
                    return Err(SourceError::Mismatch {
                        metadata: export.metadata.clone(),
                        set: collection.kind.as_ref().map_or("all collections".into(), |k| format!("`{k}`")),
                        expected_documents: expected.to_string(),
                        expected_bytes: collection.bytes.map_or("unstated".into(), |b| b.to_string()),
                        documents,
                        payload_bytes,
                        file_bytes,
                    });
                }
            }
        }
        if export.is_partial && matches!(state, ProofState::Proven(_)) {
            state = ProofState::Unproven("parts of it are missing".to_owned());
        }
        let (documents, payload_bytes) = sum(&export.files);
        Ok(Proof { export: export.path.clone(), documents, payload_bytes, state })
    }
}
