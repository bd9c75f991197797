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
