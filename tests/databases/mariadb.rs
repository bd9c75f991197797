//! MariaDB, which stands for MySQL as well.

use gristmill_servers::{Certificates, Framing, FullDisk, MariaDb, MariaDbOptions};

use super::engine::Engine;

fn start(options: MariaDbOptions<'_>) -> MariaDb {
    // Counts what each table's rows go through.
    let settings = vec![("userstat", "1".to_owned())];
    MariaDb::start_with(&MariaDbOptions { settings, ..options })
}

impl Engine for MariaDb {
    const FRAMING: Framing = Framing::MySql;

    fn start() -> Self {
        start(MariaDbOptions::default())
    }

    fn start_on(disk: &FullDisk) -> Self {
        start(MariaDbOptions { environment: disk.environment(), ..MariaDbOptions::default() })
    }

    fn start_with_tls(certificates: &Certificates) -> Self {
        start(MariaDbOptions { certificates: Some(certificates), ..MariaDbOptions::default() })
    }

    fn port(&self) -> u16 {
        self.port()
    }

    fn url(&self, database: &str, port: u16) -> String {
        format!("mysql://{}:{}@127.0.0.1:{port}/{database}?ssl-mode=DISABLED", Self::USER, Self::PASSWORD)
    }

    fn try_sql(&self, database: &str, sql: &str) -> Result<String, String> {
        self.sql(database, sql)
    }

    fn quality_rows(&self, database: &str) -> Vec<String> {
        let at = |c: &str| format!("DATE_FORMAT({c}, '%Y-%m-%d %H:%i:%s.%f')");
        let some = |c: &str| format!("COALESCE({c}, '-')");
        let columns = [
            "insert_id, team_id, report_id".to_owned(),
            at("event_ts"),
            ["overallScore", "coverage", "gaps", "overlaps", "avgDur", "source"].map(some).join(", "),
            at("load_ts"),
        ];
        let sql = format!("SELECT {} FROM quality_stream ORDER BY insert_id", columns.join(", "));
        self.sql(database, &sql).unwrap().lines().map(str::to_owned).collect()
    }

    fn touched(&self, database: &str) -> Vec<u64> {
        let sql = format!(
            "SELECT ROWS_CHANGED FROM information_schema.TABLE_STATISTICS WHERE TABLE_SCHEMA = '{database}' AND TABLE_NAME = 'quality_stream'"
        );
        vec![self.sql("", &sql).unwrap().parse().unwrap()]
    }
}
