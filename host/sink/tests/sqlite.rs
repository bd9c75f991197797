//! The SQLite sink: the suite, and what only it can do wrong.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where something is not as it must be"
)]

mod support;

use std::path::PathBuf;
use std::time::Duration;

use arrow_array::RecordBatch;
use base64::Engine as _;
use gristmill_record::{Blame, DataType, Diagnose, Scalar, Table, TableDraft};
use gristmill_sink::conformance::{self, Subject, Ways, rows_from_json};
use gristmill_sink::{OnConflict, OpenOptions, Sink, SinkError, Sqlite, TableCount, TableState};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::{Map, Value, json};
use support::{block_on, column, listing, load, run, tables};
use tempfile::TempDir;

struct Database {
    folder: TempDir,
}

impl Database {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("rows.db")
    }

    fn execute(&self, sql: &str) {
        Connection::open(self.path()).unwrap().execute_batch(sql).unwrap();
    }

    fn one(&self, sql: &str) -> rusqlite::types::Value {
        Connection::open(self.path()).unwrap().query_row(sql, [], |r| r.get(0)).unwrap()
    }
}

fn cell(ty: &DataType, value: ValueRef<'_>) -> Value {
    let text = |t: &[u8]| String::from_utf8(t.to_vec()).unwrap();
    match (ty, value) {
        (_, ValueRef::Null) => Value::Null,
        (DataType::Scalar(Scalar::Boolean), ValueRef::Integer(i)) => json!(i == 1),
        (DataType::Scalar(Scalar::Int64), ValueRef::Integer(i)) => json!(i),
        (DataType::Scalar(Scalar::Float64), ValueRef::Real(r)) if r.is_infinite() => {
            json!(if r > 0.0 { "Infinity" } else { "-Infinity" })
        }
        (DataType::Scalar(Scalar::Float64), ValueRef::Real(r)) => json!(r),
        (DataType::Scalar(Scalar::Timestamp | Scalar::Date | Scalar::String), ValueRef::Text(t)) => json!(text(t)),
        (DataType::Scalar(Scalar::Bytes), ValueRef::Blob(b)) => {
            json!(base64::engine::general_purpose::STANDARD.encode(b))
        }
        (DataType::Scalar(Scalar::Json) | DataType::List(_) | DataType::Struct(_), ValueRef::Text(t)) => {
            serde_json::from_slice(t).unwrap()
        }
        (ty, value) => panic!("a {ty} is stored as {:?}", value.data_type()),
    }
}

impl Subject for Database {
    fn ways(&self) -> Ways {
        Ways { merges: true, negative_zero: false }
    }

    fn sink(&self) -> Box<dyn Sink> {
        gristmill_sink::open(&format!("sqlite:{}", self.path().display()), OpenOptions::default()).unwrap()
    }

    fn rows(&self, table: &Table) -> Result<Option<RecordBatch>, String> {
        if !self.path().exists() {
            return Ok(None);
        }
        let connection = Connection::open(self.path()).unwrap();
        let names: Vec<_> = table.columns().iter().map(|c| format!("\"{}\"", c.name.replace('"', "\"\""))).collect();
        let Ok(mut select) = connection.prepare(&format!("SELECT {} FROM \"{}\"", names.join(","), table.name()))
        else {
            return Ok(None);
        };
        let row = |r: &rusqlite::Row<'_>| {
            let cells = table.columns().iter().enumerate();
            Ok(cells.map(|(i, c)| (c.name.clone(), cell(&c.ty, r.get_ref(i).unwrap()))).collect::<Map<_, _>>().into())
        };
        let rows: Vec<Value> = select.query_map([], row).unwrap().collect::<Result<_, _>>().unwrap();
        rows_from_json(table, &rows).map(Some).map_err(|e| e.to_string())
    }

    fn count(&self, table: &Table) -> Result<u64, String> {
        let connection = Connection::open(self.path()).unwrap();
        let sql = format!("SELECT count(*) FROM \"{}\"", table.name());
        let count: i64 = connection.query_row(&sql, [], |row| row.get(0)).map_err(|e| e.to_string())?;
        Ok(count.cast_unsigned())
    }

    fn traces(&self) -> Result<Vec<String>, String> {
        let mut traces = listing(self.folder.path());
        if self.path().exists() {
            let connection = Connection::open(self.path()).unwrap();
            let mut select = connection.prepare("SELECT name FROM sqlite_schema ORDER BY 1").unwrap();
            traces.extend(select.query_map([], |r| r.get(0)).unwrap().collect::<Result<Vec<String>, _>>().unwrap());
        }
        Ok(traces)
    }

    fn occupy(&self, table: &Table) -> Result<bool, String> {
        self.execute(&format!("CREATE TABLE \"{}\" (id INTEGER PRIMARY KEY, other TEXT)", table.name()));
        Ok(true)
    }
}

