//! The MySQL sink: the suite, and what only it can do wrong. Against a real MariaDB.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where something is not as it must be"
)]

mod database;
mod existing;
mod faults;
mod merging;
#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;

use database::Database;
use gristmill_servers::{MariaDb, MariaDbOptions};
use gristmill_sink::conformance;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    gristmill_sink::runtime().unwrap().block_on(future)
}

fn conform(options: &MariaDbOptions<'_>) {
    let server = Arc::new(MariaDb::start_with(options));
    block_on(conformance::run(&mut || Box::new(Database::new(&server)))).unwrap();
}

#[test]
fn conforms() {
    conform(&MariaDbOptions::default());
}

#[test]
fn a_million_rows_are_there_once() {
    let server = Arc::new(MariaDb::start_with(&MariaDbOptions::default()));
    block_on(conformance::many(&Database::new(&server), 1_000_000)).unwrap();
}

/// Without files of clients rows are values of statements.
#[test]
fn conforms_without_local_files() {
    conform(&MariaDbOptions { settings: vec![("local-infile", "0".into())], ..MariaDbOptions::default() });
}
