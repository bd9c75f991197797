//! Getting a toolchain that is not there.

use std::path::Path;
use std::process::Stdio;

use crate::environment::command;
use crate::toolchain::TARGET;
use crate::{GuestError, Toolchain};

/// Debian's compiler and the source of its standard library.
const PACKAGES: [&str; 2] = ["rustc-web", "rust-web-src"];

impl Toolchain {
    /// The toolchain of this machine, installed where it is not there: by rustup, else from Debian's packages.
    ///
    /// `progress` is told, in a line each, what is done.
    ///
    /// # Errors
    /// [`GuestError::Install`] with every attempt and why it failed.
    pub fn install(progress: &mut dyn FnMut(&str)) -> Result<Self, GuestError> {
        if let Ok(found) = Self::find() {
            progress(&format!("toolchain for guests: {}", found.describe()));
            return Ok(found);
        }
        let mut attempts = String::new();
        let mut attempt = |words: &[&str], progress: &mut dyn FnMut(&str)| -> bool {
            let line = words.join(" ");
            progress(&format!("running `{line}`"));
            match run(words) {
                Ok(()) => true,
                Err(why) => {
                    progress(&format!("`{line}` failed: {why}"));
                    attempts.push_str(&format!("  `{line}`: {why}\n"));
                    false
                }
            }
        };
        if !attempt(&["rustup", "target", "add", TARGET], progress) && Path::new("/usr/bin/apt-get").exists() {
            let sudo: &[&str] = if is_root() { &[] } else { &["sudo", "-n"] };
            let apt = |words: &[&'static str]| [sudo, &["apt-get"], words].concat();
            // Without new lists the packages may still be known and lie in the cache.
            attempt(&apt(&["update"]), progress);
            attempt(&apt(&[&["install", "-y", "--no-install-recommends"], PACKAGES.as_slice()].concat()), progress);
        }
        let found = Self::find().map_err(|e| if attempts.is_empty() { e } else { GuestError::Install { attempts } })?;
        progress(&format!("toolchain for guests: {}", found.describe()));
        Ok(found)
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
