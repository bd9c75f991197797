//! A connection, and what is asked of it.

use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, DriverError, Error, OptsBuilder, Params, Row, Value};

use super::address::{Address, SslMode};
use super::fault::Context;
use super::tls;
use crate::SinkError;

/// How long to wait for a connection.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often the system looks whether a silent server is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// How a session of ours is set. Strict, so that no value is changed to make it fit; in UTC; waiting half a minute for locks, and an hour for
/// rows that are still being made, as limits that servers have are for queries of people. READ COMMITTED locks rows and no gaps between
/// them: who writes other rows does not wait for us.
const SESSION: &str = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO', \
    SESSION time_zone = '+00:00', SESSION autocommit = 1, SESSION foreign_key_checks = 1, SESSION unique_checks = 1, SESSION sql_big_selects = 1, \
    SESSION innodb_lock_wait_timeout = 30, SESSION lock_wait_timeout = 30, SESSION net_read_timeout = 3600, SESSION net_write_timeout = 3600, \
    SESSION wait_timeout = 28800";
const MARIADB_SESSION: &str = "SET SESSION max_statement_time = 0, SESSION idle_transaction_timeout = 0, SESSION idle_write_transaction_timeout = 0";
const VARIABLES: &str = "SHOW SESSION VARIABLES WHERE Variable_name IN \
    ('version', 'local_infile', 'max_allowed_packet', 'innodb_page_size', 'binlog_format')";

/// Warnings that say nothing about rows: a function that will go one day, a statement that a log cannot hold as text.
const HARMLESS: [&str; 3] = ["1287", "1592", "1681"];

/// What kind of server it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Server {
    pub(super) version: String,
    pub(super) mariadb: bool,
    /// Whether it takes rows as a file of the client.
    pub(super) local_infile: bool,
    /// Bytes of a message.
    pub(super) max_packet: usize,
    /// Bytes of a page of InnoDB.
    pub(super) page: usize,
    /// Whether changes are logged as statements.
    pub(super) statement_log: bool,
}

impl Server {
    /// Bytes that an index can have: <https://dev.mysql.com/doc/refman/8.4/en/innodb-limits.html>.
    pub(super) fn key_bytes(&self) -> usize {
        match self.page {
            4_096 => 768,
            8_192 => 1_536,
            _ => 3_072,
        }
    }

    /// The collation that tells any two texts apart: it compares bytes, and does not take `a` and `a ` for equal, as the collations do that
    /// fill the shorter text with spaces (PAD SPACE), `utf8mb4_bin` among them.
    pub(super) fn collation(&self) -> &'static str {
        if self.mariadb { "utf8mb4_nopad_bin" } else { "utf8mb4_0900_bin" }
    }

    /// Major, minor, patch.
    pub(super) fn numbers(&self) -> Vec<u32> {
        let numbers = self.version.split(|c: char| !c.is_ascii_digit());
        numbers.filter_map(|n| n.parse().ok()).take(3).collect()
    }
}

/// What a statement did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Done {
    /// The server's count of affected rows: an updated row counts twice, one that was equal not at all.
    pub(super) affected: u64,
    /// Rows that it went through, and those of them that it changed: `Records:` and `Duplicates:` of its answer.
    pub(super) records: u64,
    pub(super) duplicates: u64,
}

/// An open connection. While rows are streamed the stream has it.
pub(super) struct Connection {
    conn: Option<Conn>,
    place: String,
    pub(super) server: Server,
}

impl Connection {
    pub(super) async fn open(address: &Address) -> Result<Self, SinkError> {
        let context = Context { place: &address.place };
        let conn = match connect(address, None, true).await? {
            Err(Error::Driver(DriverError::NoClientSslFlagFromServer)) if address.ssl_mode == SslMode::Preferred => {
                connect(address, None, false).await?
            }
            Err(error) if address.ssl_mode == SslMode::Authority => match tls::name_of_certificate(&error) {
                Some(name) => connect(address, Some(&name), true).await?,
                None => Err(error),
            },
            result => result,
        };
        let conn = conn.map_err(|e| context.connecting(address, &e))?;
        let mut connection = Self { conn: Some(conn), place: address.place.clone(), server: Server::default() };
        connection.prepare().await?;
        Ok(connection)
    }

    async fn prepare(&mut self) -> Result<(), SinkError> {
        let doing = "preparing the session";
        self.run(doing, SESSION).await?;
        let server = &mut Server::default();
        for row in self.rows(doing, VARIABLES, &[]).await? {
            let value = text(&row, 1).unwrap_or_default();
            match text(&row, 0).unwrap_or_default().to_ascii_lowercase().as_str() {
                "version" => server.version = value,
                "local_infile" => server.local_infile = value.eq_ignore_ascii_case("on"),
                "max_allowed_packet" => server.max_packet = value.parse().unwrap_or_default(),
                "innodb_page_size" => server.page = value.parse().unwrap_or_default(),
                "binlog_format" => server.statement_log |= value.eq_ignore_ascii_case("statement"),
                _ => {}
            }
        }
        server.mariadb = server.version.to_ascii_lowercase().contains("mariadb");
        self.server = server.clone();
        if server.mariadb {
            self.run(doing, MARIADB_SESSION).await?;
        }
        // A log of statements takes no less than REPEATABLE READ.
        let level = if server.statement_log { "REPEATABLE READ" } else { "READ COMMITTED" };
        self.run(doing, &format!("SET SESSION TRANSACTION ISOLATION LEVEL {level}")).await.map(drop)
    }

