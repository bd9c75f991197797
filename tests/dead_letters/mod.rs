//! Records that were refused: looked at, kept from being read by everybody, and replayed.

mod kept;
mod looks;
mod refusals;
mod replays;
mod servers;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::kit::{Ran, finish, gristmill, json_lines, report, write_lines};

pub(crate) const STARTED: &str = "2026-01-02T03:04:05Z";
/// Reports of a folder's export.
pub(crate) const REPORTS: usize = 60;
/// Every so many of them has a score of 0 to 100.
pub(crate) const EVERY: usize = 6;
/// Those that the built-in plugin refuses by itself.
pub(crate) const BAD: u64 = (REPORTS / EVERY) as u64;
/// The setting with which it does not.
pub(crate) const WIDE: &str = "overall-score-max=100";

/// A folder with an export of two files, with a state folder of its own.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    /// Reports with good scores, and every sixth with one that is refused.
    pub(crate) fn new() -> Self {
        let f = Self(crate::kit::folder());
        let documents: Vec<Value> = (0..REPORTS)
            .map(|i| {
                let score = if i % EVERY == 0 { 50.0 + i as f64 / 2.0 } else { i as f64 / 100.0 };
                report(&format!("team{}", i % 7), &format!("r{i}"), &format!("{i}"), score, "2024-01-01T00:00:00Z")
            })
            .collect();
        std::fs::create_dir(f.path().join("export")).unwrap();
        write_lines(&f.path().join("export/1.ndjson"), &documents[..REPORTS / 2]);
        write_lines(&f.path().join("export/2.ndjson"), &documents[REPORTS / 2..]);
        f
    }

    /// One without any export.
    pub(crate) fn empty() -> Self {
        let f = Self(crate::kit::folder());
        std::fs::create_dir(f.path().join("export")).unwrap();
        f
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = gristmill();
        command.current_dir(self.path()).env("GRISTMILL_STATE", self.path().join("state")).args(arguments);
        command
    }

    pub(crate) fn call(&self, arguments: &[&str]) -> Ran {
        finish(&mut self.command(arguments))
    }

    /// A run of the export.
    pub(crate) fn run(&self, to: &str, more: &[&str]) -> Ran {
        self.call(&[&["--json", "run", "export", "--to", to, "--started-at", STARTED], more].concat())
    }

    /// The same with what refuses nothing, into another destination: what there is to be in the end.
    pub(crate) fn run_good(&self, to: &str, more: &[&str]) -> Ran {
        let ran = self.run(to, &[&["--config", WIDE], more].concat()).ok();
        assert_eq!(ran.json()["records"]["refused"], 0, "{}", ran.stdout);
        ran
    }

    pub(crate) fn letters(&self, more: &[&str]) -> Ran {
        self.call(&[&["dead-letters"], more].concat())
    }

    pub(crate) fn replay(&self, more: &[&str]) -> Ran {
        self.call(&[&["--json", "dead-letters", "replay"], more].concat())
    }

    pub(crate) fn runs(&self) -> Vec<Value> {
        self.call(&["--json", "runs", "ls", "--all"]).ok().json().as_array().unwrap().clone()
    }

    /// Every row of a table with all of its columns, in order of its key.
    pub(crate) fn rows(&self, database: &str, table: &str) -> Vec<String> {
        let db = rusqlite::Connection::open(self.path().join(database)).unwrap();
        let mut select = db.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2")).unwrap();
        let columns = select.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            Ok((0..columns).map(|i| format!("{:?}", row.get_ref(i).unwrap())).collect::<Vec<_>>().join("|"))
        };
        select.query_map([], row).unwrap().map(Result::unwrap).collect()
    }

    pub(crate) fn quality(&self, database: &str) -> Vec<String> {
        self.rows(database, "quality_stream")
    }

    pub(crate) fn json_lines(&self, name: &str) -> Vec<Value> {
        json_lines(&self.path().join(name))
    }

    /// The dead letters of a run, as its summary names them.
    pub(crate) fn letters_of(&self, summary: &Value) -> Vec<Value> {
        match summary["dead_letters"].as_str() {
            Some(path) => json_lines(&self.path().join(path)),
            None => Vec::new(),
        }
    }
}

/// Inserted, updated, already there, duplicates.
pub(crate) fn counts(summary: &Value) -> [u64; 4] {
    ["inserted", "updated", "already", "duplicate"].map(|name| summary["rows"][0][name].as_u64().unwrap())
}

/// The newer plugin: in another language, with the mapping of the built-in one.
pub(crate) fn newer() -> PathBuf {
    gristmill_guest::fixture("quality-c").unwrap_or_else(|e| panic!("{e}"))
}

/// A report that is refused whatever the settings.
pub(crate) fn hopeless(team: &str) -> Value {
    json!({
        "name": format!("projects/p/databases/(default)/documents/teams/{team}/reports/r/qualityReports/t"),
        "fields": { "createdAt": { "stringValue": "yesterday" } },
    })
}
