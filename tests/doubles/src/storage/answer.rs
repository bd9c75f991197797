//! An answer on its way: its bytes, and the faults that befall them.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::time::{Sleep, sleep};

use super::fault::Effect;
use super::wire::Scissors;

/// Bytes of a body that are sent at a time.
const PIECE: usize = 256 * 1_024;

/// An answer as either interface writes it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
    /// What follows the body; gRPC says there how it went.
    pub(crate) trailers: Option<HeaderMap>,
}

impl Answer {
    pub(crate) fn new(status: u16) -> Self {
        Self { status, headers: HeaderMap::new(), bytes: Bytes::new(), trailers: None }
    }

    /// Adds a header; one that HTTP does not allow is left out.
    pub(crate) fn header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        if let Ok(value) = HeaderValue::from_bytes(value.as_ref()) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// How many bytes of the body will be sent under this fault.
    pub(crate) fn sent(&self, effect: Option<Effect>) -> u64 {
        let length = u64::try_from(self.bytes.len()).unwrap_or(u64::MAX);
        match effect {
            Some(Effect::Cut(at)) => at.min(length),
            _ => length,
        }
    }

    /// The answer with its fault, ready to be sent.
    pub(crate) fn into_response(self, effect: Option<Effect>, scissors: Scissors) -> Response<Sending> {
        let mut sending = Sending {
            withheld: 0,
            left: self.bytes,
            piece: PIECE,
            pause: None,
            cut: None,
            waiting: None,
            trailers: self.trailers,
        };
        match effect {
            Some(Effect::Cut(at)) => {
                let whole = sending.left.len();
                sending.left.truncate(usize::try_from(at).unwrap_or(usize::MAX));
                sending.withheld = whole - sending.left.len();
                sending.cut = Some(scissors);
            }
            Some(Effect::Corrupt(at)) => corrupt(&mut sending.left, at),
            Some(Effect::Slow { bytes, pause }) => {
                sending.piece = bytes.max(1);
                sending.pause = Some(pause);
            }
            _ => {}
        }
        let mut response = Response::new(sending);
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        *response.headers_mut() = self.headers;
        response
    }
}

/// The connection is to be closed, because a test asked for it.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the connection is closed, as a test asked")]
pub(crate) struct HangUp;

/// Changes the byte at a place, or the last one where there are fewer.
pub(crate) fn corrupt(bytes: &mut Bytes, at: u64) {
    let mut changed = Vec::from(std::mem::take(bytes));
    let last = changed.len().saturating_sub(1);
    if let Some(byte) = changed.get_mut(usize::try_from(at).unwrap_or(usize::MAX).min(last)) {
        *byte ^= 1;
    }
    *bytes = changed.into();
}

/// A body that is being sent.
#[derive(Debug)]
pub(crate) struct Sending {
    left: Bytes,
    /// Bytes that the answer promises and that are not sent.
    withheld: usize,
    /// Bytes at a time.
    piece: usize,
    pause: Option<Duration>,
    /// What cuts the connection behind the bytes, if it is to be cut.
    cut: Option<Scissors>,
    /// The pause after the bytes before.
    waiting: Option<Pin<Box<Sleep>>>,
    trailers: Option<HeaderMap>,
}

impl Body for Sending {
    type Data = Bytes;
    type Error = HangUp;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HangUp>>> {
        if let Some(waiting) = &mut self.waiting {
            ready!(waiting.as_mut().poll(context));
            self.waiting = None;
        }
        if !self.left.is_empty() {
            let piece = self.piece.min(self.left.len());
            let piece = self.left.split_to(piece);
            self.waiting = self.pause.map(|pause| Box::pin(sleep(pause)));
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        if let Some(scissors) = &self.cut {
            // The connection ends when it is next flushed, which the server does while it waits for this body.
            scissors.cut();
            return Poll::Pending;
        }
        Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty() && self.cut.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.left.len() + self.withheld).unwrap_or(u64::MAX))
    }
}
