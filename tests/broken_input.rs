//! Input, machine and destinations that are broken, one case a test: a message with place and remedy, the right exit code, and nothing
//! half-written.

use std::path::Path;

use serde_json::json;

use crate::kit::{Ran, assert_balanced, export, export_file, folder, json_lines, report, run_in, tree, write_lines};

/// A copy of the yago export that a test may break.
fn copy(to: &Path) {
    for (path, bytes) in tree(Path::new(&export("yago"))) {
        let target = to.join(path);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::write(target, bytes).unwrap();
    }
}

const DATA: &str = "e/all_namespaces/all_kinds/output-1";

fn run(folder: &Path, input: &str) -> Ran {
    run_in(folder, &["run", input, "--to", "sqlite:q.db"])
}

/// Breaks a copy of the export with `damage`, runs the job on it, and asserts that nothing was written.
fn broken(damage: impl FnOnce(&Path), code: i32, parts: &[&str]) {
    let f = folder();
    copy(&f.path().join("e"));
    damage(f.path());
    run(f.path(), "e").fails(code, parts).fails(code, &["to do:"]);
    assert!(!f.path().join("q.db").exists());
    let left: Vec<_> =
        std::fs::read_dir(f.path()).unwrap().map(|e| e.unwrap().file_name()).filter(|n| n != "e").collect();
    assert!(left.is_empty(), "{left:?}");
}

fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_truncated_file() {
    broken(|f| edit(&f.join(DATA), |b| b.truncate(b.len() - 50)), 3, &["output-1", "offset"]);
}

/// Cut between two records: only the metadata can tell.
#[test]
fn a_file_that_is_short_by_whole_records() {
    broken(
        |f| {
            edit(&f.join(DATA), |b| {
                // The first record is whole; what follows it goes.
                let len = usize::from(u16::from_le_bytes([b[4], b[5]]));
                assert_eq!(b[6], 1, "the first fragment is a whole record");
                b.truncate(7 + len);
            });
        },
        3,
        &["promises 6210 documents", "5001 documents"],
    );
}

#[test]
fn a_flipped_bit() {
    broken(|f| edit(&f.join(DATA), |b| b[100_000] ^= 4), 3, &["output-1", "checksum", "offset 99914"]);
}

#[test]
fn a_wrong_length() {
    broken(|f| edit(&f.join(DATA), |b| b[4] = b[4].wrapping_add(1)), 3, &["output-1", "offset 0"]);
}

#[test]
fn a_file_that_the_metadata_names_is_missing() {
    broken(|f| std::fs::remove_file(f.join(DATA)).unwrap(), 3, &["output-1", "metadata"]);
}

/// The same is read where that is asked for.
#[test]
fn a_partial_export_on_request() {
    let f = folder();
    copy(&f.path().join("e"));
    std::fs::remove_file(f.path().join(DATA)).unwrap();
    let summary = run_in(f.path(), &["run", "e", "--to", "sqlite:q.db", "--allow-partial", "--json"]).ok().json();
    assert_balanced(&summary);
    assert_eq!(summary["proofs"][0]["proven"], false);
}

#[test]
fn a_syntax_error_at_a_known_offset() {
    let f = folder();
    let documents =
        [report("a", "b", "1", 0.5, "2024-01-01T00:00:00Z"), report("a", "b", "2", 0.5, "2024-01-01T00:00:00Z")];
    let mut text = json!({ "documents": documents }).to_string();
    let at = text.rfind("\"doubleValue\":").unwrap() + "\"doubleValue\":".len();
    text.replace_range(at..at, "?");
    std::fs::write(f.path().join("in.json"), &text).unwrap();
    run(f.path(), "in.json")
        .fails(3, &["in.json", &format!("offset {at}"), "line 1", &format!("column {}", at + 1), "to do:"]);
    assert!(!f.path().join("q.db").exists());
}

/// One a line, the broken line is a dead letter and the others go on.
#[test]
fn a_broken_line_is_a_dead_letter() {
    let f = folder();
    let documents: Vec<_> =
        (0..5).map(|i| report("a", "b", &i.to_string(), 0.5, "2024-01-01T00:00:00Z").to_string()).collect();
    let mut lines = documents.clone();
    lines[2] = lines[2].replace("\"doubleValue\":", "\"doubleValue\"");
    std::fs::write(f.path().join("in.ndjson"), lines.join("\n")).unwrap();
    let args = ["run", "in.ndjson", "--to", "sqlite:q.db", "--json", "--dead-letters", "d.jsonl"];
    let summary = run_in(f.path(), &args).ok().json();
    assert_balanced(&summary);
    assert_eq!(summary["rows"][0]["inserted"], 4);
    let letters = json_lines(&f.path().join("d.jsonl"));
    assert_eq!((&letters[0]["code"], &letters[0]["raw"]), (&json!("decode.json-syntax"), &json!(lines[2])));
}