#[test]
fn conforms() {
    block_on(conformance::run(&mut || Box::new(Database::new()))).unwrap();
}

#[test]
fn a_million_rows_are_there_once() {
    block_on(conformance::many(&Database::new(), 1_000_000)).unwrap();
}

fn pairs() -> Vec<Table> {
    tables(vec![TableDraft {
        name: "pairs".into(),
        columns: vec![
            column("id", Scalar::String, true),
            column("n", Scalar::Int64, false),
            column("x", Scalar::Float64, false),
            column("at", Scalar::Timestamp, false),
        ],
        key: vec!["id".into()],
        ..TableDraft::default()
    }])
}

fn rows(tables: &[Table], rows: &[Value]) -> RecordBatch {
    rows_from_json(&tables[0], rows).unwrap()
}

/// What `check` says of a database made by this SQL, and that `begin` says the same and changes nothing.
fn check(sql: &str) -> Result<TableState, (Option<String>, String)> {
    let database = Database::new();
    database.execute(sql);
    let before = std::fs::read(database.path()).unwrap();
    let tables = pairs();
    let mut sink = database.sink();
    let checked = block_on(sink.check(&tables));
    let begun = block_on(sink.begin(&load("run", "job", &tables)));
    assert_eq!(checked.is_ok(), begun.is_ok(), "{sql}");
    drop(sink);
    assert_eq!(std::fs::read(database.path()).unwrap(), before, "{sql}");
    checked.map(|s| s[0]).map_err(|e| match &e {
        SinkError::Schema(mismatch) => (mismatch.column.clone(), format!("{e} {}", e.remedy().unwrap())),
        _ => panic!("{e}"),
    })
}

#[test]
fn tables_that_fit_are_taken() {
    for sql in [
        "CREATE TABLE pairs (id TEXT PRIMARY KEY, n INTEGER, x REAL, at TEXT)",
        "CREATE TABLE PAIRS (at DATETIME, X DOUBLE, N BIGINT, ID VARCHAR(9) UNIQUE, extra TEXT, more INT NOT NULL DEFAULT 1)",
        "CREATE TABLE pairs (id TEXT PRIMARY KEY, n INT, x REAL, at TEXT) STRICT, WITHOUT ROWID",
        "CREATE TABLE pairs (id, n, x, at); CREATE UNIQUE INDEX k ON pairs (id)",
        "CREATE TABLE pairs (rid INTEGER PRIMARY KEY NOT NULL, id TEXT NOT NULL UNIQUE, n INTEGER, x REAL, at TEXT, g TEXT AS (id || n))",
    ] {
        assert_eq!(check(sql), Ok(TableState::Present { rows: None }), "{sql}");
    }
}

