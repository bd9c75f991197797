//! Versions below an address of a bucket.
//!
//! ```text
//! gs://BUCKET/PREFIX/manifest.json               which version is current: read this first
//! gs://BUCKET/PREFIX/v=RUN/TABLE/…               as in a folder
//! gs://BUCKET/PREFIX/.gristmill-tmp-v=RUN        a run is making this version, or has died over it
//! ```
//!
//! A bucket has no locks, and no names that are changed for many objects at once. So:
//!
//! * A run claims its version by creating the last of these, which only one can; it takes another name where there is anything of that name already. So
//!   no two runs ever write below one version.
//! * The manifest is replaced on the condition that it is still the one (its generation) that the run found when it began. Of two runs at a time
//!   the second is told so, and removes its files.
//! * What died runs left is removed after that, not before: a run whose claim was seen at the beginning can no longer publish its version
//!   when another has done so, whether it is dead or not.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gristmill_storage::{Address, Credentials, Object, Storage, StorageError, Uploads};
use tempfile::TempDir;

use super::manifest::{self, FileEntry, Manifest};
use super::place::{Held, Room};
use crate::{OpenOptions, SinkError};

/// What the names of claims begin with; then comes the name of the version.
const CLAIM: &str = ".gristmill-tmp-";
/// Bytes of a manifest at most: some hundreds for each file.
const MOST_MANIFEST: u64 = 1 << 30;
/// Bytes of an address at most. Names of objects have 1,024, and the longest of ours below it are those of partitions.
const MOST_PREFIX: usize = 384;

/// An address that versions lie below.
pub(super) struct Bucket {
    address: Address,
    credentials: Credentials,
    work_dir: PathBuf,
    storage: Option<Storage>,
}

impl Bucket {
    /// The error says what is wrong with the address.
    pub(super) fn new(mut address: Address, options: &OpenOptions) -> Result<Self, String> {
        let prefix = address.name.trim_end_matches('/').to_owned();
        if !prefix.is_empty() && prefix.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err("a part of its name is empty, `.` or `..`".to_owned());
        }
        if prefix.contains(['\r', '\n']) {
            return Err("a name of an object has no line breaks".to_owned());
        }
        if prefix.len() > MOST_PREFIX {
            return Err(format!("its name has more than {MOST_PREFIX} bytes, so that none are left for the files"));
        }
        address.name = prefix;
        let work_dir = options.work_dir.clone().unwrap_or_else(std::env::temp_dir);
        Ok(Self { address, credentials: options.google_credentials.clone(), work_dir, storage: None })
    }

    /// Through this client, whatever the credentials.
    pub(super) fn with_client(mut self, storage: Storage) -> Self {
        self.storage = Some(storage);
        self
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    fn storage(&mut self) -> Result<Storage, SinkError> {
        if let Some(storage) = &self.storage {
            return Ok(storage.clone());
        }
        let storage = Storage::connect(&self.credentials)?;
        Ok(self.storage.insert(storage).clone())
    }

    /// Whether we may write there, and what is there.
    pub(super) fn check(&mut self) -> Result<Option<Manifest>, SinkError> {
        let storage = self.storage()?;
        let address = self.address.below(manifest::NAME);
        storage.check_rights(&address)?;
        Ok(read_manifest(&storage, &address)?.map(|(_, manifest)| manifest))
    }

    /// What is there.
    pub(super) fn manifest(&mut self) -> Result<Option<Manifest>, SinkError> {
        let storage = self.storage()?;
        let found = read_manifest(&storage, &self.address.below(manifest::NAME))?;
        Ok(found.map(|(_, manifest)| manifest))
    }

    pub(super) fn hold(&mut self) -> Result<HeldBucket, SinkError> {
        let storage = self.storage()?;
        let (object, manifest) = read_manifest(&storage, &self.address.below(manifest::NAME))?.unzip();
        let (address, work_dir) = (self.address.clone(), self.work_dir.clone());
        Ok(HeldBucket { storage, address, work_dir, object, manifest, making: None })
    }
}

fn read_manifest(storage: &Storage, address: &Address) -> Result<Option<(Object, Manifest)>, SinkError> {
    let Some((object, bytes)) = storage.read_named(address, MOST_MANIFEST)? else { return Ok(None) };
    Ok(Some((object, Manifest::parse(&bytes, Path::new(&address.to_string()))?)))
}

/// An address with the manifest that was there when the load began.
pub(super) struct HeldBucket {
    storage: Storage,
    address: Address,
    work_dir: PathBuf,
    object: Option<Object>,
    manifest: Option<Manifest>,
    making: Option<Making>,
}

/// A version in the making.
struct Making {
    version: String,
    claim: Object,
    /// Claims of others, which were there first.
    others: Vec<Object>,
    uploads: Arc<Uploads>,
    /// Holds the files until they are uploaded.
    _folder: TempDir,
}

impl HeldBucket {
    /// Everything of a version.
    fn files_of(&self, version: &str) -> Result<Vec<Object>, StorageError> {
        let below = self.address.below(version);
        self.storage.list(&Address { name: format!("{}/", below.name), ..below })
    }

