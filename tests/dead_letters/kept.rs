//! What of refused records is kept: fields that are left out, and a limit on all of it.

use serde_json::{Value, json};

use super::{BAD, Folder, WIDE, counts};
use crate::kit::{run_in, write_lines};

/// Reports of people, with scores that are refused.
fn with_secrets() -> Folder {
    let f = Folder::new();
    let mut documents = f.json_lines("export/1.ndjson");
    for (i, document) in documents.iter_mut().enumerate() {
        document["fields"]["author"] = json!({ "mapValue": { "fields": {
            "mail": { "stringValue": format!("someone-{i}@example.org") },
            "role": { "stringValue": "editor" },
        } } });
    }
    write_lines(&f.path().join("export/1.ndjson"), &documents);
    f
}

#[test]
fn redacted_fields_are_nowhere_in_the_letters() {
    let f = with_secrets();
    f.run_good("sqlite:good.db", &[]);
    let args = ["--redact", "author.mail,metrics.overallScore", "--dead-letters", "dead.jsonl"];
    f.run("sqlite:q.db", &args).ok();
    let text = std::fs::read_to_string(f.path().join("dead.jsonl")).unwrap();
    assert!(!text.contains("example.org") && text.contains("editor"), "{text}");
    let letters = f.json_lines("dead.jsonl");
    assert_eq!(letters.len() as u64, BAD);
    assert_eq!(letters[0]["redacted"], json!(["author.mail", "metrics.overallScore"]));
    let last = letters.last().unwrap();
    assert_eq!(last["redacted"], json!(["metrics.overallScore"]), "the reports of the other file have no author");
    let shown = f.letters(&["show", "--limit", "1"]).ok().stdout;
    assert!(shown.contains("redacted author.mail, metrics.overallScore") && shown.contains("(redacted)"), "{shown}");
    // They are taken from the export again.
    let summary = f.replay(&["--config", WIDE]).ok().json();
    assert_eq!(summary["replays"]["from"], "export");
    assert_eq!((counts(&summary)[0], counts(&summary)[2]), (BAD, 0));
    assert_eq!(f.quality("q.db"), f.quality("good.db"));
}

/// Where the export is not what it was, what cannot be replayed is told.
#[test]
fn redacted_records_of_an_export_that_is_gone() {
    let f = with_secrets();
    f.run("sqlite:q.db", &["--redact", "author"]).ok();
    std::fs::write(f.path().join("export/2.ndjson"), "").unwrap();
    let dry = f.letters(&["replay", "--dry-run", "--config", WIDE]).ok().stdout;
    assert!(
        dry.contains("would replay 5 records of run ") && dry.contains("not replayed  5: fields were left out"),
        "{dry}"
    );
    let summary = f.replay(&["--config", WIDE]).ok().json();
    let not = &summary["replays"]["not_replayed"][0];
    assert_eq!((&summary["replays"]["records"], &not["count"]), (&json!(5), &json!(5)));
    let why = not["why"].as_str().unwrap();
    assert!(why.contains("fields were left out") && why.contains("input 2.ndjson: 0 bytes"), "{why}");
    f.replay(&["--from", "export", "--config", WIDE]).fails(2, &["cli.dead-letters", "not what it was"]);
}

#[test]
fn bytes_that_are_no_document_are_left_out_where_anything_is() {
    let f = Folder::new();
    std::fs::write(f.path().join("export/3.ndjson"), "{\"name\": \"secret\" nope}\n{}\n").unwrap();
    f.run("sqlite:q.db", &["--redact", "author", "--dead-letters", "dead.jsonl"]).ok();
    let letters = f.json_lines("dead.jsonl");
    let raw: Vec<&Value> = letters.iter().filter(|letter| letter["document"].is_null()).collect();
    assert!(!raw.is_empty());
    for letter in raw {
        assert_eq!((&letter["redacted"], &letter["raw"]), (&json!(["*"]), &Value::Null));
    }
}

