//! Buckets and objects.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use google_cloud_gax::exponential_backoff::ExponentialBackoffBuilder;
use google_cloud_gax::paginator::ItemPaginator;
use google_cloud_gax::retry_policy::RetryPolicyExt;
use google_cloud_storage::client::{Storage as Data, StorageControl};
use google_cloud_storage::retry_policy::RetryableErrors;
use tokio::runtime::Runtime;

use crate::{Address, Credentials, StorageError};

/// How often a request is made at most, and how long it may take with all its repetitions.
const ATTEMPTS: u32 = 8;
const PATIENCE: Duration = Duration::from_secs(120);
/// Threads that talk: as a rule they wait.
const THREADS: usize = 2;

/// An object as it was listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Where it is.
    pub address: Address,
    /// Bytes as stored.
    pub size: u64,
    /// Which of the objects that had this name over time.
    pub generation: i64,
    /// CRC-32C of the bytes as stored; every object has one, but an emulator may leave it out.
    pub crc32c: Option<u32>,
}

/// A client. Clones share its connections.
#[derive(Clone)]
pub struct Storage {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) clients: Arc<Clients>,
}

/// What tasks of the runtime hold: not the runtime, which cannot be dropped by one of its own threads.
pub(crate) struct Clients {
    pub(crate) data: Data,
    control: StorageControl,
    pub(crate) account: String,
}

impl std::fmt::Debug for Storage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Storage").field("account", &self.clients.account).finish_non_exhaustive()
    }
}

impl Storage {
    /// A client for these credentials, or for the emulator that `STORAGE_EMULATOR_HOST` names (`http://HOST:PORT` or `HOST:PORT`). Sends nothing yet.
    pub fn connect(credentials: &Credentials) -> Result<Self, StorageError> {
        let emulator = std::env::var("STORAGE_EMULATOR_HOST").ok().filter(|host| !host.is_empty());
        Self::connect_to(credentials, emulator.as_deref())
    }

    /// The same with an emulator, or none, whatever the environment says.
    pub fn connect_to(credentials: &Credentials, emulator: Option<&str>) -> Result<Self, StorageError> {
        // Where other libraries bring another, rustls does not choose between two. Whoever was first is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("storage")
            .enable_all()
            .build()
            .map_err(StorageError::Runtime)?;
        let credentials = if emulator.is_some() { &Credentials::Anonymous } else { credentials };
        let google = runtime.block_on(async { credentials.google() })?;
        let retry = || RetryableErrors.with_attempt_limit(ATTEMPTS).with_time_limit(PATIENCE);
        let backoff = || {
            ExponentialBackoffBuilder::new()
                .with_initial_delay(Duration::from_millis(100))
                .with_maximum_delay(Duration::from_secs(10))
                .clamp()
        };
        let endpoint =
            emulator.map(|host| if host.contains("://") { host.to_owned() } else { format!("http://{host}") });
        let clients = runtime.block_on(async {
            let mut data = Data::builder()
                .with_credentials(google.clone())
                .with_retry_policy(retry())
                .with_backoff_policy(backoff());
            let mut control = StorageControl::builder()
                .with_credentials(google)
                .with_retry_policy(retry())
                .with_backoff_policy(backoff());
            if let Some(endpoint) = &endpoint {
                data = data.with_endpoint(endpoint.trim_end_matches('/'));
                control = control.with_endpoint(endpoint.trim_end_matches('/'));
            }
            Ok::<_, google_cloud_gax::client_builder::Error>((data.build().await?, control.build().await?))
        });
        let (data, control) = clients.map_err(|e| StorageError::Credentials { what: e.to_string() })?;
        let account = if emulator.is_some() { "nobody (an emulator)".to_owned() } else { credentials.name() };
        Ok(Self { runtime: Arc::new(runtime), clients: Arc::new(Clients { data, control, account }) })
    }

    /// The objects whose names begin with the address's, in order of name. Names that end in `/` stand for folders and are left out.
    pub fn list(&self, prefix: &Address) -> Result<Vec<Object>, StorageError> {
        self.list_where(prefix, "")
    }

    /// The same without objects that have a slash after the prefix.
    pub fn list_folder(&self, prefix: &Address) -> Result<Vec<Object>, StorageError> {
        self.list_where(prefix, "/")
    }

    fn list_where(&self, prefix: &Address, delimiter: &str) -> Result<Vec<Object>, StorageError> {
        let fail = |e| StorageError::of("listing", prefix, &self.clients.account, &e);
        self.runtime.block_on(async {
            let mut items = self
                .clients
                .control
                .list_objects()
                .set_parent(format!("projects/_/buckets/{}", prefix.bucket))
                .set_prefix(&prefix.name)
                .set_delimiter(delimiter)
                .by_item();
            let mut objects = Vec::new();
            while let Some(item) = items.next().await {
                let item = item.map_err(fail)?;
                if item.name.ends_with('/') {
                    continue;
                }
                let crc32c = item.checksums.as_ref().and_then(|sums| sums.crc32c);
                objects.push(Object {
                    address: Address { bucket: prefix.bucket.clone(), name: item.name },
                    size: u64::try_from(item.size).unwrap_or_default(),
                    generation: item.generation,
                    crc32c,
                });
            }
            Ok(objects)
        })
    }

    /// Writes an object that is not there yet, [`StorageError::Exists`] otherwise. An attempt whose answer was lost finds its own object:
    /// that counts as written where its bytes are the same.
    pub fn create(&self, address: &Address, bytes: Bytes) -> Result<(), StorageError> {
        let sum = crc32c::crc32c(&bytes);
        let length = bytes.len() as u64;
        let written = self.runtime.block_on(async {
            self.clients
                .data
                .write_object(bucket(address), &address.name, bytes)
                .set_if_generation_match(0)
                .with_known_crc32c(sum)
                .send_unbuffered()
                .await
        });
        match written.map_err(|e| StorageError::of("writing", address, &self.clients.account, &e)) {
            Ok(_) => Ok(()),
            Err(StorageError::Exists(_)) => {
                let there = self.list(address)?.into_iter().find(|o| o.address == *address);
                match there {
                    Some(object) if object.size == length && object.crc32c == Some(sum) => Ok(()),
                    _ => Err(StorageError::Exists(address.clone())),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Removes the object of this generation. One that is not there any more is no error.
    pub fn remove(&self, object: &Object) -> Result<(), StorageError> {
        let address = &object.address;
        let removed = self.runtime.block_on(async {
            self.clients
                .control
                .delete_object()
                .set_bucket(bucket(address))
                .set_object(&address.name)
                .set_if_generation_match(object.generation)
                .send()
                .await
        });
        match removed.map_err(|e| StorageError::of("removing", address, &self.clients.account, &e)) {
            Ok(()) | Err(StorageError::Missing { .. } | StorageError::Exists(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// A bucket's name as the service wants it.
pub(crate) fn bucket(address: &Address) -> String {
    format!("projects/_/buckets/{}", address.bucket)
}
