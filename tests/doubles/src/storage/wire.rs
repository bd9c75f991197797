//! A connection that can be cut behind the bytes that have been written to it.

use std::io::{self, Error, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Cuts a connection, once what has been written to it is on its way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scissors(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    is_cut: bool,
    /// The task of the connection: over HTTP/2 it is another than the one that sends a body.
    task: Option<Waker>,
}

impl Scissors {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn cut(&self) {
        let task = {
            let mut state = self.lock();
            state.is_cut = true;
            state.task.take()
        };
        if let Some(task) = task {
            task.wake();
        }
    }
}

/// A connection, as the server of HTTP sees it.
///
/// Whoever drops a connection takes with it what the server holds back, and a client that reads slowly makes it hold
/// much. The server flushes when it has written everything, so that this is where the connection may end.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TokioIo<TcpStream>,
    scissors: Scissors,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream, scissors: Scissors) -> Self {
        Self { stream: TokioIo::new(stream), scissors }
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.scissors.lock().task = Some(context.waker().clone());
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        match self.scissors.lock().is_cut {
            true => Poll::Ready(Err(Error::new(ErrorKind::ConnectionAborted, "cut, as a test asked"))),
            false => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }
}
