//! What happens to a load on its way, step by step; `tests/databases` does it to the whole program.

use std::sync::{Arc, LazyLock};

use arrow_array::RecordBatch;
use gristmill_record::Diagnose;
use gristmill_servers::{Fault, Framing, FullDisk, MariaDb, MariaDbOptions, Proxy};
use gristmill_sink::conformance::{Subject, rows_from_json};
use gristmill_sink::{OnConflict, OpenOptions, SinkError, TableCount};
use serde_json::json;

use crate::block_on;
use crate::database::Database;
use crate::existing::{bring, counted, pairs};
use crate::support::load;

/// 8,000 rows of half a kibibyte.
static ROWS: LazyLock<Vec<RecordBatch>> = LazyLock::new(|| {
    let row = |i: u64| json!({"id": format!("{i:06}"), "n": i, "j": format!("{}{i}", "x".repeat(450))});
    let batch = |b: u64| (b * 1_000..(b + 1) * 1_000).map(row).collect::<Vec<_>>();
    (0..8).map(|b| rows_from_json(&pairs()[0], &batch(b)).unwrap()).collect()
});

/// Where something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Begin,
    Write,
    Commit,
}

/// A load of all of them; `at` is called before each step.
async fn long_load(url: &str, at: &mut dyn FnMut(Step)) -> Result<Vec<TableCount>, SinkError> {
    load_with(url, OpenOptions::default(), at).await
}

async fn load_with(url: &str, options: OpenOptions, at: &mut dyn FnMut(Step)) -> Result<Vec<TableCount>, SinkError> {
    let mut sink = gristmill_sink::open(url, options).unwrap();
    let loaded = async {
        at(Step::Begin);
        sink.begin(&load("run", "job", &pairs())).await?;
        for (i, rows) in ROWS.iter().enumerate() {
            if i == 4 {
                at(Step::Write);
            }
            sink.write(0, rows.clone()).await?;
        }
        at(Step::Commit);
        sink.commit().await
    };
    match loaded.await {
        Ok(counts) => Ok(counts),
        Err(error) => {
            sink.abort().await?;
            Err(error)
        }
    }
}

/// Wherever a load is when the disk is full: it is told, nothing stays, and with room the same load brings the same rows.
#[test]
fn a_full_disk_at_each_step() {
    let disk = FullDisk::new();
    for local in ["1", "0"] {
        let options = MariaDbOptions {
            environment: disk.environment(),
            // So that tables grow soon.
            settings: vec![("local-infile", local.into()), ("aria-pagecache-buffer-size", "1M".into())],
            ..MariaDbOptions::default()
        };
        let server = Arc::new(MariaDb::start_with(&options));
        let undisturbed = Database::new(&server);
        block_on(long_load(&undisturbed.url(), &mut |_| {})).unwrap();
        let steps = [Step::Begin, Step::Write, Step::Commit].map(|step| [(step, false), (step, true)]);
        for (step, exists) in steps.into_iter().flatten() {
            let database = Database::new(&server);
            if exists {
                bring(&database, "run-0", OnConflict::Keep, &[json!({"id": "000000", "n": -1})]).unwrap();
            }
            let before = database.traces().unwrap();
            let failed = block_on(long_load(&database.url(), &mut |now| {
                if now == step {
                    disk.fill();
                }
            }));
            disk.free();
            let Err(error) = failed else { panic!("{step:?}: there was room") };
            eprintln!("{step:?}: {error}. {}", error.remedy().unwrap());
            assert_eq!(error.code(), "sink.full", "{step:?}: {error}");
            assert_eq!(database.traces().unwrap(), before, "{step:?}");
            if exists {
                assert_eq!(database.sql("SELECT id, n FROM pairs"), "000000\t-1", "{step:?}");
                database.sql("DELETE FROM pairs");
            }
            let counts = block_on(long_load(&database.url(), &mut |_| {})).unwrap();
            assert_eq!(counts, [counted(8_000, 0, 0)], "{step:?}");
            assert!(database.content("pairs") == undisturbed.content("pairs"), "{step:?}: the rows are others");
        }
    }
}

/// The same while rows are merged: some are in the table already, and go again.
#[test]
fn a_disk_that_fills_while_rows_are_merged() {
    let disk = FullDisk::new();
    let options = MariaDbOptions { environment: disk.environment(), ..MariaDbOptions::default() };
    let server = Arc::new(MariaDb::start_with(&options));
    for exists in [true, false] {
        let database = Database::new(&server);
        if exists {
            bring(&database, "run-0", OnConflict::Keep, &[json!({"id": "000000", "n": -1})]).unwrap();
        }
        let before = database.traces().unwrap();
        let url = database.url();
        let loading = std::thread::spawn(move || {
            let options = OpenOptions { max_rate: Some(4_000), ..OpenOptions::default() };
            block_on(load_with(&url, options, &mut |_| {}))
        });
        let merged = "SELECT COALESCE(MAX(trx_rows_modified), 0) FROM information_schema.INNODB_TRX";
        while database.sql(merged).parse::<u64>().unwrap() < 3_000 {
            if loading.is_finished() {
                panic!("{:?}", loading.join());
            }
            // Looked at more often, the server shows what it showed before.
            std::thread::sleep(std::time::Duration::from_millis(150));
        }
        disk.fill();
        let failed = loading.join().unwrap();
        disk.free();
        let Err(error) = failed else { panic!("there was room") };
        eprintln!("{error}. {}", error.remedy().unwrap());
        assert_eq!(error.code(), "sink.full", "{error}");
        if exists {
            assert_eq!(database.traces().unwrap(), before);
            assert_eq!(database.sql("SELECT id, n FROM pairs"), "000000\t-1");
        } else {
            // What cannot be dropped for want of room stays, empty.
            let left = database.traces().unwrap();
            assert!(left.is_empty() || database.content("pairs").is_empty(), "{left:?}");
        }
        let counts = block_on(long_load(&database.url(), &mut |_| {})).unwrap();
        assert_eq!(counts, [counted(8_000 - u64::from(exists), 0, u64::from(exists))]);
    }
}

