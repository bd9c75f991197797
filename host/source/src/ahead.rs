//! Objects of a bucket are fetched ahead of the threads that read them, and what came is compared with their checksums.
//!
//! Exports are many small files, and each costs a way to the bucket and back. So the splits that come next are on their way while one is read.
//! A large object is read by several: the checksums of its splits are put together.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use gristmill_storage::{Object, Reader, Storage, StorageError};

use crate::open::{placed, unpacked};
use crate::store::Store;
use crate::{Compression, Format, Input, InputFile, SourceError, Split};

/// Splits that are on their way at most.
pub(crate) const SPLITS: usize = 256;
/// Bytes of them that may wait in memory.
pub(crate) const BYTES: u64 = 64 << 20;
/// Bytes of one that wait in memory at most: the rest is fetched when it is read.
pub(crate) const BYTES_OF_ONE: u64 = 1 << 20;

/// Bytes that are fetched behind a split, since its last record may end there. Where that is not enough more is asked for, which costs a way to the bucket.
const SLACK: u64 = 64 << 10;
/// Bytes that a decoder may leave at the end of a split.
const PADDING: u64 = 4 << 20;

/// Opens the splits of an input, in any order but best in theirs. Files of this machine are just opened.
pub struct Ahead<'a> {
    input: &'a Input,
    splits: &'a [Split],
    state: Mutex<State>,
    /// One a split: the checksum of its bytes, once they were read.
    sums: Arc<Mutex<Vec<Option<u32>>>>,
}

#[derive(Default)]
struct State {
    /// Splits that are on their way, and the bytes of each that may wait.
    coming: HashMap<usize, (Reader, u64)>,
    /// All before it were begun, or need not be.
    next: usize,
    /// Splits that nobody is going to open, as far as is known.
    skipped: HashSet<usize>,
}

impl<'a> Ahead<'a> {
    /// For all splits of an input.
    pub fn new(input: &'a Input, splits: &'a [Split]) -> Self {
        let sums = Arc::new(Mutex::new(vec![None; splits.len()]));
        let ahead = Self { input, splits, state: Mutex::default(), sums };
        ahead.take_begun();
        ahead
    }

    /// Takes over what is on its way already, since it was looked at, as far as it is what would be begun first.
    fn take_begun(&self) {
        let Store::Bucket(bucket) = &self.input.store else { return };
        let mut begun = std::mem::take(&mut bucket.looks().begun);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut waiting = 0;
        for index in 0..self.splits.len().min(SPLITS) {
            let Ok((file, window)) = self.window(index) else { return };
            if waiting >= BYTES || begun.is_empty() {
                return;
            }
            let bytes = window.length().min(BYTES_OF_ONE);
            waiting += bytes;
            if window.offset == 0
                && let Some(reader) = begun.remove(&file.path)
            {
                state.coming.insert(index, (reader, bytes));
            }
        }
    }

