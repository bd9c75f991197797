//! Keys that two documents share, and documents that are there twice.

use rusqlite::Connection;

use crate::kit::{assert_balanced, folder, json_lines, report, run_in, write_lines};

/// `a-b` + `c` and `a` + `b-c` make one insert_id: the later document is refused, never dropped.
#[test]
fn a_collision_is_reported_and_kept() {
    for workers in ["1", "2"] {
        let f = folder();
        // In two files, so that two workers may meet the later one first.
        write_lines(&f.path().join("1.ndjson"), &[report("a-b", "c", "t", 0.25, "2024-01-01T00:00:00Z")]);
        write_lines(
            &f.path().join("2.ndjson"),
            &[report("a", "b-c", "t", 0.5, "2025-01-01T00:00:00Z"), report("x", "y", "z", 0.5, "2024-01-01T00:00:00Z")],
        );
        let args =
            ["run", "*.ndjson", "--to", "sqlite:q.db", "--dead-letters", "d.jsonl", "--json", "--workers", workers];
        let summary = run_in(f.path(), &args).ok().json();
        assert_balanced(&summary);
        assert_eq!(summary["rows"][0]["collision"], 1);
        assert_eq!(summary["rows"][0]["inserted"], 2);
        let letters = json_lines(&f.path().join("d.jsonl"));
        assert_eq!(letters.len(), 1);
        let letter = &letters[0];
        assert_eq!(letter["code"], "dedup.collision");
        assert_eq!(letter["stage"], "dedup");
        assert!(letter["document"]["name"].as_str().unwrap().ends_with("teams/a/reports/b-c/qualityReports/t"));
        assert!(letter["message"].as_str().unwrap().contains("1.ndjson, offset 0"), "{letter}");
        let score: f64 = Connection::open(f.path().join("q.db"))
            .unwrap()
            .query_row("SELECT overallScore FROM quality_stream WHERE insert_id = 'a-b-c-t'", [], |r| r.get(0))
            .unwrap();
        assert_eq!(score, 0.25, "the first in input order keeps the key");
    }
}

/// A collision counts against the gate.
#[test]
fn a_collision_can_stop_a_run() {
    let f = folder();
    let documents =
        [report("a-b", "c", "t", 0.25, "2024-01-01T00:00:00Z"), report("a", "b-c", "t", 0.5, "2025-01-01T00:00:00Z")];
    write_lines(&f.path().join("in.ndjson"), &documents);
    let args = ["run", "in.ndjson", "--to", "sqlite:q.db", "--max-rejected", "0"];
    run_in(f.path(), &args)
        .fails(7, &["run.max-rejected", "there are 1 dead letters", "nothing was loaded", "dead-letters/"]);
    assert!(!f.path().join("q.db").exists(), "a run that fails its gates touches nothing");
}

/// A file that holds no dead letters is somebody's.
#[test]
fn dead_letters_replace_nothing_else() {
    let f = folder();
    write_lines(&f.path().join("in.ndjson"), &[report("a", "b", "t", 7.0, "2024-01-01T00:00:00Z")]);
    std::fs::write(f.path().join("thesis.txt"), "mine").unwrap();
    let run = |to: &str| run_in(f.path(), &["run", "in.ndjson", "--to", "sqlite:q.db", "--dead-letters", to]);
    run("thesis.txt").fails(2, &["thesis.txt", "to do:"]);
    assert_eq!(std::fs::read_to_string(f.path().join("thesis.txt")).unwrap(), "mine");
    // Its one record is refused, so nothing is loaded.
    run("/dev/null").fails(7, &["run.max-rejected"]);
    assert!(std::path::Path::new("/dev/null").exists() && !std::path::Path::new("/dev/null").is_file());
    run("d.jsonl").fails(7, &["d.jsonl"]);
    run("d.jsonl").fails(7, &["d.jsonl"]);
    assert_eq!(json_lines(&f.path().join("d.jsonl")).len(), 1);
}

/// A document repeated in two files is one row, the newest.
#[test]
fn a_repeated_document_is_one_row() {
    let f = folder();
    write_lines(&f.path().join("1.ndjson"), &[report("a", "b", "t", 0.75, "2025-01-01T00:00:00Z")]);
    write_lines(
        &f.path().join("2.ndjson"),
        &[report("a", "b", "t", 0.25, "2024-01-01T00:00:00Z"), report("a", "b", "t", 0.5, "2025-01-01T00:00:00Z")],
    );
    let summary = run_in(f.path(), &["run", "*.ndjson", "--to", "ndjson:out.ndjson", "--json"]).ok().json();
    assert_balanced(&summary);
    assert_eq!((&summary["rows"][0]["duplicate"], &summary["rows"][0]["inserted"]), (&2.into(), &1.into()));
    let rows = json_lines(&f.path().join("out.ndjson"));
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["overallScore"], 0.75, "of equally new ones the first in input order stays");
    assert!(!f.path().join("dead-letters").exists());
}

/// What the destination holds stays under `keep`, and is replaced under `update`.
#[test]
fn rows_that_a_stream_wrote() {
    let f = folder();
    write_lines(&f.path().join("1.ndjson"), &[report("a", "b", "t", 0.25, "2024-01-01T00:00:00Z")]);
    let run = |extra: &[&str]| {
        let mut args = vec!["run", "1.ndjson", "--to", "sqlite:q.db", "--json"];
        args.extend(extra);
        run_in(f.path(), &args).ok().json()["rows"][0].clone()
    };
    assert_eq!(run(&[])["inserted"], 1);
    let db = Connection::open(f.path().join("q.db")).unwrap();
    db.execute("UPDATE quality_stream SET source = 'stream', overallScore = 0.9", []).unwrap();
    let source = || db.query_row("SELECT source FROM quality_stream", [], |r| r.get::<_, String>(0)).unwrap();
    assert_eq!(run(&["--on-conflict", "keep"])["already"], 1);
    assert_eq!(source(), "stream");
    assert_eq!(run(&["--on-conflict", "update"])["updated"], 1);
    assert_eq!(source(), "backfill");
}
