//! Parquet data sets in Cloud Storage: the double's, which keeps its rules and fails as it is told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use gristmill_doubles::storage::{Effect, Fault, Operation, Permission, StorageDouble};
use serde_json::Value;

use crate::kit::{assert_balanced, export, finish, folder, gristmill, report, run_in, tree, write_lines};

const TO: &str = "parquet:gs://out-1/data/reports";

fn bucket() -> StorageDouble {
    let double = StorageDouble::start().unwrap();
    double.create_bucket("out-1");
    double
}

fn job(folder: &Path, double: &StorageDouble, from: &str, started_at: &str) -> Command {
    let mut command = gristmill();
    command.current_dir(folder).env("STORAGE_EMULATOR_HOST", double.endpoint());
    command.args(["--json", "run", from, "--to", TO, "--started-at", started_at]);
    command.args(["--config", "overall-score-max=100"]);
    command
}

fn manifest(double: &StorageDouble) -> Value {
    serde_json::from_slice(&double.get("out-1", "data/reports/manifest.json").unwrap()).unwrap()
}

/// The files of the current version, by their paths below it; each as the manifest says.
fn current(double: &StorageDouble) -> BTreeMap<PathBuf, Vec<u8>> {
    let manifest = manifest(double);
    let start = format!("{}/", manifest["version"].as_str().unwrap());
    let files = manifest["tables"].as_array().unwrap().iter().flat_map(|t| t["files"].as_array().unwrap());
    let read = |file: &Value| {
        let path = file["path"].as_str().unwrap();
        let bytes = double.get("out-1", &format!("data/reports/{path}")).unwrap_or_else(|| panic!("{path} is gone"));
        assert_eq!(bytes.len(), file["bytes"], "{path}");
        (PathBuf::from(path.strip_prefix(&start).unwrap()), Vec::from(bytes))
    };
    files.map(read).collect()
}

/// What the same job makes in a folder.
fn local(folder: &Path, from: &str, started_at: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let _ = std::fs::remove_dir_all(folder.join("local"));
    run_in(
        folder,
        &["run", from, "--to", "parquet:local", "--started-at", started_at, "--config", "overall-score-max=100"],
    )
    .ok();
    let manifest: Value = serde_json::from_slice(&std::fs::read(folder.join("local/manifest.json")).unwrap()).unwrap();
    tree(&folder.join("local").join(manifest["version"].as_str().unwrap()))
}

#[test]
fn a_data_set_in_a_bucket_is_that_of_a_folder() {
    let (double, f) = (bucket(), folder());
    let started_at = "2026-01-02T03:04:05Z";
    let ran = finish(&mut job(f.path(), &double, &export("yago"), started_at)).ok();
    assert_balanced(&ran.json());
    assert_eq!(ran.json()["rows"][0]["inserted"], 5_871);
    let expected = local(f.path(), &export("yago"), started_at);
    assert!(expected.len() > 50, "{} files", expected.len());
    assert!(current(&double) == expected, "the files are others");
    // Nothing else, and nothing on this machine.
    assert_eq!(double.list("out-1", "").len(), expected.len() + 1);
    // The same job again is known.
    let ran = finish(&mut job(f.path(), &double, &export("yago"), "2026-01-03T00:00:00Z")).ok();
    assert_eq!((&ran.json()["rows"][0]["inserted"], &ran.json()["rows"][0]["already"]), (&0.into(), &5_871.into()));
    assert_eq!(double.list("out-1", "").len(), expected.len() + 1);
    // Another leaves the version before.
    let ran = finish(job(f.path(), &double, &export("yago"), "2026-01-04T00:00:00Z").args(["--on-conflict", "update"]));
    let before = manifest(&double)["previous"][0].clone();
    assert!(ran.ok().stderr.is_empty() && before.as_str().unwrap().starts_with("v=20260102"), "{before}");
    assert_eq!(current(&double).len(), expected.len());
    assert_eq!(double.list("out-1", "").len(), 2 * expected.len() + 1);
    // Exports are read from the bucket that is written to as well.
    double.put_folder("out-1", "exports/", &crate::kit::export_file("yago")).unwrap();
    let mut again = job(f.path(), &double, "gs://out-1/exports/export", started_at);
    finish(again.args(["--on-conflict", "update"])).ok();
    assert!(current(&double) == expected, "the rows of an export in a bucket are others");
}

/// Reports of three days; `first` tells one input from another.
fn documents(folder: &Path, name: &str, first: f64) {
    let document = |i: i32| {
        let at = format!("2024-05-{:02}T08:00:00Z", 10 + i % 3);
        let mut document = report("t", &format!("r{i}"), &at, first + f64::from(i), "2024-06-01T00:00:00Z");
        document["fields"]["createdAt"]["timestampValue"] = at.into();
        document
    };
    write_lines(&folder.join(name), &(0..9).map(document).collect::<Vec<_>>());
}

