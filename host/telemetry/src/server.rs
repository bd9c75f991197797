//! Metrics over HTTP, for as long as the run goes on.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::error::TelemetryError;
use crate::text::{content_type, text};
use crate::watched::Watched;

/// Connections that are answered at a time; others wait in the kernel's queue.
const CONNECTIONS: usize = 8;
/// How long a client may take over its request, and over reading the answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes that the head of a request may have: hyper takes no smaller limit.
const HEAD: usize = 8 << 10;

/// Serves `GET /metrics` until it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl Server {
    /// Listens. `address` may have port 0, for one that is free.
    ///
    /// # Errors
    /// When nobody can listen there.
    pub fn start(address: SocketAddr, watched: Arc<Watched>) -> Result<Self, TelemetryError> {
        let fail = |source| TelemetryError::Listen { address: address.to_string(), source };
        let listener = TcpListener::bind(address).map_err(fail)?;
        listener.set_nonblocking(true).map_err(fail)?;
        let bound = listener.local_addr().map_err(fail)?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("gristmill-metrics")
            .enable_all()
            .build()
            .map_err(TelemetryError::Runtime)?;
        let guard = runtime.enter();
        let listener = tokio::net::TcpListener::from_std(listener).map_err(fail)?;
        drop(guard);
        runtime.spawn(accept(listener, watched));
        Ok(Self { address: bound, runtime: Some(runtime) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A client that is slow is not waited for.
            runtime.shutdown_background();
        }
    }
}

async fn accept(listener: tokio::net::TcpListener, watched: Arc<Watched>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    while let Ok(permit) = Arc::clone(&room).acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, say: others may close theirs.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let watched = Arc::clone(&watched);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let answer = answer(&request, &watched);
                async move { Ok::<_, Infallible>(answer) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .max_buf_size(HEAD)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service);
            // Who goes away, or is too slow, gets no answer, and nobody else minds.
            let _ = timeout(PATIENCE * 2, connection).await;
            drop(permit);
        });
    }
}

fn answer(request: &Request<Incoming>, watched: &Watched) -> Response<Full<Bytes>> {
    let plain = "text/plain; charset=utf-8".to_owned();
    let is_get = request.method() == Method::GET;
    let (status, content_type, body) = match request.uri().path() {
        _ if !is_get => (StatusCode::METHOD_NOT_ALLOWED, plain, "only GET is answered\n".to_owned()),
        "/metrics" => (StatusCode::OK, content_type(), text(&watched.values())),
        _ => (StatusCode::NOT_FOUND, plain, "metrics are at /metrics\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    if let Ok(value) = content_type.parse() {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    if !is_get {
        response.headers_mut().insert(ALLOW, hyper::header::HeaderValue::from_static("GET"));
    }
    response
}
