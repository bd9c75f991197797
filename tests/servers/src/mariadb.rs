//! MariaDB.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::account::Account;
use crate::certificate::Certificates;
use crate::process::{Process, free_port, program, run};

/// How a server is started.
#[derive(Default)]
pub struct MariaDbOptions<'a> {
    /// Speaks TLS with these, and refuses connections over the network without.
    pub certificates: Option<&'a Certificates>,
    /// Further options, without `--`.
    pub settings: Vec<(&'a str, String)>,
    /// Environment of the server.
    pub environment: Vec<(&'a str, String)>,
    /// Whether commits wait for the disk, as they do by default outside tests.
    pub durable: bool,
}

/// A server with a user `tester` who may do everything.
pub struct MariaDb {
    // Before the folder, so that it has ended when its files go.
    process: Process,
    folder: tempfile::TempDir,
    port: u16,
}

impl MariaDb {
    /// The user.
    pub const USER: &'static str = "tester";
    /// The user's password.
    pub const PASSWORD: &'static str = "a-secret";

    /// A server that forgets fast: nothing waits for the disk.
    pub fn start() -> Self {
        Self::start_with(&MariaDbOptions::default())
    }

    /// A new server.
    pub fn start_with(options: &MariaDbOptions<'_>) -> Self {
        let account = Account::unprivileged();
        let folder = tempfile::TempDir::new().expect("a folder for the server");
        account.own(folder.path());
        // Not the system's: a server that starts deletes what it takes for its own remains there, and would delete other servers' tables.
        let temporary = folder.path().join("tmp");
        std::fs::create_dir(&temporary).expect("a folder can be made");
        account.own(&temporary);
        let mut install = account.command(&tool("mariadb-install-db"));
        install.current_dir(folder.path()).arg("--no-defaults").arg(argument("datadir", &folder.path().join("data")));
        install.arg(argument("tmpdir", &temporary));
        install.args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
        run(install);
        let mut files = Vec::new();
        if let Some(certificates) = options.certificates {
            let certificate = ("ssl-cert", certificates.certificate(), "server.crt");
            for (option, from, name) in [certificate, ("ssl-key", certificates.key(), "server.key")] {
                let to = folder.path().join(name);
                std::fs::copy(from, &to).expect("a certificate can be copied");
                account.own(&to);
                files.push((option, to));
            }
        }
        // Another program may take the port between our look at it and the server's.
        for _ in 0..5 {
            let port = free_port();
            let Some(process) = serve(&account, folder.path(), port, &files, options) else { continue };
            let server = Self { process, folder, port };
            let (user, password) = (Self::USER, Self::PASSWORD);
            let user = format!(
                "CREATE USER {user}@'%' IDENTIFIED BY '{password}'; GRANT ALL ON *.* TO {user}@'%' WITH GRANT OPTION"
            );
            server.sql("", &user).expect("a user can be made");
            return server;
        }
        panic!("the server ended: {}", std::fs::read_to_string(folder.path().join("log")).unwrap_or_default());
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The user's address of a database.
    pub fn url(&self, database: &str) -> String {
        format!("mysql://{}:{}@127.0.0.1:{}/{database}", Self::USER, Self::PASSWORD, self.port)
    }

    /// What the command-line client answers to a command in a database (none: no database): rows of tab-separated values without a header.
    pub fn sql(&self, database: &str, sql: &str) -> Result<String, String> {
        let output = self.client(database).args(["-e", sql]).output().expect("the client can be started");
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// The command-line client as root, over the local socket.
    pub fn client(&self, database: &str) -> Command {
        let mut client = Command::new(tool("mariadb"));
        client.args([
            "--no-defaults",
            "--batch",
            "--skip-column-names",
            "--default-character-set=utf8mb4",
            "-u",
            "root",
        ]);
        client.arg(argument("socket", &socket(self.folder.path())));
        if !database.is_empty() {
            client.args(["-D", database]);
        }
        client
    }

    /// The folder of its files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        self.process.kill();
    }
}

fn serve(
    account: &Account,
    folder: &Path,
    port: u16,
    files: &[(&str, PathBuf)],
    options: &MariaDbOptions<'_>,
) -> Option<Process> {
    let mut server = account.command(&tool("mariadbd"));
    server.current_dir(folder).arg("--no-defaults");
    server.args([argument("datadir", &folder.join("data")), argument("socket", &socket(folder))]);
    server.arg(argument("tmpdir", &folder.join("tmp")));
    server.args([format!("--port={port}"), "--bind-address=127.0.0.1".into(), "--local-infile=1".into()]);
    server.arg(argument("pid-file", &folder.join("pid")));
    if !options.durable {
        server.args(["--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0"]);
    }
    if options.certificates.is_some() {
        server.arg("--require-secure-transport=on");
    }
    server.args(files.iter().map(|(option, path)| argument(option, path)));
    server.args(options.settings.iter().map(|(name, value)| format!("--{name}={value}")));
    server.envs(options.environment.iter().map(|(name, value)| (name, value)));
    let admin = tool("mariadb-admin");
    let answers = || {
        let mut ask = Command::new(&admin);
        ask.args(["--no-defaults", "-u", "root", "--connect-timeout=5", "ping"])
            .arg(argument("socket", &socket(folder)));
        ask.output().is_ok_and(|output| output.status.success())
    };
    Process::start(server, "TERM", &folder.join("log"), answers)
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("socket")
}

fn argument(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

fn tool(name: &str) -> PathBuf {
    program(name, "mariadb-server", &["/usr/bin".into(), "/usr/sbin".into()])
}
