//! The engines, and the ways into their tables.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;

use gristmill_record::time::format_rfc3339;
use gristmill_servers::{MariaDb, MariaDbOptions, Postgres, PostgresOptions};
use rusqlite::Connection;

use super::rows::{Form, Row, row};
use super::{Kind, Rows, Start, Way, load};
use crate::Result;

/// One engine.
pub(crate) struct Engine {
    pub(crate) name: &'static str,
    pub(crate) ways: Vec<Way>,
    /// Makes what is there before.
    pub(crate) prepare: Box<dyn Fn(Start) -> Result<()>>,
    /// How many rows are there.
    pub(crate) count: Box<dyn Fn() -> Result<String>>,
}

/// One that is asked for, started.
pub(crate) fn open(name: &str, rows: &Rc<Rows>, single_rows: u64) -> Result<Engine> {
    match name {
        "postgresql" => Ok(postgres(rows)),
        "mariadb" => mariadb(rows),
        "sqlite" => sqlite(rows, single_rows),
        other => Err(format!("there is no engine `{other}`: postgresql, mariadb, sqlite").into()),
    }
}

fn way(
    name: &'static str,
    kind: Kind,
    start: Start,
    form: Option<Form>,
    run: impl Fn(&Path) -> Result<()> + 'static,
) -> Way {
    Way { name, kind, start, form, run: Box::new(run) }
}

/// Runs a client over a script.
fn run_script(mut client: Command, script: &str) -> Result<()> {
    let mut child = client.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(script.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned().into()) }
}

const POSTGRES_TABLE: &str = "CREATE TABLE quality_stream (insert_id text COLLATE \"C\" NOT NULL, team_id text NOT NULL, report_id text NOT NULL, \
     event_ts timestamptz NOT NULL, overall_score float8, coverage float8, gaps bigint, overlapping bigint, avg_dur float8, source text, load_ts timestamptz);\n";
const POSTGRES_KEY: &str = "ALTER TABLE quality_stream ADD PRIMARY KEY (insert_id);\n";

fn postgres(rows: &Rc<Rows>) -> Engine {
    // As it is run: commits wait for the disk.
    let settings = vec![("shared_buffers", "512MB".to_owned()), ("max_wal_size", "4GB".to_owned())];
    let server =
        Rc::new(Postgres::start_with(&PostgresOptions { durable: true, settings, ..PostgresOptions::default() }));
    let script = |text: fn(&str) -> String| {
        let server = Rc::clone(&server);
        move |file: &Path| run_script(server.psql("postgres"), &text(&file.display().to_string()))
    };
    let sink = || {
        let (server, rows) = (Rc::clone(&server), Rc::clone(rows));
        move |_: &Path| load(&server.url("postgres"), &rows)
    };
    let staged = |format: &str, file: &str| {
        format!(
            "SET timezone = 'UTC';\nBEGIN;\nCREATE TEMPORARY TABLE staged (LIKE quality_stream) ON COMMIT DROP;\n\\copy staged FROM '{file}'{format}\n\
             INSERT INTO quality_stream SELECT * FROM staged ORDER BY insert_id ON CONFLICT (insert_id) DO NOTHING;\nCOMMIT;\n"
        )
    };
    let ways = vec![
        way("sink", Kind::Sink, Start::New, None, sink()),
        way(
            "psql: \\copy text, then the key",
            Kind::Bulk,
            Start::New,
            Some(Form::Tabs),
            script(|file| {
                format!(
                    "SET timezone = 'UTC';\nBEGIN;\n{POSTGRES_TABLE}\\copy quality_stream FROM '{file}'\n{POSTGRES_KEY}COMMIT;\n"
                )
            }),
        ),
        way(
            "psql: \\copy binary, then the key",
            Kind::Bulk,
            Start::New,
            Some(Form::PostgresBinary),
            script(|file| {
                format!(
                    "BEGIN;\n{POSTGRES_TABLE}\\copy quality_stream FROM '{file}' (FORMAT binary)\n{POSTGRES_KEY}COMMIT;\n"
                )
            }),
        ),
        way("sink", Kind::Sink, Start::Empty, None, sink()),
        way("psql: \\copy text to staging, INSERT … ON CONFLICT", Kind::Bulk, Start::Empty, Some(Form::Tabs), {
            let server = Rc::clone(&server);
            move |file| run_script(server.psql("postgres"), &staged("", &file.display().to_string()))
        }),
        way(
            "psql: \\copy binary to staging, INSERT … ON CONFLICT",
            Kind::Bulk,
            Start::Empty,
            Some(Form::PostgresBinary),
            {
                let server = Rc::clone(&server);
                move |file| {
                    run_script(server.psql("postgres"), &staged(" (FORMAT binary)", &file.display().to_string()))
                }
            },
        ),
        way("psql: a statement a row", Kind::Single, Start::Empty, Some(Form::Inserts), {
            let server = Rc::clone(&server);
            move |file| {
                let mut client = server.psql("postgres");
                client.arg("-f").arg(file);
                run_script(client, "")
            }
        }),
        way("sink", Kind::Sink, Start::Loaded, None, sink()),
        way(
            "psql: \\copy binary to staging, INSERT … ON CONFLICT",
            Kind::Bulk,
            Start::Loaded,
            Some(Form::PostgresBinary),
            {
                let server = Rc::clone(&server);
                move |file| {
                    run_script(server.psql("postgres"), &staged(" (FORMAT binary)", &file.display().to_string()))
                }
            },
        ),
    ];
    let (preparing, counting, rows) = (Rc::clone(&server), Rc::clone(&server), Rc::clone(rows));
    Engine {
        name: "PostgreSQL",
        ways,
        prepare: Box::new(move |start| {
            preparing.sql("postgres", "DROP TABLE IF EXISTS quality_stream, _gristmill_loads")?;
            match start {
                Start::New => {}
                Start::Empty => drop(preparing.sql("postgres", &format!("{POSTGRES_TABLE}{POSTGRES_KEY}"))?),
                Start::Loaded => {
                    load(&preparing.url("postgres"), &rows)?;
                    preparing.sql("postgres", "DROP TABLE _gristmill_loads")?;
                    preparing.sql("postgres", "VACUUM ANALYZE quality_stream")?;
                }
            }
            preparing.sql("postgres", "CHECKPOINT")?;
            Ok(())
        }),
        count: Box::new(move || Ok(counting.sql("postgres", "SELECT count(*) FROM quality_stream")?)),
    }
}

