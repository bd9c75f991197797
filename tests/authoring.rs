//! The tools of plugin authors: `plugin test`, `plugin diff`, `plugin inspect`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::kit::{Ran, export, finish, folder, gristmill, json_lines, report, root, run_in, write_lines};

fn guest(name: &str) -> String {
    gristmill_guest::fixture(name).unwrap_or_else(|e| panic!("{name}: {e}")).display().to_string()
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Three things, the second of which has no number.
fn things(folder: &Path) {
    let thing = |id: &str, fields: Value| json!({ "name": format!("projects/p/databases/(default)/documents/things/{id}"), "fields": fields });
    let documents = [
        thing("a", json!({ "n": { "integerValue": "1" } })),
        thing("b", json!({ "n": { "stringValue": "x" } })),
        thing("c", json!({ "n": { "integerValue": "3" } })),
    ];
    write(&folder.join("cases/three/documents.ndjson"), &documents.map(|d| format!("{d}\n")).concat());
}

fn test(folder: &Path, extra: &[&str]) -> Ran {
    let plugin = guest("liar");
    let mut args = vec!["plugin", "test", &plugin, "--cases", "cases"];
    args.extend(extra);
    run_in(folder, &args)
}

#[test]
fn cases_are_written_kept_and_compared() {
    let f = folder();
    things(f.path());
    let ran = test(f.path(), &[]).fails(4, &["cli.cases", "1 of 1 cases", "--update"]);
    assert!(ran.stdout.contains("NEW  three, 3 records"), "{}", ran.stdout);
    test(f.path(), &["--update"]).ok();
    let expected = f.path().join("cases/three/expected.ndjson");
    let lines = json_lines(&expected);
    assert_eq!(lines[0], json!({ "document": "things/a", "table": "things", "row": { "x": "a", "n": 1, "at": null } }));
    assert_eq!((&lines[1]["refused"], &lines[1]["field"]), (&json!("decode.type-mismatch"), &json!("n")));
    assert_eq!(lines.len(), 3);
    let ran = test(f.path(), &[]).ok();
    assert!(ran.stdout.contains("ok  three, 3 records"), "{}", ran.stdout);

    // Another value, a row in place of a refusal, a document that is gone.
    let changed = [
        json!({ "document": "things/a", "table": "things", "row": { "x": "a", "n": 7, "at": null } }),
        json!({ "document": "things/b", "table": "things", "row": { "x": "b", "n": 2, "at": null } }),
        json!({ "document": "things/gone", "filtered": true }),
    ];
    write(&expected, &changed.map(|line| format!("{line}\n")).concat());
    let shown = test(f.path(), &[]).fails(4, &["cli.cases"]).stdout;
    for part in [
        "FAILED  three, 3 records: 4 documents differ",
        "things/a\n            things.n: 7 → 1",
        "things/b\n            - a row of things: ",
        "            + refused: decode.type-mismatch at n: ",
        "things/c\n            + a row of things: ",
        "things/gone\n            - filtered",
    ] {
        assert!(shown.contains(part), "no `{part}` in\n{shown}");
    }
    let summary = test(f.path(), &["--json"]).fails(4, &["cli.cases"]).json();
    assert_eq!((&summary["cases"][0]["state"], &summary["cases"][0]["ok"]), (&json!("different"), &json!(false)));
}

#[test]
fn a_case_is_a_part_of_an_export_with_settings() {
    let f = folder();
    let toml = format!(
        "export = {:?}\ndocuments = \"teams/{{team}}/reports/2024-W01/qualityReports/*\"\nlimit = 5\n[config]\noverall-score-max = 100\n",
        export("yago")
    );
    write(&f.path().join("cases/yago/case.toml"), &toml);
    let plugin = gristmill_guest::default_plugin().unwrap().display().to_string();
    let run = |extra: &[&str]| {
        let mut args = vec!["plugin", "test", plugin.as_str(), "--cases", "cases"];
        args.extend(extra);
        run_in(f.path(), &args)
    };
    run(&["--update"]).ok();
    let lines = json_lines(&f.path().join("cases/yago/expected.ndjson"));
    assert_eq!(lines.len(), 5);
    assert!(lines.iter().all(|l| l["document"].as_str().unwrap().contains("/reports/2024-W01/")), "{lines:?}");
    assert!(lines.iter().any(|l| l["row"]["overallScore"].as_f64().unwrap() > 1.0), "the setting is used: {lines:?}");
    run(&[]).ok();
    write(&f.path().join("cases/yago/case.toml"), "limits = 5\n");
    run(&[]).fails(2, &["cli.case", "case.toml", "limits"]);
    run_in(f.path(), &["plugin", "test", &plugin, "--cases", "."]).fails(2, &["cli.case", "neither documents.*"]);
}

/// A plugin whose rows depend on what it was handed before is found out without an expectation.
#[test]
fn a_plugin_that_remembers_is_found_out() {
    let f = folder();
    things(f.path());
    // Twice the three, so that batches of two rows are several.
    let documents = f.path().join("cases/three/documents.ndjson");
    let text = std::fs::read_to_string(&documents).unwrap();
    write(&documents, &(text.clone() + &text.replace("things/", "things/x")));
    write(&f.path().join("cases/three/case.toml"), "[config]\nmode = \"remembers\"\n");
    test(f.path(), &["--update"]).fails(4, &["cli.cases"]);
    let shown = test(f.path(), &[]).fails(4, &["cli.cases"]).stdout;
    assert!(shown.contains("not the same in batches of 1 row: things/"), "{shown}");
    assert!(shown.contains("not the same in a fresh instance for each batch: things/"), "{shown}");
}

/// The default plugin with one rule changed, outside the repository.
fn changed_copy(folder: &Path) -> PathBuf {
    let source = root().join("plugins/firestore-quality-stream");
    for file in ["lib.rs", "map.rs", "report.rs", "settings.rs", "tests.rs"] {
        let text = std::fs::read_to_string(source.join("src").join(file)).unwrap();
        let changed =
            text.replace("!in_range(report.coverage, settings.coverage_max)", "!in_range(report.coverage, 0.5)");
        assert_eq!(changed != text, file == "map.rs", "{file}");
        write(&folder.join("copy/src").join(file), &changed);
    }
    let sdk = root().join("plugins/sdk/rust");
    let manifest = format!(
        "[package]\nname = \"firestore-quality-stream\"\nversion = \"0.2.0\"\nedition = \"2024\"\n\
         [lib]\ncrate-type = [\"cdylib\"]\n[dependencies]\ngristmill-sdk = {{ path = {sdk:?} }}\n[workspace]\n"
    );
    write(&folder.join("copy/Cargo.toml"), &manifest);
    let mut build = gristmill();
    build.current_dir(folder).args(["plugin", "build", "copy", "-o", "copy.wasm"]);
    build.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("copy"));
    finish(&mut build).ok();
    folder.join("copy.wasm")
}

