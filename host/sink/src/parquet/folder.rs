//! Versions in a folder of this machine: who holds it, where a version is made, how it is published.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::manifest::{self, FileEntry, Manifest};
use super::place::{Held, Room};
use crate::SinkError;

/// The file that is locked while a load is open.
const LOCK: &str = ".gristmill-lock";
/// What the names of folders begin with in which loads are made.
const WORK: &str = ".gristmill-tmp-";

fn not_a_folder(dir: &Path) -> SinkError {
    SinkError::Unfit {
        path: dir.to_owned(),
        what: "it is a file, not a folder".into(),
        remedy: "Name a folder: parquet:DIR.",
    }
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(path: &Path) -> Result<(), SinkError> {
    File::open(path).and_then(|f| f.sync_all()).map_err(SinkError::io("writing to", path))
}

/// A folder that versions lie in; it may not be there yet.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self(dir)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.0
    }

    /// Whether it can be written, or created, and what is there. Changes nothing.
    pub(super) fn check(&self) -> Result<Option<Manifest>, SinkError> {
        let dir = self.dir();
        match std::fs::metadata(dir) {
            Ok(found) if !found.is_dir() => return Err(not_a_folder(dir)),
            _ => {
                let there = |p: &&Path| p.as_os_str().is_empty() || p.exists();
                let nearest = dir.ancestors().find(there).filter(|p| !p.as_os_str().is_empty());
                let nearest = nearest.unwrap_or(Path::new("."));
                // A file without a name: it is gone with its handle.
                tempfile::tempfile_in(nearest).map(drop).map_err(SinkError::io("creating a file in", nearest))?;
            }
        }
        self.manifest()
    }

    /// What is there.
    pub(super) fn manifest(&self) -> Result<Option<Manifest>, SinkError> {
        read_manifest(self.dir())
    }

    /// Creates it where it is not there. No other run writes to it until this one is done.
    pub(super) fn hold(&self) -> Result<HeldFolder, SinkError> {
        let dir = self.dir();
        if std::fs::metadata(dir).is_ok_and(|m| !m.is_dir()) {
            return Err(not_a_folder(dir));
        }
        let missing = |p: &&Path| !p.as_os_str().is_empty() && !p.exists();
        let mut created: Vec<_> = dir.ancestors().take_while(missing).map(Path::to_owned).collect();
        created.reverse();
        std::fs::create_dir_all(dir).map_err(SinkError::io("creating", dir))?;
        let path = dir.join(LOCK);
        let lock = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(SinkError::io("creating", &path))?;
        lock.try_lock().map_err(|e| match e {
            TryLockError::WouldBlock => SinkError::Busy { path: dir.to_owned(), by: "another run that writes to it" },
            TryLockError::Error(e) => SinkError::io("locking", &path)(e),
        })?;
        Ok(HeldFolder { dir: dir.to_owned(), _lock: lock, created, manifest: read_manifest(dir)?, work: None })
    }
}

fn read_manifest(dir: &Path) -> Result<Option<Manifest>, SinkError> {
    let path = dir.join(manifest::NAME);
    match std::fs::read(&path) {
        Ok(bytes) => Manifest::parse(&bytes, &path).map(Some),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(SinkError::io("reading", &path)(e)),
    }
}

/// The folder, held: no other run writes to it.
pub(super) struct HeldFolder {
    dir: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
    /// Folders that were not there before, outermost first.
    created: Vec<PathBuf>,
    manifest: Option<Manifest>,
    work: Option<Work>,
}

/// Where a version is made.
struct Work {
    path: PathBuf,
    files: PathBuf,
    version: String,
    renamed: bool,
}

