//! Lists, structs, and several tables of one record, through the SDK into every destination.

use serde_json::json;

use crate::kit::{assert_balanced, folder, json_lines, run_in, write_lines};

/// Two reports with tags and segments; the third lacks a part that the plugin needs.
fn reports(folder: &std::path::Path) {
    let report = |id: &str, fields: serde_json::Value| json!({ "name": format!("projects/p/databases/(default)/documents/teams/t/reports/r/qualityReports/{id}"), "fields": fields });
    let text = |s: &str| json!({ "stringValue": s });
    let segment = |name: &str, score: f64| json!({ "mapValue": { "fields": { "name": text(name), "score": { "doubleValue": score } } } });
    let list = |values: Vec<serde_json::Value>| json!({ "arrayValue": { "values": values } });
    write_lines(
        &folder.join("in.ndjson"),
        &[
            report(
                "a",
                json!({ "tags": list(vec![text("x"), text("ü")]), "segments": list(vec![segment("s1", 0.5), segment("s2", 0.75)]) }),
            ),
            report("b", json!({ "tags": list(vec![]), "segments": list(vec![]) })),
            report(
                "c",
                json!({ "tags": list(vec![text("y")]), "segments": list(vec![json!({ "mapValue": { "fields": { "name": text("s") } } })]) }),
            ),
        ],
    );
}

#[test]
fn one_record_makes_rows_of_several_tables() {
    let f = folder();
    reports(f.path());
    let plugin = gristmill_guest::fixture("segments").unwrap().display().to_string();
    let run = |to: &str, extra: &[&str]| {
        let mut args =
            vec!["run", "in.ndjson", "--plugin", &plugin, "--to", to, "--json", "--dead-letters", "dead.jsonl"];
        args.extend(extra);
        let summary = run_in(f.path(), &args).ok().json();
        assert_balanced(&summary);
        let inserted: Vec<_> =
            summary["rows"].as_array().unwrap().iter().map(|t| t["inserted"].as_u64().unwrap()).collect();
        (inserted, summary["records"].clone())
    };
    let (inserted, records) = run("ndjson:out.ndjson", &[]);
    assert_eq!(inserted, [2, 2]);
    assert_eq!((&records["mapped"], &records["refused"]), (&json!(2), &json!(1)));
    assert_eq!(json_lines(&f.path().join("dead.jsonl"))[0]["code"], "missing-part");
    let lines = |table: &str| json_lines(&f.path().join(format!("out.{table}.ndjson")));
    let reports = lines("reports");
    assert_eq!(reports[0]["tags"], json!(["x", "ü"]));
    assert_eq!(reports[1]["tags"], json!([]));
    assert!(reports[0].to_string().contains("s2"), "the best segment: {}", reports[0]);
    let segments = lines("segments");
    assert!(segments[0].to_string().contains("s1") && segments[1].to_string().contains("s2"), "{segments:?}");

    // As JSON in SQLite, as they are in Parquet; the same in any batch size.
    assert_eq!(run("sqlite:out.db", &["--batch-rows", "1"]).0, [2, 2]);
    let database = rusqlite::Connection::open(f.path().join("out.db")).unwrap();
    let tags: Vec<String> = database
        .prepare("SELECT tags FROM reports ORDER BY rowid")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(tags, [r#"["x","ü"]"#, "[]"]);
    assert_eq!(run("sqlite:out.db", &[]).0, [0, 0], "the rows are there");
    assert_eq!(run("parquet:out.parquet", &[]).0, [2, 2]);
}
