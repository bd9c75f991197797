//! Faults that a test asks for.

use std::time::Duration;

use super::operation::Operation;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Answers with this status, and does nothing. Over gRPC: the code that goes with it.
    Refuse(u16),
    /// Does what is asked, then answers with this status: the write happened, and its client does not know.
    RefuseAfter(u16),
    /// Closes the connection (of gRPC: the stream) without an answer, and does nothing.
    HangUp,
    /// Does what is asked, then closes the connection without an answer.
    HangUpAfter,
    /// Closes the connection after so many bytes of a body: of the answer's, or, where the request is a part of an
    /// upload, of the request's, of which whole units of 256 KiB are kept.
    /// Over gRPC a client that reads slowly may miss some of those bytes.
    Cut(u64),
    /// Changes the byte at this place of the bytes on their way: of those of the object, where the request brings them,
    /// else of the answer's body. The last one, where there are fewer.
    Corrupt(u64),
    /// Waits before it does anything.
    Delay(Duration),
    /// Sends the answer's body so many bytes at a time, with a pause after each.
    Slow {
        /// Bytes at a time.
        bytes: usize,
        /// How long it waits after them.
        pause: Duration,
    },
}

/// A fault, and the requests it befalls: once, the next request of any kind, unless it is said otherwise.
///
/// A request meets one fault at most: the first that was asked for of those that match it and are not used up. So
/// faults that follow one another befall requests that follow one another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    effect: Effect,
    operation: Option<Operation>,
    bucket: Option<String>,
    prefix: String,
    skip: u32,
    times: u32,
}

impl Fault {
    /// Befalls the next request.
    #[must_use]
    pub fn new(effect: Effect) -> Self {
        Self { effect, operation: None, bucket: None, prefix: String::new(), skip: 0, times: 1 }
    }

    /// Only requests of one kind.
    #[must_use]
    pub fn on(self, operation: Operation) -> Self {
        Self { operation: Some(operation), ..self }
    }

    /// Only requests for one bucket.
    #[must_use]
    pub fn in_bucket(self, bucket: impl Into<String>) -> Self {
        Self { bucket: Some(bucket.into()), ..self }
    }

    /// Only requests for objects whose names begin so, and listings whose prefix does.
    #[must_use]
    pub fn under(self, prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), ..self }
    }

    /// Lets so many of those requests pass first.
    #[must_use]
    pub fn after(self, requests: u32) -> Self {
        Self { skip: requests, ..self }
    }

    /// Befalls so many of those requests.
    #[must_use]
    pub fn times(self, requests: u32) -> Self {
        Self { times: requests, ..self }
    }

    /// Befalls all of those requests.
    #[must_use]
    pub fn always(self) -> Self {
        self.times(u32::MAX)
    }

    fn is_for(&self, operation: Operation, bucket: &str, object: &str) -> bool {
        self.operation.is_none_or(|wanted| wanted == operation)
            && self.bucket.as_deref().is_none_or(|wanted| wanted == bucket)
            && object.starts_with(&self.prefix)
    }
}

/// The faults that are still to come.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.0.retain(|fault| fault.times > 0);
        self.0.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// What befalls this request.
    pub(crate) fn next(&mut self, operation: Operation, bucket: &str, object: &str) -> Option<Effect> {
        for fault in self.0.iter_mut().filter(|fault| fault.is_for(operation, bucket, object)) {
            if fault.skip > 0 {
                fault.skip -= 1;
            } else if fault.times > 0 {
                // `always` has no end.
                fault.times = fault.times.saturating_sub(u32::from(fault.times != u32::MAX));
                return Some(fault.effect);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_follow_one_another() {
        let mut faults = Faults::default();
        faults.add(Fault::new(Effect::Refuse(503)).on(Operation::ReadObject).under("x/").after(1).times(2));
        faults.add(Fault::new(Effect::HangUp).in_bucket("b"));
        let mut read = |object| faults.next(Operation::ReadObject, "b", object);
        assert_eq!(read("y/1"), Some(Effect::HangUp));
        assert_eq!(read("x/1"), None);
        assert_eq!(read("x/1"), Some(Effect::Refuse(503)));
        assert_eq!(read("y/1"), None);
        assert_eq!(read("x/2"), Some(Effect::Refuse(503)));
        assert_eq!(read("x/2"), None);
        faults.add(Fault::new(Effect::Cut(1)).always());
        for _ in 0..3 {
            assert_eq!(faults.next(Operation::ListObjects, "c", ""), Some(Effect::Cut(1)));
        }
        faults.clear();
        assert_eq!(faults.next(Operation::ListObjects, "c", ""), None);
    }
}
