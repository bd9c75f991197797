//! PostgreSQL.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::account::Account;
use crate::certificate::Certificates;
use crate::process::{Process, free_port, program, run, versions};

/// How a server is started.
#[derive(Default)]
pub struct PostgresOptions<'a> {
    /// Speaks TLS with these, and refuses connections without.
    pub certificates: Option<&'a Certificates>,
    /// Further settings, as in `postgresql.conf`.
    pub settings: Vec<(&'a str, String)>,
    /// Environment of the server.
    pub environment: Vec<(&'a str, String)>,
    /// Whether commits wait for the disk, as they do by default outside tests.
    pub durable: bool,
}

/// A server with a superuser `postgres`.
pub struct Postgres {
    // Before the folder, so that it has ended when its files go.
    process: Process,
    folder: tempfile::TempDir,
    port: u16,
}

impl Postgres {
    /// The superuser's password.
    pub const PASSWORD: &'static str = "a-secret";

    /// A server that forgets fast: nothing waits for the disk.
    pub fn start() -> Self {
        Self::start_with(&PostgresOptions::default())
    }

    /// A new server.
    pub fn start_with(options: &PostgresOptions<'_>) -> Self {
        let account = Account::unprivileged();
        let folder = tempfile::TempDir::new().expect("a folder for the server");
        account.own(folder.path());
        let (data, password) = (folder.path().join("data"), folder.path().join("password"));
        std::fs::write(&password, Self::PASSWORD).expect("a file can be written");
        account.own(&password);
        let mut initdb = account.command(&tool("initdb"));
        initdb.arg("-D").arg(&data).arg("--pwfile").arg(&password).current_dir(folder.path());
        initdb.args(["-U", "postgres", "--auth-local=trust", "--auth-host=scram-sha-256", "-E", "UTF8", "--no-sync"]);
        initdb.args(["--locale-provider=libc", "--locale=C.UTF-8"]);
        run(initdb);
        if let Some(certificates) = options.certificates {
            let certificate = (certificates.certificate(), "server.crt");
            for (from, name) in [certificate, (certificates.key(), "server.key")] {
                let to = data.join(name);
                std::fs::copy(from, &to).expect("a certificate can be copied");
                std::fs::set_permissions(&to, Permissions::from_mode(0o600)).expect("a mode can be set");
                account.own(&to);
            }
            std::fs::write(data.join("pg_hba.conf"), "local all all trust\nhostssl all all all scram-sha-256\n")
                .expect("a file can be written");
        }
        // Another program may take the port between our look at it and the server's.
        for _ in 0..5 {
            let port = free_port();
            if let Some(process) = serve(&account, folder.path(), port, options) {
                return Self { process, folder, port };
            }
        }
        panic!("the server ended: {}", std::fs::read_to_string(folder.path().join("log")).unwrap_or_default());
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The superuser's address of a database.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://postgres:{}@127.0.0.1:{}/{database}", Self::PASSWORD, self.port)
    }

    /// What `psql` answers to a command in a database: unaligned rows without a header.
    pub fn sql(&self, database: &str, sql: &str) -> Result<String, String> {
        let output = self.psql(database).args(["-c", sql]).output().expect("psql can be started");
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// `psql` as the superuser, over the local socket.
    pub fn psql(&self, database: &str) -> Command {
        let mut psql = Command::new(tool("psql"));
        psql.arg("-h").arg(self.folder.path()).args(["-p", &self.port.to_string(), "-U", "postgres", "-d", database]);
        psql.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1"]);
        psql
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

fn serve(account: &Account, folder: &Path, port: u16, options: &PostgresOptions<'_>) -> Option<Process> {
    let mut server = account.command(&tool("postgres"));
    server.current_dir(folder).arg("-D").arg(folder.join("data")).args(["-h", "127.0.0.1", "-p", &port.to_string()]);
    let mut set = |name: &str, value: &str| {
        server.args(["-c", &format!("{name}={value}")]);
    };
    set("unix_socket_directories", &folder.display().to_string());
    if !options.durable {
        set("fsync", "off");
    }
    if options.certificates.is_some() {
        set("ssl", "on");
    }
    for (name, value) in &options.settings {
        set(name, value);
    }
    server.envs(options.environment.iter().map(|(name, value)| (name, value)));
    let is_ready = tool("pg_isready");
    let answers = || {
        let mut ask = Command::new(&is_ready);
        ask.arg("-q").arg("-h").arg(folder).args(["-p", &port.to_string()]);
        ask.status().is_ok_and(|status| status.success())
    };
    // SIGINT: a fast shutdown.
    Process::start(server, "INT", &folder.join("log"), answers)
}

fn tool(name: &str) -> PathBuf {
    program(name, "postgresql", &versions("/usr/lib/postgresql"))
}
