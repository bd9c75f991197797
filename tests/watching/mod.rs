//! Runs as others see them: progress, metrics, traces.

mod metrics;
mod otlp;
mod progress;
mod retries;
mod targets;

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gristmill_generator::Spec;
use serde_json::Value;

use crate::kit::{folder, gristmill, root};

/// An export that takes a while, in a folder with a state of its own.
fn export_of(documents: u64) -> tempfile::TempDir {
    let folder = folder();
    let spec = Spec { documents, files: 3, bad: 0.01, ..Spec::default() };
    gristmill_generator::write_binary(&folder.path().join("export"), &spec).unwrap();
    folder
}

/// A run of the export, slow enough to be looked at.
fn run(folder: &Path, more: &[&str]) -> Command {
    let mut command = gristmill();
    command.current_dir(folder).env("GRISTMILL_STATE", "state");
    let fixed = ["run", "export", "--to", "sqlite:q.db", "--dead-letters", "dead.jsonl", "--split-size", "256KiB"];
    command.args(fixed).args(more);
    command
}

/// Started, with a thread that reads its stderr line by line.
struct Started {
    child: Child,
    lines: std::sync::mpsc::Receiver<String>,
}

impl Started {
    fn new(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let (send, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        Self { child, lines }
    }

    /// The next line of stderr that has this in it.
    fn line_with(&self, part: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(Duration::from_secs(60)).unwrap();
            if line.contains(part) {
                return line;
            }
        }
    }

    /// Its end, with the rest of stderr.
    fn end(mut self) -> (i32, Vec<String>) {
        let status = self.child.wait().unwrap();
        (status.code().unwrap_or(-1), self.lines.iter().collect())
    }
}

/// What a server answers to a request: the head, and the body.
fn ask(address: SocketAddr, request: &str) -> Option<(String, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.to_owned(), body.to_owned()))
}

fn get(address: SocketAddr, path: &str) -> Option<(String, String)> {
    ask(address, &format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n"))
}

/// Families of metrics, as the parser of Prometheus' own client understands them.
fn parsed(text: &str) -> Vec<Value> {
    let tools = gristmill_guest::tools_dir();
    let mut child = Command::new(tools.join("python/bin/python"))
        .arg(root().join("tests/watching/read_metrics.py"))
        .env("PYTHONPATH", tools.join("prometheus"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The value of a sample by its name and labels, `name{label="text"}` with labels in the order of the alphabet.
fn sample(families: &[Value], wanted: &str) -> Option<f64> {
    let samples = families.iter().flat_map(|family| family["samples"].as_array().unwrap());
    let spelled = |sample: &Value| {
        let labels = sample["labels"].as_object().unwrap();
        let labels: Vec<String> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let name = sample["name"].as_str().unwrap();
        if labels.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", labels.join(",")) }
    };
    samples.into_iter().find(|sample| spelled(sample) == wanted).and_then(|sample| sample["value"].as_f64())
}
