//! The tools of those who write validators: `plugin check`, `plugin test` with rows, `plugin new --validator`.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::kit::{Ran, assert_balanced, finish, folder, gristmill, json_lines, run_in};

fn guest(name: &str) -> String {
    gristmill_guest::fixture(name).unwrap_or_else(|e| panic!("{name}: {e}")).display().to_string()
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Each way to break the contract is told in words of its own, on made-up rows of the tables that are named.
#[test]
fn conformance_of_what_judges() {
    let f = folder();
    let (judge, liar) = (guest("judge"), guest("liar"));
    let check = |mode: &str, more: &[&str]| {
        let mode = format!("mode={mode}");
        run_in(f.path(), &[&["plugin", "check", &judge, "--config", &mode], more].concat())
    };
    let of_liar = ["--conformance", "--tables", liar.as_str()];
    let shown = check("ok", &of_liar).ok().stdout;
    for part in [
        "judges       things by n\n",
        "conformance  keeps the contract over 504 made-up rows of each table (things), however they are called\n",
        "are enough to judge batches of 4096 made-up rows",
    ] {
        assert!(shown.contains(part), "no `{part}` in\n{shown}");
    }
    for (mode, part) in [
        // The first made-up -1.
        ("trap", "made-up row 12 of things: the validator failed on the row, so there is no verdict on it: "),
        ("trap", "`unreachable` instruction executed (plugin.trap)"),
        ("endless-loop", "of processor time (plugin.timeout)"),
        ("allocation-bomb", "bytes of memory (plugin.memory)"),
        ("returns-error", "it cannot go on (plugin.error)"),
        ("row-out-of-range", "a violation names row 1 of 1"),
        ("bad-rule", "the rule of a violation must have"),
        ("rule-of-the-host", "and not begin with"),
        ("unread-column", "names a column that the validator does not read"),
        ("long-message", "has 5000 bytes, more than 4096"),
        ("flood-of-violations", "row 0 has more than 64 violations"),
        ("remembers", "not the same verdict in batches of 1 row"),
        ("counts", "not the same verdict in batches of 1 row"),
        ("compares", "made-up row 503 of things: not the same verdict in batches of 1 row"),
    ] {
        let ran = check(mode, &of_liar).fails(4, &["cli.conformance", "judge does not keep the contract", part]);
        assert!(ran.stdout.contains("BROKEN"), "{mode}: {}", ran.stdout);
    }

    // Tables that are written down; without any, what to give is said.
    write(
        &f.path().join("t.toml"),
        "[tables.things]\nn = \"int64\"\nat = \"timestamp required\"\n[tables.more]\nn = \"int64\"\n",
    );
    let shown = check("ok", &["--conformance", "--tables", "t.toml"]).ok().stdout;
    assert!(shown.contains("judges       things by n; more by n\n") && shown.contains("(things, more)"), "{shown}");
    check("ok", &["--conformance"]).fails(2, &["cli.tables", "without tables", "[tables.teams]", "docs/testing.md"]);
    assert!(!check("ok", &[]).ok().stdout.contains("conformance"));
    check("no-columns", &of_liar).fails(2, &["cli.tables", "judges none of its tables: things"]);
    check("open-refuses", &of_liar).fails(2, &["plugin.not-applicable"]);
    write(&f.path().join("t.toml"), "[tables.things]\nn = \"int\"\n");
    check("ok", &["--tables", "t.toml"])
        .fails(2, &["cli.tables", "t.toml: table `things`: column `n`: `int` is no type"]);
    write(&f.path().join("t.toml"), "limit = 3\n");
    check("ok", &["--tables", "t.toml"]).fails(2, &["t.toml: it has no `tables`"]);
    check("ok", &["--tables", "none.toml"]).fails(2, &["cli.file", "none.toml"]);
    run_in(f.path(), &["plugin", "check", &liar, "--tables", &liar]).fails(4, &["plugin.no-validate"]);

    // What maps and judges is given its own tables; the built-in ones are by name.
    let shown = run_in(f.path(), &["plugin", "check", &guest("strict-teams"), "--conformance"]).ok().stdout;
    for part in [
        "504 made-up records, ",
        "; keeps the contract over 504 made-up rows of each table (teams)",
        "enough to map",
        "enough to judge",
    ] {
        assert!(shown.contains(part), "no `{part}` in\n{shown}");
    }
    let words = ["--json", "plugin", "check", &guest("ranges"), "--conformance", "--tables", "builtin"];
    let json = run_in(f.path(), &words).ok().json();
    assert_eq!(
        (&json["ok"], &json["checks"]["judges"]),
        (&json!(true), &json!("quality_stream by overallScore, coverage, gaps"))
    );
}

/// Rows of two tables, of which the validator judges one.
const ROWS: &str = r#"{"table":"teams","row":{"name":"Blue","plan":"pro"}}
{"table":"others","row":{"n":7}}

{"document":"teams/green","table":"teams","row":{"name":"Green","plan":null}}
{"document":"teams/red","refused":"name-empty","message":"what another plugin refused is no row"}
{"table":"teams","row":{"plan":"free"}}
"#;
const TABLES: &str = "[tables.teams]\nname = \"string\"\nplan = \"string\"\n[tables.others]\nn = \"int64 required\"\n";

fn test(folder: &Path, extra: &[&str]) -> Ran {
    let plugin = guest("strict-teams");
    run_in(folder, &[&["plugin", "test", &plugin, "--cases", "cases"], extra].concat())
}

#[test]
fn cases_of_rows_are_written_kept_and_compared() {
    let f = folder();
    let case = f.path().join("cases/teams");
    write(&case.join("rows.ndjson"), ROWS);
    write(&case.join("case.toml"), TABLES);
    let shown = test(f.path(), &[]).fails(4, &["cli.cases"]).stdout;
    assert!(shown.contains("NEW  teams, 4 rows: it has no expected.ndjson yet"), "{shown}");
    test(f.path(), &["--update"]).ok();
    let wanted = [
        json!({ "line": 1, "table": "teams", "passes": true }),
        json!({ "line": 2, "table": "others", "judged": false }),
        json!({ "line": 4, "table": "teams", "warning": "no-plan", "column": "plan" }),
        json!({ "line": 6, "table": "teams", "error": "no-name", "column": "name", "message": "a team has a name" }),
    ];
    assert_eq!(json_lines(&case.join("expected.ndjson")), wanted);
    assert!(test(f.path(), &[]).ok().stdout.contains("ok  teams, 4 rows"));

    // What is said otherwise is shown, with the line of the row.
    let mut changed = wanted.to_vec();
    changed[2] = json!({ "line": 4, "table": "teams", "passes": true });
    changed[3]["message"] = json!("another text");
    changed.remove(1);
    write(&case.join("expected.ndjson"), &changed.iter().map(|line| format!("{line}\n")).collect::<String>());
    let shown = test(f.path(), &[]).fails(4, &["1 of 1 cases"]).stdout;
    for part in [
        "FAILED  teams, 4 rows: 3 rows differ",
        "line 2\n            + is not judged",
        "line 4\n            - passes\n            + warning: no-plan at plan\n",
        "line 6\n            - error: no-name at name: another text\n            + error: no-name at name: a team has a name",
    ] {
        assert!(shown.contains(part), "no `{part}` in\n{shown}");
    }
    let json = test(f.path(), &["--json"]).fails(4, &[]).json();
    assert_eq!((&json["cases"][0]["rows"], &json["cases"][0]["state"]), (&json!(4), &json!("different")));
}

/// Tables come from a plugin, too; what maps and judges is tried on both.
#[test]
fn tables_of_a_case() {
    let f = folder();
    let case = f.path().join("cases/one");
    write(&case.join("rows.ndjson"), "{\"table\":\"teams\",\"row\":{\"team\":\"a\",\"name\":\"A\"}}\n");
    // Its own tables, where none are named.
    test(f.path(), &["--update"]).ok();
    assert_eq!(json_lines(&case.join("expected.ndjson"))[0]["warning"], "no-plan");
    std::fs::copy(guest("teams"), f.path().join("teams.wasm")).unwrap();
    write(&case.join("case.toml"), "tables = \"../../teams.wasm\"\n");
    test(f.path(), &[]).ok();
    let documents =
        r#"{"name":"projects/p/databases/(default)/documents/teams/a","fields":{"name":{"stringValue":"A"}}}"#;
    write(&f.path().join("cases/two/documents.ndjson"), documents);
    let shown = test(f.path(), &["--update"]).ok().stdout;
    assert!(shown.contains("one, 1 row\n") && shown.contains("two, 1 record\n"), "{shown}");
    // What is expected of the mapping can be taken as rows.
    std::fs::copy(f.path().join("cases/two/expected.ndjson"), case.join("rows.ndjson")).unwrap();
    test(f.path(), &[]).ok();

    let judge = guest("judge");
    let only_judges = || run_in(f.path(), &["plugin", "test", &judge, "--cases", "cases"]);
    std::fs::remove_dir_all(f.path().join("cases/two")).unwrap();
    std::fs::remove_file(case.join("case.toml")).unwrap();
    only_judges().fails(2, &["cli.tables", "cases/one/case.toml", "nothing says what tables", "[tables.teams]"]);
    write(&case.join("case.toml"), "tables = \"builtin\"\n");
    only_judges().fails(2, &["plugin.not-applicable", "cannot judge the table quality_stream"]);
    write(&case.join("case.toml"), "tables = \"../../teams.wasm\"\n");
    only_judges().fails(2, &["plugin.not-applicable", "cannot judge the table teams"]);
}

#[test]
fn rows_that_cannot_be_read_are_named() {
    let f = folder();
    let case = f.path().join("cases/one");
    write(&case.join("case.toml"), TABLES);
    let good = "{\"table\":\"teams\",\"row\":{}}\n";
    for (line, what) in [
        ("{", "it is not JSON"),
        ("{\"row\":{}}", "it has no `table`"),
        ("{\"table\":\"team\",\"row\":{}}", "there is no table `team`, but teams, others"),
        ("{\"table\":\"teams\"}", "it has no `row`"),
        ("{\"table\":\"teams\",\"row\":[]}", "its `row` is no object"),
        ("{\"table\":\"teams\",\"row\":{\"nam\":\"x\"}}", "the table `teams` has no column `nam`"),
        ("{\"table\":\"teams\",\"row\":{\"name\":7}}", "column `name`: a value is no string"),
        ("{\"table\":\"others\",\"row\":{}}", "the column `n` is required, and has no value"),
    ] {
        write(&case.join("rows.ndjson"), &format!("{good}{line}\n"));
        test(f.path(), &[]).fails(2, &["cli.case", "rows.ndjson, line 2: ", what]);
    }
    write(&case.join("rows.ndjson"), "{\"table\":\"others\",\"row\":{\"n\":7}}\n");
    let shown = test(f.path(), &["--update"]).fails(4, &["cli.cases"]).stdout;
    assert!(shown.contains("FAILED  one, 1 row: the validator judges none of its tables"), "{shown}");
    write(&case.join("documents.ndjson"), "");
    test(f.path(), &[]).fails(2, &["cli.case", "it has rows.ndjson, and documents as well"]);
}

/// Verdicts that depend on more than the row are found without an expectation, and so are faults.
#[test]
fn a_validator_that_remembers_is_found_out() {
    let f = folder();
    let case = f.path().join("cases/things");
    let row = |n: i64| json!({ "table": "things", "row": { "n": n } });
    write(&case.join("rows.ndjson"), &(1..=6).map(|n| format!("{}\n", row(n * 100))).collect::<String>());
    let judge = guest("judge");
    let test = |mode: &str, extra: &[&str]| {
        write(&case.join("case.toml"), &format!("[tables.things]\nn = \"int64\"\n[config]\nmode = \"{mode}\"\n"));
        run_in(f.path(), &[&["plugin", "test", &judge, "--cases", "cases"], extra].concat())
    };
    test("ok", &["--update"]).ok();
    test("ok", &[]).ok();
    let shown = test("remembers", &[]).fails(4, &["cli.cases"]).stdout;
    assert!(shown.contains("not the same in batches of 1 row: line 2"), "{shown}");
    assert!(!shown.contains("in a fresh instance"), "{shown}");
    let json = test("remembers", &["--json"]).fails(4, &[]).json();
    assert_eq!(json["cases"][0]["broken_properties"][0], json!({ "property": "in batches of 1 row", "row": "line 2" }));
    write(&case.join("rows.ndjson"), &[row(1), row(-1)].map(|row| format!("{row}\n")).concat());
    let shown = test("trap", &["--update"]).ok().stdout;
    assert!(shown.contains("of which the plugin itself failed on 1"), "{shown}");
    let expected = json_lines(&case.join("expected.ndjson"));
    assert_eq!((&expected[1]["error"], expected.len()), (&Value::from("plugin.trap"), 2));
}

/// A project from `plugin new --validator`, outside of the repository, made by the steps of its README. Gives its folder.
fn a_new_validator(language: &str, prepare: &[&str], own_tests: &str) -> tempfile::TempDir {
    let desk = tempfile::tempdir().unwrap();
    let folder = desk.path().join("my-rules");
    let types = |words: &[&str]| {
        let mut command = gristmill();
        command.current_dir(&folder).env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("new"));
        command.env("PATH", path_with_tools());
        finish(command.args(words))
    };
    let made = run_in(desk.path(), &["plugin", "new", "my-rules", "--validator", "--lang", language]).ok();
    assert!(made.stderr.contains("my-rules: a validator to begin with"), "{}", made.stderr);
    if let [target, link] = prepare {
        std::os::unix::fs::symlink(gristmill_guest::tools_dir().join(target), folder.join(link)).unwrap();
    }
    let mut shell = Command::new("sh");
    shell.env("PATH", path_with_tools()).env("PYTHONDONTWRITEBYTECODE", "1");
    shell.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("new"));
    finish(shell.current_dir(&folder).args(["-c", own_tests])).ok();

    types(&["plugin", "build", "--output", "my-rules.wasm"]).ok();
    let about = types(&["--json", "plugin", "inspect", "my-rules.wasm"]).ok().json();
    assert_eq!((&about["name"], &about["judges"], &about["maps"]), (&json!("my-rules"), &json!(true), &json!(false)));
    types(&["plugin", "test", "--update"]).ok();
    let shown = types(&["plugin", "test"]).ok().stdout;
    assert!(shown.contains("ok  first, 4 rows") && shown.contains("1 ok, 0 failed"), "{shown}");
    // The same is said in every language.
    let wanted = [
        json!({ "line": 1, "table": "teams", "passes": true }),
        json!({ "line": 2, "table": "teams", "warning": "plan-missing", "column": "plan" }),
        json!({ "line": 3, "table": "teams", "error": "plan-unknown", "column": "plan",
            "message": "there is no such plan; correct it" }),
        json!({ "line": 4, "table": "teams", "error": "created-later", "column": "created_at",
            "message": "the team is newer than the run" }),
    ];
    assert_eq!(json_lines(&folder.join("cases/first/expected.ndjson")), wanted);
    let words = ["plugin", "check", "my-rules.wasm", "--conformance", "--tables", "cases/first/case.toml"];
    let shown = types(&words).ok().stdout;
    assert!(shown.contains("judges       teams by plan, created_at\n"), "{shown}");
    assert!(shown.contains("keeps the contract") && shown.contains("enough to judge"), "{shown}");
    assert!(!shown.contains("exception"), "{shown}");
    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    for line in [own_tests, &format!("gristmill {}", words.join(" "))] {
        assert!(readme.contains(line), "{line} is not in {readme}");
    }
    desk
}

