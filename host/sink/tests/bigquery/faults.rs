//! What happens on the way. Always: the table is that of an undisturbed load.

use std::time::Duration;

use gristmill_doubles::bigquery::{Fault, FaultKind, Loss, Refusal, Slow};
use gristmill_doubles::storage;
use gristmill_record::Diagnose;
use serde_json::json;

use crate::project::{PROJECT, Project, already, block_on, inserted, load_all, log, numbered, pairs, rows};
use crate::support::load;

const ROWS: u64 = 50;

/// Loads into a project of its own under these faults; nothing is left behind but the rows.
fn survives(faults: &[Fault]) -> Project {
    let project = Project::new();
    faults.iter().for_each(|fault| project.bigquery.fault(fault.clone()));
    block_on(async {
        let mut sink = project.open(&format!("{PROJECT}.d"));
        let batch = rows(&pairs(), &numbered(50));
        let counts = load_all(sink.as_mut(), &load("run-1", "one", &pairs()), batch).await;
        assert_eq!(counts.unwrap_or_else(|e| panic!("{faults:?}: {e}")), inserted(ROWS), "{faults:?}");
    });
    assert_eq!(project.count("pairs"), ROWS, "{faults:?}");
    assert_eq!(project.bigquery.tables(PROJECT, "d"), ["pairs"]);
    assert!(project.storage.list("staging", "").is_empty());
    project
}

#[test]
fn an_answer_that_is_lost_leads_to_the_job_that_exists() {
    for loss in [Loss::Unavailable, Loss::Cut] {
        // The load job, then the MERGE.
        for skip in [0, 1] {
            let project = survives(&[Fault::new("jobs.insert", FaultKind::LoseAnswer(loss)).after(skip)]);
            assert_eq!((project.jobs("load").len(), project.jobs("merge").len()), (1, 1));
            let refused = project.bigquery.requests().into_iter().filter(|r| r.status == Some(409)).count();
            assert_eq!(refused, 1, "the id was sent again, and was taken");
        }
    }
}

#[test]
fn every_other_answer_may_be_lost_too() {
    for method in ["datasets.get", "tables.get", "tables.insert", "jobs.get", "jobs.query", "tables.delete"] {
        survives(&[Fault::new(method, FaultKind::LoseAnswer(Loss::Cut))]);
    }
}

#[test]
fn storms_pass() {
    let page = FaultKind::Foreign { status: 502, body: "<html>Bad Gateway</html>".into() };
    for kind in [FaultKind::Refuse(Refusal::unavailable()), page, FaultKind::CutBefore] {
        survives(&[Fault::new("*", kind.clone()).times(3), Fault::new("jobs.insert", kind).after(1).times(2)]);
    }
    survives(&[
        Fault::new("jobs.insert", FaultKind::Refuse(Refusal::unavailable())).times(2),
        Fault::new("jobs.insert", FaultKind::LoseAnswer(Loss::Unavailable)).times(2),
    ]);
    survives(&[
        Fault::new("jobs.insert", FaultKind::Refuse(Refusal::rate_limit_exceeded())).times(2),
        Fault::new("jobs.get", FaultKind::Refuse(Refusal::rate_limit_exceeded().with_status(429))).times(2),
    ]);
}

#[test]
fn slow_jobs_are_waited_for() {
    survives(&[
        Fault::new("jobs.insert", FaultKind::Slow(Slow::Polls { pending: 2, running: 2 })),
        Fault::new("jobs.insert", FaultKind::Slow(Slow::For(Duration::from_millis(400)))),
        Fault::new("tables.get", FaultKind::Delay(Duration::from_millis(100))),
    ]);
}

#[test]
fn a_job_that_fails_in_passing_is_followed_by_the_next_attempt() {
    for reason in ["backendError", "internalError", "rateLimitExceeded", "tableUnavailable"] {
        let fail =
            |skip| Fault::new("jobs.insert", FaultKind::FailJob(Refusal::new(reason, "for a moment"))).after(skip);
        let project = survives(&[fail(0), fail(0), fail(1)]);
        let attempts =
            |kind| project.jobs(kind).iter().map(|id| id.rsplit('-').next().unwrap().to_owned()).collect::<Vec<_>>();
        assert_eq!(
            (attempts("load"), attempts("merge")),
            (vec!["0".into(), "1".into(), "2".into()], vec!["0".to_owned(), "1".into()])
        );
    }
    // Another program changed the table at the same moment.
    let race = Refusal::new(
        "invalidQuery",
        "Could not serialize access to table test-project:d.pairs due to concurrent update",
    );
    survives(&[Fault::new("jobs.insert", FaultKind::FailJob(race)).on_table("pairs")]);
}

