//! What can go wrong with objects.

use google_cloud_gax::error::rpc::Code;
use gristmill_record::{Blame, Diagnose};

use crate::Address;

/// Why an object, or a listing, is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The address is none.
    #[error("`{spec}` is no address of objects: {what}")]
    Address {
        /// What was given.
        spec: String,
        /// What is wrong with it.
        what: String,
    },
    /// Nobody says who we are.
    #[error("there are no credentials for Google Cloud: {what}")]
    Credentials {
        /// Why.
        what: String,
    },
    /// The bucket or the object is not there.
    #[error("{doing} {address}: {what}")]
    Missing {
        /// What was tried.
        doing: &'static str,
        /// Where.
        address: Address,
        /// What the service says.
        what: String,
    },
    /// We may not.
    #[error("{doing} {address} as {account}: {what}")]
    Right {
        /// What was tried.
        doing: &'static str,
        /// Where.
        address: Address,
        /// Who we are.
        account: String,
        /// What the service says: it names the permission.
        what: String,
    },
    /// The object is another than the one that was listed.
    #[error("{address} was replaced or deleted since it was listed as generation {generation}")]
    Replaced {
        /// Which.
        address: Address,
        /// The generation of the listing.
        generation: i64,
    },
    /// What came is not what was stored.
    #[error("{address}: the bytes that came have the checksum {found:08x}, and {expected:08x} was stored (CRC-32C)")]
    Checksum {
        /// Which.
        address: Address,
        /// Of the bytes that came.
        found: u32,
        /// Of the listing.
        expected: u32,
    },
    /// Too little came.
    #[error("{address} ended after {found} of {expected} bytes")]
    Short {
        /// Which.
        address: Address,
        /// Bytes that came.
        found: u64,
        /// Bytes of the listing.
        expected: u64,
    },
    /// More than is taken came to be asked for.
    #[error("{address} has {size} bytes, and {most} are read at most")]
    TooLarge {
        /// Which.
        address: Address,
        /// Its bytes.
        size: u64,
        /// What is read.
        most: u64,
    },
    /// Something is there already.
    #[error("{0} is there already")]
    Exists(Address),
    /// A file of this machine that was to be uploaded cannot be read.
    #[error("uploading {}: {source}", path.display())]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Anything else, after all attempts.
    #[error("{doing} {address}: {what}")]
    Failed {
        /// What was tried.
        doing: &'static str,
        /// Where.
        address: Address,
        /// What the service, or the network, says.
        what: String,
    },
    /// The runtime could not be started.
    #[error("the threads that talk to Cloud Storage could not be started: {0}")]
    Runtime(std::io::Error),
}

impl StorageError {
    /// The error for an answer of the client.
    pub(crate) fn of(
        doing: &'static str,
        address: &Address,
        account: &str,
        error: &google_cloud_storage::Error,
    ) -> Self {
        let code = error.status().map(|s| s.code);
        let what = said(error);
        let address = address.clone();
        match (error.http_status_code(), code) {
            (Some(404), _) | (_, Some(Code::NotFound)) => Self::Missing { doing, address, what },
            (Some(401 | 403), _) | (_, Some(Code::PermissionDenied | Code::Unauthenticated)) => {
                Self::Right { doing, address, account: account.to_owned(), what }
            }
            (Some(412), _) | (_, Some(Code::FailedPrecondition | Code::AlreadyExists)) => Self::Exists(address),
            _ if error.is_authentication() => Self::Credentials { what },
            _ => Self::Failed { doing, address, what },
        }
    }
}

/// The message of the service, or of what is at the bottom of the error.
fn said(error: &google_cloud_storage::Error) -> String {
    if let Some(status) = error.status().filter(|s| !s.message.is_empty()) {
        return status.message.clone();
    }
    if let Some(payload) = error.http_payload()
        && let Ok(answer) = serde_json::from_slice::<serde_json::Value>(payload)
        && let Some(message) = answer.pointer("/error/message").and_then(|m| m.as_str())
    {
        return message.to_owned();
    }
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    let text = deepest.to_string();
    // The client's own words stand before the service's: `the HTTP transport reports a [403] error: …`.
    let text = text.split_once("] error: ").map_or(text.as_str(), |(_, service)| service);
    match error.http_status_code() {
        Some(status) => format!("{text} (HTTP {status})"),
        None => text.to_owned(),
    }
}

impl Diagnose for StorageError {
    fn code(&self) -> &'static str {
        match self {
            Self::Address { .. } => "storage.address",
            Self::Credentials { .. } => "storage.credentials",
            Self::Missing { .. } => "storage.missing",
            Self::Right { .. } => "storage.right",
            Self::Replaced { .. } => "storage.replaced",
            Self::Checksum { .. } | Self::Short { .. } => "storage.checksum",
            Self::TooLarge { .. } => "storage.too-large",
            Self::Exists(_) => "storage.exists",
            Self::File { .. } => "storage.file",
            Self::Failed { .. } => "storage.failed",
            Self::Runtime(_) => "storage.runtime",
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Address { .. } | Self::Credentials { .. } => Blame::Usage,
            Self::Runtime(_) | Self::File { .. } => Blame::Environment,
            _ => Blame::Input,
        }
    }

    fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Address { .. } => "Write gs://BUCKET/NAME.".into(),
            Self::Credentials { .. } => {
                "Run `gcloud auth application-default login`, or name a service account's key file in GOOGLE_APPLICATION_CREDENTIALS or with --google-credentials FILE; public buckets can be read with --google-credentials anonymous.".into()
            }
            Self::Missing { address, .. } => {
                format!("Check the name: `gcloud storage ls gs://{}/` lists what is there.", address.bucket)
            }
            Self::Right { account, address, .. } => format!(
                "Have the named permission granted to {account} on the bucket {}: roles/storage.objectViewer to read, roles/storage.objectUser to write as well. Another account: --google-credentials FILE.",
                address.bucket
            ),
            Self::Replaced { .. } => "Wait until nobody writes there any more, and run again.".into(),
            Self::Checksum { .. } | Self::Short { .. } => "Run again; if it stays, fetch the object by other means and compare its checksum (`gcloud storage hash`).".into(),
            Self::TooLarge { .. } => "Check the name: no file of this kind is as large.".into(),
            Self::File { .. } => "Run the same command again; nobody but this program may touch its work folder.".into(),
            Self::Exists(_) => "Name another place, or remove what is there.".into(),
            Self::Failed { .. } => "It was tried several times. Check the network, and https://status.cloud.google.com, and run again.".into(),
            Self::Runtime(_) => "Check the limits of the user's processes and memory.".into(),
        })
    }
}
