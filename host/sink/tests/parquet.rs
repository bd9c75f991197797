//! The Parquet sink: the suite, and what only it can do wrong.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where something is not as it must be"
)]

mod support;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_select::concat::concat_batches;
use gristmill_record::arrow::table_schema;
use gristmill_record::{DataType, Diagnose, OutputColumn, Scalar, Table, TableDraft};
use gristmill_sink::conformance::{self, Subject, Ways, lines, rows_from_json};
use gristmill_sink::{Begun, OnConflict, OpenOptions, Parquet, Sink, SinkError, TableCount, TableState};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::LogicalType;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::{Value, json};
use support::{block_on, column, listing, load, quality_rows, quality_stream, run, tables};
use tempfile::TempDir;

struct Folder {
    parent: TempDir,
}

impl Folder {
    fn new() -> Self {
        Self { parent: TempDir::new().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.parent.path().join("made/out")
    }

    fn manifest(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.path().join("manifest.json")).unwrap()).unwrap()
    }

    /// Every file with its content.
    fn content(&self) -> BTreeMap<String, Vec<u8>> {
        let names = listing(&self.path()).into_iter().filter(|n| self.path().join(n).is_file());
        names.map(|n| (n.clone(), std::fs::read(self.path().join(n)).unwrap())).collect()
    }
}

fn read(path: &Path) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().build().unwrap();
    reader.collect::<Result<_, _>>().unwrap()
}

impl Subject for Folder {
    fn ways(&self) -> Ways {
        Ways { merges: false, negative_zero: true }
    }

    fn sink(&self) -> Box<dyn Sink> {
        gristmill_sink::open(&format!("parquet:{}", self.path().display()), OpenOptions::default()).unwrap()
    }

    fn rows(&self, table: &Table) -> Result<Option<RecordBatch>, String> {
        if !self.path().join("manifest.json").exists() {
            return Ok(None);
        }
        let manifest = self.manifest();
        let Some(entry) = manifest["tables"].as_array().unwrap().iter().find(|t| t["name"] == table.name()) else {
            return Ok(None);
        };
        let mut batches: Vec<RecordBatch> = Vec::new();
        for file in entry["files"].as_array().unwrap() {
            let path = self.path().join(file["path"].as_str().unwrap());
            let bytes = std::fs::read(&path).unwrap();
            assert_eq!(file["bytes"], bytes.len());
            assert_eq!(file["crc32c"], format!("{:08x}", crc32c::crc32c(&bytes)));
            let read = read(&path);
            assert_eq!(file["rows"], read.iter().map(RecordBatch::num_rows).sum::<usize>());
            batches.extend(read);
        }
        // As the files describe themselves: JSON is told from strings by them alone.
        let schema = batches.first().map_or_else(|| table_schema(table), RecordBatch::schema);
        Ok(Some(concat_batches(&schema, &batches).unwrap()))
    }

    fn traces(&self) -> Result<Vec<String>, String> {
        Ok(listing(self.parent.path()))
    }

    fn occupy(&self, table: &Table) -> Result<bool, String> {
        let other = TableDraft {
            name: table.name().into(),
            columns: vec![column("id", Scalar::Int64, true)],
            ..TableDraft::default()
        };
        run(self.sink().as_mut(), &load("other", "other", &tables(vec![other])), &[]).map_err(|e| e.to_string())?;
        Ok(true)
    }
}

#[test]
fn conforms() {
    block_on(conformance::run(&mut || Box::new(Folder::new()))).unwrap();
}

#[test]
fn a_million_rows_are_there_once() {
    block_on(conformance::many(&Folder::new(), 1_000_000)).unwrap();
}

/// Cuts rows into batches of sizes that change.
fn cut(rows: &RecordBatch, mut size: usize) -> Vec<RecordBatch> {
    let (mut batches, mut at) = (Vec::new(), 0);
    while at < rows.num_rows() {
        let n = size.min(rows.num_rows() - at);
        batches.push(rows.slice(at, n));
        at += n;
        size = size * 7 % 10_007 + 1;
    }
    batches
}

#[test]
fn files_do_not_depend_on_batches() {
    for partitioned in [true, false] {
        let table = quality_stream(partitioned);
        // More than two slabs, so that they are spooled and merged.
        let rows = quality_rows(&table, 0..300_000, 40);
        let contents: Vec<_> = [1_usize, 100, 65_536, 300_000]
            .into_iter()
            .map(|size| {
                let folder = Folder::new();
                let batches = if size < 3 {
                    cut(&rows, size)
                } else {
                    (0..rows.num_rows())
                        .step_by(size)
                        .map(|at| rows.slice(at, size.min(rows.num_rows() - at)))
                        .collect()
                };
                run(folder.sink().as_mut(), &load("run", "job", std::slice::from_ref(&table)), &batches).unwrap();
                folder.content()
            })
            .collect();
        assert!(contents.iter().all(|c| *c == contents[0]));
        assert_eq!(contents[0].len(), if partitioned { 41 + 2 } else { 1 + 2 });
    }
}