#[test]
fn killed_at_every_upload_and_run_again() {
    const LATER: &str = "2026-02-02T00:00:00Z";
    let f = folder();
    documents(f.path(), "a.ndjson", 1.0);
    documents(f.path(), "b.ndjson", 50.0);
    let (a, b) = (local(f.path(), "a.ndjson", "2026-02-01T00:00:00Z"), local(f.path(), "b.ndjson", LATER));
    assert_eq!((a.len(), b.len()), (3, 3));
    // A look whether it may be written, the claim of the version, three files, the manifest.
    for uploads in 0..6 {
        let double = bucket();
        finish(&mut job(f.path(), &double, "a.ndjson", "2026-02-01T00:00:00Z")).ok();
        double.clear_requests();
        let stuck = Fault::new(Effect::Delay(Duration::from_secs(3_600))).on(Operation::InsertObject);
        double.fault(stuck.after(uploads).always());
        let mut child = job(f.path(), &double, "b.ndjson", LATER).spawn().unwrap();
        let patience = Instant::now() + Duration::from_secs(60);
        while double.count(Operation::InsertObject) < uploads as usize {
            assert!(Instant::now() < patience && child.try_wait().unwrap().is_none(), "{uploads} uploads never came");
            std::thread::sleep(Duration::from_millis(10));
        }
        // The next one is on its way.
        std::thread::sleep(Duration::from_millis(300));
        assert!(child.try_wait().unwrap().is_none(), "it ended after {uploads} uploads");
        child.kill().unwrap();
        child.wait().unwrap();
        double.clear_faults();
        assert!(current(&double) == a, "after {uploads} uploads readers see something else");
        let left = double.list("out-1", "");
        assert!(uploads < 3 || left.len() > a.len() + 2, "{left:?}");
        finish(&mut job(f.path(), &double, "b.ndjson", LATER)).ok();
        assert!(current(&double) == b, "after {uploads} uploads the run again made something else");
        // What the dead one left is gone.
        let names = double.list("out-1", "");
        assert_eq!(names.len(), a.len() + b.len() + 1, "after {uploads} uploads: {names:?}");
    }
}

#[test]
fn faults_on_the_way_change_nothing() {
    let f = folder();
    documents(f.path(), "a.ndjson", 1.0);
    let started_at = "2026-03-01T00:00:00Z";
    let expected = local(f.path(), "a.ndjson", started_at);
    for effect in [Effect::Refuse(503), Effect::Refuse(429), Effect::HangUp, Effect::HangUpAfter] {
        let double = bucket();
        for after in 1..6 {
            double.fault(Fault::new(effect).on(Operation::InsertObject).after(after));
        }
        finish(&mut job(f.path(), &double, "a.ndjson", started_at)).ok();
        assert!(current(&double) == expected, "{effect:?}");
        assert_eq!(double.list("out-1", "").len(), expected.len() + 1, "{effect:?}");
    }
}

#[test]
fn errors_say_who_may_not_do_what_where() {
    let f = folder();
    documents(f.path(), "a.ndjson", 1.0);
    let double = bucket();
    let at = "2026-03-01T00:00:00Z";
    double.deny(Permission::ObjectsCreate);
    let ran = finish(&mut job(f.path(), &double, "a.ndjson", at));
    ran.fails(5, &["storage.right", "storage.objects.create", "as nobody", "on the bucket out-1", "objectUser"]);
    double.allow(Permission::ObjectsCreate);
    let other = |to: &str| {
        let mut command = gristmill();
        command.current_dir(f.path()).env("STORAGE_EMULATOR_HOST", double.endpoint());
        finish(command.args(["run", "a.ndjson", "--to", to]))
    };
    other("parquet:gs://nowhere/x").fails(5, &["storage.missing", "gs://nowhere/x", "bucket does not exist"]);
    other("parquet:gs://UPPER/x").fails(2, &["sink.spec", "no name of a bucket"]);
    other("ndjson:gs://out-1/rows.ndjson").fails(2, &["sink.spec", "parquet:gs://BUCKET/PREFIX"]);
    assert!(double.list("out-1", "").is_empty());
    // An upload that fails for good: nothing stays.
    double.fault(Fault::new(Effect::Refuse(400)).on(Operation::InsertObject).under("data/reports/v=").after(1));
    let ran = finish(&mut job(f.path(), &double, "a.ndjson", at));
    ran.fails(5, &["storage.failed", "writing gs://out-1/data/reports/v=2026"]);
    assert!(double.list("out-1", "").is_empty(), "{:?}", double.list("out-1", ""));
}

#[test]
fn plan_says_what_is_there() {
    let (double, f) = (bucket(), folder());
    documents(f.path(), "a.ndjson", 1.0);
    let plan = || {
        let mut command = gristmill();
        command.current_dir(f.path()).env("STORAGE_EMULATOR_HOST", double.endpoint());
        finish(command.args(["plan", "a.ndjson", "--to", TO])).ok().stdout
    };
    let first = plan();
    assert!(first.contains("to       Parquet data set gs://out-1/data/reports\n"), "{first}");
    assert!(first.contains("table quality_stream will be created") && double.list("out-1", "").is_empty(), "{first}");
    finish(&mut job(f.path(), &double, "a.ndjson", "2026-03-01T00:00:00Z")).ok();
    let second = plan();
    assert!(second.contains("is there with 9 rows, and is replaced as a whole"), "{second}");
}