/// The connection is cut at every message of a load that has many, in the middle of a file among them.
#[test]
fn a_cut_at_each_message_leaves_nothing() {
    // Statements of values are many, and all of one kind.
    for (local, step) in [("1", 1), ("0", 5)] {
        let settings = vec![("local-infile", local.to_owned())];
        let server = Arc::new(MariaDb::start_with(&MariaDbOptions { settings, ..MariaDbOptions::default() }));
        let undisturbed = Database::new(&server);
        let count = Proxy::start(server.port(), Framing::MySql, 0, Fault::Hold);
        let through = |proxy: &Proxy, database: &Database| {
            database.url().replace(&format!(":{}/", server.port()), &format!(":{}/", proxy.port()))
                + "?ssl-mode=DISABLED"
        };
        block_on(long_load(&through(&count, &undisturbed), &mut |_| {})).unwrap();
        let messages = count.seen();
        assert!(messages > 25, "{messages}");
        let (expected, mut kept) = (undisturbed.content("pairs"), 0);
        for at in (1..=messages).step_by(step) {
            let database = Database::new(&server);
            let proxy = Proxy::start(server.port(), Framing::MySql, at, Fault::Cut);
            let loaded = block_on(long_load(&through(&proxy, &database), &mut |_| {}));
            match loaded {
                // Saying good-bye is not part of the load.
                Ok(counts) => {
                    kept += 1;
                    assert_eq!(counts, [counted(8_000, 0, 0)], "message {at}");
                }
                Err(error) => {
                    assert!(["sink.lost", "sink.unreachable"].contains(&error.code()), "message {at}: {error}");
                    assert!(database.traces().unwrap().is_empty(), "message {at}: {:?} stayed", database.traces());
                    block_on(long_load(&database.url(), &mut |_| {})).unwrap();
                }
            }
            assert!(database.content("pairs") == expected, "message {at}: the rows are others");
        }
        assert!(kept < 3, "{kept} of {messages} messages are none of the load's");
    }
}

/// Killed by an operator, or by the server's end.
#[test]
fn a_session_that_is_killed_leaves_nothing() {
    let server = Arc::new(MariaDb::start());
    let database = Database::new(&server);
    let error = block_on(long_load(&database.url(), &mut |now| {
        if now == Step::Commit {
            let id = database.sql("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'tester'");
            database.sql(&format!("KILL {id}"));
        }
    }))
    .unwrap_err();
    eprintln!("{error}. {}", error.remedy().unwrap());
    assert_eq!(error.code(), "sink.lost", "{error}");
    assert!(database.traces().unwrap().is_empty());
    assert_eq!(block_on(long_load(&database.url(), &mut |_| {})).unwrap(), [counted(8_000, 0, 0)]);
}

#[test]
fn rows_that_another_program_holds_are_waited_for() {
    let server = Arc::new(MariaDb::start());
    let database = Database::new(&server);
    bring(&database, "run-0", OnConflict::Keep, &[json!({"id": "a", "n": 1})]).unwrap();
    let mut client = database.server.client(&database.name);
    let mut other = client
        .args(["-e", "START TRANSACTION; UPDATE pairs SET n = 2 WHERE id = 'a'; SELECT SLEEP(2); COMMIT"])
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(500));
    let count = bring(&database, "run-1", OnConflict::Update, &[json!({"id": "a", "n": 3}), json!({"id": "b"})]);
    assert_eq!(count.unwrap(), counted(1, 1, 0));
    other.wait().unwrap();
    assert_eq!(database.sql("SELECT n FROM pairs WHERE id = 'a'"), "3");
}

/// Another program and the load wait for each other, and the server breaks the load: it merges once more.
#[test]
fn a_deadlock_is_survived() {
    let server = Arc::new(MariaDb::start());
    let database = Database::new(&server);
    bring(&database, "run-0", OnConflict::Keep, &[json!({"id": "a", "n": 1}), json!({"id": "b", "n": 1})]).unwrap();
    // With more changes of its own the other one is worth more to the server.
    database.sql("CREATE TABLE others (n int PRIMARY KEY) SELECT seq AS n FROM seq_1_to_1000");
    let sql = "START TRANSACTION; UPDATE others SET n = -n; UPDATE pairs SET n = 2 WHERE id = 'b'; \
        SELECT SLEEP(2); UPDATE pairs SET n = 2 WHERE id = 'a'; SELECT SLEEP(1); COMMIT";
    let mut other = database.server.client(&database.name).args(["-e", sql]).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(500));
    let rows = [json!({"id": "a", "n": 3}), json!({"id": "b", "n": 3}), json!({"id": "c"})];
    assert_eq!(bring(&database, "run-1", OnConflict::Update, &rows).unwrap(), counted(1, 2, 0));
    assert!(other.wait().unwrap().success(), "the other program was broken");
    assert_eq!(database.sql("SELECT GROUP_CONCAT(n) FROM pairs"), "3,3");
    let deadlocks = database.sql("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'");
    assert!(deadlocks.ends_with("\t1"), "{deadlocks}");
}
