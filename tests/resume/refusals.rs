//! Runs that may not go on: something is not as it was, or somebody else is at it.

use serde_json::Value;

use super::{Job, ended, signal};
use crate::kit::{Ran, export, folder, run_in};

const DOCUMENTS: u64 = 60_000;

/// A run that was killed half way, with a plugin from a file and a file of rules.
fn killed() -> Job {
    let job = Job::new(DOCUMENTS, "sqlite:q.db", &["--workers", "2", "--plugin", "p.wasm", "--rules", "rules.toml"]);
    let plugin = gristmill_guest::default_plugin().unwrap();
    std::fs::copy(plugin, job.path().join("p.wasm")).unwrap();
    std::fs::write(
        job.path().join("rules.toml"),
        "[[rule]]\nname = \"coverage-range\"\ncolumn = \"coverage\"\nrange = { min = -1000000 }\n",
    )
    .unwrap();
    job.killed_after(3, &[]);
    job
}

/// What the program says has changed.
fn changes(ran: Ran) -> Vec<String> {
    let error: Value = serde_json::from_str(ran.stderr.trim()).unwrap_or_else(|e| panic!("{e}: {}", ran.stderr));
    assert_eq!((ran.code, error["error"]["code"].as_str()), (8, Some("run.not-the-same")), "{error}");
    assert!(error["error"]["remedy"].as_str().unwrap().contains("--fresh"), "{error}");
    let changes = error["unfinished"]["changes"].as_array().unwrap();
    changes.iter().map(|c| c["what"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_changed_is_told() {
    let job = killed();
    let done = job.finished();
    // The configuration.
    assert_eq!(changes(job.run(&["--config", "overall-score-max=100"])), ["configuration"]);
    assert_eq!(
        changes(job.run(&["--on-conflict", "update", "--max-document", "1MiB"])),
        ["--max-document", "--on-conflict"]
    );
    // The rules, and the plugin.
    let rules = std::fs::read_to_string(job.path().join("rules.toml")).unwrap();
    std::fs::write(job.path().join("rules.toml"), rules.replace("-1000000", "0")).unwrap();
    assert_eq!(changes(job.run(&[])), ["validator 1"]);
    std::fs::write(job.path().join("rules.toml"), rules).unwrap();
    let plugin = std::fs::read(job.path().join("p.wasm")).unwrap();
    // A custom section of no meaning: another file of the same plugin.
    std::fs::write(job.path().join("p.wasm"), [&plugin[..], &[0, 3, 1, b'x', 0]].concat()).unwrap();
    assert_eq!(changes(job.run(&[])), ["plugin"]);
    std::fs::write(job.path().join("p.wasm"), plugin).unwrap();
    // The input: written again with the same bytes, it is another file all the same.
    let file = job.made.files[1].clone();
    let (bytes, time) = (std::fs::read(&file).unwrap(), std::fs::metadata(&file).unwrap().modified().unwrap());
    std::fs::write(&file, &bytes).unwrap();
    let told = changes(job.run(&[]));
    assert!(told.len() == 1 && told[0].starts_with("input ") && told[0].ends_with("output-1"), "{told:?}");
    let text = job.call(&["resume"]).fails(8, &["cannot go on", "output-1: written ", "--fresh"]).stderr;
    assert!(text.contains(", and was written "), "{text}");
    std::fs::File::options().write(true).open(&file).unwrap().set_modified(time).unwrap();
    // Nothing of that has hurt the run.
    assert_eq!(job.finished(), done);
    let summary = job.run(&[]).ok().json();
    assert_eq!(summary["splits_taken_over"].as_u64(), Some(done as u64));
}

#[test]
fn begun_anew() {
    let job = killed();
    changes(job.run(&["--config", "overall-score-max=100"]));
    let summary = job.run(&["--config", "overall-score-max=100", "--fresh"]).ok().json();
    assert!(summary.get("splits_taken_over").is_none(), "{summary}");
    assert!(job.kept().is_empty());
    let states: Vec<_> = job.runs().iter().map(|r| r["state"].as_str().unwrap().to_owned()).collect();
    assert_eq!(states, ["done", "interrupted"]);
}

/// Two processes on one run: the second is told who is at it, and the first goes on undisturbed.
#[test]
fn two_processes() {
    let job = Job::new(DOCUMENTS, "sqlite:q.db", &["--workers", "1"]);
    let child = job.start_until(2, &[]);
    signal(&child, "-STOP");
    let pid = format!("number {}", child.id());
    job.run(&[]).fails(6, &["state.held", &pid]);
    job.run(&["--fresh"]).fails(6, &["state.held", &pid]);
    let id = job.runs()[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(job.runs()[0]["state"], "running");
    job.call(&["resume", &id]).fails(6, &["state.held", &pid]);
    job.call(&["resume"]).fails(2, &["no run can go on"]);
    job.call(&["runs", "prune", "--max-size", "0B", "--older-than", "0s"]).ok();
    signal(&child, "-CONT");
    let ran = ended(child);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(job.runs()[0]["state"], "done");
}

#[test]
fn state_folders_that_cannot_be_used() {
    let f = folder();
    let run = || run_in(f.path(), &["run", &export("second"), "--to", "sqlite:q.db", "--state", "s"]);
    run().ok();
    let database = f.path().join("s/runs.db");
    for name in ["runs.db-wal", "runs.db-shm"] {
        let _ = std::fs::remove_file(f.path().join("s").join(name));
    }
    let bytes = std::fs::read(&database).unwrap();
    std::fs::write(&database, [&b"damaged "[..], &bytes[8..]].concat()).unwrap();
    run().fails(6, &["state.damaged", "s/runs.db", "Move it away"]);
    let ls = run_in(f.path(), &["runs", "ls", "--state", "s"]);
    ls.fails(6, &["state.damaged"]);
    std::fs::write(&database, bytes).unwrap();
    rusqlite::Connection::open(&database).unwrap().execute_batch("PRAGMA user_version = 1000").unwrap();
    run().fails(6, &["state.newer", "version 1000"]);
    std::fs::remove_file(&database).unwrap();
    run().ok();
    let runs = run_in(f.path(), &["--json", "runs", "ls", "--state", "s"]).ok().json();
    assert_eq!(runs.as_array().unwrap().len(), 1, "a new one was begun");
}

/// The password of a destination is not kept, so whoever goes on by the run's id names it once more.
#[test]
fn passwords_are_not_kept() {
    let f = folder();
    let to = "postgresql://ann:secret@127.0.0.1:1/d";
    run_in(f.path(), &["run", &export("second"), "--to", to, "--state", "s"]).fails(5, &["sink.unreachable"]);
    for (path, bytes) in crate::kit::tree(&f.path().join("s")) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.contains("secret"), "{}", path.display());
    }
    let runs = run_in(f.path(), &["--json", "runs", "ls", "--state", "s"]).ok().json();
    assert_eq!(
        (runs[0]["state"].as_str(), runs[0]["error"]["code"].as_str()),
        (Some("failed"), Some("sink.unreachable"))
    );
    assert!(runs[0]["command"]["arguments"].to_string().contains("ann:…@127.0.0.1"), "{runs}");
    // Its work is kept, as if it had some.
    let db = rusqlite::Connection::open(f.path().join("s/runs.db")).unwrap();
    db.execute_batch("UPDATE runs SET resumable = 1").unwrap();
    run_in(f.path(), &["resume", "--state", "s"]).fails(2, &["cli.resume", "password", "--to URL"]);
    let other = "postgresql://ann:secret@127.0.0.1:1/other";
    run_in(f.path(), &["resume", "--state", "s", "--to", other]).fails(2, &["cli.resume", "goes to", "ann:…@"]);
    run_in(f.path(), &["resume", "--state", "s", "--to", to]).fails(5, &["sink.unreachable"]);
}
