//! A project that is no package of cargo: where its SDK is, which programs it is built with, and whether it was built already.

use std::ffi::OsStr;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::GuestError;
use crate::repository::{is_of_repository, tools_dir};

/// The folder of the SDK in a project. Below it, files lie as in the repository.
const SDK: &str = "gristmill-sdk";

/// The root below which the SDK of a language (`plugins/sdk/<language>`) and the contract (`wit`) lie: the SDK of the project, or the
/// repository that it lies in.
pub(crate) fn sdk_root(folder: &Path, language: &str) -> Result<PathBuf, GuestError> {
    let own = folder.join(SDK);
    let candidates = std::iter::once(own.as_path()).chain(folder.ancestors());
    let has_sdk = |root: &&Path| root.join("plugins/sdk").join(language).is_dir() && root.join("wit").is_dir();
    candidates.into_iter().find(has_sdk).map(Path::to_owned).ok_or_else(|| GuestError::NoSdk(folder.to_owned()))
}

/// A program: of the project's own environment `.venv`, on PATH, or, for what lies in the repository, of those that `cargo xtask setup` installed.
pub(crate) fn find_program(folder: &Path, name: &str) -> Option<PathBuf> {
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<_> = std::env::split_paths(&path).collect();
    std::iter::once(folder.join(".venv/bin"))
        .chain(on_path)
        .chain(is_of_repository(folder).then(|| tools_dir().join("python/bin")))
        .map(|folder| folder.join(&file))
        .find(|program| program.is_file())
}

/// Runs a tool that builds the plugin in a folder. Where it refuses, what it said is the error.
pub(crate) fn run_tool(tool: &mut Command, program: &str, folder: &Path) -> Result<(), GuestError> {
    // Frames of the tool's own code are no help to an author.
    let output = tool.env_remove("RUST_BACKTRACE").stdin(Stdio::null()).output();
    let output = output.map_err(|source| GuestError::Run { program: program.to_owned(), source })?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(GuestError::Failed { folder: folder.to_owned(), output: String::from_utf8_lossy(&said).trim().to_owned() })
}

/// A digest of all that a build depends on: the files below the folders, and the programs. It tells a change, not a forgery.
pub(crate) fn fingerprint(folders: &[&Path], programs: &[&Path]) -> Result<String, GuestError> {
    let mut hasher = DefaultHasher::new();
    for folder in folders {
        hash_folder(folder, is_left_out, &mut hasher)?;
    }
    for program in programs {
        let metadata = fs::metadata(program).map_err(GuestError::io(program))?;
        (program, metadata.len(), metadata.modified().ok()).hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

/// What is no part of a plugin: what is built, what is installed, and what tests it.
fn is_left_out(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with('.')
        || name.ends_with(".wasm")
        || ["target", "cases", "node_modules", "__pycache__", SDK].contains(&&*name)
}

/// Hashes names and contents of what is in a folder; `is_left_out` is asked about the folder itself only, since deeper down a name may mean
/// anything.
fn hash_folder(folder: &Path, is_left_out: fn(&OsStr) -> bool, hasher: &mut DefaultHasher) -> Result<(), GuestError> {
    let entries =
        fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(GuestError::io(folder))?;
    let mut names: Vec<_> = entries.iter().map(fs::DirEntry::file_name).filter(|name| !is_left_out(name)).collect();
    names.sort();
    names.len().hash(hasher);
    for name in names {
        let path = folder.join(&name);
        name.hash(hasher);
        if path.is_dir() {
            hash_folder(&path, |name| name == "__pycache__", hasher)?;
        } else if path.is_file() {
            fs::read(&path).map_err(GuestError::io(&path))?.hash(hasher);
        }
    }
    Ok(())
}

/// Whether a component was built of what has this fingerprint, and is still the one that was built.
pub(crate) fn is_fresh(component: &Path, fingerprint: &str) -> bool {
    let seal = fs::read(component).map(|bytes| seal(&bytes, fingerprint));
    fs::read_to_string(stamp(component)).is_ok_and(|text| seal.is_ok_and(|seal| seal == text))
}

/// Keeps what a component was built of.
pub(crate) fn keep_fingerprint(component: &Path, fingerprint: &str) -> Result<(), GuestError> {
    let bytes = fs::read(component).map_err(GuestError::io(component))?;
    let path = stamp(component);
    fs::write(&path, seal(&bytes, fingerprint)).map_err(GuestError::io(&path))
}

/// Two projects of one name, in two languages, may be built into one folder.
fn seal(component: &[u8], fingerprint: &str) -> String {
    let mut hasher = DefaultHasher::new();
    component.hash(&mut hasher);
    format!("{fingerprint} {:016x}", hasher.finish())
}

fn stamp(component: &Path) -> PathBuf {
    component.with_extension("built-of")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_tells_changes_of_what_is_built() {
        let desk = tempfile::tempdir().unwrap();
        let folder = desk.path();
        let now = || fingerprint(&[folder], &[]).unwrap();
        fs::write(folder.join("plugin.py"), "one").unwrap();
        let first = now();
        for (name, text) in [("cases", ""), (".venv", ""), ("plugin.wasm", "x")] {
            if text.is_empty() {
                fs::create_dir(folder.join(name)).unwrap();
                fs::write(folder.join(name).join("file"), "x").unwrap();
            } else {
                fs::write(folder.join(name), text).unwrap();
            }
            assert_eq!(now(), first, "{name}");
        }
        fs::write(folder.join("other.py"), "").unwrap();
        assert_ne!(now(), first);
        fs::remove_file(folder.join("other.py")).unwrap();
        assert_eq!(now(), first);
        // Where a file lies counts, as well as what it holds.
        fs::create_dir(folder.join("cases/deep")).unwrap();
        fs::create_dir(folder.join("inner")).unwrap();
        fs::write(folder.join("inner/cases"), "x").unwrap();
        let inner = now();
        assert_ne!(inner, first);
        fs::rename(folder.join("inner/cases"), folder.join("inner/target")).unwrap();
        assert_ne!(now(), inner);
        fs::rename(folder.join("inner/target"), folder.join("moved")).unwrap();
        assert_ne!(now(), inner);
        fs::write(folder.join("plugin.py"), "two").unwrap();
        assert_ne!(now(), first);
    }

    #[test]
    fn a_component_that_somebody_else_wrote_is_not_fresh() {
        let desk = tempfile::tempdir().unwrap();
        let component = desk.path().join("p.wasm");
        assert!(!is_fresh(&component, "f"));
        fs::write(&component, "one").unwrap();
        assert!(!is_fresh(&component, "f"));
        keep_fingerprint(&component, "f").unwrap();
        assert!(is_fresh(&component, "f") && !is_fresh(&component, "g"));
        fs::write(&component, "two").unwrap();
        assert!(!is_fresh(&component, "f"));
    }

    #[test]
    fn the_sdk_is_that_of_the_project_or_of_the_repository_around_it() {
        let desk = tempfile::tempdir().unwrap();
        let project = desk.path().join("plugins/examples/mine");
        fs::create_dir_all(&project).unwrap();
        assert!(matches!(sdk_root(&project, "python"), Err(GuestError::NoSdk(_))));
        for root in [desk.path().to_owned(), project.join(SDK)] {
            fs::create_dir_all(root.join("plugins/sdk/python")).unwrap();
            fs::create_dir_all(root.join("wit")).unwrap();
            assert_eq!(sdk_root(&project, "python").unwrap(), root);
        }
    }
}
