//! A file that is written aside and renamed.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::{SinkError, TableState};

/// A file in the making; dropped before it is published, it is removed.
pub(super) struct Aside {
    target: PathBuf,
    path: PathBuf,
    file: File,
    published: bool,
}

/// The folder of a file.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// What the names of a target's files in the making begin with.
fn stem(target: &Path) -> OsString {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(".tmp-");
    name
}

/// Whether a file can be put at this path. Changes nothing.
pub(super) fn check(target: &Path) -> Result<TableState, SinkError> {
    let unfit = |what: &str| SinkError::Unfit {
        path: target.to_owned(),
        what: what.into(),
        remedy: "Name a file: ndjson:FILE, or ndjson:- for standard output.",
    };
    if target.file_name().is_none() {
        return Err(unfit("it names no file"));
    }
    let state = match std::fs::metadata(target) {
        Ok(found) if found.is_dir() => return Err(unfit("it is a folder, not a file")),
        // A device or a pipe must not be replaced by a file.
        Ok(found) if !found.is_file() => return Err(unfit("it is no ordinary file")),
        Ok(_) => TableState::Present { rows: None },
        Err(_) => TableState::Absent,
    };
    // A file without a name: it is gone with its handle.
    tempfile::tempfile_in(folder(target)).map_err(SinkError::io("creating a file in", folder(target)))?;
    Ok(state)
}

impl Aside {
    /// Creates the file, and removes those of earlier runs that nobody writes to.
    pub(super) fn create(target: PathBuf, run_id: &str) -> Result<Self, SinkError> {
        remove_leftovers(&target)?;
        let mut name = stem(&target);
        name.push(run_id);
        let path = target.with_file_name(name);
        let file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(|e| match e.kind() {
            std::io::ErrorKind::AlreadyExists => {
                SinkError::Busy { path: target.clone(), by: "another run of the same id" }
            }
            _ => SinkError::io("creating", &path)(e),
        })?;
        let aside = Self { target, path, file, published: false };
        // Held until the file is closed: it tells a file in the making from a leftover.
        aside.file.try_lock().map_err(|e| lock_error(e, &aside.path))?;
        Ok(aside)
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        self.file.write_all(bytes).map_err(SinkError::io("writing", &self.path))
    }

    pub(super) fn sync(&mut self) -> Result<(), SinkError> {
        self.file.sync_all().map_err(SinkError::io("writing", &self.path))
    }

    /// Puts the file in its place, durably.
    pub(super) fn publish(&mut self) -> Result<(), SinkError> {
        std::fs::rename(&self.path, &self.target).map_err(SinkError::io("replacing", &self.target))?;
        self.published = true;
        crate::parquet::sync_folder(folder(&self.target))
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if !self.published {
            // There is nobody to tell; the next run removes it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn lock_error(error: TryLockError, path: &Path) -> SinkError {
    match error {
        TryLockError::WouldBlock => SinkError::Busy { path: path.to_owned(), by: "another run" },
        TryLockError::Error(e) => SinkError::io("locking", path)(e),
    }
}

fn remove_leftovers(target: &Path) -> Result<(), SinkError> {
    let stem = stem(target);
    let folder = folder(target);
    for entry in std::fs::read_dir(folder).map_err(SinkError::io("reading", folder))? {
        let entry = entry.map_err(SinkError::io("reading", folder))?;
        if !entry.file_name().as_encoded_bytes().starts_with(stem.as_encoded_bytes()) {
            continue;
        }
        let path = entry.path();
        // Opened for writing since some network filesystems lock no other.
        let abandoned = OpenOptions::new().write(true).open(&path).is_ok_and(|f| f.try_lock().is_ok());
        if abandoned {
            std::fs::remove_file(&path).map_err(SinkError::io("removing", &path))?;
        }
    }
    Ok(())
}