/// What a load that fails says; nothing of it is left behind.
fn fails(faults: &[Fault]) -> (String, String) {
    let project = Project::new();
    faults.iter().for_each(|fault| project.bigquery.fault(fault.clone()));
    block_on(async {
        let mut sink = project.open(&format!("{PROJECT}.d"));
        let the_load = load("run-1", "one", &pairs());
        let error = load_all(sink.as_mut(), &the_load, rows(&pairs(), &numbered(50))).await.unwrap_err();
        let told = (error.code().to_owned(), format!("{error}. {}", error.remedy().unwrap_or_default()));
        eprintln!("{}: {}", told.0, told.1);
        sink.abort().await.unwrap();
        assert!(project.storage.list("staging", "").is_empty());
        assert!(project.bigquery.tables(PROJECT, "d").iter().all(|t| t == "pairs"));
        // Run again, it is as if nothing had been.
        project.bigquery.clear_faults();
        let counts = load_all(sink.as_mut(), &the_load, rows(&pairs(), &numbered(50))).await.unwrap();
        assert_eq!(counts, inserted(ROWS));
        assert_eq!(project.count("pairs"), ROWS);
        told
    })
}

#[test]
fn a_quota_is_told_with_what_to_do() {
    let used_up = Refusal::new(
        "quotaExceeded",
        "Quota exceeded: Your table exceeded quota for imports or query appends per table.",
    );
    for kind in [FaultKind::Refuse(used_up.clone()), FaultKind::FailJob(used_up)] {
        let (code, told) = fails(&[Fault::new("jobs.insert", kind)]);
        assert_eq!(code, "sink.quota");
        assert!(
            ["Your table exceeded quota", "Load less often", "bigquery/quotas"].iter().all(|p| told.contains(p)),
            "{told}"
        );
    }
}

#[test]
fn a_job_that_fails_for_good_is_told_without_values() {
    let secret = Refusal::new("invalidQuery", "Bad value: the secret of a row");
    let (code, told) = fails(&[Fault::new("jobs.insert", FaultKind::FailJob(secret)).on_table("pairs")]);
    assert_eq!(code, "sink.refused");
    assert!(
        !told.contains("secret") && told.contains("bq show -j --location=europe-west1 test-project:gristmill-merge-"),
        "{told}"
    );
    let stopped = Refusal::new("stopped", "Job execution was cancelled: User requested cancellation");
    let (code, told) = fails(&[Fault::new("jobs.insert", FaultKind::FailJob(stopped))]);
    assert!(code == "sink.lost" && told.contains("cancelled"), "{told}");
}

#[test]
fn rights_that_are_missing_are_named() {
    for (method, permission, on) in [
        ("datasets.get", "bigquery.datasets.get", "Dataset test-project:d"),
        ("tables.get", "bigquery.tables.get", "Table test-project:d.pairs"),
        ("tables.insert", "bigquery.tables.create", "Dataset test-project:d"),
        ("jobs.insert", "bigquery.jobs.create", "Project test-project"),
    ] {
        let denied = FaultKind::Refuse(Refusal::access_denied(permission, on));
        let (code, told) = fails(&[Fault::new(method, denied)]);
        assert_eq!(code, "sink.right");
        assert!(
            [permission, on.split(' ').next_back().unwrap(), "as nobody (an emulator)", "roles/bigquery."]
                .iter()
                .all(|p| told.contains(p)),
            "{told}"
        );
    }
}

#[test]
fn a_staging_object_that_is_there_is_the_one_that_is_wanted() {
    let project = Project::new();
    let the_load = load("run-1", "one", &pairs());
    let batch = || rows(&pairs(), &numbered(50));
    block_on(async {
        // A load ends before its first job, as if it were killed: its object stays.
        let mut killed = project.open(&format!("{PROJECT}.d"));
        let no_more = Refusal::new("quotaExceeded", "no more");
        project.bigquery.fault(Fault::new("tables.insert", FaultKind::Refuse(no_more)));
        load_all(killed.as_mut(), &the_load, batch()).await.unwrap_err();
        let left = project.storage.list("staging", "");
        assert_eq!(left.len(), 1);
        std::mem::forget(killed);
        let mut again = project.open(&format!("{PROJECT}.d"));
        again.begin(&the_load).await.unwrap();
        again.write(0, batch()).await.unwrap();
        // The answer to an upload is lost on the way, too.
        let lost = storage::Fault::new(storage::Effect::HangUpAfter).on(storage::Operation::InsertObject);
        project.storage.fault(lost);
        assert_eq!(again.commit().await.unwrap(), inserted(ROWS));
    });
    assert!(project.storage.list("staging", "").is_empty());
}

