//! Validators: plugins that judge rows, files of rules, gates, grants, pinned plugins.

use std::path::Path;

use serde_json::{Value, json};

use crate::kit::{Ran, assert_balanced, export, folder, json_lines, run_in, tree, write_lines};

const RECORDS: i64 = 300;
/// The record with n = -1, on which the validator misbehaves.
const MARKED: i64 = 123;

pub(crate) fn guest(name: &str) -> String {
    gristmill_guest::fixture(name).unwrap_or_else(|e| panic!("{name}: {e}")).display().to_string()
}

pub(crate) fn things(folder: &Path) {
    let number = |i: i64| if i == MARKED { -1 } else { i };
    let thing = |i: i64| {
        json!({ "name": format!("projects/p/databases/(default)/documents/things/x{i}"),
            "fields": { "n": { "integerValue": number(i) } } })
    };
    write_lines(&folder.join("things.ndjson"), &(0..RECORDS).map(thing).collect::<Vec<_>>());
}

/// Maps with an honest plugin, judges with `validators`.
fn judged(folder: &Path, validators: &[&str], extra: &[&str]) -> Ran {
    let (plugin, judge) = (guest("liar"), guest("judge"));
    let mut args = vec!["run", "things.ndjson", "--plugin", &plugin, "--to", "ndjson:out.ndjson", "--json"];
    args.extend(["--dead-letters", "dead.jsonl", "--plugin-time", "400ms", "--plugin-memory", "32MiB"]);
    args.extend(["--plugin-output", "8MiB"]);
    for _ in validators {
        args.extend(["--validate", &judge]);
    }
    let modes: Vec<_> = validators.iter().map(|mode| format!("judge.mode={mode}")).collect();
    modes.iter().for_each(|mode| args.extend(["--validate-config", mode]));
    args.extend(extra);
    run_in(folder, &args)
}

pub(crate) fn rule(summary: &Value, name: &str) -> u64 {
    // No rule is told of where none was broken.
    let rules = summary["rules"].as_array().map(Vec::as_slice).unwrap_or_default();
    rules.iter().filter(|r| r["rule"] == name).map(|r| r["rows"].as_u64().unwrap()).sum()
}

/// Errors refuse rows, warnings are counted, in any batch size and number of workers.
#[test]
fn a_validator_judges_rows() {
    let mut outcomes = Vec::new();
    for (rows, workers) in [("4096", "1"), ("7", "2"), ("1", "3")] {
        let f = folder();
        things(f.path());
        let more = ["--batch-rows", rows, "--workers", workers, "--started-at", "2026-01-01T00:00:00Z"];
        let summary = judged(f.path(), &["ok"], &more).ok().json();
        assert_balanced(&summary);
        assert_eq!(summary["rows"][0]["invalid"], 10, "{summary}");
        assert_eq!(summary["rows"][0]["inserted"], RECORDS - 10);
        assert_eq!((rule(&summary, "too-big"), rule(&summary, "odd")), (10, 149));
        assert_eq!(summary["validators"][0]["name"], "judge@1.0.0");
        let letters = json_lines(&f.path().join("dead.jsonl"));
        assert_eq!(letters.len(), 10);
        for letter in &letters {
            assert_eq!((&letter["stage"], &letter["code"]), (&json!("validate"), &json!("too-big")));
            assert_eq!((&letter["field"], &letter["validator"]), (&json!("things.n"), &json!("judge@1.0.0")));
            assert_eq!(letter["validator_digest"].as_str().unwrap().len(), 64);
            assert!(letter["document"]["name"].as_str().unwrap().contains("/things/x29"), "{letter}");
        }
        outcomes.push((std::fs::read(f.path().join("out.ndjson")).unwrap(), letters));
    }
    assert!(outcomes.windows(2).all(|pair| pair[0] == pair[1]));
}