#[test]
fn tables_that_do_not_fit_are_refused_by_name() {
    for (sql, column, part) in [
        (
            "CREATE TABLE pairs (id TEXT PRIMARY KEY, n INTEGER, x REAL)",
            Some("at"),
            "no such column, expected TEXT for timestamp",
        ),
        (
            "CREATE TABLE pairs (id TEXT PRIMARY KEY, n INTEGER, x REAL)",
            Some("at"),
            "ALTER TABLE \"pairs\" ADD COLUMN \"at\" TEXT",
        ),
        (
            "CREATE TABLE pairs (id TEXT PRIMARY KEY, n TEXT, x REAL, at TEXT)",
            Some("n"),
            "found TEXT, expected INTEGER for int64",
        ),
        (
            "CREATE TABLE pairs (id TEXT PRIMARY KEY, n INT, x NUMERIC, at TEXT)",
            Some("x"),
            "found NUMERIC, expected REAL",
        ),
        ("CREATE TABLE pairs (id DATE PRIMARY KEY, n INT, x REAL, at TEXT)", Some("id"), "found DATE"),
        (
            "CREATE TABLE pairs (id TEXT, n INTEGER, x REAL, at TEXT)",
            None,
            "CREATE UNIQUE INDEX \"pairs_key\" ON \"pairs\" (\"id\")",
        ),
        ("CREATE TABLE pairs (id TEXT, n INTEGER, x REAL, at TEXT, UNIQUE (id, n))", None, "found none"),
        ("CREATE TABLE pairs (id TEXT COLLATE NOCASE PRIMARY KEY, n INT, x REAL, at TEXT)", None, "compares bytes"),
        (
            "CREATE TABLE pairs (id TEXT, n INT, x REAL, at TEXT); CREATE UNIQUE INDEX k ON pairs (id) WHERE n > 0",
            None,
            "found none",
        ),
        (
            "CREATE TABLE pairs (id TEXT, n INT, x REAL, at TEXT); CREATE UNIQUE INDEX k ON pairs (lower(id))",
            None,
            "found none",
        ),
        ("CREATE TABLE pairs (id TEXT PRIMARY KEY, n INT NOT NULL, x REAL, at TEXT)", Some("n"), "may be NULL"),
        (
            "CREATE TABLE pairs (id TEXT PRIMARY KEY, n INT, x REAL, at TEXT, must TEXT NOT NULL)",
            Some("must"),
            "without a default",
        ),
        ("CREATE TABLE pairs (id TEXT PRIMARY KEY, n INT AS (1), x REAL, at TEXT)", Some("n"), "a generated column"),
        ("CREATE VIEW pairs AS SELECT 1 AS id", None, "found a view, expected a table"),
        ("CREATE TABLE _gristmill_loads (a)", Some("run_id"), "no such column"),
    ] {
        let (found, message) = check(sql).expect_err(sql);
        assert_eq!(found.as_deref(), column, "{sql}");
        assert!(message.contains(part), "{sql}: {message}");
    }
}

#[test]
fn the_load_is_recorded_with_its_rows() {
    let (database, tables) = (Database::new(), pairs());
    let batch = rows(&tables, &[json!({"id": "a", "at": "2024-02-29T12:00:00Z"}), json!({"id": "b", "n": 2})]);
    run(database.sink().as_mut(), &load("run-1", "job", &tables), std::slice::from_ref(&batch)).unwrap();
    run(database.sink().as_mut(), &load("run-2", "job", &tables), &[batch]).unwrap();
    let sql = "SELECT group_concat(concat_ws('|', run_id, job, plugin, length(plugin_digest), started_at, table_name, inserted, updated, already), ' ') \
               FROM _gristmill_loads";
    let want = "run-1|job|test@0.1.0|64|2024-01-01T00:00:00.000000Z|pairs|2|0|0 run-2|job|test@0.1.0|64|2024-01-01T00:00:00.000000Z|pairs|0|0|2";
    assert_eq!(database.one(sql), want.to_owned().into());
    // SQLite's own functions read what we write.
    assert_eq!(
        database.one("SELECT strftime('%Y-%m-%d %H', at) FROM pairs WHERE id = 'a'"),
        "2024-02-29 12".to_owned().into()
    );
}

#[test]
fn an_update_leaves_columns_of_others_alone() {
    let (database, tables) = (Database::new(), pairs());
    database.execute(
        "CREATE TABLE pairs (id TEXT PRIMARY KEY, n INTEGER COLLATE NOCASE, x REAL, at TEXT COLLATE NOCASE, note TEXT DEFAULT 'new');
         INSERT INTO pairs VALUES ('a', 1, 1.0, NULL, 'mine'), ('b', NULL, 0.5, NULL, 'mine')",
    );
    let batch =
        rows(&tables, &[json!({"id": "a", "n": 1, "x": 1.0}), json!({"id": "b", "x": 0.25}), json!({"id": "c"})]);
    let mut load = load("run", "job", &tables);
    load.on_conflict = OnConflict::Update;
    let counts = run(database.sink().as_mut(), &load, &[batch]).unwrap();
    assert_eq!(counts, [TableCount { inserted: 1, updated: 1, already: 1 }]);
    let all = "SELECT group_concat(concat_ws('|', id, ifnull(n, '-'), ifnull(x, '-'), note), ' ') FROM pairs";
    assert_eq!(database.one(all), "a|1|1.0|mine b|-|0.25|mine c|-|-|new".to_owned().into());
}

