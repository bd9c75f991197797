//! Buckets and objects.

use std::sync::Arc;
use std::time::Duration;

use google_cloud_gax::exponential_backoff::ExponentialBackoffBuilder;
use google_cloud_gax::paginator::ItemPaginator;
use google_cloud_gax::retry_policy::RetryPolicyExt;
use google_cloud_storage::client::{Storage as Data, StorageControl};
use google_cloud_storage::retry_policy::RetryableErrors;

use crate::threads::Threads;
use crate::{Address, Credentials, StorageError};

/// How often a request is made at most, and how long it may take with all its repetitions.
const ATTEMPTS: u32 = 8;
const PATIENCE: Duration = Duration::from_secs(120);

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
    pub(crate) threads: Arc<Threads>,
    pub(crate) clients: Arc<Clients>,
}

/// What tasks of the threads hold: not the threads themselves, which cannot be ended by one of their own.
pub(crate) struct Clients {
    pub(crate) data: Data,
    pub(crate) control: StorageControl,
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
        let threads = Threads::start()?;
        let credentials = if emulator.is_some() { Credentials::Anonymous } else { credentials.clone() };
        let account = if emulator.is_some() { "nobody (an emulator)".to_owned() } else { credentials.name() };
        let google = threads.wait(async move { credentials.google() })?;
        let retry = || RetryableErrors.with_attempt_limit(ATTEMPTS).with_time_limit(PATIENCE);
        let backoff = || {
            ExponentialBackoffBuilder::new()
                .with_initial_delay(Duration::from_millis(100))
                .with_maximum_delay(Duration::from_secs(10))
                .clamp()
        };
        let endpoint =
            emulator.map(|host| if host.contains("://") { host.to_owned() } else { format!("http://{host}") });
        let (data, control) = threads.wait(async move {
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
            let fail = |e: google_cloud_gax::client_builder::Error| StorageError::Credentials { what: e.to_string() };
            Ok((data.build().await.map_err(fail)?, control.build().await.map_err(fail)?))
        })?;
        Ok(Self { threads: Arc::new(threads), clients: Arc::new(Clients { data, control, account }) })
    }

    /// The objects whose names begin with the address's, in order of name. Names that end in `/` stand for folders and are left out.
    pub fn list(&self, prefix: &Address) -> Result<Vec<Object>, StorageError> {
        self.list_where(prefix, "")
    }

    /// The same without objects that have a slash after the prefix.
    pub fn list_folder(&self, prefix: &Address) -> Result<Vec<Object>, StorageError> {
        self.list_where(prefix, "/")
    }

    fn list_where(&self, prefix: &Address, delimiter: &'static str) -> Result<Vec<Object>, StorageError> {
        let (clients, prefix) = (Arc::clone(&self.clients), prefix.clone());
        self.threads.wait(async move {
            let mut items = clients.listing(&prefix).set_delimiter(delimiter).by_item();
            let mut objects = Vec::new();
            while let Some(item) = items.next().await {
                let item = item.map_err(|e| clients.fail("listing", &prefix, &e))?;
                if !item.name.ends_with('/') {
                    objects.push(Object::of(&prefix, item));
                }
            }
            Ok(objects)
        })
    }

    /// The object of exactly this name, if there is one.
    pub fn find(&self, address: &Address) -> Result<Option<Object>, StorageError> {
        let (clients, address) = (Arc::clone(&self.clients), address.clone());
        self.threads.wait(async move { clients.find(&address).await })
    }
}

impl Clients {
    fn listing(&self, prefix: &Address) -> google_cloud_storage::builder::storage_control::ListObjects {
        self.control.list_objects().set_parent(bucket(prefix)).set_prefix(&prefix.name)
    }

    /// Asked by a listing: it tells a bucket that is not there from an object that is not.
    pub(crate) async fn find(&self, address: &Address) -> Result<Option<Object>, StorageError> {
        // Names come in their order, so that the prefix itself is the first that has it.
        let first = self.listing(address).set_page_size(1).by_item().next().await;
        let found = first.transpose().map_err(|e| self.fail("listing", address, &e))?;
        Ok(found.map(|found| Object::of(address, found)).filter(|found| found.address == *address))
    }

    pub(crate) fn fail(
        &self,
        doing: &'static str,
        address: &Address,
        error: &google_cloud_storage::Error,
    ) -> StorageError {
        StorageError::of(doing, address, &self.account, error)
    }
}

impl Object {
    /// As the service tells it, in the bucket of an address.
    pub(crate) fn of(within: &Address, told: google_cloud_storage::model::Object) -> Self {
        Self {
            address: Address { bucket: within.bucket.clone(), name: told.name },
            size: u64::try_from(told.size).unwrap_or_default(),
            generation: told.generation,
            crc32c: told.checksums.and_then(|sums| sums.crc32c),
        }
    }
}

/// A bucket's name as the service wants it.
pub(crate) fn bucket(address: &Address) -> String {
    format!("projects/_/buckets/{}", address.bucket)
}
