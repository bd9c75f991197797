//! What `gs://` names.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Where load jobs find objects.
pub trait ObjectStore: Send + Sync {
    /// The bytes of an object. `None`: there is none.
    fn get(&self, bucket: &str, object: &str) -> Option<Vec<u8>>;
    /// The names of the objects that begin with `prefix`, in order.
    fn list(&self, bucket: &str, prefix: &str) -> Vec<String>;
}

/// Objects in memory.
#[derive(Debug, Default)]
pub struct MemoryObjects {
    objects: Mutex<BTreeMap<(String, String), Vec<u8>>>,
}

impl MemoryObjects {
    /// Puts an object there, in the place of one of that name.
    pub fn put(&self, bucket: &str, object: &str, bytes: impl Into<Vec<u8>>) {
        self.lock().insert((bucket.to_owned(), object.to_owned()), bytes.into());
    }

    /// Takes an object away.
    pub fn delete(&self, bucket: &str, object: &str) {
        self.lock().remove(&(bucket.to_owned(), object.to_owned()));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, String), Vec<u8>>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ObjectStore for MemoryObjects {
    fn get(&self, bucket: &str, object: &str) -> Option<Vec<u8>> {
        self.lock().get(&(bucket.to_owned(), object.to_owned())).cloned()
    }

    fn list(&self, bucket: &str, prefix: &str) -> Vec<String> {
        let objects = self.lock();
        let names = objects.keys().filter(|(b, object)| b == bucket && object.starts_with(prefix));
        names.map(|(_, object)| object.clone()).collect()
    }
}
