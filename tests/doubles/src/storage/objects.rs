//! The buckets and objects of a double, without its server.

use std::path::{MAIN_SEPARATOR, Path};
use std::sync::Arc;

use bytes::Bytes;

use super::StorageError;
use super::condition::Conditions;
use super::object::Attributes;
use super::store::{Draft, Store};

/// What is known of an object but its name and its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// `Content-Type`; the service says nothing of an object without one but that it is bytes.
    pub content_type: Option<String>,
    /// `Content-Encoding`. The service decompresses objects with `gzip` for readers that do not take it.
    pub content_encoding: Option<String>,
    /// As if it were composed of others: its MD5 is not known then.
    pub is_composite: bool,
}

/// The buckets and objects of a double, for others that read `gs://` addresses. Cheap to clone; outlives the server.
#[derive(Debug, Clone)]
pub struct Objects(Arc<Store>);

impl Objects {
    pub(crate) fn new(store: &Arc<Store>) -> Self {
        Self(Arc::clone(store))
    }

    /// The bytes of an object.
    #[must_use]
    pub fn get(&self, bucket: &str, object: &str) -> Option<Bytes> {
        self.0.get(bucket, object, None).ok().map(|object| object.bytes.clone())
    }

    /// The generation of an object.
    #[must_use]
    pub fn generation(&self, bucket: &str, object: &str) -> Option<i64> {
        self.0.get(bucket, object, None).ok().map(|object| object.generation)
    }

    /// Names of the objects that begin with `prefix`, in the order of a listing; none where there is no such bucket.
    #[must_use]
    pub fn list(&self, bucket: &str, prefix: &str) -> Vec<String> {
        self.0.names(bucket, prefix)
    }

    /// Whether there is such a bucket.
    #[must_use]
    pub fn has_bucket(&self, bucket: &str) -> bool {
        self.0.bucket(bucket).is_ok()
    }

    /// Writes an object, over the one that is there; gives its generation.
    pub fn put(&self, bucket: &str, object: &str, bytes: impl Into<Bytes>) -> Result<i64, StorageError> {
        self.put_with(bucket, object, bytes, About::default())
    }

    /// Writes an object of which more is known.
    pub fn put_with(
        &self,
        bucket: &str,
        object: &str,
        bytes: impl Into<Bytes>,
        about: About,
    ) -> Result<i64, StorageError> {
        let attributes = Attributes {
            content_type: about.content_type,
            content_encoding: about.content_encoding,
            ..Attributes::default()
        };
        let draft = Draft {
            bucket: bucket.to_owned(),
            name: object.to_owned(),
            attributes,
            is_composite: about.is_composite,
            ..Draft::default()
        };
        let written = self.0.insert(draft, bytes.into());
        written.map(|object| object.generation).map_err(|refusal| StorageError::Put {
            bucket: bucket.to_owned(),
            object: object.to_owned(),
            why: refusal.message,
        })
    }

    /// Writes the files of a folder and of those in it, each under `prefix` and its path in the folder; says how many.
    pub fn put_folder(&self, bucket: &str, prefix: &str, folder: &Path) -> Result<usize, StorageError> {
        let refused =
            |path: &Path, why: String| StorageError::Folder { bucket: bucket.to_owned(), path: path.to_owned(), why };
        let mut count = 0;
        for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
            let entry = entry.map_err(|error| refused(error.path().unwrap_or(folder), error.to_string()))?;
            if !entry.file_type().is_file() {
                continue;
            }
            let path = entry.path();
            let inner = path.strip_prefix(folder).unwrap_or(path).to_str();
            let inner = inner.ok_or_else(|| refused(path, "its name is not UTF-8".into()))?;
            let bytes = std::fs::read(path).map_err(|error| refused(path, error.to_string()))?;
            self.put(bucket, &format!("{prefix}{}", inner.replace(MAIN_SEPARATOR, "/")), bytes)?;
            count += 1;
        }
        Ok(count)
    }

    /// Takes an object away; false where there was none.
    pub fn remove(&self, bucket: &str, object: &str) -> bool {
        self.0.delete(bucket, object, None, &Conditions::default()).is_ok()
    }
}
