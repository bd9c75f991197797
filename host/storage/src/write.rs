//! Writing and removing objects. Every write has a precondition, so that repeating it is safe, and that two writers never overwrite each other.

use std::sync::Arc;

use bytes::Bytes;
use google_cloud_storage::Error;
use google_cloud_storage::model::Object as Told;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::client::{Clients, bucket};
use crate::{Address, Object, Storage, StorageError};

/// Objects that are removed at a time.
const REMOVALS: usize = 32;
/// A generation that no object has: they are microseconds since 1970.
const NEVER: i64 = 1;

/// What is to be at an address when it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    /// No object.
    Nothing,
    /// The object of this generation.
    Generation(i64),
}

impl Before {
    pub(crate) fn of(object: Option<&Object>) -> Self {
        object.map_or(Self::Nothing, |object| Self::Generation(object.generation))
    }

    pub(crate) fn generation(self) -> i64 {
        match self {
            Self::Nothing => 0,
            Self::Generation(generation) => generation,
        }
    }
}

impl Storage {
    /// Writes an object that is not there yet, [`StorageError::Exists`] otherwise. An attempt whose answer was lost finds its own object:
    /// that counts as written where its bytes are the same.
    pub fn create(&self, address: &Address, bytes: Bytes) -> Result<Object, StorageError> {
        self.write(address, Before::Nothing, bytes)
    }

    /// Writes an object in the place of the one that was found there, or of none; [`StorageError::Replaced`] or [`StorageError::Exists`]
    /// where there is another meanwhile. As with [`create`](Self::create), one with the same bytes counts as written.
    pub fn replace(&self, address: &Address, found: Option<&Object>, bytes: Bytes) -> Result<Object, StorageError> {
        self.write(address, Before::of(found), bytes)
    }

    fn write(&self, address: &Address, before: Before, bytes: Bytes) -> Result<Object, StorageError> {
        let (clients, address) = (Arc::clone(&self.clients), address.clone());
        self.threads.wait(async move {
            let (length, sum) = (bytes.len() as u64, crc32c::crc32c(&bytes));
            let written = clients
                .data
                .write_object(bucket(&address), &address.name, bytes)
                .set_if_generation_match(before.generation())
                .with_known_crc32c(sum)
                .send_unbuffered()
                .await;
            clients.settle(&address, before, length, sum, written).await
        })
    }

    /// Removes the object of this generation. One that is not there any more is no error.
    pub fn remove(&self, object: &Object) -> Result<(), StorageError> {
        self.remove_all(vec![object.clone()])
    }

    /// The same for many at a time. All are tried; the error is the first.
    pub fn remove_all(&self, objects: Vec<Object>) -> Result<(), StorageError> {
        let clients = Arc::clone(&self.clients);
        self.threads.wait(async move {
            let slots = Arc::new(Semaphore::new(REMOVALS));
            let mut tasks = JoinSet::new();
            for object in objects {
                let (clients, slots) = (Arc::clone(&clients), Arc::clone(&slots));
                tasks.spawn(async move {
                    // It is never closed.
                    let _slot = slots.acquire_owned().await;
                    clients.remove(&object).await
                });
            }
            tasks.join_all().await.into_iter().collect()
        })
    }

    /// Whether objects may be written and removed here. It asks for what cannot be done (a write over, and a removal of, a generation that
    /// no object ever had), so that nothing changes; rights are looked at first.
    pub fn check_rights(&self, address: &Address) -> Result<(), StorageError> {
        let clients = Arc::clone(&self.clients);
        // Beside it: an emulator may not know preconditions.
        let address = Address { name: format!("{}.gristmill-probe", address.name), ..address.clone() };
        self.threads.wait(async move {
            let written = clients
                .data
                .write_object(bucket(&address), &address.name, Bytes::new())
                .set_if_generation_match(NEVER)
                .send_unbuffered()
                .await;
            match written.map_err(|e| clients.fail("writing", &address, &e)) {
                Err(StorageError::Exists(_)) => {}
                Err(error) => return Err(error),
                Ok(told) => {
                    clients.remove(&Object::of(&address, told)).await?;
                    let what = "the service does not keep to preconditions (ifGenerationMatch)".to_owned();
                    return Err(StorageError::Failed { doing: "writing", address, what });
                }
            }
            clients.remove(&Object { address, size: 0, generation: NEVER, crc32c: None }).await
        })
    }
}

impl Clients {
    /// What a write came to. `length` and `sum` (CRC-32C) are those of the bytes.
    pub(crate) async fn settle(
        &self,
        address: &Address,
        before: Before,
        length: u64,
        sum: u32,
        written: Result<Told, Error>,
    ) -> Result<Object, StorageError> {
        match written.map_err(|e| self.fail("writing", address, &e)) {
            Ok(told) => Ok(Object::of(address, told)),
            Err(StorageError::Exists(_)) => match self.find(address).await? {
                Some(found) if found.size == length && found.crc32c == Some(sum) => Ok(found),
                _ => Err(match before {
                    Before::Nothing => StorageError::Exists(address.clone()),
                    Before::Generation(generation) => StorageError::Replaced { address: address.clone(), generation },
                }),
            },
            Err(error) => Err(error),
        }
    }

    async fn remove(&self, object: &Object) -> Result<(), StorageError> {
        let address = &object.address;
        let request = self.control.delete_object().set_bucket(bucket(address)).set_object(&address.name);
        let removed = request.set_if_generation_match(object.generation).send().await;
        match removed.map_err(|e| self.fail("removing", address, &e)) {
            Ok(()) | Err(StorageError::Missing { .. } | StorageError::Exists(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
