//! The PostgreSQL sink: the suite, and what only it can do wrong. Against a real server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where something is not as it must be"
)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::RecordBatch;
use gristmill_record::{DataType, Diagnose, Scalar, Table, TableDraft};
use gristmill_servers::Postgres;
use gristmill_sink::conformance::{self, Subject, Ways, rows_from_json};
use gristmill_sink::{OnConflict, OpenOptions, Sink, SinkError, TableCount, TableState};
use serde_json::{Map, Value, json};
use support::{column, load, tables};

/// A database of a server, empty at first.
struct Database {
    server: Arc<Postgres>,
    name: String,
}

impl Database {
    fn new(server: &Arc<Postgres>) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("d{}", NEXT.fetch_add(1, Ordering::Relaxed));
        server.sql("postgres", &format!("CREATE DATABASE {name}")).unwrap();
        Self { server: Arc::clone(server), name }
    }

    fn sql(&self, sql: &str) -> String {
        self.server.sql(&self.name, sql).unwrap()
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A value as `row_to_json` writes it, in the form of the NDJSON sink.
fn cell(ty: &DataType, value: Value) -> Value {
    match (ty, value) {
        (_, Value::Null) => Value::Null,
        (DataType::Scalar(Scalar::Timestamp), Value::String(text)) => json!(text.replace("+00:00", "Z")),
        (DataType::Scalar(Scalar::Bytes), Value::String(text)) => json!(text.replace('\n', "")),
        (_, value) => value,
    }
}

impl Subject for Database {
    fn ways(&self) -> Ways {
        Ways { merges: true, negative_zero: true }
    }

    fn sink(&self) -> Box<dyn Sink> {
        gristmill_sink::open(&self.server.url(&self.name), OpenOptions::default()).unwrap()
    }

    fn rows(&self, table: &Table) -> Result<Option<RecordBatch>, String> {
        let name = quoted(table.name());
        if self.sql(&format!("SELECT to_regclass('{name}') IS NULL")) == "t" {
            return Ok(None);
        }
        let value = |ty: &DataType, name: &str| match ty {
            DataType::Scalar(Scalar::Bytes) => format!("encode({name}, 'base64')"),
            _ => name.to_owned(),
        };
        let columns: Vec<_> = table
            .columns()
            .iter()
            .enumerate()
            .map(|(i, c)| format!("{} AS c{i}", value(&c.ty, &quoted(&c.name))))
            .collect();
        let sql =
            format!("SET timezone = 'UTC'; SELECT row_to_json(r) FROM (SELECT {} FROM {name}) r", columns.join(", "));
        let text = self.sql(&sql);
        let row = |line: &str| {
            let row: Map<String, Value> = serde_json::from_str(line).unwrap();
            let cells = table.columns().iter().enumerate();
            Value::Object(cells.map(|(i, c)| (c.name.clone(), cell(&c.ty, row[&format!("c{i}")].clone()))).collect())
        };
        let rows: Vec<Value> = text.split('\n').filter(|line| !line.is_empty()).map(row).collect();
        rows_from_json(table, &rows).map(Some).map_err(|e| e.to_string())
    }

    fn count(&self, table: &Table) -> Result<u64, String> {
        self.sql(&format!("SELECT count(*) FROM {}", quoted(table.name()))).trim().parse().map_err(|e| format!("{e}"))
    }

    fn traces(&self) -> Result<Vec<String>, String> {
        let sql = "SELECT n.nspname || '.' || relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace \
            WHERE nspname <> 'information_schema' AND nspname NOT IN ('pg_catalog', 'pg_toast') ORDER BY 1";
        Ok(self.sql(sql).lines().map(str::to_owned).collect())
    }

    fn occupy(&self, table: &Table) -> Result<bool, String> {
        self.sql(&format!("CREATE TABLE {} (id bigint PRIMARY KEY, other text)", quoted(table.name())));
        Ok(true)
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    gristmill_sink::runtime().unwrap().block_on(future)
}

#[test]
fn conforms() {
    let server = Arc::new(Postgres::start());
    block_on(conformance::run(&mut || Box::new(Database::new(&server)))).unwrap();
}

#[test]
fn a_million_rows_are_there_once() {
    let server = Arc::new(Postgres::start());
    block_on(conformance::many(&Database::new(&server), 1_000_000)).unwrap();
}

fn pairs() -> Vec<Table> {
    tables(vec![TableDraft {
        name: "pairs".into(),
        columns: vec![
            column("id", Scalar::String, true),
            column("n", Scalar::Int64, false),
            column("x", Scalar::Float64, false),
            column("at", Scalar::Timestamp, false),
            column("j", Scalar::Json, false),
        ],
        key: vec!["id".into()],
        ..TableDraft::default()
    }])
}

fn rows(tables: &[Table], rows: &[Value]) -> RecordBatch {
    rows_from_json(&tables[0], rows).unwrap()
}

/// What `check` says of a table made by this SQL; that `begin` says the same.
fn check(server: &Arc<Postgres>, sql: &str) -> Result<(), (Option<String>, String)> {
    let database = Database::new(server);
    database.sql(sql);
    let tables = pairs();
    let mut sink = database.sink();
    block_on(async {
        let checked = sink.check(&tables).await;
        let begun = sink.begin(&load("run", "job", &tables)).await;
        assert_eq!(checked.is_ok(), begun.is_ok(), "{sql}");
        checked.map(drop).map_err(|e| match &e {
            SinkError::Schema(mismatch) => (mismatch.column.clone(), format!("{e}. {}", e.remedy().unwrap())),
            _ => panic!("{e}"),
        })
    })
}

#[test]
fn tables_that_are_there_are_compared_column_by_column() {
    let server = Arc::new(Postgres::start());
    let rest = "x double precision, at timestamptz, j jsonb";
    for fits in [
        format!("CREATE TABLE pairs (id text PRIMARY KEY, n bigint, {rest})"),
        "CREATE TABLE pairs (j json, at timestamptz(6), x float8, n int2, id varchar(9) UNIQUE, more text)".to_owned(),
        format!(
            "CREATE TABLE pairs (id text COLLATE \"C\", n numeric, {rest}, k int NOT NULL DEFAULT 1); CREATE UNIQUE INDEX ON pairs (id) INCLUDE (n)"
        ),
        format!("CREATE TABLE pairs (id text PRIMARY KEY, n bigint, {rest}) PARTITION BY HASH (id)"),
    ] {
        check(&server, &fits).unwrap();
    }
    let icu = "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);";
    for (sql, column, parts) in [
        ("CREATE VIEW pairs AS SELECT 1 AS id".into(), None, ["a view", "Rename the view"]),
        (
            format!("CREATE TABLE pairs (id text PRIMARY KEY, {rest})"),
            Some("n"),
            ["no such column", "ADD COLUMN \"n\" bigint"],
        ),
        (format!("CREATE TABLE pairs (id text PRIMARY KEY, n text, {rest})"), Some("n"), ["found text", "TYPE bigint"]),
        (
            format!("CREATE TABLE pairs (id text PRIMARY KEY, n real, {rest})"),
            Some("n"),
            ["found real", "expected bigint for int64"],
        ),
        (
            "CREATE TABLE pairs (id text PRIMARY KEY, n int, x real, at timestamptz, j jsonb)".into(),
            Some("x"),
            ["found real", "double precision"],
        ),
        (
            "CREATE TABLE pairs (id text PRIMARY KEY, n int, x float8, at timestamp, j jsonb)".into(),
            Some("at"),
            ["without time zone", "with time zone"],
        ),
        (
            "CREATE TABLE pairs (id text PRIMARY KEY, n int, x float8, at timestamptz(3), j jsonb)".into(),
            Some("at"),
            ["timestamp(3)", "with time zone"],
        ),
        (
            format!("CREATE TABLE pairs (id text PRIMARY KEY, n bigint NOT NULL, {rest})"),
            Some("n"),
            ["NOT NULL", "Allow NULL"],
        ),
        (
            format!("CREATE TABLE pairs (id text PRIMARY KEY, n bigint GENERATED ALWAYS AS (1) STORED, {rest})"),
            Some("n"),
            ["a generated column", "ordinary"],
        ),
        (
            format!("CREATE TABLE pairs (id text PRIMARY KEY, n bigint, {rest}, k int NOT NULL)"),
            Some("k"),
            ["does not write it", "Give it a default"],
        ),
        (
            format!("CREATE TABLE pairs (id text, n bigint, {rest})"),
            None,
            ["found none", "CREATE UNIQUE INDEX ON \"public\".\"pairs\" (\"id\")"],
        ),
        (
            format!("CREATE TABLE pairs (id text, n bigint, {rest}); CREATE UNIQUE INDEX ON pairs (id) WHERE n > 0"),
            None,
            ["found none", "no row comes twice"],
        ),
        (
            format!("CREATE TABLE pairs (id text UNIQUE DEFERRABLE, n bigint, {rest})"),
            None,
            ["found none", "no row comes twice"],
        ),
        (
            format!("CREATE TABLE pairs (id text, n bigint, {rest}, UNIQUE (id, n))"),
            None,
            ["found none", "no row comes twice"],
        ),
        (
            format!("{icu} CREATE TABLE pairs (id text COLLATE loose PRIMARY KEY, n bigint, {rest})"),
            Some("id"),
            ["different texts for equal", "deterministic collation"],
        ),
        (
            format!(
                "CREATE TABLE _gristmill_loads (a text); CREATE TABLE pairs (id text PRIMARY KEY, n bigint, {rest})"
            ),
            Some("run_id"),
            ["keeps its loads in", "Rename"],
        ),
    ] {
        let (found, said) = check(&server, &sql).unwrap_err();
        eprintln!("{said}");
        assert_eq!(found.as_deref(), column, "{sql}: {said}");
        assert!(parts.iter().all(|part| said.contains(part)), "{sql}: {said}");
    }
}

#[test]
fn a_table_that_changes_under_way_is_told_and_nothing_is_loaded() {
    let server = Arc::new(Postgres::start());
    let database = Database::new(&server);
    let tables = pairs();
    let (first, all) = (json!({"id": "a", "n": 1}), [json!({"id": "a", "n": 2}), json!({"id": "b", "j": {"x": [1]}})]);
    block_on(async {
        let mut sink = database.sink();
        sink.begin(&load("run-1", "one", &tables)).await.unwrap();
        sink.write(0, rows(&tables, &[first])).await.unwrap();
        sink.commit().await.unwrap();

        sink.begin(&load("run-2", "two", &tables)).await.unwrap();
        sink.write(0, rows(&tables, &all)).await.unwrap();
        database.sql("ALTER TABLE pairs RENAME COLUMN n TO m");
        let error = sink.commit().await.unwrap_err();
        eprintln!("{error}: {}", error.remedy().unwrap());
        assert!(error.to_string().contains("\"n\"") && error.remedy().unwrap().contains("changed while"), "{error}");
        sink.abort().await.unwrap();
        assert_eq!(database.sql("SELECT count(*) FROM pairs"), "1");

        database.sql("ALTER TABLE pairs RENAME COLUMN m TO n");
        let mut update = load("run-2", "two", &tables);
        update.on_conflict = OnConflict::Update;
        sink.begin(&update).await.unwrap();
        sink.write(0, rows(&tables, &all)).await.unwrap();
        assert_eq!(sink.commit().await.unwrap(), [TableCount { inserted: 1, updated: 1, already: 0 }]);
    });
    assert_eq!(database.sql("SELECT id, n, j FROM pairs ORDER BY id"), "a|2|\nb||{\"x\": [1]}");
}

#[test]
fn a_second_load_of_a_table_waits_for_the_first() {
    let server = Arc::new(Postgres::start());
    let database = Database::new(&server);
    let tables = pairs();
    block_on(async {
        let (mut one, mut other) = (database.sink(), database.sink());
        one.begin(&load("run-1", "job", &tables)).await.unwrap();
        one.write(0, rows(&tables, &[json!({"id": "a"})])).await.unwrap();
        let waiting = tokio::spawn(async move {
            let state = other.check(&pairs()).await.unwrap();
            assert_eq!(state, [TableState::Absent]);
            other.begin(&load("run-2", "job", &pairs())).await.unwrap();
            other.write(0, rows(&pairs(), &[json!({"id": "a"}), json!({"id": "b"})])).await.unwrap();
            other.commit().await.unwrap()
        });
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        assert_eq!(one.commit().await.unwrap(), [TableCount { inserted: 1, ..TableCount::default() }]);
        assert_eq!(waiting.await.unwrap(), [TableCount { inserted: 1, updated: 0, already: 1 }]);
    });
    assert_eq!(database.sql("SELECT count(*) FROM pairs"), "2");
}
