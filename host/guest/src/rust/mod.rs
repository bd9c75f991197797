//! Plugins in Rust: a package that cargo compiles for `wasm32-unknown-unknown`.

mod install;
mod toolchain;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use crate::GuestError;

pub(crate) use toolchain::Toolchain;

/// The compiler of this machine, looked for once.
fn toolchain() -> Result<&'static Toolchain, GuestError> {
    static FOUND: OnceLock<Toolchain> = OnceLock::new();
    if let Some(found) = FOUND.get() {
        return Ok(found);
    }
    let found = Toolchain::find()?;
    Ok(FOUND.get_or_init(|| found))
}

/// Gets the compiler where it is missing.
pub(crate) fn install(progress: &mut dyn FnMut(&str)) -> Result<(), GuestError> {
    Toolchain::install(progress).map(|_| ())
}

/// Compiles the package in a folder, and gives the module and the name of its library.
pub(crate) fn module(
    folder: &Path,
    target_dir: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<(String, Vec<u8>), GuestError> {
    let path = compile(toolchain()?, folder, target_dir, progress)?;
    let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("plugin").to_owned();
    Ok((name, fs::read(&path).map_err(GuestError::io(&path))?))
}

/// Runs cargo and gives the module that it made.
fn compile(
    toolchain: &Toolchain,
    manifest_dir: &Path,
    target_dir: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<PathBuf, GuestError> {
    let mut cargo = toolchain.cargo_build();
    cargo.arg("--message-format=json-render-diagnostics").arg("--lib");
    cargo.current_dir(manifest_dir).env("CARGO_TARGET_DIR", target_dir);
    cargo.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let cannot_run = |source| GuestError::Run { program: "cargo".into(), source };
    let mut child = cargo.spawn().map_err(cannot_run)?;

    // Both pipes are read at once: cargo would wait for ever at a full one.
    let stdout = child.stdout.take();
    let messages = std::thread::spawn(move || {
        let mut text = Vec::new();
        stdout.map_or(Ok(0), |mut pipe| pipe.read_to_end(&mut text)).map(|_| text)
    });
    let mut said = String::new();
    if let Some(pipe) = child.stderr.take() {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            progress(&line);
            said.push_str(&line);
            said.push('\n');
        }
    }
    let status = child.wait().map_err(cannot_run)?;
    let messages = messages.join().unwrap_or_else(|_| Ok(Vec::new())).map_err(cannot_run)?;
    if !status.success() {
        return Err(GuestError::Failed { folder: manifest_dir.to_owned(), output: complaint(&said) });
    }
    let manifest = fs::canonicalize(manifest_dir).map_err(GuestError::io(manifest_dir))?.join("Cargo.toml");
    module_of(&messages, &manifest).ok_or_else(|| GuestError::NoModule(manifest_dir.to_owned()))
}

/// What cargo said, from the first error on: the lines before it tell of packages that were compiled.
fn complaint(said: &str) -> String {
    let from_error: Vec<_> = said.lines().skip_while(|l| !l.starts_with("error")).collect();
    if from_error.is_empty() { said.trim_end().to_owned() } else { from_error.join("\n") }
}

/// The module among cargo's messages, which are a JSON object a line.
fn module_of(messages: &[u8], manifest: &Path) -> Option<PathBuf> {
    let mut files = messages.split(|b| *b == b'\n').filter_map(|line| {
        let message: serde_json::Value = serde_json::from_slice(line).ok()?;
        let is_ours = message.get("reason")?.as_str()? == "compiler-artifact"
            && Path::new(message.get("manifest_path")?.as_str()?) == manifest;
        let files = message.get("filenames")?.as_array()?;
        let file = files.iter().filter_map(|f| f.as_str()).find(|f| f.ends_with(".wasm"))?;
        is_ours.then(|| PathBuf::from(file))
    });
    files.next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_begins_at_the_error() {
        assert_eq!(complaint("   Compiling x\nerror[E1]: no\n --> y\n"), "error[E1]: no\n --> y");
        assert_eq!(complaint("killed\n"), "killed");
    }

    #[test]
    fn finds_the_module_of_the_package_only() {
        let line = |manifest: &str, file: &str| {
            format!(r#"{{"reason":"compiler-artifact","manifest_path":"{manifest}","filenames":["{file}"]}}"#)
        };
        let messages = [
            line("/a/Cargo.toml", "/t/a.wasm"),
            line("/b/Cargo.toml", "/t/b.rlib"),
            "no json".to_owned(),
            line("/b/Cargo.toml", "/t/b.wasm"),
        ]
        .join("\n");
        assert_eq!(module_of(messages.as_bytes(), Path::new("/b/Cargo.toml")), Some("/t/b.wasm".into()));
        assert_eq!(module_of(messages.as_bytes(), Path::new("/c/Cargo.toml")), None);
    }
}
