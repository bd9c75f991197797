//! Runs that are tried again.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::{Started, export_of, run};
use crate::kit::{finish, root};

/// Somebody else writes to the destination, and then does not any more.
#[test]
fn until_what_was_wrong_has_passed() {
    let f = export_of(20_000);
    let lock = rusqlite::Connection::open(f.path().join("q.db")).unwrap();
    lock.execute_batch("CREATE TABLE other (x); BEGIN IMMEDIATE; INSERT INTO other VALUES (1)").unwrap();
    let retry = ["--retry-attempts", "20", "--retry-wait", "100ms", "--workers", "1"];
    let started = Started::new(&mut run(f.path(), &retry));
    let line = started.line_with("attempt 1 of 20 failed");
    assert!(line.contains("error[sink.busy]") && line.contains("100ms"), "{line}");
    lock.execute_batch("COMMIT").unwrap();
    let (code, rest) = started.end();
    assert_eq!(code, 0, "{rest:#?}");
    // The splits of the first attempt are not done again, and it is one run.
    assert!(rest.iter().any(|line| line.starts_with("resumed ")), "{rest:#?}");
    let state = rusqlite::Connection::open(f.path().join("state/runs.db")).unwrap();
    let runs: (i64, i64) =
        state.query_row("SELECT count(*), max(attempts) FROM runs", [], |r| Ok((r.get(0)?, r.get(1)?))).unwrap();
    assert!(runs.0 == 1 && runs.1 >= 2, "{runs:?}");
}

/// With `--fresh` an attempt does not give up what the one before it has done.
#[test]
fn as_often_as_was_said_and_no_oftener() {
    let f = export_of(300);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let to = format!("postgresql://nobody@{closed}/none");
    let retry = ["--retry-attempts", "3", "--retry-wait", "10ms", "--to", &to, "--fresh"];
    let mut command = crate::kit::gristmill();
    command.current_dir(f.path()).env("GRISTMILL_STATE", "state").args(["run", "export"]).args(retry);
    let ran = finish(&mut command).fails(5, &["sink.unreachable", "attempt 1 of 3", "attempt 2 of 3", "20ms"]);
    assert!(!ran.stderr.contains("attempt 3 of 3"), "{}", ran.stderr);
    // What does not pass is not tried again.
    let ran =
        finish(&mut run(f.path(), &["--retry-attempts", "3", "--max-rejected", "0"])).fails(7, &["run.max-rejected"]);
    assert!(!ran.stderr.contains("attempt"), "{}", ran.stderr);
}

#[test]
fn a_signal_ends_the_wait() {
    let f = export_of(3_000);
    let lock = rusqlite::Connection::open(f.path().join("q.db")).unwrap();
    lock.execute_batch("CREATE TABLE other (x); BEGIN IMMEDIATE; INSERT INTO other VALUES (1)").unwrap();
    let started = Started::new(&mut run(f.path(), &["--retry-attempts", "2", "--retry-wait", "10m"]));
    started.line_with("attempt 1 of 2 failed");
    let start = Instant::now();
    let id = started.child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let (code, rest) = started.end();
    assert!(code == 5 && start.elapsed() < Duration::from_secs(30), "{code} {rest:#?}");
    assert!(rest.iter().any(|line| line.contains("gristmill resume")), "{rest:#?}");
}

/// The page lists the codes that are tried again.
#[test]
fn the_page_lists_what_may_pass() {
    let page = std::fs::read_to_string(root().join("docs/watching.md")).unwrap();
    let mut told: Vec<String> = page.lines().last().unwrap().split(", ").map(|code| code.replace('`', "\"")).collect();
    let source = std::fs::read_to_string(root().join("host/cli/src/retry.rs")).unwrap();
    let list = source.split("PASSING").nth(1).unwrap().split("= [").nth(1).unwrap().split("];").next().unwrap();
    let mut named: Vec<String> = list.split(',').map(|code| code.trim().to_owned()).filter(|c| !c.is_empty()).collect();
    told.sort();
    named.sort();
    assert_eq!(told, named);
}
