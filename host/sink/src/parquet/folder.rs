//! The folder itself: who holds it, where a load is made, how it is published.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::manifest::{self, Manifest, TableEntry};
use crate::{Load, SinkError};

/// The file that is locked while a load is open.
const LOCK: &str = ".gristmill-lock";
/// What the names of folders begin with in which loads are made.
const WORK: &str = ".gristmill-tmp-";

/// Whether the folder can be written, or created. Changes nothing.
pub(super) fn check(dir: &Path) -> Result<(), SinkError> {
    match std::fs::metadata(dir) {
        Ok(found) if !found.is_dir() => Err(not_a_folder(dir)),
        _ => {
            let there = |p: &&Path| p.as_os_str().is_empty() || p.exists();
            let nearest = dir.ancestors().find(there).filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            // A file without a name: it is gone with its handle.
            tempfile::tempfile_in(nearest).map(drop).map_err(SinkError::io("creating a file in", nearest))
        }
    }
}

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

/// The folder, held: no other run writes to it.
pub(super) struct Folder {
    dir: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
    /// Folders that were not there before, outermost first.
    created: Vec<PathBuf>,
}

impl Folder {
    pub(super) fn hold(dir: &Path) -> Result<Self, SinkError> {
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
        Ok(Self { dir: dir.to_owned(), _lock: lock, created })
    }

    /// Removes what earlier runs left unfinished, and makes room for this one.
    pub(super) fn work(self, run_id: &str, before: Option<Manifest>) -> Result<Work, SinkError> {
        for entry in std::fs::read_dir(&self.dir).map_err(SinkError::io("reading", &self.dir))? {
            let name = entry.map_err(SinkError::io("reading", &self.dir))?.file_name();
            let Some(left) = name.to_str().and_then(|n| n.strip_prefix(WORK)) else { continue };
            // A run that died between renaming its version and replacing the manifest has left this too.
            remove(&self.dir.join(Manifest::free_version(before.as_ref(), left)))?;
            remove(&self.dir.join(&name))?;
        }
        let version = Manifest::free_version(before.as_ref(), run_id);
        let path = self.dir.join(format!("{WORK}{run_id}"));
        let work =
            Work { files: path.join("files"), path, version, before, folder: self, renamed: false, published: false };
        std::fs::create_dir_all(&work.files).map_err(SinkError::io("creating", &work.files))?;
        Ok(work)
    }
}

/// Where a load is made.
pub(super) struct Work {
    folder: Folder,
    path: PathBuf,
    files: PathBuf,
    version: String,
    before: Option<Manifest>,
    renamed: bool,
    published: bool,
}

impl Work {
    /// For temporary files.
    pub(super) fn folder(&self) -> &Path {
        &self.path
    }

    /// For the files of the version.
    pub(super) fn files(&self) -> &Path {
        &self.files
    }

    /// The name of the folder that the files get.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// Makes the files durable and the version the current one.
    pub(super) fn publish(&mut self, load: &Load, tables: Vec<TableEntry>) -> Result<(), SinkError> {
        let target = self.folder.dir.join(&self.version);
        if !self.renamed {
            sync_tree(&self.files)?;
            // No version of the manifest has this name: it is a leftover.
            remove(&target)?;
            std::fs::rename(&self.files, &target).map_err(SinkError::io("creating", &target))?;
            self.renamed = true;
            sync_folder(&self.folder.dir)?;
        }
        let manifest = Manifest::new(load, self.version.clone(), tables, self.before.as_ref());
        let path = self.folder.dir.join(manifest::NAME);
        let json = manifest.to_json().map_err(SinkError::encode("writing", &path))?;
        let aside = self.path.join(manifest::NAME);
        File::create(&aside)
            .and_then(|mut f| f.write_all(&json).and_then(|()| f.sync_all()))
            .map_err(SinkError::io("writing", &aside))?;
        std::fs::rename(&aside, &path).map_err(SinkError::io("replacing", &path))?;
        // From here on readers see the new version: nothing of it may be removed, whatever fails.
        self.published = true;
        sync_folder(&self.folder.dir)?;
        for folder in &self.folder.created {
            sync_folder(folder.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")))?;
        }
        // What is left over is removed by the next run if it cannot be now.
        let _ = remove(&self.path);
        Ok(())
    }

    /// Removes the load, and the folder if it was not there before.
    pub(super) fn discard(&mut self) -> Result<(), SinkError> {
        if self.published {
            return Ok(());
        }
        self.published = true;
        remove(&self.path)?;
        if self.renamed {
            remove(&self.folder.dir.join(&self.version))?;
        }
        if !self.folder.created.is_empty() {
            remove(&self.folder.dir.join(LOCK))?;
            // Somebody may have put something there meanwhile: then they stay.
            self.folder.created.iter().rev().all(|f| std::fs::remove_dir(f).is_ok());
        }
        Ok(())
    }
}

impl Drop for Work {
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
