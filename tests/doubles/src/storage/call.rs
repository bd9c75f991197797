//! Requests and answers, apart from how they travel: what both interfaces read into and write from.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use super::condition::Conditions;
use super::listing::{Page, Query};
use super::object::Object;
use super::operation::Operation;
use super::request::Request;
use super::store::Draft;
use super::upload::{Part, Place};

/// A request for an object.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    pub(crate) bucket: String,
    pub(crate) object: String,
    /// Nothing for the live one.
    pub(crate) generation: Option<i64>,
    pub(crate) conditions: Conditions,
}

/// Which bytes of an object to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    /// From the first to the last, or to the end.
    From(u64, Option<u64>),
    /// So many at the end.
    Last(u64),
}

impl Span {
    /// What `Range` says; nothing for what is no single range of bytes, which a server passes over (RFC 9110, 14.2).
    pub(crate) fn of_header(value: &str) -> Option<Self> {
        let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
        if first.is_empty() {
            return last.parse().ok().map(Self::Last);
        }
        let first = first.parse().ok()?;
        if last.is_empty() {
            return Some(Self::From(first, None));
        }
        let last = last.parse().ok()?;
        (first <= last).then_some(Self::From(first, Some(last)))
    }

    /// The first and the last byte of an object of `length` bytes; nothing where it has none of them.
    pub(crate) fn within(self, length: u64) -> Option<(u64, u64)> {
        let end = length.checked_sub(1)?;
        match self {
            Self::From(first, last) => (first <= end).then(|| (first, last.map_or(end, |last| last.min(end)))),
            Self::Last(0) => None,
            Self::Last(count) => Some((length.saturating_sub(count), end)),
        }
    }
}

/// A request.
#[derive(Debug, Clone)]
pub(crate) enum Call {
    ListBuckets,
    CreateBucket { bucket: String },
    GetBucket { bucket: String },
    GetLayout { bucket: String },
    DeleteBucket { bucket: String },
    List { bucket: String, query: Query },
    Get(Wanted),
    Read { wanted: Wanted, span: Option<Span>, accepts_gzip: bool },
    Insert { draft: Draft, bytes: Bytes },
    Start(Draft),
    Part { upload: u64, target: (String, String), part: Part },
    Cancel { upload: u64, target: (String, String) },
    Delete(Wanted),
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Buckets(Vec<(String, SystemTime)>),
    Bucket {
        name: String,
        created: SystemTime,
    },
    Layout {
        bucket: String,
    },
    Page {
        bucket: String,
        page: Page,
    },
    Object {
        bucket: String,
        object: Arc<Object>,
    },
    Content(Content),
    Started {
        bucket: String,
        upload: u64,
    },
    /// So many bytes of an upload.
    Kept(u64),
    Cancelled,
    Deleted,
}

/// Bytes of an object.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub(crate) object: Arc<Object>,
    pub(crate) bytes: Bytes,
    /// The first and the last of them, where not all were asked for.
    pub(crate) range: Option<(u64, u64)>,
    /// They are not the stored bytes, but what came out of them.
    pub(crate) is_decompressed: bool,
}

impl Call {
    pub(crate) fn operation(&self) -> Operation {
        match self {
            Self::ListBuckets => Operation::ListBuckets,
            Self::CreateBucket { .. } => Operation::CreateBucket,
            Self::GetBucket { .. } => Operation::GetBucket,
            Self::GetLayout { .. } => Operation::GetLayout,
            Self::DeleteBucket { .. } => Operation::DeleteBucket,
            Self::List { .. } => Operation::ListObjects,
            Self::Get(_) => Operation::GetObject,
            Self::Read { .. } => Operation::ReadObject,
            Self::Insert { .. } => Operation::InsertObject,
            Self::Start(_) => Operation::StartUpload,
            Self::Part { part, .. } if part.bytes.is_empty() && matches!(part.place, Place::Question { .. }) => {
                Operation::QueryUpload
            }
            Self::Part { .. } => Operation::UploadPart,
            Self::Cancel { .. } => Operation::CancelUpload,
            Self::Delete(_) => Operation::DeleteObject,
        }
    }

    /// The bytes of an object that it brings.
    pub(crate) fn payload(&mut self) -> Option<&mut Bytes> {
        match self {
            Self::Insert { bytes, .. } | Self::Part { part: Part { bytes, .. }, .. } => Some(bytes),
            _ => None,
        }
    }

    /// The bucket and the object it is about; of a listing, the prefix.
    pub(crate) fn target(&self) -> (&str, &str) {
        match self {
            Self::ListBuckets => ("", ""),
            Self::CreateBucket { bucket }
            | Self::GetBucket { bucket }
            | Self::GetLayout { bucket }
            | Self::DeleteBucket { bucket } => (bucket, ""),
            Self::List { bucket, query } => (bucket, &query.prefix),
            Self::Get(wanted) | Self::Read { wanted, .. } | Self::Delete(wanted) => (&wanted.bucket, &wanted.object),
            Self::Insert { draft, .. } | Self::Start(draft) => (&draft.bucket, &draft.name),
            Self::Part { target: (bucket, object), .. } | Self::Cancel { target: (bucket, object), .. } => {
                (bucket, object)
            }
        }
    }

    /// What is kept of it for tests to count, before it is answered.
    pub(crate) fn record(&self) -> Request {
        let (bucket, object) = self.target();
        let (range, generation) = match self {
            Self::Get(wanted) | Self::Delete(wanted) => (None, wanted.generation),
            Self::Read { wanted, .. } => (None, wanted.generation),
            Self::Part { part: Part { place: Place::Bytes { first, .. }, bytes, .. }, .. } => {
                let bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                (bytes.checked_sub(1).map(|last| (*first, first.saturating_add(last))), None)
            }
            _ => (None, None),
        };
        Request {
            operation: self.operation(),
            bucket: bucket.to_owned(),
            object: object.to_owned(),
            range,
            generation,
            received: 0,
            sent: 0,
            status: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_placed() {
        for (header, length, expected) in [
            ("bytes=0-4", 10, Some((0, 4))),
            ("bytes=5-", 10, Some((5, 9))),
            ("bytes=5-99", 10, Some((5, 9))),
            ("bytes=-3", 10, Some((7, 9))),
            ("bytes=-30", 10, Some((0, 9))),
            ("bytes=-0", 10, None),
            ("bytes=10-", 10, None),
            ("bytes=0-", 0, None),
        ] {
            assert_eq!(Span::of_header(header).unwrap().within(length), expected, "{header} of {length}");
        }
        for other in ["bytes=4-3", "bytes=0-1,3-4", "lines=0-1", "bytes=-", "bytes"] {
            assert_eq!(Span::of_header(other), None, "{other}");
        }
    }
}
