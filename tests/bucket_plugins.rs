//! Plugins and files of rules in Cloud Storage.

use std::path::Path;

use gristmill_doubles::storage::{Effect, Fault, Operation, Permission, StorageDouble};
use serde_json::{Value, json};

use crate::kit::{Ran, finish, folder, gristmill, json_lines, write_lines};

/// Errors where n is more than 20, in the file's own name.
const RULES: &str = "[[rule]]\nname = \"n-range\"\ncolumn = \"n\"\nrange = { min = 0, max = 20 }\n";

/// A bucket with a plugin that maps, one that judges, and a file of rules.
struct Shelf {
    double: StorageDouble,
    folder: tempfile::TempDir,
}

/// The address of a component, with its digest.
fn pinned(name: &str) -> String {
    let path = gristmill_guest::fixture(name).unwrap_or_else(|e| panic!("{name}: {e}"));
    let shown = finish(gristmill().args(["--json", "plugin", "inspect"]).arg(&path)).ok();
    let digest = serde_json::from_str::<Value>(&shown.stdout).unwrap()["sha256"].as_str().unwrap().to_owned();
    format!("gs://plugins/v1/{name}.wasm@sha256:{digest}")
}

impl Shelf {
    fn new() -> Self {
        let double = StorageDouble::start().unwrap();
        double.create_bucket("plugins");
        for name in ["liar", "judge"] {
            let bytes = std::fs::read(gristmill_guest::fixture(name).unwrap()).unwrap();
            double.put("plugins", &format!("v1/{name}.wasm"), bytes).unwrap();
        }
        double.put("plugins", "rules.toml", RULES).unwrap();
        let folder = folder();
        let thing = |n: i64| {
            json!({ "name": format!("projects/p/databases/(default)/documents/things/x{n}"),
                "fields": { "n": { "integerValue": n } } })
        };
        write_lines(&folder.path().join("things.ndjson"), &(0..30).map(thing).collect::<Vec<_>>());
        Self { double, folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn gristmill(&self, args: &[&str]) -> Ran {
        let mut command = gristmill();
        command.current_dir(self.path()).env("STORAGE_EMULATOR_HOST", self.double.endpoint());
        finish(command.args(args))
    }

    fn run(&self, args: &[&str]) -> Ran {
        let all = ["run", "things.ndjson", "--to", "ndjson:rows.ndjson", "--dead-letters", "dead.jsonl"];
        self.gristmill(&[&all[..], args].concat())
    }
}

#[test]
fn plugins_validators_and_rules_come_from_a_bucket() {
    let shelf = Shelf::new();
    let (liar, judge) = (pinned("liar"), pinned("judge"));
    shelf.run(&["--plugin", &liar, "--validate", &judge, "--rules", "gs://plugins/rules.toml"]).ok();
    assert_eq!(json_lines(&shelf.path().join("rows.ndjson")).len(), 21);
    let letters = json_lines(&shelf.path().join("dead.jsonl"));
    assert_eq!(letters.len(), 9);
    assert!(letters.iter().all(|letter| letter["validator"] == "gs://plugins/rules.toml"), "{}", letters[0]);
    // What is read is told, and no more than once each.
    let reads = shelf.double.requests().into_iter().filter(|r| r.operation == Operation::ReadObject);
    assert_eq!(reads.count(), 3);

    shelf.gristmill(&["plugin", "inspect", &liar]).ok();
    let checked = shelf.gristmill(&["plugin", "check", &judge, "--conformance", "--tables", &liar]).ok();
    assert!(checked.stdout.contains("size         ") && checked.stdout.contains("judges       things by n"));
    let same = shelf.gristmill(&["plugin", "diff", &liar, &liar, "things.ndjson"]).ok();
    assert!(same.stdout.contains("30 records: 30 the same, 0 different"), "{}", same.stdout);
    let measured = shelf.gristmill(&["plugin", "bench", &liar, "things.ndjson", "-n", "30", "--rounds", "1"]).ok();
    assert!(measured.stdout.contains("liar@1.0.0"), "{}", measured.stdout);
}

#[test]
fn a_component_must_be_named_by_its_digest() {
    let shelf = Shelf::new();
    let liar = pinned("liar");
    let (address, digest) = liar.split_once("@sha256:").unwrap();
    let to_do = format!("gristmill plugin inspect {liar}");
    shelf.run(&["--plugin", address]).fails(2, &["error[cli.unpinned]", address, digest, &to_do]);
    shelf.gristmill(&["plugin", "check", address]).fails(2, &["cli.unpinned"]);
    // Another one is there by now.
    shelf.double.put("plugins", "v1/liar.wasm", "something else").unwrap();
    shelf.run(&["--plugin", &liar]).fails(4, &["cli.digest", &format!("{address} is not the file"), digest]);
    assert!(!shelf.path().join("rows.ndjson").exists());
}

#[test]
fn what_is_not_there_is_named() {
    let shelf = Shelf::new();
    let digest = "0".repeat(64);
    let missing = format!("gs://plugins/none.wasm@sha256:{digest}");
    shelf.run(&["--plugin", &missing]).fails(2, &["cli.file", "gs://plugins/none.wasm is not there", "gcloud storage"]);
    let missing = format!("gs://nowhere/none.wasm@sha256:{digest}");
    shelf.run(&["--validate", &missing]).fails(2, &["storage.missing", "gs://nowhere/none.wasm", "does not exist"]);
    shelf.run(&["--rules", "gs://plugins"]).fails(2, &["storage.address", "it names no object"]);
    shelf.double.deny(Permission::ObjectsGet);
    let said = ["storage.right", "storage.objects.get", "reading gs://plugins/rules.toml as nobody"];
    shelf.run(&["--rules", "gs://plugins/rules.toml"]).fails(2, &said);
    shelf.double.allow(Permission::ObjectsGet);
    // On the way: taken up again, or not taken.
    let liar = pinned("liar");
    shelf.double.fault(Fault::new(Effect::Cut(1_000)).on(Operation::ReadObject));
    shelf.run(&["--plugin", &liar]).ok();
    shelf.double.fault(Fault::new(Effect::Corrupt(1_000)).on(Operation::ReadObject));
    let ran = shelf.run(&["--plugin", &liar]);
    assert_ne!(ran.code, 0, "{}", ran.stderr);
}
