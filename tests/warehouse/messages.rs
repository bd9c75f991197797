//! Errors on the way to BigQuery, as their reader sees them: who, what, where, and what to do.

use gristmill_doubles::bigquery::{Fault, FaultKind, Refusal};
use gristmill_doubles::storage::Permission;

use super::cloud::{Cloud, TABLE};
use crate::databases::engine::job;
use crate::kit::{finish, folder};

/// Runs into a destination; fails as it should.
fn fails(cloud: &Cloud, to: &str, more: &[&str], code: i32, parts: &[&str]) {
    let f = folder();
    let mut command = job(f.path(), to, more);
    cloud.reach(&mut command);
    let ran = finish(&mut command);
    eprintln!("{}", ran.stderr);
    ran.fails(code, parts);
}

#[test]
fn errors_say_who_what_where_and_what_to_do() {
    let cloud = Cloud::new();
    let (to, staging) = (format!("bigquery:{TABLE}"), ["--staging", "gs://staging/rows"]);
    fails(&cloud, &to, &[], 2, &["sink.spec", "--staging gs://BUCKET/FOLDER"]);
    fails(
        &cloud,
        "bigquery:yago_reports.quality_stream.x.y",
        &staging,
        2,
        &["sink.spec", "bigquery:PROJECT.DATASET.TABLE"],
    );
    fails(
        &cloud,
        "bigquery:test-project:yago_reports.t",
        &staging,
        2,
        &["such as bigquery:test-project.yago_reports.t"],
    );
    fails(&cloud, &to, &["--staging", "s3://staging"], 2, &["gs://"]);
    fails(
        &cloud,
        "bigquery:test-project.none.t",
        &staging,
        5,
        &["sink.missing", "Not found: Dataset test-project:none", "bq mk --dataset"],
    );
    fails(
        &cloud,
        "bigquery:no-project.none.t",
        &staging,
        5,
        &["sink.missing", "Not found: Project no-project", "gcloud projects list"],
    );
    fails(
        &cloud,
        &to,
        &["--staging", "gs://nowhere/rows"],
        5,
        &["storage.missing", "gs://nowhere/rows", "gcloud storage ls"],
    );
    fails(
        &cloud,
        &to,
        &[&staging[..], &["--location", "US"]].concat(),
        5,
        &["sink.missing", "not found in location US", "--location"],
    );

    let refuse = |method: &str, refusal: Refusal| {
        cloud.bigquery.clear_faults();
        cloud.bigquery.fault(Fault::new(method, FaultKind::Refuse(refusal)).times(99));
    };
    refuse("*", Refusal::unauthenticated());
    fails(
        &cloud,
        &to,
        &staging,
        5,
        &["sink.login", "invalid authentication credentials", "gcloud auth application-default login"],
    );
    refuse("jobs.query", Refusal::access_denied("bigquery.jobs.create", "Project test-project"));
    fails(
        &cloud,
        &to,
        &staging,
        5,
        &["sink.right", "bigquery.jobs.create", "roles/bigquery.jobUser on the project test-project"],
    );
    refuse("tables.insert", Refusal::access_denied("bigquery.tables.create", "Dataset test-project:yago_reports"));
    fails(
        &cloud,
        &to,
        &staging,
        5,
        &[
            "sink.right",
            "bigquery.tables.create",
            "as nobody (an emulator)",
            "roles/bigquery.dataEditor on the dataset yago_reports",
        ],
    );
    refuse("jobs.insert", Refusal::new("quotaExceeded", "Quota exceeded: Your project exceeded quota for imports."));
    fails(&cloud, &to, &staging, 5, &["sink.quota", "exceeded quota for imports", "bigquery/quotas"]);
    cloud.bigquery.clear_faults();

    cloud.storage.deny(Permission::ObjectsCreate);
    fails(
        &cloud,
        &to,
        &staging,
        5,
        &["storage.right", "storage.objects.create", "gs://staging/rows/", "roles/storage.objectUser"],
    );
    cloud.storage.allow(Permission::ObjectsCreate);

    cloud.sql(&format!("CREATE TABLE `{TABLE}` (insert_id STRING, team_id STRING, report_id STRING, event_ts TIMESTAMP, overallScore INT64)"));
    fails(
        &cloud,
        &to,
        &staging,
        5,
        &[
            "sink.schema",
            "table `quality_stream`",
            "column `overallScore`",
            "found INT64",
            "expected FLOAT64 for float64",
        ],
    );
    cloud.drop_table();
    cloud.sql("CREATE TABLE yago_reports.kept (n INT64)");
    assert!(
        cloud.bigquery.tables("test-project", "yago_reports") == ["kept"]
            && cloud.storage.list("staging", "").is_empty()
    );
}

#[test]
fn credentials_that_cannot_be_used_are_told_before_anything_is_read() {
    let f = folder();
    let to = format!("bigquery:{TABLE}");
    let key = f.path().join("key.json");
    std::fs::write(&key, "{\"type\": \"service_account\"}").unwrap();
    for key in ["none.json", key.to_str().unwrap()] {
        let mut command = job(f.path(), &to, &["--staging", "gs://staging/rows", "--google-credentials", key]);
        command.env_remove("BIGQUERY_EMULATOR_HOST").env_remove("STORAGE_EMULATOR_HOST");
        let ran = finish(&mut command);
        eprintln!("{}", ran.stderr);
        ran.fails(2, &["storage.credentials", key, "--google-credentials FILE"]);
    }
}

#[test]
fn staging_that_cannot_be_removed_is_a_warning() {
    let (cloud, f) = (Cloud::new(), folder());
    cloud.storage.deny(Permission::ObjectsDelete);
    let ran = cloud.run(f.path(), &[]).ok();
    eprintln!("{}", ran.stderr);
    assert!(
        ran.stderr.contains("objects stay below gs://staging/rows/") && ran.stderr.contains("storage.objects.delete"),
        "{}",
        ran.stderr
    );
    cloud.storage.allow(Permission::ObjectsDelete);
    // The next run of the job removes what is left.
    cloud.run(f.path(), &[]).ok();
    cloud.assert_tidy();
}
