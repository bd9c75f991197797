//! Same input, plugin, configuration: the same output byte for byte, whatever the workers, the batches and the memory (invariant 4).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gristmill_generator::{Layout, Spec};

use crate::kit::{assert_balanced, export, export_file, folder, run_in, tree};

const STARTED: &str = "2026-01-02T03:04:05Z";

struct Setting {
    workers: &'static str,
    batch_rows: &'static str,
    memory: &'static str,
}

const fn setting(workers: &'static str, batch_rows: &'static str, memory: &'static str) -> Setting {
    Setting { workers, batch_rows, memory }
}

/// NDJSON, Parquet and dead letters of a run.
fn outputs(input: &str, folder: &Path, s: &Setting) -> (BTreeMap<PathBuf, Vec<u8>>, u64) {
    let mut all = BTreeMap::new();
    let mut spilled = 0;
    let name = format!("{}-{}-{}", s.workers, s.batch_rows, s.memory);
    for to in ["ndjson:rows.ndjson", "parquet:tables"] {
        let place = folder.join(&name).join(to.split(':').next().unwrap());
        std::fs::create_dir_all(&place).unwrap();
        let summary = run_in(
            &place,
            &[
                "run",
                input,
                "--to",
                to,
                "--started-at",
                STARTED,
                "--config",
                "overall-score-max=100",
                "--json",
                "--workers",
                s.workers,
                "--batch-rows",
                s.batch_rows,
                "--memory",
                s.memory,
            ],
        )
        .ok()
        .json();
        assert_balanced(&summary);
        assert!(summary["rows"][0]["inserted"].as_u64().unwrap() > 1_000);
        spilled += summary["spilled_bytes"].as_u64().unwrap();
        all.extend(
            tree(&place).into_iter().map(|(path, bytes)| (Path::new(to.split(':').next().unwrap()).join(path), bytes)),
        );
    }
    (all, spilled)
}

fn assert_same(input: &str, settings: &[Setting], spills: bool) {
    let f = folder();
    let mut first: Option<BTreeMap<PathBuf, Vec<u8>>> = None;
    for s in settings {
        let (all, spilled) = outputs(input, f.path(), s);
        if spills {
            assert_eq!(spilled > 0, s.memory == "16MiB", "{spilled} bytes were spilled with {}", s.memory);
        }
        assert!(all.keys().any(|p| p.extension().is_some_and(|e| e == "parquet")), "{:?}", all.keys());
        let what = format!("{} workers, {} rows, {}", s.workers, s.batch_rows, s.memory);
        match &first {
            None => first = Some(all),
            Some(first) => {
                assert_eq!(first.keys().collect::<Vec<_>>(), all.keys().collect::<Vec<_>>(), "{what}");
                for (path, bytes) in first {
                    assert!(all[path] == *bytes, "{} differs with {what}", path.display());
                }
            }
        }
    }
}

/// Every combination, on the real export in both formats.
#[test]
fn every_setting_gives_the_same_bytes() {
    let mut settings = Vec::new();
    for workers in ["1", "2", "7"] {
        for batch_rows in ["1", "100", "10000"] {
            for memory in ["16MiB", "1GiB"] {
                settings.push(setting(workers, batch_rows, memory));
            }
        }
    }
    assert_same(&export("yago"), &settings, false);
    assert_same(&export_file("yago/documents.json.gz").display().to_string(), &settings, false);
}

const LARGE: [Setting; 6] = [
    setting("1", "10000", "1GiB"),
    setting("7", "100", "16MiB"),
    setting("2", "4096", "16MiB"),
    setting("2", "1", "16MiB"),
    setting("1", "4096", "16MiB"),
    setting("7", "10000", "1GiB"),
];

fn spec() -> Spec {
    Spec { documents: 150_000, files: 3, ..Spec::default() }
}

/// An input whose rows do not fit in 16 MiB, in several files and splits.
#[test]
fn rows_that_spill_are_the_same_rows() {
    let f = folder();
    let export = f.path().join("export");
    gristmill_generator::write_binary(&export, &spec()).unwrap();
    assert_same(&export.display().to_string(), &LARGE, true);
}

#[test]
fn lines_that_are_read_in_splits_are_the_same_rows() {
    let f = folder();
    let export = f.path().join("json");
    // A file is cut where it has 64 MiB and more.
    let made =
        gristmill_generator::write_json(&export, Layout::Lines, &Spec { documents: 250_000, files: 1, ..spec() })
            .unwrap();
    assert!(made.bytes > 96 << 20, "{} bytes", made.bytes);
    assert_same(&export.display().to_string(), &LARGE[..3], true);
}
