//! The bytes of an object, fetched while whoever reads them is busy with what came before.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use google_cloud_storage::model_ext::ReadRange;
use google_cloud_storage::read_object::ReadObjectResponse;
use tokio::sync::{Semaphore, mpsc};

use crate::client::{Clients, bucket};
use crate::{Address, Object, Storage, StorageError};

/// Pieces that wait for the reader. The client's pieces have 64 KiB or so.
const PIECES: usize = 16;
/// How often an object is looked for again that was replaced between a listing and reading it.
const LOOKS: u32 = 5;

/// Beginnings of objects that are on their way at a time, each on a connection of its own.
const HEADS: usize = 384;

/// Reads an object, or a part of it, in the generation that was listed. Its errors have a [`StorageError`] inside.
#[derive(Debug)]
pub struct Reader {
    pieces: mpsc::Receiver<Result<Bytes, StorageError>>,
    /// Pieces that came and were not read.
    came: VecDeque<Bytes>,
    // Kept so that the fetching goes on for as long as anyone reads.
    _storage: Storage,
}

impl Storage {
    /// Begins to fetch an object from an offset; what is fetched waits in memory, a MiB or so of it.
    ///
    /// From its beginning to its end the bytes are compared with the object's checksum before the end is told: an error comes in its place.
    pub fn open(&self, object: &Object, offset: u64) -> Reader {
        self.begin(object, offset..object.size, Check::Sum)
    }

    /// The same of a part of an object and without comparing checksums, for a reader that compares what it reads itself: every byte is added up once only.
    pub fn open_unchecked(&self, object: &Object, range: Range<u64>) -> Reader {
        self.begin(object, range, Check::Length)
    }

    fn begin(&self, object: &Object, range: Range<u64>, check: Check) -> Reader {
        let (send, pieces) = mpsc::channel(PIECES);
        let (clients, object) = (Arc::clone(&self.clients), object.clone());
        self.threads.spawn(async move {
            if let Err(error) = clients.fetch(&object, range, check, &send).await {
                // The receiver is gone when nobody wants the rest.
                let _ = send.send(Err(error)).await;
            }
        });
        Reader { pieces, came: VecDeque::new(), _storage: self.clone() }
    }

    /// The first bytes of an object, this many or all.
    pub fn head(&self, object: &Object, length: u64) -> Result<Vec<u8>, StorageError> {
        self.range(object, 0, length)
    }

    /// So many bytes of an object from an offset, fewer where it ends. They are compared with no checksum: only whole objects have one.
    pub fn range(&self, object: &Object, offset: u64, length: u64) -> Result<Vec<u8>, StorageError> {
        let (clients, object) = (Arc::clone(&self.clients), object.clone());
        self.threads.wait(async move { clients.range(&object, offset, length).await })
    }

    /// The first bytes of many objects, many at a time: each costs a way to the bucket and back.
    pub fn heads(&self, objects: Vec<Object>, length: u64) -> Vec<Result<Vec<u8>, StorageError>> {
        let clients = Arc::clone(&self.clients);
        let all = self.threads.wait(async move {
            let connections = Arc::new(Semaphore::new(HEADS));
            let task = |object: Object| {
                let (clients, connections) = (Arc::clone(&clients), Arc::clone(&connections));
                tokio::spawn(async move {
                    // It is never closed, and one more at a time does no harm.
                    let _connection = connections.acquire().await.ok();
                    clients.range(&object, 0, length).await
                })
            };
            let tasks: Vec<_> = objects.into_iter().map(task).collect();
            let mut heads = Vec::with_capacity(tasks.len());
            for task in tasks {
                heads.push(task.await.unwrap_or_else(|e| Err(StorageError::Runtime(io::Error::other(e)))));
            }
            Ok(heads)
        });
        all.unwrap_or_else(|error| vec![Err(error)])
    }

