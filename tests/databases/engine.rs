//! What the tests need to know of a kind of server.

use std::path::Path;
use std::process::Command;

use gristmill_servers::{Certificates, Framing, FullDisk, Postgres, PostgresOptions};
use serde_json::Value;

use crate::kit::{Ran, export, finish, gristmill};

/// The time of every run: rows that were made at the same time are equal.
pub(crate) const STARTED: &str = "2026-01-02T03:04:05Z";

/// A running server.
pub(crate) trait Engine {
    const FRAMING: Framing;

    fn start() -> Self;
    fn start_on(disk: &FullDisk) -> Self;
    fn start_with_tls(certificates: &Certificates) -> Self;
    fn port(&self) -> u16;
    /// The address of a database as `--to` takes it, through a port.
    fn url(&self, database: &str, port: u16) -> String;
    /// What the server's own client answers.
    fn try_sql(&self, database: &str, sql: &str) -> Result<String, String>;
    /// The rows of `quality_stream` as text, a line each, tab-separated, in order of key: instants as `2026-01-02 03:04:05.678900`, nulls as `-`.
    fn quality_rows(&self, database: &str) -> Vec<String>;
    /// How many rows the engine has inserted, changed and deleted in `quality_stream`.
    fn touched(&self, database: &str) -> Vec<u64>;

    fn sql(&self, database: &str, sql: &str) -> String {
        self.try_sql(database, sql).unwrap()
    }

    fn create(&self, database: &str) {
        self.sql("", &format!("CREATE DATABASE {database}"));
    }

    fn drop_tables(&self, database: &str) {
        self.sql(database, "DROP TABLE quality_stream");
        self.sql(database, "DROP TABLE _gristmill_loads");
    }
}

impl Engine for Postgres {
    const FRAMING: Framing = Framing::Postgres;

    fn start() -> Self {
        Self::start()
    }

    fn start_on(disk: &FullDisk) -> Self {
        Self::start_with(&PostgresOptions { environment: disk.environment(), ..PostgresOptions::default() })
    }

    fn start_with_tls(certificates: &Certificates) -> Self {
        Self::start_with(&PostgresOptions { certificates: Some(certificates), ..PostgresOptions::default() })
    }

    fn port(&self) -> u16 {
        self.port()
    }

    fn url(&self, database: &str, port: u16) -> String {
        format!("postgresql://postgres:{}@127.0.0.1:{port}/{database}?sslmode=disable", Self::PASSWORD)
    }

    fn try_sql(&self, database: &str, sql: &str) -> Result<String, String> {
        self.sql(if database.is_empty() { "postgres" } else { database }, sql)
    }

    fn quality_rows(&self, database: &str) -> Vec<String> {
        let at = |c: &str| format!("to_char({c} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')");
        let sql = format!(
            "SELECT concat_ws(E'\\t', insert_id, team_id, report_id, {}, coalesce(\"overallScore\"::text, '-'), \
             coalesce(coverage::text, '-'), coalesce(gaps::text, '-'), coalesce(\"overlaps\"::text, '-'), \
             coalesce(\"avgDur\"::text, '-'), source, {}) FROM quality_stream ORDER BY insert_id COLLATE \"C\"",
            at("event_ts"),
            at("load_ts")
        );
        self.sql(database, &sql).unwrap().lines().map(str::to_owned).collect()
    }

    fn touched(&self, database: &str) -> Vec<u64> {
        // Of all sessions: what is waiting to be counted is counted when they end.
        let sql = "SELECT pg_stat_force_next_flush(), n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables WHERE relname = 'quality_stream'";
        let text = self.sql(database, sql).unwrap();
        text.split('|').skip(1).map(|n| n.parse().unwrap()).collect()
    }
}

/// A run of the yago export into a destination.
pub(crate) fn job(folder: &Path, to: &str, more: &[&str]) -> Command {
    let mut command = gristmill();
    let export = export("yago");
    command.current_dir(folder).args(["--json", "run", &export, "--to", to]);
    command
        .args(["--config", "overall-score-max=100", "--started-at", STARTED, "--dead-letters", "dead.jsonl"])
        .args(more);
    command
}

/// The same to its end.
pub(crate) fn run(folder: &Path, to: &str, more: &[&str]) -> Ran {
    finish(&mut job(folder, to, more))
}

/// Inserted, updated, already there, of `quality_stream`.
pub(crate) fn counts(ran: &Ran) -> [u64; 3] {
    let summary: Value = ran.json();
    let rows = &summary["rows"][0];
    ["inserted", "updated", "already"].map(|name| rows[name].as_u64().unwrap())
}

/// The rows that the SQLite sink makes of the export, in the form of [`Engine::quality_rows`].
pub(crate) fn sqlite_rows(folder: &Path) -> Vec<String> {
    run(folder, "sqlite:expected.db", &[]).ok();
    let database = rusqlite::Connection::open(folder.join("expected.db")).unwrap();
    let mut select = database.prepare("SELECT * FROM quality_stream ORDER BY insert_id").unwrap();
    let columns = select.column_count();
    let row = |row: &rusqlite::Row<'_>| {
        let cell = |i: usize| match row.get_unwrap::<_, rusqlite::types::Value>(i) {
            rusqlite::types::Value::Null => "-".to_owned(),
            rusqlite::types::Value::Integer(n) => n.to_string(),
            rusqlite::types::Value::Real(x) => x.to_string(),
            rusqlite::types::Value::Text(t) if [3, 10].contains(&i) => t.replace('T', " ").replace('Z', ""),
            rusqlite::types::Value::Text(t) => t,
            rusqlite::types::Value::Blob(_) => panic!("no column has bytes"),
        };
        Ok((0..columns).map(cell).collect::<Vec<_>>().join("\t"))
    };
    select.query_map([], row).unwrap().map(Result::unwrap).collect()
}
