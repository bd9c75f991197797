//! A project with an export in a bucket, and runs of the program in it.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use gristmill_doubles::bigquery::BigQueryDouble;
use gristmill_doubles::storage::StorageDouble;
use gristmill_record::time::{format_rfc3339, parse_rfc3339};
use serde_json::{Map, Value};

use crate::databases::engine::{STARTED, job, sqlite_rows};
use crate::kit::{Ran, export_file, finish, gristmill};

pub(crate) const PROJECT: &str = "test-project";
/// The table of section A of the requirements.
pub(crate) const TABLE: &str = "test-project.yago_reports.quality_stream";

pub(crate) struct Cloud {
    pub(crate) storage: StorageDouble,
    pub(crate) bigquery: BigQueryDouble,
}

impl Cloud {
    pub(crate) fn new() -> Self {
        let storage = StorageDouble::start().unwrap();
        storage.create_bucket("staging");
        let bigquery = BigQueryDouble::start(Arc::new(storage.objects())).unwrap();
        bigquery.create_dataset_in(PROJECT, "yago_reports", "europe-west1");
        Self { storage, bigquery }
    }

    /// Puts the yago export at `gs://exports/2026/export`.
    pub(crate) fn with_export(self) -> Self {
        self.storage.create_bucket("exports");
        self.storage.put_folder("exports", "2026/", &export_file("yago")).unwrap();
        self
    }

    /// What tells a process where the doubles are.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("STORAGE_EMULATOR_HOST", self.storage.endpoint().to_owned()),
            ("BIGQUERY_EMULATOR_HOST", self.bigquery.endpoint().to_owned()),
        ]
    }

    /// A command that finds the doubles.
    pub(crate) fn reach(&self, command: &mut Command) {
        command.envs(self.environment());
    }

    /// A load of the yago export on this machine into the table.
    pub(crate) fn job(&self, folder: &Path, more: &[&str]) -> Command {
        let to = format!("bigquery:{TABLE}");
        let mut command = job(folder, &to, &[&["--staging", "gs://staging/rows"], more].concat());
        self.reach(&mut command);
        command
    }

    pub(crate) fn run(&self, folder: &Path, more: &[&str]) -> Ran {
        finish(&mut self.job(folder, more))
    }

    /// The same of the export in the bucket.
    pub(crate) fn run_bucket(&self, folder: &Path) -> Ran {
        let mut command = gristmill();
        command.current_dir(folder).args([
            "--json",
            "run",
            "gs://exports/2026/export",
            "--to",
            &format!("bigquery:{TABLE}"),
        ]);
        command.args(["--staging", "gs://staging/rows", "--config", "overall-score-max=100", "--started-at", STARTED]);
        command.args(["--dead-letters", "dead.jsonl", "--write", "load-jobs"]);
        self.reach(&mut command);
        finish(&mut command)
    }

    pub(crate) fn check(&self, folder: &Path, args: &[&str]) -> Ran {
        let mut command = gristmill();
        self.reach(command.current_dir(folder).arg("check").args(args));
        finish(&mut command)
    }

    pub(crate) fn sql(&self, sql: &str) -> Vec<Map<String, Value>> {
        self.bigquery.query(PROJECT, sql).unwrap_or_else(|e| panic!("{sql}: {e}"))
    }

    /// The rows of the table as [`sqlite`] gives them.
    pub(crate) fn rows(&self) -> Vec<String> {
        let rows = self.sql(&format!("SELECT * FROM `{TABLE}` ORDER BY insert_id"));
        let cell = |(name, value): (&String, &Value)| match value {
            Value::Null => "-".to_owned(),
            Value::String(text) if name.ends_with("_ts") => instant(text),
            Value::String(text) => text.clone(),
            Value::Number(n) if n.is_f64() => n.as_f64().unwrap().to_string(),
            other => other.to_string(),
        };
        // In the order of the columns of SQLite.
        let columns = [
            "insert_id",
            "team_id",
            "report_id",
            "event_ts",
            "overallScore",
            "coverage",
            "gaps",
            "overlaps",
            "avgDur",
            "source",
            "load_ts",
        ];
        let line = |row: &Map<String, Value>| columns.map(|name| cell((&name.to_owned(), &row[name]))).join("\t");
        rows.iter().map(line).collect()
    }

    /// What is left of loads: nothing but the table.
    pub(crate) fn assert_tidy(&self) {
        assert_eq!(self.bigquery.tables(PROJECT, "yago_reports"), ["quality_stream"]);
        assert!(self.storage.list("staging", "").is_empty(), "{:?}", self.storage.list("staging", ""));
    }

    /// Takes the table away.
    pub(crate) fn drop_table(&self) {
        self.sql(&format!("DROP TABLE `{TABLE}`"));
    }
}

fn instant(text: &str) -> String {
    format_rfc3339(parse_rfc3339(text.replace(' ', "T").as_bytes()).unwrap_or_else(|| panic!("{text} is no instant")))
}

/// The rows that the SQLite sink makes of the yago export.
pub(crate) fn sqlite(folder: &Path) -> Vec<String> {
    let line = |line: String| {
        let cells = line.split('\t').enumerate();
        cells
            .map(|(i, c)| if [3, 10].contains(&i) { instant(&format!("{c}Z")) } else { c.to_owned() })
            .collect::<Vec<_>>()
            .join("\t")
    };
    sqlite_rows(folder).into_iter().map(line).collect()
}
