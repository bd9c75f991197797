//! Bad records, mended by a newer plugin and replayed: as if they had never been bad (requirement D6).

use rusqlite::Connection;
use serde_json::{Value, json};

use super::{BAD, Folder, REPORTS, STARTED, WIDE, counts, hopeless, newer};
use crate::kit::{assert_balanced, report, run_in, write_lines};

#[test]
fn as_if_they_had_never_been_bad() {
    let f = Folder::new();
    f.run_good("sqlite:good.db", &[]);
    let first = f.run("sqlite:q.db", &[]).ok().json();
    assert_eq!(first["records"]["refused"], BAD);
    assert_ne!(f.quality("q.db"), f.quality("good.db"));
    let plugin = newer().display().to_string();
    let summary = f.replay(&["--plugin", &plugin, "--config", WIDE]).ok().json();
    assert_balanced(&summary);
    assert_eq!(counts(&summary), [BAD, 0, 0, 0]);
    assert_eq!(summary["records"]["read"], BAD, "only what was refused is read");
    assert_eq!(summary["started_at"], first["started_at"], "rows bear the time of the run");
    assert_eq!(summary["replays"]["run"], first["run_id"]);
    assert_eq!((&summary["replays"]["from"], &summary["replays"]["records"]), (&json!("letters"), &json!(BAD)));
    assert_eq!(f.quality("q.db"), f.quality("good.db"));
    // It is a run of its own.
    let record = &f.runs()[0];
    assert_eq!((&record["id"], &record["state"]), (&summary["run_id"], &json!("done")));
    assert_ne!(record["id"], first["run_id"]);
    assert_eq!(record["details"]["replays"], summary["replays"]);
    assert!(record["plugin"]["name"].as_str().unwrap().starts_with("quality-c"), "{record}");
    // Once more changes nothing.
    let run = first["run_id"].as_str().unwrap();
    let again = f.replay(&[run, "--plugin", &plugin, "--config", WIDE]).ok().json();
    assert_eq!(counts(&again), [0, 0, BAD, 0]);
    // Neither does the built-in plugin, whose rows they would have been at first.
    let again = f.replay(&[run, "--config", WIDE]).ok().json();
    assert_eq!(counts(&again), [0, 0, BAD, 0]);
    assert_eq!(f.quality("q.db"), f.quality("good.db"));
}

/// Of a real export, with the names and types that a document can have.
#[test]
fn an_export_of_firestore() {
    let f = Folder::empty();
    let export = crate::kit::export("yago");
    let run = |to: &str, max: &str| {
        let config = format!("overall-score-max={max}");
        f.call(&["--json", "run", &export, "--to", to, "--config", &config, "--started-at", STARTED]).ok().json()
    };
    let good = run("sqlite:good.db", "100");
    let bad = run("sqlite:q.db", "1");
    let hopeless = good["records"]["refused"].as_u64().unwrap();
    assert!(bad["records"]["refused"].as_u64().unwrap() > hopeless && hopeless > 0);
    let summary = f.replay(&["--config", WIDE]).ok().json();
    assert_balanced(&summary);
    assert_eq!(f.quality("q.db"), f.quality("good.db"));
    // What is still refused is what the other run refused, with the places in the export.
    let of = |summary: &Value| -> Vec<Value> {
        let part = |letter: Value| {
            json!(["file", "offset", "code", "field", "message", "document"].map(|name| letter[name].clone()))
        };
        f.letters_of(summary).into_iter().map(part).collect()
    };
    assert_eq!(of(&summary), of(&good));
    // And is replayed in turn, with what was said to the replay before.
    let again = f.replay(&[]).fails(7, &["run.max-rejected", "output-0"]);
    assert!(again.stderr.contains(&hopeless.to_string()));
    assert_eq!(f.quality("q.db"), f.quality("good.db"));
}

#[test]
fn a_row_that_a_stream_brought_stays() {
    let f = Folder::new();
    f.run_good("sqlite:good.db", &[]);
    f.run("sqlite:q.db", &[]).ok();
    // In the meantime, the key of a refused report.
    let db = Connection::open(f.path().join("q.db")).unwrap();
    let stream = "INSERT INTO quality_stream (insert_id, team_id, report_id, event_ts, overallScore, source) \
                  VALUES ('team0-r0-0', 'team0', 'r0', '2024-01-01T00:00:00Z', 50, 'stream')";
    db.execute(stream, []).unwrap();
    let summary = f.replay(&["--config", WIDE]).ok().json();
    assert_eq!(counts(&summary), [BAD - 1, 0, 1, 0]);
    let source = "SELECT source FROM quality_stream WHERE insert_id = 'team0-r0-0'";
    let source: String = db.query_row(source, [], |r| r.get(0)).unwrap();
    assert_eq!(source, "stream");
    assert_eq!(f.quality("q.db").len(), REPORTS);
}