#[test]
fn a_diff_shows_the_changed_rule_and_nothing_else() {
    // Not below the target folder, where cargo would take the crate for a member of this workspace.
    let f = tempfile::tempdir().unwrap();
    let copy = changed_copy(f.path()).display().to_string();
    let export = export("yago");
    let settings = ["--config", "overall-score-max=100"];
    // What the rule must hit: rows of the default plugin with a coverage above one half.
    let mut args = vec!["run", &export, "--to", "ndjson:rows.ndjson", "--quiet"];
    args.extend(settings);
    run_in(f.path(), &args).ok();
    let rows = json_lines(&f.path().join("rows.ndjson"));
    let hit = rows.iter().filter(|r| r["coverage"].as_f64().is_some_and(|c| c > 0.5)).count();
    assert!(hit > 100 && hit < rows.len(), "{hit} of {}", rows.len());

    let mut args = vec!["plugin", "diff", "builtin", &copy, &export, "--json", "--samples", "2"];
    args.extend(settings);
    let diff = run_in(f.path(), &args).ok().json();
    assert_eq!(diff["declares"], json!([]));
    assert_eq!(diff["columns"], json!([]));
    assert_eq!(diff["outcomes"].as_array().unwrap().len(), 1, "{diff}");
    let outcome = &diff["outcomes"][0];
    assert_eq!(
        (&outcome["old"], &outcome["new"]),
        (&json!("a row of quality_stream"), &json!("refused (coverage-range)"))
    );
    assert_eq!(outcome["records"], hit);
    assert_eq!(outcome["samples"].as_array().unwrap().len(), 2);
    assert!(outcome["samples"][0]["document"].as_str().unwrap().starts_with("teams/"), "{outcome}");
    assert_eq!(diff["records"].as_u64().unwrap() - diff["same"].as_u64().unwrap(), hit as u64);

    let mut args = vec!["plugin", "diff", "builtin", "builtin", &export];
    args.extend(settings);
    let shown = run_in(f.path(), &args).ok().stdout;
    assert!(shown.contains("6,000 the same, 0 different"), "{shown}");
}

