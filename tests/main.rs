//! Tests that talk to the built program, as a person or a script would.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a test fails by panicking"
)]

mod kit;

mod authoring;
mod broken_input;
mod bucket;
mod bucket_letters;
mod bucket_parquet;
mod bucket_plugins;
mod c;
mod collisions;
mod command_line;
mod databases;
mod dead_letters;
mod determinism;
mod exports;
mod guests;
mod history;
mod jobs;
mod languages;
mod nested;
mod new;
mod quality;
mod report;
mod resume;
mod stand_ins;
mod tutorial;
mod unique;
mod validators;
mod warehouse;
mod watching;
mod yago;
