//! Dead letters in Cloud Storage.

use std::path::Path;

use gristmill_doubles::storage::{Effect, Fault, Operation, Permission, StorageDouble};

use crate::kit::{Ran, export, finish, folder, gristmill, run_in};

const STARTED: &str = "2026-01-02T03:04:05Z";

fn bucket() -> StorageDouble {
    let double = StorageDouble::start().unwrap();
    double.create_bucket("letters");
    double
}

/// A run whose dead letters go to `to`; `settings` decide whether there are any.
fn run(folder: &Path, double: &StorageDouble, to: &str, settings: &[&str]) -> Ran {
    let mut command = gristmill();
    command.current_dir(folder).env("STORAGE_EMULATOR_HOST", double.endpoint());
    let export = export("yago");
    command.args(["run", &export, "--to", "ndjson:rows.ndjson", "--dead-letters", to, "--started-at", STARTED]);
    finish(command.args(["--config", "overall-score-max=100"]).args(settings))
}

#[test]
fn letters_in_a_bucket_are_those_of_a_file() {
    let (double, f) = (bucket(), folder());
    let ran = run(f.path(), &double, "gs://letters/a/dead.jsonl", &[]).ok();
    assert!(ran.stderr.contains("dead letters  gs://letters/a/dead.jsonl\n"), "{}", ran.stderr);
    let export = export("yago");
    let args = ["run", &export, "--to", "ndjson:local.ndjson", "--dead-letters", "dead.jsonl"];
    run_in(f.path(), &[&args[..], &["--started-at", STARTED, "--config", "overall-score-max=100"]].concat()).ok();
    let expected = std::fs::read(f.path().join("dead.jsonl")).unwrap();
    assert_eq!(double.get("letters", "a/dead.jsonl").unwrap(), expected);
    // Other dead letters, and an empty object, are replaced.
    for there in ["{\"run\":\"other\"}\n", ""] {
        double.put("letters", "a/dead.jsonl", there).unwrap();
        run(f.path(), &double, "gs://letters/a/dead.jsonl", &[]).ok();
        assert_eq!(double.get("letters", "a/dead.jsonl").unwrap(), expected);
    }
    assert_eq!(double.list("letters", ""), ["a/dead.jsonl"]);
}

#[test]
fn without_any_what_was_there_goes() {
    let (double, f) = (bucket(), folder());
    crate::kit::write_lines(
        &f.path().join("good.ndjson"),
        &[crate::kit::report("t", "r", "2024-01-01T00:00:00Z", 1.0, "2024-01-01T00:00:00Z")],
    );
    double.put("letters", "dead.jsonl", "{\"run\":\"other\"}\n").unwrap();
    for _ in 0..2 {
        let mut command = gristmill();
        command.current_dir(f.path()).env("STORAGE_EMULATOR_HOST", double.endpoint());
        command.args(["run", "good.ndjson", "--to", "ndjson:rows.ndjson"]);
        finish(command.args(["--dead-letters", "gs://letters/dead.jsonl"])).ok();
        assert!(double.list("letters", "").is_empty());
    }
}

#[test]
fn what_is_something_else_is_not_replaced() {
    let (double, f) = (bucket(), folder());
    double.put("letters", "report.pdf", "%PDF-1.7 and so on").unwrap();
    let ran = run(f.path(), &double, "gs://letters/report.pdf", &[]);
    ran.fails(2, &["run.dead-letters", "gs://letters/report.pdf: it is there, and it is no file of dead letters"]);
    run(f.path(), &double, "gs://letters", &[]).fails(2, &["storage.address", "it names no object"]);
    run(f.path(), &double, "gs://nowhere/x", &[]).fails(5, &["storage.missing", "bucket does not exist"]);
    double.deny(Permission::ObjectsCreate);
    let ran = run(f.path(), &double, "gs://letters/dead.jsonl", &[]);
    ran.fails(5, &["error[storage.right]: dead letters: writing gs://letters/dead.jsonl", "storage.objects.create"]);
    double.allow(Permission::ObjectsCreate);
    assert!(!f.path().join("rows.ndjson").exists(), "something was loaded");
    assert_eq!(double.get("letters", "report.pdf").unwrap(), "%PDF-1.7 and so on");
}

#[test]
fn nothing_is_loaded_where_they_cannot_be_put() {
    let (double, f) = (bucket(), folder());
    double.fault(Fault::new(Effect::Refuse(503)).on(Operation::InsertObject).after(1).times(2));
    run(f.path(), &double, "gs://letters/dead.jsonl", &[]).ok();
    std::fs::remove_file(f.path().join("rows.ndjson")).unwrap();
    double.clear_faults();
    // A whole run of them, and then what was found at the beginning is not there any more.
    double.fault(Fault::new(Effect::Refuse(412)).on(Operation::InsertObject).after(1));
    double.fault(Fault::new(Effect::Refuse(404)).on(Operation::ListObjects).after(1));
    let ran = run(f.path(), &double, "gs://letters/dead.jsonl", &["--config", "overall-score-max=1"]);
    assert_ne!(ran.code, 0);
    assert!(!f.path().join("rows.ndjson").exists(), "something was loaded");
}
