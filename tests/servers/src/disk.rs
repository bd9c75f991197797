//! A disk that is full when a test says so.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The library that a server is started with; see its `full_disk.c`.
pub struct FullDisk {
    folder: tempfile::TempDir,
}

impl FullDisk {
    /// Compiles the library. The disk has room yet.
    pub fn new() -> Self {
        let folder = tempfile::TempDir::new().expect("a folder");
        // The server runs as another user.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), mode).expect("a mode can be set");
        let source = folder.path().join("full_disk.c");
        std::fs::write(&source, include_str!("full_disk.c")).expect("a file can be written");
        let disk = Self { folder };
        let output = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(disk.library())
            .arg(&source)
            .arg("-ldl")
            .output()
            .expect("a C compiler is there, as Rust needs one to link");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        disk
    }

    /// What a server's environment needs.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![("LD_PRELOAD", self.library().display().to_string()), ("FULL_DISK", self.flag().display().to_string())]
    }

    /// From now on files do not grow.
    pub fn fill(&self) {
        std::fs::write(self.flag(), "").expect("a file can be written");
    }

    /// There is room again.
    pub fn free(&self) {
        std::fs::remove_file(self.flag()).expect("the disk was full");
    }

    fn library(&self) -> PathBuf {
        self.path("full_disk.so")
    }

    fn flag(&self) -> PathBuf {
        self.path("full")
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new(self.folder.path()).join(name)
    }
}

impl Default for FullDisk {
    fn default() -> Self {
        Self::new()
    }
}