    /// The decompressed bytes of a split; see [`Input::open`].
    pub fn open(&self, index: usize) -> Result<Box<dyn Read + Send>, SourceError> {
        let Some(split) = self.splits.get(index) else {
            return Err(SourceError::Internal(format!("there is no split number {index}")));
        };
        let Store::Bucket(bucket) = &self.input.store else { return self.input.open(split) };
        let begin = |index: usize| -> Result<(Reader, Window), SourceError> {
            let (file, window) = self.window(index)?;
            let object = bucket.object(&file.path).map_err(|e| SourceError::unreadable(&file.path, e))?;
            let beyond = if window.end < object.size { SLACK } else { 0 };
            Ok((bucket.storage().open_unchecked(&object, window.offset..window.end + beyond), window))
        };
        let (file, window) = self.window(index)?;
        let object = bucket.object(&file.path).map_err(|e| SourceError::unreadable(&file.path, e))?;
        let coming = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let mine = state.coming.remove(&index);
            state.next = state.next.max(index + 1);
            let mut waiting: u64 = state.coming.values().map(|(_, bytes)| bytes).sum();
            while state.next < self.splits.len() && state.coming.len() < SPLITS && waiting < BYTES {
                let next = state.next;
                if state.skipped.contains(&next) || state.coming.contains_key(&next) {
                    state.next += 1;
                    continue;
                }
                let (reader, window) = begin(next)?;
                let bytes = window.length().min(BYTES_OF_ONE);
                state.coming.insert(next, (reader, bytes));
                waiting += bytes;
                state.next += 1;
            }
            mine
        };
        let mut reader = match coming {
            Some((reader, _)) => reader,
            None => begin(index)?.0,
        };
        if window.offset == 0 {
            bucket.check(&file.path, |length| reader.peek(length).map_err(SourceError::Storage))?;
        }
        let offset = window.offset;
        let is_whole = window.start == 0 && window.end == object.size;
        let expected = object.crc32c.filter(|_| is_whole);
        let (storage, sums) = (bucket.storage().clone(), Arc::clone(&self.sums));
        let summed = Summed { storage, object, reader, window, sum: 0, expected, index, sums };
        Ok(match file.compression {
            Compression::None => placed(file, Box::new(summed), offset),
            packed => Box::new(unpacked(&file.path, packed, Box::new(summed))?),
        })
    }

    /// Says that a split will not be opened: it is not fetched ahead. It may be opened all the same.
    pub fn skip(&self, index: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.skipped.insert(index);
        state.coming.remove(&index);
    }

    /// The checksum of the bytes of a split of a bucket, once they were read and the reader was dropped.
    pub fn sum(&self, index: usize) -> Option<u32> {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner).get(index).copied().flatten()
    }

    /// Takes over the checksum of a split that was read by a process before this one.
    pub fn take_over(&self, index: usize, sum: Option<u32>) {
        if let Some(place) = self.sums.lock().unwrap_or_else(PoisonError::into_inner).get_mut(index) {
            *place = sum;
        }
    }

    /// What is fetched for a split, and which bytes of it are its own.
    fn window(&self, index: usize) -> Result<(&'a InputFile, Window), SourceError> {
        let missing = || SourceError::Internal(format!("there is no split number {index}"));
        let split = self.splits.get(index).ok_or_else(missing)?;
        let file = usize::try_from(split.file).ok().and_then(|f| self.input.files.get(f)).ok_or_else(missing)?;
        let offset = match file.format {
            Format::Log => split.start,
            Format::Json => split.start.saturating_sub(1),
        };
        Ok((file, Window { offset, start: split.start, end: split.end.unwrap_or(file.size), at: offset }))
    }

    /// Whether all that was read is what was stored. To be asked when every split has been read, before anything of them counts.
    pub fn verify(&self) -> Result<(), SourceError> {
        let Store::Bucket(bucket) = &self.input.store else { return Ok(()) };
        let sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let mut of_file: Option<(u32, Object, u32, u64)> = None;
        let check = |whole: Option<(u32, Object, u32, u64)>| match whole {
            Some((_, Object { address, crc32c: Some(expected), .. }, found, _)) if expected != found => {
                Err(SourceError::Storage(StorageError::Checksum { address, found, expected }))
            }
            _ => Ok(()),
        };
        for (index, split) in self.splits.iter().enumerate() {
            let (file, window) = self.window(index)?;
            let Some(Some(sum)) = sums.get(index) else {
                return Err(SourceError::Internal(format!("{} was not read to its end", file.name)));
            };
            match &mut of_file {
                Some((number, _, found, length)) if *number == split.file => {
                    let own = window.end - window.start;
                    *found = crc32c::crc32c_combine(*found, *sum, usize::try_from(own).unwrap_or(usize::MAX));
                    *length += own;
                }
                _ => {
                    let object = bucket.object(&file.path).map_err(|e| SourceError::unreadable(&file.path, e))?;
                    check(of_file.replace((split.file, object, *sum, window.end - window.start)))?;
                }
            }
        }
        check(of_file)
    }
}

/// A place in an object.
struct Window {
    /// Where fetching begins.
    offset: u64,
    /// The split's own bytes.
    start: u64,
    end: u64,
    /// The next byte.
    at: u64,
}

impl Window {
    fn length(&self) -> u64 {
        self.end - self.offset.min(self.end)
    }

    /// The part of these next bytes that is the split's own.
    fn own<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let from = self.at;
        self.at += bytes.len() as u64;
        let place = |offset: u64| usize::try_from(offset.clamp(from, self.at) - from).unwrap_or(bytes.len());
        bytes.get(place(self.start)..place(self.end)).unwrap_or_default()
    }
}

/// Adds up a checksum of what is read through it.
struct Summed {
    storage: Storage,
    object: Object,
    reader: Reader,
    window: Window,
    sum: u32,
    /// What the sum must be at the end, where the split is a whole object.
    expected: Option<u32>,
    index: usize,
    sums: Arc<Mutex<Vec<Option<u32>>>>,
}

impl Summed {
    fn next(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let mut read = self.reader.read(into)?;
        let at = self.window.at;
        if read == 0 && !into.is_empty() && (self.window.end..self.object.size).contains(&at) {
            // The last record goes on.
            self.reader = self.storage.open_unchecked(&self.object, at..at + BYTES_OF_ONE);
            read = self.reader.read(into)?;
        }
        self.sum = crc32c::crc32c_append(self.sum, self.window.own(into.get(..read).unwrap_or_default()));
        Ok(read)
    }
}

impl Read for Summed {
    /// Tells a wrong checksum in the place of the end; [`Ahead::verify`] tells it of objects that are read in parts.
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.next(into)?;
        match self.expected.take_if(|_| read == 0 && !into.is_empty()) {
            Some(expected) if expected != self.sum => {
                let (address, found) = (self.object.address.clone(), self.sum);
                Err(std::io::Error::other(StorageError::Checksum { address, found, expected }))
            }
            _ => Ok(read),
        }
    }
}

impl Drop for Summed {
    /// A decoder may be done before the last bytes, which are padding to it.
    fn drop(&mut self) {
        // Much more is left only where reading was given up.
        if self.window.end.saturating_sub(self.window.at) > PADDING {
            return;
        }
        let mut rest = vec![0; 64 << 10];
        while self.window.at < self.window.end {
            match self.next(&mut rest) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        if let Some(place) = self.sums.lock().unwrap_or_else(PoisonError::into_inner).get_mut(self.index) {
            *place = Some(self.sum);
        }
    }
}
