//! Where dead letters go: a file of this machine, or an object in a bucket.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use gristmill_source::Credentials;
use gristmill_storage::{Address, Object, Storage};

use crate::error::RunError;

/// What every letter begins with, and so every file of them.
pub(crate) const LETTER_START: &[u8; 8] = b"{\"run\":\"";

/// Where dead letters go.
#[derive(Debug, Clone)]
pub enum LetterBox {
    /// A file, or a device.
    File(PathBuf),
    /// An object.
    Object {
        /// Where.
        address: Address,
        /// Who we are there.
        credentials: Credentials,
    },
}

impl fmt::Display for LetterBox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Object { address, .. } => address.fmt(f),
        }
    }
}

/// One that dead letters may be put into.
pub(crate) enum OpenBox<'a> {
    File(&'a Path),
    Object {
        address: &'a Address,
        storage: Storage,
        /// What is there, which the letters take the place of.
        found: Option<Object>,
    },
}

impl LetterBox {
    /// Whether dead letters may take the place of what is there: nothing, an empty file, dead letters, a device. Any other file is
    /// somebody's, named by mistake. Changes nothing.
    pub(crate) fn open(&self) -> Result<OpenBox<'_>, RunError> {
        let fail = |what| RunError::NotDeadLetters { path: self.to_string().into(), what };
        let is_letters =
            |start: &[u8]| if start == LETTER_START { Ok(()) } else { Err(fail("no file of dead letters")) };
        match self {
            Self::File(path) => {
                let Ok(mut file) = File::open(path) else { return Ok(OpenBox::File(path)) };
                match file.metadata() {
                    Ok(found) if found.is_dir() => return Err(fail("a folder")),
                    Ok(found) if found.is_file() && found.len() > 0 => {}
                    _ => return Ok(OpenBox::File(path)),
                }
                let mut start = [0; LETTER_START.len()];
                match file.read_exact(&mut start) {
                    Ok(()) => is_letters(&start)?,
                    Err(_) => is_letters(&[])?,
                }
                Ok(OpenBox::File(path))
            }
            Self::Object { address, credentials } => {
                let storage = Storage::connect(credentials)?;
                storage.check_rights(address)?;
                let found = storage.find(address)?;
                if let Some(object) = found.as_ref().filter(|object| object.size > 0) {
                    is_letters(&storage.head(object, LETTER_START.len() as u64)?)?;
                }
                Ok(OpenBox::Object { address, storage, found })
            }
        }
    }
}

impl OpenBox<'_> {
    /// Puts the parts together, aside first: in a file that is renamed, or that becomes the object in one step; a device or a pipe is written
    /// to. Without any part nothing is written, and what an earlier run left is removed: it would speak of records that this run took.
    ///
    /// `folder`: for temporary files.
    pub(crate) fn put(&self, parts: &[PathBuf], folder: &Path) -> Result<bool, RunError> {
        match self {
            Self::File(path) if parts.is_empty() => remove_file(path).map(|()| false),
            Self::File(path) => write_file(parts, path).map(|()| true),
            Self::Object { storage, found, .. } if parts.is_empty() => {
                found.as_ref().map_or(Ok(()), |found| storage.remove(found))?;
                Ok(false)
            }
            Self::Object { address, storage, found } => {
                let path = folder.join("letters.jsonl");
                let fail = |e| RunError::work(&path, e);
                let mut out = Summed { file: File::create(&path).map_err(fail)?, length: 0, sum: 0 };
                put_together(parts, &mut out, &path)?;
                storage.upload(&path, address, found.as_ref(), out.length, out.sum)?;
                std::fs::remove_file(&path).map_err(fail)?;
                Ok(true)
            }
        }
    }
}

fn remove_file(path: &Path) -> Result<(), RunError> {
    if std::fs::metadata(path).is_ok_and(|m| !m.is_file()) {
        return Ok(());
    }
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(RunError::work(path, e)),
        _ => Ok(()),
    }
}

fn write_file(parts: &[PathBuf], target: &Path) -> Result<(), RunError> {
    let fail = |e| RunError::work(target, e);
    if std::fs::metadata(target).is_ok_and(|m| !m.is_file()) {
        let mut device = File::options().write(true).open(target).map_err(fail)?;
        return put_together(parts, &mut device, target);
    }
    let folder = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|e| RunError::work(folder, e))?;
    let mut aside = tempfile::NamedTempFile::new_in(folder).map_err(|e| RunError::work(folder, e))?;
    put_together(parts, aside.as_file_mut(), target)?;
    aside.as_file().sync_all().map_err(fail)?;
    aside.persist(target).map_err(|e| fail(e.error))?;
    // The name must be as durable as the content, before the rows are.
    File::open(folder).and_then(|f| f.sync_all()).map_err(|e| RunError::work(folder, e))
}

fn put_together(parts: &[PathBuf], out: &mut impl Write, target: &Path) -> Result<(), RunError> {
    for path in parts {
        let mut part = File::open(path).map_err(|e| RunError::work(path, e))?;
        io::copy(&mut part, out).map_err(|e| RunError::work(target, e))?;
    }
    Ok(())
}

/// A file that counts and sums what goes through it.
struct Summed {
    file: File,
    length: u64,
    sum: u32,
}

impl Write for Summed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.length += n as u64;
        self.sum = crc32c::crc32c_append(self.sum, bytes.get(..n).unwrap_or_default());
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
