//! Compiled plugins on disk.
//!
//! An entry is machine code that will be run, so only what this user's own gristmill wrote is taken: the folder and the
//! entry must not be writable for others, and the entry must hold what its header says. Anything else is compiled anew. A cache that
//! cannot be read or written costs time, never a run.

use std::fs::{self, File, TryLockError};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// First bytes of an entry; the digit is the version of the header.
const MAGIC: &[u8; 16] = b"gristmill-code-1";

/// How often, and how many times, a lock is asked for: a minute in all, which is longer than any known component takes.
const WAIT: Duration = Duration::from_millis(100);
const WAITS: u32 = 600;
/// When it is said that we wait.
const WAITS_UNTIL_TOLD: u32 = 10;

/// Length of a SHA-256 digest.
const DIGEST: usize = 32;

/// A folder of compiled plugins: `<engine>/<digest of the component>.cwasm`.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    engine: u64,
}

impl Cache {
    /// The part of `folder` for what `engine` compiles: its version, settings and processor.
    pub(crate) fn new(folder: &Path, engine: &Engine) -> Self {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Self::of(folder, hasher.finish())
    }

    fn of(folder: &Path, engine: u64) -> Self {
        Self { folder: folder.join(format!("{engine:016x}")), engine }
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.folder.join(format!("{digest}.cwasm"))
    }

    /// The compiled component with this digest (hex), if it is there and whole.
    pub(crate) fn load(&self, engine: &Engine, digest: &str) -> Option<Component> {
        let path = self.path(digest);
        let entry = match read_private(&self.folder, &path) {
            Ok(entry) => entry,
            Err(e) => {
                tracing::debug!(path = %path.display(), error = %e, "no compiled plugin");
                return None;
            }
        };
        let Some(code) = self.open(&entry, digest) else {
            tracing::debug!(path = %path.display(), "the compiled plugin is damaged; compiling it again");
            return None;
        };
        deserialize(engine, code)
            .inspect_err(
                |e| tracing::debug!(path = %path.display(), error = %e, "the compiled plugin is not for this engine"),
            )
            .ok()
    }

    /// Waits until nobody else compiles this component, who would then have compiled it for us as well. The lock ends with what is returned, or
    /// with the process. None: it cannot be had, or not in time, and that costs time, never a run.
    pub(crate) fn lock(&self, digest: &str) -> Option<File> {
        self.try_lock(digest)
            .inspect_err(|error| tracing::debug!(%error, "no lock in the cache of compiled plugins"))
            .ok()
            .flatten()
    }

    fn try_lock(&self, digest: &str) -> io::Result<Option<File>> {
        create_private(&self.folder)?;
        if is_writable_for_others(&fs::metadata(&self.folder)?) {
            return Ok(None);
        }
        // Nothing is written into it: whatever lies there under its name stays as it is.
        let path = self.folder.join(format!("{digest}.lock"));
        let file = File::options().write(true).create(true).truncate(false).open(path)?;
        for wait in 0..WAITS {
            match file.try_lock() {
                Ok(()) => return Ok(Some(file)),
                Err(TryLockError::WouldBlock) if wait == WAITS_UNTIL_TOLD => {
                    tracing::warn!("another process compiles this plugin; waiting for it");
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
            std::thread::sleep(WAIT);
        }
        tracing::warn!("the other process does not get on; compiling the plugin without it");
        Ok(None)
    }

    /// Keeps a compiled component.
    pub(crate) fn store(&self, digest: &str, code: &[u8]) {
        let path = self.path(digest);
        if let Err(e) = self.write(&path, digest, code) {
            tracing::debug!(path = %path.display(), error = %e, "the compiled plugin is not kept");
        }
    }

    fn write(&self, path: &Path, digest: &str, code: &[u8]) -> io::Result<()> {
        create_private(&self.folder)?;
        // Written aside, under a name of its own and readable for its owner alone, then renamed: nobody sees a part of it.
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(MAGIC)?;
        file.write_all(&self.seal(digest, code))?;
        file.write_all(code)?;
        file.persist(path)?;
        Ok(())
    }

    /// Digest of all that an entry stands for: an entry under another name, or of another engine, does not fit.
    fn seal(&self, digest: &str, code: &[u8]) -> [u8; DIGEST] {
        let hash = Sha256::new().chain_update(self.engine.to_le_bytes()).chain_update(digest).chain_update(code);
        hash.finalize().into()
    }

    fn open<'a>(&self, entry: &'a [u8], digest: &str) -> Option<&'a [u8]> {
        let (seal, code) = entry.strip_prefix(MAGIC)?.split_at_checked(DIGEST)?;
        (seal == self.seal(digest, code)).then_some(code)
    }
}

#[expect(unsafe_code, reason = "wasmtime cannot check machine code, only where it came from can be")]
fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `code` is what `Engine::precompile_component` returned, unchanged: its seal was checked, and it lay in a folder and a
    // file that nobody but their owner can write. wasmtime itself checks that its version, settings and processor are those of `engine`.
    unsafe { Component::deserialize(engine, code) }
}

fn create_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn read_private(folder: &Path, path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    for metadata in [fs::metadata(folder)?, file.metadata()?] {
        if is_writable_for_others(&metadata) {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "others than its owner can write it"));
        }
    }
    let mut content = Vec::new();
    io::Read::read_to_end(&mut &file, &mut content)?;
    Ok(content)
}

#[cfg(unix)]
fn is_writable_for_others(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o022 != 0
}

#[cfg(not(unix))]
fn is_writable_for_others(_: &fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry_of(cache: &Cache, digest: &str, code: &[u8]) -> Vec<u8> {
        cache.store(digest, code);
        read_private(&cache.folder, &cache.path(digest)).unwrap()
    }

    #[test]
    fn only_a_whole_entry_of_its_own_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::of(folder.path(), 1);
        let entry = entry_of(&cache, "abc", b"code");
        assert_eq!(cache.open(&entry, "abc"), Some(b"code".as_slice()));
        assert_eq!(cache.open(&entry, "abd"), None);
        assert_eq!(Cache::of(folder.path(), 2).open(&entry, "abc"), None);
        for i in 0..entry.len() {
            let mut damaged = entry.clone();
            damaged[i] ^= 1;
            assert_eq!(cache.open(&damaged, "abc"), None, "byte {i}");
            assert_eq!(cache.open(&entry[..i], "abc"), None, "cut at {i}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_others_can_write_is_not_read() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::of(folder.path(), 1);
        entry_of(&cache, "abc", b"code");
        for path in [cache.path("abc"), cache.folder.clone()] {
            let mode = fs::metadata(&path).unwrap().permissions();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode.mode() | 0o002)).unwrap();
            assert!(read_private(&cache.folder, &cache.path("abc")).is_err());
            fs::set_permissions(&path, mode).unwrap();
            assert!(read_private(&cache.folder, &cache.path("abc")).is_ok());
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_harms_no_file_and_wants_a_private_folder() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::of(folder.path(), 1);
        let other = folder.path().join("other");
        fs::write(&other, "mine").unwrap();
        create_private(&cache.folder).unwrap();
        std::os::unix::fs::symlink(&other, cache.folder.join("abc.lock")).unwrap();
        assert!(cache.lock("abc").is_some());
        assert_eq!(fs::read(&other).unwrap(), b"mine");
        fs::set_permissions(&cache.folder, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(cache.lock("abd").is_none());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        Cache::of(&file, 1).store("abc", b"code");
        assert!(Cache::of(&file, 1).lock("abc").is_none());
        assert!(file.is_file());
    }
}