/// Whatever a validator does on one row, that row is refused in its name, and all other verdicts stand.
#[test]
fn a_misbehaving_validator_changes_its_own_verdicts_only() {
    for (mode, code) in [
        ("trap", "plugin.trap"),
        ("endless-loop", "plugin.timeout"),
        ("allocation-bomb", "plugin.memory"),
        ("returns-error", "plugin.error"),
        ("row-out-of-range", "plugin.output"),
        ("bad-rule", "plugin.output"),
        ("rule-of-the-host", "plugin.output"),
        ("unread-column", "plugin.output"),
        ("long-message", "plugin.output"),
        ("flood-of-violations", "plugin.output"),
        ("flood-of-bytes", "plugin.memory"),
    ] {
        let f = folder();
        things(f.path());
        let summary = judged(f.path(), &[mode], &[]).ok().json();
        assert_balanced(&summary);
        assert_eq!(summary["rows"][0]["inserted"], RECORDS - 11, "{mode}: {summary}");
        assert_eq!((rule(&summary, "too-big"), rule(&summary, "odd"), rule(&summary, code)), (10, 149, 1), "{mode}");
        let letters = json_lines(&f.path().join("dead.jsonl"));
        let faulty: Vec<_> = letters.iter().filter(|l| l["code"] == code).collect();
        assert_eq!(faulty.len(), 1, "{mode}");
        assert_eq!(faulty[0]["validator"], "judge@1.0.0");
        assert!(faulty[0]["document"]["name"].as_str().unwrap().ends_with(&format!("things/x{MARKED}")), "{mode}");
        assert!(faulty[0]["message"].as_str().unwrap().contains("no verdict"), "{mode}: {}", faulty[0]);
    }
}

#[test]
fn a_validator_that_cannot_judge_is_told_before_anything_is_read() {
    let f = folder();
    things(f.path());
    judged(f.path(), &["open-refuses"], &[])
        .fails(2, &["plugin.not-applicable", "cannot judge the table things", "none of mine"]);
    judged(f.path(), &["open-unknown-column"], &[]).fails(4, &["plugin.columns", "there-is-none"]);
    judged(f.path(), &["open-twice"], &[]).fails(4, &["plugin.columns", "asked for twice"]);
    assert!(!f.path().join("out.ndjson").exists());
    let summary = judged(f.path(), &["no-columns"], &[]).ok().json();
    assert_eq!(summary["rows"][0]["inserted"], RECORDS, "it does not judge the table");
    let (liar, judge) = (guest("liar"), guest("judge"));
    run_in(f.path(), &["run", "things.ndjson", "--plugin", &judge]).fails(4, &["plugin.no-transform", "--validate"]);
    run_in(f.path(), &["run", "things.ndjson", "--plugin", &liar, "--validate", &liar])
        .fails(4, &["plugin.no-validate", "--plugin"]);
    run_in(f.path(), &["run", "things.ndjson", "--plugin", &liar, "--validate-config", "who.x=1"])
        .fails(2, &["who.x=1", "no validator"]);
}

const RANGES: &str = r#"
[[rule]]
name = "overall-score-range"
column = "overallScore"
range = { min = 0, max = 1 }

[[rule]]
name = "coverage-range"
column = "coverage"
range = { min = 0, max = 1 }
"#;

/// The ranges of the quality stream, once as rejections of the plugin and once as rules: the same rows, and the same documents refused.
#[test]
fn rules_agree_with_the_plugin() {
    let f = folder();
    std::fs::write(f.path().join("rules.toml"), RANGES).unwrap();
    let export = export("yago");
    let run = |to: &str, dead: &str, extra: &[&str]| {
        let mut args = vec!["run", &export, "--to", to, "--dead-letters", dead, "--json"];
        args.extend(["--started-at", "2026-01-01T00:00:00Z"]);
        args.extend(extra);
        let summary = run_in(f.path(), &args).ok().json();
        assert_balanced(&summary);
        summary
    };
    run("ndjson:plugin.ndjson", "plugin.jsonl", &[]);
    let open = ["-c", "overall-score-max=1e308", "-c", "coverage-max=1e308", "--rules", "rules.toml"];
    let by_rules = run("ndjson:rules.ndjson", "rules.jsonl", &open);
    assert!(by_rules["rows"][0]["invalid"].as_u64().unwrap() > 5_000, "{by_rules}");
    let rows = |name: &str| std::fs::read_to_string(f.path().join(name)).unwrap();
    assert!(rows("plugin.ndjson") == rows("rules.ndjson") && !rows("rules.ndjson").is_empty());
    let refused = |name: &str| {
        let letters = json_lines(&f.path().join(name));
        letters
            .iter()
            .map(|l| (l["document"]["name"].as_str().unwrap_or_default().to_owned(), l["code"].clone().to_string()))
            .collect::<Vec<_>>()
    };
    assert_eq!(refused("plugin.jsonl"), refused("rules.jsonl"), "document by document, with the same codes");
}

