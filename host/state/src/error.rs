//! What can be wrong with the state folder.

use std::io;
use std::path::{Path, PathBuf};

use gristmill_record::diagnose::blame_io;
use gristmill_record::{Blame, Diagnose};
use rusqlite::ErrorCode;

/// Why the state folder cannot be used, or a run in it.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A file or folder of the state folder cannot be read or written.
    #[error("{doing} {path}: {source}")]
    Folder {
        /// `creating`, `locking`, …
        doing: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The database is there, and cannot be written.
    #[error("{path}, the record of runs, cannot be written")]
    ReadOnly {
        /// The database.
        path: PathBuf,
    },
    /// The disk of the database is full.
    #[error("{doing} {path}, the record of runs: there is no room left on the disk")]
    Full {
        /// `recording the run in`, …
        doing: &'static str,
        /// The database.
        path: PathBuf,
    },
    /// The database is damaged, or no database.
    #[error("{path}, the record of runs, is damaged: {what}")]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What SQLite says, or which value.
        what: String,
    },
    /// Somebody else's database.
    #[error("{path} is an SQLite database of another program")]
    Foreign {
        /// The database.
        path: PathBuf,
    },
    /// The database was written by a newer version of this program.
    #[error("{path} has version {found}, and this gristmill knows versions up to {known}")]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i32,
        /// The newest that is known.
        known: i32,
    },
    /// Anything else that SQLite refuses.
    #[error("{doing} {path}: {source}")]
    Database {
        /// `recording the run in`, …
        doing: &'static str,
        /// The database.
        path: PathBuf,
        /// What it says.
        source: rusqlite::Error,
    },
    /// Another process works on the run.
    #[error("another process works on run {run}{}", pid.map(|pid| format!(": number {pid}")).unwrap_or_default())]
    Held {
        /// The run.
        run: String,
        /// The number of the process, where it could be read.
        pid: Option<u32>,
    },
    /// No run has this id.
    #[error("there is no run `{id}` in {path}")]
    NoRun {
        /// What was asked for.
        id: String,
        /// The database.
        path: PathBuf,
    },
    /// Several runs have ids that begin so.
    #[error("`{id}` begins the ids of several runs: {}", runs.join(", "))]
    Ambiguous {
        /// What was asked for.
        id: String,
        /// Some of them.
        runs: Vec<String>,
    },
    /// A value that cannot be stored.
    #[error("{0}")]
    Bug(String),
}

/// The database, for errors about it.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a>(pub(crate) &'a Path);

impl<'a> Context<'a> {
    pub(crate) fn doing(self, doing: &'static str) -> impl Fn(rusqlite::Error) -> StateError + 'a {
        move |source| {
            let path = self.0.to_owned();
            match source.sqlite_error_code() {
                Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                    StateError::ReadOnly { path }
                }
                Some(ErrorCode::DiskFull) => StateError::Full { doing, path },
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                    StateError::Damaged { path, what: source.to_string() }
                }
                _ => StateError::Database { doing, path, source },
            }
        }
    }
}

impl StateError {
    pub(crate) fn folder(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Folder { doing, path: path.clone(), source }
    }
}

const ELSEWHERE: &str =
    "Name a folder that can be written by --state or GRISTMILL_STATE; with --no-resume a run needs none";

impl Diagnose for StateError {
    fn code(&self) -> &'static str {
        match self {
            Self::Folder { .. } => "state.folder",
            Self::ReadOnly { .. } => "state.read-only",
            Self::Full { .. } => "state.full",
            Self::Damaged { .. } => "state.damaged",
            Self::Foreign { .. } => "state.foreign",
            Self::Newer { .. } => "state.newer",
            Self::Database { .. } => "state.database",
            Self::Held { .. } => "state.held",
            Self::NoRun { .. } => "state.no-run",
            Self::Ambiguous { .. } => "state.ambiguous",
            Self::Bug(_) => "state.bug",
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::NoRun { .. } | Self::Ambiguous { .. } | Self::Foreign { .. } => Blame::Usage,
            Self::Bug(_) => Blame::Bug,
            _ => Blame::Environment,
        }
    }

    fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Folder { source, .. } if blame_io(source, Blame::Bug) == Blame::Environment => {
                "Free some space (`gristmill runs prune --max-size SIZE` removes the work of runs that were not done), or name another folder by --state".into()
            }
            Self::Full { .. } => {
                "Free some space, or name another folder by --state; nothing that was recorded is lost".into()
            }
            Self::Folder { .. } | Self::ReadOnly { .. } => ELSEWHERE.into(),
            Self::Damaged { path, .. } => format!(
                "Move it away, with {0}-wal and {0}-shm beside it: a new one is begun. Its history is lost, and so is the work of runs that were not done, but nothing of any destination",
                path.display()
            ),
            Self::Foreign { .. } => "Name another folder by --state or GRISTMILL_STATE".into(),
            Self::Newer { .. } => {
                "Use the newer gristmill, or name another folder by --state or GRISTMILL_STATE".into()
            }
            Self::Database { .. } => "Run the same command again; if it stays, name another folder by --state".into(),
            Self::Held { .. } => "Wait for it, or end it; what it has done is kept".into(),
            Self::NoRun { .. } => "See the runs with `gristmill runs ls`".into(),
            Self::Ambiguous { .. } => "Name more of its characters".into(),
            Self::Bug(_) => "This is a defect of gristmill: please report it with the message".into(),
        })
    }
}
