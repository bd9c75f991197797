//! Tables: created, or compared with what is there.

use gristmill_record::{OutputColumn, Table};
use mysql_async::Error;

use super::connect::{Connection, Server};
use super::fault::Context;
use super::found::Found;
use super::merge::merge_sql;
use super::quoted;
use super::types::{ColumnType, column_types};
use crate::limits::ColumnLimit;
use crate::{FaultKind, Mismatch, OnConflict, SinkError, TableState};

/// The table that loads are recorded in.
pub(super) const LOADS: &str = "_gristmill_loads";
/// The number of a staged row.
pub(super) const NUMBER: &str = "_gristmill_row";
const LOADS_COLUMNS: [(&str, &str); 11] = [
    ("load_id", "char(32) NOT NULL"),
    ("run_id", "varchar(64) NOT NULL"),
    ("job", "varchar(128) NOT NULL"),
    ("plugin", "longtext NOT NULL"),
    ("plugin_digest", "varchar(128) NOT NULL"),
    ("started_at", "datetime(6) NOT NULL"),
    ("table_name", "varchar(64) NOT NULL"),
    ("inserted", "bigint NOT NULL"),
    ("updated", "bigint NOT NULL"),
    ("already", "bigint NOT NULL"),
    ("loaded_at", "datetime(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)"),
];
/// <https://dev.mysql.com/doc/refman/8.4/en/identifier-length.html>.
const NAME_CHARACTERS: usize = 64;
/// What a message has besides a value, and the values of other columns: a guess, as the whole row has to fit.
const MESSAGE_BYTES: usize = 1_024;
/// The oldest that have the collations and functions which are used here.
const OLDEST_MARIADB: [u32; 3] = [10, 5, 0];
const OLDEST_MYSQL: [u32; 3] = [8, 0, 17];
/// What the server says of who lacks a right.
const DENIED: [u16; 4] = [1044, 1142, 1143, 1227];

/// The columns of the key.
pub(super) fn key_columns(table: &Table) -> impl Iterator<Item = &OutputColumn> {
    table.key().iter().filter_map(|i| table.columns().get(*i))
}

/// A column as it stands in CREATE TABLE.
pub(super) fn declaration(table: &Table, index: usize, types: &[ColumnType], server: &Server) -> String {
    let Some((column, ty)) = table.columns().get(index).zip(types.get(index)) else { return String::new() };
    let is_text = ty.sql.starts_with("varchar") || ty.sql == "longtext";
    let collate =
        if is_text { format!(" CHARACTER SET utf8mb4 COLLATE {}", server.collation()) } else { String::new() };
    format!("{} {}{collate}{}", quoted(&column.name), ty.sql, if column.required { " NOT NULL" } else { "" })
}

/// The statement that creates a table.
pub(super) fn create_sql(table: &Table, types: &[ColumnType], server: &Server) -> String {
    let mut parts: Vec<_> = (0..table.columns().len()).map(|i| declaration(table, i, types, server)).collect();
    let key: Vec<_> = key_columns(table).map(|c| quoted(&c.name)).collect();
    if !key.is_empty() {
        parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
    }
    create(table.name(), &parts, server)
}

/// The statement that creates the table of loads.
pub(super) fn create_loads_sql(server: &Server) -> String {
    let mut parts: Vec<_> = LOADS_COLUMNS.iter().map(|(name, ty)| format!("{name} {ty}")).collect();
    parts.push("PRIMARY KEY (load_id, table_name)".into());
    parts.push("KEY by_job (job, table_name)".into());
    create(LOADS, &parts, server)
}

fn create(name: &str, parts: &[String], server: &Server) -> String {
    format!(
        "CREATE TABLE {} ({}) ENGINE=InnoDB ROW_FORMAT=DYNAMIC CHARACTER SET utf8mb4 COLLATE {}",
        quoted(name),
        parts.join(", "),
        server.collation()
    )
}

/// What is known of a destination before a load.
pub(super) struct Checked {
    /// Whether the table of loads is there.
    pub(super) loads: bool,
    /// One a table.
    pub(super) tables: Vec<CheckedTable>,
}

pub(super) struct CheckedTable {
    pub(super) state: TableState,
    /// One a column.
    pub(super) limits: Vec<ColumnLimit>,
    /// The type that each column is staged as.
    pub(super) staged: Vec<String>,
    /// A column of the key that is set to NULL, which it cannot be, where a row meets another by another index than the key's.
    pub(super) guard: Option<String>,
}

