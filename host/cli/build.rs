//! Builds the default plugin, so that the program can carry it, and lists the files that `gristmill plugin new` writes.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// A file as it will be called, and where it is now.
type Listed = (String, PathBuf);

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for watched in
        ["plugins/firestore-quality-stream", "plugins/sdk", "plugins/templates", "plugins/Cargo.toml", "wit", "LICENSE"]
    {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    if let Err(message) = make(&root) {
        for line in message.lines() {
            println!("cargo::error={line}");
        }
    }
}

fn make(root: &Path) -> Result<(), String> {
    let out = std::env::var_os("OUT_DIR").map(PathBuf::from).ok_or("cargo sets no OUT_DIR")?;
    list_files(root, &out)?;
    let component = gristmill_guest::default_plugin().map_err(|e| e.to_string())?;
    fs::copy(&component, out.join("default.wasm")).map(|_| ()).map_err(at(&component))
}

/// Writes `files.rs`: for each language a template and its SDK, which is on no registry and so goes with every project.
fn list_files(root: &Path, out: &Path) -> Result<(), String> {
    let manifest = root.join("plugins/Cargo.toml");
    let reduced = out.join("sdk.toml");
    let text = fs::read_to_string(&manifest).map_err(at(&manifest))?;
    fs::write(&reduced, workspace_of_sdk(&text)?).map_err(at(&reduced))?;

    let rust = ["rust/Cargo.toml", "rust/src", "rust-macros/Cargo.toml", "rust-macros/src"];
    let mut code = lists(root, "rust", &rust, vec![("plugins/Cargo.toml".to_owned(), reduced)])?;
    code.push_str(&lists(root, "python", &["python"], Vec::new())?);
    let javascript = ["javascript/package.json", "javascript/build.mjs", "javascript/src"];
    code.push_str(&lists(root, "javascript", &javascript, Vec::new())?);
    code.push_str(&lists(root, "c", &["c/include", "c/src"], Vec::new())?);
    let path = out.join("files.rs");
    fs::write(&path, code).map_err(at(&path))
}

/// The lists of a language: `<LANGUAGE>_TEMPLATE`, `<LANGUAGE>_VALIDATOR`, and `<LANGUAGE>_SDK` of parts of `plugins/sdk` and what goes with
/// each.
fn lists(root: &Path, language: &str, parts: &[&str], mut sdk: Vec<Listed>) -> Result<String, String> {
    // Where the files lie to each other is as in the repository: the SDKs find the contract by a relative path.
    let parts = parts.iter().map(|part| format!("plugins/sdk/{part}"));
    for part in ["LICENSE".to_owned(), "wit".to_owned()].into_iter().chain(parts) {
        collect(&part, &root.join(&part), &mut sdk)?;
    }
    let templates = root.join("plugins/templates");
    let (mut mapping, mut judging) = (Vec::new(), Vec::new());
    collect("", &templates.join(language), &mut mapping)?;
    collect("", &templates.join(format!("{language}-validator")), &mut judging)?;
    let name = language.to_uppercase();
    Ok(format!(
        "{}{}{}",
        list(&format!("{name}_SDK"), "The SDK.", &sdk),
        list(&format!("{name}_TEMPLATE"), "A project; has `{{name}}`.", &mapping),
        list(&format!("{name}_VALIDATOR"), "A project of a validator; has `{{name}}`.", &judging)
    ))
}

/// The manifest of the plugins' workspace with the SDK's packages alone: members that are not there are errors to cargo.
fn workspace_of_sdk(manifest: &str) -> Result<String, String> {
    let (before, rest) = manifest.split_once("members = ").ok_or("plugins/Cargo.toml has no `members`")?;
    let (_, after) = rest.split_once("\n\n").ok_or("plugins/Cargo.toml ends with `members`")?;
    // Without the comment that tells of the others.
    let before: String = before.lines().filter(|l| !l.starts_with('#')).map(|l| format!("{l}\n")).collect();
    Ok(format!("{before}members = [\"sdk/rust\", \"sdk/rust-macros\"]\n\n{after}"))
}

/// A file, or all files of a folder, in the order of their names: a build says the same each time.
fn collect(name: &str, path: &Path, into: &mut Vec<Listed>) -> Result<(), String> {
    if !path.is_dir() {
        into.push((name.to_owned(), path.to_owned()));
        return Ok(());
    }
    let entries = fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(at(path))?;
    let mut paths: Vec<_> = entries.iter().map(fs::DirEntry::path).collect();
    paths.sort();
    for path in paths {
        // Tests of an SDK do not go with it, nor does what an interpreter leaves behind.
        if ["tests", "__pycache__", "node_modules"].iter().any(|name| path.ends_with(name)) && path.is_dir() {
            continue;
        }
        let last = path.file_name().and_then(|n| n.to_str()).ok_or_else(|| format!("{}: no name", path.display()))?;
        let name = if name.is_empty() { last.to_owned() } else { format!("{name}/{last}") };
        collect(&name, &path, into)?;
    }
    Ok(())
}

/// The code of a list: names and content.
fn list(constant: &str, what: &str, files: &[Listed]) -> String {
    let mut code = format!("/// {what}\nconst {constant}: &[(&str, &str)] = &[\n");
    for (name, path) in files {
        let _ = writeln!(code, "    ({name:?}, include_str!({:?})),", path.display().to_string());
    }
    code.push_str("];\n");
    code
}

/// For `map_err`: names the file that an error is about.
fn at(path: &Path) -> impl FnOnce(std::io::Error) -> String {
    move |e| format!("{}: {e}", path.display())
}