    /// For a stream, which gives it back. An error where another stream has it.
    pub(super) fn lend(&mut self) -> Result<Conn, SinkError> {
        self.conn.take().ok_or(SinkError::Order("rows are still on their way to the database"))
    }

    pub(super) fn give_back(&mut self, conn: Conn) {
        self.conn = Some(conn);
    }

    pub(super) fn error(&self, doing: &str, error: &Error) -> SinkError {
        Context { place: &self.place }.error(doing, error)
    }

    /// What the last statement did.
    pub(super) fn done(&mut self) -> Result<Done, SinkError> {
        self.conn().map(|conn| done(conn))
    }

    fn conn(&mut self) -> Result<&mut Conn, SinkError> {
        self.conn.as_mut().ok_or(SinkError::Order("rows are still on their way to the database"))
    }

    /// Runs a statement that brings no rows.
    pub(super) async fn run(&mut self, doing: &str, sql: &str) -> Result<Done, SinkError> {
        let conn = self.conn()?;
        match conn.query_drop(sql).await {
            Ok(()) => Ok(done(conn)),
            Err(error) => Err(self.error(doing, &error)),
        }
    }

    /// As [`run`](Self::run), with what the server said where it refuses.
    pub(super) async fn attempt(&mut self, sql: &str) -> Result<Result<(), Error>, SinkError> {
        Ok(self.conn()?.query_drop(sql).await)
    }

    /// Runs a statement that brings rows: a warning is an error, as it is about a value that was changed.
    pub(super) async fn bring(&mut self, doing: &str, sql: &str) -> Result<Done, SinkError> {
        let done = self.run(doing, sql).await?;
        self.no_warnings(doing).await?;
        Ok(done)
    }

    /// As [`bring`](Self::bring), prepared, with values.
    pub(super) async fn bring_values(&mut self, doing: &str, sql: &str, values: Vec<Value>) -> Result<Done, SinkError> {
        let conn = self.conn()?;
        let done = match conn.exec_drop(sql, Params::Positional(values)).await {
            Ok(()) => done(conn),
            Err(error) => return Err(self.error(doing, &error)),
        };
        self.no_warnings(doing).await?;
        Ok(done)
    }

    pub(super) async fn no_warnings(&mut self, doing: &str) -> Result<(), SinkError> {
        if self.conn()?.get_warnings() == 0 {
            return Ok(());
        }
        for row in self.rows(doing, "SHOW WARNINGS", &[]).await? {
            let (code, message) = (text(&row, 1).unwrap_or_default(), text(&row, 2).unwrap_or_default());
            if !HARMLESS.contains(&code.as_str()) {
                let code = code.parse().unwrap_or_default();
                let answer = mysql_async::ServerError { code, message, state: "01000".to_owned() };
                return Err(self.error(doing, &Error::Server(answer)));
            }
        }
        Ok(())
    }

    /// The rows that a query gives.
    pub(super) async fn rows(&mut self, doing: &str, sql: &str, values: &[&str]) -> Result<Vec<Row>, SinkError> {
        let conn = self.conn()?;
        let rows = if values.is_empty() {
            conn.query(sql).await
        } else {
            let values = values.iter().map(|v| Value::Bytes(v.as_bytes().to_vec())).collect();
            conn.exec(sql, Params::Positional(values)).await
        };
        rows.map_err(|e| self.error(doing, &e))
    }

    /// What the server says of a statement without running it.
    pub(super) async fn would_take(&mut self, sql: &str) -> Result<Option<Error>, SinkError> {
        let conn = self.conn()?;
        Ok(match conn.prep(sql).await {
            Ok(statement) => conn.close(statement).await.err(),
            Err(error) => Some(error),
        })
    }

    /// Says goodbye. A connection that is dropped instead ends as well, but not at once.
    pub(super) async fn close(mut self) {
        if let Some(conn) = self.conn.take() {
            let _ = conn.disconnect().await;
        }
    }
}

/// One attempt; the outer error is for what is wrong on our side.
async fn connect(address: &Address, name: Option<&str>, encrypted: bool) -> Result<Result<Conn, Error>, SinkError> {
    let ssl = if encrypted { tls::options(address, name)? } else { None };
    let options = OptsBuilder::default()
        .ip_or_hostname(address.host.clone())
        .tcp_port(address.port)
        .user(Some(address.user.clone()))
        .pass(address.password.clone())
        .db_name(Some(address.database.clone()))
        .socket(address.socket.clone())
        // Else it would leave the way that was named for a socket that the server names.
        .prefer_socket(false)
        .tcp_keepalive(Some(KEEPALIVE))
        .ssl_opts(ssl);
    match tokio::time::timeout(PATIENCE, Conn::new(options)).await {
        Ok(result) => Ok(result),
        Err(_) => Err(Context { place: &address.place }.silent(address)),
    }
}

fn done(conn: &Conn) -> Done {
    let info = conn.info();
    let number = |name: &str| {
        let rest = info.split_once(name).map(|(_, rest)| rest.trim_start());
        rest.and_then(|r| r.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()).unwrap_or_default()
    };
    Done { affected: conn.affected_rows(), records: number("Records:"), duplicates: number("Duplicates:") }
}

/// A value of a row as text; `None` for NULL.
pub(super) fn text(row: &Row, index: usize) -> Option<String> {
    match row.as_ref(index)? {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::Int(n) => Some(n.to_string()),
        Value::UInt(n) => Some(n.to_string()),
        other => Some(other.as_sql(true)),
    }
}