/// Copies of a document in one export, some of them refused: of all, the newest is what is there in the end.
#[test]
fn under_update_the_newest_copy_wins() {
    let f = Folder::empty();
    let copy = |team: &str, score: f64, day: u32| report(team, "r", "t", score, &format!("2024-01-{day:02}T00:00:00Z"));
    // The older is bad; the newer is bad; both are; and one that has no copy.
    let first = [copy("a", 50.0, 1), copy("b", 0.2, 1), copy("c", 60.0, 2), copy("d", 70.0, 1)];
    let second = [copy("a", 0.1, 2), copy("b", 55.0, 2), copy("c", 61.0, 1), copy("e", 0.5, 1)];
    write_lines(&f.path().join("export/1.ndjson"), &first);
    write_lines(&f.path().join("export/2.ndjson"), &second);
    f.run_good("sqlite:good.db", &[]);
    let update = ["--on-conflict", "update"];
    f.run("sqlite:q.db", &update).ok();
    // What came since then to a record that was not refused is nothing of the replay's.
    let db = Connection::open(f.path().join("q.db")).unwrap();
    db.execute("UPDATE quality_stream SET gaps = 77 WHERE team_id = 'e'", []).unwrap();
    let summary = f.replay(&["--config", WIDE]).ok().json();
    assert_balanced(&summary);
    assert_eq!(summary["replays"]["from"], "export", "copies are known from the export alone");
    assert_eq!(counts(&summary), [2, 1, 0, 3], "c and d are new, b is newer");
    assert_eq!(summary["rows"][0]["elsewhere"], 2, "a and e");
    let gaps: i64 = db.query_row("SELECT gaps FROM quality_stream WHERE team_id = 'e'", [], |r| r.get(0)).unwrap();
    assert_eq!(gaps, 77);
    db.execute("UPDATE quality_stream SET gaps = 3 WHERE team_id = 'e'", []).unwrap();
    assert_eq!(f.quality("q.db"), f.quality("good.db"));
    // Twice.
    let run = summary["replays"]["run"].as_str().unwrap();
    let again = f.replay(&[run, "--config", WIDE]).ok().json();
    assert_eq!(counts(&again)[..2], [0, 0], "{again}");
    assert_eq!(f.quality("q.db"), f.quality("good.db"));
}

/// Where a destination holds the rows of one run, all of the run is run again.
#[test]
fn a_destination_that_holds_one_run_is_made_anew() {
    let f = Folder::new();
    for (to, good) in [("ndjson:q.ndjson", "ndjson:good.ndjson"), ("parquet:q", "parquet:good")] {
        f.run_good(good, &[]);
        f.run(to, &[]).ok();
        f.replay(&["--from", "letters", "--config", WIDE])
            .fails(2, &["cli.dead-letters", "take the place of all others"]);
        let summary = f.replay(&["--config", WIDE]).ok().json();
        assert_balanced(&summary);
        assert_eq!((&summary["replays"]["from"], &summary["replays"]["whole"]), (&json!("export"), &json!(true)));
        assert_eq!(counts(&summary)[0], REPORTS as u64);
    }
    let read = |name: &str| std::fs::read(f.path().join(name)).unwrap();
    assert_eq!(read("q.ndjson"), read("good.ndjson"));
    let parts = |folder: &str| {
        let all = crate::kit::tree(&f.path().join(folder));
        let parts = all.into_iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "parquet"));
        let content: std::collections::BTreeSet<Vec<u8>> = parts.map(|(_, bytes)| bytes).collect();
        content
    };
    assert!(!parts("good").is_empty() && parts("q").is_superset(&parts("good")));
}

