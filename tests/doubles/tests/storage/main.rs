//! The double of Cloud Storage, as clients see it: Google's own for Rust, and plain HTTP.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod kit;

mod access;
mod faults;
mod list;
mod lives;
mod plain;
mod read;
mod write;
