//! The journal of a run: which splits are finished.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior};

use crate::error::Context;
use crate::{StateError, schema};

/// A split that a run has finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedSplit {
    /// Its number.
    pub split: u32,
    /// What it made and where that is, as its owner wrote it: JSON.
    pub made: String,
}

/// Records finished splits over a connection of its own, so that nobody waits for it.
pub struct Journal {
    database: PathBuf,
    connection: Connection,
    run: String,
}

impl Journal {
    pub(crate) fn open(database: &Path, run: &str) -> Result<Self, StateError> {
        let connection = schema::open(database)?;
        Ok(Self { database: database.to_owned(), connection, run: run.to_owned() })
    }

    /// Records these splits in one transaction. Then they survive the process, whatever becomes of it.
    pub fn record(&mut self, splits: &[FinishedSplit]) -> Result<(), StateError> {
        let doing = Context(&self.database).doing("recording finished splits in");
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&doing)?;
        for FinishedSplit { split, made } in splits {
            let sql = "INSERT OR REPLACE INTO splits (run, split, made) VALUES (?1, ?2, ?3)";
            let inserted =
                transaction.prepare_cached(sql).and_then(|mut insert| insert.execute((&self.run, split, made)));
            inserted.map_err(&doing)?;
        }
        transaction.commit().map_err(&doing)
    }

    /// Makes all that was recorded durable: then it survives the machine, too.
    pub fn sync(&mut self) -> Result<(), StateError> {
        let sync = "PRAGMA wal_checkpoint(FULL)";
        let synced = self.connection.query_row(sync, [], |_| Ok(()));
        synced.map_err(Context(&self.database).doing("writing"))
    }
}
