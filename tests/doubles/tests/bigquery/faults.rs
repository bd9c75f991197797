//! Faults on demand.

use std::time::{Duration, Instant};

use gristmill_doubles::bigquery::{Fault, FaultKind, Loss, Refusal, Slow};
use serde_json::{Value, json};

use crate::kit::{Kit, PROJECT, failure, load, query, success};

/// Loads one row into `t` under an id.
fn insert(kit: &Kit, id: &str) -> Result<crate::kit::Answer, ureq::Error> {
    kit.objects.put("b", "one.json", r#"{"n": 1}"#);
    let schema = json!({"schema": {"fields": [{"name": "n", "type": "INT64"}]}});
    let job = json!({
        "jobReference": {"projectId": PROJECT, "jobId": id},
        "configuration": load("t", &["gs://b/one.json"], "NEWLINE_DELIMITED_JSON", schema),
    });
    kit.try_send("POST", "/jobs", &[("content-type", "application/json")], job.to_string().as_bytes())
}

fn count(kit: &Kit) -> Value {
    kit.rows("SELECT COUNT(*) AS n FROM d.t")[0]["n"].clone()
}

#[test]
fn a_refusal_before_leaves_no_job() {
    let kit = Kit::new();
    kit.double.fault(Fault::new("jobs.insert", FaultKind::Refuse(Refusal::unavailable())).on_table("d.t").times(2));
    for _ in 0..2 {
        let answer = insert(&kit, "a").unwrap();
        assert_eq!((answer.status, answer.reason()), (503, "backendError"));
    }
    assert!(kit.double.jobs().is_empty());
    assert_eq!(insert(&kit, "a").unwrap().status, 200);
    assert_eq!(count(&kit), 1);
}

#[test]
fn what_stands_before_bigquery_may_answer_or_not() {
    let kit = Kit::new();
    let proxy = FaultKind::Foreign { status: 502, body: "<html>Bad Gateway</html>".into() };
    kit.double.fault(Fault::new("jobs.insert", proxy));
    let answer = insert(&kit, "a").unwrap();
    assert_eq!((answer.status, &answer.body), (502, &Value::Null));
    kit.double.fault(Fault::new("jobs.insert", FaultKind::CutBefore));
    assert!(insert(&kit, "a").is_err());
    assert!(kit.double.jobs().is_empty());
    kit.double.fault(Fault::new("jobs.insert", FaultKind::Delay(Duration::from_millis(200))));
    let begun = Instant::now();
    assert_eq!(insert(&kit, "a").unwrap().status, 200);
    assert!(begun.elapsed() >= Duration::from_millis(200));
}

#[test]
fn a_lost_answer_leaves_a_job_that_has_run() {
    let kit = Kit::new();
    for (id, loss) in [("told", Loss::Unavailable), ("cut", Loss::Cut)] {
        kit.double.fault(Fault::new("jobs.insert", FaultKind::LoseAnswer(loss)));
        match (loss, insert(&kit, id)) {
            (Loss::Unavailable, Ok(answer)) => assert_eq!(answer.status, 503),
            (Loss::Cut, Err(_)) => {}
            (_, other) => panic!("{loss:?}: {:?}", other.map(|a| a.body)),
        }
        let again = insert(&kit, id).unwrap();
        assert_eq!((again.status, again.reason()), (409, "duplicate"));
        success(&kit.wait(id));
    }
    assert_eq!(count(&kit), 2);
    let statuses: Vec<_> =
        kit.double.requests().iter().filter(|r| r.method == "jobs.insert").map(|r| r.status).collect();
    assert_eq!(statuses, [Some(503), Some(409), None, Some(409)]);
}

#[test]
fn a_slow_job_takes_effect_at_its_end() {
    let kit = Kit::new();
    kit.double.fault(Fault::new("jobs.insert", FaultKind::Slow(Slow::Polls { pending: 1, running: 2 })));
    assert_eq!(insert(&kit, "slow").unwrap().body["status"]["state"], "PENDING");
    let mut states = Vec::new();
    for _ in 0..4 {
        states.push(kit.get("/jobs/slow").body["status"]["state"].clone());
        let there = kit.double.table(PROJECT, "d", "t").is_some();
        assert_eq!(there, states.len() == 4, "after {states:?}");
    }
    assert_eq!(states, ["PENDING", "RUNNING", "RUNNING", "DONE"]);

    kit.double.fault(Fault::new("jobs.query", FaultKind::Slow(Slow::For(Duration::from_millis(300)))));
    let begun = Instant::now();
    let answer = kit.post("/queries", &json!({"query": "SELECT n FROM d.t", "useLegacySql": false}));
    assert_eq!(answer.body["jobComplete"], false, "{}", answer.body);
    let id = answer.body["jobReference"]["jobId"].as_str().unwrap();
    let early = kit.get(&format!("/queries/{id}?timeoutMs=1"));
    assert_eq!(early.body["jobComplete"], false);
    let done = kit.get(&format!("/queries/{id}"));
    assert_eq!(done.body["rows"], json!([{"f": [{"v": "1"}]}]));
    assert!(begun.elapsed() >= Duration::from_millis(300));
}

#[test]
fn a_cancelled_job_changes_nothing() {
    let kit = Kit::new();
    kit.double.fault(Fault::new("jobs.insert", FaultKind::Slow(Slow::Polls { pending: 0, running: 9 })));
    insert(&kit, "slow").unwrap();
    let answer = kit.post("/jobs/slow/cancel", &Value::Null);
    assert_eq!(answer.body["kind"], "bigquery#jobCancelResponse");
    assert_eq!(failure(&answer.body["job"]).0, "stopped");
    assert!(kit.double.table(PROJECT, "d", "t").is_none());
    assert_eq!(insert(&kit, "slow").unwrap().status, 409);
}

#[test]
fn a_job_ends_with_the_error_that_was_asked_for() {
    let kit = Kit::new();
    for reason in ["backendError", "internalError", "rateLimitExceeded", "quotaExceeded", "jobRateLimitExceeded"] {
        kit.double.fault(Fault::new("jobs.insert", FaultKind::FailJob(Refusal::new(reason, "as asked for"))));
        assert_eq!(insert(&kit, reason).unwrap().status, 200);
        assert_eq!(failure(&kit.wait(reason)), (reason.into(), "as asked for".into()));
    }
    assert!(kit.double.table(PROJECT, "d", "t").is_none());
    kit.double.fault(Fault::new("jobs.query", FaultKind::FailJob(Refusal::new("quotaExceeded", "no more"))));
    let answer = kit.post("/queries", &json!({"query": "SELECT 1", "useLegacySql": false}));
    assert_eq!((answer.status, answer.reason()), (403, "quotaExceeded"));
}

#[test]
fn rights_that_are_missing_are_named_as_google_names_them() {
    let kit = Kit::new();
    let denied = |permission: &str, on: &str| FaultKind::Refuse(Refusal::access_denied(permission, on));
    kit.double.fault(Fault::new("jobs.insert", denied("bigquery.jobs.create", "Project test-project")));
    let answer = insert(&kit, "a").unwrap();
    assert_eq!((answer.status, answer.reason()), (403, "accessDenied"));
    assert_eq!(
        answer.message(),
        "Access Denied: Project test-project: User does not have bigquery.jobs.create permission in project test-project."
    );
    kit.double.fault(Fault::new("tabledata.list", denied("bigquery.tables.getData", "Table test-project:d.t")));
    let answer = kit.get("/datasets/d/tables/t/data");
    assert_eq!(
        answer.message(),
        "Access Denied: Table test-project:d.t: Permission bigquery.tables.getData denied on table test-project:d.t (or it may not exist)."
    );
    kit.double.fault(Fault::new("*", FaultKind::Refuse(Refusal::rate_limit_exceeded())));
    let answer = kit.get("/datasets/d");
    assert_eq!((answer.status, answer.reason()), (403, "rateLimitExceeded"));
    kit.double.fault(Fault::new("*", FaultKind::Refuse(Refusal::rate_limit_exceeded().with_status(429))));
    assert_eq!(kit.get("/datasets/d").status, 429);
    kit.double.fault(Fault::new("*", FaultKind::Refuse(Refusal::unauthenticated())));
    assert_eq!(kit.get("/datasets/d").status, 401);
    assert_eq!(kit.get("/datasets/d").status, 200);
}

#[test]
fn faults_wait_for_their_table_and_their_turn() {
    let kit = Kit::new();
    kit.execute("CREATE TABLE d.t (n INT64)");
    kit.execute("CREATE TABLE d.other (n INT64)");
    kit.double.fault(
        Fault::new("jobs.insert", FaultKind::FailJob(Refusal::new("backendError", "x"))).on_table("other").after(1),
    );
    let states = ["SELECT * FROM d.t", "SELECT * FROM d.other", "SELECT * FROM `d.other`", "SELECT * FROM d.other"]
        .iter()
        .enumerate()
        .map(|(i, sql)| kit.run(&format!("q{i}"), &query(sql))["status"]["errorResult"].is_null())
        .collect::<Vec<_>>();
    assert_eq!(states, [true, true, false, true]);
    kit.double.fault(Fault::new("tables.get", FaultKind::Refuse(Refusal::unavailable())));
    kit.double.clear_faults();
    assert_eq!(kit.get("/datasets/d/tables/t").status, 200);
}

#[test]
fn a_request_without_a_token_is_refused() {
    let kit = Kit::new();
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let url = format!("{}/bigquery/v2/projects/{PROJECT}/datasets", kit.double.endpoint());
    assert_eq!(agent.get(url).call().unwrap().status().as_u16(), 401);
    let last = kit.double.requests().pop().unwrap();
    assert_eq!((last.method.as_str(), last.status), ("datasets.list", Some(401)));
}
