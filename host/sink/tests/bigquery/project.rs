//! A project with a dataset and a bucket, empty at first.

use std::sync::Arc;

use arrow_array::RecordBatch;
use gristmill_doubles::bigquery::BigQueryDouble;
use gristmill_doubles::storage::StorageDouble;
use gristmill_record::{DataType, Scalar, Table, TableDraft};
use gristmill_sink::conformance::{Subject, Ways, rows_from_json};
use gristmill_sink::{Emulators, Load, OpenOptions, Sink, SinkError, TableCount};
use serde_json::{Map, Value, json};

use crate::support::{column, tables};

pub(crate) const PROJECT: &str = "test-project";
pub(crate) const BUCKET: &str = "staging";

pub(crate) struct Project {
    pub(crate) storage: StorageDouble,
    pub(crate) bigquery: BigQueryDouble,
}

impl Project {
    pub(crate) fn new() -> Self {
        let storage = StorageDouble::start().unwrap();
        storage.create_bucket(BUCKET);
        let bigquery = BigQueryDouble::start(Arc::new(storage.objects())).unwrap();
        bigquery.create_dataset_in(PROJECT, "d", "europe-west1");
        Self { storage, bigquery }
    }

    pub(crate) fn options(&self) -> OpenOptions {
        OpenOptions {
            staging: Some(format!("gs://{BUCKET}/rows").parse().unwrap()),
            emulators: Some(Emulators { bigquery: self.bigquery.endpoint(), storage: self.storage.endpoint() }),
            ..OpenOptions::default()
        }
    }

    pub(crate) fn open(&self, to: &str) -> Box<dyn Sink> {
        gristmill_sink::open(&format!("bigquery:{to}"), self.options()).unwrap()
    }

    pub(crate) fn sql(&self, sql: &str) -> Vec<Map<String, Value>> {
        self.bigquery.query(PROJECT, sql).unwrap_or_else(|e| panic!("{sql}: {e}"))
    }

    pub(crate) fn count(&self, table: &str) -> u64 {
        self.sql(&format!("SELECT COUNT(*) AS n FROM d.{table}"))[0]["n"].as_u64().unwrap()
    }

    /// What jobs of a kind there were, by their ids.
    pub(crate) fn jobs(&self, kind: &str) -> Vec<String> {
        let jobs = self.bigquery.jobs().into_iter().map(|job| job.id);
        jobs.filter(|id| id.starts_with(&format!("gristmill-{kind}-"))).collect()
    }
}

/// A value of a column, in the form of the NDJSON sink.
fn cell(ty: &DataType, value: &Value) -> Value {
    match (ty, value) {
        (_, Value::Null) => Value::Null,
        (DataType::Scalar(Scalar::Json) | DataType::List(_) | DataType::Struct(_), Value::String(text)) => {
            serde_json::from_str(text).unwrap()
        }
        (_, value) => value.clone(),
    }
}

impl Subject for Project {
    fn ways(&self) -> Ways {
        Ways { merges: true, negative_zero: true }
    }

    fn any_name(&self) -> bool {
        false
    }

    fn sink(&self) -> Box<dyn Sink> {
        self.open(&format!("{PROJECT}.d"))
    }

    fn rows(&self, table: &Table) -> Result<Option<RecordBatch>, String> {
        if self.bigquery.table(PROJECT, "d", table.name()).is_none() {
            return Ok(None);
        }
        let value = |ty: &DataType, name: &str| match ty {
            DataType::Scalar(Scalar::Json) | DataType::List(_) | DataType::Struct(_) => {
                format!("IF(`{name}` IS NULL, NULL, TO_JSON_STRING(`{name}`))")
            }
            _ => format!("`{name}`"),
        };
        let columns: Vec<_> =
            table.columns().iter().map(|c| format!("{} AS `{}`", value(&c.ty, &c.name), c.name)).collect();
        let rows = self.sql(&format!("SELECT {} FROM d.{}", columns.join(", "), table.name()));
        let row = |row: &Map<String, Value>| {
            let cells = table.columns().iter();
            Value::Object(cells.map(|c| (c.name.clone(), cell(&c.ty, &row[&c.name]))).collect())
        };
        rows_from_json(table, &rows.iter().map(row).collect::<Vec<_>>()).map(Some).map_err(|e| e.to_string())
    }

    fn count(&self, table: &Table) -> Result<u64, String> {
        Ok(self.count(table.name()))
    }

    fn traces(&self) -> Result<Vec<String>, String> {
        let mut traces = self.bigquery.tables(PROJECT, "d");
        traces.extend(self.storage.list(BUCKET, ""));
        Ok(traces)
    }

    fn occupy(&self, table: &Table) -> Result<bool, String> {
        self.sql(&format!("CREATE TABLE d.{} (id INT64 NOT NULL, other STRING)", table.name()));
        Ok(true)
    }
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    gristmill_sink::runtime().unwrap().block_on(future)
}

/// A table with a key, a value of most kinds, and a day that divides it.
pub(crate) fn pairs() -> Vec<Table> {
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
        partition_by: Some("at".into()),
        cluster_by: vec!["x".into(), "n".into()],
        ..TableDraft::default()
    }])
}

/// One without a key.
pub(crate) fn log() -> Vec<Table> {
    tables(vec![TableDraft {
        name: "log".into(),
        columns: vec![column("text", Scalar::String, false), column("j", Scalar::Json, false)],
        partition_by: Some("text".into()),
        ..TableDraft::default()
    }])
}

pub(crate) fn rows(tables: &[Table], rows: &[Value]) -> RecordBatch {
    rows_from_json(&tables[0], rows).unwrap()
}

/// So many rows with keys of their own.
pub(crate) fn numbered(n: u32) -> Vec<Value> {
    (0..n)
        .map(|i| json!({"id": format!("k{i}"), "n": i, "at": format!("2024-01-{:02}T00:00:00Z", i % 28 + 1)}))
        .collect()
}

/// A whole load of one table.
pub(crate) async fn load_all(
    sink: &mut dyn Sink,
    load: &Load,
    batch: RecordBatch,
) -> Result<Vec<TableCount>, SinkError> {
    match sink.begin(load).await? {
        gristmill_sink::Begun::AlreadyLoaded(counts) => Ok(counts),
        gristmill_sink::Begun::Ready => {
            sink.write(0, batch).await?;
            sink.commit().await
        }
    }
}

pub(crate) fn inserted(n: u64) -> Vec<TableCount> {
    vec![TableCount { inserted: n, ..TableCount::default() }]
}

pub(crate) fn already(n: u64) -> Vec<TableCount> {
    vec![TableCount { already: n, ..TableCount::default() }]
}