    /// All bytes of an object.
    pub fn read(&self, object: &Object) -> Result<Vec<u8>, StorageError> {
        let (clients, object) = (Arc::clone(&self.clients), object.clone());
        self.threads.wait(async move {
            let (send, mut pieces) = mpsc::channel(PIECES);
            let fetching = async {
                let send = send;
                clients.fetch(&object, 0..object.size, Check::Sum, &send).await
            };
            let gathering = async {
                let mut bytes = Vec::new();
                while let Some(piece) = pieces.recv().await {
                    bytes.extend_from_slice(&piece?);
                }
                Ok::<_, StorageError>(bytes)
            };
            let (fetched, bytes) = tokio::join!(fetching, gathering);
            fetched.and(bytes)
        })
    }

    /// The object of exactly this name and all its bytes, if there is one of at most so many.
    ///
    /// Somebody may replace it in between; then it is looked for again.
    pub fn read_named(&self, address: &Address, most: u64) -> Result<Option<(Object, Vec<u8>)>, StorageError> {
        let mut attempts = 0;
        loop {
            let Some(object) = self.find(address)? else { return Ok(None) };
            if object.size > most {
                return Err(StorageError::TooLarge { address: address.clone(), size: object.size, most });
            }
            match self.read(&object) {
                Ok(bytes) => return Ok(Some((object, bytes))),
                Err(StorageError::Replaced { .. }) if attempts < LOOKS => attempts += 1,
                Err(error) => return Err(error),
            }
        }
    }
}

/// What is compared with what was listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    /// How many bytes came.
    Length,
    /// And their checksum.
    Sum,
}

impl Clients {
    async fn request(&self, object: &Object, range: ReadRange) -> Result<ReadObjectResponse, StorageError> {
        let request = self.data.read_object(bucket(&object.address), &object.address.name);
        let request = request.set_generation(object.generation).set_read_range(range);
        // The client's own sum is for objects whose sum was not listed.
        let request = request.compute_crc32c(object.crc32c.is_none());
        request.send().await.map_err(|e| self.fault(object, &e))
    }

    async fn range(&self, object: &Object, offset: u64, length: u64) -> Result<Vec<u8>, StorageError> {
        let mut bytes = Vec::new();
        // An empty range is an error to the service.
        if offset >= object.size || length == 0 {
            return Ok(bytes);
        }
        let mut response = self.request(object, ReadRange::segment(offset, length)).await?;
        while let Some(piece) = response.next().await {
            bytes.extend_from_slice(&piece.map_err(|e| self.fault(object, &e))?);
        }
        Ok(bytes)
    }

    /// An object that is not there in the generation that was listed has been replaced.
    fn fault(&self, object: &Object, error: &google_cloud_storage::Error) -> StorageError {
        match StorageError::of("reading", &object.address, &self.account, error) {
            StorageError::Missing { .. } | StorageError::Exists(_) => {
                StorageError::Replaced { address: object.address.clone(), generation: object.generation }
            }
            other => other,
        }
    }

    async fn fetch(
        &self,
        object: &Object,
        Range { start, end }: Range<u64>,
        check: Check,
        to: &mpsc::Sender<Result<Bytes, StorageError>>,
    ) -> Result<(), StorageError> {
        let end = end.min(object.size);
        if start >= end {
            return Ok(());
        }
        let range = match (start, end == object.size) {
            (0, true) => ReadRange::all(),
            (_, true) => ReadRange::offset(start),
            _ => ReadRange::segment(start, end - start),
        };
        let mut response = self.request(object, range).await?;
        let expected = object.crc32c.filter(|_| start == 0 && end == object.size && check == Check::Sum);
        let (mut came, mut sum) = (0, 0);
        while let Some(piece) = response.next().await {
            let piece = piece.map_err(|e| self.fault(object, &e))?;
            came += piece.len() as u64;
            if expected.is_some() {
                sum = crc32c::crc32c_append(sum, &piece);
            }
            if to.send(Ok(piece)).await.is_err() {
                return Ok(());
            }
        }
        let address = || object.address.clone();
        if came != end - start {
            return Err(StorageError::Short { address: address(), found: start + came, expected: end });
        }
        match expected {
            Some(expected) if expected != sum => {
                Err(StorageError::Checksum { address: address(), found: sum, expected })
            }
            _ => Ok(()),
        }
    }
}

