//! `dead-letters ls` and `show`.

use serde_json::Value;

use super::{BAD, Folder, hopeless};
use crate::kit::{folder, run_in, write_lines};

fn with_letters() -> Folder {
    let f = Folder::new();
    write_lines(&f.path().join("export/3.ndjson"), &[hopeless("x\u{1b}[31m"), hopeless("y")]);
    let broken = std::fs::read_to_string(f.path().join("export/3.ndjson")).unwrap() + "{\"name\": \n";
    std::fs::write(f.path().join("export/3.ndjson"), broken).unwrap();
    f.run("sqlite:q.db", &[]).ok();
    f
}

#[test]
fn letters_are_counted_by_what_refused_them() {
    let f = with_letters();
    let text = f.letters(&["ls"]).ok().stdout;
    for part in [
        "13 dead letters of run ",
        "76.9 %  overall-score-range  transform  firestore-quality-stream@",
        "15.4 %  created-at-invalid",
        "7.7 %  decode.json-syntax",
        "teams/team0/reports/r0/qualityReports/0\n    metrics.overallScore: the overall score must be",
        "3.ndjson, offset ",
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "a document moves the cursor:\n{text}");
    let json = f.letters(&["ls", "--json", "--samples", "1"]).ok().json();
    assert_eq!((json["letters"].as_u64(), json["left_out"].as_u64()), (Some(BAD + 3), Some(0)));
    let groups = json["groups"].as_array().unwrap();
    let codes: Vec<_> = groups.iter().map(|g| (g["code"].as_str().unwrap(), g["letters"].as_u64().unwrap())).collect();
    assert_eq!(codes, [("overall-score-range", BAD), ("created-at-invalid", 2), ("decode.json-syntax", 1)]);
    assert_eq!(groups[0]["samples"].as_array().unwrap().len(), 1);
    assert_eq!(groups[0]["samples"][0]["path"], "teams/team0/reports/r0/qualityReports/0");
    assert_eq!(json["runs"][0], f.runs()[0]["id"]);
}

#[test]
fn letters_are_shown() {
    let f = with_letters();
    let text =
        f.letters(&["show", "--code", "overall-score-range", "--path", "teams/team4/reports/*/qualityReports/*"]);
    let text = text.ok().stdout;
    for part in [
        "1. teams/team4/reports/r18/qualityReports/18\n",
        "   code     overall-score-range (transform, by firestore-quality-stream@",
        "   field    metrics.overallScore\n",
        "   record   1.ndjson, offset ",
        "\"doubleValue\": 59.0",
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    assert!(!text.contains("team3"), "{text}");
    // As they are.
    let all: Vec<Value> = f.letters_of(&serde_json::json!({ "dead_letters": f.runs()[0]["dead_letters"] }));
    let lines = |ran: crate::kit::Ran| -> Vec<Value> {
        ran.ok().stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    assert_eq!(lines(f.letters(&["show", "--json"])), all);
    let decode: Vec<_> = all.iter().filter(|letter| letter["stage"] == "decode").cloned().collect();
    assert_eq!(lines(f.letters(&["show", "--json", "--stage", "decode"])), decode);
    assert_eq!(lines(f.letters(&["show", "--json", "--limit", "2"])), all[..2]);
    assert!(f.letters(&["show", "--stage", "decode"]).ok().stdout.contains("(a record that is no document)"));
    let none = f.letters(&["show", "--code", "nothing"]).ok();
    assert_eq!((none.stdout.as_str(), none.stderr.as_str()), ("", "none of 13 dead letters is such a one\n"));
}

#[test]
fn a_file_needs_no_run() {
    let f = with_letters();
    let name = f.runs()[0]["dead_letters"].as_str().unwrap().to_owned();
    let elsewhere = folder();
    std::fs::copy(f.path().join(name), elsewhere.path().join("some.jsonl")).unwrap();
    let json = run_in(elsewhere.path(), &["--json", "dead-letters", "ls", "--file", "some.jsonl"]).ok().json();
    assert_eq!(json["letters"], BAD + 3);
}

#[test]
fn what_is_no_file_of_letters() {
    let f = Folder::new();
    f.letters(&["ls"]).fails(2, &["cli.dead-letters", "no run in", "--file"]);
    f.run_good("sqlite:q.db", &[]);
    let run = f.runs()[0]["id"].as_str().unwrap().to_owned();
    f.letters(&["ls", &run]).fails(2, &["cli.dead-letters", "has no dead letters: it is done"]);
    f.letters(&["show", "nothing-like-it"]).fails(2, &["state.no-run"]);
    f.letters(&["show", "--file", "nothing.jsonl"]).fails(2, &["run.no-letters", "nothing.jsonl"]);
    f.letters(&["ls", "--file", "export/1.ndjson"]).fails(2, &["run.no-letters", "export/1.ndjson, line 1"]);
    f.letters(&["ls", &run, "--file", "x"]).fails(2, &["cli.dead-letters", "a run and a file are named"]);
}
