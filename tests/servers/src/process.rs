//! A server process: where its program is, on which port it listens, how it ends.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to answer, and to end: long, as the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where a program of a package is: in one of these folders, the last in order of name, or in PATH.
pub(crate) fn program(name: &str, package: &str, folders: &[PathBuf]) -> PathBuf {
    let search = std::env::var_os("PATH").unwrap_or_default();
    let everywhere = folders.iter().rev().cloned().chain(std::env::split_paths(&search));
    let found = everywhere.map(|folder| folder.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!("`{name}` is not installed: run `cargo xtask setup`, or install the package {package}")
    })
}

/// The folders `PARENT/*/bin`, in order of name.
pub(crate) fn versions(parent: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let mut folders: Vec<_> = entries.map(|e| e.path().join("bin")).filter(|p| p.is_dir()).collect();
    folders.sort();
    folders
}

/// A port that nobody listens on now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|l| l.local_addr()).expect("a local port is free").port()
}

/// Runs a program to its end.
pub(crate) fn run(mut command: Command) {
    let shown = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|e| panic!("{shown}: {e}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}: {} {said}", output.status);
}

/// A running server, ended when it is dropped.
pub(crate) struct Process {
    child: Child,
    /// The signal that ends it at once, but in order.
    signal: &'static str,
}

impl Process {
    /// Starts a server whose words go to a file, and waits until `answers` is true. `None`: it ended by itself, as it does where another
    /// program took its port.
    pub(crate) fn start(
        mut command: Command,
        signal: &'static str,
        log: &Path,
        mut answers: impl FnMut() -> bool,
    ) -> Option<Self> {
        let words = std::fs::File::create(log).expect("the log can be written");
        let child = command
            .stdin(Stdio::null())
            .stdout(words.try_clone().expect("a file can be opened twice"))
            .stderr(words)
            .spawn()
            .unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let mut process = Self { child, signal };
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if process.child.try_wait().expect("a child can be asked").is_some() {
                return None;
            }
            if answers() {
                return Some(process);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the server does not answer; it said:\n{}", std::fs::read_to_string(log).unwrap_or_default());
    }

    /// The id of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn signalled(&mut self) -> bool {
        let sent = Command::new("kill").arg(format!("-{}", self.signal)).arg(self.id().to_string()).status();
        sent.is_ok_and(|s| s.success())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let began = Instant::now();
        if self.signalled() {
            while began.elapsed() < PATIENCE {
                if !matches!(self.child.try_wait(), Ok(None)) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        self.kill();
    }
}
