//! How a load ends: in one transaction, or not at all.

use std::time::Duration;

use mysql_async::Error;

use super::address::Address;
use super::connect::{Connection, text};
use super::fault::Context;
use super::load::{Loading, lock};
use super::quoted;
use super::schema::{LOADS, check, create_loads_sql, create_sql};
use super::types::column_types;
use crate::server::Pacing;
use crate::text::TimestampText;
use crate::{FaultKind, SinkError, TableCount, TableState};

/// How often a transaction is tried again that another program's broke.
const ATTEMPTS: u32 = 3;
/// How long a server that went away is asked what became of a transaction.
const PATIENCE: Duration = Duration::from_secs(60);
/// The server ends, or has ended our session: what became of the transaction it did not say.
const ENDED: [u16; 5] = [1053, 1077, 1079, 1317, 1927];
/// The table that is created is there already.
const EXISTS: u16 = 1050;

impl Loading {
    pub(super) async fn commit(&mut self, address: &Address, pacing: Pacing) -> Result<Vec<TableCount>, SinkError> {
        self.end_stream().await?;
        self.sort(pacing).await?;
        self.create_missing().await?;
        let mut attempt = 1;
        let counts = loop {
            match self.merge(pacing).await {
                Err(error) if attempt < ATTEMPTS && is_deadlock(&error) => {
                    attempt += 1;
                    self.connection.run("rolling back", "ROLLBACK").await?;
                }
                result => break result?,
            }
        };
        let error = match self.connection.attempt("COMMIT").await? {
            Ok(()) => return Ok(counts),
            Err(error) => error,
        };
        if matches!(&error, Error::Server(answer) if !ENDED.contains(&answer.code)) {
            return Err(self.connection.error("committing", &error));
        }
        // The answer is lost, and with it what became of the transaction: the table of loads knows.
        match self.committed(address).await {
            Some(true) => Ok(counts),
            Some(false) => Err(self.connection.error("committing", &error)),
            None => {
                let what =
                    "the connection was lost, and the server does not answer: whether the rows are there is not known";
                let remedy = "See that the server runs, and run the same command again: rows that are there are not loaded twice.";
                let context = Context { place: &self.place };
                Err(context.fault("committing", what.into(), None, FaultKind::Lost, remedy.into()))
            }
        }
    }

    /// Creates the tables that are not there. Each CREATE TABLE ends a transaction, so this comes before ours begins.
    async fn create_missing(&mut self) -> Result<(), SinkError> {
        let server = self.connection.server.clone();
        let mut missing = Vec::new();
        if !self.loads {
            missing.push((LOADS.to_owned(), create_loads_sql(&server)));
        }
        for (table, state) in self.load.tables.iter().zip(&self.tables) {
            if state.checked.state == TableState::Absent {
                let sql = create_sql(table, &column_types(table, &server), &server);
                missing.push((table.name().to_owned(), sql));
            }
        }
        for (name, sql) in missing {
            match self.connection.attempt(&sql).await? {
                Ok(()) => self.created.push(name),
                // Another program was faster; whether it fits is checked below.
                Err(Error::Server(answer)) if answer.code == EXISTS => {}
                Err(error) => return Err(self.connection.error(&format!("creating table {name}"), &error)),
            }
        }
        self.loads = true;
        Ok(())
    }

    /// All of the transaction but its end.
    async fn merge(&mut self, pacing: Pacing) -> Result<Vec<TableCount>, SinkError> {
        self.connection.run("beginning a transaction", "START TRANSACTION").await?;
        // From the first look at it until the transaction ends nobody can alter a table.
        let names = self.load.tables.iter().map(|t| t.name().to_owned()).chain([LOADS.to_owned()]);
        for name in names.collect::<Vec<_>>() {
            let sql = format!("SELECT 1 FROM {} LIMIT 0", quoted(&name));
            self.connection.rows(&format!("looking at table {name}"), &sql, &[]).await?;
        }
        let context = Context { place: &self.place };
        let checked = check(&mut self.connection, context, &self.load.tables).await?;
        for (state, checked) in self.tables.iter_mut().zip(checked.tables) {
            state.checked.guard = checked.guard;
        }
        let mut counts = Vec::with_capacity(self.tables.len());
        for (index, table) in self.load.tables.clone().iter().enumerate() {
            let count = self.merge_table(index, table, pacing).await?;
            let sql = format!(
                "INSERT INTO {LOADS} (load_id, run_id, job, plugin, plugin_digest, started_at, table_name, inserted, updated, already) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            );
            let instant = TimestampText::default().of(self.load.started_at);
            let started_at = String::from_utf8_lossy(instant.strip_suffix(b"Z").unwrap_or(&instant)).into_owned();
            let values = self.record_values(table, &started_at, count);
            self.connection.bring_values("recording the load", &sql, values).await?;
            counts.push(count);
        }
        Ok(counts)
    }

    /// Whether the transaction was committed, asked in a new connection; `None` where nobody answers.
    async fn committed(&self, address: &Address) -> Option<bool> {
        let ask = async {
            loop {
                if let Ok(committed) = self.ask(address).await {
                    return committed;
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ask).await.ok()
    }

    async fn ask(&self, address: &Address) -> Result<bool, SinkError> {
        let mut connection = Connection::open(address).await?;
        let mut committed = self.is_recorded(&mut connection).await?;
        if !committed && let Some(table) = self.load.tables.iter().map(|t| t.name().to_lowercase()).min() {
            // Once the lock is ours the old session has ended, and what it did is done or taken back.
            lock(&mut connection, &self.place, &table).await?;
            committed = self.is_recorded(&mut connection).await?;
        }
        connection.close().await;
        Ok(committed)
    }

    async fn is_recorded(&self, connection: &mut Connection) -> Result<bool, SinkError> {
        let sql = format!("SELECT COUNT(*) FROM {LOADS} WHERE load_id = ?");
        let rows = connection.rows("looking for the load", &sql, &[&self.id]).await?;
        Ok(rows.first().and_then(|row| text(row, 0)).is_some_and(|n| n != "0"))
    }

    /// Takes everything back.
    pub(super) async fn abort(mut self, address: &Address) -> Result<(), SinkError> {
        self.stop_stream();
        let created = std::mem::take(&mut self.created);
        // A session that is gone was rolled back by the server.
        let gone = self.connection.run("rolling back", "ROLLBACK").await.is_err();
        if !created.is_empty() {
            if gone {
                self.connection = Connection::open(address).await?;
            }
            for name in created {
                // An empty table that stays for want of a right does no harm.
                let _ = self.drop_empty(&name).await;
            }
        }
        self.connection.close().await;
        Ok(())
    }

    /// Drops a table that this load created, if nobody has put rows into it.
    async fn drop_empty(&mut self, name: &str) -> Result<(), SinkError> {
        let (doing, name) = (format!("dropping table {name}"), quoted(name));
        self.connection.run(&doing, &format!("LOCK TABLES {name} WRITE")).await?;
        let rows = self.connection.rows(&doing, &format!("SELECT 1 FROM {name} LIMIT 1"), &[]).await;
        if rows.is_ok_and(|rows| rows.is_empty()) {
            let _ = self.connection.run(&doing, &format!("DROP TABLE {name}")).await;
        }
        self.connection.run(&doing, "UNLOCK TABLES").await.map(drop)
    }
}

fn is_deadlock(error: &SinkError) -> bool {
    matches!(error, SinkError::Server(fault) if fault.code.as_deref() == Some("error 1213"))
}
