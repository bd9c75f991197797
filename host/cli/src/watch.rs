//! `gristmill plugin watch`: builds and tests a plugin again whenever one of its files changes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::args::{Cli, TestArgs};
use crate::cases;
use crate::error::{CliError, report};
use crate::job::file_error;

/// How often the files are looked at. Looking, where being told by the system would do, works on every file system.
const PAUSE: Duration = Duration::from_millis(250);

/// Files of a plugin, with what tells a change.
type Seen = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

/// Runs until it is interrupted.
pub(crate) fn watch(cli: &Cli, args: &TestArgs) -> Result<(), CliError> {
    let folders: Vec<&Path> = std::iter::once(args.plugin.as_path()).chain(args.cases.as_deref()).collect();
    loop {
        // Before the build: what is changed while it runs is built again.
        let before = look(&folders)?;
        if let Err(error) = cases::test(cli, args) {
            report(&error, cli.json);
        }
        // With `--update`, the cases are written by ourselves.
        let mut seen = if args.update { look(&folders)? } else { before };
        if !cli.quiet {
            eprintln!("watching {}; Ctrl-C ends it", args.plugin.display());
        }
        loop {
            std::thread::sleep(PAUSE);
            let now = look(&folders)?;
            if now != seen {
                // An editor may write a file in several steps.
                seen = now;
                std::thread::sleep(PAUSE);
                if look(&folders)? == seen {
                    break;
                }
            }
        }
    }
}

fn look(folders: &[&Path]) -> Result<Seen, CliError> {
    let mut seen = Seen::new();
    for folder in folders {
        walk(folder, &mut seen).map_err(|e| file_error(folder, e))?;
    }
    Ok(seen)
}

/// What builds write is left out, or each build would be followed by another.
fn walk(path: &Path, seen: &mut Seen) -> std::io::Result<()> {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        // Gone since its folder was read.
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && !seen.is_empty() => return Ok(()),
        Err(e) => return Err(e),
    };
    if metadata.is_file() {
        seen.insert(path.to_owned(), (metadata.len(), metadata.modified().ok()));
        return Ok(());
    }
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_built = ["target", "node_modules", "__pycache__", "dead-letters"].contains(&&*name);
        if !is_built && !name.starts_with('.') && !name.ends_with(".wasm") && name != "Cargo.lock" {
            walk(&entry.path(), seen)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_changes_of_sources_and_cases_only() {
        let desk = tempfile::tempdir().unwrap();
        let now = || look(&[desk.path()]).unwrap();
        for folder in ["src", "cases/first", "target", ".venv"] {
            std::fs::create_dir_all(desk.path().join(folder)).unwrap();
        }
        let mut last = now();
        for (file, counts) in [
            ("src/lib.rs", true),
            ("cases/first/documents.ndjson", true),
            ("target/x", false),
            (".venv/x", false),
            ("my.wasm", false),
            ("Cargo.lock", false),
        ] {
            std::fs::write(desk.path().join(file), "x").unwrap();
            assert_eq!(now() != last, counts, "{file}");
            last = now();
        }
        std::fs::remove_file(desk.path().join("src/lib.rs")).unwrap();
        assert_ne!(now(), last);
        assert!(look(&[&desk.path().join("gone")]).is_err());
    }
}
