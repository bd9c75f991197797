//! One load: a transaction in which rows are copied, merged and recorded.

use std::pin::Pin;

use arrow_array::RecordBatch;
use bytes::Bytes;
use futures_util::SinkExt;
use gristmill_record::Table;
use tokio_postgres::CopyInSink;
use tokio_postgres::error::SqlState;

use super::address::Address;
use super::connect::Connection;
use super::copy::{Encoder, cells};
use super::fault::Context;
use super::quoted;
use super::schema::{CheckedTable, LOADS, check, create_loads_sql, create_sql, key_columns, sql_type};
use crate::{Load, OnConflict, SinkError, TableCount, TableState};

/// How a session of ours is set: time zones and formats do not matter to binary values; limits that roles may have are for queries of people, not
/// for loads; 64 MiB for sorting and for staged rows, as servers' defaults are for many small queries.
const SESSION: &str = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET lock_timeout = '30s'; \
    SET work_mem = '64MB'; SET temp_buffers = '64MB'; SET maintenance_work_mem = '256MB'; SET jit = off";
/// Tells our advisory locks from others': the first half of a pair.
const LOCK: i32 = 0x6772_6973;

/// An open load.
pub(super) struct Loading {
    connection: Connection,
    place: String,
    load: Load,
    schema: String,
    tables: Vec<LoadingTable>,
    copy: Option<Copy>,
    /// The transaction's id, by which its end can be asked for.
    transaction: i64,
    counts: Option<Vec<TableCount>>,
}

struct LoadingTable {
    checked: CheckedTable,
    /// Whether this job's rows are in the table, which has no key that could tell.
    repeated: Option<u64>,
    /// Rows that were written.
    written: u64,
}

/// Rows on their way to one table.
struct Copy {
    table: usize,
    encoder: Encoder,
    sink: Pin<Box<CopyInSink<Bytes>>>,
}

/// What the table of loads says of a load; `None` where it does not have it.
pub(super) async fn recorded(address: &Address, load: &Load) -> Result<Option<Vec<TableCount>>, SinkError> {
    let mut connection = Connection::open(address).await?;
    let (context, doing) = (Context { place: &address.place }, "reading the table of loads");
    let there = "SELECT quote_ident(current_schema()) || '.' || $1 WHERE to_regclass(quote_ident(current_schema()) || '.' || $1) IS NOT NULL";
    let found = match connection.client.query_opt(there, &[&LOADS]).await {
        Ok(found) => found,
        Err(error) => return Err(connection.fault(context, doing, error).await),
    };
    let Some(name) = found.map(|row| row.get::<_, String>(0)) else { return Ok(None) };
    let sql =
        format!("SELECT inserted, updated, already FROM {name} WHERE run_id = $1 AND job = $2 AND table_name = $3");
    let mut counts = Vec::with_capacity(load.tables.len());
    for table in &load.tables {
        match connection.client.query_opt(&sql, &[&load.run_id, &load.job, &table.name()]).await {
            Ok(None) => return Ok(None),
            Ok(Some(row)) => {
                let number = |i| u64::try_from(row.get::<_, i64>(i)).unwrap_or_default();
                counts.push(TableCount { inserted: number(0), updated: number(1), already: number(2) });
            }
            Err(error) => return Err(connection.fault(context, doing, error).await),
        }
    }
    Ok(Some(counts))
}

impl Loading {
    /// Connects, locks and checks the tables, creates what is missing. `Err` with the counts where there is nothing to do.
    pub(super) async fn begin(address: &Address, load: &Load) -> Result<Result<Self, Vec<TableCount>>, SinkError> {
        let connection = Connection::open(address).await?;
        let mut loading = Self {
            connection,
            place: address.place.clone(),
            load: load.clone(),
            schema: String::new(),
            tables: Vec::new(),
            copy: None,
            transaction: 0,
            counts: None,
        };
        loading.prepare().await?;
        if loading.tables.iter().all(|t| t.repeated.is_some()) {
            let already =
                |t: &LoadingTable| TableCount { already: t.repeated.unwrap_or_default(), ..TableCount::default() };
            let counts = loading.tables.iter().map(already).collect();
            loading.abort().await?;
            return Ok(Err(counts));
        }
        Ok(Ok(loading))
    }