/// As the sink makes it.
const MARIADB_TABLE: &str = "CREATE TABLE quality_stream (insert_id varchar(768) NOT NULL, team_id longtext NOT NULL, report_id longtext NOT NULL, \
     event_ts datetime(6) NOT NULL, overall_score double, coverage double, gaps bigint, overlapping bigint, avg_dur double, source longtext, load_ts datetime(6), \
     PRIMARY KEY (insert_id)) ENGINE=InnoDB ROW_FORMAT=DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;\n";

fn mariadb(rows: &Rc<Rows>) -> Result<Engine> {
    let settings = vec![("innodb-buffer-pool-size", "512M".to_owned()), ("innodb-log-file-size", "512M".to_owned())];
    let server = Rc::new(MariaDb::start_with(&MariaDbOptions { durable: true, settings, ..MariaDbOptions::default() }));
    server.sql("", "CREATE DATABASE bench")?;
    let script = |text: fn(&str) -> String| {
        let server = Rc::clone(&server);
        move |file: &Path| {
            let mut client = server.client("bench");
            client.arg("--local-infile=1");
            run_script(client, &text(&file.display().to_string()))
        }
    };
    let sink = || {
        let (server, rows) = (Rc::clone(&server), Rc::clone(rows));
        move |_: &Path| load(&server.url("bench"), &rows)
    };
    let staged: fn(&str) -> String = |file| {
        let staging = MARIADB_TABLE.replace("CREATE TABLE quality_stream", "CREATE TEMPORARY TABLE staged");
        let staging = staging.replace(", PRIMARY KEY (insert_id)", "");
        format!(
            "{staging}BEGIN;\nLOAD DATA LOCAL INFILE '{file}' INTO TABLE staged;\n\
             INSERT INTO quality_stream SELECT * FROM staged ORDER BY insert_id ON DUPLICATE KEY UPDATE insert_id = quality_stream.insert_id;\nCOMMIT;\n"
        )
    };
    let direct: fn(&str) -> String = |file| format!("LOAD DATA LOCAL INFILE '{file}' INTO TABLE quality_stream;\n");
    let ways = vec![
        way("sink", Kind::Sink, Start::Empty, None, sink()),
        way(
            "mariadb: LOAD DATA LOCAL to staging, INSERT … ON DUPLICATE KEY",
            Kind::Bulk,
            Start::Empty,
            Some(Form::MySql),
            script(staged),
        ),
        way(
            "mariadb: LOAD DATA LOCAL into the table, which hides errors",
            Kind::Bulk,
            Start::Empty,
            Some(Form::MySql),
            script(direct),
        ),
        way("mariadb: a statement a row", Kind::Single, Start::Empty, Some(Form::Inserts), {
            let server = Rc::clone(&server);
            move |file| {
                let mut client = server.client("bench");
                client.stdin(std::fs::File::open(file)?);
                let output = client.stdout(Stdio::null()).output()?;
                if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into()) }
            }
        }),
        way("sink", Kind::Sink, Start::Loaded, None, sink()),
        way(
            "mariadb: LOAD DATA LOCAL to staging, INSERT … ON DUPLICATE KEY",
            Kind::Bulk,
            Start::Loaded,
            Some(Form::MySql),
            script(staged),
        ),
    ];
    let (preparing, counting, rows) = (Rc::clone(&server), Rc::clone(&server), Rc::clone(rows));
    Ok(Engine {
        name: "MariaDB",
        ways,
        prepare: Box::new(move |start| {
            preparing.sql("bench", "DROP TABLE IF EXISTS quality_stream, _gristmill_loads")?;
            match start {
                Start::New => {}
                Start::Empty => drop(preparing.sql("bench", MARIADB_TABLE)?),
                Start::Loaded => {
                    preparing.sql("bench", MARIADB_TABLE)?;
                    load(&preparing.url("bench"), &rows)?;
                    preparing.sql("bench", "DROP TABLE _gristmill_loads")?;
                }
            }
            Ok(())
        }),
        count: Box::new(move || Ok(counting.sql("bench", "SELECT count(*) FROM quality_stream")?)),
    })
}

