//! A disk without room, for every sink: the machine is blamed, the place is named, and nothing stays.
//!
//! The test runs itself again under a limit on the size of files, which a write meets as it meets a full disk; with `GRISTMILL_FULL_DISK` set to a
//! folder on a small filesystem, it fills that one instead.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where something is not as it must be"
)]

mod support;

use std::path::Path;
use std::process::Command;

use gristmill_record::{Blame, Diagnose};
use gristmill_sink::{OpenOptions, SinkError};
use support::{block_on, listing, load, quality_rows, quality_stream};
use tempfile::TempDir;

const CHILD: &str = "GRISTMILL_FULL_DISK_CHILD";

/// Loads until there is no more room.
fn fill(spec: &str, folder: &Path) {
    for partitioned in [true, false] {
        let table = quality_stream(partitioned);
        let mut sink =
            gristmill_sink::open(&spec.replace('@', &folder.display().to_string()), OpenOptions::default()).unwrap();
        let filled: Result<(), SinkError> = block_on(async {
            sink.begin(&load("run", "job", std::slice::from_ref(&table))).await?;
            for batch in 0..40 {
                sink.write(0, quality_rows(&table, batch * 10_000..(batch + 1) * 10_000, 2)).await?;
            }
            sink.commit().await.map(drop)
        });
        let error = filled.expect_err("there was room");
        eprintln!("{spec}: {error} [{:?}: {:?}]", error.blame(), error.remedy());
        assert_eq!(error.blame(), Blame::Environment, "{error}");
        assert!(error.to_string().contains(&*folder.to_string_lossy()), "{error}");
        assert!(error.remedy().unwrap().starts_with("Free space"), "{error}");
        block_on(sink.abort()).unwrap();
        drop(sink);
        assert!(listing(folder).is_empty(), "{:?} stayed", listing(folder));
    }
}

#[test]
fn a_full_disk_is_the_machines_fault_and_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    if let Some(spec) = std::env::var_os(CHILD) {
        let small = std::env::var_os("GRISTMILL_FULL_DISK");
        return fill(spec.to_str().unwrap(), small.as_deref().map_or(folder.path(), Path::new));
    }
    for spec in ["sqlite:@/rows.db", "parquet:@/out", "ndjson:@/rows.ndjson"] {
        // 4 MiB; ignored, the signal becomes an error of the write.
        let child = Command::new("sh")
            .args(["-c", "trap '' XFSZ; test -n \"$GRISTMILL_FULL_DISK\" || ulimit -f 8192; exec \"$0\" --nocapture"])
            .arg(std::env::current_exe().unwrap())
            .env(CHILD, spec)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stderr).into_owned();
        assert!(child.status.success() && said.contains("Environment"), "{spec}: {said}");
    }
}
