//! The Parquet sink in a bucket: the suite, what is otherwise than in a folder, and what may go wrong on the way. Against the double of Cloud Storage.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where something is not as it must be"
)]

mod support;

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;
use bytes::Bytes;
use gristmill_doubles::storage::{Effect, Fault, Operation, Permission, StorageDouble};
use gristmill_record::arrow::table_schema;
use gristmill_record::{Blame, Diagnose, Scalar, Table, TableDraft};
use gristmill_sink::conformance::{self, Subject, Ways, lines};
use gristmill_sink::{Begun, OpenOptions, Parquet, Sink, SinkError, TableCount, TableState};
use gristmill_storage::{Credentials, Storage};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};
use support::{block_on, column, load, quality_rows, quality_stream, run, tables};
use tempfile::TempDir;

/// A bucket of a double of its own, with something in it that is not ours.
struct Bucket {
    double: StorageDouble,
    work: TempDir,
}

impl Bucket {
    fn new() -> Self {
        let double = StorageDouble::start().unwrap();
        double.create_bucket("b-1");
        double.put("b-1", "other/manifest.json", "not ours").unwrap();
        Self { double, work: TempDir::new().unwrap() }
    }

    fn open(&self) -> Parquet {
        let client = Storage::connect_to(&Credentials::Anonymous, Some(&self.double.endpoint())).unwrap();
        let options = OpenOptions { work_dir: Some(self.work.path().to_owned()), ..OpenOptions::default() };
        Parquet::in_bucket("gs://b-1/made/out/".parse().unwrap(), Some(client), &options).unwrap()
    }

    fn manifest(&self) -> Value {
        serde_json::from_slice(&self.double.get("b-1", "made/out/manifest.json").unwrap()).unwrap()
    }

    /// All objects of the data set, by their names below it.
    fn content(&self) -> BTreeMap<String, Bytes> {
        let names = self.double.list("b-1", "made/out/");
        names.iter().map(|n| (n["made/out/".len()..].to_owned(), self.double.get("b-1", n).unwrap())).collect()
    }

    fn names(&self) -> Vec<String> {
        self.content().into_keys().collect()
    }
}

fn rows_of(bytes: Bytes) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap();
    reader.collect::<Result<_, _>>().unwrap()
}

impl Subject for Bucket {
    fn ways(&self) -> Ways {
        Ways { merges: false, negative_zero: true }
    }

    fn sink(&self) -> Box<dyn Sink> {
        Box::new(self.open())
    }

    fn rows(&self, table: &Table) -> Result<Option<RecordBatch>, String> {
        let content = self.content();
        if !content.contains_key("manifest.json") {
            return Ok(None);
        }
        let manifest = self.manifest();
        let Some(entry) = manifest["tables"].as_array().unwrap().iter().find(|t| t["name"] == table.name()) else {
            return Ok(None);
        };
        let mut batches: Vec<RecordBatch> = Vec::new();
        for file in entry["files"].as_array().unwrap() {
            let bytes = content[file["path"].as_str().unwrap()].clone();
            assert_eq!(file["bytes"], bytes.len());
            assert_eq!(file["crc32c"], format!("{:08x}", crc32c::crc32c(&bytes)));
            batches.extend(rows_of(bytes));
        }
        let schema = batches.first().map_or_else(|| table_schema(table), RecordBatch::schema);
        Ok(Some(concat_batches(&schema, &batches).unwrap()))
    }