#[test]
fn a_diff_names_columns_with_other_values() {
    let f = folder();
    let args = ["plugin", "diff", "builtin", "builtin", &export("yago"), "--config", "overall-score-max=100"];
    let shown = run_in(f.path(), &[&args[..], &["--new-config", "source=another"]].concat()).ok().stdout;
    assert!(shown.contains("5,871  another value in quality_stream.source"), "{shown}");
    assert!(shown.contains("backfill → another  teams/"), "{shown}");
    assert_eq!(shown.matches("another value in").count(), 1, "{shown}");
}

#[test]
fn inspect_tells_what_judges() {
    let f = folder();
    let judge = guest("judge");
    let shown = run_in(f.path(), &["plugin", "inspect", &judge]).ok().stdout;
    assert!(shown.contains("judges   rows") && shown.contains("mode"), "{shown}");
    let json = run_in(f.path(), &["plugin", "inspect", &judge, "--json"]).ok().json();
    assert_eq!((&json["maps"], &json["judges"]), (&json!(false), &json!(true)));
}

/// Each way to break the contract is told in words of its own; what keeps it passes.
#[test]
fn conformance_tells_what_is_broken() {
    let f = folder();
    let liar = guest("liar");
    let check = |mode: &str| {
        let mode = format!("mode={mode}");
        run_in(f.path(), &["plugin", "check", &liar, "--conformance", "--config", &mode])
    };
    let shown = check("ok").ok().stdout;
    assert!(shown.contains("keeps the contract") && shown.contains("are enough to map batches"), "{shown}");
    let mut said = std::collections::BTreeSet::new();
    for (mode, part) in [
        ("trap", "`unreachable` instruction executed (plugin.trap)"),
        ("endless-loop", "of processor time (plugin.timeout)"),
        ("deep-recursion", "out of bounds memory access (plugin.trap)"),
        ("allocation-bomb", "bytes of memory (plugin.memory)"),
        ("output-flood", "it returned more than"),
        ("returns-error", "the plugin cannot go on (plugin.error)"),
        ("offsets-backwards", "offset 2 is below the one before it"),
        ("offsets-first", "its first offset is not 0"),
        ("offsets-last", "its last offset is not 2"),
        ("offsets-beyond", "its last offset is not 1"),
        ("offsets-missing", "it has 1 offsets where 1 values take one more"),
        ("wrong-lengths", "it has 0 values where 1 are due"),
        ("wrong-rows", "it has 2 rows, made from 1 input rows, and no origins"),
        ("invalid-utf8", "value 0 is not UTF-8"),
        ("validity-length", "validity: it has 2 bytes of bits"),
        ("wrong-type", "it holds float64s where int64 is declared"),
        ("null-in-required", "it is required and has a null"),
        ("timestamp-out-of-range", "value 0 is not in the years 1 to 9999"),
        ("array-unused", "1 arrays belong to no column"),
        ("array-twice", "array 1 is used twice"),
        ("array-out-of-range", "there is no array 99 of 3"),
        ("columns-missing", "it has 2 columns where 3 are declared"),
        ("tables-missing", "it returned 0 tables where 1 are declared"),
        ("tables-extra", "it returned 2 tables where 1 are declared"),
        ("origin-out-of-range", "an origin names a row"),
        ("origins-backwards", "origin 1 is below the one before it"),
        ("origins-length", "it has 0 origins for 1 rows"),
        ("rejection-out-of-range", "a rejection names row 1 of 1"),
        ("rejected-and-mapped", "is rejected and has a row as well"),
        ("rejected-twice", "row 0 is rejected twice"),
        ("rejection-code", "the code of a rejection must have"),
        ("rejection-message", "has 5000 bytes, more than 4096"),
        ("rejection-input", "names an input that is not declared"),
        ("remembers", "not the same in batches of 1 row"),
    ] {
        let ran = check(mode).fails(4, &["cli.conformance", "liar does not keep the contract"]);
        let what = ran.stderr.lines().next().unwrap().to_owned();
        assert!(what.contains(part), "{mode}: {what}");
        assert!(ran.stdout.contains("BROKEN"), "{mode}: {}", ran.stdout);
        said.insert(what);
    }
    assert_eq!(said.len(), 34, "each in words of its own: {said:#?}");
    // Two others break the same rules as one of these, in another way.
    for (mode, part) in [("split-character", "value 0 is not UTF-8"), ("origins-absent", "and no origins")] {
        check(mode).fails(4, &["cli.conformance", part]);
    }
    for (name, code) in [("stranger", "plugin.import"), ("foreign-version", "plugin.version")] {
        run_in(f.path(), &["plugin", "check", &guest(name), "--conformance"]).fails(4, &[code]);
    }
    run_in(f.path(), &["plugin", "check", &liar, "--conformance", "--config", "mode=open-loops"])
        .fails(4, &["plugin.failed"]);
}

