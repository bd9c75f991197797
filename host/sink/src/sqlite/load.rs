//! One load: a transaction, its statements, its counts.

use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use gristmill_record::Table;
use rusqlite::types::Null;
use rusqlite::{Connection, OptionalExtension, Statement};

use super::schema::{LOADS, check, create_loads_sql, create_sql, key_columns};
use super::{Context, quoted};
use crate::json::Cells;
use crate::text::{TimestampText, date_text};
use crate::{Begun, Load, OnConflict, SinkError, TableCount, TableState};

/// Page cache of a load, in KiB: inner pages of a large key's index stay in it.
const CACHE_KIB: i64 = 64 * 1024;

/// An open load.
pub(super) struct Loading {
    connection: Connection,
    path: PathBuf,
    /// Whether the file was not there before.
    created: bool,
    load: Load,
    tables: Vec<LoadingTable>,
    recorded: bool,
}

struct LoadingTable {
    insert: String,
    /// Under [`OnConflict::Update`], where there is something besides the key.
    update: Option<Update>,
    /// Whether this job's rows are in the table, which has no key that could tell.
    repeated: bool,
    count: TableCount,
}

struct Update {
    sql: String,
    /// The columns, first those that are set, then the key's, in the order of the statement's parameters.
    parameters: Vec<usize>,
}

impl Loading {
    pub(super) fn new(connection: Connection, path: &Path, created: bool, load: &Load) -> Self {
        Self { connection, path: path.to_owned(), created, load: load.clone(), tables: Vec::new(), recorded: false }
    }

    fn run(&self, doing: &str, sql: &str) -> Result<(), SinkError> {
        self.connection.execute_batch(sql).map_err(|e| Context { path: &self.path }.error(doing, e))
    }

    pub(super) fn begin(&mut self) -> Result<Begun, SinkError> {
        self.connection
            .pragma_update(None, "cache_size", -CACHE_KIB)
            .map_err(|e| Context { path: &self.path }.error("opening", e))?;
        // Takes the right to write at once, so that nobody changes the tables between the check and the first row.
        self.run("beginning a transaction in", "BEGIN IMMEDIATE")?;
        let states = check(&self.connection, Context { path: &self.path }, &self.load.tables)?;
        self.run("creating the table of loads in", &create_loads_sql())?;
        for (table, state) in self.load.tables.iter().zip(states) {
            if state == TableState::Absent {
                self.run(&format!("creating table `{}` in", table.name()), &create_sql(table))?;
            }
            let rows = if table.key().is_empty() { self.rows_of_this_job(table)? } else { None };
            self.tables.push(LoadingTable {
                insert: insert_sql(table),
                update: (self.load.on_conflict == OnConflict::Update).then(|| update_sql(table)).flatten(),
                repeated: rows.is_some(),
                count: TableCount { already: rows.unwrap_or_default(), ..TableCount::default() },
            });
        }
        if self.tables.iter().all(|t| t.repeated) {
            return Ok(Begun::AlreadyLoaded(self.tables.iter().map(|t| t.count).collect()));
        }
        self.tables.iter_mut().for_each(|t| t.count = TableCount::default());
        Ok(Begun::Ready)
    }

    /// How many rows this very job has brought to the table, if it has. Without a key nothing else tells rows that come again.
    fn rows_of_this_job(&self, table: &Table) -> Result<Option<u64>, SinkError> {
        let sql = format!("SELECT max(inserted + updated + already) FROM {LOADS} WHERE job = ?1 AND table_name = ?2");
        let rows: Option<i64> = self
            .connection
            .query_row(&sql, [self.load.job.as_str(), table.name()], |r| r.get(0))
            .map_err(|e| Context { path: &self.path }.error("reading the table of loads in", e))?;
        Ok(rows.and_then(|n| u64::try_from(n).ok()))
    }

    pub(super) fn table(&self, index: usize) -> Result<&Table, SinkError> {
        self.load.tables.get(index).ok_or(SinkError::Order("the load has no table of this index"))
    }

