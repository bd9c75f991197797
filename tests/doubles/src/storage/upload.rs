//! Uploads in parts, which go on where they broke off:
//! <https://cloud.google.com/storage/docs/performing-resumable-uploads>.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::object::{Expected, Object};
use super::refusal::Refusal;
use super::store::{Draft, Store};

/// Parts but the last are kept in whole units of so many bytes.
const UNIT: u64 = 256 * 1_024;
/// Uploads that are kept, the latest.
const KEPT: usize = 1_024;

/// Which bytes a part is, as `Content-Range` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// No `Content-Range`: all of them.
    Whole,
    /// `bytes 0-9/20`, and `*` where a number is not known.
    Bytes { first: u64, last: Option<u64>, total: Option<u64> },
    /// `bytes */20` or `bytes */*`: no bytes, but the question how far it is.
    Question { total: Option<u64> },
}

impl Place {
    /// What a header says.
    pub(crate) fn of_header(value: &str) -> Result<Self, Refusal> {
        let refused = || Refusal::invalid(format!("Failed to parse Content-Range header `{value}`."));
        let (bytes, total) = value.strip_prefix("bytes ").and_then(|v| v.split_once('/')).ok_or_else(refused)?;
        let number = |text: &str| match text {
            "*" => Ok(None),
            _ => text.parse::<u64>().map(Some).map_err(|_| refused()),
        };
        let total = number(total)?;
        if bytes == "*" {
            return Ok(Self::Question { total });
        }
        let (first, last) = bytes.split_once('-').ok_or_else(refused)?;
        let (first, last) = (number(first)?.ok_or_else(refused)?, number(last)?);
        if last.is_some_and(|last| last < first || total.is_some_and(|total| last >= total)) {
            return Err(refused());
        }
        Ok(Self::Bytes { first, last, total })
    }
}

/// Bytes of an upload.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) place: Place,
    pub(crate) bytes: Bytes,
    /// What its client says of the whole object, with the last part.
    pub(crate) expected: Expected,
}

/// How far an upload has come.
#[derive(Debug, Clone)]
pub(crate) enum Progress {
    /// So many bytes are kept.
    Kept(u64),
    /// All of them: it is an object.
    Done { bucket: String, object: Arc<Object> },
}

/// Uploads by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Uploads(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: u64,
    uploads: BTreeMap<u64, Upload>,
}

#[derive(Debug)]
struct Upload {
    draft: Draft,
    bytes: Vec<u8>,
    done: Option<Arc<Object>>,
}

impl Uploads {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an upload, and says its number.
    pub(crate) fn start(&self, draft: Draft) -> u64 {
        let mut state = self.lock();
        state.last += 1;
        let number = state.last;
        state.uploads.insert(number, Upload { draft, bytes: Vec::new(), done: None });
        while state.uploads.len() > KEPT {
            state.uploads.pop_first();
        }
        number
    }

    /// The bucket and the name of the object that it is to become.
    pub(crate) fn target(&self, number: u64) -> Option<(String, String)> {
        let state = self.lock();
        state.uploads.get(&number).map(|upload| (upload.draft.bucket.clone(), upload.draft.name.clone()))
    }

    /// Gives it up.
    pub(crate) fn cancel(&self, number: u64) -> Result<(), Refusal> {
        self.lock().uploads.remove(&number).map(|_| ()).ok_or_else(Refusal::no_upload)
    }

    /// Takes a part, and writes the object if it is the last. What is refused then is over.
    pub(crate) fn part(&self, store: &Store, number: u64, part: Part) -> Result<Progress, Refusal> {
        let mut state = self.lock();
        let upload = state.uploads.get_mut(&number).ok_or_else(Refusal::no_upload)?;
        let bucket = upload.draft.bucket.clone();
        if let Some(object) = &upload.done {
            return Ok(Progress::Done { bucket, object: Arc::clone(object) });
        }
        if !upload.take(&part)? {
            return Ok(Progress::Kept(upload.kept()));
        }
        let mut draft = upload.draft.clone();
        draft.expected = draft.expected.and(part.expected);
        let bytes = Bytes::from(std::mem::take(&mut upload.bytes));
        match store.insert(draft, bytes) {
            Ok(object) => {
                upload.done = Some(Arc::clone(&object));
                Ok(Progress::Done { bucket, object })
            }
            Err(refusal) => {
                state.uploads.remove(&number);
                Err(refusal)
            }
        }
    }

    /// Takes what came of a part before the connection broke.
    pub(crate) fn broken_part(&self, number: u64, part: &Part, came: u64) {
        if let Some(upload) = self.lock().uploads.get_mut(&number).filter(|upload| upload.done.is_none()) {
            let came = usize::try_from(came).unwrap_or(usize::MAX).min(part.bytes.len());
            let place = match part.place {
                Place::Whole => Place::Bytes { first: 0, last: None, total: None },
                place => place,
            };
            let broken = Part { place, bytes: part.bytes.slice(..came), expected: Expected::default() };
            // A part that does not follow on is lost, as its client learns when it asks.
            _ = upload.take(&broken);
            upload.bytes.truncate(usize::try_from(upload.kept() / UNIT * UNIT).unwrap_or(usize::MAX));
        }
    }
}