#[test]
fn rows_lie_in_the_folder_of_their_day_in_the_order_of_input() {
    let (folder, table) = (Folder::new(), quality_stream(true));
    let rows = quality_rows(&table, 0..300_000, 400);
    run(folder.sink().as_mut(), &load("run", "job", std::slice::from_ref(&table)), &cut(&rows, 1_000)).unwrap();
    let manifest = folder.manifest();
    assert_eq!(
        manifest["tables"][0]["partition"],
        json!({"column": "event_ts", "folder": "event_ts_day", "by": "day"})
    );
    let all = folder.rows(&table).unwrap().unwrap();
    assert_eq!(lines(&all), lines(&rows));
    for file in manifest["tables"][0]["files"].as_array().unwrap() {
        let path = file["path"].as_str().unwrap();
        let day = path
            .strip_prefix("v=run/quality_stream/event_ts_day=")
            .unwrap()
            .strip_suffix("/part-00000.parquet")
            .unwrap();
        for batch in read(&folder.path().join(path)) {
            let at = batch.column(3).as_primitive::<TimestampMicrosecondType>();
            assert!(at.values().iter().all(|m| gristmill_record::time::format_rfc3339(*m).starts_with(day)), "{path}");
            // The id ends with the number of the row in the input.
            let numbers: Vec<_> =
                batch.column(0).as_string::<i32>().iter().map(|v| v.unwrap()[32..].to_owned()).collect();
            assert!(numbers.is_sorted(), "{path}");
        }
    }
}

#[test]
fn types_are_those_of_the_manual() {
    let folder = Folder::new();
    let nested = OutputColumn { ty: DataType::List(Box::new(Scalar::Json.into())), ..column("l", Scalar::Json, false) };
    let all = [
        column("b", Scalar::Boolean, true),
        column("at", Scalar::Timestamp, false),
        column("d", Scalar::Date, false),
        column("s", Scalar::String, false),
        column("j", Scalar::Json, false),
        nested,
    ];
    let tables = tables(vec![TableDraft { name: "t".into(), columns: all.to_vec(), ..TableDraft::default() }]);
    let rows = rows_from_json(&tables[0], &[json!({"b": true, "j": {"a": 1}, "l": [1, "x"]})]).unwrap();
    run(folder.sink().as_mut(), &load("run", "job", &tables), &[rows]).unwrap();
    let reader =
        SerializedFileReader::new(File::open(folder.path().join("v=run/t/part-00000.parquet")).unwrap()).unwrap();
    let metadata = reader.metadata().file_metadata();
    let types: Vec<_> = metadata.schema_descr().columns().iter().map(|c| c.logical_type_ref().cloned()).collect();
    let micros = LogicalType::timestamp(true, parquet::basic::TimeUnit::MICROS);
    let want = [
        None,
        Some(micros),
        Some(LogicalType::Date),
        Some(LogicalType::String),
        Some(LogicalType::Json),
        Some(LogicalType::Json),
    ];
    assert_eq!(types, want);
    assert_eq!(metadata.created_by(), Some("gristmill version 1"));
}

fn small() -> (Vec<Table>, RecordBatch) {
    let draft = TableDraft {
        name: "t".into(),
        columns: vec![column("id", Scalar::String, true), column("team", Scalar::String, false)],
        key: vec!["id".into()],
        partition_by: Some("team".into()),
        ..TableDraft::default()
    };
    let tables = tables(vec![draft]);
    let rows = [
        json!({"id": "1", "team": "a/../b"}),
        json!({"id": "2"}),
        json!({"id": "3", "team": ""}),
        json!({"id": "4", "team": "é"}),
    ];
    let rows = rows_from_json(&tables[0], &rows).unwrap();
    (tables, rows)
}