    pub(super) fn write(&mut self, index: usize, rows: &RecordBatch) -> Result<(), SinkError> {
        let (Some(table), Some(state)) = (self.load.tables.get(index), self.tables.get_mut(index)) else {
            return Err(SinkError::Order("the load has no table of this index"));
        };
        if state.repeated {
            state.count.already += rows.num_rows() as u64;
            return Ok(());
        }
        let fields = rows.schema_ref().fields().iter().zip(rows.columns());
        let cells = fields.map(|(f, a)| Cells::new(f, a.as_ref())).collect::<Option<Vec<_>>>();
        let Some(mut cells) = cells.filter(|c| c.len() == table.columns().len()) else {
            return Err(SinkError::columns(table.name()));
        };
        write_rows(&self.connection, state, &mut cells, rows.num_rows())
            .map_err(|e| Context { path: &self.path }.error(format!("writing to table `{}` of", table.name()), e))
    }

    pub(super) fn commit(&mut self) -> Result<Vec<TableCount>, SinkError> {
        if !self.recorded {
            self.record().map_err(|e| Context { path: &self.path }.error("recording the load in", e))?;
            self.recorded = true;
        }
        self.run("committing to", "COMMIT")?;
        Ok(self.tables.iter().map(|t| t.count).collect())
    }

    fn record(&self) -> rusqlite::Result<()> {
        let mut insert =
            self.connection.prepare(&format!("INSERT INTO {LOADS} VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9)"))?;
        let started_at = TimestampText::default().of(self.load.started_at);
        // SQLite's integers end at 2^63; so many rows are in no file.
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        for (table, LoadingTable { count, .. }) in self.load.tables.iter().zip(&self.tables) {
            insert.execute((
                &self.load.run_id,
                &self.load.job,
                &self.load.plugin,
                &self.load.plugin_digest,
                text(&started_at),
                table.name(),
                number(count.inserted),
                number(count.updated),
                number(count.already),
            ))?;
        }
        Ok(())
    }

    pub(super) fn roll_back(self) -> Result<(), SinkError> {
        let Self { connection, path, created, .. } = self;
        let fail = |e| Context { path: &path }.error("rolling back in", e);
        if !connection.is_autocommit() {
            connection.execute_batch("ROLLBACK").map_err(fail)?;
        }
        // After a failed write SQLite leaves the work to the next who reads: let that be us, and not a reader that may not write.
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).map_err(fail)?;
        connection.close().map_err(|(_, e)| Context { path: &path }.error("closing", e))?;
        // Only an empty file is ours to remove: another program may have begun to use it.
        if created && std::fs::metadata(&path).is_ok_and(|m| m.len() == 0) {
            std::fs::remove_file(&path).map_err(SinkError::io("removing", &path))?;
        }
        Ok(())
    }
}

/// What the table of loads says of a load; `None` where it does not have it.
pub(super) fn recorded(connection: &Connection, load: &Load) -> rusqlite::Result<Option<Vec<TableCount>>> {
    let there = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    if connection.query_row(there, [LOADS], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(None);
    }
    let sql =
        format!("SELECT inserted, updated, already FROM {LOADS} WHERE run_id = ?1 AND job = ?2 AND table_name = ?3");
    let mut select = connection.prepare(&sql)?;
    let count = |row: &rusqlite::Row<'_>| {
        let number = |i| row.get::<_, i64>(i).map(|n| u64::try_from(n).unwrap_or_default());
        Ok(TableCount { inserted: number(0)?, updated: number(1)?, already: number(2)? })
    };
    let of = |table: &Table| select.query_row([&load.run_id, &load.job, table.name()], count).optional();
    load.tables.iter().map(of).collect()
}

fn insert_sql(table: &Table) -> String {
    let columns = table.columns().iter().map(|c| quoted(&c.name)).collect::<Vec<_>>().join(", ");
    let values = vec!["?"; table.columns().len()].join(", ");
    let key = key_columns(table).map(|c| quoted(&c.name)).collect::<Vec<_>>().join(", ");
    let conflict = if key.is_empty() { String::new() } else { format!(" ON CONFLICT ({key}) DO NOTHING") };
    format!("INSERT INTO {} ({columns}) VALUES ({values}){conflict}", quoted(table.name()))
}

