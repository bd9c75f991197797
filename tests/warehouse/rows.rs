//! What is loaded is what other destinations get, once.

use gristmill_doubles::bigquery::Discovery;
use serde_json::{Value, json};

use super::cloud::{Cloud, PROJECT, TABLE, sqlite};
use crate::databases::engine::counts;
use crate::kit::{assert_balanced, folder};

/// The table of section A of the requirements, as the stream's owners made it.
const CREATE: &str = "CREATE TABLE `test-project.yago_reports.quality_stream` (insert_id STRING NOT NULL, team_id STRING NOT NULL, \
    report_id STRING NOT NULL, event_ts TIMESTAMP NOT NULL, overallScore FLOAT64, coverage FLOAT64, gaps INT64, overlaps INT64, \
    avgDur FLOAT64, source STRING, load_ts TIMESTAMP) PARTITION BY DATE(event_ts) CLUSTER BY team_id, report_id";

#[test]
fn an_export_in_a_bucket_is_in_bigquery_once() {
    let (cloud, f) = (Cloud::new().with_export(), folder());
    let expected = sqlite(f.path());
    let all = expected.len() as u64;
    let ran = cloud.run_bucket(f.path()).ok();
    assert_eq!(counts(&ran), [all, 0, 0]);
    assert_balanced(&ran.json());
    assert_eq!(cloud.rows(), expected);
    // One load job and one statement, whatever the number of days.
    let jobs: Vec<_> = cloud.bigquery.jobs().iter().map(|j| j.id.split('-').nth(1).unwrap().to_owned()).collect();
    assert_eq!(jobs, ["load", "merge"]);
    // The table is the one that the requirements have.
    let made = cloud.bigquery.table(PROJECT, "yago_reports", "quality_stream").unwrap();
    let like = Cloud::new();
    like.sql(CREATE);
    let wanted = like.bigquery.table(PROJECT, "yago_reports", "quality_stream").unwrap();
    let fields = |table: &Value| -> Vec<Value> {
        let field = |f: &Value| json!([f["name"], f["type"], f["mode"].as_str().unwrap_or("NULLABLE")]);
        table["schema"]["fields"].as_array().unwrap().iter().map(field).collect()
    };
    assert_eq!(fields(&made), fields(&wanted));
    for part in ["timePartitioning", "clustering"] {
        assert_eq!(made[part], wanted[part]);
    }
    // Once more changes nothing; with another time of the run, too.
    assert_eq!(counts(&cloud.run_bucket(f.path()).ok()), [0, 0, all]);
    assert_eq!(cloud.rows(), expected);
    cloud.assert_tidy();
    // Everything that was sent is what the API knows.
    if let Some(discovery) = Discovery::installed() {
        let wrong: Vec<_> = cloud.bigquery.requests().iter().flat_map(|r| discovery.check_request(r)).collect();
        assert_eq!(wrong, [] as [String; 0]);
    }
}

#[test]
fn rows_that_the_stream_brought_stay_as_they_are() {
    let (cloud, f) = (Cloud::new(), folder());
    let expected = sqlite(f.path());
    cloud.run(f.path(), &[]).ok();
    // The stream's rows of half of the keys: from elsewhere, at another time, some of another day.
    cloud.sql(&format!("DELETE FROM `{TABLE}` WHERE MOD(LENGTH(insert_id), 2) = 0"));
    let streamed = format!(
        "UPDATE `{TABLE}` SET source = 'stream', load_ts = NULL, event_ts = TIMESTAMP_ADD(event_ts, INTERVAL 3 DAY) WHERE TRUE"
    );
    cloud.sql(&streamed);
    let there = cloud.rows();
    assert!(!there.is_empty() && there.len() < expected.len());
    let (all, half) = (expected.len() as u64, there.len() as u64);
    let ran = cloud.run(f.path(), &["--on-conflict", "keep"]).ok();
    assert_eq!(counts(&ran), [all - half, 0, half]);
    assert_balanced(&ran.json());
    let key = |line: &String| line.split('\t').next().unwrap().to_owned();
    let kept: std::collections::BTreeMap<_, _> = there.iter().map(|line| (key(line), line.clone())).collect();
    let merged: Vec<_> = expected.iter().map(|line| kept.get(&key(line)).unwrap_or(line).clone()).collect();
    assert_eq!(cloud.rows(), merged);
    // Asked to, the load's rows take their place, and only those that differ.
    assert_eq!(counts(&cloud.run(f.path(), &["--on-conflict", "update"]).ok()), [0, half, all - half]);
    assert_eq!(cloud.rows(), expected);
    cloud.assert_tidy();
}

#[test]
fn a_table_that_is_there_is_filled() {
    let (cloud, f) = (Cloud::new(), folder());
    cloud.sql(CREATE);
    let expected = sqlite(f.path());
    // Named by the dataset, the table has the plugin's name.
    let mut command = crate::databases::engine::job(
        f.path(),
        "bigquery:test-project.yago_reports",
        &["--staging", "gs://staging", "--location", "europe-west1"],
    );
    cloud.reach(&mut command);
    assert_eq!(counts(&crate::kit::finish(&mut command).ok()), [expected.len() as u64, 0, 0]);
    assert_eq!(cloud.rows(), expected);
    cloud.assert_tidy();
}
