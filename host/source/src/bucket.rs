//! Exports in Cloud Storage: objects as they were listed, in the place of files.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use gristmill_storage::{Address, Credentials, Object, Storage, StorageError};

use crate::SourceError;
use crate::look::Looks;
use crate::scan::{Listing, is_junk};
use crate::sniff::Sniffed;
use crate::store::Entry;

/// What was listed of a bucket.
pub(crate) struct Bucket {
    storage: Storage,
    bucket: String,
    /// The folder whose objects were listed, at any depth.
    root: PathBuf,
    objects: Mutex<BTreeMap<PathBuf, Object>>,
    /// What was seen, or is on its way, before anybody asked; see [`look`](Self::look).
    pub(crate) looks: Mutex<Looks>,
}

impl Bucket {
    /// Lists the objects whose names begin with `prefix`; names that no path has are told as warnings.
    pub(crate) fn list(credentials: &Credentials, prefix: &Address) -> Result<(Self, Vec<String>), SourceError> {
        let storage = Storage::connect(credentials)?;
        let mut warnings = Vec::new();
        let mut objects = BTreeMap::new();
        for object in storage.list(prefix)? {
            let odd = object.address.name.split('/').any(|part| matches!(part, "" | "." | ".."));
            if odd {
                warnings.push(format!("{} is not read: a part of its name is empty, `.` or `..`", object.address));
            } else {
                objects.insert(path_of(&object.address), object);
            }
        }
        let folder = prefix.name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let root = path_of(&Address { bucket: prefix.bucket.clone(), name: folder.to_owned() });
        let (bucket, objects) = (prefix.bucket.clone(), Mutex::new(objects));
        Ok((Self { storage, bucket, root, objects, looks: Mutex::default() }, warnings))
    }

    pub(crate) fn object(&self, path: &Path) -> io::Result<Object> {
        lock(&self.objects).get(path).cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    pub(crate) fn entry(&self, path: &Path) -> io::Result<Entry> {
        let objects = lock(&self.objects);
        if let Some(object) = objects.get(path) {
            return Ok(Entry::File(object.size));
        }
        // Paths are ordered part by part: what lies below a folder comes right after it.
        match objects.range(path.to_owned()..).next() {
            Some((next, _)) if next.starts_with(path) => Ok(Entry::Folder),
            _ => Err(io::Error::from(io::ErrorKind::NotFound)),
        }
    }

    pub(crate) fn open(&self, path: &Path, offset: u64) -> io::Result<Box<dyn Read + Send>> {
        if offset == 0
            && let Some(reader) = self.looks().metadata.remove(path)
        {
            return Ok(Box::new(reader));
        }
        Ok(Box::new(self.storage.open(&self.object(path)?, offset)))
    }

    /// The first bytes of an object, or more of them where more are known.
    pub(crate) fn head(&self, path: &Path, length: u64) -> io::Result<Vec<u8>> {
        let object = self.object(path)?;
        if let Some(head) = self.looks().heads.get(path)
            && head.len() as u64 >= length.min(object.size)
        {
            return Ok(head.clone());
        }
        self.storage.head(&object, length).map_err(io::Error::other)
    }

    /// Files below a folder, and folders, whose names relative to it are wanted; in order of names.
    pub(crate) fn below(&self, root: &Path, wanted: impl Fn(&str) -> bool) -> Listing {
        let mut listing = Listing::default();
        for path in lock(&self.objects).keys() {
            let Ok(relative) = path.strip_prefix(root) else { continue };
            let parts: Vec<_> = relative.components().map(|c| c.as_os_str().to_string_lossy()).collect();
            if parts.is_empty() || parts.iter().any(|part| is_junk(part)) {
                continue;
            }
            if wanted(&parts.join("/")) {
                listing.files.push(path.clone());
            }
            for (depth, folder) in relative.ancestors().skip(1).enumerate() {
                let parts = parts.get(..parts.len() - depth - 1).unwrap_or_default();
                let folder = root.join(folder);
                if !parts.is_empty() && wanted(&parts.join("/")) && !listing.folders.contains(&folder) {
                    listing.folders.push(folder);
                }
            }
        }
        listing.sort(root);
        listing
    }

    /// The files that lie in a folder, not deeper; asks the service where the folder was not listed.
    pub(crate) fn names_in(&self, folder: &Path) -> Vec<PathBuf> {
        if !folder.starts_with(&self.root)
            && let Ok(name) = folder.strip_prefix(format!("{}{}", Address::SCHEME, self.bucket))
        {
            let name = format!("{}/", name.display());
            let prefix = Address { bucket: self.bucket.clone(), name: name.trim_start_matches('/').to_owned() };
            // Who asks can do without, and says so.
            let found = self.storage.list_folder(&prefix).unwrap_or_default();
            lock(&self.objects).extend(found.into_iter().map(|object| (path_of(&object.address), object)));
        }
        lock(&self.objects).keys().filter(|path| path.parent() == Some(folder)).cloned().collect()
    }

    /// What was seen by [`look`](Self::look); once.
    pub(crate) fn sniffed(&self, path: &Path) -> Option<Result<Sniffed, SourceError>> {
        self.looks().sniffed.remove(path)
    }

    pub(crate) fn storage(&self) -> &Storage {
        &self.storage
    }
}

/// An object's address as a path, `gs://BUCKET/NAME`.
pub(crate) fn path_of(address: &Address) -> PathBuf {
    PathBuf::from(address.to_string().trim_end_matches('/'))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is in it is whole at any time.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A storage error that stands within an I/O error.
pub(crate) fn unwrap(error: io::Error) -> Result<StorageError, io::Error> {
    error.downcast::<StorageError>()
}