#[test]
fn a_gate_stops_the_run_before_anything_is_loaded() {
    let f = folder();
    let warning = "name = \"many-gaps\"\ncolumn = \"gaps\"\nrange = { max = 3 }\nseverity = \"warning\"\n";
    std::fs::write(f.path().join("gated.toml"), format!("[[rule]]\n{warning}gate = \"1%\"\n")).unwrap();
    std::fs::write(f.path().join("free.toml"), format!("[[rule]]\n{warning}")).unwrap();
    let export = export("yago");
    let run = |extra: &[&str]| {
        let mut args = vec!["run", &export, "--to", "sqlite:q.db", "-c", "overall-score-max=100"];
        args.extend(extra);
        run_in(f.path(), &args)
    };
    run(&["--rules", "gated.toml"]).fails(7, &["run.max-rejected", "`many-gaps` is broken by", "nothing was loaded"]);
    run(&["--rules", "free.toml", "--gate", "many-gaps=10"]).fails(7, &["`many-gaps`", "at most 10 may"]);
    run(&["--gate", "no-event-time=24"]).fails(7, &["refused with `no-event-time` are 25 records, and at most 24 may"]);
    assert!(!f.path().join("q.db").exists());
    run(&["--rules", "free.toml", "--gate", "no-event-time=25"]).ok();
    assert!(f.path().join("q.db").exists());
    run(&["--gate", "many-gaps"]).fails(2, &["RULE=COUNT"]);
}

/// Any number of records may be refused, but not all: a run that would load nothing says so, by the code of the gate.
#[test]
fn a_run_of_which_nothing_is_left_loads_nothing() {
    let f = folder();
    let thing = |id: &str, n: Value| json!({ "name": format!("projects/p/databases/(default)/documents/things/{id}"), "fields": { "n": n } });
    let (text, number) = (json!({ "stringValue": "x" }), json!({ "integerValue": 500 }));
    let other = json!({ "name": "projects/p/databases/(default)/documents/others/o", "fields": {} });
    let liar = guest("liar");
    let run = |documents: &[&Value], more: &[&str]| {
        let documents: Vec<Value> = documents.iter().map(|d| (*d).clone()).collect();
        write_lines(&f.path().join("in.ndjson"), &documents);
        let words =
            ["run", "in.ndjson", "--plugin", &liar, "--to", "ndjson:out.ndjson", "--dead-letters", "dead.jsonl"];
        run_in(f.path(), &[&words, more].concat())
    };
    let (bad, worse, good) = (thing("a", text.clone()), thing("b", text), thing("c", number));

    // Refused before they are mapped; a document of another collection is none of the plugin's.
    let ran = run(&[&other, &bad, &worse], &[]);
    let offset = other.to_string().len() + 1;
    let said = format!(
        "all 2 records were refused; the first with `decode.type-mismatch`, in in.ndjson at offset {offset}; nothing was loaded"
    );
    ran.fails(7, &["run.max-rejected", &said, "dead.jsonl", "--max-rejected (100% takes any number)"]);
    assert!(!f.path().join("out.ndjson").exists());
    assert_eq!(json_lines(&f.path().join("dead.jsonl")).len(), 2);
    let json = run(&[&bad], &["--json"]).fails(7, &["the only record was refused; the first with"]).stderr;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["error"]["exit"], &json["ledger"]["records"]["refused"]), (&json!(7), &json!(1)));

    // By rules.
    std::fs::write(f.path().join("r.toml"), "[[rule]]\nname = \"small\"\ncolumn = \"n\"\nrange = { max = 9 }\n")
        .unwrap();
    run(&[&good, &good], &["--rules", "r.toml"])
        .fails(7, &["all 2 rows were refused; the first with `small`, in in.ndjson"]);
    run(&[&bad, &good], &["--rules", "r.toml"])
        .fails(7, &["1 of 2 records were refused, and all 1 rows of the others; the first with `decode."]);

    // What is asked for stands: these allow it.
    for allowed in ["100%", "unlimited", "2"] {
        let _ = std::fs::remove_file(f.path().join("out.ndjson"));
        run(&[&bad, &good], &["--rules", "r.toml", "--max-rejected", allowed]).ok();
        assert_eq!(std::fs::read_to_string(f.path().join("out.ndjson")).unwrap(), "", "{allowed}");
    }
    // Nothing to refuse, and one that is left.
    run(&[&other], &[]).ok();
    run(&[&bad, &worse, &good], &[]).ok();
}

