//! Ids, places and states of jobs.

use serde_json::{Value, json};

use crate::kit::{Kit, PROJECT, failure, load, query, success};

#[test]
fn an_id_is_used_once_also_after_a_failure() {
    let kit = Kit::new();
    let bad = kit.run("id-1", &load("t", &["gs://b/nothing"], "PARQUET", json!({})));
    assert_eq!(failure(&bad), ("notFound".into(), "Not found: URI gs://b/nothing".into()));

    let again = kit.insert("id-1", &query("SELECT 1"));
    assert_eq!((again.status, again.reason()), (409, "duplicate"));
    assert_eq!(again.message(), "Already Exists: Job test-project:US.id-1");
    assert_eq!(again.body["error"]["status"], "ALREADY_EXISTS");

    for wrong in ["", "a b", "a/b", "é", &"a".repeat(1025)] {
        let answer = kit.insert(wrong, &query("SELECT 1"));
        // An empty id is none: BigQuery makes one.
        assert_eq!(answer.status, if wrong.is_empty() { 200 } else { 400 }, "{wrong}: {}", answer.body);
    }
    assert_eq!(kit.insert(&"a".repeat(1024), &query("SELECT 1")).status, 200);
}

#[test]
fn the_location_belongs_to_the_reference() {
    let kit = Kit::new();
    kit.double.create_dataset_in(PROJECT, "far", "europe-west1");
    let job = json!({
        "jobReference": {"projectId": PROJECT, "jobId": "far-1"},
        "configuration": query("CREATE TABLE far.t AS SELECT 1 AS n"),
    });
    let answer = kit.post("/jobs", &job);
    assert_eq!(answer.body["jobReference"]["location"], "europe-west1", "{}", answer.body);
    assert_eq!(answer.body["id"], "test-project:europe-west1.far-1");

    let without = kit.get("/jobs/far-1");
    assert_eq!((without.status, without.message()), (404, "Not found: Job test-project:far-1"));
    assert_eq!(kit.get("/jobs/far-1?location=US").status, 404);
    let found = kit.get("/jobs/far-1?location=europe-west1");
    assert_eq!(found.status, 200);
    success(&found.body);

    // A job somewhere else than its table.
    let elsewhere = json!({
        "jobReference": {"projectId": PROJECT, "jobId": "far-2", "location": "US"},
        "configuration": query("SELECT * FROM far.t"),
    });
    kit.post("/jobs", &elsewhere);
    let message = failure(&kit.get("/jobs/far-2").body).1;
    assert_eq!(message, "Not found: Dataset test-project:far was not found in location US");
}

#[test]
fn a_job_that_is_not_there_is_not_found() {
    let kit = Kit::new();
    let answer = kit.get("/jobs/none?location=US");
    assert_eq!((answer.status, answer.reason()), (404, "notFound"));
    assert_eq!(answer.message(), "Not found: Job test-project:US.none");
}

#[test]
fn a_failed_query_is_done_with_an_error_and_refused_where_it_is_asked_for_rows() {
    let kit = Kit::new();
    let job = kit.run("q-1", &query("SELECT nothing FROM d.t"));
    assert_eq!(
        failure(&job),
        ("notFound".into(), "Not found: Table test-project:d.t was not found in location US".into())
    );
    let answer = kit.get("/queries/q-1");
    assert_eq!((answer.status, answer.reason()), (404, "notFound"));

    let answer = kit.post("/queries", &json!({"query": "SELECT 1 +", "useLegacySql": false}));
    assert_eq!((answer.status, answer.reason()), (400, "invalidQuery"));
    assert!(answer.message().starts_with("Syntax error: "), "{}", answer.message());

    // The API takes legacy SQL where nobody says otherwise.
    let answer = kit.post("/queries", &json!({"query": "SELECT 1"}));
    assert_eq!((answer.status, answer.reason()), (400, "invalidQuery"));
    assert!(answer.message().contains("useLegacySql"), "{}", answer.message());
}

#[test]
fn a_list_has_the_newest_first_by_pages() {
    let kit = Kit::new();
    for i in 0..5 {
        kit.run(&format!("job-{i}"), &query(if i == 3 { "SELECT x" } else { "SELECT 1" }));
    }
    let first = kit.get("/jobs?maxResults=2").body;
    let ids = |page: &Value| -> Vec<String> {
        page["jobs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|j| j["jobReference"]["jobId"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ids(&first), ["job-4", "job-3"]);
    assert_eq!(first["jobs"][1]["state"], "DONE");
    assert_eq!(first["jobs"][1]["errorResult"]["reason"], "invalidQuery");
    let token = first["nextPageToken"].as_str().unwrap();
    let second = kit.get(&format!("/jobs?maxResults=3&pageToken={token}")).body;
    assert_eq!(ids(&second), ["job-2", "job-1", "job-0"]);
    assert_eq!(second["nextPageToken"], Value::Null);
    assert_eq!(kit.get("/jobs?stateFilter=pending").body["jobs"], json!([]));
    assert_eq!(kit.double.jobs().len(), 5);
    assert_eq!(kit.double.jobs()[3].error.as_deref(), Some("invalidQuery"));
}

#[test]
fn other_projects_are_refused() {
    let kit = Kit::new();
    let base = kit.double.endpoint();
    let job = json!({"configuration": query("SELECT 1")});
    let other = kit.post(&format!("{base}/bigquery/v2/projects/other-project/jobs"), &job);
    assert_eq!((other.status, other.reason()), (403, "accessDenied"));
    assert_eq!(
        other.message(),
        "Access Denied: Project other-project: User does not have bigquery.jobs.create permission in project other-project."
    );
    let bad = kit.post(&format!("{base}/bigquery/v2/projects/Bad_Project/jobs"), &job);
    assert_eq!((bad.status, bad.reason()), (400, "invalid"));
    assert!(bad.message().starts_with("Invalid project ID 'Bad_Project'."), "{}", bad.message());
    let mismatch = json!({"jobReference": {"projectId": "other-project"}, "configuration": query("SELECT 1")});
    assert_eq!(kit.post("/jobs", &mismatch).status, 400);
    let dataset = kit.get(&format!("{base}/bigquery/v2/projects/other-project/datasets/d"));
    assert_eq!((dataset.status, dataset.message()), (404, "Not found: Project other-project"));
}

#[test]
fn of_many_who_use_an_id_at_once_one_gets_it() {
    let kit = Kit::new();
    kit.execute("CREATE TABLE d.t (n INT64)");
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let insert = || kit.insert("one", &query("INSERT d.t VALUES (1)")).status;
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(insert)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|s| **s == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|s| **s == 409).count(), 7, "{statuses:?}");
    assert_eq!(kit.rows("SELECT COUNT(*) n FROM d.t"), [json!({"n": 1})]);
}

#[test]
fn a_dry_run_says_whether_a_query_could_be_run_and_makes_no_job() {
    let kit = Kit::new();
    kit.execute("CREATE TABLE d.t (n INT64)");
    let ask = |sql: &str| kit.post("/queries", &json!({"query": sql, "useLegacySql": false, "dryRun": true}));
    let answer = ask("INSERT d.t VALUES (1)");
    assert_eq!((answer.status, &answer.body["jobComplete"]), (200, &json!(true)));
    assert_eq!(ask("SELECT nothing FROM d.t").reason(), "invalidQuery");
    assert_eq!(ask("SELECT 1 FROM d.none").status, 404);
    assert!(kit.rows("SELECT * FROM d.t").is_empty() && kit.double.jobs().is_empty());
}
