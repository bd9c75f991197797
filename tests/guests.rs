//! Plugins that misbehave: the run survives each, blames the plugin and, where one record is at fault, that record.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::kit::{Ran, assert_balanced, folder, json_lines, run_in, write_lines};

/// Records of an input.
const RECORDS: usize = 300;
/// The one with n = -1.
const MARKED: usize = 123;

fn guest(name: &str) -> PathBuf {
    gristmill_guest::fixture(name).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn thing(i: usize, n: i64) -> Value {
    json!({ "name": format!("projects/p/databases/(default)/documents/things/x{i}"), "fields": { "n": { "integerValue": n } } })
}

fn things(folder: &Path) {
    let number = |i: usize| i64::try_from(i).unwrap();
    let documents: Vec<Value> = (0..RECORDS).map(|i| thing(i, if i == MARKED { -1 } else { number(i) })).collect();
    write_lines(&folder.join("things.ndjson"), &documents);
}

fn run(folder: &Path, mode: &str, when: &str, extra: &[&str]) -> Ran {
    let plugin = guest("liar").display().to_string();
    let (mode, when) = (format!("mode={mode}"), format!("when={when}"));
    let mut args = vec![
        "run",
        "things.ndjson",
        "--plugin",
        &plugin,
        "--config",
        &mode,
        "--config",
        &when,
        "--to",
        "ndjson:out.ndjson",
        "--json",
        "--plugin-time",
        "400ms",
        "--plugin-memory",
        "32MiB",
        "--plugin-output",
        "8MiB",
        "--dead-letters",
        "dead.jsonl",
    ];
    args.extend(extra);
    run_in(folder, &args)
}

/// One marked record: it is the dead letter, and every other record is a row.
fn blames_the_marked_record(mode: &str, code: &str) {
    let f = folder();
    things(f.path());
    let summary = run(f.path(), mode, "marked", &[]).ok().json();
    assert_balanced(&summary);
    assert_eq!(summary["rows"][0]["inserted"], RECORDS - 1, "{mode}: {summary}");
    let letters = json_lines(&f.path().join("dead.jsonl"));
    assert_eq!(letters.len(), 1, "{mode}");
    assert_eq!(letters[0]["code"], code, "{mode}: {}", letters[0]);
    assert_eq!(letters[0]["plugin"], "liar@1.0.0");
    assert!(letters[0]["document"]["name"].as_str().unwrap().ends_with(&format!("things/x{MARKED}")), "{}", letters[0]);
}

/// Always: the run ends, and says which plugin did it.
fn ends_the_run(mode: &str) {
    let f = folder();
    things(f.path());
    run(f.path(), mode, "always", &["--plugin-faults", "5"]).fails(4, &["liar", "plugin."]);
    assert!(!f.path().join("out.ndjson").exists(), "{mode}: nothing is loaded");
}

macro_rules! misbehaves {
    ($($name:ident: $mode:literal $code:literal;)*) => { $(
        mod $name {
            #[test]
            fn on_one_record() {
                super::blames_the_marked_record($mode, $code);
            }
            #[test]
            fn always() {
                super::ends_the_run($mode);
            }
        }
    )* };
}

misbehaves! {
    endless_loop: "endless-loop" "plugin.timeout";
    trap: "trap" "plugin.trap";
    allocation_bomb: "allocation-bomb" "plugin.memory";
    output_flood: "output-flood" "plugin.output-size";
    deep_recursion: "deep-recursion" "plugin.trap";
    returns_error: "returns-error" "plugin.error";
    offsets_backwards: "offsets-backwards" "plugin.output";
    wrong_lengths: "wrong-lengths" "plugin.output";
    invalid_utf8: "invalid-utf8" "plugin.output";
    origin_out_of_range: "origin-out-of-range" "plugin.output";
    wrong_type: "wrong-type" "plugin.output";
    null_in_required: "null-in-required" "plugin.output";
    rejected_and_mapped: "rejected-and-mapped" "plugin.output";
}

/// A trap on the third record of five: that one is the dead letter.
#[test]
fn a_trap_on_the_third_record() {
    let f = folder();
    let documents: Vec<Value> = [1, 2, -1, 4, 5].iter().enumerate().map(|(i, n)| thing(i, *n)).collect();
    write_lines(&f.path().join("things.ndjson"), &documents);
    let summary = run(f.path(), "trap", "marked", &[]).ok().json();
    assert_balanced(&summary);
    assert_eq!(summary["rows"][0]["inserted"], 4);
    let letters = json_lines(&f.path().join("dead.jsonl"));
    assert_eq!((letters.len(), &letters[0]["code"]), (1, &json!("plugin.trap")));
    assert!(letters[0]["document"]["name"].as_str().unwrap().ends_with("things/x2"));
}

/// A plugin that depends on what its instance saw before traps now and then; alone, no record is at fault, and all are rows.
#[test]
fn a_trap_that_no_record_is_to_blame_for() {
    let f = folder();
    things(f.path());
    let summary = run(f.path(), "trap", "third", &["--batch-rows", "50"]).ok().json();
    assert_balanced(&summary);
    assert_eq!((&summary["records"]["refused"], &summary["rows"][0]["inserted"]), (&json!(0), &json!(RECORDS)));
}

#[test]
fn an_import_that_the_host_does_not_offer() {
    let f = folder();
    things(f.path());
    let plugin = guest("stranger").display().to_string();
    run_in(f.path(), &["run", "things.ndjson", "--plugin", &plugin]).fails(4, &["imports", "stranger"]);
    run_in(f.path(), &["plugin", "inspect", &plugin]).fails(4, &["imports"]);
}

#[test]
fn another_version_of_the_contract() {
    let f = folder();
    things(f.path());
    let plugin = guest("foreign-version").display().to_string();
    run_in(f.path(), &["run", "things.ndjson", "--plugin", &plugin]).fails(4, &["0.2.0", "0.1.0"]);
}

#[test]
fn files_that_are_no_components() {
    let f = folder();
    things(f.path());
    std::fs::write(f.path().join("text.wasm"), "hello").unwrap();
    std::fs::write(f.path().join("module.wasm"), b"\0asm\x01\0\0\0").unwrap();
    run_in(f.path(), &["run", "things.ndjson", "--plugin", "text.wasm"]).fails(4, &["text.wasm"]);
    run_in(f.path(), &["run", "things.ndjson", "--plugin", "module.wasm"]).fails(4, &["module.wasm", "component"]);
    run_in(f.path(), &["run", "things.ndjson", "--plugin", "none.wasm"]).fails(2, &["none.wasm", "No such file"]);
}

#[test]
fn settings_that_do_not_exist_or_do_not_fit() {
    let f = folder();
    things(f.path());
    let with = |setting: &str| run_in(f.path(), &["run", "things.ndjson", "--config", setting]);
    with("scores=1").fails(2, &["scores", "overall-score-max"]);
    with("overall-score-max=high").fails(2, &["overall-score-max", "float64"]);
    with("overall-score-max=-1").fails(2, &["overall-score-max"]);
    with("overall-score-max").fails(2, &["KEY=VALUE"]);
}