impl Reader {
    /// The next bytes, this many or all that are left, without taking them: they are read again. Waits for them.
    pub fn peek(&mut self, length: usize) -> Result<Vec<u8>, StorageError> {
        while self.came.iter().map(Bytes::len).sum::<usize>() < length {
            match self.pieces.blocking_recv() {
                Some(piece) => self.came.push_back(piece?),
                None => break,
            }
        }
        let mut bytes = Vec::with_capacity(length);
        for piece in &self.came {
            bytes.extend_from_slice(piece.get(..length - bytes.len()).unwrap_or(piece));
        }
        Ok(bytes)
    }
}

impl Read for Reader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(piece) = self.came.front_mut() {
                let length = into.len().min(piece.len());
                let part = piece.split_to(length);
                into.get_mut(..length).unwrap_or_default().copy_from_slice(&part);
                if piece.is_empty() {
                    self.came.pop_front();
                }
                if length > 0 || into.is_empty() {
                    return Ok(length);
                }
            }
            match self.pieces.blocking_recv() {
                Some(Ok(piece)) => self.came.push_back(piece),
                Some(Err(error)) => return Err(io::Error::other(error)),
                None => return Ok(0),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use gristmill_doubles::storage::{Effect, Fault, Operation, StorageDouble};

    use super::*;
    use crate::Credentials;

    fn object(bytes: &[u8]) -> (StorageDouble, Storage, Object) {
        let double = StorageDouble::start().unwrap();
        double.create_bucket("data");
        double.put("data", "x", bytes.to_vec()).unwrap();
        let storage = Storage::connect_to(&Credentials::Anonymous, Some(&double.endpoint())).unwrap();
        let object = storage.find(&"gs://data/x".parse().unwrap()).unwrap().unwrap();
        (double, storage, object)
    }

    #[test]
    fn what_was_peeked_at_is_read_again() {
        let bytes: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
        let (_double, storage, object) = object(&bytes);
        for (first, peeked) in [(0, 0), (0, 10), (7, 200_000), (100_000, 1), (0, 20_000_000)] {
            let mut reader = storage.open(&object, 0);
            let mut read = vec![0; first];
            reader.read_exact(&mut read).unwrap();
            let end = bytes.len().min(first + peeked);
            assert!(reader.peek(peeked).unwrap() == bytes[first..end], "{first}, {peeked}");
            reader.read_to_end(&mut read).unwrap();
            assert!(read == bytes, "{first}, {peeked}");
        }
        let mut part = Vec::new();
        storage.open_unchecked(&object, 5..2_000_005).read_to_end(&mut part).unwrap();
        assert!(part == bytes[5..2_000_005]);
        assert!(storage.range(&object, 100, 50).unwrap() == bytes[100..150]);
        assert!(storage.range(&object, object.size - 3, 50).unwrap() == bytes[bytes.len() - 3..]);
        assert_eq!(storage.range(&object, object.size, 50).unwrap(), b"");
    }

    #[test]
    fn checksums_are_compared_unless_the_reader_does() {
        let (double, storage, object) = object(&[1; 100_000]);
        double.fault(Fault::new(Effect::Corrupt(70_000)).on(Operation::ReadObject).always());
        let mut bytes = Vec::new();
        let error = storage.open(&object, 0).read_to_end(&mut bytes).unwrap_err();
        assert!(matches!(error.downcast().unwrap(), StorageError::Checksum { .. }));
        let read = storage.open_unchecked(&object, 0..object.size).read_to_end(&mut bytes).unwrap();
        assert_eq!(read, 100_000);
        // Where none was listed the client compares with what the answer says.
        let unlisted = Object { crc32c: None, ..object };
        storage.open_unchecked(&unlisted, 0..100_000).read_to_end(&mut bytes).unwrap_err();
    }
}
