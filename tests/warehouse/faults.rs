//! What happens to a load on its way. Always: run again, the table is that of an undisturbed run. The sink's own tests have the faults one by
//! one; these are of the whole program.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use gristmill_doubles::bigquery::{Fault, FaultKind, Loss, Refusal, Slow};
use gristmill_doubles::storage::{self, Effect};

use super::cloud::{Cloud, TABLE, sqlite};
use crate::databases::engine::counts;
use crate::kit::folder;

/// An answer that does not come before the program is killed.
const NEVER: Duration = Duration::from_secs(600);

fn ended(child: &mut Child) -> bool {
    child.try_wait().unwrap().is_some()
}

/// Runs the program and kills it when `reached` says so; false where it ended before.
fn killed(cloud: &Cloud, folder: &Path, reached: impl Fn() -> bool) -> bool {
    let mut child = cloud.job(folder, &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !reached() && !ended(&mut child) {
        std::thread::sleep(Duration::from_millis(2));
    }
    let came = !ended(&mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    came
}

/// The same command once more, after which everything is as it should be.
fn again(cloud: &Cloud, folder: &Path, expected: &[String], at: usize) {
    cloud.bigquery.clear_faults();
    cloud.storage.clear_faults();
    let ran = cloud.run(folder, &[]).ok();
    assert_eq!(counts(&ran).iter().sum::<u64>(), expected.len() as u64, "request {at}");
    assert!(cloud.rows() == expected, "request {at}: the rows are others");
    cloud.assert_tidy();
}

#[test]
fn killed_after_every_request_to_bigquery() {
    let f = folder();
    let expected = sqlite(f.path());
    // Into a dataset without the table, and into a table that has half of the rows.
    for half in [false, true] {
        let mut reached = 0;
        loop {
            // A project of its own: what runs before have left to find would be more requests each time.
            let cloud = Cloud::new();
            if half {
                cloud.run(f.path(), &[]).ok();
                cloud.sql(&format!("DELETE FROM `{TABLE}` WHERE gaps = 0"));
                cloud.bigquery.clear_requests();
            }
            // The request takes effect, and the program does not live to hear of it.
            let delay = FaultKind::Delay(NEVER);
            cloud.bigquery.fault(Fault::new("*", delay).after(u32::try_from(reached).unwrap()));
            if !killed(&cloud, f.path(), || cloud.bigquery.requests().len() > reached) {
                break;
            }
            again(&cloud, f.path(), &expected, reached);
            reached += 1;
        }
        assert!((10..40).contains(&reached), "{reached}");
    }
}

#[test]
fn killed_at_every_request_to_cloud_storage() {
    let f = folder();
    let expected = sqlite(f.path());
    let cloud = Cloud::new();
    let mut reached = 0;
    loop {
        cloud.storage.clear_requests();
        let slow = Effect::Slow { bytes: 1, pause: NEVER };
        cloud.storage.fault(storage::Fault::new(slow).after(u32::try_from(reached).unwrap()));
        if !killed(&cloud, f.path(), || cloud.storage.requests().len() > reached) {
            break;
        }
        again(&cloud, f.path(), &expected, reached);
        cloud.drop_table();
        reached += 1;
    }
    assert!(reached >= 3, "{reached}");
}

#[test]
fn a_bad_day_is_survived() {
    let (cloud, f) = (Cloud::new(), folder());
    let expected = sqlite(f.path());
    let (bigquery, storage) = (&cloud.bigquery, &cloud.storage);
    bigquery.fault(Fault::new("*", FaultKind::Refuse(Refusal::unavailable())).times(2));
    bigquery.fault(Fault::new("jobs.insert", FaultKind::LoseAnswer(Loss::Cut)).times(2));
    bigquery.fault(Fault::new("jobs.insert", FaultKind::Slow(Slow::Polls { pending: 1, running: 1 })));
    bigquery.fault(Fault::new("jobs.get", FaultKind::Refuse(Refusal::rate_limit_exceeded())));
    bigquery.fault(Fault::new("jobs.insert", FaultKind::FailJob(Refusal::new("backendError", "for a moment"))));
    storage.fault(storage::Fault::new(Effect::Refuse(503)).times(2));
    storage.fault(storage::Fault::new(Effect::HangUpAfter).on(storage::Operation::InsertObject));
    let ran = cloud.run(f.path(), &[]).ok();
    assert_eq!(counts(&ran), [expected.len() as u64, 0, 0]);
    assert_eq!(cloud.rows(), expected);
    cloud.assert_tidy();
}