/// A run that a gate stopped has loaded nothing: all of it is loaded.
#[test]
fn after_a_gate_everything_is_loaded() {
    let f = Folder::new();
    f.run_good("sqlite:good.db", &[]);
    f.run("sqlite:q.db", &["--max-rejected", "0"]).fails(7, &["run.max-rejected"]);
    // Still too many, still nothing.
    f.replay(&["--config", "overall-score-max=60"]).fails(7, &["run.max-rejected"]);
    assert!(!f.path().join("q.db").exists());
    let stopped = f.runs()[0]["id"].as_str().unwrap().to_owned();
    f.replay(&[&stopped, "--config", WIDE]).fails(2, &["cli.dead-letters", "and loaded nothing"]);
    // By itself it is the run that is meant.
    let summary = f.replay(&["--config", WIDE]).ok().json();
    assert_ne!(summary["replays"]["run"], *stopped);
    assert_eq!(counts(&summary)[0], REPORTS as u64);
    assert_eq!(f.quality("q.db"), f.quality("good.db"));
}

/// Rows that validators refuse, of records whose other rows were loaded.
#[test]
fn refused_rows_are_mended_by_newer_rules() {
    let f = Folder::new();
    let rule = |max: u32| {
        format!("[[rule]]\nname = \"share\"\ncolumn = \"overallScore\"\nrange = {{ min = 0, max = {max} }}\n")
    };
    std::fs::write(f.path().join("strict.toml"), rule(1)).unwrap();
    std::fs::write(f.path().join("mild.toml"), rule(100)).unwrap();
    f.run_good("sqlite:good.db", &[]);
    let first = f.run("sqlite:q.db", &["--config", WIDE, "--rules", "strict.toml"]).ok().json();
    assert_eq!(first["rows"][0]["invalid"], BAD, "{first}");
    let listed = f.letters(&["--json", "ls"]).ok().json();
    assert_eq!(
        (&listed["groups"][0]["stage"], &listed["groups"][0]["validator"]),
        (&json!("validate"), &json!("strict.toml"))
    );
    let summary = f.replay(&["--rules", "mild.toml"]).ok().json();
    assert_eq!(counts(&summary), [BAD, 0, 0, 0]);
    assert_eq!(f.quality("q.db"), f.quality("good.db"));
}

/// From another folder, with a relative plugin, and a job file.
#[test]
fn from_another_folder_a_run_of_a_job_file() {
    let f = Folder::new();
    f.run_good("sqlite:good.db", &[]);
    std::fs::write(
        f.path().join("job.toml"),
        format!("[source]\nexport = \"export\"\n[destination]\nto = \"sqlite:q.db\"\n[execution]\nstarted-at = \"{STARTED}\"\n"),
    )
    .unwrap();
    f.call(&["run", "job.toml"]).ok();
    let elsewhere = f.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::copy(newer(), elsewhere.join("newer.wasm")).unwrap();
    let replay = ["dead-letters", "replay", "--plugin", "newer.wasm", "--config", WIDE, "--state", "../state"];
    let ran = run_in(&elsewhere, &replay).ok();
    for part in ["replayed", "10 records of run", "which has 10 dead letters, from the letters"] {
        assert!(ran.stderr.contains(part), "`{part}` is not in\n{}", ran.stderr);
    }
    assert_eq!(f.quality("q.db"), f.quality("good.db"));
    assert!(!elsewhere.join("q.db").exists());
}

/// What is refused again is in dead letters of its own, beside those of the run, which stay.
#[test]
fn what_is_refused_again() {
    let f = Folder::new();
    write_lines(&f.path().join("export/3.ndjson"), &[hopeless("x"), hopeless("y")]);
    let first = f.run("sqlite:q.db", &["--dead-letters", "dead.jsonl"]).ok().json();
    let letters = f.json_lines("dead.jsonl");
    let summary = f.replay(&["--config", WIDE]).ok().json();
    assert_eq!(summary["refusals"], json!({ "created-at-invalid": 2 }));
    assert_eq!(f.json_lines("dead.jsonl"), letters, "the letters of the run stay");
    let again = f.letters_of(&summary);
    let place = |letter: &Value| (letter["file"].clone(), letter["offset"].clone());
    let second = f.json_lines("export/3.ndjson")[0].to_string().len() as u64 + 1;
    assert_eq!(
        again.iter().map(place).collect::<Vec<_>>(),
        [(json!("3.ndjson"), json!(0)), (json!("3.ndjson"), json!(second))]
    );
    assert_eq!(again[0]["run"], summary["run_id"]);
    assert_ne!(summary["run_id"], first["run_id"]);
}
