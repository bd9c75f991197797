//! Where files lie: on this machine, or in a bucket. Everything else of this crate asks here, and so knows no difference.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::SourceError;
use crate::bucket::Bucket;
use crate::scan::{self, Listing};
use crate::sniff::{Sniffed, sniff};

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A file of so many bytes.
    File(u64),
    Folder,
    /// A pipe, a device.
    Other,
}

/// A place where files lie.
#[derive(Clone, Default)]
pub(crate) enum Store {
    /// The file system.
    #[default]
    Local,
    /// Objects of a bucket, as they were listed.
    Bucket(Arc<Bucket>),
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "Local",
            Self::Bucket(_) => "Bucket",
        })
    }
}

/// Where a file lies does not make it another: names and sizes do.
impl PartialEq for Store {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Store {}

impl Store {
    /// What a path leads to; an error where it is not there.
    pub(crate) fn entry(&self, path: &Path) -> io::Result<Entry> {
        match self {
            Self::Local => std::fs::metadata(path).map(|found| match found {
                found if found.is_dir() => Entry::Folder,
                found if found.is_file() => Entry::File(found.len()),
                _ => Entry::Other,
            }),
            Self::Bucket(bucket) => bucket.entry(path),
        }
    }

    pub(crate) fn is_file(&self, path: &Path) -> bool {
        matches!(self.entry(path), Ok(Entry::File(_)))
    }

    pub(crate) fn is_folder(&self, path: &Path) -> bool {
        matches!(self.entry(path), Ok(Entry::Folder))
    }

    /// Whether nothing at all has this name, not even a link that leads nowhere.
    pub(crate) fn is_missing(&self, path: &Path) -> bool {
        match self {
            Self::Local => std::fs::symlink_metadata(path)
                .is_err_and(|e| matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)),
            Self::Bucket(bucket) => bucket.entry(path).is_err(),
        }
    }

    /// A file's bytes from an offset.
    pub(crate) fn open(&self, path: &Path, offset: u64) -> io::Result<Box<dyn Read + Send>> {
        match self {
            Self::Local => {
                let mut file = File::open(path)?;
                if offset > 0 {
                    file.seek(SeekFrom::Start(offset))?;
                }
                Ok(Box::new(file))
            }
            Self::Bucket(bucket) => bucket.open(path, offset),
        }
    }

    /// A file's first bytes: so many, or more where more of an object are known.
    pub(crate) fn head(&self, path: &Path, length: u64) -> io::Result<Vec<u8>> {
        match self {
            Self::Local => self.range(path, 0, length),
            Self::Bucket(bucket) => bucket.head(path, length),
        }
    }

    /// So many of a file's bytes from an offset, fewer where it ends.
    pub(crate) fn range(&self, path: &Path, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        match self {
            Self::Local => {
                let mut bytes = Vec::new();
                self.open(path, offset)?.take(length).read_to_end(&mut bytes)?;
                Ok(bytes)
            }
            Self::Bucket(bucket) => {
                bucket.storage().range(&bucket.object(path)?, offset, length).map_err(io::Error::other)
            }
        }
    }

    /// Looks at a file that was taken for what others are; see [`alike`](crate::alike).
    pub(crate) fn check(&self, path: &Path) -> Result<(), SourceError> {
        let Self::Bucket(bucket) = self else { return Ok(()) };
        bucket.check(path, |length| bucket.head(path, length as u64).map_err(|e| SourceError::unreadable(path, e)))
    }

    /// Every file below a folder; see [`scan::walk`].
    pub(crate) fn walk(&self, root: &Path) -> Result<Listing, SourceError> {
        match self {
            Self::Local => scan::walk(root),
            Self::Bucket(bucket) => Ok(bucket.below(root, |_| true)),
        }
    }

    /// The names of the files that lie in a folder, not deeper.
    pub(crate) fn names_in(&self, folder: &Path) -> Vec<PathBuf> {
        match self {
            Self::Local => std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect(),
            Self::Bucket(bucket) => bucket.names_in(folder),
        }
    }

    /// What tells a file from another whatever path leads to it.
    pub(crate) fn canonical(&self, path: &Path) -> PathBuf {
        match self {
            Self::Local => path.canonicalize().unwrap_or_else(|_| path.to_owned()),
            Self::Bucket(_) => path.to_owned(),
        }
    }

    /// What a file's beginning says it is.
    pub(crate) fn sniff(&self, path: &Path) -> Result<Sniffed, SourceError> {
        match self {
            Self::Local => sniff(self, path),
            Self::Bucket(bucket) => bucket.sniffed(path).unwrap_or_else(|| sniff(self, path)),
        }
    }
}
