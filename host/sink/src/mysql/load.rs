//! One load: rows are staged, then merged and recorded in one transaction.

use arrow_array::RecordBatch;
use gristmill_record::Table;
use mysql_async::{Error, Value};

use super::address::Address;
use super::connect::{Connection, Done, text};
use super::fault::Context;
use super::insert::Inserts;
use super::merge::staging;
use super::quoted;
use super::rows::{FORMAT, cells, push_line};
use super::schema::{CheckedTable, LOADS, NUMBER, check};
use super::stream::Stream;
use crate::{FaultKind, Load, SinkError, TableCount};

/// Seconds that a load waits for another one of the same table.
const WAIT_FOR_LOADS: u32 = 30;
/// Servers that do not take files of clients: MySQL's older and newer code, and MariaDB's.
const NO_LOCAL_FILES: [u16; 3] = [1148, 3948, 4166];

/// An open load.
pub(super) struct Loading {
    pub(super) connection: Connection,
    pub(super) place: String,
    pub(super) load: Load,
    /// Names this load in the table of loads, and no other.
    pub(super) id: String,
    pub(super) tables: Vec<LoadingTable>,
    /// Whether the table of loads is there.
    pub(super) loads: bool,
    /// Tables that this load has created.
    pub(super) created: Vec<String>,
    stream: Option<Stream>,
    scratch: Vec<u8>,
}

pub(super) struct LoadingTable {
    pub(super) checked: CheckedTable,
    /// Whether this job's rows are in the table, which has no key that could tell.
    pub(super) repeated: Option<u64>,
    /// Rows that were written.
    pub(super) written: u64,
}

/// What the table of loads says of a load; `None` where it does not have it.
pub(super) async fn recorded(address: &Address, load: &Load) -> Result<Option<Vec<TableCount>>, SinkError> {
    let mut connection = Connection::open(address).await?;
    let counts = recorded_by(&mut connection, load).await;
    connection.close().await;
    counts
}