#[test]
fn wrong_rules_say_where() {
    let f = folder();
    let export = export("empty");
    let run = |rule: &str| {
        std::fs::write(f.path().join("r.toml"), format!("[[rule]]\nname = \"r\"\n{rule}\n")).unwrap();
        run_in(f.path(), &["run", &export, "--rules", "r.toml"])
    };
    run("column = \"coverag\"\nrequired = true")
        .fails(2, &["rules.rule", "r.toml, line 1", "no table has", "`coverage`"]);
    run("column = \"coverage\"\nrange = { min = \"low\" }").fails(2, &["ends are not numbers"]);
    run("column = \"coverage\"\nrange = { min = 0 }\nrequired = true").fails(2, &["exactly one of"]);
    run("column = \"coverage\"\nrang = {}").fails(2, &["rules.syntax", "r.toml, line 4", "unknown field"]);
    run("column = \"coverage\"\nrequired = true\ngate = \"lots\"").fails(2, &["`r` has a gate", "`lots`"]);
    assert!(tree(f.path()).keys().all(|path| path.ends_with("r.toml")), "nothing else was written");
}

#[test]
fn a_plugin_that_reads_more_than_granted_does_not_start() {
    let f = folder();
    let export = export("empty");
    let run = |grant: &str| run_in(f.path(), &["run", &export, "--grant", grant]);
    run("createdAt,metrics.coverage").fails(
        4,
        &[
            "cli.grant",
            "(createdAt,metrics.coverage)",
            "overall_score (field metrics.overallScore)",
            "gaps (field metrics.gaps)",
        ],
    );
    assert!(tree(f.path()).is_empty());
    run("createdAt,metrics.*").ok();
    run("a..b").fails(2, &["empty step"]);
}

#[test]
fn a_pinned_plugin_is_that_file_or_none() {
    let f = folder();
    let plugin = guest("liar");
    let shown = run_in(f.path(), &["plugin", "inspect", &plugin, "--json"]).ok().json();
    let digest = shown["sha256"].as_str().or(shown["digest"].as_str()).unwrap().to_owned();
    things(f.path());
    let run =
        |plugin: &str| run_in(f.path(), &["run", "things.ndjson", "--plugin", plugin, "--to", "ndjson:out.ndjson"]);
    run(&format!("{plugin}@sha256:{}", "0".repeat(64))).fails(4, &["cli.digest", &digest, "000000"]);
    assert!(!f.path().join("out.ndjson").exists());
    run(&format!("{plugin}@sha256:12")).fails(2, &["64 hexadecimal digits"]);
    run(&format!("{plugin}@sha256:{digest}")).ok();
}

