//! Runs that end early, and go on.

mod kills;
mod refusals;
mod ways;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gristmill_generator::{Made, Spec};
use serde_json::Value;

use crate::kit::{Ran, finish, gristmill};

/// A folder with an export, a state folder, and what runs leave.
struct Job {
    folder: tempfile::TempDir,
    made: Made,
    /// Arguments of every run.
    arguments: Vec<String>,
    /// Variables of every process: where servers are found.
    environment: Vec<(&'static str, String)>,
}

impl Job {
    /// Quality reports, some of them bad, in several files, of which each is several splits.
    fn new(documents: u64, to: &str, more: &[&str]) -> Self {
        let folder = crate::kit::folder();
        let spec = Spec { documents, files: 3, bad: 0.01, ..Spec::default() };
        let made = gristmill_generator::write_binary(&folder.path().join("export"), &spec).unwrap();
        let fixed = ["--json", "run", "export", "--to", to, "--dead-letters", "dead.jsonl", "--split-size", "128KiB"];
        let arguments = fixed.iter().chain(more).map(|a| (*a).to_owned()).collect();
        Self { folder, made, arguments, environment: Vec::new() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn program(&self) -> Command {
        let mut command = gristmill();
        command.current_dir(self.path()).env("GRISTMILL_STATE", "state");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Any command with the state folder of the job.
    fn call(&self, arguments: &[&str]) -> Ran {
        finish(self.program().args(arguments))
    }

    /// The command, with what is `more`: another destination takes the place of the job's.
    fn command(&self, more: &[&str]) -> Command {
        let mut arguments = self.arguments.clone();
        if more.contains(&"--to") {
            let own = arguments.iter().position(|a| a == "--to").unwrap();
            arguments.drain(own..own + 2);
        }
        let mut command = self.program();
        command.args(arguments).args(more);
        command
    }

    /// The run to its end.
    fn run(&self, more: &[&str]) -> Ran {
        finish(&mut self.command(more))
    }

    fn start(&self, more: &[&str]) -> Child {
        self.command(more).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn database(&self) -> Option<rusqlite::Connection> {
        let path = self.path().join("state/runs.db");
        let connection = path.exists().then(|| rusqlite::Connection::open(path).unwrap())?;
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        Some(connection)
    }

    /// How many splits are finished of runs that are not done.
    fn finished(&self) -> usize {
        let count = |db: rusqlite::Connection| -> Option<i64> {
            db.query_row("SELECT count(*) FROM splits", [], |r| r.get(0)).ok()
        };
        usize::try_from(self.database().and_then(count).unwrap_or_default()).unwrap()
    }

    /// Starts the run, and comes back when it has finished so many splits more than there are.
    fn start_until(&self, splits: usize, more: &[&str]) -> Child {
        let before = self.finished();
        let mut child = self.start(more);
        let start = Instant::now();
        while self.finished() < before + splits {
            assert!(start.elapsed() < Duration::from_secs(60), "only {} splits are finished", self.finished());
            if let Some(status) = child.try_wait().unwrap() {
                panic!("the run ended with {status} before {splits} splits were finished");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        child
    }

    /// Kills the run when it has finished so many splits.
    fn killed_after(&self, splits: usize, more: &[&str]) -> usize {
        let mut child = self.start_until(splits, more);
        child.kill().unwrap();
        child.wait().unwrap();
        self.finished()
    }

    /// What `gristmill runs ls` tells.
    fn runs(&self) -> Vec<Value> {
        let listed = self.call(&["--json", "runs", "ls", "--all"]).ok().json();
        listed.as_array().unwrap().clone()
    }

    /// The folders of runs that are not done.
    fn kept(&self) -> Vec<PathBuf> {
        std::fs::read_dir(self.path().join("state/runs")).unwrap().map(|e| e.unwrap().path()).collect()
    }

    /// The rows of the SQLite destination, but for the time of the run.
    fn sqlite_rows(&self) -> Vec<String> {
        sqlite_rows(&self.path().join("q.db"))
    }
}

/// The rows of `quality_stream` in order of key, but for the time of the run.
fn sqlite_rows(path: &Path) -> Vec<String> {
    let db = rusqlite::Connection::open(path).unwrap();
    let sql = "SELECT insert_id, team_id, report_id, event_ts, overallScore, coverage, gaps, overlaps, avgDur, source \
               FROM quality_stream ORDER BY insert_id";
    let mut select = db.prepare(sql).unwrap();
    let row = |row: &rusqlite::Row<'_>| {
        Ok((0..10).map(|i| format!("{:?}", row.get_ref(i).unwrap())).collect::<Vec<_>>().join("|"))
    };
    select.query_map([], row).unwrap().map(Result::unwrap).collect()
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

/// What ended a process that was started with its messages kept.
fn ended(child: Child) -> Ran {
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Numbers that look random, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        // xorshift64.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit.max(1)
    }
}
