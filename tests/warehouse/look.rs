//! `gristmill check`.

use serde_json::json;

use super::cloud::{Cloud, TABLE};
use crate::kit::folder;

#[test]
fn a_table_is_looked_at() {
    let (cloud, f) = (Cloud::new(), folder());
    cloud.run(f.path(), &[]).ok();
    let table = format!("bigquery:{TABLE}");
    let ran = cloud.check(f.path(), &[&table]).ok();
    eprintln!("{}", ran.stdout);
    for part in [
        "5,871 rows",
        "by source",
        "5,871  backfill",
        "newest",
        "insert_id",
        "no duplicates: every insert_id is there once",
    ] {
        assert!(ran.stdout.contains(part), "`{part}` is not in:\n{}", ran.stdout);
    }

    // The stream brings rows, one of them again and again, and the newest.
    cloud.sql(&format!(
        "INSERT INTO `{TABLE}` (insert_id, team_id, report_id, event_ts, source) SELECT insert_id, team_id, report_id, event_ts, 'stream' \
         FROM `{TABLE}` WHERE insert_id = (SELECT MIN(insert_id) FROM `{TABLE}`)"
    ));
    cloud.sql(&format!(
        "INSERT INTO `{TABLE}` (insert_id, team_id, report_id, event_ts) VALUES ('a', 't', 'r', '2030-01-01'), ('a', 't', 'r', '2030-01-02'), ('a', 't', 'r', '2030-01-03')"
    ));
    let ran = cloud.check(f.path(), &[&table, "-n", "2"]).ok();
    eprintln!("{}", ran.stdout);
    assert!(ran.stdout.contains("2 keys are there more than once, 3 rows too many"), "{}", ran.stdout);
    let ran =
        cloud.check(f.path(), &["--json", &table, "-n", "1", "--by", "team_id", "--key", "insert_id,team_id"]).ok();
    let found = ran.json();
    assert_eq!(found["rows"], 5_875);
    assert_eq!(found["counts"]["column"], "team_id");
    assert_eq!(found["newest"], json!([{"insert_id": "a", "team_id": "t", "event_ts": "2030-01-03 00:00:00+00"}]));
    let duplicates = json!({"key": ["insert_id", "team_id"], "keys": 2, "surplus_rows": 3, "examples": [{"key": ["a", "t"], "rows": 3}]});
    assert_eq!(found["duplicates"], duplicates);
    let by_source = &cloud.check(f.path(), &["--json", &table]).ok().json()["counts"]["values"];
    assert_eq!(by_source[0], json!({"value": "backfill", "rows": 5_871}));
    assert_eq!(by_source[1], json!({"value": null, "rows": 3}));

    // A table of which nothing is known.
    cloud.sql("CREATE TABLE yago_reports.other (x FLOAT64)");
    let ran = cloud.check(f.path(), &["bigquery:test-project.yago_reports.other"]).ok();
    for part in ["0 rows", "--by", "--time", "--key"] {
        assert!(ran.stdout.contains(part), "`{part}` is not in:\n{}", ran.stdout);
    }
}

#[test]
fn what_cannot_be_looked_at_is_told() {
    let (cloud, f) = (Cloud::new(), folder());
    let fails = |args: &[&str], code: i32, parts: &[&str]| {
        let ran = cloud.check(f.path(), args);
        eprintln!("{}", ran.stderr);
        ran.fails(code, parts);
    };
    fails(&["bigquery:test-project.yago_reports"], 2, &["sink.spec", "names no table"]);
    fails(&["sqlite:reports.db"], 2, &["sink.spec", "only tables of BigQuery"]);
    fails(
        &["bigquery:test-project.yago_reports.none"],
        5,
        &["sink.missing", "Not found: Table test-project:yago_reports.none"],
    );
    cloud.sql("CREATE TABLE yago_reports.other (x FLOAT64)");
    fails(&["bigquery:test-project.yago_reports.other", "--by", "y"], 5, &["sink.schema", "column `y`", "one of x"]);
}
