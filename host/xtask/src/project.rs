//! Where the project and its target directory lie.

use std::path::{Path, PathBuf};

/// The places that every task needs, as absolute paths.
pub(crate) struct Project {
    pub(crate) root: PathBuf,
    /// Cargo's target directory: `CARGO_TARGET_DIR` where set, else `target` in the root.
    pub(crate) target: PathBuf,
}

impl Project {
    pub(crate) fn find() -> Result<Self, Box<dyn std::error::Error>> {
        // Set by `cargo run` too, and then right even when the binary was built in another clone.
        let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&here)
            .ancestors()
            .nth(2)
            .filter(|root| root.join("wit").is_dir())
            .ok_or_else(|| format!("{} is not host/xtask of the project", Path::new(&here).display()))?
            .to_owned();
        let target = match ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"].iter().find_map(std::env::var_os) {
            // Cargo takes it relative to where it was called, which is our working directory as well.
            Some(set) => std::path::absolute(set)?,
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// A program of this workspace, as built with the dev profile.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.target.join("debug").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }

    /// A path as a person in the project's root would type it.
    pub(crate) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}
