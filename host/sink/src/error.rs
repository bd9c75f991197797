//! What can go wrong at a destination.

use std::io;
use std::path::{Path, PathBuf};

use gristmill_record::diagnose::blame_io;
use gristmill_record::{Blame, Diagnose};
use gristmill_storage::StorageError;

use crate::server::ServerFault;

/// What can go wrong at a destination.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// What was written after `--to` names no destination.
    #[error("`{spec}` is no destination: {what}")]
    Spec {
        /// What was written.
        spec: String,
        /// What is wrong with it.
        what: String,
    },
    /// The run's id cannot name files.
    #[error("the run id `{id}` cannot be used in names of files")]
    RunId {
        /// Its first characters.
        id: String,
    },
    /// A call out of order.
    #[error("{0}")]
    Order(&'static str),
    /// The operating system refused.
    #[error("{doing} {}: {source}", path.display())]
    Io {
        /// What was tried: `writing`.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// Whoever read our standard output has stopped.
    #[error("standard output was closed by its reader")]
    OutputClosed,
    /// Another process holds the destination.
    #[error("{} is in use by {by}", path.display())]
    Busy {
        /// The file or folder.
        path: PathBuf,
        /// What we know of who holds it.
        by: &'static str,
    },
    /// The file or folder is not what the destination needs.
    #[error("{}: {what}", path.display())]
    Unfit {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
        /// What to do.
        remedy: &'static str,
    },
    /// SQLite refused.
    #[error("{doing} {}: {source}", path.display())]
    Sqlite {
        /// What was tried.
        doing: String,
        /// The database.
        path: PathBuf,
        /// What it said. SQLite's messages name columns, never values.
        source: rusqlite::Error,
    },
    /// A database server refused, or the way to it.
    #[error(transparent)]
    Server(Box<ServerFault>),
    /// Cloud Storage refused, or the way to it.
    #[error(transparent)]
    Storage(Box<StorageError>),
    /// A table that is there does not fit.
    #[error(transparent)]
    Schema(Box<Mismatch>),
    /// A value that the destination cannot hold.
    #[error("table `{table}`, column `{column}`: {place} cannot hold {what}")]
    Unstorable {
        /// The destination.
        place: String,
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The kind of value.
        what: &'static str,
    },
    /// The library that writes files failed other than by the operating system.
    #[error("{doing} {}: {what}", path.display())]
    Encode {
        /// What was tried.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the library said.
        what: String,
    },
}

/// How a table that is there differs from the plugin's.
#[derive(Debug, thiserror::Error)]
#[error(
    "table `{table}` of {place}{}: found {found}, expected {expected}",
    column.as_ref().map(|c| format!(", column `{c}`")).unwrap_or_default()
)]
pub struct Mismatch {
    /// The destination.
    pub place: String,
    /// The table.
    pub table: String,
    /// The column, where it is one.
    pub column: Option<String>,
    /// What is there.
    pub found: String,
    /// What the plugin's table needs.
    pub expected: String,
    /// What to do.
    pub remedy: String,
}

impl From<ServerFault> for SinkError {
    fn from(fault: ServerFault) -> Self {
        Self::Server(Box::new(fault))
    }
}

impl From<StorageError> for SinkError {
    fn from(error: StorageError) -> Self {
        Self::Storage(Box::new(error))
    }
}

impl From<Mismatch> for SinkError {
    fn from(mismatch: Mismatch) -> Self {
        Self::Schema(Box::new(mismatch))
    }
}

impl SinkError {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }

    pub(crate) fn encode<E: std::fmt::Display>(doing: &'static str, path: &Path) -> impl FnOnce(E) -> Self {
        move |e| Self::Encode { doing, path: path.to_owned(), what: e.to_string() }
    }

    /// The error for rows whose columns are not those of the table.
    pub(crate) fn columns(table: &str) -> Self {
        Self::Encode {
            doing: "reading the rows of",
            path: table.into(),
            what: "they have other columns than the table".into(),
        }
    }
}

impl Diagnose for SinkError {
    fn code(&self) -> &'static str {
        match self {
            Self::Spec { .. } => "sink.spec",
            Self::RunId { .. } => "sink.run-id",
            Self::Order(_) => "sink.order",
            Self::Io { .. } => "sink.io",
            Self::OutputClosed => "sink.output-closed",
            Self::Busy { .. } => "sink.busy",
            Self::Unfit { .. } => "sink.unfit",
            Self::Sqlite { .. } => "sink.sqlite",
            Self::Server(fault) => fault.kind.code(),
            Self::Storage(error) => error.code(),
            Self::Schema(_) => "sink.schema",
            Self::Unstorable { .. } => "sink.unstorable",
            Self::Encode { .. } => "sink.encode",
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Spec { .. } | Self::RunId { .. } => Blame::Usage,
            Self::Order(_) | Self::Encode { .. } => Blame::Bug,
            Self::Io { source, .. } => blame_io(source, Blame::Destination),
            Self::Sqlite { source, .. } if is_full(source) => Blame::Environment,
            Self::Server(fault) => fault.kind.blame(),
            Self::Storage(error) => match error.blame() {
                Blame::Input => Blame::Destination,
                blame => blame,
            },
            Self::OutputClosed
            | Self::Busy { .. }
            | Self::Unfit { .. }
            | Self::Sqlite { .. }
            | Self::Schema(_)
            | Self::Unstorable { .. } => Blame::Destination,
        }
    }

    fn remedy(&self) -> Option<String> {
        let full = "Free space on that disk, or write to another, and run the same command again; nothing was loaded.";
        Some(match self {
            Self::Spec { .. } => {
                "Write sqlite:FILE, parquet:DIR, parquet:gs://BUCKET/PREFIX, ndjson:FILE, ndjson:- (standard output), postgresql://USER@HOST/DATABASE, mysql://USER@HOST/DATABASE or bigquery:PROJECT.DATASET.TABLE.".into()
            },
            Self::RunId { .. } => "Use 1 to 64 letters, digits, `_` and `-`, not beginning with `-`.".into(),
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => "Create the folder first, or correct the path.".into(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    "Get the right to write there, or write to another place.".into()
                }
                _ if blame_io(source, Blame::Destination) == Blame::Environment => full.into(),
                _ => return None,
            },
            Self::Sqlite { source, .. } if is_full(source) => full.into(),
            Self::Busy { .. } => {
                "Wait until it is done, or close the other program, and run the same command again.".into()
            }
            Self::Unfit { remedy, .. } => (*remedy).into(),
            Self::Server(fault) => fault.remedy.clone(),
            Self::Storage(error) => return error.remedy(),
            Self::Schema(mismatch) => mismatch.remedy.clone(),
            Self::Unstorable { .. } => {
                "Have the plugin make it null or refuse the record, or load into a destination that can hold it.".into()
            }
            Self::Order(_) | Self::OutputClosed | Self::Sqlite { .. } | Self::Encode { .. } => return None,
        })
    }
}

/// Whether SQLite ran out of space. It reports a full disk by its own code, a quota or a file-size limit as a failed write.
fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
        || error.sqlite_error().is_some_and(|e| e.extended_code == rusqlite::ffi::SQLITE_IOERR_WRITE)
}