/// PATH with the tools of other languages.
fn path_with_tools() -> std::ffi::OsString {
    let path = std::env::var_os("PATH").unwrap();
    let tools = gristmill_guest::tools_dir().join("python/bin");
    std::env::join_paths(std::iter::once(tools).chain(std::env::split_paths(&path))).unwrap()
}

#[test]
fn a_new_validator_in_rust_judges_what_a_new_plugin_maps() {
    let desk = a_new_validator("rust", &[], "cargo test");
    let types = |words: &[&str]| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new");
        finish(gristmill().current_dir(desk.path()).env("CARGO_TARGET_DIR", target).args(words))
    };
    types(&["plugin", "new", "my-teams"]).ok();
    types(&["plugin", "build", "my-teams", "--output", "my-teams.wasm"]).ok();
    let documents = "my-teams/cases/first/documents.ndjson";
    let run = |more: &[&str]| {
        let words = ["run", documents, "--plugin", "my-teams.wasm", "--validate", "my-rules/my-rules.wasm", "--json"];
        types(&[&words, more, &["--to", "ndjson:rows.ndjson"]].concat())
    };
    let summary = run(&[]).ok().json();
    assert_balanced(&summary);
    assert_eq!((&summary["rows"][0]["inserted"], &summary["rules"][0]["rule"]), (&json!(2), &json!("plan-missing")));
    run(&["--gate", "plan-missing=0"]).fails(7, &["plan-missing"]);

    // With the tables of the plugin in place of those that are written down, and its rows.
    let case = desk.path().join("my-rules/cases/second");
    write(&case.join("case.toml"), "tables = \"../../../my-teams.wasm\"\n");
    types(&["plugin", "test", "my-teams", "--update"]).ok();
    std::fs::copy(desk.path().join("my-teams/cases/first/expected.ndjson"), case.join("rows.ndjson")).unwrap();
    let shown =
        types(&["plugin", "test", "my-rules/my-rules.wasm", "--cases", "my-rules/cases", "--update"]).ok().stdout;
    assert!(shown.contains("updated  second, 2 rows"), "{shown}");
}

