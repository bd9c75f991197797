//! Plugins in each language: the pages of the documentation, typed as they say, and the default mapping, which makes the same rows in all.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::kit::{export, finish, folder, gristmill, json_lines, lines, root, run_in};

/// Headings that every page has, in this order.
const HEADINGS: [&str; 12] = [
    "What is needed",
    "From nothing to rows",
    "What is read",
    "What is written",
    "Refusals",
    "Settings",
    "Lists, structs, several tables",
    "Columns instead of records",
    "Validators",
    "Tests",
    "Speed and size",
    "Limits",
];

fn page(language: &str) -> String {
    std::fs::read_to_string(root().join("docs/languages").join(language).with_extension("md")).unwrap()
}

#[test]
fn all_pages_have_the_same_headings() {
    let mut pages = 0;
    for entry in std::fs::read_dir(root().join("docs/languages")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# Plugins in "), "{}", path.display());
        let headings: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(headings, HEADINGS, "{}", path.display());
        pages += 1;
    }
    assert_eq!(pages, LANGUAGES.len());
}

/// Pages, and the examples that map quality reports.
const LANGUAGES: [(&str, Option<&str>); 4] = [
    ("c", Some("quality-c")),
    ("javascript", Some("quality-javascript")),
    ("python", Some("quality-python")),
    ("rust", None),
];

/// What is typed on a page, and what it says that comes of it.
fn steps(page: &str) -> Vec<(String, Vec<String>)> {
    let block = page.split_once("```console\n").unwrap().1.split_once("\n```").unwrap().0;
    let mut steps: Vec<(String, Vec<String>)> = Vec::new();
    for line in block.lines() {
        match line.strip_prefix("$ ") {
            Some(command) => steps.push((command.to_owned(), Vec::new())),
            None => steps.last_mut().unwrap().1.push(line.to_owned()),
        }
    }
    steps
}

/// Whether a line is what the page says, where `...` stands for anything.
fn is_like(line: &str, said: &str) -> bool {
    let mut rest = line;
    let mut parts = said.split("...");
    let Some(after) = parts.next().and_then(|first| rest.strip_prefix(first)) else { return false };
    rest = after;
    let parts: Vec<_> = parts.collect();
    for (index, part) in parts.iter().enumerate() {
        let is_last = index + 1 == parts.len();
        let found = if is_last && rest.ends_with(part) { Some(rest.len() - part.len()) } else { rest.find(part) };
        match found {
            Some(at) if !is_last || at + part.len() == rest.len() => rest = &rest[at + part.len()..],
            _ => return false,
        }
    }
    rest.is_empty()
}

/// Whether lines are what the page says, where a line of `...` stands for any number of them.
fn are_like(lines: &[&str], said: &[String]) -> bool {
    match (lines, said) {
        (_, [first, rest @ ..]) if first == "..." => (0..=lines.len()).any(|skip| are_like(&lines[skip..], rest)),
        ([line, lines @ ..], [first, rest @ ..]) => is_like(line, first) && are_like(lines, rest),
        (lines, said) => lines.is_empty() && said.is_empty(),
    }
}

#[test]
fn dots_stand_for_anything() {
    for (line, said) in
        [("abc", "abc"), ("abc", "a..."), ("abc", "...c"), ("abcbc", "a...bc"), ("a 17.5 MiB", "a ... MiB")]
    {
        assert!(is_like(line, said), "{line} {said}");
    }
    for (line, said) in [("abc", "ab"), ("abc", "b..."), ("abc", "a...b"), ("", "a"), ("a MB", "a ... MiB")] {
        assert!(!is_like(line, said), "{line} {said}");
    }
    let said = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(are_like(&["a", "b", "c"], &said("a\n...\nc")) && are_like(&["a", "c"], &said("a\n...\nc")));
    assert!(
        !are_like(&["a", "b"], &said("a"))
            && !are_like(&["a"], &said("a\nb"))
            && !are_like(&["a", "b"], &said("...\nc"))
    );
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// Types what a page says, outside of the repository, with the program and the tools of the language on PATH.
fn type_page(language: &str) {
    let desk = tempfile::tempdir().unwrap();
    copy(Path::new(&export("second")), &desk.path().join("export"));
    let program = Path::new(env!("CARGO_BIN_EXE_gristmill")).parent().unwrap().to_owned();
    let tools = gristmill_guest::tools_dir();
    let mut path = vec![program, tools.join("python/bin")];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
    let mut here = desk.path().to_owned();
    for (command, said) in steps(&page(language)) {
        if let Some(folder) = command.strip_prefix("cd ") {
            here = here.join(folder);
            continue;
        }
        let of_program = gristmill();
        let mut shell = Command::new("sh");
        for (name, value) in of_program.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell.env("PATH", std::env::join_paths(&path).unwrap());
        shell.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("languages").join(language));
        let ran = finish(shell.current_dir(&here).args(["-c", &format!("{{ {command}; }} 2>&1")]));
        assert_eq!(ran.code, 0, "{command}\n{}", ran.stdout);
        let shown: Vec<_> = ran.stdout.lines().collect();
        assert!(are_like(&shown, &said), "{command} prints\n{}\nand the page says\n{}", ran.stdout, said.join("\n"));
    }
}

