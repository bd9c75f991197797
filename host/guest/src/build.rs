//! From a project to a component.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use wit_component::ComponentEncoder;

use crate::{GuestError, Language, c, javascript, python, rust};

/// Builds the plugin in `folder`, with build files below `target_dir`, and makes a component of it.
///
/// Gives the path of the component, `<target_dir>/components/<name>.wasm`. The file is only written when its content
/// changes. Any number of processes may build at the same time, also into one `target_dir`, also from within cargo
/// (a build script, a test), as long as `target_dir` is not the outer build's own.
///
/// # Errors
/// A tool that is missing; what the compiler says when the plugin does not build; what the module lacks to be a component.
pub fn build(folder: &Path, target_dir: &Path) -> Result<PathBuf, GuestError> {
    build_with(folder, target_dir, &mut |_| {})
}

/// [`build`] that tells `progress` each line of the compiler's as it comes.
///
/// # Errors
/// Those of [`build`].
pub fn build_with(folder: &Path, target_dir: &Path, progress: &mut dyn FnMut(&str)) -> Result<PathBuf, GuestError> {
    let language = Language::of(folder).ok_or_else(|| GuestError::NoPlugin(folder.to_owned()))?;
    let components = target_dir.join("components");
    fs::create_dir_all(&components).map_err(GuestError::io(&components))?;
    let target_dir = fs::canonicalize(target_dir).map_err(GuestError::io(target_dir))?;
    let folder = fs::canonicalize(folder).map_err(GuestError::io(folder))?;
    // This keeps a component from being written by two processes, and a module from being replaced while it is read. It is
    // released when the file is closed, whatever happens to the process.
    let lock_path = target_dir.join("components/.lock");
    let lock = File::create(&lock_path).map_err(GuestError::io(&lock_path))?;
    lock.lock().map_err(GuestError::io(&lock_path))?;

    match language {
        Language::Rust => {
            let (name, module) = rust::module(&folder, &target_dir, progress)?;
            let component = encode(&module).map_err(|why| GuestError::Component { folder, why })?;
            let path = component_path(&target_dir, &name);
            write_changed(&path, &component)?;
            Ok(path)
        }
        Language::Python => python::component(&folder, &target_dir, progress),
        Language::JavaScript => javascript::component(&folder, &target_dir, progress),
        Language::C => c::component(&folder, &target_dir, progress),
    }
}

/// Where the component of a plugin goes.
pub(crate) fn component_path(target_dir: &Path, name: &str) -> PathBuf {
    target_dir.join("components").join(format!("{name}.wasm"))
}

pub(crate) fn encode(module: &[u8]) -> Result<Vec<u8>, String> {
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|encoder| encoder.encode())
        .map_err(|e| format!("{e:#}"))
}

/// Writes a file in one step, and not at all when it holds `content` already: what depends on it stays fresh.
pub(crate) fn write_changed(path: &Path, content: &[u8]) -> Result<(), GuestError> {
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
    fn a_folder_without_a_plugin_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = build(folder.path(), folder.path()).unwrap_err();
        assert!(matches!(&error, GuestError::NoPlugin(p) if p == folder.path()), "{error}");
        assert!(!folder.path().join("components").exists());
    }
}
