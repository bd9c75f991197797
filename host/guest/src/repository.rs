//! Where guests lie in a clone of the repository, and where what is built of them goes.

use std::path::{Path, PathBuf};

use crate::{GuestError, Language, build};

/// The root of the repository: two folders above this package.
fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().and_then(Path::parent).unwrap_or(here)
}

/// Whether a folder lies in this repository.
pub(crate) fn is_of_repository(folder: &Path) -> bool {
    folder.starts_with(root())
}

/// The workspace of the guests.
pub fn plugins_dir() -> PathBuf {
    root().join("plugins")
}

/// Where guests of the repository are built: `guests` in the target folder, apart from what an outer cargo has locked.
pub fn guests_dir() -> PathBuf {
    target_dir().join("guests")
}

/// Where `cargo xtask setup` puts tools that belong to no system's folders: `tools` in the target folder.
pub fn tools_dir() -> PathBuf {
    target_dir().join("tools")
}

fn target_dir() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    root().join(target)
}

/// Builds the default plugin, `plugins/firestore-quality-stream`, and gives the path of the component.
///
/// # Errors
/// Those of [`build`].
pub fn default_plugin() -> Result<PathBuf, GuestError> {
    build(&plugins_dir().join("firestore-quality-stream"), &guests_dir())
}

/// Builds a guest by its name: a folder of `plugins/misbehaving`, `plugins/examples` or `plugins`.
///
/// # Errors
/// Those of [`build`]; [`GuestError::NoPlugin`] where no such folder has a plugin.
pub fn fixture(name: &str) -> Result<PathBuf, GuestError> {
    let plugins = plugins_dir();
    let folder = ["misbehaving", "examples", ""]
        .iter()
        .map(|room| plugins.join(room).join(name))
        .find(|folder| Language::of(folder).is_some())
        .ok_or_else(|| GuestError::NoPlugin(plugins.join(name)))?;
    build(&folder, &guests_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_the_repository() {
        assert!(root().join("wit").is_dir() && root().join("host/guest").is_dir(), "{}", root().display());
    }

    #[test]
    fn an_unknown_fixture_is_named() {
        let error = fixture("there-is-none").unwrap_err().to_string();
        assert!(error.contains("plugins/there-is-none"), "{error}");
    }
}
