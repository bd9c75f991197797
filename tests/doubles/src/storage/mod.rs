//! Cloud Storage: a server in this process that speaks as much of it as clients of objects need, keeps to its rules, and
//! goes wrong when a test asks it to.
//!
//! It speaks the JSON interface (objects and their bytes, listings, uploads in one request and in parts) and, at the
//! same port, the part of `google.storage.v2` over gRPC without TLS that Google's own client for Rust lists with.
//! It leaves out: versions, access lists, copying, composing, changing what is known of an object, batches, signed
//! addresses, encryption by keys of the caller's, selection of `fields`, and the interface in XML.

mod access;
mod answer;
mod call;
mod condition;
mod fault;
mod glob;
mod grpc;
mod http;
mod listing;
mod multipart;
mod object;
mod objects;
mod operation;
mod proto;
mod query;
mod refusal;
mod request;
mod resource;
mod server;
mod service;
mod store;
mod upload;
mod wire;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;

pub use fault::{Effect, Fault};
pub use objects::{About, Objects};
pub use operation::{Operation, Permission};
pub use request::Request;

use server::Server;

/// Why the double could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// There is nothing to listen at.
    #[error(
        "the double of Cloud Storage cannot listen at port {port} of this machine: {error}; port 0 takes a free one"
    )]
    Listen {
        /// As it was asked for.
        port: u16,
        /// What the system says.
        error: io::Error,
    },
    /// The object cannot be put, as it could not be uploaded.
    #[error("`gs://{bucket}/{object}` cannot be put: {why}")]
    Put {
        /// The bucket.
        bucket: String,
        /// The object.
        object: String,
        /// What an upload would have been told.
        why: String,
    },
    /// A folder that should become objects cannot be read.
    #[error("{} cannot be read, which was to become objects of `gs://{bucket}`: {why}", path.display())]
    Folder {
        /// The bucket.
        bucket: String,
        /// The file or folder.
        path: PathBuf,
        /// What the system says, or what is wrong with a name.
        why: String,
    },
}

/// A Cloud Storage of a test's own, until it is dropped.
#[derive(Debug)]
pub struct StorageDouble(Server);

impl StorageDouble {
    /// Starts at a free port of this machine.
    pub fn start() -> Result<Self, StorageError> {
        Self::start_at(0)
    }

    /// Starts at a port of this machine.
    pub fn start_at(port: u16) -> Result<Self, StorageError> {
        Server::start(port).map(Self).map_err(|error| StorageError::Listen { port, error })
    }

    /// The address that a client takes instead of `https://storage.googleapis.com`, for both interfaces.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.0.service.address)
    }

    /// A handle to the buckets and objects, which outlives the server.
    #[must_use]
    pub fn objects(&self) -> Objects {
        Objects::new(&self.0.service.store)
    }

    /// Makes a bucket, if it is not there yet.
    pub fn create_bucket(&self, name: &str) {
        self.0.service.store.create_bucket(name);
    }

    /// Writes an object, over the one that is there; gives its generation.
    pub fn put(&self, bucket: &str, object: &str, bytes: impl Into<Bytes>) -> Result<i64, StorageError> {
        self.objects().put(bucket, object, bytes)
    }

    /// Writes an object of which more is known.
    pub fn put_with(
        &self,
        bucket: &str,
        object: &str,
        bytes: impl Into<Bytes>,
        about: About,
    ) -> Result<i64, StorageError> {
        self.objects().put_with(bucket, object, bytes, about)
    }

    /// Writes the files of a folder and of those in it, each under `prefix` and its path in the folder; says how many.
    pub fn put_folder(&self, bucket: &str, prefix: &str, folder: &Path) -> Result<usize, StorageError> {
        self.objects().put_folder(bucket, prefix, folder)
    }

    /// The bytes of an object.
    #[must_use]
    pub fn get(&self, bucket: &str, object: &str) -> Option<Bytes> {
        self.objects().get(bucket, object)
    }

    /// Names of the objects that begin with `prefix`, in the order of a listing.
    #[must_use]
    pub fn list(&self, bucket: &str, prefix: &str) -> Vec<String> {
        self.objects().list(bucket, prefix)
    }

    /// Takes an object away; false where there was none.
    pub fn remove(&self, bucket: &str, object: &str) -> bool {
        self.objects().remove(bucket, object)
    }

    /// Makes requests to come go wrong.
    pub fn fault(&self, fault: Fault) {
        self.0.service.settings().faults.add(fault);
    }

    /// Nothing goes wrong any more.
    pub fn clear_faults(&self) {
        self.0.service.settings().faults.clear();
    }

    /// Makes every request wait before it is looked at.
    pub fn set_latency(&self, latency: Duration) {
        self.0.service.settings().latency = latency;
    }

    /// Lets in only those who bring this token: `Authorization: Bearer …`. Nothing lets everybody in again.
    pub fn require_token(&self, token: Option<&str>) {
        self.0.service.settings().access.token = token.map(str::to_owned);
    }

    /// Denies everybody a permission.
    pub fn deny(&self, permission: Permission) {
        self.0.service.settings().access.denied.insert(permission);
    }

    /// Grants it again.
    pub fn allow(&self, permission: Permission) {
        self.0.service.settings().access.denied.remove(&permission);
    }

    /// The latest requests, 65,536 at most, in the order in which their answers were begun.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.0.service.settings().requests.all()
    }

    /// How many of those requests were of one kind.
    #[must_use]
    pub fn count(&self, operation: Operation) -> usize {
        self.requests().iter().filter(|request| request.operation == operation).count()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.0.service.settings().requests.clear();
    }

    /// Serves until the program is ended.
    pub fn serve(self) {
        self.0.wait();
    }
}