    async fn prepare(&mut self) -> Result<(), SinkError> {
        self.run("preparing the session", SESSION).await?;
        self.run("beginning a transaction", "BEGIN").await?;
        // One load of a table at a time: in order of name, so that two loads never wait for each other. The locks end with the transaction,
        // whatever becomes of us.
        let mut names: Vec<String> = self.load.tables.iter().map(|t| t.name().to_owned()).collect();
        names.push(LOADS.to_owned());
        names.sort();
        for name in names.iter().filter(|name| *name != LOADS) {
            let lock = "SELECT pg_advisory_xact_lock($1, hashtext(current_schema() || '.' || $2))";
            let locked = self.connection.client.execute(lock, &[&LOCK, name]).await;
            self.done("waiting for other loads", locked).await?;
        }
        let context = Context { place: &self.place };
        let checked = check(&self.connection.client, context, &self.load.tables).await?;
        self.schema = checked.schema;
        // Two that create it at once would fail on each other; later loads do not wait here.
        let sql = "SELECT to_regclass($1) IS NOT NULL, txid_current()";
        let name = format!("{}.{LOADS}", quoted(&self.schema));
        let there = self.connection.client.query_one(sql, &[&name]).await;
        let there = self.done("looking for the table of loads", there).await?;
        self.transaction = there.get(1);
        if !there.get::<_, bool>(0) {
            let lock = self.connection.client.execute("SELECT pg_advisory_xact_lock($1, 0)", &[&LOCK]).await;
            self.done("waiting for other loads", lock).await?;
            self.run("creating the table of loads", &create_loads_sql(&self.schema)).await?;
        }
        for (index, (table, checked)) in self.load.tables.clone().iter().zip(checked.tables).enumerate() {
            if checked.state == TableState::Absent {
                self.run(&format!("creating table {}", table.name()), &create_sql(&self.schema, table)).await?;
            } else {
                self.run(&format!("preparing to load table {}", table.name()), &staging_sql(index, table)).await?;
            }
            let repeated = if table.key().is_empty() { self.rows_of_this_job(table).await? } else { None };
            self.tables.push(LoadingTable { checked, repeated, written: 0 });
        }
        Ok(())
    }

    /// How many rows this very job has brought to the table, if it has. Without a key nothing else tells rows that come again.
    async fn rows_of_this_job(&mut self, table: &Table) -> Result<Option<u64>, SinkError> {
        let sql = format!(
            "SELECT max(inserted + updated + already) FROM {}.{LOADS} WHERE job = $1 AND table_name = $2",
            quoted(&self.schema)
        );
        let row = self.connection.client.query_one(&sql, &[&self.load.job, &table.name()]).await;
        let rows: Option<i64> = self.done("reading the table of loads", row).await?.get(0);
        Ok(rows.and_then(|n| u64::try_from(n).ok()))
    }

    async fn run(&mut self, doing: &str, sql: &str) -> Result<(), SinkError> {
        let done = self.connection.client.batch_execute(sql).await;
        self.done(doing, done).await
    }

