//! Google's own `bq` against the double of BigQuery: what it sends is understood, and it understands what it gets.
//!
//! Where `bq` is not installed the test says so and ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use gristmill_doubles::bigquery::{BigQueryDouble, Discovery, MemoryObjects};
use serde_json::Value;

const PROJECT: &str = "test-project";

/// `bq` with a home of its own.
struct Bq<'a> {
    double: &'a BigQueryDouble,
    home: &'a Path,
}

impl Bq<'_> {
    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("bq");
        command.env("CLOUDSDK_CONFIG", self.home).env("HOME", self.home).current_dir(self.home);
        // The document of the API is asked of the double.
        command.args(["--api", &self.double.endpoint(), "--oauth_access_token=t", "--project_id", PROJECT]);
        command.args(["--headless", "--quiet"]).args(arguments);
        command.output().unwrap()
    }

    /// What it prints; fails where it fails.
    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "bq {arguments:?}: {out}{}", String::from_utf8_lossy(&output.stderr));
        out
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let all: Vec<_> = ["--format=json"].iter().chain(arguments).copied().collect();
        let out = self.ok(&all);
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("bq {arguments:?}: {e}: {out}"))
    }

    /// What it says when it fails, without its line breaks.
    fn fails(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(!output.status.success(), "bq {arguments:?}: {said}");
        said.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn the_client_of_google_understands_the_double() {
    let Some(discovery) = Discovery::installed() else {
        writeln!(std::io::stderr(), "bq is not installed: the double of BigQuery is not compared with it").unwrap();
        return;
    };
    let home = tempfile::tempdir().unwrap();
    let objects = Arc::new(MemoryObjects::default());
    objects.put("b", "x/1.json", "{\"n\": 1}\n");
    objects.put("b", "x/y/2.json", "{\"n\": 2}\n");
    let double = BigQueryDouble::start(objects).unwrap();
    double.create_project(PROJECT);
    let bq = Bq { double: &double, home: home.path() };

    assert!(bq.ok(&["mk", "--dataset", "d"]).contains("successfully created"));
    assert_eq!(bq.json(&["ls"])[0]["id"], "test-project:d");
    let mk = ["mk", "--table", "--time_partitioning_field=ts", "--time_partitioning_type=DAY", "--clustering_fields=k"];
    bq.ok(&[&mk[..], &["d.t", "k:STRING,v:FLOAT,ts:TIMESTAMP"]].concat());

    std::fs::write(
        home.path().join("rows.json"),
        "{\"k\": \"a\", \"v\": 1.5, \"ts\": \"2024-01-01T00:00:00Z\"}\n{\"k\": \"b\"}\n",
    )
    .unwrap();
    let load = ["load", "--job_id=load-1", "--source_format=NEWLINE_DELIMITED_JSON", "d.t", "rows.json"];
    bq.ok(&load);
    assert!(bq.fails(&load).contains("Already Exists: Job test-project:US.load-1"));

    // The rest needs only what is there by now, and most of its time is the start of Python.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            bq.ok(&["load", "--source_format=NEWLINE_DELIMITED_JSON", "d.numbers", "gs://b/x/*.json", "n:INTEGER"]);
            assert_eq!(bq.json(&["query", "--use_legacy_sql=false", "SELECT SUM(n) AS n FROM d.numbers"])[0]["n"], "3");
            let missing = ["load", "--source_format=NEWLINE_DELIMITED_JSON", "d.numbers", "gs://b/none", "n:INTEGER"];
            let said = bq.fails(&missing);
            assert!(said.contains("Error processing job") && said.contains("Not found: URI gs://b/none"), "{said}");
        });
        scope.spawn(|| {
            let shown = bq.ok(&["show", "d.t"]);
            assert!(
                ["|- ts: timestamp", "DAY (field: ts)", " 2 ", " k "].iter().all(|part| shown.contains(part)),
                "{shown}"
            );
            let job = bq.json(&["show", "-j", "load-1"]);
            assert_eq!(
                (&job["status"]["state"], &job["statistics"]["load"]["outputRows"]),
                (&"DONE".into(), &"2".into())
            );
            assert!(bq.ok(&["wait", "load-1"]).contains("SUCCESS"));
            let head = bq.json(&["head", "-n", "1", "d.t"]);
            assert_eq!(
                (&head[0]["k"], &head[0]["v"], &head[0]["ts"]),
                (&"a".into(), &"1.5".into(), &"2024-01-01 00:00:00".into())
            );
            let merge =
                "MERGE d.t T USING (SELECT 'a' AS k, 2.5 AS v) S ON T.k = S.k WHEN MATCHED THEN UPDATE SET v = S.v";
            assert!(bq.ok(&["query", "--use_legacy_sql=false", merge]).contains("Number of affected rows: 1"));
        });
    });
    // The double reads of a request what the API says is in it, and nothing else.
    let wrong: Vec<_> = double.requests().iter().flat_map(|r| discovery.check_request(r)).collect();
    assert_eq!(wrong, [] as [String; 0]);
}
