//! The staging area: objects in Cloud Storage that load jobs read.
//!
//! Objects are named by the SHA-256 of their bytes, below a folder that is the job's: `PREFIX/JOB/SHA256.parquet`. So one that is there already, from a
//! run that was killed, is the one that is wanted; and whatever earlier runs of a job left is removed when one of them is done.

use std::sync::Arc;

use bytes::Bytes;
use gristmill_storage::{Address, Credentials, Storage, StorageError};

use crate::SinkError;

/// A folder of objects.
#[derive(Clone)]
pub(super) struct Area {
    storage: Arc<Client>,
    folder: Address,
}

/// A client blocks, and waits for its threads when it is dropped: neither may be done by a thread that polls futures.
struct Client(Option<Storage>);

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(storage) = self.0.take() {
            // Where there is no thread to be had, this one has to do.
            let dropped = std::thread::Builder::new().name("storage-end".to_owned()).spawn(move || drop(storage));
            if let Ok(thread) = dropped {
                let _ = thread.join();
            }
        }
    }
}

impl Area {
    /// Sends nothing yet.
    pub(super) async fn open(
        credentials: &Credentials,
        emulator: Option<String>,
        staging: &Address,
        job: &str,
    ) -> Result<Self, SinkError> {
        let credentials = credentials.clone();
        let storage = blocking(move || match emulator {
            Some(emulator) => Storage::connect_to(&credentials, Some(&emulator)),
            None => Storage::connect(&credentials),
        });
        let storage = storage.await?;
        Ok(Self { storage: Arc::new(Client(Some(storage))), folder: staging.below(job) })
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Storage) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, SinkError> {
        let client = Arc::clone(&self.storage);
        let closed = || SinkError::Order("the staging area is closed");
        match blocking(move || client.0.as_ref().map(work).transpose()).await? {
            Some(value) => Ok(value),
            None => Err(closed()),
        }
    }

    /// Asks whether the area is there and may be looked at.
    pub(super) async fn look(&self) -> Result<(), SinkError> {
        let folder = self.folder.clone();
        self.with(move |storage| storage.list_folder(&folder.below(""))).await.map(drop)
    }

    /// Puts an object there. One of these bytes may be there already.
    pub(super) async fn put(&self, bytes: Vec<u8>) -> Result<String, SinkError> {
        let address = self.folder.below(&format!("{}.parquet", super::sha256(&bytes)));
        let name = address.to_string();
        self.with(move |storage| storage.create(&address, Bytes::from(bytes))).await?;
        Ok(name)
    }

    /// Removes all that runs of this job have left.
    pub(super) async fn clear(&self) -> Result<(), SinkError> {
        // With the slash: the folder of no other job begins like this one.
        let folder = self.folder.below("");
        self.with(move |storage| storage.remove_all(storage.list(&folder)?)).await
    }

    /// Where it is, for people.
    pub(super) fn name(&self) -> String {
        self.folder.to_string()
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, SinkError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(SinkError::from),
        Err(_) => Err(SinkError::Order("a thread that talks to Cloud Storage failed")),
    }
}
