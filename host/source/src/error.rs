//! What can be wrong with an export as it lies on disk.

use std::io;
use std::path::PathBuf;

use gristmill_record::diagnose::blame_io;
use gristmill_record::{Blame, Diagnose};
use gristmill_storage::StorageError;

use crate::bucket;

/// Why an input cannot be read, or cannot be shown to be complete.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The specification names a place that is neither local nor a bucket.
    #[error("`{spec}` is neither a local path nor gs://BUCKET/…")]
    Scheme {
        /// As it was given.
        spec: String,
    },
    /// The pattern is no glob.
    #[error("`{spec}` is no valid pattern: {what}")]
    Glob {
        /// As it was given.
        spec: String,
        /// What the glob parser says.
        what: String,
    },
    /// There is no such file or folder.
    #[error("{} does not exist{}", path.display(), nearest.as_ref().map(|n| format!("; the nearest folder that does is {}", n.display())).unwrap_or_default())]
    NotFound {
        /// As it was given.
        path: PathBuf,
        /// The deepest existing folder above it.
        nearest: Option<PathBuf>,
    },
    /// An object is not what those of such names are that were looked at.
    #[error("{}: objects of such names are {taken}, but this one {found}", path.display())]
    Unlike {
        /// The object.
        path: PathBuf,
        /// What the others are.
        taken: String,
        /// What it is, with a verb in front.
        found: &'static str,
    },
    /// Nothing to read was found.
    #[error("no export was found: {what} {}", place.display())]
    NoFiles {
        /// What was looked for, with a preposition at its end.
        what: &'static str,
        /// The folder, or the pattern.
        place: PathBuf,
    },
    /// A file or folder cannot be opened, listed or read.
    #[error("cannot read {}{}: {error}", path.display(), offset.map(|o| format!(" at offset {o}")).unwrap_or_default())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Bytes from the start of the file, after decompression, that were read before.
        offset: Option<u64>,
        /// What the system says.
        error: io::Error,
    },
    /// An object in a bucket cannot be listed or read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A compressed file ends too early, or is damaged.
    #[error("{} ({compression}) cannot be decompressed beyond offset {offset}: {error}", path.display())]
    Compressed {
        /// The file.
        path: PathBuf,
        /// `gzip` or `zstd`.
        compression: &'static str,
        /// Bytes that came out before the error.
        offset: u64,
        /// What the decompressor says.
        error: io::Error,
    },
    /// A file is neither a LevelDB log nor JSON.
    #[error("{} is no data file of an export: {what}", path.display())]
    NotAnExport {
        /// The file.
        path: PathBuf,
        /// What it begins with.
        what: &'static str,
    },
    /// A metadata file is damaged.
    #[error("the metadata file {} is damaged at offset {offset}: {what}", path.display())]
    Metadata {
        /// The metadata file.
        path: PathBuf,
        /// Bytes from its start.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// The overall metadata file has a version that is not known.
    #[error("the metadata file {} has format version {found}; only version 3 can be read", path.display())]
    Version {
        /// The overall metadata file.
        path: PathBuf,
        /// The bytes of its version record, as text.
        found: String,
    },
    /// The export is not complete, or cannot be shown to be.
    #[error("the export is incomplete: {what}")]
    Incomplete {
        /// What is missing, and which file says that it should be there.
        what: String,
    },
    /// A data file is named twice, so that its records would be read twice.
    #[error("{} is named twice: by {} and by {}", path.display(), first.display(), second.display())]
    NamedTwice {
        /// The data file.
        path: PathBuf,
        /// The metadata file that names it first.
        first: PathBuf,
        /// The metadata file that names it again; may be the same.
        second: PathBuf,
    },
    /// A folder of `firebase emulators:export` has nothing of Firestore in it.
    #[error("{} names no Firestore export", path.display())]
    NoFirestore {
        /// The `firebase-export-metadata.json`.
        path: PathBuf,
    },
    /// A file changed between listing and reading.
    #[error("{} changed while it was read: it had {listed} bytes when it was listed and has {now}", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// Bytes when it was listed.
        listed: u64,
        /// Bytes now.
        now: u64,
    },
    /// What was read is not what the metadata promises.
    #[error("{} promises {expected_documents} documents in {expected_bytes} bytes for {set}, but {documents} documents in {payload_bytes} bytes of records ({file_bytes} bytes of files) were read", metadata.display())]
    Mismatch {
        /// The overall metadata file.
        metadata: PathBuf,
        /// Which collection.
        set: String,
        /// Documents, as the metadata has them.
        expected_documents: String,
        /// Bytes, as the metadata has them.
        expected_bytes: String,
        /// Documents that were read.
        documents: u64,
        /// Bytes of the records that were read.
        payload_bytes: u64,
        /// Bytes of the files.
        file_bytes: u64,
    },
    /// The caller's numbers do not belong to this input.
    #[error("{0}")]
    Internal(String),
}

