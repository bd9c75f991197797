//! The main job on a real export, against a mapping that this test makes by itself from the REST listing.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::kit::{assert_balanced, export, export_file, folder, json_lines, path_of, rest_listing, run_in};

const STARTED: &str = "2026-01-02T03:04:05Z";

/// What a report is to become: its row, or the code and the field it is refused for.
#[derive(Debug, PartialEq)]
enum Outcome {
    Row(BTreeMap<&'static str, Value>),
    Refused { codes: Vec<(String, String)> },
}

fn number(fields: &Value, name: &str, integer_only: bool) -> Result<Value, String> {
    let Some(value) = fields.get(name) else { return Ok(Value::Null) };
    let (kind, inner) = value.as_object().unwrap().iter().next().unwrap();
    match (kind.as_str(), integer_only) {
        ("nullValue", _) => Ok(Value::Null),
        ("integerValue", true) => Ok(json!(inner.as_str().unwrap().parse::<i64>().unwrap())),
        ("integerValue", false) => Ok(json!(inner.as_str().unwrap().parse::<i64>().unwrap() as f64)),
        // NaN is a double; it lies in no range.
        ("doubleValue", false) if inner == "NaN" => Ok(json!("NaN")),
        ("doubleValue", false) if inner.is_number() => Ok(json!(inner.as_f64().unwrap())),
        _ => Err(format!("metrics.{name}")),
    }
}

/// Section A of what gristmill replaces, written out once more.
fn expect(document: &Value, score_max: f64, has_times: bool) -> Option<(String, Outcome)> {
    let path: Vec<_> = path_of(document).split('/').collect();
    let [teams, team, reports, report, quality, timestamp] = path[..] else { return None };
    if (teams, reports, quality) != ("teams", "reports", "qualityReports") {
        return None;
    }
    let key = format!("{team}-{report}-{timestamp}");
    let fields = &document["fields"];
    let columns = [("overallScore", false), ("coverage", false), ("gaps", true), ("overlaps", true), ("avgDur", false)];
    let metrics = match fields.get("metrics").map(|m| m.as_object().unwrap().iter().next().unwrap()) {
        None => json!({}),
        Some((kind, _)) if kind == "nullValue" => json!({}),
        Some((kind, map)) if kind == "mapValue" => map.get("fields").cloned().unwrap_or(json!({})),
        Some(_) => {
            let codes =
                columns.iter().map(|(c, _)| ("decode.type-mismatch".to_owned(), format!("metrics.{c}"))).collect();
            return Some((key, Outcome::Refused { codes }));
        }
    };
    let mut row = BTreeMap::new();
    let mut mismatches = Vec::new();
    for (name, integer_only) in columns {
        match number(&metrics, name, integer_only) {
            Ok(value) => drop(row.insert(name, value)),
            Err(field) => mismatches.push(("decode.type-mismatch".to_owned(), field)),
        }
    }
    if !mismatches.is_empty() {
        return Some((key, Outcome::Refused { codes: mismatches }));
    }
    let refused =
        |code: &str, field: &str| Some((key.clone(), Outcome::Refused { codes: vec![(code.into(), field.into())] }));
    let update_time = document["updateTime"].as_str().filter(|_| has_times);
    let event = match fields.get("createdAt").map(|c| c.as_object().unwrap().iter().next().unwrap()) {
        None => update_time.map(str::to_owned),
        Some((kind, _)) if kind == "nullValue" => update_time.map(str::to_owned),
        Some((kind, text)) if kind == "timestampValue" || kind == "stringValue" => {
            Some(text.as_str().unwrap().to_owned())
        }
        Some(_) => return refused("created-at-type", "createdAt"),
    };
    let Some(event) = event else { return refused("no-event-time", "createdAt") };
    let Some(micros) = gristmill_record::time::parse_rfc3339(event.as_bytes()) else {
        return refused("created-at-invalid", "createdAt");
    };
    for (name, max, code) in [("overallScore", score_max, "overall-score-range"), ("coverage", 1.0, "coverage-range")] {
        let is_in_range = row[name].is_null() || row[name].as_f64().is_some_and(|value| (0.0..=max).contains(&value));
        if !is_in_range {
            return refused(code, &format!("metrics.{name}"));
        }
    }
    row.insert("insert_id", json!(key));
    row.insert("team_id", json!(team));
    row.insert("report_id", json!(report));
    row.insert("event_ts", json!(micros));
    row.insert("source", json!("backfill"));
    row.insert("load_ts", json!(gristmill_record::time::parse_rfc3339(STARTED.as_bytes()).unwrap()));
    Some((key, Outcome::Row(row)))
}

fn sqlite_rows(path: &Path) -> BTreeMap<String, BTreeMap<&'static str, Value>> {
    const COLUMNS: [&str; 11] = [
        "insert_id",
        "team_id",
        "report_id",
        "event_ts",
        "overallScore",
        "coverage",
        "gaps",
        "overlaps",
        "avgDur",
        "source",
        "load_ts",
    ];
    let db = rusqlite::Connection::open(path).unwrap();
    let mut statement = db.prepare(&format!("SELECT {} FROM quality_stream", COLUMNS.join(", "))).unwrap();
    let mut rows = statement.query([]).unwrap();
    let mut all = BTreeMap::new();
    while let Some(row) = rows.next().unwrap() {
        let value = |i: usize| match row.get_ref(i).unwrap() {
            rusqlite::types::ValueRef::Null => Value::Null,
            rusqlite::types::ValueRef::Integer(n) => json!(n),
            rusqlite::types::ValueRef::Real(n) => json!(n),
            rusqlite::types::ValueRef::Text(t) => {
                let text = std::str::from_utf8(t).unwrap();
                if COLUMNS[i].ends_with("_ts") {
                    json!(gristmill_record::time::parse_rfc3339(text.as_bytes()).unwrap())
                } else {
                    json!(text)
                }
            }
            other @ rusqlite::types::ValueRef::Blob(_) => panic!("{other:?}"),
        };
        let made: BTreeMap<_, _> = COLUMNS.iter().enumerate().map(|(i, c)| (*c, value(i))).collect();
        all.insert(made["insert_id"].as_str().unwrap().to_owned(), made);
    }
    all
}

