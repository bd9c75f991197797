//! Which of all files that had a name a file is.

use std::time::UNIX_EPOCH;

use crate::store::Store;
use crate::{Input, InputFile, SourceError};

/// What tells a file from one that takes its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Version {
    /// When a local file was last written, nanoseconds since the Unix epoch.
    pub modified: Option<i64>,
    /// Which of the objects of this name it is.
    pub generation: Option<i64>,
    /// CRC-32C of an object's bytes as stored.
    pub crc32c: Option<u32>,
}

impl Input {
    /// Which version of a file is read: of an object that which was listed, of a local file that which is there now.
    pub fn version(&self, file: &InputFile) -> Result<Version, SourceError> {
        let fail = |e| SourceError::unreadable(&file.path, e);
        match &self.store {
            Store::Local => {
                let modified = std::fs::metadata(&file.path).and_then(|m| m.modified()).map_err(fail)?;
                // Files from before 1970 all look alike.
                let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
                Ok(Version { modified: i64::try_from(since.as_nanos()).ok(), ..Version::default() })
            }
            Store::Bucket(bucket) => {
                let object = bucket.object(&file.path).map_err(fail)?;
                Ok(Version { generation: Some(object.generation), crc32c: object.crc32c, modified: None })
            }
        }
    }
}