impl Diagnose for SourceError {
    fn code(&self) -> &'static str {
        match self {
            Self::Scheme { .. } => "source.scheme",
            Self::Glob { .. } => "source.glob",
            Self::NotFound { .. } => "source.not-found",
            Self::NoFiles { .. } => "source.no-files",
            Self::Unlike { .. } => "source.unlike",
            Self::Unreadable { .. } => "source.unreadable",
            Self::Compressed { .. } => "source.compressed",
            Self::NotAnExport { .. } => "source.not-an-export",
            Self::Metadata { .. } => "source.metadata",
            Self::Version { .. } => "source.version",
            Self::Incomplete { .. } => "source.incomplete",
            Self::NamedTwice { .. } => "source.named-twice",
            Self::NoFirestore { .. } => "source.no-firestore",
            Self::Changed { .. } => "source.changed",
            Self::Mismatch { .. } => "source.mismatch",
            Self::Storage(error) => error.code(),
            Self::Internal(_) => "source.internal",
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Scheme { .. } | Self::Glob { .. } => Blame::Usage,
            Self::Unreadable { error, .. } => blame_io(error, Blame::Input),
            Self::Storage(error) => error.blame(),
            Self::Internal(_) => Blame::Bug,
            _ => Blame::Input,
        }
    }

    fn remedy(&self) -> Option<String> {
        let text = match self {
            Self::Storage(error) => return error.remedy(),
            Self::Scheme { .. } => "Copy the export to a local folder or to Cloud Storage first, and name that.",
            Self::Glob { .. } => {
                "Correct the pattern: `*` and `?` stay within a name, `**` crosses folders, `[…]` and `{a,b}` are alternatives."
            }
            Self::NotFound { .. } => "Check the path; quote a pattern so that the shell hands it over as it is.",
            Self::NoFiles { .. } => {
                "Name a folder that holds an `.overall_export_metadata` file, a folder of JSON files, or a pattern that matches some."
            }
            Self::Unlike { .. } => {
                "Move it to another folder if it belongs to something else, or name what is to be read by a pattern; what is of another kind is a run of its own."
            }
            Self::Unreadable { error, .. } => match error.kind() {
                io::ErrorKind::PermissionDenied => "Give the user who runs this the right to read it.",
                io::ErrorKind::NotFound => {
                    "If it is a symbolic link, its target is gone: restore the target or remove the link."
                }
                _ => "Check that the disk and the path are sound, and run again.",
            },
            Self::Compressed { .. } => "The file was cut off or damaged on the way: fetch it again.",
            Self::NotAnExport { .. } => {
                "Name the files of the export only; they hold LevelDB logs as `gcloud firestore export` writes them, or JSON, each plain, gzip or zstd."
            }
            Self::Metadata { .. } => "The file was cut off or damaged on the way: fetch it again.",
            Self::Version { .. } => "Use a newer gristmill, or export again.",
            Self::Incomplete { .. } => {
                "Wait until the export is done, or fetch the missing files; to read what is there all the same, use --allow-partial."
            }
            Self::NamedTwice { .. } => "Name one export only, by its `.overall_export_metadata` file.",
            Self::NoFirestore { .. } => {
                "Run the Firestore emulator too when exporting: `firebase emulators:export DIR --only firestore`."
            }
            Self::Changed { .. } => "Wait until the export is done and no longer written to, and run again.",
            Self::Mismatch { .. } => {
                "Fetch the export again, or export again; to load what is there all the same, use --allow-partial."
            }
            Self::Internal(_) => "Report this as a bug.",
        };
        Some(text.to_owned())
    }
}

impl SourceError {
    pub(crate) fn unreadable(path: impl Into<PathBuf>, error: io::Error) -> Self {
        match bucket::unwrap(error) {
            Ok(storage) => Self::Storage(storage),
            Err(error) => Self::Unreadable { path: path.into(), offset: None, error },
        }
    }
}
