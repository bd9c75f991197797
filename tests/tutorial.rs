//! The tutorial for plugin authors, typed as it says.

use std::path::{Path, PathBuf};

use crate::kit::{Ran, finish, gristmill, root};

/// Fenced blocks of a page: language and text, in order.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, String, usize)> = None;
    for line in page.lines() {
        let indent = line.len() - line.trim_start().len();
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (None, Some(language)) => open = Some((language.to_owned(), String::new(), indent)),
            (Some(_), Some(_)) => blocks.extend(open.take().map(|(language, text, _)| (language, text))),
            (Some((_, text, indent)), None) => {
                text.push_str(line.get(*indent..).unwrap_or_default());
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

/// A folder with the clone beside it, as the tutorial wants it.
struct Desk {
    folder: tempfile::TempDir,
    target: PathBuf,
}

impl Desk {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Types a line of the tutorial. Setting up Rust is left out: who runs this test has done so.
    fn types(&self, line: &str) -> Option<Ran> {
        let words: Vec<String> = line.split_whitespace().map(|w| w.trim_matches('\'').to_owned()).collect();
        match words.first().map(String::as_str) {
            Some("gristmill") => {
                let mut command = gristmill();
                command.current_dir(self.folder.path()).env("CARGO_TARGET_DIR", &self.target).args(&words[1..]);
                Some(finish(&mut command).ok())
            }
            Some("cargo") => {
                assert_eq!(words[1..3], ["new", "--lib"], "{line}");
                std::fs::create_dir_all(self.path(&words[3]).join("src")).unwrap();
                None
            }
            Some("rustup") => None,
            other => panic!("the tutorial says {other:?}, which this test does not know"),
        }
    }
}

#[test]
fn every_step_of_it() {
    let page = std::fs::read_to_string(root().join("docs/tutorial/plugin.md")).unwrap();
    // Not below the target folder, where cargo would take the crates for members of this workspace.
    let desk =
        Desk { folder: tempfile::tempdir().unwrap(), target: Path::new(env!("CARGO_TARGET_TMPDIR")).join("tutorial") };
    std::os::unix::fs::symlink(root(), desk.path("gristmill")).unwrap();
    let examples = ["teams", "plans"];
    let mut manifest = String::new();
    let mut sources = examples.iter();
    let mut last = None;
    let mut commands = 0;
    let mut outputs = 0;
    for (language, text) in blocks(&page) {
        match language.as_str() {
            "sh" => {
                for line in text.lines() {
                    last = desk.types(line).or(last);
                    commands += usize::from(line.starts_with("gristmill"));
                }
            }
            "toml" => manifest = text,
            "rust" => {
                let name = sources.next().expect("as many sources as examples");
                let example =
                    std::fs::read_to_string(root().join("plugins/examples").join(name).join("src/lib.rs")).unwrap();
                assert_eq!(text, example, "the tutorial and plugins/examples/{name} differ");
                std::fs::create_dir_all(desk.path(name).join("src")).unwrap();
                std::fs::write(desk.path(name).join("src/lib.rs"), text).unwrap();
                std::fs::write(
                    desk.path(name).join("Cargo.toml"),
                    manifest.replace("\"teams\"", &format!("\"{name}\"")),
                )
                .unwrap();
            }
            "json" => {
                assert_eq!(last.as_ref().unwrap().stdout, text, "what the tutorial shows is what comes out");
                outputs += 1;
            }
            other => panic!("a block of {other}"),
        }
    }
    assert!(commands >= 7 && outputs == 1, "{commands} commands, {outputs} outputs");
    let filtered = last.unwrap();
    assert!(filtered.stdout.is_empty() && filtered.stderr.contains("filtered"), "{filtered:?}");
}
