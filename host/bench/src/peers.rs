//! What people use instead, as scripts in a folder that the caller names.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The name of the pipeline that gristmill replaces.
pub(crate) const REFERENCE: &str = "peer: Beam, direct runner";

/// A script and how it is called.
pub(crate) struct Peer {
    pub(crate) name: String,
    script: PathBuf,
    arguments: &'static [&'static str],
}

/// Scripts, the module that each needs, and what follows input and output on its command line.
const KNOWN: [(&str, &str, &str, &[&str]); 5] = [
    (REFERENCE, "peer_beam.py", "apache_beam", &["--runner=DirectRunner"]),
    ("peer: Python, json", "peer_python.py", "json", &["json"]),
    ("peer: Python, orjson", "peer_python.py", "orjson", &["orjson"]),
    ("peer: DuckDB, one thread", "peer_duckdb.py", "duckdb", &["1"]),
    ("peer: Polars, one thread", "peer_polars.py", "polars", &[]),
];

/// The peers that can run here.
pub(crate) fn installed(scripts: &Path) -> Vec<Peer> {
    let mut peers = Vec::new();
    for (name, script, module, arguments) in KNOWN {
        let script = scripts.join(script);
        let import = Command::new("python3")
            .args(["-c", &format!("import {module}")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|s| s.success());
        if script.exists() && import {
            peers.push(Peer { name: name.to_owned(), script, arguments });
        } else {
            eprintln!("{name}: not installed, left out");
        }
    }
    peers
}

impl Peer {
    /// Reads a folder of JSON files, writes to a folder.
    pub(crate) fn command(&self, input: &Path, output: &Path) -> Command {
        let mut command = Command::new("python3");
        command.arg(&self.script).arg(input).arg(output.join("rows.ndjson")).args(self.arguments);
        command.env("POLARS_MAX_THREADS", "1");
        command
    }
}
