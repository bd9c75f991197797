//! Getting what is not there: commands that are tried one after the other, and why each failed.

use std::path::Path;
use std::process::Stdio;

use crate::environment::command;

/// Commands that install something.
pub struct Attempts<'a> {
    progress: &'a mut dyn FnMut(&str),
    failed: String,
}

impl<'a> Attempts<'a> {
    /// `progress` is told, in a line each, what is done.
    pub fn new(progress: &'a mut dyn FnMut(&str)) -> Self {
        Self { progress, failed: String::new() }
    }

    /// Runs a command, and says whether it succeeded.
    pub fn run(&mut self, words: &[&str]) -> bool {
        let line = words.join(" ");
        (self.progress)(&format!("running `{line}`"));
        match run(words) {
            Ok(()) => true,
            Err(why) => {
                (self.progress)(&format!("`{line}` failed: {why}"));
                self.failed.push_str(&format!("  `{line}`: {why}\n"));
                false
            }
        }
    }

    /// Installs packages of Debian, where the machine runs it.
    pub fn apt(&mut self, packages: &[&str]) -> bool {
        if !Path::new("/usr/bin/apt-get").exists() {
            return false;
        }
        let sudo: &[&str] = if is_root() { &[] } else { &["sudo", "-n"] };
        // Without new lists the packages may still be known and lie in the cache.
        self.run(&[sudo, &["apt-get", "update"]].concat());
        self.run(&[sudo, &["apt-get", "install", "-y", "--no-install-recommends"], packages].concat())
    }

    /// One line for each command that failed: what it was, and why.
    pub fn failed(self) -> String {
        self.failed
    }
}

fn run(words: &[&str]) -> Result<(), String> {
    let (program, arguments) = words.split_first().ok_or("there is no command")?;
    let output = command(program)
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()
        .map_err(|e| e.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(said.lines().rfind(|l| !l.trim().is_empty()).map_or_else(|| output.status.to_string(), |l| l.trim().to_owned()))
}

fn is_root() -> bool {
    command("id").arg("-u").output().is_ok_and(|o| o.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_command_says_its_last_line() {
        assert_eq!(run(&["sh", "-c", "echo first >&2; echo why >&2; exit 3"]), Err("why".to_owned()));
        assert!(run(&["sh", "-c", "exit 3"]).unwrap_err().contains('3'));
        assert_eq!(run(&["sh", "-c", "exit 0"]), Ok(()));
        assert!(run(&["there-is-no-such-program"]).is_err());
    }
}
