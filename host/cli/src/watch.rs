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
        // With `--update`, what is expected is written by ourselves.
        let mut seen = before;
        if args.update {
            let is_ours = |path: &Path| path.file_name().is_some_and(|name| name == cases::EXPECTED);
            seen.retain(|path, _| !is_ours(path));
            seen.extend(look(&folders)?.into_iter().filter(|(path, _)| is_ours(path)));
        }
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
        let metadata = std::fs::metadata(folder).map_err(|e| file_error(folder, e))?;
        if metadata.is_file() {
            seen.insert((*folder).to_owned(), (metadata.len(), metadata.modified().ok()));
        }
        walk(folder, &mut seen);
    }
    Ok(seen)
}

/// What is in a folder. What builds write is left out, or each build would be followed by another; so is what cannot be read, or is gone since its
/// folder was read. Links to folders are not followed: they may lead back.
fn walk(folder: &Path, seen: &mut Seen) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_built = ["target", "node_modules", "__pycache__", "dead-letters"].contains(&&*name);
        if is_built || name.starts_with('.') || name.ends_with(".wasm") || name == "Cargo.lock" {
            continue;
        }
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            walk(&path, seen);
        } else if let Ok(metadata) = std::fs::metadata(&path)
            && metadata.is_file()
        {
            seen.insert(path, (metadata.len(), metadata.modified().ok()));
        }
    }
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
        #[cfg(unix)]
        for (target, link) in [(".", "loop"), ("nowhere", "dangling")] {
            std::os::unix::fs::symlink(target, desk.path().join(link)).unwrap();
            assert_eq!(now(), last, "{link}");
        }
        std::fs::remove_file(desk.path().join("src/lib.rs")).unwrap();
        assert_ne!(now(), last);
        assert!(look(&[&desk.path().join("gone")]).is_err());
    }
}
