//! The seam between a version and where it lies: a [folder](super::folder) of this machine, or a [bucket](super::bucket).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gristmill_storage::{Address, Storage};

use super::bucket::Bucket;
use super::folder::Folder;
use super::manifest::{FileEntry, Manifest};
use crate::{OpenOptions, SinkError};

/// Where versions lie.
pub(super) enum Place {
    Folder(Folder),
    Bucket(Bucket),
}

impl Place {
    pub(super) fn folder(dir: PathBuf) -> Self {
        Self::Folder(Folder::new(dir))
    }

    /// The error says what is wrong with the address.
    pub(super) fn bucket(address: Address, client: Option<Storage>, options: &OpenOptions) -> Result<Self, String> {
        let bucket = Bucket::new(address, options)?;
        Ok(Self::Bucket(match client {
            Some(client) => bucket.with_client(client),
            None => bucket,
        }))
    }

    /// As messages name it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Folder(folder) => format!("Parquet folder {}", folder.dir().display()),
            Self::Bucket(bucket) => format!("Parquet data set {}", bucket.address()),
        }
    }

    /// Whether versions can be written there, and what is there. Changes nothing.
    pub(super) fn check(&mut self) -> Result<Option<Manifest>, SinkError> {
        match self {
            Self::Folder(folder) => folder.check(),
            Self::Bucket(bucket) => bucket.check(),
        }
    }

    /// What is there.
    pub(super) fn manifest(&mut self) -> Result<Option<Manifest>, SinkError> {
        match self {
            Self::Folder(folder) => folder.manifest(),
            Self::Bucket(bucket) => bucket.manifest(),
        }
    }

    /// Takes it for a load.
    pub(super) fn hold(&mut self) -> Result<Box<dyn Held>, SinkError> {
        match self {
            Self::Folder(folder) => Ok(Box::new(folder.hold()?)),
            Self::Bucket(bucket) => Ok(Box::new(bucket.hold()?)),
        }
    }
}

/// A place that is held for a load. When it is dropped before a version was published, nothing of the version stays.
pub(super) trait Held: Send {
    /// What was there when it was taken.
    fn manifest(&self) -> Option<&Manifest>;

    /// Whether all files of the current version are there, as they were written.
    fn is_whole(&self) -> Result<bool, SinkError>;

    /// Makes room for a new version.
    fn make_room(&mut self, run_id: &str) -> Result<Room, SinkError>;

    /// Makes the files of the version durable and, by this manifest, the version the current one. In one step: where it fails, nobody sees the version.
    fn publish(&mut self, manifest: Vec<u8>) -> Result<(), SinkError>;

    /// Removes what there is of the version, unless it is published.
    fn discard(&mut self) -> Result<(), SinkError>;
}

/// Where the files of a version are made, on this machine in any case.
pub(super) struct Room {
    /// For temporary files.
    pub(super) folder: PathBuf,
    /// For the files of the version.
    pub(super) files: PathBuf,
    /// What the manifest calls the version.
    pub(super) version: String,
    /// Is told of every file of the version that is complete.
    pub(super) done: Done,
}

/// Told the path and the entry of a complete file.
pub(super) type Done = Arc<dyn Fn(&Path, &FileEntry) -> Result<(), SinkError> + Send + Sync>;