const SQLITE_TABLE: &str = "CREATE TABLE quality_stream (insert_id TEXT NOT NULL, team_id TEXT NOT NULL, report_id TEXT NOT NULL, event_ts TEXT NOT NULL, \
     overall_score REAL, coverage REAL, gaps INTEGER, overlapping INTEGER, avg_dur REAL, source TEXT, load_ts TEXT, PRIMARY KEY (insert_id));\n";

/// Room for the pages that keys in no order touch: as much as helps whoever loads in bulk.
const SQLITE_CACHE: &str = "PRAGMA cache_size = -524288;\n";
const SQLITE_INSERT: &str = "INSERT INTO quality_stream VALUES (?,?,?,?,?,?,?,?,?,?,?)";

fn sqlite(rows: &Rc<Rows>, single_rows: u64) -> Result<Engine> {
    let folder = tempfile::tempdir()?;
    let file: PathBuf = folder.path().join("bench.db");
    let spec = format!("sqlite:{}", file.display());
    let sink = || {
        let (spec, rows) = (spec.clone(), Rc::clone(rows));
        move |_: &Path| load(&spec, &rows)
    };
    let total: u64 = rows.batches.iter().map(|batch| batch.num_rows() as u64).sum();
    let all: Rc<Vec<Values>> = Rc::new((0..total).map(|i| values(row(i, total))).collect());
    let some: Rc<Vec<Values>> = Rc::new((0..single_rows).map(|i| values(row(i, total))).collect());
    let ways = vec![
        way("sink", Kind::Sink, Start::New, None, sink()),
        way("sqlite3: .import into a table with its key", Kind::Bulk, Start::New, Some(Form::Commas), {
            let file = file.clone();
            move |rows| {
                let mut shell = Command::new("sqlite3");
                shell.arg("-bail").arg(&file);
                run_script(
                    shell,
                    &format!("{SQLITE_CACHE}{SQLITE_TABLE}.mode csv\n.import {} quality_stream\n", rows.display()),
                )
            }
        }),
        way("rusqlite: prepared INSERT, one transaction", Kind::Bulk, Start::New, None, {
            let file = file.clone();
            move |_| prepared(&file, &all, false)
        }),
        way("rusqlite: prepared INSERT, a transaction a row", Kind::Single, Start::New, None, {
            let file = file.clone();
            move |_| prepared(&file, &some, true)
        }),
    ];
    let counting = file;
    Ok(Engine {
        name: "SQLite",
        ways,
        prepare: Box::new(move |_| {
            for name in ["bench.db", "bench.db-wal", "bench.db-shm", "bench.db-journal"] {
                let _ = std::fs::remove_file(folder.path().join(name));
            }
            Ok(())
        }),
        count: Box::new(move || {
            let connection = Connection::open(&counting)?;
            let rows: i64 = connection.query_row("SELECT count(*) FROM quality_stream", [], |row| row.get(0))?;
            Ok(rows.to_string())
        }),
    })
}

/// A row as SQLite takes it, made before the clock starts.
type Values = (String, String, String, String, f64, f64, i64, i64, f64);

fn values(row: Row) -> Values {
    let Row { insert_id, team_id, report_id, event_ts, score, coverage, gaps, overlaps, duration } = row;
    (insert_id, team_id, report_id, format_rfc3339(event_ts), score, coverage, gaps, overlaps, duration)
}

/// In one transaction, or each row in one of its own.
fn prepared(file: &Path, rows: &[Values], one_by_one: bool) -> Result<()> {
    let mut connection = Connection::open(file)?;
    connection.execute_batch(SQLITE_CACHE)?;
    connection.execute_batch(SQLITE_TABLE)?;
    let loaded = format_rfc3339(0);
    let insert = |statement: &mut rusqlite::Statement<'_>, row: &Values| {
        let (id, team, report, at, score, coverage, gaps, overlaps, duration) = row;
        statement.execute((id, team, report, at, score, coverage, gaps, overlaps, duration, "backfill", &loaded))
    };
    if one_by_one {
        let mut statement = connection.prepare(SQLITE_INSERT)?;
        for row in rows {
            insert(&mut statement, row)?;
        }
        return Ok(());
    }
    let transaction = connection.transaction()?;
    {
        let mut statement = transaction.prepare(SQLITE_INSERT)?;
        for row in rows {
            insert(&mut statement, row)?;
        }
    }
    Ok(transaction.commit()?)
}
