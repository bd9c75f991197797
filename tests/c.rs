//! Plugins in C: a project from `plugin new`, lists and structs, and whole columns. What goes for all languages is in `languages`.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::kit::{Ran, assert_balanced, export, finish, folder, gristmill, json_lines, run_in, write_lines};

fn guest(name: &str) -> String {
    gristmill_guest::fixture(name).unwrap_or_else(|e| panic!("{name}: {e}")).display().to_string()
}

/// A folder outside the repository.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn types(&self, words: &[&str]) -> Ran {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-c");
        finish(gristmill().current_dir(self.path()).env("CARGO_TARGET_DIR", target).args(words))
    }
}

#[test]
fn a_new_plugin_maps_a_real_export() {
    let desk = Desk::new();
    desk.types(&["plugin", "new", "my-teams", "--lang", "c"]).ok();
    desk.types(&["plugin", "build", "my-teams", "--output", "my-teams.wasm"]).ok();
    let about = desk.types(&["--json", "plugin", "inspect", "my-teams.wasm"]).ok().json();
    assert_eq!((&about["name"], &about["documents"]), (&json!("my-teams"), &json!("teams/{team}")));

    desk.types(&["run", &export("second"), "--plugin", "my-teams.wasm", "--to", "ndjson:teams.ndjson"]).ok();
    let rows = json_lines(&desk.path().join("teams.ndjson"));
    assert!(!rows.is_empty() && rows.iter().all(|row| row["name"].as_str().unwrap().starts_with("Team ")), "{rows:?}");

    // As the project's README says.
    desk.types(&["plugin", "test", "my-teams", "--update"]).ok();
    let shown = desk.types(&["plugin", "test", "my-teams"]).ok().stdout;
    assert!(shown.contains("ok  first, 3 records") && shown.contains("1 ok, 0 failed"), "{shown}");
    let expected = json_lines(&desk.path().join("my-teams/cases/first/expected.ndjson"));
    assert_eq!(expected.iter().filter(|line| line["refused"] == "name-empty").count(), 1, "{expected:?}");
    desk.types(&["plugin", "check", "my-teams.wasm", "--conformance"]).ok();
    let line = "mkdir -p target && cc @compile_flags.txt test/map.c gristmill-sdk/plugins/sdk/c/src/*.c -o target/map && target/map";
    let readme = std::fs::read_to_string(desk.path().join("my-teams/README.md")).unwrap();
    assert!(readme.contains(line), "{readme}");
    let tested = finish(Command::new("sh").args(["-c", line]).current_dir(desk.path().join("my-teams"))).ok();
    assert_eq!((tested.stdout.as_str(), tested.stderr.as_str()), ("ok\n", ""));

    // What the compiler says is told.
    let plugin = desk.path().join("my-teams/plugin.c");
    let code = std::fs::read_to_string(&plugin).unwrap();
    std::fs::write(&plugin, code.replace(".plan = in->plan", ".plan = in->name")).unwrap();
    desk.types(&["plugin", "build", "my-teams"]).fails(4, &["plugin.c:", "incompatible type"]);
}

/// Lists, structs and two tables: the same as the same plugin in Rust, whatever the size of the batches.
#[test]
fn lists_and_structs_are_those_of_the_plugin_in_rust() {
    let f = folder();
    let text = |s: &str| json!({ "stringValue": s });
    let list = |values: Vec<Value>| json!({ "arrayValue": { "values": values } });
    let segment = |i: usize| json!({ "mapValue": { "fields": { "name": text(&format!("s{i}")), "score": { "doubleValue": i % 7 } } } });
    let report = |i: usize| {
        let mut fields = json!({});
        if i % 5 > 0 {
            fields["tags"] = list((0..i % 4).map(|_| text(&"ü".repeat(i % 9))).collect());
        }
        if i % 3 > 0 {
            fields["segments"] = list((0..[0, 1, 2, 40, 300][i % 5]).map(segment).collect());
        }
        match i % 50 {
            11 => fields["tags"] = list(vec![text("x"), json!({ "nullValue": null })]),
            22 => fields["segments"] = list(vec![json!({ "mapValue": { "fields": { "name": text("s") } } })]),
            33 => fields["tags"] = text("x"),
            _ => {}
        }
        json!({ "name": format!("projects/p/databases/(default)/documents/teams/t/reports/r/qualityReports/{i}"), "fields": fields })
    };
    write_lines(&f.path().join("in.ndjson"), &(0..1_000).map(report).collect::<Vec<_>>());
    let run = |plugin: &str, rows: &str| {
        let plugin = guest(plugin);
        let mut args = vec!["run", "in.ndjson", "--plugin", &plugin, "--to", "ndjson:out.ndjson", "--json"];
        args.extend(["--dead-letters", "dead.jsonl", "--batch-rows", rows]);
        assert_balanced(&run_in(f.path(), &args).ok().json());
        let read = |name: &str| std::fs::read_to_string(f.path().join(name)).unwrap();
        let letters = json_lines(&f.path().join("dead.jsonl"));
        let refused: Vec<_> =
            letters.iter().map(|l| (l["code"].clone(), l["field"].clone(), l["document"].clone())).collect();
        (read("out.reports.ndjson"), read("out.segments.ndjson"), refused)
    };
    let rust = run("segments", "4096");
    assert_eq!(rust.2.len(), 60);
    for rows in ["4096", "100", "1"] {
        assert!(run("segments-c", rows) == rust, "{rows}");
    }
}

/// Whole columns, handed on and picked.
#[test]
fn a_mapping_of_columns() {
    let f = folder();
    let (plugin, export) = (guest("columns-c"), export("yago"));
    let run = |rows: &str| {
        let mut args = vec!["run", &export, "--plugin", &plugin, "--to", "ndjson:out.ndjson", "--json"];
        args.extend(["--started-at", "2024-01-01T00:00:00Z", "--batch-rows", rows]);
        let summary = run_in(f.path(), &args).ok().json();
        assert_balanced(&summary);
        (std::fs::read_to_string(f.path().join("out.ndjson")).unwrap(), summary["refusals"].clone())
    };
    let whole = run("4096");
    assert_eq!(whole.1["overall-score-range"], 28, "{}", whole.1);
    assert!(run("3") == whole && whole.0.lines().count() > 5_000);
}
