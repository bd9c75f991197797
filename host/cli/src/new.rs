//! `gristmill plugin new`: a project for a plugin, with the SDK in it.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::args::{Cli, Language};
use crate::error::CliError;
use crate::job::file_error;

// The files, as the build script listed them: a template and an SDK for each language.
include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The folder of the SDK in a project.
const SDK_FOLDER: &str = "gristmill-sdk";
/// A crate's name may be longer, but a plugin's may not: the host refuses one that is.
const LONGEST_NAME: usize = 100;
/// cargo would not tell these packages from those of the SDK.
const TAKEN_NAMES: [&str; 2] = ["gristmill-sdk", "gristmill-sdk-macros"];

/// Writes a project into a folder that is not there, or is empty.
pub(crate) fn new(cli: &Cli, folder: &Path, language: Language, judges: bool) -> Result<(), CliError> {
    let name = name_of(folder)?;
    let (template, sdk) = template(language, judges);
    check_empty(folder)?;
    let files = project(name, template, sdk);
    for (path, text) in &files {
        write(&folder.join(path), text)?;
    }
    if cli.json {
        let paths: Vec<_> = files.iter().map(|(path, _)| path).collect();
        let result = json!({ "name": name, "folder": folder, "files": paths });
        return writeln!(std::io::stdout(), "{result}").map_err(CliError::Stdout);
    }
    if !cli.quiet {
        let folder = folder.display();
        let kind = if judges { "validator" } else { "plugin" };
        eprintln!("{folder}: a {kind} to begin with; its README.md says what to do. For a component:");
        eprintln!("  gristmill plugin build {folder} --output {name}.wasm");
    }
    Ok(())
}

/// The name of the crate, which is that of the folder.
fn name_of(folder: &Path) -> Result<&str, CliError> {
    let bad = |what: String| CliError::PluginName { folder: folder.to_owned(), what };
    let Some(name) = folder.file_name() else { return Err(bad("it does not end with the name of a folder".into())) };
    let Some(name) = name.to_str() else { return Err(bad("its name is not UTF-8".into())) };
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err(bad(format!("`{name}` does not begin with a lower-case letter")));
    }
    if let Some(other) = name.chars().find(|c| !allowed(*c)) {
        return Err(bad(format!("`{name}` has a {other:?} in it")));
    }
    if name.len() > LONGEST_NAME {
        return Err(bad(format!("`{name}` has {} characters, and {LONGEST_NAME} is the most", name.len())));
    }
    if TAKEN_NAMES.contains(&name) {
        return Err(bad(format!("`{name}` is the name of a package of the SDK")));
    }
    Ok(name)
}

/// Nothing of anybody's is overwritten.
fn check_empty(folder: &Path) -> Result<(), CliError> {
    match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        // It may be below a file, too.
        Err(e) if e.kind() != ErrorKind::NotADirectory || !folder.exists() => Err(file_error(folder, e)),
        _ => Err(CliError::Occupied(folder.to_owned())),
    }
}

/// Files by their paths.
type Files = &'static [(&'static str, &'static str)];

/// The template and the SDK of a language; the template of a validator where it `judges`.
fn template(language: Language, judges: bool) -> (Files, Files) {
    let (mapping, judging, sdk) = match language {
        Language::Rust => (RUST_TEMPLATE, RUST_VALIDATOR, RUST_SDK),
        Language::Python => (PYTHON_TEMPLATE, PYTHON_VALIDATOR, PYTHON_SDK),
        Language::JavaScript => (JAVASCRIPT_TEMPLATE, JAVASCRIPT_VALIDATOR, JAVASCRIPT_SDK),
        Language::C => (C_TEMPLATE, C_VALIDATOR, C_SDK),
    };
    (if judges { judging } else { mapping }, sdk)
}

/// All files of a project: path in its folder, and content.
fn project(name: &str, template: Files, sdk: Files) -> Vec<(PathBuf, String)> {
    let own = template.iter().map(|(path, text)| (PathBuf::from(path), text.replace("{{name}}", name)));
    let sdk = sdk.iter().map(|(path, text)| (Path::new(SDK_FOLDER).join(path), (*text).to_owned()));
    own.chain(sdk).collect()
}

