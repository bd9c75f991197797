//! SQLite: one table in a database file for each table of the plugin.
//!
//! One transaction holds the whole load and its record in `_gristmill_loads`. SQLite keeps what it needs to take it back in
//! `FILE-journal` (or `-wal`, where the database is in that mode) until it is committed: a process that dies leaves it there, and whoever opens
//! the database next rolls back. Other programs may read until the load spills out of the page cache; then, unless the database is in WAL mode,
//! they wait for its end.
//!
//! Tables are created plain: neither STRICT, which SQLite before 3.37 cannot open, nor WITHOUT ROWID, which made files 15 % smaller and loads
//! 60 % slower (a million rows of the table of `benches/sinks.rs`, keys in random order: 3.0 µs of CPU a row, 4.8 without rowid; keys in
//! ascending order 1.1).
//!
//! | plugin | SQLite |
//! | --- | --- |
//! | boolean, int64 | `INTEGER`, booleans as 0 and 1 |
//! | float64 | `REAL`; NaN is refused, since SQLite would store NULL; -0.0 becomes the 0.0 that it equals |
//! | timestamp | `TEXT`, `2024-01-31T23:59:59.123456Z`: sorts as text, and SQLite's date functions read it |
//! | date | `TEXT`, `2024-01-31` |
//! | string | `TEXT` |
//! | bytes | `BLOB` |
//! | json, lists, structs | `TEXT`, one JSON text |

mod load;
mod schema;

use std::path::{Path, PathBuf};
use std::time::Duration;

use arrow_array::RecordBatch;
use async_trait::async_trait;
use gristmill_record::Table;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use self::load::Loading;
use crate::{Begun, Load, Sink, SinkError, TableCount, TableState, ValueLimits};

/// How long a load waits for other programs that hold the database, by default.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// A database file.
pub struct Sqlite {
    path: PathBuf,
    busy_timeout: Duration,
    loading: Option<Loading>,
}

impl Sqlite {
    /// A sink for the database at this path, which is created when a load begins and it is not there.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), busy_timeout: BUSY_TIMEOUT, loading: None }
    }

    /// Waits so long, instead of 10 seconds, for other programs that hold the database.
    #[must_use]
    pub fn with_busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    fn connect(&self) -> Result<Connection, SinkError> {
        let found = std::fs::metadata(&self.path);
        if found.is_ok_and(|m| m.is_dir()) {
            return Err(SinkError::Unfit {
                path: self.path.clone(),
                what: "it is a folder, not a database".into(),
                remedy: "Name a file: sqlite:FILE.",
            });
        }
        // A relative path that SQLite would take for something else is made a plain one.
        let path = if self.path.is_absolute() { self.path.clone() } else { Path::new(".").join(&self.path) };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let fail = |e| Context { path: &self.path }.error("opening", e);
        let connection = Connection::open_with_flags(path, flags).map_err(fail)?;
        connection.busy_timeout(self.busy_timeout).map_err(fail)?;
        // The first statement that reads the file.
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).map_err(fail)?;
        if connection.is_readonly("main").map_err(fail)? {
            return Err(SinkError::Unfit {
                path: self.path.clone(),
                what: "the database cannot be written".into(),
                remedy: "Get the right to write to it, or load into another file.",
            });
        }
        Ok(connection)
    }

    fn place(&self) -> String {
        format!("SQLite database {}", self.path.display())
    }

    fn loading(&mut self) -> Result<&mut Loading, SinkError> {
        self.loading.as_mut().ok_or(SinkError::Order("no load of the SQLite database is open"))
    }
}

#[async_trait]
impl Sink for Sqlite {
    fn describe(&self) -> String {
        self.place()
    }

    fn limits(&self) -> ValueLimits {
        ValueLimits { nan: false, any_year: false, ..ValueLimits::default() }
    }

