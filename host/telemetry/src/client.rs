//! How what is exported gets to its receiver, and what is said when it does not.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{MetricExporter, SpanExporter};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::SpanData;
use tokio::runtime::Handle;

/// How long a request may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);
/// Bytes of an answer that are read: those of the protocol have some dozen.
const ANSWER: usize = 64 << 10;

/// What went wrong, said once for the whole run: whoever watches must not fill the log.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trouble {
    said: Arc<AtomicBool>,
    last: Arc<Mutex<Option<String>>>,
}

impl Trouble {
    fn keep(&self, what: String) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
    }

    fn say(&self, outcome: OTelSdkResult) -> OTelSdkResult {
        if let Err(error) = &outcome
            && !self.said.swap(true, Ordering::Relaxed)
        {
            let why = self.last.lock().unwrap_or_else(PoisonError::into_inner).take();
            let why = why.unwrap_or_else(|| error.to_string());
            tracing::warn!(
                "traces and metrics do not get to the receiver of --otlp, and the run goes on without: {why}"
            );
        }
        outcome
    }
}

/// Sends on threads of tokio, whatever thread asks.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) threads: Handle,
    pub(crate) trouble: Trouble,
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let http = self.http.clone();
        // Without a user and a password, which are nobody's to see.
        let uri = request.uri();
        let host = uri.authority().map_or("", |authority| authority.as_str().rsplit('@').next().unwrap_or_default());
        let to = format!("{}://{host}{}", uri.scheme_str().unwrap_or("http"), uri.path());
        let sent = self.threads.spawn(async move { send(&http, request).await }).await;
        let outcome = sent.map_err(HttpError::from).and_then(|outcome| outcome);
        match &outcome {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => self.trouble.keep(format!("{to} answers {}", answer.status())),
            Err(error) => self.trouble.keep(format!("{to}: {}", causes(error.as_ref()))),
        }
        outcome
    }
}

async fn send(http: &reqwest::Client, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let mut answer = http.execute(request.try_into()?).await.map_err(reqwest::Error::without_url)?;
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
        body.extend_from_slice(&part);
        if body.len() > ANSWER {
            return Err(format!("the answer has more than {ANSWER} bytes").into());
        }
    }
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = answer.status();
    *response.headers_mut() = std::mem::take(answer.headers_mut());
    Ok(response)
}

/// An error with what caused it: reqwest says why only there.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

/// An exporter whose failures are said once.
#[derive(Debug)]
pub(crate) struct Told<E> {
    pub(crate) exporter: E,
    pub(crate) trouble: Trouble,
}

impl opentelemetry_sdk::trace::SpanExporter for Told<SpanExporter> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.trouble.say(self.exporter.export(batch).await)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &opentelemetry_sdk::Resource) {
        self.exporter.set_resource(resource);
    }
}

impl PushMetricExporter for Told<MetricExporter> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.trouble.say(self.exporter.export(metrics).await)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}

/// How long a webhook may take.
const WEBHOOK: Duration = Duration::from_secs(15);

/// Sends JSON to an address by POST, and waits for the answer, for some seconds.
///
/// # Errors
/// What went wrong, without the address, which may be a secret.
pub fn post(url: &str, body: String) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let http = reqwest::Client::builder().timeout(WEBHOOK).build().map_err(|error| causes(&error.without_url()))?;
        let request = http.post(url).header("content-type", "application/json").body(body);
        let answer = request.send().await.map_err(|error| causes(&error.without_url()))?;
        if answer.status().is_success() { Ok(()) } else { Err(format!("it answers {}", answer.status())) }
    })
}
