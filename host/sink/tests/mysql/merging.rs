//! What a merge changes, counts and locks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gristmill_record::{Scalar, TableDraft};
use gristmill_servers::{MariaDb, MariaDbOptions};
use gristmill_sink::conformance::{Subject, rows_from_json};
use gristmill_sink::{OnConflict, OpenOptions, SinkError, TableState};
use serde_json::{Value, json};

use crate::block_on;
use crate::database::Database;
use crate::existing::{bring, counted, pairs};
use crate::support::{column, load, tables};

/// Rows of a table that the engine has inserted, changed or deleted since it began.
fn touched(database: &Database) -> u64 {
    let sql = format!(
        "SELECT ROWS_CHANGED FROM information_schema.TABLE_STATISTICS WHERE TABLE_SCHEMA = '{}' AND TABLE_NAME = 't'",
        database.name
    );
    database.sql(&sql).parse().unwrap()
}

#[test]
fn a_replay_touches_no_row_whatever_its_types() {
    let settings = vec![("userstat", "1".to_owned())];
    let server = Arc::new(MariaDb::start_with(&MariaDbOptions { settings, ..MariaDbOptions::default() }));
    let database = Database::new(&server);
    let all = [
        Scalar::Boolean,
        Scalar::Int64,
        Scalar::Float64,
        Scalar::Timestamp,
        Scalar::Date,
        Scalar::String,
        Scalar::Bytes,
        Scalar::Json,
    ];
    let mut columns: Vec<_> = all.iter().map(|scalar| column(&format!("{scalar:?}"), *scalar, false)).collect();
    columns.push(column("id", Scalar::Int64, true));
    let tables =
        tables(vec![TableDraft { name: "t".into(), columns, key: vec!["id".into()], ..TableDraft::default() }]);
    let row = |id: i64, text: &str| {
        json!({"id": id, "Boolean": id % 2 == 0, "Int64": id, "Float64": 0.1 * id as f64 - 0.0, "Timestamp": "2024-02-29T12:34:56.000001Z",
            "Date": "2024-02-29", "String": text, "Bytes": "AP+A", "Json": {"b": [1.50, text], "a": null}})
    };
    let nulls = json!({"id": 1_000_000});
    let bring = |run: &str, rule: OnConflict, rows: &[Value]| {
        let mut load = load(run, run, &tables);
        load.on_conflict = rule;
        let rows = rows_from_json(&tables[0], rows).unwrap();
        let mut sink = database.sink();
        block_on(async {
            sink.begin(&load).await.unwrap();
            sink.write(0, rows).await.unwrap();
            sink.commit().await.unwrap()[0]
        })
    };
    let mut rows: Vec<_> = (0..500).map(|i| row(i, "a")).collect();
    rows.push(nulls);
    assert_eq!(bring("run-1", OnConflict::Keep, &rows), counted(501, 0, 0));
    for rule in [OnConflict::Keep, OnConflict::Update] {
        let before = touched(&database);
        assert_eq!(bring("again", rule, &rows), counted(0, 0, 501), "{rule:?}");
        assert_eq!(touched(&database), before, "{rule:?}");
    }
    // Every third differs, and only in one column; a space at the end counts, too.
    for (i, row) in rows.iter_mut().enumerate().filter(|(i, _)| i % 3 == 0) {
        match i % 4 {
            0 => row["String"] = json!("a "),
            1 => row["Float64"] = Value::Null,
            2 => row["Json"] = json!({"b": [1.5, "a"]}),
            _ => row["Bytes"] = json!("AP+B"),
        }
    }
    rows.push(row(-1, "new"));
    assert_eq!(bring("run-2", OnConflict::Keep, &rows), counted(1, 0, 501));
    let before = touched(&database);
    assert_eq!(bring("run-3", OnConflict::Update, &rows), counted(0, 167, 335));
    assert_eq!(touched(&database) - before, 167);
}

