//! The beginnings of a bucket's objects, looked at together before anything is read.
//!
//! One by one, a thousand small objects would cost a thousand ways to the bucket and back. So the first of them are fetched as they will be read, whole,
//! and handed to [`Ahead`](crate::Ahead) with what came meanwhile. Others that are named like them are taken to be like them; see [`Alike`]. Of the rest a
//! few KiB are fetched, many at a time.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{MutexGuard, PoisonError};

use gristmill_storage::{Object, Reader};

use crate::SourceError;
use crate::ahead::{BYTES, BYTES_OF_ONE, SPLITS};
use crate::alike::{self, Alike};
use crate::bucket::Bucket;
use crate::metadata::is_metadata;
use crate::sniff::{HEAD, LOOK, Sniffed, sniff, tells};
use crate::store::Store;

/// Objects whose beginnings wait in memory at a time, [`HEAD`] bytes of each at most.
const CHUNK: usize = 1024;
/// Threads that look further where the beginning does not tell.
const THREADS: usize = 64;
/// Metadata files that are fetched before they are asked for.
const METADATA: usize = 64;

/// What is known of objects, or on its way, before anybody asks.
#[derive(Default)]
pub(crate) struct Looks {
    /// Whole objects, from their first byte, whose reader compares checksums itself.
    pub(crate) begun: HashMap<PathBuf, Reader>,
    /// Metadata files, from their first byte.
    pub(crate) metadata: HashMap<PathBuf, Reader>,
    /// First bytes.
    pub(crate) heads: HashMap<PathBuf, Vec<u8>>,
    /// What the first bytes say.
    pub(crate) sniffed: HashMap<PathBuf, Result<Sniffed, SourceError>>,
    /// What objects were taken for that were not looked at.
    guessed: HashMap<PathBuf, Sniffed>,
}

impl Bucket {
    pub(crate) fn looks(&self) -> MutexGuard<'_, Looks> {
        // What is in it is whole at any time.
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the beginnings of these files, best in the order in which they will be read.
    ///
    /// Whatever fails is tried again by whoever asks for it, and told there.
    ///
    /// `whole`: all of them are going to be read, by [`Ahead`](crate::Ahead).
    pub(crate) fn look(&self, store: &Store, files: Vec<PathBuf>, whole: bool) {
        let (metadata, data): (Vec<_>, Vec<_>) = files.into_iter().partition(|path| is_metadata(path));
        for path in metadata.into_iter().take(METADATA) {
            if let Ok(object) = self.object(&path) {
                let reader = self.storage().open(&object, 0);
                self.looks().metadata.insert(path, reader);
            }
        }
        let first = if whole { self.begin(&data) } else { data.len().min(SPLITS) };
        let (first, others) = data.split_at(first);
        if whole {
            self.peek();
        } else {
            self.fetch_heads(first);
        }
        self.sniff_all(store, first);
        let mut alike = Alike::default();
        for path in first {
            alike.learn(path, self.looks().sniffed.get(path).and_then(|sniffed| sniffed.as_ref().ok()));
        }
        let others: Vec<_> = others.iter().filter(|path| !self.guess(path, &alike)).cloned().collect();
        for others in others.chunks(CHUNK) {
            self.fetch_heads(others);
            self.sniff_all(store, others);
        }
    }

    /// Looks at what came of the objects that are begun.
    fn peek(&self) {
        let readers = std::mem::take(&mut self.looks().begun);
        for (path, mut reader) in readers {
            if let Ok(head) = reader.peek(HEAD) {
                let mut looks = self.looks();
                looks.heads.insert(path.clone(), head);
                looks.begun.insert(path, reader);
            }
        }
    }

    /// Takes an object for what others are, where enough of them are known.
    fn guess(&self, path: &Path, alike: &Alike) -> bool {
        let guess = self.object(path).ok().and_then(|object| alike.guess(path, object.size));
        guess.is_some_and(|guess| {
            let mut looks = self.looks();
            looks.sniffed.insert(path.to_owned(), Ok(guess));
            looks.guessed.insert(path.to_owned(), guess);
            true
        })
    }

    /// Looks at an object, where it was not looked at before, and compares it with what it was taken for. `head` gives as many of its first bytes.
    pub(crate) fn check(
        &self,
        path: &Path,
        mut head: impl FnMut(usize) -> Result<Vec<u8>, SourceError>,
    ) -> Result<(), SourceError> {
        let Some(guess) = self.looks().guessed.get(path).copied() else { return Ok(()) };
        let mut first = head(LOOK)?;
        if !tells(&first, guess.size) {
            first = head(HEAD)?;
        }
        alike::check(path, &guess, &first)?;
        self.looks().guessed.remove(path);
        Ok(())
    }

    /// Begins to fetch the first of these files, as many as may be on their way; says how many.
    fn begin(&self, files: &[PathBuf]) -> usize {
        let (mut count, mut waiting) = (0, 0);
        for path in files {
            if count == SPLITS || waiting >= BYTES {
                break;
            }
            if let Ok(object) = self.object(path) {
                waiting += object.size.min(BYTES_OF_ONE);
                let reader = self.storage().open_unchecked(&object, 0..object.size);
                self.looks().begun.insert(path.clone(), reader);
            }
            count += 1;
        }
        count
    }

    fn fetch_heads(&self, files: &[PathBuf]) {
        let mut wanted: Vec<(&PathBuf, Object)> =
            files.iter().filter_map(|path| Some((path, self.object(path).ok()?))).collect();
        for length in [LOOK, HEAD] {
            let heads = self.storage().heads(wanted.iter().map(|(_, object)| object.clone()).collect(), length as u64);
            let mut untold = Vec::new();
            for ((path, object), head) in wanted.into_iter().zip(heads) {
                let Ok(head) = head else { continue };
                let size = object.size;
                if !tells(&head, size) {
                    untold.push((path, object));
                }
                self.looks().heads.insert(path.clone(), head);
            }
            wanted = untold;
        }
    }

    fn is_told(&self, path: &Path, head: &[u8]) -> bool {
        self.object(path).is_ok_and(|object| tells(head, object.size))
    }

    /// Judges these files by their beginnings, which are not needed any more.
    fn sniff_all(&self, store: &Store, files: &[PathBuf]) {
        let next = AtomicUsize::new(0);
        let untold = self.looks().heads.iter().filter(|(path, head)| !self.is_told(path, head)).count();
        std::thread::scope(|scope| {
            for _ in 0..untold.clamp(1, THREADS) {
                scope.spawn(|| {
                    while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let sniffed = sniff(store, path);
                        self.looks().sniffed.insert(path.clone(), sniffed);
                    }
                });
            }
        });
        self.looks().heads.clear();
    }
}
