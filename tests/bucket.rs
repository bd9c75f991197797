//! Exports in Cloud Storage: the double's, which keeps its rules and fails as it is told.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use gristmill_doubles::storage::{Effect, Fault, Operation, Permission, StorageDouble};

use crate::kit::{Ran, export, export_file, finish, folder, gristmill};

const STARTED: &str = "2026-01-02T03:04:05Z";

/// The yago export in a bucket.
fn bucket() -> StorageDouble {
    let double = StorageDouble::start().unwrap();
    double.create_bucket("exports");
    double.put_folder("exports", "2026/", &export_file("yago")).unwrap();
    double
}

fn job(folder: &Path, double: &StorageDouble, from: &str, to: &str) -> Command {
    let mut command = gristmill();
    command.current_dir(folder).env("STORAGE_EMULATOR_HOST", double.endpoint());
    command.args(["--json", "run", from, "--to", to, "--config", "overall-score-max=100", "--started-at", STARTED]);
    command
}

fn run(folder: &Path, double: &StorageDouble, from: &str) -> Ran {
    finish(&mut job(folder, double, from, "ndjson:rows.ndjson"))
}

/// The rows of the same export on this machine.
fn local(folder: &Path) -> Vec<u8> {
    let mut command = gristmill();
    let export = export("yago");
    command.current_dir(folder).args(["run", &export, "--to", "ndjson:local.ndjson"]);
    finish(command.args(["--config", "overall-score-max=100", "--started-at", STARTED])).ok();
    std::fs::read(folder.join("local.ndjson")).unwrap()
}

fn rows(folder: &Path) -> Vec<u8> {
    std::fs::read(folder.join("rows.ndjson")).unwrap()
}

#[test]
fn an_export_in_a_bucket_is_the_export() {
    let (double, f) = (bucket(), folder());
    let expected = local(f.path());
    for from in [
        "gs://exports/2026/export",
        "gs://exports/2026/export/",
        "gs://exports/2026/export/export.overall_export_metadata",
        "gs://exports/2026/export/all_namespaces/all_kinds",
        "gs://exports/**/*.overall_export_metadata",
        "gs://exports",
    ] {
        let ran = run(f.path(), &double, from).ok();
        assert_eq!(rows(f.path()), expected, "{from}");
        let proof = &ran.json()["proofs"][0];
        assert_eq!((proof["proven"].as_bool(), proof["documents"].as_u64()), (Some(true), Some(6_210)), "{from}");
    }
    // JSON, packed, which has the 25 update times that the binary format lacks; and one log without its export.
    let ran = run(f.path(), &double, "gs://exports/2026/rest.ndjson.gz").ok();
    assert_eq!(ran.json()["rows"][0]["inserted"], 5_896);
    let ran = run(f.path(), &double, "gs://exports/2026/export/all_namespaces/all_kinds/output-1").ok();
    assert!(ran.stderr.contains("cannot be proved complete"), "{}", ran.stderr);
}

#[test]
fn faults_on_the_way_change_nothing() {
    let f = folder();
    let expected = local(f.path());
    for fault in [
        Fault::new(Effect::Refuse(503)).on(Operation::ListObjects).times(2),
        Fault::new(Effect::Refuse(429)).on(Operation::ReadObject).times(3),
        Fault::new(Effect::HangUp).on(Operation::ReadObject).times(2),
        Fault::new(Effect::Cut(100_000))
            .on(Operation::ReadObject)
            .under("2026/export/all_namespaces")
            .after(4)
            .times(2),
        Fault::new(Effect::Delay(Duration::from_millis(50))).always(),
    ] {
        let double = bucket();
        double.fault(fault.clone());
        run(f.path(), &double, "gs://exports/2026/export").ok();
        assert_eq!(rows(f.path()), expected, "{fault:?}");
    }
}

#[test]
fn damaged_bytes_are_never_loaded() {
    let f = folder();
    // In the middle of the larger file: read whole, after its beginning was looked at.
    for at in [700_000, 1_400_000] {
        let double = bucket();
        let damage = Fault::new(Effect::Corrupt(at)).on(Operation::ReadObject).under("2026/rest");
        double.put("exports", "2026/rest.ndjson", unpacked()).unwrap();
        double.fault(damage.after(1).always());
        let ran = finish(&mut job(f.path(), &double, "gs://exports/2026/rest.ndjson", "sqlite:rows.db"));
        assert_eq!(ran.code, 3, "{}", ran.stderr);
        assert!(!f.path().join("rows.db").exists(), "something was loaded");
    }
}

fn unpacked() -> Vec<u8> {
    crate::kit::lines(&export_file("yago").join("rest.ndjson.gz")).join("\n").into_bytes()
}

#[test]
fn errors_say_who_may_not_do_what_where() {
    let f = folder();
    let double = bucket();
    let fails = |from: &str, parts: &[&str]| {
        let ran = run(f.path(), &double, from);
        eprintln!("{}", ran.stderr);
        ran.fails(3, parts);
    };
    fails("gs://exports/2025", &["source.not-found", "gs://exports/2025"]);
    fails("gs://nowhere/2025", &["storage.missing", "gs://nowhere/2025", "gcloud storage ls gs://nowhere/"]);
    double.deny(Permission::ObjectsList);
    fails("gs://exports/2026", &["storage.right", "storage.objects.list", "as nobody", "roles/storage.objectViewer"]);
    double.allow(Permission::ObjectsList);
    double.deny(Permission::ObjectsGet);
    fails("gs://exports/2026/export", &["storage.right", "storage.objects.get", "overall_export_metadata"]);
    double.allow(Permission::ObjectsGet);
    run(f.path(), &double, "gs://UPPER/x").fails(2, &["storage.address", "no name of a bucket"]);
}
