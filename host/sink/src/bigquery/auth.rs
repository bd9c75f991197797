//! Tokens: the one way to log in, that of Cloud Storage, for the client of BigQuery as well.

use async_trait::async_trait;
use gcp_bigquery_client::auth::Authenticator;
use gcp_bigquery_client::error::BQError;
use google_cloud_auth::credentials::{CacheableResource, Credentials as Google};
use gristmill_storage::{Credentials, StorageError};

/// Where tokens come from. Google's library keeps them until they expire.
#[derive(Clone)]
pub(super) enum Tokens {
    /// An emulator takes any.
    Emulator,
    Google(Google),
}

impl Tokens {
    /// Must run within a runtime: tokens are renewed in its tasks.
    pub(super) fn of(credentials: &Credentials) -> Result<Self, StorageError> {
        credentials.google().map(Self::Google)
    }

    /// A token; why there is none otherwise.
    pub(super) async fn get(&self) -> Result<String, String> {
        let Self::Google(google) = self else { return Ok("emulator".to_owned()) };
        let headers = match google.headers(Default::default()).await {
            Ok(CacheableResource::New { data, .. }) => data,
            Ok(CacheableResource::NotModified) => return Err("no token was given".to_owned()),
            Err(error) => return Err(innermost(&error)),
        };
        let token = headers.get("authorization").and_then(|v| v.to_str().ok()?.strip_prefix("Bearer "));
        token
            .map(str::to_owned)
            .ok_or_else(|| "these credentials are nobody's, and BigQuery lets nobody in without a name".to_owned())
    }
}

/// What is at the bottom of an error.
pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

#[async_trait]
impl Authenticator for Tokens {
    async fn access_token(&self) -> Result<String, BQError> {
        // The client has no error of its own for this.
        self.get().await.map_err(|why| BQError::InvalidServiceAccountAuthenticator(std::io::Error::other(why)))
    }
}
