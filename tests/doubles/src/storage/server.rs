//! Connections: HTTP/1.1 and HTTP/2 without TLS at one port, and what happens to each request.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::{Builder as ThreadBuilder, JoinHandle};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming as IncomingBody;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper::{Request as HttpRequest, Response};
use hyper_util::rt::TokioExecutor;
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::sleep;

use super::answer::{Answer, HangUp, Sending, corrupt};
use super::call::{Call, Reply};
use super::fault::Effect;
use super::grpc;
use super::http::Incoming;
use super::operation::Operation;
use super::refusal::Refusal;
use super::request::Request;
use super::resource;
use super::service::{LARGEST, Service};
use super::wire::{Scissors, Wire};

/// Connections at a time; more of them wait.
const CONNECTIONS: usize = 1_024;

/// A server on a thread of its own, until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) service: Arc<Service>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens at a port of this machine only; 0 for any that is free.
    pub(crate) fn start(port: u16) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        listener.set_nonblocking(true)?;
        let service = Arc::new(Service::new(listener.local_addr()?));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let accepting = Arc::clone(&service);
        let thread = ThreadBuilder::new().name("storage-double".into()).spawn(move || {
            runtime.block_on(async move {
                tokio::spawn(accept(listener, accepting));
                // Ends when the sender is dropped as well.
                _ = stopped.await;
            });
        })?;
        Ok(Self { service, stop: Some(stop), thread: Some(thread) })
    }

    /// Waits until somebody ends the program.
    pub(crate) fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there has been printed, and is no reason for a second one.
            _ = thread.join();
        }
    }
}

async fn accept(listener: std::net::TcpListener, service: Arc<Service>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else { return };
        // What fails here is one connection, not the listener.
        let Ok((stream, _)) = listener.accept().await else { continue };
        _ = stream.set_nodelay(true);
        let service = Arc::clone(&service);
        tokio::spawn(async move {
            let scissors = Scissors::default();
            let wire = Wire::new(stream, scissors.clone());
            let answering = service_fn(|request| answer(Arc::clone(&service), request, scissors.clone()));
            // A connection that breaks, or that a fault closes, is its client's to notice.
            _ = Builder::new(TokioExecutor::new()).serve_connection(wire, answering).await;
            drop(permit);
        });
    }
}

async fn answer(
    service: Arc<Service>,
    request: HttpRequest<IncomingBody>,
    scissors: Scissors,
) -> Result<Response<Sending>, HangUp> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, LARGEST).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(Refusal::too_large(LARGEST)),
        Err(_) => return Err(HangUp),
    };
    let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
    let is_grpc = header(CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/grpc"));
    let bytes = body.as_ref().cloned().unwrap_or_default();
    let incoming = Incoming { method: &head.method, uri: &head.uri, headers: &head.headers, body: &bytes };
    let mut call = body.and_then(|bytes| match is_grpc {
        true => grpc::call(head.uri.path(), &bytes),
        false => incoming.call(&service.uploads),
    });
    let mut record = call.as_ref().map_or_else(|_| unknown(), Call::record);
    record.received = length(&bytes);
    let (effect, latency) = {
        let mut settings = service.settings();
        let effect = settings.faults.next(record.operation, &record.bucket, &record.object);
        (effect, settings.latency)
    };
    match effect {
        Some(Effect::Delay(delay)) => sleep(latency + delay).await,
        _ if !latency.is_zero() => sleep(latency).await,
        _ => {}
    }
    // What is written is corrupted on its way here, what is read on its way back.
    let effect = match (effect, call.as_mut().ok().and_then(Call::payload)) {
        (Some(Effect::Corrupt(at)), Some(payload)) => {
            corrupt(payload, at);
            None
        }
        _ => effect,
    };
    let outcome = outcome(&service, call, effect, header(AUTHORIZATION));
    let answer = outcome.map(|outcome| {
        if let Ok(Reply::Content(content)) = &outcome {
            record.range = content.range;
        }
        write(&service, outcome, &incoming, is_grpc, &mut record)
    });
    if let Ok(answer) = &answer {
        record.sent = answer.sent(effect);
    }
    service.settings().requests.add(record);
    answer.map(|answer| answer.into_response(effect, scissors))
}

/// What comes of a call under its fault; nothing but the end of the connection, where there is to be no answer.
fn outcome(
    service: &Service,
    call: Result<Call, Refusal>,
    effect: Option<Effect>,
    authorization: Option<&str>,
) -> Result<Result<Reply, Refusal>, HangUp> {
    match (effect, &call) {
        (Some(Effect::Refuse(status)), _) => return Ok(Err(Refusal::fault(status))),
        (Some(Effect::HangUp), _) => return Err(HangUp),
        (Some(Effect::Cut(at)), Ok(call @ Call::Part { upload, part, .. }))
            if call.operation() == Operation::UploadPart =>
        {
            service.uploads.broken_part(*upload, part, at);
            return Err(HangUp);
        }
        _ => {}
    }
    let done = call.and_then(|call| service.perform(call, authorization));
    match effect {
        Some(Effect::RefuseAfter(status)) => Ok(Err(Refusal::fault(status))),
        Some(Effect::HangUpAfter) => Err(HangUp),
        _ => Ok(done),
    }
}

fn write(
    service: &Service,
    outcome: Result<Reply, Refusal>,
    incoming: &Incoming<'_>,
    is_grpc: bool,
    record: &mut Request,
) -> Answer {
    let answer = match &outcome {
        Err(refusal) if is_grpc => grpc::refusal(refusal),
        Err(refusal) => resource::refusal(refusal, incoming.is_media()),
        Ok(reply) if is_grpc => grpc::answer(reply.clone()),
        Ok(reply) => resource::answer(service.address, reply.clone()),
    };
    record.status = Some(outcome.err().map_or(answer.status, |refusal| refusal.status));
    answer
}

fn unknown() -> Request {
    Request {
        operation: Operation::Other,
        bucket: String::new(),
        object: String::new(),
        range: None,
        generation: None,
        received: 0,
        sent: 0,
        status: None,
    }
}

fn length(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
