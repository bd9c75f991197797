//! The buckets and what is in them. Every write is seen by every read and listing that begins after it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::condition::Conditions;
use super::listing::{Page, Query};
use super::object::{self, Attributes, Checksums, Expected, Object};
use super::refusal::Refusal;

/// An object to be written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Draft {
    pub(crate) bucket: String,
    pub(crate) name: String,
    pub(crate) attributes: Attributes,
    pub(crate) conditions: Conditions,
    /// The checksums that the bytes must have.
    pub(crate) expected: Expected,
    /// As if it were composed of others, so that its MD5 is not known.
    pub(crate) is_composite: bool,
}

/// Buckets by name.
#[derive(Debug, Default)]
pub(crate) struct Store(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    buckets: BTreeMap<String, Bucket>,
    last_generation: i64,
}

#[derive(Debug)]
struct Bucket {
    created: SystemTime,
    /// Live objects. Versioning is off, so that an object that is written over or deleted is gone.
    objects: BTreeMap<String, Arc<Object>>,
}

impl Store {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No state is left half changed by a panic: each change is one insertion or removal.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a bucket; false where it was there already.
    pub(crate) fn create_bucket(&self, name: &str) -> bool {
        let mut state = self.lock();
        if state.buckets.contains_key(name) {
            return false;
        }
        let bucket = Bucket { created: SystemTime::now(), objects: BTreeMap::new() };
        state.buckets.insert(name.to_owned(), bucket);
        true
    }

    /// Takes an empty bucket away.
    pub(crate) fn delete_bucket(&self, name: &str) -> Result<(), Refusal> {
        let mut state = self.lock();
        if !state.bucket(name)?.objects.is_empty() {
            return Err(Refusal::bucket_not_empty());
        }
        state.buckets.remove(name);
        Ok(())
    }

    /// When a bucket was made.
    pub(crate) fn bucket(&self, name: &str) -> Result<SystemTime, Refusal> {
        self.lock().bucket(name).map(|bucket| bucket.created)
    }

    /// Names of all buckets with when they were made, in order.
    pub(crate) fn buckets(&self) -> Vec<(String, SystemTime)> {
        self.lock().buckets.iter().map(|(name, bucket)| (name.clone(), bucket.created)).collect()
    }

    /// The live object, if its generation is `generation` where one is asked for.
    pub(crate) fn get(&self, bucket: &str, name: &str, generation: Option<i64>) -> Result<Arc<Object>, Refusal> {
        let state = self.lock();
        let object = state.bucket(bucket)?.objects.get(name);
        let object = object.filter(|object| generation.is_none_or(|wanted| wanted == object.generation));
        object.cloned().ok_or_else(|| Refusal::no_object(bucket, name))
    }

    /// Whether there is a live object of this name.
    pub(crate) fn has(&self, bucket: &str, name: &str) -> bool {
        self.get(bucket, name, None).is_ok()
    }

    /// Refuses what could not be written, whatever the bytes.
    pub(crate) fn check(&self, draft: &Draft) -> Result<(), Refusal> {
        self.lock().check(draft)
    }

    /// Writes an object, over the one that is there.
    pub(crate) fn insert(&self, draft: Draft, bytes: Bytes) -> Result<Arc<Object>, Refusal> {
        // Before the lock: it takes long for many bytes.
        let mut checksums = Checksums::of(&bytes);
        draft.expected.check(&checksums)?;
        checksums.md5 = checksums.md5.filter(|_| !draft.is_composite);
        let mut state = self.lock();
        state.check(&draft)?;
        let generation = state.next_generation();
        let object = Arc::new(Object {
            name: draft.name,
            generation,
            metageneration: 1,
            created: SystemTime::now(),
            attributes: draft.attributes,
            checksums,
            bytes,
        });
        let bucket = state.buckets.get_mut(&draft.bucket).ok_or_else(Refusal::no_bucket)?;
        bucket.objects.insert(object.name.clone(), Arc::clone(&object));
        Ok(object)
    }

    /// Deletes an object.
    pub(crate) fn delete(
        &self,
        bucket: &str,
        name: &str,
        generation: Option<i64>,
        conditions: &Conditions,
    ) -> Result<(), Refusal> {
        let mut state = self.lock();
        let objects = &mut state.buckets.get_mut(bucket).ok_or_else(Refusal::no_bucket)?.objects;
        let live = objects.get(name).filter(|live| generation.is_none_or(|wanted| wanted == live.generation));
        let live = live.ok_or_else(|| Refusal::no_object(bucket, name))?;
        conditions.check_write(Some(live))?;
        objects.remove(name);
        Ok(())
    }

