//! Progress and logs for machines.

use serde_json::Value;

use super::{export_of, run};
use crate::kit::{finish, root};

fn objects(stderr: &str) -> Vec<Value> {
    stderr.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

#[test]
fn objects_for_machines() {
    let f = export_of(60_000);
    let ran = finish(&mut run(f.path(), &["--progress", "json", "--json", "--workers", "1"])).ok();
    let summary = ran.json();
    let lines = objects(&ran.stderr);
    let (last, before) = lines.split_last().unwrap();
    assert!(!before.is_empty() && before.iter().all(|line| line["type"] == "progress"), "{}", ran.stderr);
    assert_eq!((&last["type"], &last["exit_code"], &last["error"]), (&"end".into(), &0.into(), &Value::Null));
    assert_eq!(last["documents"], summary["records"]["read"]);
    assert_eq!(last["splits_done"], summary["splits"]);
    assert_eq!((&last["read_bytes"], &last["rows_loaded"]), (&last["input_bytes"], &last["rows_to_load"]));
    // Nothing goes back.
    for counter in ["documents", "rows", "splits_done", "read_bytes"] {
        let values: Vec<_> = lines.iter().map(|line| line[counter].as_u64().unwrap()).collect();
        assert!(values.is_sorted(), "{counter}: {values:?}");
    }
    // The page says what every field means, and has no other.
    let page = std::fs::read_to_string(root().join("docs/watching.md")).unwrap();
    let table = page.split("## Progress").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut told: Vec<&str> = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let mut fields: Vec<&str> = last.as_object().unwrap().keys().map(String::as_str).collect();
    told.sort_unstable();
    fields.sort_unstable();
    assert_eq!(told, fields);
}

#[test]
fn the_last_object_says_how_it_ended() {
    let f = export_of(100);
    let ran = finish(&mut run(f.path(), &["--progress", "json", "--json", "--max-rejected", "0"]));
    let lines = objects(&ran.stderr);
    let end = lines.iter().find(|line| line["type"] == "end").unwrap();
    assert_eq!((ran.code, &end["exit_code"], &end["error"]), (7, &7.into(), &"run.max-rejected".into()));
    std::fs::remove_dir_all(f.path().join("export")).unwrap();
    let ran = finish(&mut run(f.path(), &["--progress", "json", "--json"]));
    assert_eq!(objects(&ran.stderr)[0]["error"], "source.not-found", "{}", ran.stderr);
}

#[test]
fn a_log_of_objects() {
    let f = export_of(100);
    let ran = finish(&mut run(f.path(), &["--log-format", "json", "-vv", "--json"])).ok();
    let lines = objects(&ran.stderr);
    let phases: Vec<_> = lines.iter().filter(|line| line["message"] == "phase").collect();
    assert!(phases.len() >= 4, "{}", ran.stderr);
    for line in lines {
        assert!(["timestamp", "level", "target"].iter().all(|field| line[*field].is_string()), "{line}");
    }
}

#[test]
fn nothing_where_nothing_is_asked_for() {
    let f = export_of(100);
    assert_eq!(finish(&mut run(f.path(), &["--progress", "none", "--json"])).ok().stderr, "");
}