/// Runs the job and compares everything it leaves with what is expected.
fn check(input: &str, score_max: f64, has_times: bool) -> (usize, usize) {
    let f = folder();
    let setting = format!("overall-score-max={score_max}");
    let args = [
        "run",
        input,
        "--config",
        &setting,
        "--to",
        "sqlite:q.db",
        "--started-at",
        STARTED,
        "--dead-letters",
        "dead.jsonl",
        "--json",
    ];
    let summary = run_in(f.path(), &args).ok().json();
    assert_balanced(&summary);

    let mut expected_rows = BTreeMap::new();
    let mut expected_refused = BTreeMap::new();
    for document in rest_listing("yago") {
        match expect(&document, score_max, has_times) {
            None => {}
            Some((key, Outcome::Row(row))) => drop(expected_rows.insert(key, row)),
            Some((_, Outcome::Refused { codes })) => {
                drop(expected_refused.insert(document["name"].as_str().unwrap().to_owned(), (codes, document.clone())));
            }
        }
    }
    let rows = sqlite_rows(&f.path().join("q.db"));
    assert_eq!(rows.len(), expected_rows.len());
    for (key, row) in &expected_rows {
        assert_eq!(&rows[key], row);
    }
    let letters = json_lines(&f.path().join("dead.jsonl"));
    assert_eq!(letters.len(), expected_refused.len());
    for letter in &letters {
        let name = letter["document"]["name"].as_str().unwrap();
        let (codes, document) = &expected_refused[name];
        let told = (letter["code"].as_str().unwrap().to_owned(), letter["field"].as_str().unwrap().to_owned());
        assert!(codes.contains(&told), "{told:?} is none of {codes:?}: {letter}");
        assert_eq!(letter["document"]["fields"], document["fields"], "a letter holds enough to replay its record");
        assert!(letter["offset"].is_u64() && letter["file"].is_string() && letter["plugin_digest"].is_string());
    }
    let table = &summary["rows"][0];
    assert_eq!(table["inserted"], rows.len());
    assert_eq!(summary["records"]["refused"], letters.len());

    // The same command again, and once more with another time: nothing new.
    for args in [&args[..], &args[..args.len() - 5]] {
        let mut args = args.to_vec();
        if !args.contains(&"--json") {
            args.extend(["--json", "--dead-letters", "dead2.jsonl"]);
        }
        let again = run_in(f.path(), &args).ok().json();
        assert_balanced(&again);
        assert_eq!(again["rows"][0]["inserted"], 0, "{again}");
        assert_eq!(again["rows"][0]["already"], rows.len(), "{again}");
        assert_eq!(sqlite_rows(&f.path().join("q.db")), rows);
    }
    (rows.len(), letters.len())
}

#[test]
fn the_binary_export_with_its_own_range() {
    let (rows, refused) = check(&export("yago"), 100.0, false);
    assert!(rows > 5_500 && refused > 100, "{rows} rows, {refused} refused");
}

#[test]
fn the_binary_export_with_the_default_range() {
    let (rows, refused) = check(&export("yago"), 1.0, false);
    assert!(rows > 10 && refused > 5_500, "{rows} rows, {refused} refused");
}

#[test]
fn the_json_export_takes_update_times() {
    let (rows, _) = check(&export_file("yago/documents.json.gz").display().to_string(), 100.0, true);
    assert!(rows > 5_500, "{rows} rows");
}

/// Bad records, mended and run again, give the table that they would have given had they never been bad (D6).
#[test]
fn dead_letters_mended_and_run_again() {
    let f = folder();
    let run = |input: &str, to: &str| {
        run_in(f.path(), &["run", input, "--to", to, "--started-at", STARTED, "--dead-letters", "dead.jsonl"]).ok()
    };
    run(&export("yago"), "sqlite:bad.db");
    let mend = |d: &Value| {
        let mut d = d.clone();
        d["fields"] = json!({ "createdAt": { "timestampValue": "2024-05-05T00:00:00Z" } });
        d
    };
    let letters = json_lines(&f.path().join("dead.jsonl"));
    let mended: Vec<_> = letters.iter().map(|l| mend(&l["document"])).collect();
    crate::kit::write_lines(&f.path().join("mended.ndjson"), &mended);
    run("mended.ndjson", "sqlite:bad.db");

    let bad: std::collections::HashSet<_> = letters.iter().map(|l| l["document"]["name"].clone()).collect();
    let clean: Vec<_> = rest_listing("yago")
        .into_iter()
        .map(|mut d| {
            d.as_object_mut().unwrap().remove("updateTime");
            if bad.contains(&d["name"]) { mend(&d) } else { d }
        })
        .collect();
    crate::kit::write_lines(&f.path().join("clean.ndjson"), &clean);
    run("clean.ndjson", "sqlite:clean.db");
    let (healed, never_bad) = (sqlite_rows(&f.path().join("bad.db")), sqlite_rows(&f.path().join("clean.db")));
    assert_eq!(healed.len(), 6_000);
    assert_eq!(healed, never_bad);
}