fn described(field: serde_json::Value) -> serde_json::Value {
    let mut document = report("a", "b", "1", 0.5, "2024-01-01T00:00:00Z");
    document["fields"]["extra"] = field;
    document
}

#[test]
fn a_string_of_1_mib() {
    let f = folder();
    write_lines(&f.path().join("in.ndjson"), &[described(json!({ "stringValue": "é".repeat(1 << 19) }))]);
    let summary = run_in(f.path(), &["run", "in.ndjson", "--to", "sqlite:q.db", "--json"]).ok().json();
    assert_eq!(summary["rows"][0]["inserted"], 1);
    let cat = run_in(f.path(), &["export", "cat", "in.ndjson"]).ok().stdout;
    let document: serde_json::Value = serde_json::from_str(&cat).unwrap();
    assert_eq!(document["fields"]["extra"]["stringValue"].as_str().unwrap().len(), 1 << 20);
}

#[test]
fn twenty_levels_of_nesting() {
    let f = folder();
    let deep =
        (0..20).fold(json!({ "integerValue": "7" }), |inner, _| json!({ "mapValue": { "fields": { "m": inner } } }));
    let document = described(deep);
    write_lines(&f.path().join("in.ndjson"), std::slice::from_ref(&document));
    let cat = run_in(f.path(), &["export", "cat", "in.ndjson"]).ok().stdout;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&cat).unwrap(), document);
}

/// Deeper than anything Firestore stores, and no end of a stack: skipped where nobody asks for it, refused where somebody does.
#[test]
fn a_hundred_thousand_levels_of_nesting() {
    let f = folder();
    let bomb = format!("{}1{}", "{\"mapValue\":{\"fields\":{\"a\":".repeat(100_000), "}}}".repeat(100_000));
    let good = report("a", "b", "2", 0.5, "2024-01-01T00:00:00Z").to_string();
    let write = |field: serde_json::Value| {
        let mut line = report("a", "b", "1", 0.5, "2024-01-01T00:00:00Z");
        line["fields"].as_object_mut().unwrap().extend(field.as_object().unwrap().clone());
        let line = line.to_string().replace("\"HERE\"", &bomb);
        std::fs::write(f.path().join("in.ndjson"), format!("{line}\n{good}\n")).unwrap();
    };
    write(json!({ "extra": "HERE" }));
    let summary = run_in(f.path(), &["run", "in.ndjson", "--to", "sqlite:q.db", "--json"]).ok().json();
    assert_eq!(summary["rows"][0]["inserted"], 2, "{summary}");
    run_in(f.path(), &["export", "cat", "in.ndjson"]).fails(3, &["in.ndjson", "offset 0", "deep", "to do:"]);
    write(json!({ "createdAt": "HERE" }));
    let summary = run_in(f.path(), &["run", "in.ndjson", "--to", "sqlite:r.db", "--json"]).ok().json();
    assert_balanced(&summary);
    assert_eq!((&summary["records"]["refused"], &summary["rows"][0]["inserted"]), (&json!(1), &json!(1)), "{summary}");
}

#[test]
fn invalid_utf8() {
    let f = folder();
    let good = report("a", "b", "2", 0.5, "2024-01-01T00:00:00Z").to_string();
    let mut text = described(json!({ "stringValue": "?" })).to_string().into_bytes();
    let at = text.iter().rposition(|b| *b == b'?').unwrap();
    text[at] = 0xff;
    text.push(b'\n');
    text.extend(good.bytes());
    std::fs::write(f.path().join("in.ndjson"), text).unwrap();
    let args = ["run", "in.ndjson", "--to", "sqlite:q.db", "--json", "--dead-letters", "d.jsonl"];
    let summary = run_in(f.path(), &args).ok().json();
    assert_balanced(&summary);
    assert_eq!((&summary["records"]["refused"], &summary["rows"][0]["inserted"]), (&json!(1), &json!(1)));
    assert!(json_lines(&f.path().join("d.jsonl"))[0]["raw_hex"].as_str().unwrap().contains("ff"));
}

#[test]
fn nothing_there() {
    let f = folder();
    run(f.path(), "none").fails(3, &["none", "to do:"]);
    run(f.path(), "*.json").fails(3, &["*.json", "to do:"]);
    std::fs::create_dir(f.path().join("empty")).unwrap();
    run(f.path(), "empty").fails(3, &["empty", "to do:"]);
}

