//! Programs that a task runs: always in the project's root, and shown before they run.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::process::{Command, Stdio};

use crate::Outcome;
use crate::project::Project;

/// A program with its arguments and the line that is shown for it.
pub(crate) struct Call {
    command: Command,
    shown: String,
}

impl Call {
    /// `cargo` with the arguments, in the root.
    pub(crate) fn cargo<I: IntoIterator<Item = S>, S: Into<OsString>>(project: &Project, arguments: I) -> Self {
        Self::program(project, "cargo".into(), "cargo", arguments)
    }

    /// A program at `path`, shown as `name`, in the root.
    pub(crate) fn program<I: IntoIterator<Item = S>, S: Into<OsString>>(
        project: &Project,
        path: OsString,
        name: &str,
        arguments: I,
    ) -> Self {
        let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
        let mut shown = name.to_owned();
        for argument in &arguments {
            shown.push(' ');
            shown.push_str(&quoted(&argument.to_string_lossy()));
        }
        let mut command = Command::new(path);
        command.args(&arguments).current_dir(&project.root);
        // Relative to where we were called, not to the root.
        if std::env::var_os("CARGO_TARGET_DIR").is_some() {
            command.env("CARGO_TARGET_DIR", &project.target);
        }
        // What cargo told about this crate must not be taken for news about another.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH"].contains(&&*text) {
                command.env_remove(&name);
            }
        }
        Self { command, shown }
    }

    /// With a variable of the environment.
    pub(crate) fn with(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Shows the line, runs the program with our own input and output, and fails unless it succeeds.
    pub(crate) fn run(self) -> Outcome {
        say(&self.shown);
        self.run_unshown()
    }

    /// The same without the line.
    pub(crate) fn run_unshown(mut self) -> Outcome {
        let status = self.command.status().map_err(|error| format!("`{}` cannot be started: {error}", self.shown))?;
        if status.success() { Ok(()) } else { Err(format!("`{}` failed with {status}", self.shown).into()) }
    }

    /// The same, but gives each line of the standard output to `line` instead of printing it.
    pub(crate) fn run_reading(mut self, mut line: impl FnMut(&str)) -> Outcome {
        say(&self.shown);
        let mut child = self
            .command
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("`{}` cannot be started: {error}", self.shown))?;
        if let Some(stdout) = child.stdout.take() {
            for bytes in BufReader::new(stdout).split(b'\n') {
                line(&String::from_utf8_lossy(&bytes?));
            }
        }
        let status = child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("`{}` failed with {status}", self.shown).into()) }
    }

    /// Whether the program can be started and succeeds; says nothing.
    pub(crate) fn succeeds(mut self) -> bool {
        self.command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }
}

/// A heading of a task.
pub(crate) fn heading(text: &str) {
    let (bold, plain) = styles("\u{1b}[1m");
    println!("\n{bold}{text}{plain}");
    flush();
}

fn say(command: &str) {
    let (dim, plain) = styles("\u{1b}[36m");
    println!("{dim}$ {command}{plain}");
    flush();
}

/// What the children write goes past our buffer, so ours has to be out before.
pub(crate) fn flush() {
    // A closed pipe shows itself at the next line anyway.
    let _ = std::io::stdout().flush();
}

fn styles(code: &'static str) -> (&'static str, &'static str) {
    let wanted = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    if wanted { (code, "\u{1b}[0m") } else { ("", "") }
}

/// As a POSIX shell would need it.
fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_shown_command_can_be_pasted_into_a_shell() {
        assert_eq!(quoted("sqlite:target/demo/quality.db"), "sqlite:target/demo/quality.db");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