    fn traces(&self) -> Result<Vec<String>, String> {
        let mut names = self.double.list("b-1", "");
        names.extend(support::listing(self.work.path()));
        Ok(names)
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
    block_on(conformance::run(&mut || Box::new(Bucket::new()))).unwrap();
}

/// Sinks are called from tasks of a runtime, whose threads may not wait for another.
#[test]
fn conforms_within_a_runtime() {
    let runtime = gristmill_sink::runtime().unwrap();
    runtime.block_on(conformance::run(&mut || Box::new(Bucket::new()))).unwrap();
}

fn history(rows: u64) -> (Vec<Table>, RecordBatch) {
    let table = quality_stream(true);
    let rows = quality_rows(&table, 0..rows, 10);
    (vec![table], rows)
}

/// The files of the same load in a folder.
fn in_folder(tables: &[Table], rows: &RecordBatch) -> BTreeMap<String, Bytes> {
    let folder = TempDir::new().unwrap();
    run(&mut Parquet::new(folder.path()), &load("run", "job", tables), std::slice::from_ref(rows)).unwrap();
    let names = support::listing(folder.path()).into_iter().filter(|n| folder.path().join(n).is_file());
    let read = |name: String| (name.clone(), Bytes::from(std::fs::read(folder.path().join(&name)).unwrap()));
    names.filter(|n| n != ".gristmill-lock").map(read).collect()
}

#[test]
fn objects_are_the_files_of_a_folder() {
    let (bucket, (tables, rows)) = (Bucket::new(), history(300_000));
    run(&mut bucket.open(), &load("run", "job", &tables), std::slice::from_ref(&rows)).unwrap();
    assert_eq!(bucket.content(), in_folder(&tables, &rows));
    assert_eq!(bucket.names().len(), 11 + 1);
    assert_eq!(lines(&bucket.rows(&tables[0]).unwrap().unwrap()), lines(&rows));
    assert!(support::listing(bucket.work.path()).is_empty(), "files stay on this machine");
}

#[test]
fn the_same_job_is_written_once() {
    let (bucket, (tables, rows)) = (Bucket::new(), history(1_000));
    let mut sink = bucket.open();
    assert_eq!(block_on(sink.check(&tables)).unwrap(), [TableState::Absent]);
    run(&mut sink, &load("one", "job", &tables), std::slice::from_ref(&rows)).unwrap();
    assert_eq!(block_on(sink.check(&tables)).unwrap(), [TableState::Present { rows: Some(1_000) }]);
    let before = bucket.content();
    let counts = vec![TableCount { already: 1_000, ..TableCount::default() }];
    assert_eq!(block_on(sink.begin(&load("two", "job", &tables))).unwrap(), Begun::AlreadyLoaded(counts));
    assert_eq!(bucket.content(), before);
    // Other bytes of the same length, in one of its files.
    let name = bucket.names().into_iter().find(|n| n.ends_with(".parquet")).unwrap();
    bucket.double.put("b-1", &format!("made/out/{name}"), vec![0; before[&name].len()]).unwrap();
    run(&mut sink, &load("three", "job", &tables), std::slice::from_ref(&rows)).unwrap();
    assert_eq!((&bucket.manifest()["version"], &bucket.manifest()["previous"]), (&json!("v=three"), &json!(["v=one"])));
    assert!(bucket.names().iter().any(|n| n.starts_with("v=one/")), "an earlier version is gone");
}

#[test]
fn of_two_writers_the_second_is_told() {
    let (bucket, (tables, rows)) = (Bucket::new(), history(1_000));
    let (mut first, mut second) = (bucket.open(), bucket.open());
    // Of one id: the second takes another name.
    assert_eq!(block_on(first.begin(&load("run", "a", &tables))).unwrap(), Begun::Ready);
    assert_eq!(block_on(second.begin(&load("run", "b", &tables))).unwrap(), Begun::Ready);
    block_on(second.write(0, rows.slice(0, 500))).unwrap();
    block_on(first.write(0, rows.clone())).unwrap();
    block_on(second.commit()).unwrap();
    let published = bucket.content();
    let error = block_on(first.commit()).unwrap_err();
    assert_eq!((error.code(), error.blame()), ("sink.busy", Blame::Destination), "{error}");
    assert!(error.to_string().contains("gs://b-1/made/out/manifest.json is in use by another run"), "{error}");
    block_on(first.abort()).unwrap();
    assert_eq!(bucket.manifest()["version"], "v=run.2");
    let of_second: Vec<_> = published.keys().filter(|n| !n.starts_with("v=run/")).cloned().collect();
    assert_eq!(bucket.names(), of_second);
    assert_eq!(lines(&bucket.rows(&tables[0]).unwrap().unwrap()), lines(&rows.slice(0, 500)));
}

#[test]
fn leftovers_of_dead_runs_are_removed_when_they_cannot_be_published_any_more() {
    let (bucket, (tables, rows)) = (Bucket::new(), history(100));
    let put = |name: &str| bucket.double.put("b-1", &format!("made/out/{name}"), "x").unwrap();
    put(".gristmill-tmp-v=dead");
    put("v=dead/quality_stream/event_ts_day=2024-01-01/part-00000.parquet");
    put("v=deadly/part-00000.parquet");
    // Not of a run that claimed it: not ours to remove.
    put("v=kept/part-00000.parquet");
    let mut sink = bucket.open();
    block_on(sink.begin(&load("dead", "job", &tables))).unwrap();
    assert!(bucket.names().contains(&"v=dead/quality_stream/event_ts_day=2024-01-01/part-00000.parquet".to_owned()));
    block_on(sink.write(0, rows.clone())).unwrap();
    block_on(sink.commit()).unwrap();
    assert_eq!(bucket.manifest()["version"], "v=dead.2");
    let mut folders: Vec<_> = bucket.names().iter().map(|n| n.split('/').next().unwrap().to_owned()).collect();
    folders.dedup();
    assert_eq!(folders, ["manifest.json", "v=dead.2", "v=deadly", "v=kept"]);
    // One that died right after it had published has left its claim alone.
    put(".gristmill-tmp-v=dead.2");
    run(&mut sink, &load("next", "other", &tables), std::slice::from_ref(&rows)).unwrap();
    assert!(bucket.names().iter().any(|n| n.starts_with("v=dead.2/")), "a published version is gone");
    assert!(!bucket.names().iter().any(|n| n.starts_with(".gristmill-tmp-")), "{:?}", bucket.names());
}

#[test]
fn what_fails_for_a_while_changes_nothing() {
    let (tables, rows) = history(3_000);
    let expected = in_folder(&tables, &rows);
    for effect in
        [Effect::Refuse(503), Effect::Refuse(429), Effect::HangUp, Effect::RefuseAfter(503), Effect::HangUpAfter]
    {
        let bucket = Bucket::new();
        // The claim, files, the manifest.
        for (under, after) in [(".gristmill-tmp", 0), ("v=run/", 0), ("v=run/", 4), ("manifest.json", 0)] {
            let fault = Fault::new(effect).on(Operation::InsertObject).under(format!("made/out/{under}"));
            bucket.double.fault(fault.after(after));
        }
        for operation in [Operation::ListObjects, Operation::DeleteObject] {
            bucket.double.fault(Fault::new(effect).on(operation).times(2));
        }
        run(&mut bucket.open(), &load("run", "job", &tables), std::slice::from_ref(&rows)).unwrap();
        assert_eq!(bucket.content(), expected, "{effect:?}");
    }
}

#[test]
fn what_fails_for_good_leaves_nothing_that_anyone_reads() {
    let (tables, rows) = history(1_000);
    let bucket = Bucket::new();
    run(&mut bucket.open(), &load("one", "job", &tables), std::slice::from_ref(&rows)).unwrap();
    let before = bucket.content();
    let fails = |load: &gristmill_sink::Load| {
        let mut sink = bucket.open();
        let error = run(&mut sink, load, std::slice::from_ref(&rows)).unwrap_err();
        block_on(sink.abort()).unwrap();
        error
    };
    for effect in [Effect::Refuse(400), Effect::Corrupt(100), Effect::Refuse(403)] {
        bucket.double.fault(Fault::new(effect).on(Operation::InsertObject).under("made/out/v=two/").after(3));
        let error = fails(&load("two", "other", &tables));
        assert_eq!(error.blame(), Blame::Destination, "{error}");
        bucket.double.clear_faults();
        assert_eq!(bucket.content(), before, "{effect:?}");
    }
    // Where nobody can know whether the manifest was replaced, or will be, the version must stay; the next that is published removes it.
    bucket.double.fault(Fault::new(Effect::Refuse(400)).on(Operation::InsertObject).under("made/out/manifest.json"));
    let error = fails(&load("two", "other", &tables));
    assert_eq!(error.code(), "storage.failed", "{error}");
    assert_eq!(bucket.manifest()["version"], "v=one");
    assert!(bucket.names().iter().any(|n| n.starts_with("v=two/")));
    run(&mut bucket.open(), &load("two", "other", &tables), std::slice::from_ref(&rows)).unwrap();
    assert_eq!(bucket.manifest()["version"], "v=two.2");
    assert!(!bucket.names().iter().any(|n| n.starts_with("v=two/") || n.starts_with('.')), "{:?}", bucket.names());
}

#[test]
fn an_object_that_is_there_already_is_not_overwritten() {
    let (bucket, (tables, rows)) = (Bucket::new(), history(1_000));
    let mut sink = bucket.open();
    block_on(sink.begin(&load("run", "job", &tables))).unwrap();
    block_on(sink.write(0, rows.clone())).unwrap();
    let name = in_folder(&tables, &rows).into_keys().find(|n| n.ends_with(".parquet")).unwrap();
    bucket.double.put("b-1", &format!("made/out/{name}"), "somebody's").unwrap();
    let error = block_on(sink.commit()).unwrap_err();
    assert_eq!(error.code(), "storage.exists", "{error}");
    assert!(error.to_string().contains(&name), "{error}");
    block_on(sink.abort()).unwrap();
    assert_eq!(bucket.content().into_iter().collect::<Vec<_>>(), [(name, Bytes::from("somebody's"))]);
}

#[test]
fn what_may_not_be_written_is_told_before_anything_is() {
    let (bucket, (tables, _)) = (Bucket::new(), history(1));
    let check = |sink: &mut Parquet| {
        let error = block_on(sink.check(&tables)).unwrap_err();
        assert_eq!(error.blame(), Blame::Destination, "{error}");
        format!("{error}\n{}", error.remedy().unwrap())
    };
    for (permission, name) in [
        (Permission::ObjectsCreate, "storage.objects.create"),
        (Permission::ObjectsDelete, "storage.objects.delete"),
        (Permission::ObjectsList, "storage.objects.list"),
    ] {
        bucket.double.deny(permission);
        let said = check(&mut bucket.open());
        for part in [name, "gs://b-1/", "as nobody", "roles/storage.objectUser"] {
            assert!(said.contains(part), "`{part}` is not in {said}");
        }
        bucket.double.allow(permission);
    }
    let client = Storage::connect_to(&Credentials::Anonymous, Some(&bucket.double.endpoint())).unwrap();
    let address = "gs://nowhere/out".parse().unwrap();
    let mut sink = Parquet::in_bucket(address, Some(client), &OpenOptions::default()).unwrap();
    let said = check(&mut sink);
    assert!(said.contains("gs://nowhere/out") && said.contains("bucket does not exist"), "{said}");
    bucket.double.put("b-1", "made/out/manifest.json", "{\"name\": \"something else\"}").unwrap();
    let error = block_on(bucket.open().check(&tables)).unwrap_err();
    assert!(matches!(&error, SinkError::Unfit { .. }), "{error}");
    assert!(error.to_string().starts_with("gs://b-1/made/out/manifest.json: it is no manifest"), "{error}");
    assert_eq!(bucket.names(), ["manifest.json"]);
}