/// An update that touches the row of a key only where it differs, so that SQLite's count of changed rows is ours.
/// Compares bytes, whatever collation a column has.
fn update_sql(table: &Table) -> Option<Update> {
    let value: Vec<_> = (0..table.columns().len()).filter(|i| !table.key().contains(i)).collect();
    let key = table.key();
    if value.is_empty() || key.is_empty() {
        return None;
    }
    let name = |i: &usize| table.columns().get(*i).map(|c| quoted(&c.name)).unwrap_or_default();
    let n = value.len();
    let set: Vec<_> = value.iter().zip(1..).map(|(i, p)| format!("{} = ?{p}", name(i))).collect();
    let differ: Vec<_> =
        value.iter().zip(1..).map(|(i, p)| format!("{} COLLATE BINARY IS NOT ?{p}", name(i))).collect();
    let matches: Vec<_> = key.iter().zip(n + 1..).map(|(i, p)| format!("{} = ?{p} COLLATE BINARY", name(i))).collect();
    let sql = format!(
        "UPDATE {} SET {} WHERE {} AND ({})",
        quoted(table.name()),
        set.join(", "),
        matches.join(" AND "),
        differ.join(" OR ")
    );
    Some(Update { sql, parameters: value.into_iter().chain(key.iter().copied()).collect() })
}

fn write_rows(
    connection: &Connection,
    state: &mut LoadingTable,
    cells: &mut [Cells<'_>],
    rows: usize,
) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(&state.insert)?;
    let mut update = state.update.as_ref().map(|u| connection.prepare_cached(&u.sql)).transpose()?;
    let mut scratch = Vec::new();
    for row in 0..rows {
        for (cell, parameter) in cells.iter_mut().zip(1..) {
            bind(&mut insert, parameter, cell, row, &mut scratch)?;
        }
        if insert.raw_execute()? == 1 {
            state.count.inserted += 1;
            continue;
        }
        let mut changed = 0;
        if let (Some(statement), Some(Update { parameters, .. })) = (update.as_deref_mut(), &state.update) {
            for (column, parameter) in parameters.iter().zip(1..) {
                if let Some(cell) = cells.get_mut(*column) {
                    bind(statement, parameter, cell, row, &mut scratch)?;
                }
            }
            changed = statement.raw_execute()?;
        }
        if changed == 0 {
            state.count.already += 1;
        } else {
            state.count.updated += 1;
        }
    }
    Ok(())
}

fn bind(
    statement: &mut Statement<'_>,
    parameter: usize,
    cell: &mut Cells<'_>,
    row: usize,
    scratch: &mut Vec<u8>,
) -> rusqlite::Result<()> {
    match cell {
        _ if cell.is_null(row) => statement.raw_bind_parameter(parameter, Null),
        Cells::Boolean(a) => statement.raw_bind_parameter(parameter, a.value(row)),
        Cells::Int(a) => statement.raw_bind_parameter(parameter, a.value(row)),
        Cells::Float(a) => statement.raw_bind_parameter(parameter, a.value(row)),
        Cells::Timestamp(a, writer) => statement.raw_bind_parameter(parameter, text(&writer.of(a.value(row)))),
        Cells::Date(a) => statement.raw_bind_parameter(parameter, text(&date_text(i64::from(a.value(row))))),
        Cells::Text(a, _) | Cells::Json(a, _) => statement.raw_bind_parameter(parameter, a.value(row)),
        Cells::Bytes(a) => statement.raw_bind_parameter(parameter, a.value(row)),
        Cells::List(..) | Cells::Struct(..) => {
            scratch.clear();
            cell.write(row, scratch);
            statement.raw_bind_parameter(parameter, text(scratch))
        }
    }
}

/// Text that we made ourselves.
fn text(bytes: &[u8]) -> rusqlite::types::ToSqlOutput<'_> {
    rusqlite::types::ToSqlOutput::Borrowed(rusqlite::types::ValueRef::Text(bytes))
}