    /// Takes a name that nothing has.
    fn claim(&self, run_id: &str, claims: &[Object]) -> Result<(String, Object), SinkError> {
        let of_run = self.storage.list(&self.address.below(&format!("v={run_id}")))?;
        let mut taken: Vec<String> = claims.iter().filter_map(|claim| self.version_of(claim)).collect();
        loop {
            let is_taken = |version: &str| {
                let folder = format!("{}/", self.address.below(version).name);
                taken.iter().any(|t| t == version) || of_run.iter().any(|o| o.address.name.starts_with(&folder))
            };
            let version = Manifest::free_version(self.manifest.as_ref(), run_id, is_taken);
            // Of the same bytes only our own is: one whose answer was lost.
            let text = format!("gristmill is making the version {version} here, or died over it.\n{:032x}\n", nonce());
            match self.storage.create(&self.address.below(&format!("{CLAIM}{version}")), text.into()) {
                Ok(claim) => return Ok((version, claim)),
                // Somebody was quicker.
                Err(StorageError::Exists(_)) => taken.push(version),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn version_of(&self, claim: &Object) -> Option<String> {
        let start = self.address.below(CLAIM).name;
        claim.address.name.strip_prefix(&start).filter(|version| version.starts_with("v=")).map(str::to_owned)
    }

    /// Removes what others left that can never be published any more. All of it may fail: whoever publishes next tries again.
    fn clear(&self, claims: &[Object], own: &str) -> Result<(), StorageError> {
        for claim in claims {
            let Some(version) = self.version_of(claim) else { continue };
            // One that died right after it was published has left its claim alone.
            let published = version == own || self.manifest.as_ref().is_some_and(|m| m.has_version(&version));
            if !published {
                self.storage.remove_all(self.files_of(&version)?)?;
            }
            self.storage.remove(claim)?;
        }
        Ok(())
    }

    /// Another run has replaced the manifest since this one began.
    fn overtaken(&self) -> SinkError {
        let path = PathBuf::from(self.address.below(manifest::NAME).to_string());
        SinkError::Busy { path, by: "another run, which has published a version since this one began" }
    }
}

impl Held for HeldBucket {
    fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }

    fn is_whole(&self) -> Result<bool, SinkError> {
        let Some(manifest) = &self.manifest else { return Ok(false) };
        let objects = self.files_of(&manifest.version)?;
        let there = |file: &FileEntry| {
            let name = self.address.below(&file.path).name;
            let found = objects.binary_search_by(|object| object.address.name.as_str().cmp(&name));
            found.ok().and_then(|at| objects.get(at)).is_some_and(|object| {
                object.size == file.bytes && object.crc32c.is_none_or(|sum| format!("{sum:08x}") == file.crc32c)
            })
        };
        Ok(manifest.files().all(there))
    }

    fn make_room(&mut self, run_id: &str) -> Result<Room, SinkError> {
        let fail = SinkError::io("creating a folder in", &self.work_dir);
        let folder = tempfile::Builder::new().prefix("gristmill-").tempdir_in(&self.work_dir).map_err(fail)?;
        let files = folder.path().join("files");
        std::fs::create_dir_all(&files).map_err(SinkError::io("creating", &files))?;
        let others = self.storage.list(&self.address.below(CLAIM))?;
        let (version, claim) = self.claim(run_id, &others)?;
        let uploads = Arc::new(self.storage.uploads());
        let (path, adding, address) = (folder.path().to_owned(), Arc::clone(&uploads), self.address.clone());
        self.making = Some(Making { version: version.clone(), claim, others, uploads, _folder: folder });
        let done = move |file: &Path, entry: &FileEntry| {
            let sum = u32::from_str_radix(&entry.crc32c, 16).map_err(SinkError::encode("uploading", file))?;
            Ok(adding.add(file.to_owned(), address.below(&entry.path), entry.bytes, sum)?)
        };
        Ok(Room { folder: path, files, version, done: Arc::new(done) })
    }

    fn publish(&mut self, manifest: Vec<u8>) -> Result<(), SinkError> {
        let Some(making) = &self.making else { return Err(SinkError::Order("there is no version to publish")) };
        making.uploads.finish()?;
        let address = self.address.below(manifest::NAME);
        match self.storage.replace(&address, self.object.as_ref(), manifest.into()) {
            Ok(_) => {}
            Err(StorageError::Exists(_) | StorageError::Replaced { .. }) => return Err(self.overtaken()),
            Err(error @ StorageError::Failed { .. }) => {
                // It may have been replaced all the same, or be replaced yet: so nothing of the version may be removed. The next run does, as its
                // claim stays, once it cannot be published any more.
                self.making = None;
                return Err(error.into());
            }
            Err(error) => return Err(error.into()),
        }
        // From here on readers see the new version: nothing of it may be removed, whatever fails.
        if let Some(Making { version, claim, mut others, .. }) = self.making.take() {
            others.push(claim);
            // The next run tries again.
            let _ = self.clear(&others, &version);
        }
        Ok(())
    }

    fn discard(&mut self) -> Result<(), SinkError> {
        let Some(making) = self.making.take() else { return Ok(()) };
        making.uploads.take_back()?;
        Ok(self.storage.remove(&making.claim)?)
    }
}

impl Drop for HeldBucket {
    fn drop(&mut self) {
        // There is nobody to tell; the next run removes what is left.
        let _ = self.discard();
    }
}

/// A number that nobody else has.
fn nonce() -> u128 {
    use std::hash::{BuildHasher, RandomState};
    let half = || u128::from(RandomState::new().hash_one(std::process::id()));
    (half() << 64) | half()
}
