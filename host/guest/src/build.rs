//! From a package to a component.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use wit_component::ComponentEncoder;

use crate::{GuestError, Toolchain};

/// Builds the package in `manifest_dir` in release mode, with build files below `target_dir`, and makes a component of it.
///
/// Gives the path of the component, `<target_dir>/components/<library>.wasm`. The file is only written when its content
/// changes. Any number of processes may build at the same time, also into one `target_dir`, also from within cargo
/// (a build script, a test), as long as `target_dir` is not the outer build's own.
///
/// # Errors
/// What cargo and the compiler say when the package does not build; what the module lacks to be a component.
pub fn build(toolchain: &Toolchain, manifest_dir: &Path, target_dir: &Path) -> Result<PathBuf, GuestError> {
    build_with(toolchain, manifest_dir, target_dir, &mut |_| {})
}

/// [`build`] that tells `progress` each line of cargo's as it comes.
///
/// # Errors
/// Those of [`build`].
pub fn build_with(
    toolchain: &Toolchain,
    manifest_dir: &Path,
    target_dir: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<PathBuf, GuestError> {
    if !manifest_dir.join("Cargo.toml").is_file() {
        return Err(GuestError::NoPackage(manifest_dir.to_owned()));
    }
    let components = target_dir.join("components");
    fs::create_dir_all(&components).map_err(GuestError::io(&components))?;
    let target_dir = fs::canonicalize(target_dir).map_err(GuestError::io(target_dir))?;
    // cargo locks its own files; this one keeps a component from being written by two processes, and a module from
    // being replaced while it is read. It is released when the file is closed, whatever happens to the process.
    let lock_path = target_dir.join("components/.lock");
    let lock = File::create(&lock_path).map_err(GuestError::io(&lock_path))?;
    lock.lock().map_err(GuestError::io(&lock_path))?;

    let module_path = compile(toolchain, manifest_dir, &target_dir, progress)?;
    let module = fs::read(&module_path).map_err(GuestError::io(&module_path))?;
    let component = encode(&module).map_err(|why| GuestError::Component { module: module_path.clone(), why })?;
    let path = target_dir.join("components").join(module_path.file_name().unwrap_or("plugin.wasm".as_ref()));
    write_changed(&path, &component)?;
    Ok(path)
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
        return Err(GuestError::Cargo { package: manifest_dir.to_owned(), output: complaint(&said) });
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

fn encode(module: &[u8]) -> Result<Vec<u8>, String> {
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|encoder| encoder.encode())
        .map_err(|e| format!("{e:#}"))
}

/// Writes a file in one step, and not at all when it holds `content` already: what depends on it stays fresh.
fn write_changed(path: &Path, content: &[u8]) -> Result<(), GuestError> {
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    let new = path.with_extension("wasm.new");
    let write = || {
        let mut file = File::create(&new)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().map_err(GuestError::io(path))
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

    #[test]
    fn an_unchanged_component_keeps_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.wasm");
        write_changed(&path, b"one").unwrap();
        let old = std::time::SystemTime::UNIX_EPOCH;
        File::options().append(true).open(&path).unwrap().set_modified(old).unwrap();
        write_changed(&path, b"one").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), old);
        write_changed(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_ne!(fs::metadata(&path).unwrap().modified().unwrap(), old);
    }

    #[test]
    fn a_folder_without_a_package_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let toolchain = Toolchain::find().unwrap();
        let error = build(&toolchain, folder.path(), folder.path()).unwrap_err();
        assert!(matches!(&error, GuestError::NoPackage(p) if p == folder.path()), "{error}");
    }
}