#[test]
fn every_double_is_the_same_again() {
    let server = Arc::new(MariaDb::start());
    for local in [true, false] {
        server.sql("", &format!("SET GLOBAL local_infile = {}", i32::from(local))).unwrap();
        let database = Database::new(&server);
        let mut state = 1_u64;
        let doubles = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            f64::from_bits(state ^ (state >> 29))
        });
        let doubles: Vec<f64> =
            doubles.filter(|x| x.is_finite()).take(20_000).chain([5e-324, f64::MAX, 2.2e-308]).collect();
        let rows: Vec<_> = doubles.iter().enumerate().map(|(i, x)| json!({"id": format!("{i:06}"), "x": x})).collect();
        let want = rows.len() as u64;
        assert_eq!(bring(&database, "run", OnConflict::Keep, &rows).unwrap(), counted(want, 0, 0));
        let have = database.sql("SELECT x FROM pairs ORDER BY id");
        for (x, text) in doubles.iter().zip(have.lines()) {
            assert_eq!(x.to_bits(), text.parse::<f64>().unwrap().to_bits(), "{x:e} came back as {text}");
        }
    }
}

/// A server that takes small messages only: rows are cut to them, whichever way they go.
#[test]
fn small_messages_are_enough() {
    for (local, bytes) in [("1", 4_096), ("0", 4_096), ("0", 65_536)] {
        let settings = vec![("max-allowed-packet", bytes.to_string()), ("local-infile", local.into())];
        let server = Arc::new(MariaDb::start_with(&MariaDbOptions { settings, ..MariaDbOptions::default() }));
        let database = Database::new(&server);
        let text = |i: usize| "ä\t\\".repeat(i % 300);
        let rows: Vec<_> = (0..3_000).map(|i| json!({"id": format!("{i}"), "n": i, "j": text(i)})).collect();
        assert_eq!(bring(&database, "run", OnConflict::Keep, &rows).unwrap(), counted(3_000, 0, 0));
        let lengths: u64 =
            (0..3_000).map(|i| 2 + text(i).replace('\\', "\\\\").replace('\t', "\\t").len() as u64).sum();
        assert_eq!(database.sql("SELECT SUM(LENGTH(j)) FROM pairs"), lengths.to_string());
        // Text that no message can hold goes in pieces of a file, but not as a value.
        let large = [json!({"id": "large", "j": "x".repeat(100_000)})];
        match bring(&database, "run-2", OnConflict::Keep, &large) {
            Ok(count) => assert!(local == "1" && count == counted(1, 0, 0)),
            Err(SinkError::Server(fault)) => {
                eprintln!("{fault}: {}", fault.remedy);
                assert!(local == "0" && fault.what.contains("max_allowed_packet"), "{fault}");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// A log of statements takes no READ COMMITTED.
#[test]
fn a_server_that_logs_statements_is_loaded() {
    let settings = vec![("log-bin", "log".into()), ("binlog-format", "STATEMENT".into()), ("server-id", "1".into())];
    let server = Arc::new(MariaDb::start_with(&MariaDbOptions { settings, ..MariaDbOptions::default() }));
    let database = Database::new(&server);
    let rows: Vec<_> = (0..100).map(|i| json!({"id": format!("{i}"), "n": i})).collect();
    assert_eq!(bring(&database, "run-1", OnConflict::Keep, &rows).unwrap(), counted(100, 0, 0));
    assert_eq!(bring(&database, "run-2", OnConflict::Update, &rows).unwrap(), counted(0, 0, 100));
}

#[test]
fn a_second_load_of_a_table_waits_for_the_first() {
    let server = Arc::new(MariaDb::start());
    let database = Database::new(&server);
    let tables = pairs();
    block_on(async {
        let (mut one, mut other) = (database.sink(), database.sink());
        one.begin(&load("run-1", "job", &tables)).await.unwrap();
        one.write(0, rows_from_json(&tables[0], &[json!({"id": "a"})]).unwrap()).await.unwrap();
        let waiting = tokio::spawn(async move {
            let tables = pairs();
            assert_eq!(other.check(&tables).await.unwrap(), [TableState::Absent]);
            other.begin(&load("run-2", "job", &tables)).await.unwrap();
            let rows = [json!({"id": "a"}), json!({"id": "b"})];
            other.write(0, rows_from_json(&tables[0], &rows).unwrap()).await.unwrap();
            other.commit().await.unwrap()
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(one.commit().await.unwrap(), [counted(1, 0, 0)]);
        assert_eq!(waiting.await.unwrap(), [counted(1, 0, 1)]);
    });
    assert_eq!(database.sql("SELECT COUNT(*) FROM pairs"), "2");
}

/// With rests, a merge is many statements of one transaction: readers see nothing of it, who writes other rows does not wait, who
/// writes the same row or alters the table waits.
#[test]
fn a_merge_with_rests_is_still_one_transaction() {
    let server = Arc::new(MariaDb::start());
    let database = Database::new(&server);
    bring(&database, "run-0", OnConflict::Keep, &[json!({"id": "00003", "n": -1}), json!({"id": "~", "n": -2})])
        .unwrap();
    let options = OpenOptions { max_rate: Some(10), ..OpenOptions::default() };
    let tables = pairs();
    let rows: Vec<_> = (0..40).rev().map(|i| json!({"id": format!("{i:05}"), "n": i})).collect();
    let rows = rows_from_json(&tables[0], &rows).unwrap();
    let mut load = load("run-1", "one", &tables);
    load.on_conflict = OnConflict::Update;
    let mut sink = gristmill_sink::open(&database.url(), options).unwrap();
    let runtime = gristmill_sink::runtime().unwrap();
    let loaded = runtime.spawn(async move {
        sink.begin(&load).await.unwrap();
        sink.write(0, rows).await.unwrap();
        let began = Instant::now();
        let counts = sink.commit().await.unwrap();
        (counts, began.elapsed())
    });
    // The first piece is merged when the server has locked its row.
    let others = || {
        database.server.sql(
            &database.name,
            "SET innodb_lock_wait_timeout = 0, lock_wait_timeout = 0; UPDATE pairs SET n = 7 WHERE id = '00003'",
        )
    };
    let began = Instant::now();
    while others().is_ok() {
        assert!(began.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(database.sql("SELECT COUNT(*) FROM pairs"), "2");
    database.sql("SET innodb_lock_wait_timeout = 1; UPDATE pairs SET n = -3 WHERE id = '~'; INSERT INTO pairs (id) VALUES ('00003a')");
    let error = database
        .server
        .sql(&database.name, "SET lock_wait_timeout = 0; ALTER TABLE pairs ADD COLUMN more int")
        .unwrap_err();
    assert!(error.contains("1205"), "{error}");
    let (counts, took) = runtime.block_on(loaded).unwrap();
    assert_eq!(counts, [counted(39, 1, 0)]);
    assert!(took > Duration::from_secs(2), "{took:?}");
    assert_eq!(
        database.sql("SELECT id, n FROM pairs WHERE id IN ('00000', '00003', '00039', '00003a', '~') ORDER BY id"),
        "00000\t0\n00003\t3\n00003a\tNULL\n00039\t39\n~\t-3"
    );
}

/// Keys of a stream that come while a load is under way are counted for what they were when the load met them.
#[test]
fn rows_that_another_program_writes_meanwhile_are_counted_right() {
    let server = Arc::new(MariaDb::start());
    let database = Database::new(&server);
    bring(&database, "run-0", OnConflict::Keep, &[json!({"id": "x"})]).unwrap();
    let tables = pairs();
    let rows: Vec<_> = (0..20_000).map(|i| json!({"id": format!("{i:06}"), "n": 1})).collect();
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (writer, stopped) = (Arc::clone(&server), Arc::clone(&stop));
    let name = database.name.clone();
    let stream = std::thread::spawn(move || {
        let mut written = 0_u64;
        for i in (0..20_000).step_by(97) {
            if stopped.load(std::sync::atomic::Ordering::SeqCst) {
                break;
            }
            let sql = format!("INSERT IGNORE INTO pairs (id, n) VALUES ('{i:06}', 2); SELECT ROW_COUNT()");
            written += u64::from(writer.sql(&name, &sql).unwrap() == "1");
        }
        written
    });
    std::thread::sleep(Duration::from_millis(200));
    let mut sink = database.sink();
    let counts = block_on(async {
        sink.begin(&load("run-1", "one", &tables)).await.unwrap();
        for rows in rows.chunks(500) {
            sink.write(0, rows_from_json(&tables[0], rows).unwrap()).await.unwrap();
        }
        sink.commit().await.unwrap()[0]
    });
    stop.store(true, std::sync::atomic::Ordering::SeqCst);
    let written = stream.join().unwrap();
    let theirs: u64 = database.sql("SELECT COUNT(*) FROM pairs WHERE n = 2").parse().unwrap();
    let ours: u64 = database.sql("SELECT COUNT(*) FROM pairs WHERE n = 1").parse().unwrap();
    assert!(written > 0, "nothing was written meanwhile");
    assert_eq!((theirs, counts), (written, counted(ours, 0, 20_000 - ours)));
    assert_eq!(ours + theirs, 20_000);
}