/// The same ranges as a validator written with an SDK: the same rows once more.
fn a_validator_agrees_too(name: &str) {
    let f = folder();
    let (export, ranges) = (export("yago"), guest(name));
    let run = |to: &str, extra: &[&str]| {
        let mut args = vec!["run", &export, "--to", to, "--dead-letters", "dead.jsonl", "--json"];
        args.extend(["--started-at", "2026-01-01T00:00:00Z"]);
        args.extend(extra);
        let summary = run_in(f.path(), &args).ok().json();
        assert_balanced(&summary);
        summary
    };
    run("ndjson:plugin.ndjson", &[]);
    let open = ["-c", "overall-score-max=1e308", "-c", "coverage-max=1e308", "--validate", &ranges];
    let judged = run("ndjson:judged.ndjson", &open);
    assert_eq!(rule(&judged, "overall-score-range"), judged["rows"][0]["invalid"].as_u64().unwrap());
    let rows = |name: &str| std::fs::read_to_string(f.path().join(name)).unwrap();
    assert!(rows("plugin.ndjson") == rows("judged.ndjson"));
    // With a setting of its own, by its name.
    let settings = [format!("{name}.overall-score-max=100"), format!("{name}.gaps-warn=3")];
    let wide = [&open[..], &["--validate-config", &settings[0], "--validate-config", &settings[1]]];
    let judged = run("ndjson:wide.ndjson", &wide.concat());
    assert_eq!(
        (&judged["rows"][0]["invalid"], &judged["validators"][0]["config"]["gaps-warn"]),
        (&json!(0), &json!(3))
    );
    assert!(rule(&judged, "many-gaps") > 1_000, "{judged}");

    // A table that is not the validator's is not judged.
    let f = folder();
    things(f.path());
    let liar = guest("liar");
    let args =
        ["run", "things.ndjson", "--plugin", &liar, "--validate", &ranges, "--to", "ndjson:out.ndjson", "--json"];
    assert_eq!(run_in(f.path(), &args).ok().json()["rows"][0]["inserted"], RECORDS);
}

#[test]
fn a_validator_in_rust_agrees_too() {
    a_validator_agrees_too("ranges");
}

#[test]
fn a_validator_in_python_agrees_too() {
    a_validator_agrees_too("ranges-python");
}

#[test]
fn a_validator_in_c_agrees_too() {
    a_validator_agrees_too("ranges-c");
}

/// A validator for other tables changes nothing, which nobody should find out later.
#[test]
fn a_validator_that_judges_nothing_is_told() {
    let f = folder();
    let (from, teams, ranges) = (export("second"), guest("teams"), guest("ranges"));
    let ran =
        run_in(f.path(), &["run", &from, "--plugin", &teams, "--validate", &ranges, "--to", "sqlite:rows.db"]).ok();
    assert!(ran.stderr.contains("ranges@0.1.0 judges none of the tables (teams)"), "{}", ran.stderr);
}

/// A plugin whose rows depend on what it was handed before is found out during the run, in the share of batches that is asked for.
#[test]
fn a_run_can_be_verified() {
    let f = folder();
    things(f.path());
    let plugin = guest("liar");
    let run = |mode: &str, share: &str| {
        let mode = format!("mode={mode}");
        let mut args =
            vec!["run", "things.ndjson", "--plugin", &plugin, "--config", &mode, "--to", "ndjson:out.ndjson"];
        args.extend(["--workers", "1", "--batch-rows", "10", "--verify-determinism", share]);
        run_in(f.path(), &args)
    };
    run("remembers", "100%")
        .fails(4, &["run.not-deterministic", "liar@1.0.0", "things.ndjson at offset", "nothing was loaded"]);
    assert!(!f.path().join("out.ndjson").exists());
    run("remembers", "20%").fails(4, &["run.not-deterministic"]);
    run("ok", "100%").ok();
    run("remembers", "0%").ok();
    run("ok", "2").fails(2, &["no share from 0% to 100%"]);
}