/// Root may read anything, so what cannot be read here is a link to itself.
#[test]
fn an_unreadable_folder() {
    let f = folder();
    std::os::unix::fs::symlink("loop", f.path().join("loop")).unwrap();
    run(f.path(), "loop").fails(3, &["loop", "to do:"]);
    std::fs::create_dir(f.path().join("in")).unwrap();
    std::os::unix::fs::symlink("../loop", f.path().join("in/documents.json")).unwrap();
    run(f.path(), "in/documents.json").fails(3, &["documents.json", "to do:"]);
}

/// No file may grow beyond a limit, as on a full disk.
#[test]
fn a_full_disk() {
    for (to, extra) in
        [("sqlite:q.db", &[][..]), ("parquet:p", &[]), ("ndjson:o.ndjson", &[]), ("sqlite:q.db", &["--memory", "4KiB"])]
    {
        let f = folder();
        gristmill_generator::write_binary(&f.path().join("e"), &gristmill_generator::Spec::of(20_000)).unwrap();
        let script = "trap '' XFSZ; ulimit -f 100; exec \"$@\"";
        let mut command = std::process::Command::new("bash");
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
        command.current_dir(f.path()).env("XDG_CACHE_HOME", cache).env("NO_COLOR", "1");
        // What is kept for going on has tests of its own.
        command.env("GRISTMILL_STATE", f.path().join("state"));
        command.args(["-c", script, "bash", env!("CARGO_BIN_EXE_gristmill"), "run", "e", "--to", to]);
        command.args(["--dead-letters", "d.jsonl", "--work-dir", "work", "--no-resume"]).args(extra);
        let ran = crate::kit::finish(&mut command);
        assert!(ran.code == 6 || ran.code == 5, "{to}: {ran:?}");
        assert!(ran.stderr.contains("to do:") && !ran.stderr.contains("panicked"), "{to}: {ran:?}");
        assert!(!f.path().join("o.ndjson").exists() && !f.path().join("p/manifest.json").exists(), "{to}");
        if to == "sqlite:q.db" && f.path().join("q.db").exists() {
            let db = rusqlite::Connection::open(f.path().join("q.db")).unwrap();
            let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_master", [], |r| r.get(0)).unwrap();
            assert_eq!(tables, 0, "nothing half-written");
        }
        let work = std::fs::read_dir(f.path().join("work")).unwrap().count();
        assert_eq!(work, 0, "{to}: the work folder is left clean");
    }
}

#[test]
fn a_table_with_other_columns() {
    let f = folder();
    let db = rusqlite::Connection::open(f.path().join("q.db")).unwrap();
    db.execute_batch("CREATE TABLE quality_stream (insert_id TEXT PRIMARY KEY, event_ts INTEGER NOT NULL)").unwrap();
    run(f.path(), &export("yago")).fails(5, &["quality_stream", "q.db", "to do:"]);
    let tables: i64 =
        db.query_row("SELECT count(*) FROM sqlite_master WHERE type = 'table'", [], |r| r.get(0)).unwrap();
    assert_eq!(tables, 1);
}

#[test]
fn destinations_that_cannot_be() {
    let f = folder();
    std::fs::write(f.path().join("text"), "hello, this is not a database").unwrap();
    let to = |to: &str| run_in(f.path(), &["run", &export("yago"), "--to", to]);
    to("sqlite:text").fails(5, &["text", "to do:"]);
    to("sqlite:none/q.db").fails(5, &["none", "to do:"]);
    to("parquet:text").fails(5, &["text", "to do:"]);
    to("oracle:x").fails(2, &["oracle", "sqlite"]);
}

#[test]
fn one_broken_file_among_many_is_named() {
    let f = folder();
    for i in 0..20 {
        let documents: Vec<_> =
            (0..10).map(|n| report("a", &i.to_string(), &n.to_string(), 0.5, "2024-01-01T00:00:00Z")).collect();
        std::fs::write(f.path().join(format!("in-{i}.json")), json!({ "documents": documents }).to_string()).unwrap();
    }
    edit(&f.path().join("in-7.json"), |b| b.truncate(b.len() - 3));
    for workers in ["1", "4"] {
        run_in(f.path(), &["run", "in-*.json", "--to", "sqlite:q.db", "--workers", workers])
            .fails(3, &["in-7.json", "ends"]);
    }
    assert!(!f.path().join("q.db").exists());
}

#[test]
fn a_gzip_file_that_ends_early() {
    let f = folder();
    std::fs::copy(export_file("yago/documents.json.gz"), f.path().join("d.json.gz")).unwrap();
    edit(&f.path().join("d.json.gz"), |b| b.truncate(b.len() / 2));
    run(f.path(), "d.json.gz").fails(3, &["d.json.gz", "to do:"]);
    assert!(!f.path().join("q.db").exists());
}