    async fn check(&mut self, tables: &[Table]) -> Result<Vec<TableState>, SinkError> {
        for table in tables {
            schema::check_name(&self.place(), table)?;
        }
        if !self.path.try_exists().map_err(SinkError::io("looking for", &self.path))? {
            let folder = match self.path.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent,
                _ => Path::new("."),
            };
            // A file without a name: it is gone with its handle.
            tempfile::tempfile_in(folder).map_err(SinkError::io("creating a file in", folder))?;
            return Ok(vec![TableState::Absent; tables.len()]);
        }
        let connection = self.connect()?;
        schema::check(&connection, Context { path: &self.path }, tables)
    }

    async fn loaded(&mut self, load: &Load) -> Result<Option<Vec<TableCount>>, SinkError> {
        if !self.path.try_exists().map_err(SinkError::io("looking for", &self.path))? {
            return Ok(None);
        }
        load::recorded(&self.connect()?, load)
            .map_err(|e| Context { path: &self.path }.error("reading the table of loads in", e))
    }

    async fn begin(&mut self, load: &Load) -> Result<Begun, SinkError> {
        if self.loading.is_some() {
            return Err(SinkError::Order("a load of the SQLite database is open already"));
        }
        crate::sink::check_run_id(&load.run_id)?;
        for table in &load.tables {
            schema::check_name(&self.place(), table)?;
        }
        let existed = self.path.try_exists().map_err(SinkError::io("looking for", &self.path))?;
        let connection = self.connect()?;
        let mut loading = Loading::new(connection, &self.path, !existed, load);
        match loading.begin() {
            Ok(begun) => {
                if begun == Begun::Ready {
                    self.loading = Some(loading);
                } else {
                    loading.roll_back()?;
                }
                Ok(begun)
            }
            Err(error) => {
                // The first error is the one to tell.
                let _ = loading.roll_back();
                Err(error)
            }
        }
    }

    async fn write(&mut self, table: usize, rows: RecordBatch) -> Result<(), SinkError> {
        let (limits, place) = (self.limits(), self.place());
        let loading = self.loading()?;
        if let Some(breach) = limits.breaches(loading.table(table)?, &rows).into_iter().next() {
            let table = loading.table(table)?.name().to_owned();
            return Err(SinkError::Unstorable { place, table, column: breach.column, what: breach.what });
        }
        loading.write(table, &rows)
    }

    async fn commit(&mut self) -> Result<Vec<TableCount>, SinkError> {
        let counts = self.loading()?.commit()?;
        self.loading = None;
        Ok(counts)
    }

    async fn abort(&mut self) -> Result<(), SinkError> {
        self.loading.take().map_or(Ok(()), Loading::roll_back)
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        if let Some(loading) = self.loading.take() {
            // There is nobody to tell, and SQLite rolls back whatever is left at the next opening.
            let _ = loading.roll_back();
        }
    }
}

/// Where errors happen.
#[derive(Clone, Copy)]
struct Context<'a> {
    path: &'a Path,
}

impl Context<'_> {
    fn error(self, doing: impl Into<String>, source: rusqlite::Error) -> SinkError {
        let path = self.path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                SinkError::Busy { path, by: "another program that reads or writes it" }
            }
            Some(ErrorCode::NotADatabase) => SinkError::Unfit {
                path,
                what: "it is not an SQLite database".into(),
                remedy: "Name another file: it is not overwritten.",
            },
            Some(ErrorCode::ReadOnly) => SinkError::Unfit {
                path,
                what: "the database cannot be written".into(),
                remedy: "Get the right to write to it and to its folder, or load into another file.",
            },
            Some(ErrorCode::CannotOpen) => SinkError::Unfit {
                path,
                what: "the database cannot be opened or created".into(),
                remedy: "Create its folder, get the right to write there, or correct the path.",
            },
            Some(ErrorCode::DatabaseCorrupt) => SinkError::Unfit {
                path,
                what: "the database is damaged".into(),
                remedy: "Restore it, or load into another file.",
            },
            _ => SinkError::Sqlite { doing: doing.into(), path, source },
        }
    }

    fn place(self) -> String {
        format!("SQLite database {}", self.path.display())
    }
}

/// A name in SQL.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
