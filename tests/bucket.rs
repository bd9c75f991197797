//! Exports in Cloud Storage: the double's, which keeps its rules and fails as it is told.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use flate2::Compression;

use gristmill_doubles::storage::{Effect, Fault, Operation, Permission, StorageDouble};
use gristmill_generator::{Layout, Spec, write_binary, write_json};

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
    // In the middle of the larger file, in an object that is read whole and in one that is read in parts: behind what is looked at first.
    for (at, split) in [(700_000, "100MiB"), (1_400_000, "100MiB"), (700_000, "1MiB")] {
        let double = bucket();
        let damage = Fault::new(Effect::Corrupt(at)).on(Operation::ReadObject).under("2026/rest");
        double.put("exports", "2026/rest.ndjson", unpacked()).unwrap();
        double.fault(damage.always());
        let mut command = job(f.path(), &double, "gs://exports/2026/rest.ndjson", "sqlite:rows.db");
        let ran = finish(command.args(["--split-size", split]));
        ran.fails(3, &["storage.checksum", "gs://exports/2026/rest.ndjson", "was stored (CRC-32C)"]);
        assert!(!f.path().join("rows.db").exists(), "something was loaded");
    }
}

/// How often each object of a double was asked for, and the bytes of all answers.
fn asked(double: &StorageDouble) -> (BTreeMap<String, usize>, u64) {
    let mut asked = BTreeMap::new();
    let reads = double.requests().into_iter().filter(|request| request.operation == Operation::ReadObject);
    let sent = reads.map(|request| (*asked.entry(request.object).or_default() += 1, request.sent).1).sum();
    (asked, sent)
}

#[test]
fn objects_are_asked_for_once() {
    // Of one document in a line; of one line that is no document; of lines that are too long to be looked at whole; packed; binary.
    let f = folder();
    let of = |documents: u64, files: u32| Spec { files, ..Spec::of(documents) };
    let at = |name: &str| f.path().join(name);
    write_json(&at("lines"), Layout::Lines, &of(2_600, 13)).unwrap();
    write_json(&at("array"), Layout::Array, &of(1_200, 3)).unwrap();
    write_json(&at("listing"), Layout::Documents, &of(1_200, 3)).unwrap();
    write_binary(&at("binary"), &of(2_600, 13)).unwrap();
    std::fs::create_dir(at("packed")).unwrap();
    for file in std::fs::read_dir(at("lines")).unwrap() {
        let file = file.unwrap().path();
        let packed = at("packed").join(file.with_extension("ndjson.gz").file_name().unwrap());
        let mut gzip = flate2::write::GzEncoder::new(std::fs::File::create(packed).unwrap(), Compression::fast());
        std::io::copy(&mut std::fs::File::open(file).unwrap(), &mut gzip).unwrap();
        gzip.finish().unwrap();
    }
    for name in ["lines", "array", "listing", "packed", "binary"] {
        let double = StorageDouble::start().unwrap();
        double.create_bucket("exports");
        double.put_folder("exports", "all/", &at(name)).unwrap();
        run(f.path(), &double, "gs://exports/all").ok();
        let mut command = gristmill();
        command.current_dir(f.path()).args(["run", name, "--to", "ndjson:local.ndjson"]);
        finish(command.args(["--config", "overall-score-max=100", "--started-at", STARTED])).ok();
        assert_eq!(rows(f.path()), std::fs::read(at("local.ndjson")).unwrap(), "{name}");
        let (asked, sent) = asked(&double);
        let objects = double.list("exports", "");
        assert_eq!(asked.into_iter().collect::<Vec<_>>(), objects.iter().map(|o| (o.clone(), 1)).collect::<Vec<_>>());
        let stored: usize = objects.iter().map(|object| double.get("exports", object).unwrap().len()).sum();
        assert_eq!(sent, stored as u64, "{name}");
    }
}