#[test]
fn the_page_for_c_is_true() {
    type_page("c");
}

#[test]
fn the_page_for_javascript_is_true() {
    type_page("javascript");
}

#[test]
fn the_page_for_python_is_true() {
    type_page("python");
}

#[test]
fn the_page_for_rust_is_true() {
    type_page("rust");
}

/// Its own tests, which run on the host's Node.js, and those of the plugins that are written with it.
#[test]
fn the_sdk_for_javascript_passes_its_tests() {
    for project in
        ["sdk/javascript", "examples/quality-javascript", "templates/javascript", "templates/javascript-validator"]
    {
        let folder = root().join("plugins").join(project);
        let ran = finish(Command::new("node").args(["--test", "--test-reporter=tap"]).current_dir(folder));
        assert!(ran.code == 0 && ran.stdout.contains("# fail 0"), "{project}: {}\n{}", ran.stdout, ran.stderr);
    }
}

/// Rows and refusals of a plugin on an export, without what names the plugin.
fn mapped(folder: &Path, plugin: Option<&PathBuf>, source: &str) -> (Vec<String>, Vec<Value>) {
    let (rows, letters) = (folder.join("rows.ndjson"), folder.join("refused.jsonl"));
    for old in [&rows, &letters] {
        let _ = std::fs::remove_file(old);
    }
    let source = export(source);
    let mut words = vec!["run", &source, "--to", "ndjson:rows.ndjson", "--dead-letters", "refused.jsonl"];
    words.extend(["--config", "overall-score-max=100", "--started-at", "2024-01-01T00:00:00Z"]);
    let plugin = plugin.map(|path| path.display().to_string());
    words.extend(plugin.iter().flat_map(|path| ["--plugin", path.as_str()]));
    run_in(folder, &words).ok();
    let mut refused = json_lines(&letters);
    for letter in &mut refused {
        for name in ["plugin", "plugin_digest", "run"] {
            assert!(letter.as_object_mut().unwrap().remove(name).is_some(), "{name}: {letter}");
        }
    }
    (lines(&rows), refused)
}

#[test]
fn the_default_mapping_makes_the_same_rows_in_every_language() {
    let f = folder();
    let plugins: Vec<_> = LANGUAGES.iter().filter_map(|(_, example)| *example).collect();
    assert!(!plugins.is_empty());
    for source in ["yago", "second"] {
        let (rows, refused) = mapped(f.path(), None, source);
        assert!(rows.len() > 100 && !refused.is_empty(), "{source}");
        for name in &plugins {
            let component = gristmill_guest::fixture(name).unwrap();
            let (other_rows, other_refused) = mapped(f.path(), Some(&component), source);
            assert!(rows == other_rows, "{name} on {source}: other rows");
            assert_eq!(refused, other_refused, "{name} on {source}");
        }
    }
}

/// What is declared is the same, too: tables, inputs and settings.
#[test]
fn the_default_mapping_is_declared_the_same_in_every_language() {
    let f = folder();
    let about = |words: &[&str]| {
        let all = run_in(f.path(), &[&["--json", "plugin", "inspect"], words].concat()).ok().json();
        ["documents", "inputs", "tables", "settings", "config", "summary"].map(|key| all[key].clone())
    };
    let default = about(&[]);
    for name in LANGUAGES.iter().filter_map(|(_, example)| *example) {
        assert_eq!(about(&[&gristmill_guest::fixture(name).unwrap().display().to_string()]), default, "{name}");
    }
}

/// Outside of a component: what the SDK makes of columns, and of what a plugin returns.
#[test]
fn the_sdk_for_python_passes_its_tests() {
    let python = gristmill_guest::tools_dir().join("python/bin/python");
    let sdk = root().join("plugins/sdk/python");
    let mut command = Command::new(python);
    // Nothing is left behind in the source.
    command.env("PYTHONDONTWRITEBYTECODE", "1").args(["-m", "unittest", "discover", "-s", "tests", "-t", "."]);
    let ran = finish(command.current_dir(sdk)).ok();
    let tests: u32 = ran.stderr.split_once("Ran ").unwrap().1.split(' ').next().unwrap().parse().unwrap();
    assert!(tests >= 32, "{}", ran.stderr);
}