#[test]
fn a_new_validator_in_python() {
    a_new_validator("python", &[], "PYTHONPATH=gristmill-sdk/plugins/sdk/python python3 -m unittest");
}

#[test]
fn a_new_validator_in_javascript() {
    let desk = a_new_validator("js", &["javascript/node_modules", "node_modules"], "npm test");
    let checked =
        finish(Command::new("npm").args(["run", "check", "--silent"]).current_dir(desk.path().join("my-rules")));
    assert!(checked.code == 0 && checked.stdout.is_empty(), "{checked:?}");
}

#[test]
fn a_new_validator_in_c() {
    let own = "mkdir -p target && cc @compile_flags.txt test/judge.c gristmill-sdk/plugins/sdk/c/src/*.c -o target/judge && target/judge";
    let desk = a_new_validator("c", &[], own);
    // Judging another struct than the one that is read does not build.
    let file = desk.path().join("my-rules/validator.c");
    let code = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, code.replace("judge(const team *row", "judge(const gm_rows *row")).unwrap();
    run_in(desk.path(), &["plugin", "build", "my-rules"]).fails(4, &["validator.c:"]);
    // One or the other.
    std::fs::write(desk.path().join("my-rules/plugin.c"), "").unwrap();
    run_in(desk.path(), &["plugin", "build", "my-rules"])
        .fails(4, &["a plugin.c and a validator.c", "one or the other"]);
}

