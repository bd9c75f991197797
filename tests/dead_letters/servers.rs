//! Replays into servers, where a stream writes beside the runs.

use serde_json::Value;

use super::{BAD, Folder, STARTED, WIDE, counts};
use crate::databases::engine::Engine;
use crate::kit::{assert_balanced, export, finish};
use crate::warehouse::cloud::{Cloud, TABLE};

/// BigQuery, with a report that was refused and that the stream brought in the meantime.
#[test]
fn bigquery_beside_a_stream() {
    let (cloud, f) = (Cloud::new(), Folder::empty());
    let (yago, to) = (export("yago"), format!("bigquery:{TABLE}"));
    let call = |arguments: &[&str]| -> Value {
        let mut command = f.command(arguments);
        cloud.reach(&mut command);
        finish(&mut command).ok().json()
    };
    let run = |max: &str| {
        let config = format!("overall-score-max={max}");
        let fixed = ["--json", "run", &yago, "--to", &to, "--staging", "gs://staging/rows", "--started-at", STARTED];
        call(&[&fixed[..], &["--config", &config]].concat())
    };
    let good = run("100");
    let expected = cloud.rows();
    cloud.drop_table();
    let first = run("1");
    let mended = good["records"]["mapped"].as_u64().unwrap() - first["records"]["mapped"].as_u64().unwrap();
    assert!(mended > 1);
    // A row of the good run that the other one did not bring.
    let there: Vec<String> = cloud.rows().iter().map(|row| row.split('\t').next().unwrap().to_owned()).collect();
    let missing = expected.iter().find(|row| !there.iter().any(|key| row.starts_with(&format!("{key}\t")))).unwrap();
    let cells: Vec<&str> = missing.split('\t').collect();
    cloud.sql(&format!(
        "INSERT INTO `{TABLE}` (insert_id, team_id, report_id, event_ts, source) \
         VALUES ('{}', '{}', '{}', TIMESTAMP '2024-05-06 07:08:09+00', 'stream')",
        cells[0], cells[1], cells[2]
    ));
    let summary = call(&["--json", "dead-letters", "replay", "--config", WIDE]);
    assert_balanced(&summary);
    assert_eq!((counts(&summary)[0], counts(&summary)[2]), (mended - 1, 1));
    let rows = cloud.rows();
    assert_eq!(rows.len(), expected.len());
    let differ: Vec<_> = rows.iter().zip(&expected).filter(|(a, b)| a != b).collect();
    assert_eq!(differ.len(), 1, "{differ:?}");
    assert!(differ[0].0.contains("\tstream\t"), "{differ:?}");
    cloud.assert_tidy();
}

/// PostgreSQL, with an address that has a password, which is not kept.
#[test]
fn a_server_with_a_password() {
    let (server, f) = (gristmill_servers::Postgres::start(), Folder::new());
    server.create("q");
    server.create("good");
    f.run_good(&Engine::url(&server, "good", server.port()), &[]);
    let to = Engine::url(&server, "q", server.port());
    f.run(&to, &[]).ok();
    let told = f.runs()[0]["command"]["arguments"].to_string();
    assert!(told.contains(":…@") && !told.contains(gristmill_servers::Postgres::PASSWORD), "{told}");
    f.replay(&["--config", WIDE]).fails(2, &["cli.resume", "whose password is not kept", "dead-letters replay"]);
    let summary = f.replay(&["--to", &to, "--config", WIDE]).ok().json();
    assert_eq!(counts(&summary)[0], BAD);
    assert_eq!(server.quality_rows("q"), server.quality_rows("good"));
}

/// Letters that lie in a bucket are read there, and those of the replay go there.
#[test]
fn letters_in_a_bucket() {
    let (storage, f) = (gristmill_doubles::storage::StorageDouble::start().unwrap(), Folder::new());
    storage.create_bucket("letters");
    let call = |arguments: &[&str]| {
        let mut command = f.command(arguments);
        command.env("STORAGE_EMULATOR_HOST", storage.endpoint());
        finish(&mut command)
    };
    f.run_good("sqlite:good.db", &[]);
    let letters = ["--dead-letters", "gs://letters/dead.jsonl", "--started-at", STARTED];
    call(&[&["run", "export", "--to", "sqlite:q.db"][..], &letters].concat()).ok();
    let listed = call(&["--json", "dead-letters", "ls"]).ok().json();
    assert_eq!((&listed["letters"], &listed["dead_letters"]), (&BAD.into(), &"gs://letters/dead.jsonl".into()));
    let listed = call(&["--json", "dead-letters", "ls", "--file", "gs://letters/dead.jsonl"]).ok().json();
    assert_eq!(listed["letters"], BAD);
    call(&["dead-letters", "ls", "--file", "gs://letters/none.jsonl"]).fails(2, &["run.no-letters", "no such object"]);
    let again = ["dead-letters", "replay", "--dead-letters", "gs://letters/again.jsonl"];
    call(&[&again[..], &["--config", "overall-score-max=65"]].concat()).ok();
    assert_eq!(storage.list("letters", ""), ["again.jsonl", "dead.jsonl"]);
    let summary = call(&["--json", "dead-letters", "replay", "--config", WIDE]).ok().json();
    assert_eq!(summary["replays"]["letters"], BAD - 6, "scores from 50 to 65 are there");
    assert_eq!(f.quality("q.db"), f.quality("good.db"));
}
