//! The NDJSON sink: the suite, and what only it can do wrong.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where something is not as it must be"
)]

mod support;

use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use arrow_array::RecordBatch;
use gristmill_record::{Diagnose, Scalar, Table, TableDraft};
use gristmill_sink::conformance::{self, Subject, Ways, rows_from_json};
use gristmill_sink::{Ndjson, OpenOptions, Sink};
use serde_json::{Value, json};
use support::{block_on, column, listing, load, quality_rows, quality_stream, run, tables};
use tempfile::TempDir;

struct File {
    folder: TempDir,
}

impl File {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("rows.ndjson")
    }
}

impl Subject for File {
    fn ways(&self) -> Ways {
        Ways { merges: false, negative_zero: true }
    }

    fn sink(&self) -> Box<dyn Sink> {
        gristmill_sink::open(&format!("ndjson:{}", self.path().display()), OpenOptions::default()).unwrap()
    }

    fn rows(&self, table: &Table) -> Result<Option<RecordBatch>, String> {
        let own = self.folder.path().join(format!("rows.{}.ndjson", table.name()));
        let Some(path) = [self.path(), own].into_iter().find(|p| p.exists()) else { return Ok(None) };
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'));
        let rows: Vec<Value> = text.split_terminator('\n').map(|l| serde_json::from_str(l).unwrap()).collect();
        for row in &rows {
            let names: Vec<_> = row.as_object().unwrap().keys().collect();
            let mut want: Vec<_> = table.columns().iter().map(|c| &c.name).collect();
            want.sort();
            assert_eq!(names, want);
        }
        rows_from_json(table, &rows).map(Some).map_err(|e| e.to_string())
    }

    fn count(&self, _: &Table) -> Result<u64, String> {
        let text = std::fs::read(self.path()).map_err(|e| e.to_string())?;
        Ok(text.iter().filter(|byte| **byte == b'\n').count() as u64)
    }

    fn traces(&self) -> Result<Vec<String>, String> {
        Ok(listing(self.folder.path()))
    }

    fn occupy(&self, _: &Table) -> Result<bool, String> {
        Ok(false)
    }
}

#[test]
fn conforms() {
    block_on(conformance::run(&mut || Box::new(File::new()))).unwrap();
}

#[test]
fn a_million_rows_are_there_once() {
    block_on(conformance::many(&File::new(), 1_000_000)).unwrap();
}

fn two_tables() -> Vec<Table> {
    let draft = |name: &str| TableDraft {
        name: name.into(),
        columns: vec![column("b", Scalar::Int64, false), column("a", Scalar::String, false)],
        ..TableDraft::default()
    };
    tables(vec![draft("one"), draft("two")])
}

#[test]
fn lines_keep_the_order_of_columns() {
    let file = File::new();
    let table = quality_stream(true);
    let rows = quality_rows(&table, 0..1, 30);
    run(file.sink().as_mut(), &load("run", "job", &[table]), &[rows]).unwrap();
    let text = std::fs::read_to_string(file.path()).unwrap();
    let want = r#"{"insert_id":"team-0000-report-000-1704067200-0000000000","team_id":"team-0000","report_id":"report-000","event_ts":"2024-01-01T00:00:00.000000Z","overallScore":null,"coverage":0.0,"gaps":0,"overlaps":0,"avgDur":0.0,"source":"backfill","load_ts":"2024-01-01T00:00:00.000000Z"}"#;
    assert_eq!(text, format!("{want}\n"));
}

