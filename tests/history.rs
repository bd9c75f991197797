//! `gristmill runs show` and `runs compare`.

use serde_json::{Value, json};

use crate::kit::{self, Place, report};

impl Place {
    /// Runs, and gives the id.
    fn run(&self, arguments: &[&str]) -> String {
        let summary = self.call(&[&["--json", "run"], arguments].concat()).ok().json();
        summary["run_id"].as_str().unwrap().to_owned()
    }

    fn compare(&self, a: &str, b: &str) -> Value {
        self.call(&["--json", "runs", "compare", a, b]).ok().json()
    }

    /// Rows that differ: with other values, only in the first, only in the second.
    fn rows(&self, a: &str, b: &str) -> [u64; 3] {
        let output = self.compare(a, b)["output"].clone();
        assert_eq!(output["exact"], true, "{output}");
        let table = &output["tables"][0];
        let found = ["changed", "only_first", "only_second"].map(|name| table[name].as_u64().unwrap());
        assert_eq!(output["differing"].as_u64(), Some(found.iter().sum()));
        found
    }
}

const TIMES: [&str; 2] = ["2024-02-01T00:00:00Z", "2024-03-01T00:00:00.5Z"];

/// The same input, plugin and configuration: not a row differs, whatever the number of workers, the memory, the destination, the time of the run.
#[test]
fn a_repeat_differs_in_no_row() {
    let place = Place::new();
    let export = kit::export("yago");
    let run = |to: &str, time: &str, more: &[&str]| {
        place.run(&[&[&export, "--to", to, "--config", "overall-score-max=100", "--started-at", time], more].concat())
    };
    let first = run("sqlite:a.db", TIMES[0], &[]);
    let others = [
        run("sqlite:a.db", TIMES[1], &[]),
        run("sqlite:b.db", TIMES[1], &["--workers", "3", "--batch-rows", "7", "--split-size", "32KiB"]),
        run(
            "parquet:p",
            "2024-03-02T00:00:00Z",
            &["--comparable", "--no-resume", "--memory", "100KiB", "--workers", "1"],
        ),
        run("ndjson:out.ndjson", "2024-03-03T00:00:00Z", &["--profile", "--comparable"]),
    ];
    for other in &others {
        let compared = place.compare(&first, other);
        assert_eq!(compared["output"]["differing"], 0, "{compared}");
        assert_eq!(compared["output"]["tables"][0]["rows"], json!([5_871, 5_871]));
        assert_eq!((&compared["input"], &compared["configuration"]), (&json!([]), &json!([])));
    }
    let text = place.call(&["runs", "compare", &first, &others[1]]).ok().stdout;
    for part in [
        "A  2024",
        "input         the same files",
        "settings      the same",
        "rows          0 differ",
        "5,871 rows in A, 5,871 in B; none differs",
        "--split-size",
        "the time and the id of the run count as equal",
    ] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}

#[test]
fn what_differs_is_counted() {
    let place = Place::new();
    let documents = |skip: u32, score: f64, to: u32| -> Vec<Value> {
        let score_of = |n: u32| if n.is_multiple_of(10) { score } else { 0.5 };
        (skip..to).map(|n| report("t", "r", &n.to_string(), score_of(n), "2024-01-01T00:00:00Z")).collect()
    };
    let run = |name: &str, documents: &[Value], more: &[&str]| {
        let file = format!("{name}.ndjson");
        kit::write_lines(&place.path().join(&file), documents);
        place.run(&[&[file.as_str(), "--to", &format!("sqlite:{name}.db")], more].concat())
    };
    let first = run("a", &documents(0, 0.5, 2_200), &[]);
    assert_eq!(place.rows(&first, &run("b", &documents(0, 0.75, 2_200), &[])), [220, 0, 0]);
    assert_eq!(place.rows(&first, &run("c", &documents(5, 0.5, 2_207), &[])), [0, 5, 7]);
    let mut reversed = documents(0, 0.5, 2_200);
    reversed.reverse();
    assert_eq!(place.rows(&first, &run("d", &reversed, &[])), [0, 0, 0], "in another order");
    let other = run("e", &documents(0, 0.5, 2_200), &["--config", "source=again"]);
    assert_eq!(place.rows(&first, &other), [2_200, 0, 0]);
    let compared = place.compare(&first, &other);
    assert_eq!(compared["configuration"], json!([{ "what": "source", "first": "backfill", "second": "again" }]));
    let text = place.call(&["runs", "compare", &first, &other]).ok().stdout;
    assert!(text.contains("2,200 with other values") && text.contains("backfill  again"), "{text}");
    let counts = place.compare(&first, &run("f", &documents(0, 2.0, 2_200), &[]))["counts"].clone();
    let refused = json!({ "what": "records refused", "first": 0, "second": 220 });
    assert!(counts.as_array().unwrap().contains(&refused), "{counts}");
}

#[test]
fn a_run_without_rows_is_not_compared() {
    let place = Place::new();
    let export = kit::export("yago");
    let done = place.run(&[&export, "--to", "sqlite:a.db"]);
    place.call(&["run", &export, "--to", "sqlite:b.db", "--max-rejected", "0"]).fails(7, &[]);
    let shown = place.call(&["--json", "runs", "show"]).ok().json();
    let refused = shown["id"].as_str().unwrap();
    let output = place.compare(&done, refused)["output"].clone();
    assert_eq!(output["differing"], Value::Null);
    assert!(output["why_not"].as_str().unwrap().contains("is refused: it has put out no rows"), "{output}");
    let text = place.call(&["runs", "compare", &done, refused]).ok().stdout;
    assert!(text.contains("not compared: run "), "{text}");
    let without = place.run(&[&export, "--to", "parquet:p"]);
    let output = place.compare(&done, &without)["output"].clone();
    assert!(output["why_not"].as_str().unwrap().contains("`--comparable` keeps them"), "{output}");
    place.call(&["runs", "compare", &done, "none"]).fails(2, &["state.no-run"]);
}

#[test]
fn all_that_is_known_of_a_run() {
    let place = Place::new();
    place.call(&["runs", "show"]).fails(2, &["cli.no-runs", "--state"]);
    let export = kit::export("yago");
    let arguments = ["run", &export, "--to", "sqlite:a.db", "--config", "overall-score-max=100", "--json"];
    let summary = place.call(&arguments).ok().json();
    let id = summary["run_id"].as_str().unwrap();
    let text = place.call(&["runs", "show"]).ok().stdout;
    assert_eq!(text, place.call(&["runs", "show", &id[..16]]).ok().stdout, "the newest, and by how its id begins");
    for part in [
        &format!("run           {id}") as &str,
        "state         done",
        "exit code     0",
        "map ",
        "commit ",
        "shuffled",
        " at most",
        "complete",
        "SQLite database a.db",
        summary["plugin_digest"].as_str().unwrap(),
        "overall-score-max = 100",
        "dead letters  dead-letters/",
        "command       gristmill run ",
        "6,210  records read",
        "5,871    inserted",
        "decode.type-mismatch",
    ] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
    let record = place.call(&["--json", "runs", "show", id]).ok().json();
    assert_eq!(record["ledger"]["records"], summary["records"]);
    assert_eq!(record["details"]["tables"][0]["key"], json!(["insert_id"]));
    place.call(&["run", &export, "--to", "sqlite:b.db", "--max-rejected", "0"]).fails(7, &[]);
    let text = place.call(&["runs", "show"]).ok().stdout;
    for part in ["state         refused", "error         [run.max-rejected]", "to do", "exit code     7"] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}