impl Held for HeldFolder {
    fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }

    fn is_whole(&self) -> Result<bool, SinkError> {
        let there = |file: &FileEntry| {
            std::fs::metadata(self.dir.join(&file.path)).is_ok_and(|m| m.is_file() && m.len() == file.bytes)
        };
        Ok(self.manifest.as_ref().is_some_and(|manifest| manifest.files().all(there)))
    }

    /// Removes what earlier runs left unfinished, and makes room for this one.
    fn make_room(&mut self, run_id: &str) -> Result<Room, SinkError> {
        let free = |run_id: &str| Manifest::free_version(self.manifest.as_ref(), run_id, |_| false);
        for entry in std::fs::read_dir(&self.dir).map_err(SinkError::io("reading", &self.dir))? {
            let name = entry.map_err(SinkError::io("reading", &self.dir))?.file_name();
            let Some(left) = name.to_str().and_then(|n| n.strip_prefix(WORK)) else { continue };
            // A run that died between renaming its version and replacing the manifest has left this too.
            remove(&self.dir.join(free(left)))?;
            remove(&self.dir.join(&name))?;
        }
        let version = free(run_id);
        let path = self.dir.join(format!("{WORK}{run_id}"));
        let files = path.join("files");
        self.work = Some(Work { path: path.clone(), files: files.clone(), version: version.clone(), renamed: false });
        std::fs::create_dir_all(&files).map_err(SinkError::io("creating", &files))?;
        // They are where they have to be.
        Ok(Room { folder: path, files, version, done: Arc::new(|_, _| Ok(())) })
    }

    fn publish(&mut self, manifest: Vec<u8>) -> Result<(), SinkError> {
        let Some(work) = &mut self.work else { return Err(SinkError::Order("there is no version to publish")) };
        let target = self.dir.join(&work.version);
        if !work.renamed {
            sync_tree(&work.files)?;
            // No version of the manifest has this name: it is a leftover.
            remove(&target)?;
            std::fs::rename(&work.files, &target).map_err(SinkError::io("creating", &target))?;
            work.renamed = true;
            sync_folder(&self.dir)?;
        }
        let path = self.dir.join(manifest::NAME);
        let aside = work.path.join(manifest::NAME);
        File::create(&aside)
            .and_then(|mut f| f.write_all(&manifest).and_then(|()| f.sync_all()))
            .map_err(SinkError::io("writing", &aside))?;
        std::fs::rename(&aside, &path).map_err(SinkError::io("replacing", &path))?;
        // From here on readers see the new version: nothing of it may be removed, whatever fails.
        let Some(Work { path, .. }) = self.work.take() else { return Ok(()) };
        let created = std::mem::take(&mut self.created);
        sync_folder(&self.dir)?;
        for folder in &created {
            sync_folder(folder.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")))?;
        }
        // What is left over is removed by the next run if it cannot be now.
        let _ = remove(&path);
        Ok(())
    }

    /// Removes the version, and the folder if it was not there before.
    fn discard(&mut self) -> Result<(), SinkError> {
        if let Some(work) = self.work.take() {
            remove(&work.path)?;
            if work.renamed {
                remove(&self.dir.join(&work.version))?;
            }
        }
        let created = std::mem::take(&mut self.created);
        if !created.is_empty() {
            remove(&self.dir.join(LOCK))?;
            // Somebody may have put something there meanwhile: then they stay.
            created.iter().rev().all(|f| std::fs::remove_dir(f).is_ok());
        }
        Ok(())
    }
}

impl Drop for HeldFolder {
    fn drop(&mut self) {
        // There is nobody to tell; the next run removes what is left.
        let _ = self.discard();
    }
}

/// Removes a file or a folder with all that is in it, if it is there.
fn remove(path: &Path) -> Result<(), SinkError> {
    let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    match removed {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(SinkError::io("removing", path)(e)),
        _ => Ok(()),
    }
}

/// Makes all files below a folder, and their names, durable. After all is written, so that the disk has long begun.
fn sync_tree(folder: &Path) -> Result<(), SinkError> {
    for entry in std::fs::read_dir(folder).map_err(SinkError::io("reading", folder))? {
        let path = entry.map_err(SinkError::io("reading", folder))?.path();
        if path.is_dir() {
            sync_tree(&path)?;
        } else {
            File::open(&path).and_then(|f| f.sync_all()).map_err(SinkError::io("writing", &path))?;
        }
    }
    sync_folder(folder)
}