/// Compares the tables that are there with those of the plugin.
pub(super) async fn check(
    connection: &mut Connection,
    context: Context<'_>,
    tables: &[Table],
) -> Result<Checked, SinkError> {
    let server = connection.server.clone();
    let (name, oldest, asked) = if server.mariadb {
        ("MariaDB", OLDEST_MARIADB, "MariaDB 10.5 or newer")
    } else {
        ("MySQL", OLDEST_MYSQL, "MySQL 8.0.17 or newer")
    };
    if server.numbers() < oldest.to_vec() {
        let what = format!("the server is {name} {}", server.version);
        let remedy = format!("Use {asked}.");
        return Err(context.fault("looking at the server", what, None, FaultKind::Refused, remedy));
    }
    let loads = Found::read(connection, LOADS).await?;
    if let Some(found) = &loads {
        check_loads(context, found)?;
    }
    let mut checked = Checked { loads: loads.is_some(), tables: Vec::with_capacity(tables.len()) };
    for table in tables {
        check_names(context, table)?;
        let types = column_types(table, &server);
        checked.tables.push(match Found::read(connection, table.name()).await? {
            None => CheckedTable {
                state: TableState::Absent,
                limits: types.iter().map(|t| t.limit).collect(),
                staged: types.iter().map(|t| t.staged.clone()).collect(),
                guard: None,
            },
            Some(found) => found.check(context, &server, table, &types)?,
        });
    }
    if !server.local_infile {
        // A file is cut anywhere, but a value comes in one message.
        let most = ColumnLimit::Bytes(server.max_packet.saturating_sub(MESSAGE_BYTES));
        let limits = checked.tables.iter_mut().flat_map(|table| &mut table.limits);
        limits.filter(|limit| **limit == ColumnLimit::None).for_each(|limit| *limit = most);
    }
    Ok(checked)
}

/// Asks whether we may do what a load does, without doing it: servers look at rights when a statement is prepared. That nothing is
/// found does not prove that all is allowed.
pub(super) async fn check_rights(
    connection: &mut Connection,
    tables: &[Table],
    checked: &Checked,
) -> Result<(), SinkError> {
    // Refused by servers that are read-only.
    let doing = "asking for the right to write";
    connection.run(doing, "START TRANSACTION READ WRITE").await?;
    connection.run(doing, "ROLLBACK").await?;
    let mut statements = vec![(
        "asking for the right to stage rows".to_owned(),
        "CREATE TEMPORARY TABLE _gristmill_rights (a int)".to_owned(),
    )];
    let server = connection.server.clone();
    if !checked.loads {
        statements.push((format!("asking for the right to create table {LOADS}"), create_loads_sql(&server)));
    }
    for (table, state) in tables.iter().zip(&checked.tables) {
        let doing = match state.state {
            TableState::Absent => format!("asking for the right to create table {}", table.name()),
            TableState::Present { .. } => format!("asking for the right to write table {}", table.name()),
        };
        let sql = match state.state {
            TableState::Absent => create_sql(table, &column_types(table, &server), &server),
            // From the table itself, as what is staged is not there yet.
            TableState::Present { .. } => {
                merge_sql(table, &quoted(table.name()), "WHERE FALSE", None, OnConflict::Update)
            }
        };
        statements.push((doing, sql));
    }
    for (doing, sql) in statements {
        if let Some(error @ Error::Server(_)) = connection.would_take(&sql).await?
            && matches!(&error, Error::Server(answer) if DENIED.contains(&answer.code))
        {
            return Err(connection.error(&doing, &error));
        }
    }
    Ok(())
}

pub(super) fn mismatch(
    context: Context<'_>,
    table: &str,
    column: Option<&str>,
    found: String,
    expected: String,
    remedy: String,
) -> SinkError {
    let (place, table, column) = (context.place.to_owned(), table.to_owned(), column.map(str::to_owned));
    SinkError::from(Mismatch { place, table, column, found, expected, remedy })
}

/// Refuses names that we keep for ourselves, or that the server does not take.
fn check_names(context: Context<'_>, table: &Table) -> Result<(), SinkError> {
    let rename = || "Rename it in the plugin.".to_owned();
    let reserved = table.name() == LOADS || table.columns().iter().any(|c| c.name == NUMBER);
    if reserved {
        let expected = format!("a table that is not {LOADS}, without a column {NUMBER}");
        return Err(mismatch(context, table.name(), None, "a name that is reserved".into(), expected, rename()));
    }
    let columns = table.columns().iter().map(|c| (Some(c.name.as_str()), c.name.as_str()));
    for (column, name) in std::iter::once((None, table.name())).chain(columns) {
        let found = match name.chars().count() {
            n if n > NAME_CHARACTERS => format!("a name of {n} characters"),
            _ if name.chars().any(|c| u32::from(c) > 0xffff) => "a name with a character beyond U+FFFF".to_owned(),
            _ if name.ends_with(' ') => "a name that ends in a space".to_owned(),
            _ => continue,
        };
        let expected = format!("{NAME_CHARACTERS} characters at most, up to U+FFFF, and no space at the end");
        return Err(mismatch(context, table.name(), column, found, expected, rename()));
    }
    Ok(())
}

fn check_loads(context: Context<'_>, found: &Found) -> Result<(), SinkError> {
    let names: Vec<_> = LOADS_COLUMNS.iter().map(|(name, _)| *name).collect();
    found.has(&names).map_err(|column| {
        let expected = "the table that gristmill keeps its loads in".to_owned();
        let remedy = "Rename the table that is there; gristmill then creates its own.".to_owned();
        mismatch(context, LOADS, Some(&column), "no such column".into(), expected, remedy)
    })
}
