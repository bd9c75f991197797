//! The BigQuery sink: the suite, and what only it can do wrong. Against the doubles of BigQuery and Cloud Storage.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where something is not as it must be"
)]

#[path = "../support/mod.rs"]
mod support;

mod existing;
mod faults;
mod merging;
mod project;

use gristmill_sink::conformance;

use crate::project::{Project, block_on};

#[test]
fn conforms() {
    block_on(conformance::run(&mut || Box::new(Project::new()))).unwrap();
}

#[test]
fn a_million_rows_are_there_once() {
    block_on(conformance::many(&Project::new(), 1_000_000)).unwrap();
}
