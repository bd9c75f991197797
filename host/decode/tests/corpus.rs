//! The corpus of the fuzz targets, and what they have found, read as the targets read it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    reason = "a test fails by panicking"
)]

use std::path::Path;

#[path = "../fuzz/fuzz_targets/reading/mod.rs"]
mod reading;

fn replay(target: &str, read: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut count = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        read(&std::fs::read(file.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count > 0, "the corpus of {target} is empty");
}

#[test]
fn logs() {
    replay("log", reading::log);
}

#[test]
fn entities() {
    replay("entity", reading::entity);
}

#[test]
fn documents() {
    replay("json", reading::json);
}