#[test]
fn each_table_has_its_file() {
    let file = File::new();
    let tables = two_tables();
    let mut sink = file.sink();
    block_on(async {
        sink.begin(&load("run", "job", &tables)).await.unwrap();
        sink.write(1, rows_from_json(&tables[1], &[json!({"a": "x", "b": 1})]).unwrap()).await.unwrap();
        assert_eq!(listing(file.folder.path()), [".rows.one.ndjson.tmp-run", ".rows.two.ndjson.tmp-run"]);
        sink.commit().await.unwrap();
    });
    assert_eq!(listing(file.folder.path()), ["rows.one.ndjson", "rows.two.ndjson"]);
    assert_eq!(std::fs::read_to_string(file.folder.path().join("rows.two.ndjson")).unwrap(), "{\"b\":1,\"a\":\"x\"}\n");
    let error = block_on(Ndjson::stdout().check(&tables)).unwrap_err();
    assert!(error.to_string().contains("standard output takes one table, and the plugin writes 2"), "{error}");
}

#[test]
fn leftovers_are_removed_unless_somebody_writes_them() {
    let file = File::new();
    let tables = two_tables()[..1].to_vec();
    let mut other = file.sink();
    block_on(other.begin(&load("other", "job", &tables))).unwrap();
    std::fs::write(file.folder.path().join(".rows.ndjson.tmp-dead"), "half a li").unwrap();
    std::fs::write(file.folder.path().join("unrelated.tmp-dead"), "").unwrap();
    run(file.sink().as_mut(), &load("run", "job", &tables), &[]).unwrap();
    assert_eq!(listing(file.folder.path()), [".rows.ndjson.tmp-other", "rows.ndjson", "unrelated.tmp-dead"]);
    let error = block_on(file.sink().begin(&load("other", "job", &tables))).unwrap_err();
    assert_eq!(error.code(), "sink.busy");
    block_on(other.abort()).unwrap();
    assert_eq!(listing(file.folder.path()), ["rows.ndjson", "unrelated.tmp-dead"]);
}

#[test]
fn places_that_cannot_be_written_are_named() {
    let folder = TempDir::new().unwrap();
    let tables = two_tables()[..1].to_vec();
    for (path, part) in [
        (folder.path().to_owned(), "it is a folder, not a file"),
        (folder.path().join("no/such/rows.ndjson"), "creating a file in"),
        (PathBuf::from("/dev/null"), "no ordinary file"),
        (folder.path().join(".."), "it names no file"),
    ] {
        let mut sink = Ndjson::file(&path);
        for error in [
            block_on(sink.check(&tables)).map(drop).unwrap_err(),
            block_on(sink.begin(&load("run", "job", &tables))).map(drop).unwrap_err(),
        ] {
            assert!(error.to_string().contains(part), "{error}");
            assert!(error.remedy().is_some(), "{error}");
        }
    }
    assert!(listing(folder.path()).is_empty());
}

const CHILD: &str = "GRISTMILL_STDOUT_CHILD";

/// The test runs itself again to have a standard output of its own.
#[test]
fn standard_output_is_streamed_until_its_reader_leaves() {
    let table = quality_stream(false);
    if std::env::var_os(CHILD).is_some() {
        let mut sink = gristmill_sink::open("ndjson:-", OpenOptions::default()).unwrap();
        let batches: Vec<_> = (0..100).map(|b| quality_rows(&table, b * 1_000..(b + 1) * 1_000, 30)).collect();
        match run(sink.as_mut(), &load("run", "job", &[table]), &batches) {
            Ok(counts) => eprintln!("counts {counts:?}"),
            Err(error) => eprintln!("error {} {error}", error.code()),
        }
        return;
    }
    let child = || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "standard_output_is_streamed_until_its_reader_leaves", "--nocapture"])
            .env(CHILD, "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let whole = child().wait_with_output().unwrap();
    let text = String::from_utf8(whole.stdout).unwrap();
    assert_eq!(text.lines().filter(|l| serde_json::from_str::<Value>(l).is_ok_and(|v| v.is_object())).count(), 100_000);
    let mut gone = child();
    let mut first = [0; 1_000];
    gone.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let said = String::from_utf8(gone.wait_with_output().unwrap().stderr).unwrap();
    assert!(said.contains("error sink.output-closed standard output was closed by its reader"), "{said}");
}