#[test]
fn a_failed_constraint_of_others_takes_everything_back() {
    let (database, tables) = (Database::new(), pairs());
    database.execute("CREATE TABLE pairs (id TEXT PRIMARY KEY, n INTEGER CHECK (n < 10), x REAL, at TEXT)");
    let batch = rows(&tables, &[json!({"id": "a", "n": 1}), json!({"id": "secret", "n": 77})]);
    let mut sink = database.sink();
    let error = run(sink.as_mut(), &load("run", "job", &tables), &[batch]).unwrap_err();
    assert_eq!((error.code(), error.blame()), ("sink.sqlite", Blame::Destination));
    let text = error.to_string();
    assert!(text.contains("table `pairs`") && !text.contains("secret") && !text.contains("77"), "{text}");
    block_on(sink.abort()).unwrap();
    assert_eq!(database.one("SELECT count(*) FROM pairs"), 0.into());
}

#[test]
fn places_that_cannot_be_written_are_named() {
    let folder = TempDir::new().unwrap();
    let tables = pairs();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "not a database, but long enough to have a header of one hundred bytes".repeat(3)).unwrap();
    for (path, part, remedy) in [
        (folder.path().to_owned(), "it is a folder, not a database", "Name a file"),
        (text.clone(), "it is not an SQLite database", "not overwritten"),
        (folder.path().join("no/such/rows.db"), "creating a file in", "Create the folder first"),
    ] {
        let mut sink = Sqlite::new(&path);
        let error = block_on(sink.check(&tables)).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
        assert!(error.to_string().contains(&*folder.path().to_string_lossy()), "{error}");
        assert!(error.remedy().unwrap().contains(remedy), "{error}");
        assert!(block_on(sink.begin(&load("run", "job", &tables))).is_err(), "{}", path.display());
    }
    assert_eq!(listing(folder.path()), ["notes.txt"]);
}

#[test]
fn a_database_in_use_is_said_to_be() {
    let (database, tables) = (Database::new(), pairs());
    database.execute("CREATE TABLE other (a)");
    let holder = Connection::open(database.path()).unwrap();
    let mut sink = Sqlite::new(database.path()).with_busy_timeout(Duration::from_millis(50));
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = block_on(sink.begin(&load("run", "job", &tables))).unwrap_err();
    assert!(error.to_string().ends_with("rows.db is in use by another program that reads or writes it"), "{error}");
    holder.execute_batch("ROLLBACK; BEGIN; SELECT * FROM other").unwrap();
    // A reader holds the commit up; when it is done, the same load can be committed.
    block_on(sink.begin(&load("run", "job", &tables))).unwrap();
    block_on(sink.write(0, rows(&tables, &[json!({"id": "a"})]))).unwrap();
    let error = block_on(sink.commit()).unwrap_err();
    assert_eq!(error.code(), "sink.busy");
    holder.execute_batch("ROLLBACK").unwrap();
    block_on(sink.commit()).unwrap();
    assert_eq!(database.one("SELECT count(*) FROM _gristmill_loads"), 1.into());
}

#[test]
fn a_process_that_dies_leaves_nothing() {
    let (database, tables) = (Database::new(), pairs());
    database.execute("CREATE TABLE other (a)");
    let mut sink = database.sink();
    block_on(sink.begin(&load("run", "job", &tables))).unwrap();
    // More than the page cache holds, so that the file itself is written to before the commit.
    for batch in 0..60 {
        let many: Vec<_> = (0..5_000).map(|i| json!({"id": format!("{batch}-{i}-{}", "x".repeat(300))})).collect();
        block_on(sink.write(0, rows(&tables, &many))).unwrap();
    }
    let crashed = TempDir::new().unwrap();
    for name in listing(database.folder.path()) {
        std::fs::copy(database.folder.path().join(&name), crashed.path().join(&name)).unwrap();
    }
    assert!(std::fs::metadata(crashed.path().join("rows.db")).unwrap().len() > 1 << 20, "nothing was spilled");
    let found = Connection::open(crashed.path().join("rows.db")).unwrap();
    let names: String = found.query_row("SELECT group_concat(name) FROM sqlite_schema", [], |r| r.get(0)).unwrap();
    assert_eq!(names, "other");
}
