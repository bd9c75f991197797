//! PostgreSQL: one table of the database for each table of the plugin, in the first schema of the search path.
//!
//! One transaction holds the whole load and its record in `_gristmill_loads`: whatever happens before its end, the server takes all of it back. Rows
//! go by binary COPY into a temporary table, and from there by one `INSERT … ON CONFLICT` in the order of the key, which touches no row that is
//! there and equal. A table that is not there is created, filled by COPY at once, and gets its key last, which is the fastest way that PostgreSQL has.
//!
//! | plugin | PostgreSQL |
//! | --- | --- |
//! | boolean, int64, float64 | `boolean`, `bigint`, `double precision` |
//! | timestamp, date | `timestamp with time zone`, `date` |
//! | string, reference | `text`; in a key `COLLATE "C"` |
//! | bytes | `bytea` |
//! | json, list, struct | `jsonb` |
//!
//! A table that is there may have `integer`, `smallint`, `numeric`, `varchar(n)` and `json` in their places: values that do not fit are found before
//! anything is sent ([`ValueLimits`]).

mod address;
mod connect;
mod copy;
mod fault;
mod load;
mod schema;

use arrow_array::RecordBatch;
use async_trait::async_trait;
use gristmill_record::Table;

use self::address::Address;
use self::connect::Connection;
use self::fault::Context;
use self::load::Loading;
use crate::server::{Pace, Pacing};
use crate::{Begun, Load, OpenOptions, Sink, SinkError, TableCount, TableState, ValueLimits};

/// A row of a B-tree has 2,704 bytes at most; its header, alignment and columns of other types take some of them.
const KEY_BYTES: usize = 2_600;

/// The sink of `postgresql://…`. Its functions need [`runtime`](crate::runtime).
pub struct Postgres {
    address: Address,
    pacing: Pacing,
    limits: ValueLimits,
    loading: Option<(Loading, Pace)>,
}

impl Postgres {
    /// A database by its URL, <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS>; what is wrong with the URL
    /// otherwise. Touches nothing.
    pub fn new(url: &str, options: &OpenOptions) -> Result<Self, String> {
        let limits =
            ValueLimits { any_year: false, any_text: false, key_bytes: Some(KEY_BYTES), ..ValueLimits::default() };
        Ok(Self { address: Address::parse(url)?, pacing: options.pacing(), limits, loading: None })
    }

    fn loading(&mut self) -> Result<&mut (Loading, Pace), SinkError> {
        self.loading.as_mut().ok_or(SinkError::Order("no load of the PostgreSQL database is open"))
    }
}

#[async_trait]
impl Sink for Postgres {
    fn describe(&self) -> String {
        self.address.place.clone()
    }

    fn limits(&self) -> ValueLimits {
        self.limits.clone()
    }

    async fn check(&mut self, tables: &[Table]) -> Result<Vec<TableState>, SinkError> {
        let connection = Connection::open(&self.address).await?;
        let checked = schema::check(&connection.client, Context { place: &self.address.place }, tables).await?;
        let limits = tables.iter().zip(&checked.tables).map(|(t, c)| (t.name().to_owned(), c.limits.clone()));
        self.limits.columns = limits.collect();
        Ok(checked.tables.iter().map(|t| t.state).collect())
    }

    async fn loaded(&mut self, load: &Load) -> Result<Option<Vec<TableCount>>, SinkError> {
        load::recorded(&self.address, load).await
    }

    async fn begin(&mut self, load: &Load) -> Result<Begun, SinkError> {
        if self.loading.is_some() {
            return Err(SinkError::Order("a load of the PostgreSQL database is open already"));
        }
        crate::sink::check_run_id(&load.run_id)?;
        match Loading::begin(&self.address, load).await? {
            Ok(loading) => {
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
        let address = self.address.clone();
        let counts = self.loading()?.0.commit(&address).await?;
        self.loading = None;
        Ok(counts)
    }

    async fn abort(&mut self) -> Result<(), SinkError> {
        match self.loading.take() {
            Some((loading, _)) => loading.abort().await,
            None => Ok(()),
        }
    }
}

/// A name in SQL.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
