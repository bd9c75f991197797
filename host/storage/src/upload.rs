//! Files on their way to a bucket, many at a time, while whoever makes them is busy with the next.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::client::{Clients, bucket};
use crate::write::Before;
use crate::{Address, Object, Storage, StorageError};

/// Files on their way at a time: each costs a way to the bucket and back, and holds a few hundred KiB of memory.
const UPLOADS: usize = 32;

/// A file to be uploaded.
#[derive(Debug, Clone)]
struct Upload {
    file: PathBuf,
    address: Address,
    length: u64,
    sum: u32,
}

/// Files that become new objects. Each is removed from this machine when it is in the bucket.
#[derive(Debug)]
pub struct Uploads {
    storage: Storage,
    slots: Arc<Semaphore>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    done: Arc<Mutex<Done>>,
}

#[derive(Debug, Default)]
struct Done {
    objects: Vec<Object>,
    /// Those that failed: some may be there all the same.
    failed: Vec<Upload>,
    /// The first error; nothing more is begun after it.
    error: Option<StorageError>,
    is_over: bool,
}

impl Storage {
    /// Uploads that go on while others are added.
    pub fn uploads(&self) -> Uploads {
        Uploads {
            storage: self.clone(),
            slots: Arc::new(Semaphore::new(UPLOADS)),
            tasks: Mutex::default(),
            done: Arc::default(),
        }
    }

    /// Uploads a file over the object that was found at an address, or of none: see [`Storage::replace`]. `length` and `sum` (CRC-32C) are those
    /// that the file must have.
    pub fn upload(
        &self,
        file: &Path,
        address: &Address,
        found: Option<&Object>,
        length: u64,
        sum: u32,
    ) -> Result<Object, StorageError> {
        let clients = Arc::clone(&self.clients);
        let upload = Upload { file: file.to_owned(), address: address.clone(), length, sum };
        let before = Before::of(found);
        self.threads.wait(async move { clients.upload(&upload, before).await })
    }
}

impl Uploads {
    /// Adds a file of so many bytes with this CRC-32C, which becomes a new object. The error is that of an earlier one.
    pub fn add(&self, file: PathBuf, address: Address, length: u64, sum: u32) -> Result<(), StorageError> {
        if let Some(error) = lock(&self.done).error.take() {
            return Err(error);
        }
        let upload = Upload { file, address, length, sum };
        let (clients, slots, done) =
            (Arc::clone(&self.storage.clients), Arc::clone(&self.slots), Arc::clone(&self.done));
        let task = self.storage.threads.spawn(async move {
            // It is never closed.
            let _slot = slots.acquire_owned().await;
            if lock(&done).is_over {
                return;
            }
            let uploaded = clients.upload(&upload, Before::Nothing).await;
            // The work folder is removed in the end, with what could not be removed now.
            let _ = std::fs::remove_file(&upload.file);
            let mut done = lock(&done);
            match uploaded {
                Ok(object) => done.objects.push(object),
                Err(error) => {
                    done.failed.push(upload);
                    if !done.is_over {
                        (done.is_over, done.error) = (true, Some(error));
                    }
                }
            }
        });
        lock(&self.tasks).extend(task);
        Ok(())
    }

    /// Waits until all files are there.
    pub fn finish(&self) -> Result<(), StorageError> {
        self.settle();
        lock(&self.done).error.take().map_or(Ok(()), Err)
    }

    /// Begins no more, waits for those on their way, and removes all that became objects: these generations, and no others.
    pub fn take_back(&self) -> Result<(), StorageError> {
        lock(&self.done).is_over = true;
        self.settle();
        let Done { mut objects, failed, .. } = std::mem::take(&mut *lock(&self.done));
        lock(&self.done).is_over = true;
        for Upload { address, length, sum, .. } in failed {
            let found = self.storage.find(&address)?;
            objects.extend(found.filter(|found| found.size == length && found.crc32c == Some(sum)));
        }
        self.storage.remove_all(objects)
    }

    fn settle(&self) {
        let tasks = std::mem::take(&mut *lock(&self.tasks));
        let all = async move {
            for task in tasks {
                // One that panicked has said so.
                let _ = task.await;
            }
            Ok(())
        };
        // It has no error of its own.
        let _ = self.storage.threads.wait(all);
    }
}

impl Clients {
    async fn upload(&self, upload: &Upload, before: Before) -> Result<Object, StorageError> {
        let Upload { file, address, length, sum } = upload;
        let payload = tokio::fs::File::open(file).await;
        let payload = payload.map_err(|source| StorageError::File { path: file.clone(), source })?;
        let written = self
            .data
            .write_object(bucket(address), &address.name, payload)
            .set_if_generation_match(before.generation())
            .with_known_crc32c(*sum)
            .send_unbuffered()
            .await;
        self.settle(address, before, *length, *sum, written).await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is in it is whole at any time.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
