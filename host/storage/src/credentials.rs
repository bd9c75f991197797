//! Who we are to Google.

use std::path::{Path, PathBuf};

use google_cloud_auth::credentials::{Builder, Credentials as Google, anonymous, service_account};

use crate::StorageError;

/// Who we are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Credentials {
    /// Whom the environment says: `GOOGLE_APPLICATION_CREDENTIALS`, `gcloud auth application-default login`, or the machine's account.
    #[default]
    Default,
    /// A service account's key file.
    File(PathBuf),
    /// Nobody: for public buckets.
    Anonymous,
}

impl Credentials {
    /// In the form of Google's client library.
    pub fn google(&self) -> Result<Google, StorageError> {
        let fail = |what: String| StorageError::Credentials { what };
        match self {
            Self::Anonymous => Ok(anonymous::Builder::new().build()),
            Self::Default => Builder::default().build().map_err(|e| fail(e.to_string())),
            Self::File(path) => {
                let unreadable = |e: &dyn std::fmt::Display| fail(format!("{} cannot be used: {e}", path.display()));
                let text = std::fs::read(path).map_err(|e| unreadable(&e))?;
                let key = serde_json::from_slice(&text).map_err(|e| unreadable(&e))?;
                service_account::Builder::new(key).build().map_err(|e| unreadable(&e))
            }
        }
    }

    /// The account's name, where it can be known without asking anyone.
    pub fn name(&self) -> String {
        let account = |path: &Path| {
            let key: serde_json::Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
            Some(key.get("client_email")?.as_str()?.to_owned())
        };
        let named = match self {
            Self::Anonymous => return "nobody (anonymous)".to_owned(),
            Self::File(path) => account(path),
            Self::Default => {
                std::env::var_os("GOOGLE_APPLICATION_CREDENTIALS").and_then(|path| account(Path::new(&path)))
            }
        };
        named.unwrap_or_else(|| "the account of the application default credentials".to_owned())
    }
}

impl std::str::FromStr for Credentials {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "default" => Self::Default,
            "anonymous" => Self::Anonymous,
            "" => return Err("it is empty: name a key file, `default` or `anonymous`".to_owned()),
            file => Self::File(file.into()),
        })
    }
}
