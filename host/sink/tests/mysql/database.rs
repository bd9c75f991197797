//! A database of a MariaDB server, and what is in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::RecordBatch;
use gristmill_record::{DataType, Scalar, Table};
use gristmill_servers::MariaDb;
use gristmill_sink::conformance::{Subject, Ways, rows_from_json};
use gristmill_sink::{OpenOptions, Sink};
use serde_json::{Value, json};

/// A database, empty at first.
pub(crate) struct Database {
    pub(crate) server: Arc<MariaDb>,
    pub(crate) name: String,
}

impl Database {
    pub(crate) fn new(server: &Arc<MariaDb>) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("d{}", NEXT.fetch_add(1, Ordering::Relaxed));
        server.sql("", &format!("CREATE DATABASE {name}")).unwrap();
        Self { server: Arc::clone(server), name }
    }

    pub(crate) fn sql(&self, sql: &str) -> String {
        self.server.sql(&self.name, sql).unwrap()
    }

    pub(crate) fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// All rows of a table, in any form, sorted.
    pub(crate) fn content(&self, table: &str) -> Vec<String> {
        let mut rows: Vec<_> = self.sql(&format!("SELECT * FROM {table}")).lines().map(str::to_owned).collect();
        rows.sort();
        rows
    }
}

pub(crate) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// An expression that the command-line client shows without loss: text and bytes in hexadecimal digits.
fn shown(ty: &DataType, name: &str) -> String {
    match ty {
        DataType::Scalar(Scalar::Boolean | Scalar::Int64 | Scalar::Float64 | Scalar::Date) => name.to_owned(),
        DataType::Scalar(Scalar::Timestamp) => format!("DATE_FORMAT({name}, '%Y-%m-%dT%H:%i:%s.%fZ')"),
        _ => format!("HEX({name})"),
    }
}

fn unhex(digits: &str) -> Vec<u8> {
    (0..digits.len() / 2).map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap()).collect()
}

/// The value of what was shown, in the form of the NDJSON sink.
fn read(ty: &DataType, shown: &str) -> Value {
    let text = || String::from_utf8(unhex(shown)).unwrap();
    match ty {
        _ if shown == "NULL" => Value::Null,
        DataType::Scalar(Scalar::Boolean) => json!(shown == "1"),
        DataType::Scalar(Scalar::Int64) => json!(shown.parse::<i64>().unwrap()),
        DataType::Scalar(Scalar::Float64) => json!(shown.parse::<f64>().unwrap()),
        DataType::Scalar(Scalar::Timestamp | Scalar::Date) => json!(shown),
        DataType::Scalar(Scalar::String | Scalar::Reference) => json!(text()),
        DataType::Scalar(Scalar::Bytes) => {
            use base64::Engine as _;
            json!(base64::engine::general_purpose::STANDARD.encode(unhex(shown)))
        }
        DataType::Scalar(Scalar::Json) | DataType::List(_) | DataType::Struct(_) => {
            serde_json::from_str(&text()).unwrap()
        }
    }
}

impl Subject for Database {
    fn ways(&self) -> Ways {
        Ways { merges: true, negative_zero: false }
    }

    fn sink(&self) -> Box<dyn Sink> {
        gristmill_sink::open(&self.url(), OpenOptions::default()).unwrap()
    }

    fn rows(&self, table: &Table) -> Result<Option<RecordBatch>, String> {
        let there = format!(
            "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '{}'",
            table.name()
        );
        if self.sql(&there) == "0" {
            return Ok(None);
        }
        let columns: Vec<_> = table.columns().iter().map(|c| shown(&c.ty, &quoted(&c.name))).collect();
        let text = self.sql(&format!("SELECT {} FROM {}", columns.join(", "), quoted(table.name())));
        let row = |line: &str| {
            let cells = table.columns().iter().zip(line.split('\t'));
            Value::Object(cells.map(|(c, shown)| (c.name.clone(), read(&c.ty, shown))).collect())
        };
        // The client takes away the last line end, and a row may be one empty text.
        let rows: Vec<Value> = if text.is_empty() { Vec::new() } else { text.split('\n').map(row).collect() };
        rows_from_json(table, &rows).map(Some).map_err(|e| e.to_string())
    }

    fn count(&self, table: &Table) -> Result<u64, String> {
        self.sql(&format!("SELECT count(*) FROM {}", quoted(table.name()))).trim().parse().map_err(|e| format!("{e}"))
    }

    fn traces(&self) -> Result<Vec<String>, String> {
        let sql = "SELECT CONCAT(TABLE_SCHEMA, '.', TABLE_NAME) FROM information_schema.TABLES \
            WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1";
        Ok(self.sql(sql).lines().map(str::to_owned).collect())
    }

    fn occupy(&self, table: &Table) -> Result<bool, String> {
        self.sql(&format!("CREATE TABLE {} (id bigint PRIMARY KEY, other text)", quoted(table.name())));
        Ok(true)
    }
}