#[test]
fn another_object_under_that_name_is_not_taken() {
    let project = Project::new();
    let the_load = load("run-1", "one", &pairs());
    block_on(async {
        let mut killed = project.open(&format!("{PROJECT}.d"));
        project
            .bigquery
            .fault(Fault::new("tables.insert", FaultKind::Refuse(Refusal::new("quotaExceeded", "no more"))));
        load_all(killed.as_mut(), &the_load, rows(&pairs(), &numbered(50))).await.unwrap_err();
        let name = project.storage.list("staging", "").pop().unwrap();
        project.storage.put("staging", &name, "something else").unwrap();
        std::mem::forget(killed);
        let mut again = project.open(&format!("{PROJECT}.d"));
        let error = load_all(again.as_mut(), &the_load, rows(&pairs(), &numbered(50))).await.unwrap_err();
        assert_eq!(error.code(), "storage.exists");
        assert!(error.to_string().contains(&name), "{error}");
        assert!(project.bigquery.tables(PROJECT, "d").is_empty());
    });
}

#[test]
fn jobs_of_a_process_that_was_killed_are_found() {
    // Killed after each request of the load: another process begins where this one ended.
    for (log_table, methods) in [(false, 20), (true, 20)] {
        for at in 0..methods {
            let project = Project::new();
            let tables = if log_table { log() } else { pairs() };
            let some = if log_table { vec![json!({"text": "a"}), json!({"text": "a"})] } else { numbered(50) };
            let the_load = load("run-1", "one", &tables);
            let done = block_on(async {
                let mut killed = project.open(&format!("{PROJECT}.d"));
                // From this request on nothing is answered.
                project.bigquery.fault(Fault::new("*", FaultKind::LoseAnswer(Loss::Cut)).after(at).times(1));
                project.bigquery.fault(
                    Fault::new("*", FaultKind::Refuse(Refusal::new("stopped", "killed"))).after(at).times(1_000),
                );
                let done = load_all(killed.as_mut(), &the_load, rows(&tables, &some)).await.is_ok();
                std::mem::forget(killed);
                project.bigquery.clear_faults();
                let mut again = project.open(&format!("{PROJECT}.d"));
                let counts = load_all(again.as_mut(), &the_load, rows(&tables, &some)).await.unwrap();
                assert_eq!(counts[0].rows(), some.len() as u64, "request {at}: {counts:?}");
                done
            });
            let name = tables[0].name();
            assert_eq!(project.count(name), some.len() as u64, "request {at}");
            for left in project.bigquery.tables(PROJECT, "d").iter().filter(|t| *t != name) {
                // Where a job says that its rows are there, nobody knows what else its process left: that goes by itself.
                assert!(log_table && left.starts_with("_gristmill_"), "request {at}: {left}");
                assert!(project.bigquery.table(PROJECT, "d", left).unwrap()["expirationTime"].is_string());
            }
            if done {
                break;
            }
            assert!(at + 1 < methods, "the load has more requests");
        }
    }
}

#[test]
fn what_an_earlier_process_did_is_not_taken_for_what_is_there() {
    let project = Project::new();
    let the_load = load("run-1", "one", &pairs());
    let batch = || rows(&pairs(), &numbered(50));
    block_on(async {
        let mut sink = project.open(&format!("{PROJECT}.d"));
        assert_eq!(load_all(sink.as_mut(), &the_load, batch()).await.unwrap(), inserted(ROWS));
        assert_eq!(load_all(sink.as_mut(), &the_load, batch()).await.unwrap(), already(ROWS));
        // The same run again, with the same ids, after somebody removed half of the rows.
        project.sql("DELETE FROM d.pairs WHERE MOD(n, 2) = 0");
        let counts = load_all(sink.as_mut(), &the_load, batch()).await.unwrap();
        assert_eq!((counts[0].inserted, counts[0].already), (ROWS / 2, ROWS / 2));
    });
    assert_eq!(project.count("pairs"), ROWS);
}