impl Upload {
    fn kept(&self) -> u64 {
        u64::try_from(self.bytes.len()).unwrap_or(u64::MAX)
    }

    /// Takes the bytes that are not there yet; true, if they are all.
    fn take(&mut self, part: &Part) -> Result<bool, Refusal> {
        let came = u64::try_from(part.bytes.len()).unwrap_or(u64::MAX);
        let (first, is_last) = match part.place {
            Place::Whole => (0, true),
            Place::Question { total } => return Ok(total == Some(self.kept())),
            Place::Bytes { first, last: Some(last), total } => {
                (first, total == Some(last + 1) && first.saturating_add(came) == last + 1)
            }
            Place::Bytes { first, last: None, .. } => (first, true),
        };
        let old = self.kept().checked_sub(first).ok_or_else(|| {
            Refusal::invalid(format!(
                "Invalid request. According to the Content-Range header, the upload offset is {first} byte(s), \
                 which exceeds already uploaded size of {} byte(s).",
                self.kept()
            ))
        })?;
        let new = part.bytes.get(usize::try_from(old).unwrap_or(usize::MAX)..).unwrap_or_default();
        self.bytes.extend_from_slice(new);
        if !is_last {
            self.bytes.truncate(usize::try_from(self.kept() / UNIT * UNIT).unwrap_or(usize::MAX));
        }
        Ok(is_last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: usize = 256 * 1_024;

    fn part(place: &str, bytes: usize) -> Part {
        Part { place: Place::of_header(place).unwrap(), bytes: vec![b'x'; bytes].into(), expected: Expected::default() }
    }

    fn kept(progress: Progress) -> u64 {
        match progress {
            Progress::Kept(bytes) => bytes,
            Progress::Done { object, .. } => panic!("done with {} bytes", object.bytes.len()),
        }
    }

    fn upload() -> (Store, Uploads, u64) {
        let (store, uploads) = (Store::default(), Uploads::default());
        store.create_bucket("b");
        let draft = Draft { bucket: "b".into(), name: "o".into(), ..Draft::default() };
        let number = uploads.start(draft);
        (store, uploads, number)
    }

    #[test]
    fn headers_say_places() {
        let bytes = |first, last, total| Place::Bytes { first, last, total };
        assert_eq!(Place::of_header("bytes 0-9/20").unwrap(), bytes(0, Some(9), Some(20)));
        assert_eq!(Place::of_header("bytes 5-9/*").unwrap(), bytes(5, Some(9), None));
        assert_eq!(Place::of_header("bytes 5-*/*").unwrap(), bytes(5, None, None));
        assert_eq!(Place::of_header("bytes */*").unwrap(), Place::Question { total: None });
        assert_eq!(Place::of_header("bytes */0").unwrap(), Place::Question { total: Some(0) });
        for bad in ["0-9/20", "bytes 9-0/20", "bytes 0-20/20", "bytes x-9/20", "bytes 0-9", "bytes *-9/20"] {
            assert_eq!(Place::of_header(bad).unwrap_err().status, 400, "{bad}");
        }
    }

    #[test]
    fn parts_are_kept_in_units_and_the_last_one_makes_the_object() {
        let (store, uploads, number) = upload();
        let part = |place: &str, bytes| uploads.part(&store, number, part(place, bytes));
        assert_eq!(kept(part("bytes */*", 0).unwrap()), 0);
        assert_eq!(kept(part(&format!("bytes 0-{}/*", ONE + 9), ONE + 10).unwrap()), 262_144);
        assert!(!store.has("b", "o"));
        assert_eq!(part(&format!("bytes {}-{}/*", ONE + 10, ONE + 19), 10).unwrap_err().status, 400);
        // From before what is kept: what is there already is passed over.
        let done = part(&format!("bytes {}-{}/{}", ONE - 5, ONE + 14, ONE + 15), 20).unwrap();
        assert!(matches!(done, Progress::Done { .. }));
        assert_eq!(store.get("b", "o", None).unwrap().bytes.len(), ONE + 15);
        // Its client may ask again.
        assert!(matches!(part("bytes */*", 0).unwrap(), Progress::Done { .. }));
    }

    #[test]
    fn no_bytes_at_all_are_an_object() {
        let (store, uploads, number) = upload();
        assert!(matches!(uploads.part(&store, number, part("bytes */0", 0)).unwrap(), Progress::Done { .. }));
    }

    #[test]
    fn a_broken_part_is_kept_in_units() {
        let (store, uploads, number) = upload();
        let whole = part(&format!("bytes 0-{}/{}", 3 * ONE - 1, 3 * ONE), 3 * ONE);
        uploads.broken_part(number, &whole, 2 * 262_144 + 7);
        assert_eq!(kept(uploads.part(&store, number, part("bytes */*", 0)).unwrap()), 2 * 262_144);
    }

    #[test]
    fn what_is_cancelled_is_gone() {
        let (store, uploads, number) = upload();
        uploads.cancel(number).unwrap();
        assert_eq!(uploads.part(&store, number, part("bytes */*", 0)).unwrap_err().status, 404);
    }
}