fn write(path: &Path, text: &str) -> Result<(), CliError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|e| file_error(folder, e))?;
    }
    fs::write(path, text).map_err(|e| file_error(path, e))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use gristmill_record::{Blame, Diagnose};

    use super::*;

    fn made(folder: &Path) -> Result<(), CliError> {
        new(&Cli::parse_from(["gristmill", "-q", "plugin", "new", "x"]), folder, Language::Rust, false)
    }

    fn text(wanted: &str, files: Files) -> &'static str {
        files.iter().find(|(path, _)| *path == wanted).map(|(_, text)| *text).unwrap_or_else(|| panic!("{wanted}"))
    }

    #[test]
    fn names() {
        let longest = "a".repeat(100);
        for good in ["teams", "my-teams", "a", "t_2", "./teams", "/somewhere/else/teams/", longest.as_str()] {
            assert_eq!(name_of(Path::new(good)).unwrap(), good.trim_end_matches('/').rsplit('/').next().unwrap());
        }
        let long = "a".repeat(101);
        for (bad, part) in [
            ("Teams", "begin with a lower-case letter"),
            ("2teams", "begin with a lower-case letter"),
            ("-teams", "begin with a lower-case letter"),
            ("_teams", "begin with a lower-case letter"),
            ("my teams", "' '"),
            ("teamS", "'S'"),
            ("teäms", "'ä'"),
            ("teams.wasm", "'.'"),
            ("te\nams", "'\\n'"),
            (".", "does not end"),
            ("..", "does not end"),
            ("/", "does not end"),
            ("", "does not end"),
            ("gristmill-sdk", "of the SDK"),
            (long.as_str(), "101 characters"),
        ] {
            let error = name_of(Path::new(bad)).unwrap_err();
            assert_eq!((error.code(), error.blame()), ("cli.plugin-name", Blame::Usage));
            assert!(error.to_string().contains(part), "{bad}: {error}");
        }
    }

    #[test]
    fn writes_a_project_without_blanks_to_fill() {
        let desk = tempfile::tempdir().unwrap();
        let folder = desk.path().join("some/where/my-teams");
        made(&folder).unwrap();
        for (path, text) in project("my-teams", RUST_TEMPLATE, RUST_SDK) {
            assert_eq!(fs::read_to_string(folder.join(&path)).unwrap(), text, "{}", path.display());
            assert!(!text.contains("{{name}}"), "{}", path.display());
        }
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        assert!(manifest.contains("name = \"my-teams\"") && !manifest.contains("{{"), "{manifest}");
        for path in [
            ".gitignore",
            "README.md",
            "src/lib.rs",
            "cases/first/documents.ndjson",
            "gristmill-sdk/LICENSE",
            "gristmill-sdk/wit/plugin.wit",
            "gristmill-sdk/plugins/sdk/rust/Cargo.toml",
            "gristmill-sdk/plugins/sdk/rust/src/bindings.rs",
            "gristmill-sdk/plugins/sdk/rust-macros/src/lib.rs",
        ] {
            assert!(folder.join(path).is_file(), "{path}");
        }
        let workspace = fs::read_to_string(folder.join("gristmill-sdk/plugins/Cargo.toml")).unwrap();
        assert!(workspace.contains("members = [\"sdk/rust\", \"sdk/rust-macros\"]\n"), "{workspace}");
        assert!(workspace.contains("[workspace.lints.rust]") && !workspace.contains("misbehaving"), "{workspace}");
    }

    #[test]
    fn an_empty_folder_is_taken_and_one_with_a_file_is_left_as_it_is() {
        let desk = tempfile::tempdir().unwrap();
        let folder = desk.path().join("teams");
        fs::create_dir(&folder).unwrap();
        made(&folder).unwrap();
        fs::write(folder.join("src/lib.rs"), "mine").unwrap();
        fs::remove_file(folder.join("README.md")).unwrap();
        let error = made(&folder).unwrap_err();
        assert_eq!((error.code(), error.blame()), ("cli.plugin-folder", Blame::Usage));
        assert_eq!(fs::read_to_string(folder.join("src/lib.rs")).unwrap(), "mine");
        assert!(!folder.join("README.md").exists());

        let file = desk.path().join("file");
        fs::write(&file, "mine").unwrap();
        assert_eq!(made(&file).unwrap_err().code(), "cli.plugin-folder");
        assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
        assert_eq!(made(&file.join("teams")).unwrap_err().code(), "cli.file");
    }

    /// Plugins of a project are built as those of the repository are.
    #[test]
    fn the_release_profile_is_that_of_the_repository() {
        let profile = |text: &'static str| text.split_once("[profile.release]\n").unwrap().1;
        assert_eq!(profile(text("Cargo.toml", RUST_TEMPLATE)), profile(text("plugins/Cargo.toml", RUST_SDK)));
    }

    /// What a project is built and checked with does not depend on what it does.
    #[test]
    fn projects_of_a_language_differ_by_what_they_do_alone() {
        for (same, language) in [
            (&["Cargo.toml", ".gitignore"][..], Language::Rust),
            (&["pyproject.toml", ".gitignore"], Language::Python),
            (&["package.json", "tsconfig.json", ".gitignore"], Language::JavaScript),
            (&["compile_flags.txt", ".gitignore"], Language::C),
        ] {
            let [(mapping, _), (judging, _)] = [false, true].map(|judges| template(language, judges));
            for path in same {
                let common = |text: &str| {
                    let own = |line: &&str| {
                        !["description", "\"description\"", "\"main\""].iter().any(|own| line.trim().starts_with(own))
                    };
                    text.lines().filter(own).map(str::to_owned).collect::<Vec<_>>()
                };
                assert_eq!(common(text(path, judging)), common(text(path, mapping)), "{path}");
            }
            // All of them judge the same rows.
            for path in ["cases/first/rows.ndjson", "cases/first/case.toml"] {
                assert_eq!(text(path, judging), text(path, RUST_VALIDATOR), "{path}");
            }
        }
    }
}