    /// One page of a bucket.
    pub(crate) fn list(&self, bucket: &str, query: &Query) -> Result<Page, Refusal> {
        Page::of(&self.lock().bucket(bucket)?.objects, query)
    }

    /// Names of all objects that begin with `prefix`; none where there is no such bucket.
    pub(crate) fn names(&self, bucket: &str, prefix: &str) -> Vec<String> {
        let state = self.lock();
        let objects = state.buckets.get(bucket).map(|bucket| &bucket.objects);
        let names = objects.into_iter().flat_map(|objects| objects.range(prefix.to_owned()..));
        names.map(|(name, _)| name).take_while(|name| name.starts_with(prefix)).cloned().collect()
    }
}

impl State {
    fn bucket(&self, name: &str) -> Result<&Bucket, Refusal> {
        self.buckets.get(name).ok_or_else(Refusal::no_bucket)
    }

    fn check(&self, draft: &Draft) -> Result<(), Refusal> {
        let bucket = self.bucket(&draft.bucket)?;
        object::check_name(&draft.name)?;
        draft.conditions.check_write(bucket.objects.get(&draft.name).map(Arc::as_ref))
    }

    /// Microseconds since 1970, as the service's look, and more than any before.
    fn next_generation(&mut self) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
        self.last_generation = now.max(self.last_generation.saturating_add(1));
        self.last_generation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> Store {
        let store = Store::default();
        assert!(store.create_bucket("b"));
        store
    }

    fn draft(name: &str, conditions: Conditions) -> Draft {
        Draft { bucket: "b".into(), name: name.into(), conditions, ..Draft::default() }
    }

    #[test]
    fn a_generation_is_gone_once_it_is_written_over() {
        let store = store();
        let first = store.insert(draft("a", Conditions::default()), Bytes::from_static(b"1")).unwrap();
        let second = store.insert(draft("a", Conditions::default()), Bytes::from_static(b"2")).unwrap();
        assert!(second.generation > first.generation);
        assert_eq!(store.get("b", "a", None).unwrap().bytes, "2");
        assert_eq!(store.get("b", "a", Some(second.generation)).unwrap().bytes, "2");
        assert_eq!(store.get("b", "a", Some(first.generation)).unwrap_err().status, 404);
        assert_eq!(store.get("c", "a", None).unwrap_err(), Refusal::no_bucket());
    }

    #[test]
    fn generation_0_means_that_there_must_be_none() {
        let store = store();
        let new = || draft("a", Conditions { generation_match: Some(0), ..Conditions::default() });
        let old = || draft("a", Conditions { generation_not_match: Some(0), ..Conditions::default() });
        assert_eq!(store.insert(old(), Bytes::new()).unwrap_err().status, 412);
        store.insert(new(), Bytes::new()).unwrap();
        assert_eq!(store.insert(new(), Bytes::new()).unwrap_err().status, 412);
        store.insert(old(), Bytes::new()).unwrap();
    }

    #[test]
    fn a_delete_holds_to_its_conditions() {
        let store = store();
        let object = store.insert(draft("a", Conditions::default()), Bytes::new()).unwrap();
        let other = Conditions { generation_match: Some(object.generation + 1), ..Conditions::default() };
        assert_eq!(store.delete("b", "a", None, &other).unwrap_err().status, 412);
        assert_eq!(store.delete("b", "a", Some(1), &Conditions::default()).unwrap_err().status, 404);
        assert_eq!(store.delete_bucket("b").unwrap_err().status, 409);
        store.delete("b", "a", Some(object.generation), &Conditions::default()).unwrap();
        assert_eq!(store.delete("b", "a", None, &Conditions::default()).unwrap_err().status, 404);
        store.delete_bucket("b").unwrap();
    }

    #[test]
    fn wrong_checksums_write_nothing() {
        let store = store();
        let mut draft = draft("a", Conditions::default());
        draft.expected.crc32c = Some("AAAAAA==".into());
        assert_eq!(store.insert(draft, Bytes::from_static(b"x")).unwrap_err().status, 400);
        assert!(!store.has("b", "a"));
    }
}
