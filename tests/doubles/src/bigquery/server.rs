//! The HTTP server: a thread with a runtime of its own.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::thread::JoinHandle;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::Shared;
use super::api::{self, Reply};
use super::http::{Answer, Request};

/// A running server; it stops when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Takes a port of 127.0.0.1; 0 is any that is free.
    pub(crate) fn bind(port: u16) -> io::Result<TcpListener> {
        let listener = TcpListener::bind(("127.0.0.1", port))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    }

    pub(crate) fn start(listener: TcpListener, shared: Arc<Shared>) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("bigquery-double".to_owned());
        let thread = thread.spawn(move || {
            runtime.block_on(serve(listener, shared, stopped));
            // Not waiting for a query that is still running.
            runtime.shutdown_background();
        })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Until the process ends.
    pub(crate) fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, mut stopped: oneshot::Receiver<Infallible>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let accept = async {
        let mut connections = JoinSet::new();
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            while connections.try_join_next().is_some() {}
            let shared = shared.clone();
            connections.spawn(async move {
                let service = service_fn(|request| answer(shared.clone(), request));
                // An error is a client that went away, or an answer that is lost on purpose.
                drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
            });
        }
    };
    let mut accept = pin!(accept);
    // Ends with the sender, and with it the connections.
    poll_fn(|cx| match Pin::new(&mut stopped).poll(cx) {
        Poll::Ready(_) => Poll::Ready(()),
        Poll::Pending => accept.as_mut().poll(cx),
    })
    .await;
}

/// An error closes the connection without an answer.
async fn answer(shared: Arc<Shared>, request: hyper::Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let target = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let (path, query) = Request::target(&target);
    let header = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    };
    let verb = match head.headers.get("x-http-method-override").and_then(|v| v.to_str().ok()) {
        Some(verb) => verb.to_owned(),
        None => head.method.as_str().to_owned(),
    };
    let headers = head.headers.iter().filter_map(header).collect();
    let request = Request { verb, path, query, headers, body: body.to_vec() };
    if let Some(wait) = shared.wait_of(&request) {
        tokio::time::sleep(wait).await;
    }
    // Queries take their time, and others want an answer meanwhile.
    let answered = tokio::task::spawn_blocking(move || api::respond(&shared, &target, &request));
    let (reply, delay) = answered.await.map_err(io::Error::other)?;
    if let Some(delay) = delay {
        tokio::time::sleep(delay).await;
    }
    match reply {
        Reply::Answer(answer) => response(answer),
        Reply::Cut => Err(io::Error::other("the answer is lost on purpose")),
    }
}

fn response(answer: Answer) -> io::Result<Response<Full<Bytes>>> {
    let mut response = Response::builder().status(StatusCode::from_u16(answer.status).map_err(io::Error::other)?);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(Full::new(answer.body.into())).map_err(io::Error::other)
}