    async fn done<T>(&mut self, doing: &str, result: Result<T, tokio_postgres::Error>) -> Result<T, SinkError> {
        match result {
            Ok(value) => Ok(value),
            Err(error) => Err(self.connection.fault(Context { place: &self.place }, doing, error).await),
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
        if self.copy.as_ref().is_some_and(|copy| copy.table != index) {
            self.end_copy().await?;
        }
        let mut copy = match self.copy.take() {
            Some(copy) => copy,
            None => self.begin_copy(index, &table).await?,
        };
        let mut next = 0;
        while next < rows.num_rows() {
            let (message, row) = copy.encoder.fill(&mut cells, next, rows.num_rows())?;
            next = row;
            if let Some(message) = message
                && let Err(error) = copy.sink.send(message).await
            {
                return Err(self.copy_fault(&table, copy, error).await);
            }
        }
        self.copy = Some(copy);
        Ok(())
    }

    async fn begin_copy(&mut self, index: usize, table: &Table) -> Result<Copy, SinkError> {
        let columns: Vec<_> = table.columns().iter().map(|c| quoted(&c.name)).collect();
        let created = self.tables.get(index).is_some_and(|t| t.checked.state == TableState::Absent);
        let target = if created { self.target(table) } else { staging(index) };
        let sql = format!("COPY {target} ({}) FROM STDIN (FORMAT binary)", columns.join(", "));
        let sink = self.connection.client.copy_in(sql.as_str()).await;
        let sink = Box::pin(self.done(&format!("copying rows for table {}", table.name()), sink).await?);
        Ok(Copy { table: index, encoder: Encoder::new(table.name()), sink })
    }

    /// A server that refuses rows says why only when it is asked to finish.
    async fn copy_fault(&mut self, table: &Table, mut copy: Copy, error: tokio_postgres::Error) -> SinkError {
        let error = match copy.sink.as_mut().finish().await {
            Err(why) if why.as_db_error().is_some() => why,
            _ => error,
        };
        let doing = format!("copying rows for table {}", table.name());
        self.connection.fault(Context { place: &self.place }, &doing, error).await
    }

    async fn end_copy(&mut self) -> Result<(), SinkError> {
        let Some(Copy { table, encoder, mut sink }) = self.copy.take() else { return Ok(()) };
        let table = self.table(table)?.clone();
        let sent = sink.send(encoder.finish()).await;
        let finished = match sent {
            Ok(()) => sink.as_mut().finish().await,
            Err(error) => match sink.as_mut().finish().await {
                Err(why) if why.as_db_error().is_some() => Err(why),
                _ => Err(error),
            },
        };
        self.done(&format!("copying rows for table {}", table.name()), finished).await.map(drop)
    }

    pub(super) async fn commit(&mut self, address: &Address) -> Result<Vec<TableCount>, SinkError> {
        let counts = match self.counts.clone() {
            Some(counts) => counts,
            None => self.merge().await?,
        };
        self.counts = Some(counts.clone());
        match self.connection.client.batch_execute("COMMIT").await {
            Ok(()) => Ok(counts),
            // The answer is lost, and with it what became of the transaction: the server knows.
            Err(error) if error.as_db_error().is_none_or(|e| *e.code() == SqlState::ADMIN_SHUTDOWN) => {
                match committed(address, self.transaction).await {
                    Some(true) => Ok(counts),
                    Some(false) => {
                        Err(self.connection.fault(Context { place: &self.place }, "committing", error).await)
                    }
                    None => Err(Context { place: &self.place }.undecided(&error)),
                }
            }
            Err(error) => Err(self.connection.fault(Context { place: &self.place }, "committing", error).await),
        }
    }

    async fn merge(&mut self) -> Result<Vec<TableCount>, SinkError> {
        self.end_copy().await?;
        let mut counts = Vec::with_capacity(self.tables.len());
        for (index, table) in self.load.tables.clone().iter().enumerate() {
            let count = self.merge_table(index, table).await?;
            self.record(table, count).await?;
            counts.push(count);
        }
        Ok(counts)
    }

    async fn merge_table(&mut self, index: usize, table: &Table) -> Result<TableCount, SinkError> {
        let Some(LoadingTable { checked, repeated, written }) = self.tables.get(index) else {
            return Err(SinkError::Order("the load has no table of this index"));
        };
        let (written, mut count) = (*written, TableCount::default());
        if repeated.is_some() {
            return Ok(TableCount { already: written, ..count });
        }
        let doing = format!("merging rows into table {}", table.name());
        if checked.state == TableState::Absent {
            count.inserted = written;
            let key: Vec<_> = key_columns(table).map(|c| quoted(&c.name)).collect();
            if !key.is_empty() {
                let sql = format!("ALTER TABLE {} ADD PRIMARY KEY ({})", self.target(table), key.join(", "));
                self.run(&format!("building the key of table {}", table.name()), &sql).await?;
            }
            return Ok(count);
        }
        let sql = merge_sql(&self.target(table), index, table, checked, self.load.on_conflict);
        let row = self.connection.client.query_one(&sql, &[]).await;
        let row = self.done(&doing, row).await?;
        let number = |i: usize| u64::try_from(row.get::<_, i64>(i)).unwrap_or_default();
        (count.inserted, count.updated) = (number(0), number(1));
        count.already = written.saturating_sub(count.inserted + count.updated);
        Ok(count)
    }

    async fn record(&mut self, table: &Table, count: TableCount) -> Result<(), SinkError> {
        let sql = format!(
            "INSERT INTO {}.{LOADS} (run_id, job, plugin, plugin_digest, started_at, table_name, inserted, updated, already) \
             VALUES ($1, $2, $3, $4, timestamptz 'epoch' + $5 * interval '1 microsecond', $6, $7, $8, $9)",
            quoted(&self.schema)
        );
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        // The server takes the factor of an interval as a double, which holds microseconds of some centuries.
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 microseconds, the year 2255")]
        let started_at = self.load.started_at as f64;
        let load = &self.load;
        let inserted = self
            .connection
            .client
            .execute(
                &sql,
                &[
                    &load.run_id,
                    &load.job,
                    &load.plugin,
                    &load.plugin_digest,
                    &started_at,
                    &table.name(),
                    &number(count.inserted),
                    &number(count.updated),
                    &number(count.already),
                ],
            )
            .await;
        self.done("recording the load", inserted).await.map(drop)
    }

    pub(super) async fn abort(mut self) -> Result<(), SinkError> {
        // Dropped before its end it is taken back by the server.
        self.copy = None;
        if self.connection.client.is_closed() {
            return Ok(());
        }
        self.run("rolling back", "ROLLBACK").await
    }

    fn target(&self, table: &Table) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(table.name()))
    }
}

