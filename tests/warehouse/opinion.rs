//! A BigQuery that others made takes what is sent, and makes the same of it: `bqemulator`, where `cargo xtask second-opinion` has installed it.
//!
//! It keeps fewer of BigQuery's rules than our double, but its SQL, its loads and its types are not ours.

use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gristmill_doubles::storage::StorageDouble;
use gristmill_record::time::format_rfc3339;
use serde_json::{Value, json};

use super::cloud::{PROJECT, TABLE, sqlite};
use crate::databases::engine::counts;
use crate::kit::{Ran, assert_balanced, export, finish, folder, gristmill, root};

/// How long it may take to start: it reads half a gigabyte of libraries.
const START: Duration = Duration::from_secs(120);

struct Emulator {
    storage: StorageDouble,
    child: Child,
    /// What it writes, which is removed with it.
    _files: tempfile::TempDir,
    address: String,
}

impl Emulator {
    /// `None` where it is not installed.
    fn start() -> Option<Self> {
        let tools = gristmill_guest::tools_dir();
        if !tools.join("bqemulator/installed").exists() {
            return None;
        }
        let storage = StorageDouble::start().unwrap();
        storage.create_bucket("staging");
        let files = folder();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(tools.join("python/bin/python"))
            .arg(root().join("tests/warehouse/emulator.py"))
            .arg(port.to_string())
            .env("PYTHONPATH", tools.join("bqemulator"))
            .env("STORAGE_EMULATOR_HOST", storage.endpoint())
            .env("TMPDIR", files.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let emulator = Self { storage, child, _files: files, address: format!("http://127.0.0.1:{port}") };
        let began = Instant::now();
        let dataset = json!({"datasetReference": {"projectId": PROJECT, "datasetId": "yago_reports"}, "location": "europe-west1"});
        while let Err(error) = emulator.post("datasets", &dataset) {
            assert!(began.elapsed() < START, "it does not answer: {error}");
            std::thread::sleep(Duration::from_millis(200));
        }
        Some(emulator)
    }

    fn post(&self, what: &str, body: &Value) -> Result<Value, String> {
        let url = format!("{}/bigquery/v2/projects/{PROJECT}/{what}", self.address);
        let sent = ureq::post(&url).header("content-type", "application/json").send(body.to_string());
        let text = sent.map_err(|e| e.to_string())?.body_mut().with_config().limit(64 << 20).read_to_string();
        serde_json::from_str(&text.map_err(|e| e.to_string())?).map_err(|e| e.to_string())
    }

    /// Cells of a query's rows as text, nulls as `-`, instants as ours.
    fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        let answer =
            self.post("queries", &json!({"query": sql, "useLegacySql": false, "maxResults": 100_000})).unwrap();
        assert_eq!(answer["errors"], Value::Null, "{sql}");
        let types: Vec<_> = answer["schema"]["fields"].as_array().unwrap().iter().map(|f| f["type"].clone()).collect();
        let cell = |(ty, cell): (&Value, &Value)| match cell["v"].as_str() {
            None => "-".to_owned(),
            Some(micros) if ty == "TIMESTAMP" => format_rfc3339(micros.parse().unwrap()),
            Some(number) if ty == "FLOAT" => number.parse::<f64>().unwrap().to_string(),
            Some(text) => text.to_owned(),
        };
        let rows = answer["rows"].as_array().unwrap().iter();
        rows.map(|row| types.iter().zip(row["f"].as_array().unwrap()).map(cell).collect()).collect()
    }

    fn run(&self, folder: &Path, started: &str, more: &[&str]) -> Ran {
        let mut command = gristmill();
        command.env("STORAGE_EMULATOR_HOST", self.storage.endpoint()).env("BIGQUERY_EMULATOR_HOST", &self.address);
        command.current_dir(folder).args(["--json", "run", &export("yago"), "--to", &format!("bigquery:{TABLE}")]);
        command.args(["--staging", "gs://staging/rows", "--config", "overall-score-max=100"]);
        command.args(["--dead-letters", "dead.jsonl", "--started-at", started]);
        finish(command.args(more))
    }

    fn all(&self) -> Vec<String> {
        let rows = self.rows("SELECT * FROM yago_reports.quality_stream ORDER BY insert_id");
        rows.into_iter().map(|row| row.join("\t")).collect()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn second_opinion() {
    let Some(emulator) = Emulator::start() else {
        writeln!(
            std::io::stderr(),
            "bqemulator is not installed (cargo xtask second-opinion): what is sent is not shown to it"
        )
        .unwrap();
        return;
    };
    let f = folder();
    let expected = sqlite(f.path());
    let all = expected.len() as u64;
    let first = crate::databases::engine::STARTED;

    // The table, the load and the merge.
    let ran = emulator.run(f.path(), first, &[]).ok();
    assert_eq!(counts(&ran), [all, 0, 0]);
    assert_balanced(&ran.json());
    assert_eq!(emulator.all(), expected);
    assert!(emulator.storage.list("staging", "").is_empty());

    // Another run finds all of it there.
    assert_eq!(counts(&emulator.run(f.path(), "2026-02-01T00:00:00Z", &[]).ok()), [0, 0, all]);
    assert_eq!(emulator.all(), expected);

    // Half of the rows are the stream's, and others'.
    emulator.rows("DELETE FROM yago_reports.quality_stream WHERE MOD(LENGTH(insert_id), 2) = 0");
    emulator.rows("UPDATE yago_reports.quality_stream SET source = 'stream', gaps = 77 WHERE TRUE");
    let left = emulator.all().len() as u64;
    assert!(left > 0 && left < all);
    let ran = emulator.run(f.path(), "2026-02-02T00:00:00Z", &["--on-conflict", "keep"]).ok();
    assert_eq!(counts(&ran), [all - left, 0, left]);
    let streamed =
        emulator.rows("SELECT COUNT(*) FROM yago_reports.quality_stream WHERE source = 'stream' AND gaps = 77");
    assert_eq!(streamed, [[left.to_string()]]);

    // It takes the statement that updates, too; of how many rows were new it has no word, and so it is not taken for a success.
    let ran = emulator.run(f.path(), first, &["--on-conflict", "update"]);
    assert_ne!(ran.code, 0);
    let code = ran.code;
    ran.fails(code, &["does not say how many rows it inserted and how many it updated"]);
    assert_eq!(emulator.all(), expected);
}
