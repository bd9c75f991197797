//! Replays that are refused, with what to do.

use serde_json::{Value, json};

use super::{BAD, Folder, WIDE, counts};
use crate::kit::write_lines;

#[test]
fn another_destination() {
    let f = Folder::new();
    f.run("sqlite:q.db", &[]).ok();
    f.replay(&["--to", "sqlite:other.db"]).fails(2, &["cli.resume", "goes to sqlite:q.db, and not to sqlite:other.db"]);
    // The same once more is the same.
    let summary = f.replay(&["--to", "sqlite:q.db", "--config", WIDE]).ok().json();
    assert_eq!(counts(&summary)[0], BAD);
    assert!(!f.path().join("other.db").exists());
}

#[test]
fn letters_of_another_run() {
    let f = Folder::new();
    f.run("sqlite:q.db", &["--dead-letters", "dead.jsonl"]).ok();
    let first = f.runs()[0]["id"].as_str().unwrap().to_owned();
    f.run("sqlite:q.db", &["--dead-letters", "dead.jsonl", "--config", "overall-score-max=2"]).ok();
    f.replay(&[&first]).fails(2, &["cli.dead-letters", "has dead letters of run", &first]);
}

#[test]
fn its_own_letters_would_replace_those_that_it_replays() {
    let f = Folder::new();
    f.run("sqlite:q.db", &["--dead-letters", "dead.jsonl"]).ok();
    f.replay(&["--dead-letters", "./dead.jsonl"]).fails(2, &["cli.dead-letters", "would be replaced"]);
    assert_eq!(f.json_lines("dead.jsonl").len() as u64, BAD);
    f.replay(&["--dead-letters", "again.jsonl"]).fails(7, &["all 10 records were refused"]);
    assert_eq!(f.json_lines("again.jsonl").len() as u64, BAD);
}

/// A data set has the rows of one run: those of an older one do not take the place of a newer one's, unless that is a replay of it.
#[test]
fn rows_of_a_newer_run() {
    let f = Folder::new();
    f.run("parquet:p", &[]).ok();
    f.run_good("parquet:p", &[]);
    let newer = f.runs()[0]["id"].as_str().unwrap().to_owned();
    let files = crate::kit::tree(&f.path().join("p"));
    f.replay(&["--config", WIDE]).fails(2, &["cli.dead-letters", &format!("has the rows of run {newer} by now")]);
    assert!(crate::kit::tree(&f.path().join("p")) == files);
    f.run("parquet:q", &[]).ok();
    f.replay(&["--config", "overall-score-max=60"]).ok();
    let first = f.runs()[1]["id"].as_str().unwrap().to_owned();
    f.replay(&[&first, "--config", WIDE]).ok();
}

#[test]
fn letters_that_are_gone() {
    let f = Folder::new();
    f.run("sqlite:q.db", &["--dead-letters", "dead.jsonl"]).ok();
    std::fs::rename(f.path().join("dead.jsonl"), f.path().join("moved.jsonl")).unwrap();
    f.replay(&[]).fails(2, &["run.no-letters", "dead.jsonl", "--file"]);
    let run = f.runs()[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(counts(&f.replay(&[&run, "--file", "moved.jsonl", "--config", WIDE]).ok().json())[0], BAD);
}

/// The bytes of what is no document are so again.
#[test]
fn nothing_that_can_be_replayed() {
    let f = Folder::empty();
    write_lines(&f.path().join("export/1.ndjson"), &[crate::kit::report("a", "b", "t", 0.5, "2024-01-01T00:00:00Z")]);
    std::fs::write(f.path().join("export/2.ndjson"), "{\"name\": nope}\n{}\n").unwrap();
    f.run("sqlite:q.db", &[]).ok();
    let ran = f.replay(&[]).fails(2, &["cli.dead-letters", "can be replayed", "no documents", "Mend the export"]);
    assert_eq!(ran.stdout, "");
    assert_eq!(f.runs().len(), 1, "no run was begun");
}

/// Rows of a record may be in a table that has no key to tell them by: such a record is not replayed, and that is said.
#[test]
fn tables_without_a_key() {
    let f = Folder::empty();
    let thing = |i: i64, n: Value| json!({ "name": format!("projects/p/databases/(default)/documents/things/x{i}"), "fields": { "n": { "doubleValue": n } } });
    // SQLite has no NaN.
    let things: Vec<_> = (0..9).map(|i| thing(i, if i == 4 { json!("NaN") } else { json!(i) })).collect();
    write_lines(&f.path().join("export/1.ndjson"), &things);
    let plugin = gristmill_guest::fixture("echo").unwrap().display().to_string();
    let rule = |max: u32| format!("[[rule]]\nname = \"small\"\ncolumn = \"n\"\nrange = {{ min = 0, max = {max} }}\n");
    std::fs::write(f.path().join("rules.toml"), rule(6)).unwrap();
    let first = f.run("sqlite:q.db", &["--plugin", &plugin, "--config", "types=n=float64", "--rules", "rules.toml"]);
    let first = first.ok().json();
    assert_eq!((&first["records"]["refused"], &first["rows"][0]["invalid"]), (&json!(1), &json!(2)));
    std::fs::write(f.path().join("rules.toml"), rule(100)).unwrap();
    let dry = f.replay(&["--dry-run"]).ok().json();
    let not = &dry["replays"]["not_replayed"][0];
    assert_eq!((&dry["replays"]["records"], &not["count"]), (&json!(1), &json!(2)));
    assert!(not["why"].as_str().unwrap().contains("which has no key"), "{not}");
    f.replay(&["--from", "export"]).fails(2, &["cli.dead-letters", "has no key", "--from letters"]);
    f.replay(&[]).fails(7, &["the only record was refused", "1.ndjson"]);
}