#[test]
fn what_is_not_read_is_not_fetched() {
    let f = folder();
    write_json(&f.path().join("array"), Layout::Array, &Spec { files: 3, ..Spec::of(1_200) }).unwrap();
    let double = StorageDouble::start().unwrap();
    double.create_bucket("exports");
    double.put_folder("exports", "all/", &f.path().join("array")).unwrap();
    let objects = double.list("exports", "");
    // What is named alone is read alone.
    double.put("exports", &format!("{}.gz", objects[0]), "not asked for").unwrap();
    double.put("exports", "all-of-last-year/x.json", "not asked for").unwrap();
    run(f.path(), &double, &format!("gs://exports/{}", objects[0])).ok();
    assert_eq!(asked(&double).0.into_keys().collect::<Vec<_>>(), objects[..1]);
    double.remove("exports", &format!("{}.gz", objects[0]));
    // A plan needs some of the first object, and the beginnings of the others.
    double.clear_requests();
    let mut command = gristmill();
    command.current_dir(f.path()).env("STORAGE_EMULATOR_HOST", double.endpoint());
    command.args(["plan", "gs://exports/all", "--to", "ndjson:rows.ndjson", "--config", "overall-score-max=100"]);
    finish(&mut command).ok();
    let reads = double.requests().into_iter().filter(|request| request.operation == Operation::ReadObject);
    let whole: Vec<_> = reads.filter(|read| read.sent > 64 << 10).map(|read| read.object).collect();
    assert_eq!(whole, objects[..1]);
}

#[test]
fn of_many_objects_some_are_looked_at_before_they_are_read() {
    let f = folder();
    let spec = Spec { files: 300, ..Spec::of(3_000) };
    write_json(&f.path().join("lines"), Layout::Lines, &spec).unwrap();
    let double = StorageDouble::start().unwrap();
    double.create_bucket("exports");
    double.put_folder("exports", "all/", &f.path().join("lines")).unwrap();
    double.put("exports", "all/notes.txt", "not asked for").unwrap();
    let ran = run(f.path(), &double, "gs://exports/all/*.ndjson").ok();
    assert_eq!(ran.json()["records"]["read"], spec.documents);
    let (times, _) = asked(&double);
    assert_eq!((times.len(), times.values().max()), (300, Some(&1)));
    // One of another name is looked at, and passed over.
    let ran = run(f.path(), &double, "gs://exports/all").ok();
    assert_eq!(ran.json()["records"]["read"], spec.documents);
    assert!(ran.stderr.contains("notes.txt is neither a LevelDB log nor JSON: it is not read"), "{}", ran.stderr);
    // One of the others is not: it is found when it is read, and nothing is loaded.
    let last = double.list("exports", "all/").into_iter().rfind(|name| name.ends_with("ndjson")).unwrap();
    double.put("exports", &last, "<html>").unwrap();
    let ran = finish(&mut job(f.path(), &double, "gs://exports/all", "sqlite:rows.db"));
    ran.fails(3, &["source.unlike", &last, "are JSON, but this one begins as neither a LevelDB log nor JSON"]);
    assert!(!f.path().join("rows.db").exists(), "something was loaded");
}

#[test]
fn a_large_object_is_asked_for_once_a_part_and_once_a_cut() {
    let f = folder();
    let made = write_json(&f.path().join("lines"), Layout::Lines, &Spec { files: 1, ..Spec::of(12_000) }).unwrap();
    let double = StorageDouble::start().unwrap();
    double.create_bucket("exports");
    double.put_folder("exports", "all/", &f.path().join("lines")).unwrap();
    let mut command = job(f.path(), &double, "gs://exports/all", "ndjson:rows.ndjson");
    let ran = finish(command.args(["--split-size", "1MiB"])).ok();
    assert_eq!(ran.json()["records"]["read"], made.documents);
    let parts = usize::try_from(made.bytes >> 20).unwrap();
    let (times, sent) = asked(&double);
    assert!(parts > 3, "{made:?}");
    assert_eq!(times.into_values().collect::<Vec<_>>(), [parts + parts - 1]);
    // The first request is for the whole, and taken as far as it is needed.
    assert!(sent < 2 * made.bytes + (parts as u64) * (256 << 10), "{sent} of {made:?}");
}

#[test]
fn records_that_are_longer_than_what_is_fetched_behind_a_part_are_read() {
    let f = folder();
    let text = |n: usize| "x".repeat(300_000 + n % 7);
    let line = |n: usize| {
        format!(
            "{{\"name\":\"projects/p/databases/d/documents/c/{n}\",\"fields\":{{\"t\":{{\"stringValue\":\"{}\"}}}}}}\n",
            text(n)
        )
    };
    let lines: String = (0..40).map(line).collect();
    let double = StorageDouble::start().unwrap();
    double.create_bucket("exports");
    double.put("exports", "all/x.ndjson", lines).unwrap();
    let mut command = job(f.path(), &double, "gs://exports/all", "ndjson:rows.ndjson");
    let ran = finish(command.args(["--split-size", "1MiB", "--max-rejected", "100%"]));
    assert_eq!(ran.json()["records"]["read"], 40, "{}", ran.stderr);
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
