//! What was asked of the double, for tests to count.

use std::collections::VecDeque;

use super::operation::Operation;

/// Requests that are kept, the latest.
const KEPT: usize = 65_536;

/// One request, as the double understood it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its kind.
    pub operation: Operation,
    /// Empty where there is none.
    pub bucket: String,
    /// The object; of a listing, the prefix. Empty where there is none.
    pub object: String,
    /// The first and the last byte of what was read, or of the part that was written, where it was not the whole.
    pub range: Option<(u64, u64)>,
    /// The generation that was asked for.
    pub generation: Option<i64>,
    /// Bytes of the request's body.
    pub received: u64,
    /// Bytes of the answer's body that the double set out to send: less than there are where a fault cuts it.
    pub sent: u64,
    /// The answer's status, that of HTTP for both interfaces; nothing where there was no answer.
    pub status: Option<u16>,
}

/// The latest requests.
#[derive(Debug, Default)]
pub(crate) struct Requests(VecDeque<Request>);

impl Requests {
    pub(crate) fn add(&mut self, request: Request) {
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.push_back(request);
    }

    pub(crate) fn all(&self) -> Vec<Request> {
        self.0.iter().cloned().collect()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
