//! Who a server runs as.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

/// Whom root runs servers as; every system has it.
const NAME: &str = "nobody";

/// An account without rights, where we are root; else nobody needs to be changed into.
pub(crate) struct Account {
    ids: Option<(u32, u32)>,
}

impl Account {
    pub(crate) fn unprivileged() -> Self {
        // Of all that says who we are, the owner of our own entry in /proc needs no foreign function.
        let root = std::fs::metadata("/proc/self").is_ok_and(|m| m.uid() == 0);
        if !root {
            return Self { ids: None };
        }
        let accounts = std::fs::read_to_string("/etc/passwd").expect("/etc/passwd can be read");
        let line = accounts.lines().find(|l| l.starts_with(&format!("{NAME}:"))).expect("there is an account `nobody`");
        let mut numbers = line.split(':').skip(2).map_while(|field| field.parse().ok());
        Self { ids: numbers.next().zip(numbers.next()) }
    }

    /// A program under this account that ends when we do.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if let Some((user, group)) = self.ids {
            command.args([format!("--reuid={user}"), format!("--regid={group}"), "--clear-groups".into()]);
        }
        command.arg("--").arg(program);
        command
    }

    /// Makes a file or folder the account's own.
    pub(crate) fn own(&self, path: &Path) {
        if let Some((user, group)) = self.ids {
            std::os::unix::fs::chown(path, Some(user), Some(group)).expect("root can give a file away");
        }
    }
}
