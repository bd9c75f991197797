//! Google's own `bq` looks at what was loaded.

use std::io::Write;
use std::process::Command;

use gristmill_doubles::bigquery::Discovery;
use serde_json::Value;

use super::cloud::{Cloud, PROJECT};
use crate::kit::folder;

#[test]
fn bq_lists_shows_and_queries_what_was_loaded() {
    if Discovery::installed().is_none() {
        writeln!(std::io::stderr(), "bq is not installed: what was loaded is not looked at with it").unwrap();
        return;
    }
    let (cloud, f) = (Cloud::new(), folder());
    cloud.run(f.path(), &[]).ok();
    let bq = |arguments: &[&str]| -> Value {
        let mut command = Command::new("bq");
        command.env("CLOUDSDK_CONFIG", f.path()).env("HOME", f.path()).current_dir(f.path());
        command.args(["--api", &cloud.bigquery.endpoint(), "--oauth_access_token=t", "--project_id", PROJECT]);
        let output = command.args(["--headless", "--quiet", "--format=json"]).args(arguments).output().unwrap();
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "bq {arguments:?}: {out}{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("bq {arguments:?}: {e}: {out}"))
    };
    // Most of its time is the start of Python.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let listed = bq(&["ls", "yago_reports"]);
            assert_eq!(listed[0]["id"], "test-project:yago_reports.quality_stream");
            let shown = bq(&["show", "yago_reports.quality_stream"]);
            assert_eq!((&shown["numRows"], &shown["timePartitioning"]["field"]), (&"5871".into(), &"event_ts".into()));
            assert_eq!(shown["clustering"]["fields"], serde_json::json!(["team_id", "report_id"]));
            let merge = cloud.bigquery.jobs().into_iter().find(|j| j.id.starts_with("gristmill-merge-")).unwrap();
            let job = bq(&["--location=europe-west1", "show", "-j", &merge.id]);
            assert_eq!(job["statistics"]["query"]["dmlStats"]["insertedRowCount"], "5871");
        });
        scope.spawn(|| {
            let sql = "SELECT source, COUNT(*) AS n, COUNT(DISTINCT insert_id) AS k FROM yago_reports.quality_stream GROUP BY source";
            let rows = bq(&["query", "--use_legacy_sql=false", sql]);
            assert_eq!(rows, serde_json::json!([{"source": "backfill", "n": "5871", "k": "5871"}]));
        });
    });
}
