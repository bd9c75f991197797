//! The double of BigQuery, by plain HTTP and by a client: the rules that loaders depend on, one by one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod client;
mod faults;
mod jobs;
mod kit;
mod loads;
mod merges;
mod parquet;
mod queries;
mod referees;
mod resources;
mod uploads;
