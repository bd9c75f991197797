//! Where rows go: the [`Sink`] trait, the [`conformance`] suite that every sink passes, and the destinations that are
//! built in: SQLite, Parquet, NDJSON, PostgreSQL, MySQL and BigQuery.
//!
//! [`open`] makes a sink of what a person writes after `--to`. A load is then [`Sink::check`], [`Sink::begin`], any
//! number of [`Sink::write`], and [`Sink::commit`] or [`Sink::abort`]. Whenever the process ends in between, readers
//! of the destination see what was there before `begin`; NDJSON on stdout is the exception, by its nature.

mod bigquery;
pub mod conformance;
mod error;
mod inspect;
mod json;
mod limits;
mod mysql;
mod ndjson;
mod parquet;
mod postgres;
mod server;
mod sink;
mod spec;
mod sqlite;
mod text;
mod weight;

pub use bigquery::BigQuery;
pub use conformance::{RowError, rows_from_json};
pub use error::{Mismatch, SinkError};
pub use gristmill_storage::Address as StagingAddress;
pub use inspect::{Cells, Counts, Findings, Inspect, Newest, Questions, Repeated, inspector};
pub use json::json_rows;
pub use limits::{Breach, ColumnLimit, ValueLimits};
pub use mysql::MySql;
pub use ndjson::Ndjson;
pub use parquet::Parquet;
pub use postgres::Postgres;
pub use server::{Emulators, FaultKind, OpenOptions, ServerFault, runtime};
pub use sink::{Begun, Load, OnConflict, Sink, TableCount, TableState};
pub use spec::{DEFAULT_SPEC, lacks_password, open, with_password, without_password};
pub use sqlite::Sqlite;
