//! The rows that come to lie in a server, and what a replay does to them.

use gristmill_servers::{MariaDb, Postgres};

use super::engine::{Engine, counts, run, sqlite_rows};
use crate::kit::{assert_balanced, folder, json_lines};

const ROWS: u64 = 5_871;

/// The rows are those of the SQLite sink; a replay touches none of them; with half of the keys there, the other half is added.
fn rows_and_replay<E: Engine>() {
    let (server, f) = (E::start(), folder());
    server.create("q");
    let to = server.url("q", server.port());
    let expected = sqlite_rows(f.path());
    assert_eq!(expected.len() as u64, ROWS);

    let first = run(f.path(), &to, &[]).ok();
    assert_balanced(&first.json());
    assert_eq!(counts(&first), [ROWS, 0, 0]);
    let have = server.quality_rows("q");
    let differs = expected.iter().zip(&have).find(|(a, b)| a != b);
    assert!(differs.is_none() && have.len() == expected.len(), "{} rows, first that differs {differs:?}", have.len());

    let before = server.touched("q");
    for rule in ["keep", "update"] {
        let again = run(f.path(), &to, &["--on-conflict", rule]).ok();
        assert_eq!(counts(&again), [0, 0, ROWS], "{rule}");
    }
    assert_eq!(server.touched("q"), before, "a replay touched rows");

    // A stream writes the same keys: its rows stay, or are replaced as asked.
    server.sql("q", "DELETE FROM quality_stream WHERE gaps IS NULL OR gaps <> 0");
    server.sql("q", "UPDATE quality_stream SET source = 'stream'");
    let there: u64 = server.sql("q", "SELECT count(*) FROM quality_stream").parse().unwrap();
    assert!((1..ROWS).contains(&there));
    assert_eq!(counts(&run(f.path(), &to, &[]).ok()), [ROWS - there, 0, there]);
    assert_eq!(server.sql("q", "SELECT count(*) FROM quality_stream WHERE source = 'stream'"), there.to_string());
    assert_eq!(counts(&run(f.path(), &to, &["--on-conflict", "update"]).ok()), [0, there, ROWS - there]);
    assert_eq!(server.quality_rows("q"), expected);
    let loads = server.sql("q", "SELECT count(*) FROM _gristmill_loads WHERE table_name = 'quality_stream'");
    assert_eq!(loads, "5");
}

/// A table that is there has narrower columns: what does not fit is a dead letter, and the rest is loaded.
fn narrower_columns<E: Engine>(create: &str, fitting: &str) {
    let (server, f) = (E::start(), folder());
    server.create("q");
    let to = server.url("q", server.port());
    server.sql("q", create);
    let ran = run(f.path(), &to, &[]).ok();
    assert_balanced(&ran.json());
    let refused: Vec<_> = json_lines(&f.path().join("dead.jsonl"))
        .into_iter()
        .filter(|letter| letter["code"] == "sink.unstorable")
        .map(|letter| letter["field"].as_str().unwrap().to_owned())
        .collect();
    let fits = sqlite_rows(f.path()).len() as u64 - refused.len() as u64;
    assert!(!refused.is_empty() && refused.iter().all(|field| field == "quality_stream.team_id"), "{refused:?}");
    assert_eq!(counts(&ran), [fits, 0, 0]);
    assert_eq!(server.sql("q", &format!("SELECT count(*) FROM quality_stream WHERE {fitting}")), fits.to_string());
}

#[test]
fn postgresql_has_the_rows_of_sqlite_and_a_replay_touches_none() {
    rows_and_replay::<Postgres>();
}

#[test]
fn postgresql_what_does_not_fit_a_column_is_a_dead_letter() {
    narrower_columns::<Postgres>(
        "CREATE TABLE quality_stream (insert_id varchar(200) PRIMARY KEY, team_id varchar(6), report_id varchar, event_ts timestamptz, \
         \"overallScore\" double precision, coverage double precision, gaps integer, \"overlaps\" numeric, \"avgDur\" double precision, \
         source text DEFAULT 'none', load_ts timestamptz, more text DEFAULT 'x')",
        "length(team_id) <= 6 AND more = 'x'",
    );
}

/// At most so many rows a second.
fn is_not_overrun<E: Engine>() {
    let (server, f) = (E::start(), folder());
    server.create("q");
    let to = server.url("q", server.port());
    let began = std::time::Instant::now();
    run(f.path(), &to, &["--max-rate", "5000", "--batch-rows", "500"]).ok();
    assert!(began.elapsed().as_secs_f64() > 1.0, "{:?}", began.elapsed());
    assert_eq!(server.sql("q", "SELECT count(*) FROM quality_stream"), ROWS.to_string());
}

#[test]
fn postgresql_is_not_overrun() {
    is_not_overrun::<Postgres>();
}

#[test]
fn mariadb_has_the_rows_of_sqlite_and_a_replay_touches_none() {
    rows_and_replay::<MariaDb>();
}

#[test]
fn mariadb_what_does_not_fit_a_column_is_a_dead_letter() {
    narrower_columns::<MariaDb>(
        "CREATE TABLE quality_stream (insert_id varchar(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PRIMARY KEY, \
         team_id varchar(6) CHARACTER SET utf8mb4, report_id text CHARACTER SET utf8mb4, event_ts datetime(6), overallScore double, \
         coverage double, gaps int, overlaps decimal(9,0), avgDur double, source longtext CHARACTER SET utf8mb4 DEFAULT 'none', \
         load_ts datetime(6), more varchar(9) DEFAULT 'x')",
        "CHAR_LENGTH(team_id) <= 6 AND more = 'x'",
    );
}

#[test]
fn mariadb_is_not_overrun() {
    is_not_overrun::<MariaDb>();
}