/// Whether the transaction was committed, asked in a new connection; `None`: the server does not say.
async fn committed(address: &Address, transaction: i64) -> Option<bool> {
    for _ in 0..10 {
        if let Ok(connection) = Connection::open(address).await {
            let status = connection.client.query_one("SELECT txid_status($1)", &[&transaction]).await;
            match status.map(|row| row.get::<_, Option<String>>(0)).ok().flatten().as_deref() {
                Some("committed") => return Some(true),
                Some("aborted") => return Some(false),
                // The server has not noticed yet that the connection is gone.
                _ => {}
            }
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    None
}

fn staging(index: usize) -> String {
    format!("pg_temp.\"_gristmill_{index}\"")
}

/// A temporary table is seen by nobody else, costs no log, and is gone with the transaction.
fn staging_sql(index: usize, table: &Table) -> String {
    let columns: Vec<_> = table.columns().iter().map(|c| format!("{} {}", quoted(&c.name), sql_type(&c.ty))).collect();
    format!("CREATE TEMPORARY TABLE \"_gristmill_{index}\" ({}) ON COMMIT DROP", columns.join(", "))
}

/// One statement that inserts rows in the order of the key's index, and gives how many it inserted and updated. Rows that are there
/// and equal are not touched: a replay leaves no dead rows behind.
fn merge_sql(target: &str, index: usize, table: &Table, checked: &CheckedTable, on_conflict: OnConflict) -> String {
    let all: Vec<_> = table.columns().iter().map(|c| quoted(&c.name)).collect();
    let key: Vec<_> = key_columns(table).map(|c| quoted(&c.name)).collect();
    let values: Vec<_> = (table.columns().iter().zip(&checked.types))
        .map(|(c, ty)| if ty == sql_type(&c.ty) { quoted(&c.name) } else { format!("{}::{ty}", quoted(&c.name)) })
        .collect();
    let order: Vec<_> = key
        .iter()
        .zip(&checked.collations)
        .map(|(k, collation)| collation.as_ref().map_or_else(|| k.clone(), |c| format!("{k} COLLATE {c}")))
        .collect();
    let order = if order.is_empty() { String::new() } else { format!(" ORDER BY {}", order.join(", ")) };
    let set = || {
        let columns = || {
            (0..table.columns().len())
                .filter(|i| !table.key().contains(i))
                .filter_map(|i| all.get(i).zip(checked.types.get(i)))
        };
        // json has no equality.
        let side = |side: &str| {
            columns()
                .map(|(c, ty)| format!("{side}.{c}{}", if ty == "json" { "::text" } else { "" }))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let set: Vec<_> = columns().map(|(c, _)| format!("{c} = excluded.{c}")).collect();
        (!set.is_empty()).then(|| {
            format!(
                "UPDATE SET {} WHERE ROW({}) IS DISTINCT FROM ROW({})",
                set.join(", "),
                side("present"),
                side("excluded")
            )
        })
    };
    let conflict = match on_conflict {
        _ if key.is_empty() => String::new(),
        OnConflict::Keep => format!(" ON CONFLICT ({}) DO NOTHING", key.join(", ")),
        OnConflict::Update => {
            format!(" ON CONFLICT ({}) DO {}", key.join(", "), set().unwrap_or_else(|| "NOTHING".into()))
        }
    };
    // A row that was there has been locked by this transaction when it is returned.
    format!(
        "WITH merged AS (INSERT INTO {target} AS present ({}) SELECT {} FROM {}{order}{conflict} RETURNING xmax = 0 AS is_new) \
         SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM merged",
        all.join(", "),
        values.join(", "),
        staging(index)
    )
}
