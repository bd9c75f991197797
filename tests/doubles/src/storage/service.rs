//! What the double does with a request, whichever interface it came through.

use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::access::Access;
use super::call::{Call, Content, Reply, Span, Wanted};
use super::fault::Faults;
use super::object::Object;
use super::operation::Permission;
use super::refusal::Refusal;
use super::request::Requests;
use super::store::{Draft, Store};
use super::upload::{Progress, Uploads};

/// Bytes that one request may bring, and one answer may grow to when it is decompressed.
pub(crate) const LARGEST: usize = 1 << 30;

/// All that a double is, but its connections.
#[derive(Debug)]
pub(crate) struct Service {
    /// Where it listens: the addresses it gives to clients are made of this, because the host they say lacks the port.
    pub(crate) address: SocketAddr,
    pub(crate) store: Arc<Store>,
    pub(crate) uploads: Uploads,
    settings: Mutex<Settings>,
}

/// What tests set and read.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) access: Access,
    pub(crate) faults: Faults,
    pub(crate) requests: Requests,
    /// What every request waits before it is looked at.
    pub(crate) latency: Duration,
}

impl Service {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, store: Arc::default(), uploads: Uploads::default(), settings: Mutex::default() }
    }

    pub(crate) fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what is asked, if its caller may.
    pub(crate) fn perform(&self, call: Call, authorization: Option<&str>) -> Result<Reply, Refusal> {
        let access = self.settings().access.clone();
        access.check(authorization, call.operation().permission())?;
        match call {
            Call::ListBuckets => Ok(Reply::Buckets(self.store.buckets())),
            Call::CreateBucket { bucket } if self.store.create_bucket(&bucket) => self.bucket(bucket),
            Call::CreateBucket { .. } => Err(Refusal::bucket_exists()),
            Call::GetBucket { bucket } => self.bucket(bucket),
            Call::GetLayout { bucket } => self.store.bucket(&bucket).map(|_| Reply::Layout { bucket }),
            Call::DeleteBucket { bucket } => self.store.delete_bucket(&bucket).map(|()| Reply::Deleted),
            Call::List { bucket, query } => {
                let page = self.store.list(&bucket, &query)?;
                Ok(Reply::Page { bucket, page })
            }
            Call::Get(wanted) => {
                let object = self.find(&access, &wanted)?;
                Ok(Reply::Object { bucket: wanted.bucket, object })
            }
            Call::Read { wanted, span, accepts_gzip } => {
                let object = self.find(&access, &wanted)?;
                content(object, span, accepts_gzip).map(Reply::Content)
            }
            Call::Insert { draft, bytes } => {
                self.may_write(&access, &draft)?;
                let bucket = draft.bucket.clone();
                let object = self.store.insert(draft, bytes)?;
                Ok(Reply::Object { bucket, object })
            }
            Call::Start(draft) => {
                self.may_write(&access, &draft)?;
                let bucket = draft.bucket.clone();
                Ok(Reply::Started { bucket, upload: self.uploads.start(draft) })
            }
            Call::Part { upload, part, .. } => match self.uploads.part(&self.store, upload, part)? {
                Progress::Kept(bytes) => Ok(Reply::Kept(bytes)),
                Progress::Done { bucket, object } => Ok(Reply::Object { bucket, object }),
            },
            Call::Cancel { upload, .. } => self.uploads.cancel(upload).map(|()| Reply::Cancelled),
            Call::Delete(Wanted { bucket, object, generation, conditions }) => {
                self.store.delete(&bucket, &object, generation, &conditions).map(|()| Reply::Deleted)
            }
        }
    }

    fn bucket(&self, name: String) -> Result<Reply, Refusal> {
        let created = self.store.bucket(&name)?;
        Ok(Reply::Bucket { name, created })
    }

    fn find(&self, access: &Access, wanted: &Wanted) -> Result<Arc<Object>, Refusal> {
        let found = self.store.get(&wanted.bucket, &wanted.object, wanted.generation);
        let object = match found {
            // That there is no such object is told to those only who could have listed it.
            Err(refusal) => return Err(access.need(Permission::ObjectsList).err().unwrap_or(refusal)),
            Ok(object) => object,
        };
        wanted.conditions.check_read(&object)?;
        Ok(object)
    }

    /// Writing over an object needs the permission to delete it as well.
    fn may_write(&self, access: &Access, draft: &Draft) -> Result<(), Refusal> {
        if self.store.has(&draft.bucket, &draft.name) {
            access.need(Permission::ObjectsDelete)?;
        }
        self.store.check(draft)
    }
}

/// The bytes that a reader gets. To one that does not take gzip, the service decompresses what is stored as gzip, and
/// passes over the range: <https://cloud.google.com/storage/docs/transcoding>.
fn content(object: Arc<Object>, span: Option<Span>, accepts_gzip: bool) -> Result<Content, Refusal> {
    if object.attributes.is_gzip() && !accepts_gzip {
        let mut bytes = Vec::new();
        let limit = u64::try_from(LARGEST).unwrap_or(u64::MAX);
        let read = flate2::read::MultiGzDecoder::new(&*object.bytes).take(limit).read_to_end(&mut bytes);
        if read.is_ok() {
            return Ok(Content { object, bytes: Bytes::from(bytes), range: None, is_decompressed: true });
        }
    }
    let length = u64::try_from(object.bytes.len()).unwrap_or(u64::MAX);
    let range = span.map(|span| span.within(length).ok_or_else(Refusal::range)).transpose()?;
    let bytes = match range {
        None => object.bytes.clone(),
        Some((first, last)) => {
            let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(object.bytes.len());
            object.bytes.slice(place(first)..place(last.saturating_add(1)))
        }
    };
    Ok(Content { object, bytes, range, is_decompressed: false })
}
