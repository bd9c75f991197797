//! Rules that are judged over the whole run: a value stands in one row only.

use serde_json::{Value, json};

use crate::kit::{assert_balanced, export, folder, json_lines, run_in, write_lines};
use crate::quality::{guest, rule, things};

/// A value stands in one row only, over the whole run: the first row in input order has it. Copies of a document are no repeats.
#[test]
fn unique_values_stand_in_one_row_of_the_run() {
    const RULES: &str = "[[rule]]\nname = \"unique-n\"\ncolumn = \"n\"\nunique = true\n\
                         [[rule]]\nname = \"seen\"\ncolumn = \"n\"\nunique = { with = [\"x\"] }\nseverity = \"warning\"\n";
    let f = folder();
    let thing = |i: i64| {
        json!({ "name": format!("projects/p/databases/(default)/documents/things/x{i:04}"),
            "fields": { "n": { "integerValue": i % 800 } } })
    };
    std::fs::create_dir(f.path().join("things")).unwrap();
    // Each n five times, in two files; every tenth document twice.
    for (file, range) in [("a", 0..2_000), ("b", 2_000..4_000)] {
        let mut lines: Vec<Value> = range.clone().map(thing).collect();
        lines.extend(range.step_by(10).map(thing));
        write_lines(&f.path().join(format!("things/{file}.ndjson")), &lines);
    }
    std::fs::write(f.path().join("rules.toml"), RULES).unwrap();
    let liar = guest("liar");
    let run = |name: &str, more: &[&str]| {
        let to = format!("ndjson:{name}.ndjson");
        let dead = format!("{name}.jsonl");
        let mut words = vec!["run", "things", "--plugin", &liar, "--rules", "rules.toml", "--json", "--to", &to];
        words.extend(["--dead-letters", &dead, "--started-at", "2026-01-01T00:00:00Z"]);
        words.extend(more);
        let ran = run_in(f.path(), &words);
        (ran, f.path().join(format!("{name}.ndjson")), f.path().join(dead))
    };

    let (ran, rows, dead) = run("one", &["--workers", "1"]);
    let summary = ran.ok().json();
    assert_balanced(&summary);
    let table = &summary["rows"][0];
    assert_eq!((&table["duplicate"], &table["invalid"], &table["inserted"]), (&json!(400), &json!(3_200), &json!(800)));
    assert_eq!((rule(&summary, "unique-n"), rule(&summary, "seen")), (3_200, 0));
    assert_eq!(summary["refusals"], json!({ "unique-n": 3_200 }));
    // The first of each stays.
    let ids: Vec<_> = json_lines(&rows).iter().map(|r| r["x"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 800);
    assert!(ids.iter().all(|id| id.as_str() < "x0800"), "{ids:?}");
    let letters = json_lines(&dead);
    assert_eq!(letters.len(), 3_200);
    for letter in &letters {
        assert_eq!((&letter["stage"], &letter["code"]), (&json!("validate"), &json!("unique-n")));
        assert_eq!((&letter["field"], &letter["validator"]), (&json!("things.n"), &json!("rules.toml")));
        assert!(
            letter["message"]
                .as_str()
                .unwrap()
                .contains("a value that no row before has; the first is of the document at")
        );
        assert!(letter["document"]["name"].as_str().unwrap().contains("/things/x"), "{letter}");
    }

    // Whatever the workers, the batches and the memory.
    let (ran, other_rows, other_dead) = run("many", &["--workers", "3", "--batch-rows", "7", "--memory", "64KiB"]);
    let other = ran.ok().json();
    assert!(other["spilled_bytes"].as_u64().unwrap() > 0, "{other}");
    assert_eq!((&other["rows"], &other["rules"]), (&summary["rows"], &summary["rules"]));
    assert!(std::fs::read(rows).unwrap() == std::fs::read(other_rows).unwrap());
    assert!(std::fs::read(dead).unwrap() == std::fs::read(other_dead).unwrap());

    // A gate stands on it as on any rule.
    let (ran, rows, _) = run("gate", &["--gate", "unique-n=10"]);
    ran.fails(7, &["`unique-n` is broken by 3200"]);
    assert!(!rows.exists());
}

/// A plan shows what rules of single rows refuse, and names those that are judged over the whole run.
#[test]
fn a_plan_names_the_rules_that_it_does_not_judge_by() {
    let f = folder();
    things(f.path());
    let rules = |severity: &str| {
        let unique = format!("column = \"n\"\nunique = true\nseverity = \"{severity}\"");
        format!(
            "[[rule]]\nname = \"unique-n\"\n{unique}\n[[rule]]\nname = \"small\"\ncolumn = \"n\"\nrange = {{ max = 99 }}\n"
        )
    };
    std::fs::write(f.path().join("a.toml"), rules("error")).unwrap();
    std::fs::write(f.path().join("b.toml"), rules("warning").replace("unique-n", "seen-n")).unwrap();
    let liar = guest("liar");
    let plan = |more: &[&str]| run_in(f.path(), &[&["plan", "things.ndjson", "--plugin", &liar], more].concat()).ok();
    let text = "judged over the whole run only, and not here: ";
    let shown = plan(&["--rules", "a.toml", "--rules", "b.toml"]).stdout;
    assert!(shown.contains(&format!("{text}unique-n of a.toml\n{text}seen-n of b.toml\n")), "{shown}");
    assert!(shown.contains("the first 256 records: 0 other documents, 155 refused"), "{shown}");
    let json = plan(&["--rules", "a.toml", "--json"]).json();
    assert_eq!(json["not_judged"], json!([{ "validator": "a.toml", "rule": "unique-n", "table": "things" }]));
    assert_eq!(json["looked_at"]["refused"], 155);
    assert!(!plan(&[]).stdout.contains("whole run"));
}

/// Of several rules each looks at the same rows; a row that several refuse is refused once, by the first rule of the first file.
#[test]
fn several_unique_rules_on_one_row() {
    let f = folder();
    let team = |id: &str, name: &str, plan: &str, updated: &str| {
        let text = |s: &str| json!({ "stringValue": s });
        json!({ "name": format!("projects/p/databases/(default)/documents/teams/{id}"),
            "fields": { "name": text(name), "plan": text(plan) }, "updateTime": updated })
    };
    let at = "2024-01-01T00:00:00Z";
    let teams = [
        team("a", "A", "pro", at),
        team("b", "A", "pro", at),
        team("c", "C", "pro", at),
        team("d", "A", "free", at),
        // A copy, which is a duplicate and no repeat.
        team("a", "A", "pro", at),
        team("e", "E", "trial", at),
    ];
    write_lines(&f.path().join("teams.ndjson"), &teams);
    let rules = |severity: &str| {
        format!(
            "[[rule]]\nname = \"b-name\"\ncolumn = \"name\"\nunique = true\n\
             [[rule]]\nname = \"a-plan\"\ncolumn = \"plan\"\nunique = true\n\
             [[rule]]\nname = \"both\"\ncolumn = \"plan\"\nunique = {{ with = [\"name\"] }}\nseverity = \"{severity}\"\n"
        )
    };
    let teams = guest("teams");
    let run = |rules: &str| {
        std::fs::write(f.path().join("rules.toml"), rules).unwrap();
        let words =
            ["run", "teams.ndjson", "--plugin", &teams, "--rules", "rules.toml", "--json", "--to", "ndjson:out.ndjson"];
        let summary = run_in(f.path(), &[&words[..], &["--dead-letters", "dead.jsonl"]].concat()).ok().json();
        assert_balanced(&summary);
        let counts = ["b-name", "a-plan", "both"].map(|name| rule(&summary, name));
        let rows: Vec<_> = json_lines(&f.path().join("out.ndjson")).iter().map(|r| r["team"].to_string()).collect();
        let refused: Vec<_> = json_lines(&f.path().join("dead.jsonl"))
            .iter()
            .map(|l| {
                (l["document"]["name"].as_str().unwrap().rsplit('/').next().unwrap().to_owned(), l["code"].to_string())
            })
            .collect();
        assert_eq!(summary["rows"][0]["duplicate"], 1, "{summary}");
        (counts, rows.concat(), refused)
    };
    let refused = |codes: [&str; 3]| {
        ["b", "c", "d"]
            .into_iter()
            .zip(codes)
            .map(|(id, code)| (id.to_owned(), format!("\"{code}\"")))
            .collect::<Vec<_>>()
    };
    // b repeats name, plan and both; c the plan; d the name.
    let (counts, rows, dead) = run(&rules("warning"));
    assert_eq!((counts, rows.as_str()), ([2, 2, 1], "\"a\"\"e\""));
    assert_eq!(dead, refused(["a-plan", "a-plan", "b-name"]));
    assert_eq!(run(&rules("error")), (counts, rows, dead));
}

/// Nulls are no values: on a real export, beside rows that other rules refuse.
#[test]
fn nulls_repeat_nothing() {
    let f = folder();
    let source = export("yago");
    let run = |name: &str, more: &[&str]| {
        let to = format!("ndjson:{name}");
        let words =
            ["run", &source, "--to", &to, "--dead-letters", "dead.jsonl", "--json", "-c", "overall-score-max=100"];
        let summary = run_in(f.path(), &[&words, more].concat()).ok().json();
        assert_balanced(&summary);
        summary
    };
    run("all.ndjson", &[]);
    let rows = json_lines(&f.path().join("all.ndjson"));
    let values: Vec<_> = rows.iter().filter_map(|row| row["gaps"].as_i64()).collect();
    let different: std::collections::BTreeSet<_> = values.iter().collect();
    assert!(values.len() < rows.len() && different.len() < values.len());
    let unique = "[[rule]]\nname = \"one-each\"\ncolumn = \"gaps\"\nunique = true\nseverity = \"warning\"\n";
    std::fs::write(f.path().join("rules.toml"), unique).unwrap();
    let summary = run("warned.ndjson", &["--rules", "rules.toml"]);
    assert_eq!(rule(&summary, "one-each"), (values.len() - different.len()) as u64);
    assert_eq!(summary["rows"][0]["inserted"], rows.len());
    std::fs::write(f.path().join("rules.toml"), unique.replace("warning", "error")).unwrap();
    let summary = run("refused.ndjson", &["--rules", "rules.toml"]);
    let nulls = rows.len() - values.len();
    assert_eq!(summary["rows"][0]["inserted"], different.len() + nulls);
}