#[test]
fn a_check_says_whether_the_tables_fit() {
    let f = folder();
    let check = || run_in(f.path(), &["plugin", "check", "--to", "sqlite:q.db"]);
    let shown = check().ok().stdout;
    assert!(shown.contains("table quality_stream would be created"), "{shown}");
    assert!(!f.path().join("q.db").exists());
    run_in(f.path(), &["run", &export("empty"), "--to", "sqlite:q.db", "--quiet"]).ok();
    assert!(check().ok().stdout.contains("is there, and its columns fit"));
    let database = rusqlite::Connection::open(f.path().join("q.db")).unwrap();
    database.execute("ALTER TABLE quality_stream DROP COLUMN gaps", []).unwrap();
    drop(database);
    check().fails(5, &["sink.schema", "gaps"]);
}

/// Figures differ from run to run; what was mapped does not.
#[test]
fn a_bench_measures_plugins_beside_the_built_in_one() {
    let f = folder();
    let (export, teams) = (export("yago"), guest("teams"));
    let default = gristmill_guest::default_plugin().unwrap().display().to_string();
    let bench = |more: &[&str]| {
        let words = ["plugin", "bench", &default, &teams, &export, "--rounds", "1", "-n", "3000"];
        run_in(f.path(), &[&words, more].concat())
    };
    let lines = bench(&["--json", "-c", "overall-score-max=100"]).ok().json();
    let [built_in, same, other] = lines.as_array().unwrap().as_slice() else { panic!("{lines}") };
    for lane in [built_in, same] {
        assert_eq!(lane["plugin"], format!("firestore-quality-stream@{}", env!("CARGO_PKG_VERSION")));
        assert!(lane["records"].as_u64().unwrap() >= 3_000, "{lane}");
        assert_eq!(lane["records"], lane["rows"].as_u64().unwrap() + lane["refused"].as_u64().unwrap(), "{lane}");
        for key in ["records_per_cpu_second", "to_built_in", "call_seconds", "memory", "bytes_out"] {
            assert!(lane[key].as_f64().unwrap() > 0.0, "{key}: {lane}");
        }
    }
    assert_eq!((&built_in["rows"], &built_in["refused"]), (&same["rows"], &same["refused"]));
    assert_eq!(other["plugin"], "teams@0.1.0");
    let shown = bench(&[]).ok().stdout;
    assert!(shown.lines().next().unwrap().contains("records/s") && shown.contains("to built-in"), "{shown}");
    bench(&["-c", "gapz=1"]).fails(2, &["cli.config", "none of the plugins has such a setting"]);
}

/// Whoever watches a plugin sees what a change does to its cases.
#[test]
fn a_watched_plugin_is_tried_again_when_a_file_changes() {
    use std::io::BufRead;

    let f = folder();
    let cases = f.path().join("cases");
    std::fs::create_dir_all(cases.join("one")).unwrap();
    let report = |score| report("t", "r", "1", score, "2024-01-01T00:00:00Z");
    write_lines(&cases.join("one/documents.ndjson"), &[report(0.5)]);
    let plugin = gristmill_guest::default_plugin().unwrap().display().to_string();
    run_in(f.path(), &["plugin", "test", &plugin, "--update"]).ok();

    let mut command = gristmill();
    command.current_dir(f.path()).args(["plugin", "watch", &plugin, "--cases", "cases"]);
    let mut child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let (lines, heard) = std::sync::mpsc::channel();
    let stdout = child.stdout.take().unwrap();
    std::thread::spawn(move || {
        for line in std::io::BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = lines.send(line);
        }
    });
    let wait_for = |wanted: &str| {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(120);
        let mut all = Vec::new();
        while !all.last().is_some_and(|line: &String| line.contains(wanted)) {
            let left = deadline.saturating_duration_since(std::time::Instant::now());
            all.push(heard.recv_timeout(left).unwrap_or_else(|_| panic!("no `{wanted}` in {all:#?}")));
        }
        all
    };
    wait_for("1 ok, 0 failed");
    write_lines(&cases.join("one/documents.ndjson"), &[report(0.75)]);
    let said = wait_for("0 ok, 1 failed");
    assert!(said.iter().any(|line| line.contains("0.75")), "{said:#?}");
    write_lines(&cases.join("one/documents.ndjson"), &[report(0.5)]);
    wait_for("1 ok, 0 failed");
    child.kill().unwrap();
    child.wait().unwrap();
}