async fn recorded_by(connection: &mut Connection, load: &Load) -> Result<Option<Vec<TableCount>>, SinkError> {
    let doing = "reading the table of loads";
    let there = "SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?";
    if connection.rows(doing, there, &[LOADS]).await?.is_empty() {
        return Ok(None);
    }
    let sql = format!("SELECT inserted, updated, already FROM {LOADS} WHERE run_id = ? AND job = ? AND table_name = ?");
    let mut counts = Vec::with_capacity(load.tables.len());
    for table in &load.tables {
        let rows = connection.rows(doing, &sql, &[&load.run_id, &load.job, table.name()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let number = |i| text(row, i).and_then(|n| n.parse().ok()).unwrap_or_default();
        counts.push(TableCount { inserted: number(0), updated: number(1), already: number(2) });
    }
    Ok(Some(counts))
}

impl Loading {
    /// Connects, locks and checks the tables. `Err` with the counts where there is nothing to do. Changes nothing that anybody else sees.
    pub(super) async fn begin(address: &Address, load: &Load) -> Result<Result<Self, Vec<TableCount>>, SinkError> {
        let connection = Connection::open(address).await?;
        let mut loading = Self {
            connection,
            place: address.place.clone(),
            load: load.clone(),
            id: String::new(),
            tables: Vec::new(),
            loads: false,
            created: Vec::new(),
            stream: None,
            scratch: Vec::new(),
        };
        loading.prepare().await?;
        if loading.tables.iter().all(|t| t.repeated.is_some()) {
            let already =
                |t: &LoadingTable| TableCount { already: t.repeated.unwrap_or_default(), ..TableCount::default() };
            let counts = loading.tables.iter().map(already).collect();
            loading.connection.close().await;
            return Ok(Err(counts));
        }
        Ok(Ok(loading))
    }

    async fn prepare(&mut self) -> Result<(), SinkError> {
        // One load of a table at a time: in order of name, so that two loads never wait for each other. The locks are the session's, and end
        // with it, whatever becomes of us.
        let mut names: Vec<String> = self.load.tables.iter().map(|t| t.name().to_lowercase()).collect();
        names.sort();
        for name in names {
            lock(&mut self.connection, &self.place, &name).await?;
        }
        let context = Context { place: &self.place };
        let checked = check(&mut self.connection, context, &self.load.tables).await?;
        self.loads = checked.loads;
        let id = self.connection.rows("naming the load", "SELECT REPLACE(UUID(), '-', '')", &[]).await?;
        self.id = id.first().and_then(|row| text(row, 0)).unwrap_or_default();
        for (index, (table, checked)) in self.load.tables.clone().iter().zip(checked.tables).enumerate() {
            let repeated = if table.key().is_empty() { self.rows_of_this_job(table).await? } else { None };
            self.tables.push(LoadingTable { checked, repeated, written: 0 });
            // Without numbers where a table may have no key.
            let sql = self.staging_sql(index, &staging(index), !self.connection.server.mariadb)?;
            self.connection.run(&format!("preparing to load table {}", table.name()), &sql).await?;
        }
        if self.connection.server.local_infile {
            self.try_local_file().await?;
        }
        Ok(())
    }

    /// How many rows this very job has brought to the table, if it has. Without a key nothing else tells rows that come again.
    async fn rows_of_this_job(&mut self, table: &Table) -> Result<Option<u64>, SinkError> {
        if !self.loads {
            return Ok(None);
        }
        let sql = format!("SELECT MAX(inserted + updated + already) FROM {LOADS} WHERE job = ? AND table_name = ?");
        let job = self.load.job.clone();
        let rows = self.connection.rows("reading the table of loads", &sql, &[&job, table.name()]).await?;
        Ok(rows.first().and_then(|row| text(row, 0)).and_then(|n| n.parse().ok()))
    }

    /// The statement that creates a table for rows of the load. A temporary table is seen by nobody else and gone with the session. It
    /// has no key, so that rows are appended. Of MariaDB's engines Aria takes them fastest; its tables take no part in transactions.
    pub(super) fn staging_sql(&self, index: usize, name: &str, numbers: bool) -> Result<String, SinkError> {
        let (table, state) = (self.table(index)?, self.tables.get(index));
        let types = state.map(|t| t.checked.staged.as_slice()).unwrap_or_default();
        let mut columns: Vec<_> =
            table.columns().iter().zip(types).map(|(c, ty)| format!("{} {ty}", quoted(&c.name))).collect();
        if numbers {
            columns.push(format!("{NUMBER} bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY"));
        }
        let server = &self.connection.server;
        let engine = if server.mariadb { "Aria TRANSACTIONAL=0" } else { "InnoDB" };
        Ok(format!(
            "CREATE TEMPORARY TABLE {name} ({}) ENGINE={engine} CHARACTER SET utf8mb4 COLLATE {}",
            columns.join(", "),
            server.collation()
        ))
    }

    /// A server that says it takes files may be behind a proxy that does not.
    async fn try_local_file(&mut self) -> Result<(), SinkError> {
        let stream = self.begin_stream(0)?;
        let ended = stream.finish().await;
        if let Some(conn) = ended.conn {
            self.connection.give_back(conn);
        }
        match ended.result {
            Ok(()) => Ok(()),
            Err(Error::Server(answer)) if NO_LOCAL_FILES.contains(&answer.code) => {
                self.connection.server.local_infile = false;
                Ok(())
            }
            Err(error) => Err(self.connection.error("asking whether rows can be sent as a file", &error)),
        }
    }

    pub(super) fn table(&self, index: usize) -> Result<&Table, SinkError> {
        self.load.tables.get(index).ok_or(SinkError::Order("the load has no table of this index"))
    }

    pub(super) async fn write(&mut self, index: usize, rows: &RecordBatch) -> Result<(), SinkError> {
        let table = self.table(index)?.clone();
        let Some(state) = self.tables.get_mut(index) else {
            return Err(SinkError::Order("the load has no table of this index"));
        };
        state.written += rows.num_rows() as u64;
        if state.repeated.is_some() || rows.num_rows() == 0 {
            return Ok(());
        }
        let mut cells = cells(rows, &table)?;
        if !self.connection.server.local_infile {
            let doing = staging_rows(&table);
            return Inserts::new(&table, &staging(index))
                .run(&mut self.connection, &doing, &mut cells, rows.num_rows())
                .await;
        }
        if self.stream.as_ref().is_some_and(|stream| stream.table != index || stream.is_full()) {
            self.end_stream().await?;
        }
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.begin_stream(index)?,
        };
        for row in 0..rows.num_rows() {
            push_line(&mut cells, row, &mut stream.buffer, &mut self.scratch);
            stream.rows += 1;
            if !stream.send().await {
                self.stream = Some(stream);
                return self.end_stream().await;
            }
        }
        self.stream = Some(stream);
        Ok(())
    }

    /// With REPLACE, which has nothing to replace in a table without keys: a statement without it changes values that do not fit
    /// and says so only in warnings.
    fn begin_stream(&mut self, index: usize) -> Result<Stream, SinkError> {
        let columns: Vec<_> = self.table(index)?.columns().iter().map(|c| quoted(&c.name)).collect();
        let sql = format!(
            "LOAD DATA LOCAL INFILE 'rows' REPLACE INTO TABLE {} {FORMAT} ({})",
            staging(index),
            columns.join(", ")
        );
        let max_packet = self.connection.server.max_packet;
        Ok(Stream::open(self.connection.lend()?, index, sql, max_packet))
    }

    /// Ends the file that is on its way; all of its rows have to be there.
    pub(super) async fn end_stream(&mut self) -> Result<(), SinkError> {
        let Some(stream) = self.stream.take() else { return Ok(()) };
        let doing = staging_rows(self.table(stream.table)?);
        let rows = stream.rows;
        let ended = stream.finish().await;
        if let Some(conn) = ended.conn {
            self.connection.give_back(conn);
        }
        ended.result.map_err(|e| self.connection.error(&doing, &e))?;
        let done = self.connection.done()?;
        self.connection.no_warnings(&doing).await?;
        if done.records == rows { Ok(()) } else { Err(self.miscounted(&doing, rows, done)) }
    }

    pub(super) fn miscounted(&self, doing: &str, rows: u64, done: Done) -> SinkError {
        let Done { affected, records, duplicates } = done;
        let what = format!(
            "of {rows} rows the server counts {records}, of which it changed {duplicates}, in {affected} writes"
        );
        let remedy = "Look for triggers on the table, and report this; nothing was loaded.".to_owned();
        Context { place: &self.place }.fault(doing, what, None, FaultKind::Refused, remedy)
    }

    /// The values by which a table's part of the load is recorded.
    pub(super) fn record_values(&self, table: &Table, started_at: &str, count: TableCount) -> Vec<Value> {
        let load = &self.load;
        let text = |t: &str| Value::Bytes(t.as_bytes().to_vec());
        let number = Value::UInt;
        vec![
            text(&self.id),
            text(&load.run_id),
            text(&load.job),
            text(&load.plugin),
            text(&load.plugin_digest),
            text(started_at),
            text(table.name()),
            number(count.inserted),
            number(count.updated),
            number(count.already),
        ]
    }

    /// Ends a file without waiting, and the connection with it.
    pub(super) fn stop_stream(&mut self) {
        if let Some(stream) = self.stream.take() {
            stream.stop();
        }
    }
}

fn staging_rows(table: &Table) -> String {
    format!("staging rows for table {}", table.name())
}

/// Waits until no other load of the table is under way, and keeps others out until the session ends.
pub(super) async fn lock(connection: &mut Connection, place: &str, name: &str) -> Result<(), SinkError> {
    let doing = "waiting for other loads";
    // Names of locks are the server's, and short.
    let sql = format!("SELECT GET_LOCK(CONCAT('gristmill ', SHA1(CONCAT(DATABASE(), '.', ?))), {WAIT_FOR_LOADS})");
    let rows = connection.rows(doing, &sql, &[name]).await?;
    if rows.first().and_then(|row| text(row, 0)).is_some_and(|taken| taken == "1") {
        return Ok(());
    }
    let what = format!("another load of table {name} is under way");
    let remedy =
        "Wait until it is done (SHOW PROCESSLIST shows it), and run the same command again; nothing was loaded.";
    Err(Context { place }.fault(doing, what, None, FaultKind::Busy, remedy.to_owned()))
}