/// An exception on a row refuses it in the validator's name, and the check tells of it.
#[test]
fn exceptions_of_a_validator_are_told() {
    let desk = tempfile::tempdir().unwrap();
    run_in(desk.path(), &["plugin", "new", "my-rules", "--validator", "--lang", "python"]).ok();
    let folder = desk.path().join("my-rules");
    let file = folder.join("validator.py");
    let text = std::fs::read_to_string(&file).unwrap();
    let broken = text.replace("    if team.plan is None:", "    if len(team.plan) == 0:");
    assert!(broken != text);
    std::fs::write(&file, broken).unwrap();
    let types = |words: &[&str]| finish(gristmill().current_dir(&folder).env("PATH", path_with_tools()).args(words));
    types(&["plugin", "build", "--output", "my-rules.wasm"]).ok();
    let shown = types(&["plugin", "test", "my-rules.wasm", "--update"]).ok().stdout;
    assert!(shown.contains("of which the plugin itself failed on 1"), "{shown}");
    let words = ["plugin", "check", "my-rules.wasm", "--conformance", "--tables", "cases/first/case.toml"];
    let shown = types(&words).ok().stdout;
    let said = "of them its code raised an exception, first: the plugin raised TypeError: object of type 'NoneType' has no len() (validator.py, line ";
    assert!(shown.contains("; on 72 ") && shown.contains(said), "{shown}");
}
