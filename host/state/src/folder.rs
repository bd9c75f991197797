//! Folders: where state is kept, and the one of a run, which one process holds at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::StateError;

/// The name of the lock in a run's folder.
const LOCK: &str = "lock";
/// Longer than a look at a lock takes.
const A_MOMENT: Duration = Duration::from_millis(200);

/// The folder of a run, held by this process until it is dropped.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// Held as long as it is open.
    _lock: File,
}

impl RunFolder {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the folder of a run, which is created where it is not there.
    pub(crate) fn hold(path: PathBuf, run: &str) -> Result<Self, StateError> {
        let name = path.join(LOCK);
        let start = Instant::now();
        loop {
            std::fs::create_dir_all(&path).map_err(StateError::folder("creating", &path))?;
            let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&name);
            let mut lock = opened.map_err(StateError::folder("opening", &name))?;
            match lock.try_lock() {
                Ok(()) => {}
                // Who only looks whether it is held has it for a moment.
                Err(TryLockError::WouldBlock) if start.elapsed() < A_MOMENT => {
                    std::thread::sleep(A_MOMENT / 10);
                    continue;
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(StateError::Held { run: run.to_owned(), pid: holder(&mut lock) });
                }
                Err(TryLockError::Error(e)) => return Err(StateError::folder("locking", &name)(e)),
            }
            // Who held it before may have removed the folder, and what is locked is then no file that anybody else meets.
            if !is_at(&lock, &name) {
                continue;
            }
            let written = lock.set_len(0).and_then(|()| write!(lock, "{}", std::process::id()));
            written.map_err(StateError::folder("writing", &name))?;
            return Ok(Self { path, _lock: lock });
        }
    }

    /// Removes the folder with all that is in it.
    pub(crate) fn remove(self) -> Result<(), StateError> {
        std::fs::remove_dir_all(&self.path).map_err(StateError::folder("removing", &self.path))
    }
}

/// Whether a process holds the folder of a run.
pub(crate) fn is_held(path: &Path) -> bool {
    let Ok(lock) = OpenOptions::new().read(true).write(true).open(path.join(LOCK)) else { return false };
    matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// The number of the process that holds a lock.
fn holder(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.rewind().and_then(|()| lock.read_to_string(&mut text)).ok()?;
    text.trim().parse().ok()
}

/// Whether an open file is what has this name.
fn is_at(file: &File, name: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(open), Ok(named)) = (file.metadata(), std::fs::metadata(name)) else { return false };
    (open.dev(), open.ino()) == (named.dev(), named.ino())
}

/// Bytes of all files in a folder; what cannot be read counts nothing.
pub(crate) fn size_of(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.metadata().ok().map(|m| (entry, m)))
        .map(|(entry, m)| if m.is_dir() { size_of(&entry.path()) } else { m.len() })
        .sum()
}
