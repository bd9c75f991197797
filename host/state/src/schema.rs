//! The database: opened, created, brought up to date.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::StateError;
use crate::error::Context;

/// `GRST`: tells our database from others.
const APPLICATION: i32 = 0x4752_5354;
/// How long others may hold the database.
const PATIENCE: Duration = Duration::from_secs(10);

/// What brings a database from one version to the next: the first makes version 1 of an empty file. Never changed, only added to.
const STEPS: [&str; 2] = [
    "
    CREATE TABLE runs (
        id TEXT PRIMARY KEY NOT NULL,
        job TEXT,
        state TEXT NOT NULL,
        resumable INTEGER NOT NULL,
        work TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        started_at INTEGER NOT NULL,
        begun_at INTEGER NOT NULL,
        ended_at INTEGER,
        seconds REAL NOT NULL,
        program TEXT NOT NULL,
        contract TEXT NOT NULL,
        command TEXT NOT NULL,
        input TEXT NOT NULL,
        destination TEXT NOT NULL,
        plugin TEXT NOT NULL,
        validators TEXT NOT NULL,
        facts TEXT NOT NULL,
        seed INTEGER NOT NULL,
        split_bytes INTEGER NOT NULL,
        splits INTEGER NOT NULL,
        splits_taken_over INTEGER NOT NULL,
        ledger TEXT,
        refusals TEXT NOT NULL,
        dead_letters TEXT,
        shuffled_bytes INTEGER NOT NULL,
        peak_memory INTEGER,
        error TEXT,
        exit_code INTEGER,
        details TEXT NOT NULL
    );
    CREATE INDEX runs_by_time ON runs (begun_at);
    CREATE INDEX runs_by_work ON runs (work) WHERE resumable;
    CREATE TABLE splits (
        run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
        split INTEGER NOT NULL,
        made TEXT NOT NULL,
        PRIMARY KEY (run, split)
    ) WITHOUT ROWID;
",
    "
    CREATE TABLE outputs (
        run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
        name TEXT NOT NULL,
        sketch BLOB NOT NULL,
        PRIMARY KEY (run, name)
    );
",
];

/// Opens the database, which is created where it is not there.
pub(crate) fn open(path: &Path) -> Result<Connection, StateError> {
    let at = Context(path);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(at.doing("opening"))?;
    connection.busy_timeout(PATIENCE).map_err(at.doing("opening"))?;
    // Before anything is written to it, and at one moment: another process may be creating its tables.
    let moment = connection.unchecked_transaction().map_err(at.doing("opening"))?;
    is_ours(&moment, path)?;
    moment.finish().map_err(at.doing("reading"))?;
    in_wal_mode(&connection).map_err(at.doing("opening"))?;
    // Enough for a crash of the process at any instant. After a failure of power the last commits may be missing, and what they said is
    // found out anew; the database is whole.
    connection.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;").map_err(at.doing("opening"))?;
    let known = i32::try_from(STEPS.len()).unwrap_or(i32::MAX);
    if version(&connection).map_err(at.doing("reading"))? == (APPLICATION, known) {
        return Ok(connection);
    }
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(at.doing("opening"))?;
    // Another process may have been faster.
    let found = is_ours(&transaction, path)?;
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or_default()) {
        transaction.execute_batch(step).map_err(at.doing("creating the tables of"))?;
    }
    transaction
        .execute_batch(&format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {known};"))
        .map_err(at.doing("creating the tables of"))?;
    transaction.commit().map_err(at.doing("creating the tables of"))?;
    Ok(connection)
}

/// The version of a database that is ours and not too new, or 0 of an empty one.
fn is_ours(connection: &Connection, path: &Path) -> Result<i32, StateError> {
    let at = Context(path);
    let (application, found) = version(connection).map_err(at.doing("reading"))?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(at.doing("reading"))?;
    if application != APPLICATION && (tables > 0 || application != 0) {
        return Err(StateError::Foreign { path: path.to_owned() });
    }
    let known = i32::try_from(STEPS.len()).unwrap_or(i32::MAX);
    if found > known {
        return Err(StateError::Newer { path: path.to_owned(), found, known });
    }
    Ok(found)
}

fn version(connection: &Connection) -> rusqlite::Result<(i32, i32)> {
    let pragma = |name: &str| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0));
    Ok((pragma("application_id")?, pragma("user_version")?))
}

/// Readers and a writer do not wait for each other. The switch itself does not wait for others, so it is tried again.
fn in_wal_mode(connection: &Connection) -> rusqlite::Result<()> {
    let start = Instant::now();
    loop {
        match connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())) {
            Err(e)
                if matches!(e.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
                    && start.elapsed() < PATIENCE =>
            {
                std::thread::sleep(Duration::from_millis(20));
            }
            result => return result,
        }
    }
}
