//! Runs the program, and reads what it leaves.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

/// What a run of the program left on its streams.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// The one JSON object on stdout.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("stdout is no JSON: {e}\n{self:?}"))
    }

    /// Asserts success.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// Asserts an exit code and that every part of the message is on stderr.
    pub(crate) fn fails(self, code: i32, parts: &[&str]) -> Self {
        assert_eq!(self.code, code, "{}", self.stderr);
        for part in parts {
            assert!(self.stderr.contains(part), "`{part}` is not in:\n{}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }
}

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// An export of `tests/exports`.
pub(crate) fn export(name: &str) -> String {
    root().join("tests/exports").join(name).join("export").display().to_string()
}

/// A file of `tests/exports`.
pub(crate) fn export_file(name: &str) -> PathBuf {
    root().join("tests/exports").join(name)
}

/// A state folder for one call: runs of other tests are none of its business, and many have the same time and so the same id. Those of tests that
/// ran before are removed.
fn state_folder() -> PathBuf {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("state");
        let _ = std::fs::remove_dir_all(&folder);
        folder
    });
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    FOLDER.join(CALLS.fetch_add(1, Ordering::Relaxed).to_string())
}

/// The program, with a cache of its own that all tests share, and a state that no other call sees.
pub(crate) fn gristmill() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gristmill"));
    command
        .env("XDG_CACHE_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"))
        .env("GRISTMILL_STATE", state_folder())
        .env_remove("GRISTMILL_LOG")
        .env("NO_COLOR", "1")
        .stdin(Stdio::null());
    command
}

/// Runs the program in a folder.
pub(crate) fn run_in(folder: &Path, args: &[&str]) -> Ran {
    finish(gristmill().current_dir(folder).args(args))
}

/// A folder with a state of its own.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(folder())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn call(&self, arguments: &[&str]) -> Ran {
        finish(gristmill().current_dir(self.path()).env("GRISTMILL_STATE", "state").args(arguments))
    }
}

/// Runs a prepared command to its end.
pub(crate) fn finish(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A folder that goes with the test.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// The lines of a file, unpacked where it is gzip.
pub(crate) fn lines(path: &Path) -> Vec<String> {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut text = String::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
    } else {
        text = String::from_utf8(bytes).unwrap();
    }
    text.split('\n').filter(|l| !l.is_empty()).map(str::to_owned).collect()
}

/// Lines of JSON.
pub(crate) fn json_lines(path: &Path) -> Vec<Value> {
    lines(path).iter().map(|l| serde_json::from_str(l).unwrap()).collect()
}

/// The documents of an export as the REST API listed them.
pub(crate) fn rest_listing(name: &str) -> Vec<Value> {
    json_lines(&export_file(name).join("rest.ndjson.gz"))
}

/// The path of a document below `documents/`.
pub(crate) fn path_of(document: &Value) -> &str {
    document["name"].as_str().unwrap().split_once("/documents/").unwrap().1
}

/// All files below a folder with their content, by path relative to it.
pub(crate) fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn walk(root: &Path, folder: &Path, all: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, all);
            } else {
                all.insert(path.strip_prefix(root).unwrap().to_owned(), std::fs::read(&path).unwrap());
            }
        }
    }
    let mut all = BTreeMap::new();
    walk(folder, folder, &mut all);
    all
}

/// A quality report in the form of the REST API.
pub(crate) fn report(team: &str, report: &str, timestamp: &str, score: f64, update_time: &str) -> Value {
    serde_json::json!({
        "name": format!("projects/p/databases/(default)/documents/teams/{team}/reports/{report}/qualityReports/{timestamp}"),
        "fields": {
            "metrics": { "mapValue": { "fields": { "overallScore": { "doubleValue": score }, "gaps": { "integerValue": "3" } } } },
            "createdAt": { "timestampValue": "2024-01-01T00:00:00Z" },
        },
        "updateTime": update_time,
    })
}

/// Writes documents one a line.
pub(crate) fn write_lines(path: &Path, documents: &[Value]) {
    let text: String = documents.iter().map(|d| format!("{d}\n")).collect();
    std::fs::write(path, text).unwrap();
}

/// The ledger of a run adds up (invariant 1).
pub(crate) fn assert_balanced(summary: &Value) {
    let n = |v: &Value| v.as_u64().unwrap();
    let r = &summary["records"];
    assert_eq!(n(&r["read"]), n(&r["other"]) + n(&r["mapped"]) + n(&r["filtered"]) + n(&r["refused"]), "{summary}");
    for t in summary["rows"].as_array().unwrap() {
        let sum: u64 =
            ["inserted", "updated", "already", "duplicate", "collision", "invalid"].iter().map(|k| n(&t[*k])).sum();
        // Of replays alone.
        let elsewhere = t["elsewhere"].as_u64().unwrap_or_default();
        assert_eq!(n(&t["made"]), sum + elsewhere, "{summary}");
    }
    let coded: u64 = summary["refusals"].as_object().unwrap().values().map(n).sum();
    let rows = summary["rows"].as_array().unwrap().iter();
    let refused_rows: u64 = rows.map(|t| n(&t["collision"]) + n(&t["invalid"])).sum();
    assert_eq!(coded, n(&r["refused"]) + refused_rows, "{summary}");
}