#[test]
fn the_same_job_is_written_once() {
    let (folder, (tables, rows)) = (Folder::new(), small());
    let mut sink = folder.sink();
    assert_eq!(block_on(sink.check(&tables)).unwrap(), [TableState::Absent]);
    run(sink.as_mut(), &load("one", "job", &tables), std::slice::from_ref(&rows)).unwrap();
    assert_eq!(block_on(sink.check(&tables)).unwrap(), [TableState::Present { rows: Some(4) }]);
    let paths: Vec<_> = folder.content().into_keys().filter(|n| n.ends_with(".parquet")).collect();
    let file = |value: &str| format!("v=one/t/team_value={value}/part-00000.parquet");
    assert_eq!(paths, [file("__HIVE_DEFAULT_PARTITION__"), file("a%2F..%2Fb"), file("é")]);
    let before = folder.content();
    let counts = [TableCount { already: 4, ..TableCount::default() }];
    assert_eq!(block_on(sink.begin(&load("two", "job", &tables))).unwrap(), Begun::AlreadyLoaded(counts.to_vec()));
    assert_eq!(folder.content(), before);
    // An update writes a new version, even of the same run; and so does a job whose files are no longer what they were.
    let mut update = load("one", "job", &tables);
    update.on_conflict = OnConflict::Update;
    run(sink.as_mut(), &update, std::slice::from_ref(&rows)).unwrap();
    assert_eq!((&folder.manifest()["version"], &folder.manifest()["previous"]), (&json!("v=one.2"), &json!(["v=one"])));
    let broken = folder.path().join("v=one.2/t/team_value=é/part-00000.parquet");
    File::options().append(true).open(&broken).and_then(|f| f.set_len(10)).unwrap();
    run(sink.as_mut(), &load("three", "job", &tables), &[rows]).unwrap();
    assert_eq!(folder.manifest()["version"], "v=three");
    assert_eq!(folder.manifest()["previous"], json!(["v=one.2", "v=one"]));
}

#[test]
fn leftovers_of_dead_runs_are_removed() {
    let (folder, (tables, rows)) = (Folder::new(), small());
    run(folder.sink().as_mut(), &load("one", "job", &tables), std::slice::from_ref(&rows)).unwrap();
    // Died while writing; died between renaming the version and replacing the manifest.
    std::fs::create_dir_all(folder.path().join(".gristmill-tmp-dead/files/t")).unwrap();
    std::fs::create_dir_all(folder.path().join(".gristmill-tmp-late")).unwrap();
    std::fs::create_dir_all(folder.path().join("v=late/t")).unwrap();
    // Not ours to remove.
    std::fs::create_dir_all(folder.path().join("v=kept/t")).unwrap();
    run(folder.sink().as_mut(), &load("late", "other job", &tables), &[rows]).unwrap();
    let mut names: Vec<_> = listing(&folder.path()).into_iter().filter(|n| !n.contains('/')).collect();
    names.sort();
    assert_eq!(names, [".gristmill-lock", "manifest.json", "v=kept", "v=late", "v=one"]);
    assert_eq!(folder.manifest()["version"], "v=late");
}

#[test]
fn one_run_at_a_time() {
    let (folder, (tables, rows)) = (Folder::new(), small());
    let mut first = folder.sink();
    block_on(first.begin(&load("one", "job", &tables))).unwrap();
    let error = block_on(folder.sink().begin(&load("two", "job", &tables))).unwrap_err();
    assert!(matches!(error, SinkError::Busy { .. }), "{error}");
    block_on(first.abort()).unwrap();
    run(folder.sink().as_mut(), &load("two", "job", &tables), &[rows]).unwrap();
}

#[test]
fn places_that_cannot_be_written_are_named() {
    let parent = TempDir::new().unwrap();
    let (tables, _) = small();
    let file = parent.path().join("file");
    std::fs::write(&file, "").unwrap();
    let foreign = parent.path().join("foreign");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(foreign.join("manifest.json"), "{\"name\": \"something else\"}").unwrap();
    let newer = parent.path().join("newer");
    std::fs::create_dir(&newer).unwrap();
    let manifest = json!({"format": 2, "version": "v", "run_id": "", "job": "", "plugin": "", "plugin_digest": "", "started_at": "", "tables": [], "previous": []});
    std::fs::write(newer.join("manifest.json"), manifest.to_string()).unwrap();
    for (path, part) in [
        (file.clone(), "it is a file, not a folder"),
        (file.join("below"), "Not a directory"),
        (foreign, "it is no manifest"),
        (newer, "its format is 2, and this program knows 1"),
    ] {
        let mut sink = Parquet::new(&path);
        let error = block_on(sink.check(&tables)).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
        assert!(block_on(sink.begin(&load("run", "job", &tables))).is_err(), "{}", path.display());
    }
}

#[test]
fn a_partition_that_no_folder_can_be_named_after_is_refused() {
    let (folder, (tables, _)) = (Folder::new(), small());
    let row = |n: usize| rows_from_json(&tables[0], &[json!({"id": "1", "team": "/".repeat(n)})]).unwrap();
    run(folder.sink().as_mut(), &load("one", "job", &tables), &[row(60)]).unwrap();
    let mut sink = folder.sink();
    let error = run(sink.as_mut(), &load("two", "other", &tables), &[row(61)]).unwrap_err();
    assert!(matches!(&error, SinkError::Unstorable { column, .. } if column == "team"), "{error}");
    assert_eq!(error.code(), "sink.unstorable");
}