/// So is a validator whose verdicts depend on what it judged before: by its name, the table, the record and the rule.
#[test]
fn verdicts_of_a_run_can_be_verified() {
    let f = folder();
    things(f.path());
    let run = |modes: &[&str], share: &str| {
        let _ = std::fs::remove_file(f.path().join("out.ndjson"));
        let more = ["--workers", "1", "--batch-rows", "10", "--verify-determinism", share];
        judged(f.path(), modes, &more)
    };
    // The eleventh record is the first of the second batch, which is the first that is judged by a used instance.
    let lines = std::fs::read_to_string(f.path().join("things.ndjson")).unwrap();
    let eleventh: usize = lines.lines().take(10).map(|line| line.len() + 1).sum();
    let place = format!("the record in things.ndjson at offset {eleventh};");
    run(&["remembers"], "100%").fails(
        4,
        &["run.not-deterministic", "judge@1.0.0", "the table things", "its rule `again`", &place, "nothing was loaded"],
    );
    assert!(!f.path().join("out.ndjson").exists());
    run(&["remembers"], "20%").fails(4, &["run.not-deterministic", "its rule `again`"]);
    // Another message is another verdict. Those of warnings are shown to nobody: the first errors are of the last records.
    let before = lines.lines().take(290).map(|line| line.len() + 1).sum::<usize>();
    run(&["counts"], "100%").fails(4, &["its rule `too-big`", &format!("at offset {before};")]);
    // The same rows are the same batch, and what the validator fails on it fails on again.
    for mode in ["ok", "compares", "trap", "row-out-of-range"] {
        let summary = run(&[mode], "100%").ok().json();
        let refused = u64::from(["trap", "row-out-of-range"].contains(&mode)) + 10;
        if mode != "compares" {
            assert_eq!(summary["rows"][0]["invalid"], refused, "{mode}: {summary}");
        }
    }
    let summary = run(&["remembers"], "0%").ok().json();
    assert_eq!(rule(&summary, "again"), 29, "{summary}");

    // Rules of a file are judged again as well, and do not differ.
    std::fs::write(f.path().join("r.toml"), "[[rule]]\nname = \"small\"\ncolumn = \"n\"\nrange = { max = 99 }\n")
        .unwrap();
    let summary = judged(f.path(), &["ok"], &["--rules", "r.toml", "--verify-determinism", "100%"]).ok().json();
    assert_eq!(rule(&summary, "small"), 199, "{summary}");
}

/// One component that maps and judges is used for either, or for both.
#[test]
fn a_plugin_of_both_worlds() {
    let f = folder();
    let team = |id: &str, fields: Value| json!({ "name": format!("projects/p/databases/(default)/documents/teams/{id}"), "fields": fields });
    let text = |s: &str| json!({ "stringValue": s });
    let teams = [
        team("a", json!({ "name": text("A"), "plan": text("pro") })),
        team("b", json!({ "name": text("B") })),
        team("c", json!({ "plan": text("free") })),
    ];
    write_lines(&f.path().join("teams.ndjson"), &teams);
    let (both, other) = (guest("strict-teams"), guest("teams"));
    let about = run_in(f.path(), &["--json", "plugin", "inspect", &both]).ok().json();
    assert_eq!((&about["maps"], &about["judges"]), (&json!(true), &json!(true)));
    let run = |plugin: &str, more: &[&str]| {
        let words = ["run", "teams.ndjson", "--plugin", plugin, "--to", "ndjson:out.ndjson", "--json"];
        let words = [&words[..], &["--dead-letters", "dead.jsonl"], more].concat();
        let summary = run_in(f.path(), &words).ok().json();
        assert_balanced(&summary);
        let rows = &summary["rows"][0];
        (rows["inserted"].as_u64().unwrap(), rows["invalid"].as_u64().unwrap(), rule(&summary, "no-plan"))
    };
    assert_eq!(run(&both, &[]), (3, 0, 0));
    assert_eq!(run(&both, &["--validate", &both]), (2, 1, 1));
    // Rows of another plugin.
    assert_eq!(run(&other, &["--validate", &both]), (2, 1, 1));
}
