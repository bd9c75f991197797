//! MySQL and MariaDB: one table of the database for each table of the plugin.
//!
//! Rows go by `LOAD DATA LOCAL`, or by statements of many rows where the server takes no files of clients, into temporary tables that nobody else
//! sees. [`Sink::commit`] merges them by one `INSERT … SELECT … ON DUPLICATE KEY UPDATE` a table, in the order of the key, and records the load in
//! `_gristmill_loads`: all in one transaction. Rows that are there and equal are not touched.
//!
//! CREATE TABLE ends a transaction in these databases, and cannot be taken back. So a table that is not there is created last, before the transaction
//! begins, and dropped again where the load fails; a process that is killed in between leaves an empty table, which the next run fills.
//!
//! | plugin | MySQL, MariaDB |
//! | --- | --- |
//! | boolean, int64, float64 | `TINYINT(1)`, `BIGINT`, `DOUBLE` |
//! | timestamp, date | `DATETIME(6)` in UTC, `DATE` |
//! | string, reference | `LONGTEXT`; in a key `VARCHAR` |
//! | bytes | `LONGBLOB`; in a key `VARBINARY` |
//! | json, list, struct | `JSON` |
//!
//! Text compares by bytes, spaces at its end too: `utf8mb4_0900_bin` in MySQL, `utf8mb4_nopad_bin` in MariaDB. With the usual `utf8mb4_bin` `a` and `a `
//! are one key, as it fills the shorter with spaces. `VARBINARY` would tell keys apart as well, and hold longer ones, but clients show it as bytes.
//!
//! A table that is there may have narrower integers, `DECIMAL(n,0)`, `VARCHAR(n)`, `TEXT` and their like: values that do not fit are found before anything is
//! sent ([`ValueLimits`]).

mod address;
mod commit;
mod connect;
mod fault;
mod found;
mod insert;
mod load;
mod merge;
mod rows;
mod schema;
mod stream;
mod tls;
mod types;

use arrow_array::RecordBatch;
use async_trait::async_trait;
use gristmill_record::Table;

use self::address::Address;
use self::connect::Connection;
use self::fault::Context;
use self::load::Loading;
use crate::limits::ColumnLimit;
use crate::server::{Pace, Pacing};
use crate::{Begun, Load, OpenOptions, Sink, SinkError, TableCount, TableState, ValueLimits};

/// The sink of `mysql://…` and `mariadb://…`. Its functions need [`runtime`](crate::runtime).
pub struct MySql {
    address: Address,
    pacing: Pacing,
    limits: ValueLimits,
    loading: Option<(Loading, Pace)>,
}

impl MySql {
    /// A database by its URL, `mysql://USER[:PASSWORD]@HOST[:PORT]/DATABASE?ssl-mode=…&ssl-ca=FILE&socket=FILE`; what is wrong with the URL
    /// otherwise. Touches nothing.
    pub fn new(url: &str, options: &OpenOptions) -> Result<Self, String> {
        let limits = ValueLimits { nan: false, infinite: false, any_year: false, ..ValueLimits::default() };
        Ok(Self { address: Address::parse(url)?, pacing: options.pacing(), limits, loading: None })
    }

    fn loading(&mut self) -> Result<&mut (Loading, Pace), SinkError> {
        self.loading.as_mut().ok_or(SinkError::Order("no load of the MySQL database is open"))
    }

    fn set_limits<'a>(&mut self, limits: impl Iterator<Item = (&'a Table, &'a Vec<ColumnLimit>)>) {
        self.limits.columns = limits.map(|(t, l)| (t.name().to_owned(), l.clone())).collect();
    }
}

#[async_trait]
impl Sink for MySql {
    fn describe(&self) -> String {
        self.address.place.clone()
    }

    fn limits(&self) -> ValueLimits {
        self.limits.clone()
    }

    async fn check(&mut self, tables: &[Table]) -> Result<Vec<TableState>, SinkError> {
        let mut connection = Connection::open(&self.address).await?;
        let checked = schema::check(&mut connection, Context { place: &self.address.place }, tables).await?;
        schema::check_rights(&mut connection, tables, &checked).await?;
        connection.close().await;
        self.set_limits(tables.iter().zip(checked.tables.iter().map(|c| &c.limits)));
        Ok(checked.tables.iter().map(|t| t.state).collect())
    }

    async fn loaded(&mut self, load: &Load) -> Result<Option<Vec<TableCount>>, SinkError> {
        load::recorded(&self.address, load).await
    }

    async fn begin(&mut self, load: &Load) -> Result<Begun, SinkError> {
        if self.loading.is_some() {
            return Err(SinkError::Order("a load of the MySQL database is open already"));
        }
        crate::sink::check_run_id(&load.run_id)?;
        match Loading::begin(&self.address, load).await? {
            Ok(loading) => {
                self.set_limits(load.tables.iter().zip(loading.tables.iter().map(|t| &t.checked.limits)));
                self.loading = Some((loading, Pace::new(self.pacing)));
                Ok(Begun::Ready)
            }
            Err(counts) => Ok(Begun::AlreadyLoaded(counts)),
        }
    }

    async fn write(&mut self, table: usize, rows: RecordBatch) -> Result<(), SinkError> {
        let (limits, place) = (self.limits.clone(), self.address.place.clone());
        let (loading, pace) = self.loading()?;
        if let Some(breach) = limits.breaches(loading.table(table)?, &rows).into_iter().next() {
            let table = loading.table(table)?.name().to_owned();
            return Err(SinkError::Unstorable { place, table, column: breach.column, what: breach.what });
        }
        loading.write(table, &rows).await?;
        pace.rest(rows.num_rows() as u64).await;
        Ok(())
    }

    async fn commit(&mut self) -> Result<Vec<TableCount>, SinkError> {
        let (address, pacing) = (self.address.clone(), self.pacing);
        let counts = self.loading()?.0.commit(&address, pacing).await?;
        if let Some((loading, _)) = self.loading.take() {
            loading.connection.close().await;
        }
        Ok(counts)
    }

    async fn abort(&mut self) -> Result<(), SinkError> {
        match self.loading.take() {
            Some((loading, _)) => loading.abort(&self.address).await,
            None => Ok(()),
        }
    }
}

/// A name in SQL.
fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}