/// The same letters are kept whatever the workers and splits, and the others are counted.
#[test]
fn a_limit_on_all_letters() {
    let f = Folder::new();
    let all = f.run("sqlite:all.db", &["--dead-letters", "all.jsonl"]).ok().json();
    assert_eq!(all["dead_letters_left_out"], 0);
    let every = std::fs::read_to_string(f.path().join("all.jsonl")).unwrap();
    let sizes: Vec<usize> = every.lines().map(|line| line.len() + 1).collect();
    let room = sizes[..7].iter().sum::<usize>() + 10;
    let mut first = None;
    for workers in ["1", "4"] {
        let max = format!("{room}B");
        let args = ["--dead-letters-max", &max, "--dead-letters", "some.jsonl", "--workers", workers];
        let summary = f.run("sqlite:q.db", &args).ok().json();
        assert_eq!((&summary["refusals"], &summary["dead_letters_left_out"]), (&all["refusals"], &json!(BAD - 7)));
        let lines = f.json_lines("some.jsonl");
        assert_eq!(lines.len(), 8);
        let run = summary["run_id"].as_str().unwrap();
        assert_eq!(lines[7], json!({ "run": run, "left_out": { "letters": BAD - 7, "max_bytes": room } }));
        let documents: Vec<Value> = lines.iter().map(|letter| letter["document"].clone()).collect();
        assert_eq!(*first.get_or_insert_with(|| documents.clone()), documents);
        let shown = f.letters(&["ls"]).ok().stdout;
        assert!(shown.contains("7 dead letters of run") && shown.contains("3 more had no room"), "{shown}");
    }
    // All of them are replayed, since the export is there.
    f.run_good("sqlite:good.db", &[]);
    let runs = f.runs();
    let run = runs.iter().find(|run| run["dead_letters"] == "some.jsonl").unwrap()["id"].as_str().unwrap();
    let summary = f.replay(&[run, "--config", WIDE]).ok().json();
    assert_eq!((&summary["replays"]["from"], &summary["replays"]["letters"]), (&json!("export"), &json!(BAD)));
    assert_eq!(f.quality("q.db"), f.quality("good.db"));
}

#[test]
fn a_file_with_room_for_none() {
    let f = Folder::new();
    let summary = f.run("sqlite:q.db", &["--dead-letters-max", "1B", "--dead-letters", "dead.jsonl"]).ok().json();
    assert_eq!(summary["dead_letters_left_out"], BAD);
    assert_eq!(f.json_lines("dead.jsonl").len(), 1);
    // It may be replaced as any file of letters.
    f.run_good("sqlite:q.db", &["--dead-letters", "dead.jsonl"]);
    assert!(!f.path().join("dead.jsonl").exists());
}

#[test]
fn sets_of_fields_that_are_none() {
    let f = Folder::new();
    run_in(f.path(), &["run", "export", "--redact", "a..b"]).fails(2, &["empty step"]);
}

/// A part of a record that nobody asks for is broken: it can be mapped, and not be written as a document. Its bytes are no letter to replay, and where
/// fields are to be left out they are not kept.
#[test]
fn records_that_cannot_be_written_as_documents() {
    let f = Folder::empty();
    let mut document = crate::kit::report("team", "r", "0", 70.0, "2024-01-01T00:00:00Z");
    document["fields"]["author"] = json!({ "stringValue": "somebody" });
    document["fields"]["zone"] = json!({ "integerValue": "x" });
    let good = crate::kit::report("team", "r", "1", 0.5, "2024-01-01T00:00:00Z");
    write_lines(&f.path().join("export/1.ndjson"), &[document, good]);
    let kept = f.run("sqlite:a.db", &["--redact", "author", "--dead-letters", "redacted.jsonl"]).ok().json();
    let letter = &f.letters_of(&kept)[0];
    assert_eq!((&letter["code"], &letter["redacted"]), (&json!("overall-score-range"), &json!(["*"])), "{letter}");
    assert!(letter.get("document").is_none_or(Value::is_null) && letter.get("raw").is_none(), "{letter}");
    f.run("sqlite:q.db", &[]).ok();
    let summary = f.replay(&["--config", WIDE]).ok().json();
    assert_eq!((&summary["replays"]["from"], counts(&summary)[0]), (&json!("export"), 1), "{summary}");
    f.run_good("sqlite:good.db", &[]);
    assert_eq!(f.quality("q.db"), f.quality("good.db"));
}
