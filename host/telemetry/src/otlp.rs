//! A trace of the run, and its metrics, by OpenTelemetry's protocol over HTTP.
//!
//! The trace has a span for the run, below it one for each phase, and below that of the map one for each split. Nothing is sent on the threads that do the work, and
//! what cannot be sent is dropped.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use gristmill_pipeline::{Observer, Phase, SplitDone};
use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry::trace::{Status, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_otlp::{
    ExporterBuildError, MetricExporter, Protocol, RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, IdGenerator as _, RandomIdGenerator, SdkTracer, SdkTracerProvider,
};
use tokio::runtime::{Builder, Runtime};

use crate::client::{Client, PATIENCE, Told, Trouble};
use crate::error::TelemetryError;
use crate::metrics::{Kind, METRICS, Metric};
use crate::watched::{About, End, Number, Watched};

/// Between two times that metrics are sent.
const EVERY: Duration = Duration::from_secs(10);
/// How long the end of a run waits for what is still to be sent.
const FLUSH: Duration = Duration::from_secs(5);
/// Spans that wait to be sent at most; more are dropped.
const WAITING: usize = 8_192;

/// Where the receiver is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// Its address, to which `/v1/traces` and `/v1/metrics` are added.
    Url(String),
    /// As the standard variables say, `OTEL_EXPORTER_OTLP_ENDPOINT` and those beside it.
    Environment,
}

impl FromStr for Endpoint {
    type Err = TelemetryError;

    fn from_str(text: &str) -> Result<Self, TelemetryError> {
        if text == "env" {
            return Ok(Self::Environment);
        }
        let fail = |what: &str| TelemetryError::Endpoint { endpoint: text.to_owned(), what: what.to_owned() };
        let url = reqwest::Url::parse(text).map_err(|error| fail(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(fail("an address begins with http:// or https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            // Nor is the address said once more.
            let what = "a user and a password have no place in it; OTEL_EXPORTER_OTLP_HEADERS takes a token".to_owned();
            return Err(TelemetryError::Endpoint { endpoint: "--otlp".to_owned(), what });
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(fail("an address has nothing after its path"));
        }
        Ok(Self::Url(text.trim_end_matches('/').to_owned()))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(url),
            Self::Environment => f.write_str("env"),
        }
    }
}

/// Sends a trace for each time that a process works on the run, and metrics all the while.
#[derive(Debug)]
pub struct Otlp {
    traces: SdkTracerProvider,
    metrics: SdkMeterProvider,
    tracer: SdkTracer,
    trace: Mutex<Option<Arc<Trace>>>,
    threads: Option<Runtime>,
}

impl Otlp {
    /// Begins to send. Whether anybody is there is not known before the first time that something is sent.
    ///
    /// # Errors
    /// When the address is none, or threads cannot be started.
    pub fn start(endpoint: &Endpoint, version: &'static str, watched: &Arc<Watched>) -> Result<Self, TelemetryError> {
        let threads = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("gristmill-otlp")
            .enable_all()
            .build()
            .map_err(TelemetryError::Runtime)?;
        let fail = |what: String| TelemetryError::Endpoint { endpoint: endpoint.to_string(), what };
        let trouble = Trouble::default();
        let http = reqwest::Client::builder().timeout(PATIENCE).build().map_err(|error| fail(error.to_string()))?;
        let client = Client { http, threads: threads.handle().clone(), trouble: trouble.clone() };
        let build_error = |error: ExporterBuildError| fail(error.to_string());
        let retry = RetryPolicy::recommended().with_max_retries(1);

        let mut spans = SpanExporter::builder().with_http().with_http_client(client.clone());
        let mut numbers = MetricExporter::builder().with_http().with_http_client(client);
        if let Endpoint::Url(url) = endpoint {
            spans = spans.with_endpoint(format!("{url}/v1/traces"));
            numbers = numbers.with_endpoint(format!("{url}/v1/metrics"));
        }
        let spans = spans.with_protocol(Protocol::HttpBinary).with_retry_policy(retry.clone());
        let numbers = numbers.with_protocol(Protocol::HttpBinary).with_retry_policy(retry);
        let spans = Told { exporter: spans.build().map_err(build_error)?, trouble: trouble.clone() };
        let numbers = Told { exporter: numbers.build().map_err(build_error)?, trouble };

        let resource = resource(version);
        let queue = BatchConfigBuilder::default().with_max_queue_size(WAITING).build();
        let traces = SdkTracerProvider::builder()
            .with_resource(resource.clone())
            .with_span_processor(BatchSpanProcessor::builder(spans).with_batch_config(queue).build())
            .build();
        let metrics = SdkMeterProvider::builder()
            .with_resource(resource)
            .with_reader(PeriodicReader::builder(numbers).with_interval(EVERY).build())
            .build();
        let scope = InstrumentationScope::builder("gristmill").with_version(version).build();
        instruments(&metrics.meter_with_scope(scope.clone()), watched);
        let tracer = traces.tracer_with_scope(scope);
        Ok(Self { traces, metrics, tracer, trace: Mutex::new(None), threads: Some(threads) })
    }

    /// Begins a trace, as a process begins to work on the run. What is given has to be told what happens.
    pub fn begin(&self) -> Box<dyn Observer> {
        let root = Context::new().with_span(self.tracer.start_with_context("gristmill run", &Context::new()));
        let trace = Arc::new(Trace { tracer: self.tracer.clone(), root, phase: Mutex::new(None) });
        *self.trace.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&trace));
        Box::new(Teller(trace))
    }

    fn trace(&self) -> Option<Arc<Trace>> {
        self.trace.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the run is, when that is known.
    pub fn is(&self, about: &About) {
        let Some(trace) = self.trace() else { return };
        let all = [
            ("gristmill.run.id", &about.run),
            ("gristmill.job", &about.job),
            ("gristmill.plugin", &about.plugin),
            ("gristmill.input", &about.input),
            ("gristmill.destination", &about.destination),
        ];
        for (name, value) in all.into_iter().filter(|(_, value)| !value.is_empty()) {
            trace.root.span().set_attribute(KeyValue::new(name, value.clone()));
        }
    }

    /// Ends the trace.
    pub fn end(&self, end: &End) {
        let Some(trace) = self.trace.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        trace.end_phase();
        let span = trace.root.span();
        span.set_attribute(KeyValue::new("process.exit.code", i64::from(end.exit_code)));
        if let Some(ledger) = &end.ledger {
            let counts = [
                ("gristmill.records.read", ledger.records.read),
                ("gristmill.dead_letters", ledger.dead_letters()),
                ("gristmill.rows.loaded", ledger.rows.iter().map(|r| r.inserted + r.updated).sum()),
            ];
            for (name, count) in counts {
                span.set_attribute(KeyValue::new(name, signed(count)));
            }
        }
        match &end.error {
            None => span.set_status(Status::Ok),
            Some(code) => {
                span.set_attribute(KeyValue::new("error.type", code.clone()));
                span.set_status(Status::error(code.clone()));
            }
        }
        span.end();
    }
}

impl Drop for Otlp {
    /// Sends what is left, for some seconds at most.
    fn drop(&mut self) {
        std::thread::scope(|scope| {
            // What fails has been said.
            scope.spawn(|| drop(self.traces.shutdown_with_timeout(FLUSH)));
            scope.spawn(|| drop(self.metrics.shutdown_with_timeout(FLUSH)));
        });
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}

/// Who sends: this process.
fn resource(version: &'static str) -> Resource {
    let mut resource = Resource::builder();
    // The standard variable goes before our own name.
    if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name("gristmill");
    }
    let instance = RandomIdGenerator::default().new_trace_id().to_string();
    resource
        .with_attribute(KeyValue::new("service.version", version))
        .with_attribute(KeyValue::new("service.instance.id", instance))
        .with_attribute(KeyValue::new("process.pid", i64::from(std::process::id())))
        .build()
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// An instrument for each metric, which is asked for its value when metrics are sent.
fn instruments(meter: &Meter, watched: &Arc<Watched>) {
    for metric in METRICS {
        let Some((name, unit)) = metric.otel else { continue };
        let watched = Arc::clone(watched);
        match (metric.kind, unit) {
            (_, "s") => {
                let ask = move |of: &dyn opentelemetry::metrics::AsyncInstrument<f64>| {
                    each(&watched, metric, |number, attributes| {
                        if let Number::Seconds(seconds) = number {
                            of.observe(seconds, attributes);
                        }
                    });
                };
                meter
                    .f64_observable_gauge(name)
                    .with_unit(unit)
                    .with_description(metric.help)
                    .with_callback(ask)
                    .build();
            }
            (kind, _) => {
                let ask = move |of: &dyn opentelemetry::metrics::AsyncInstrument<u64>| {
                    each(&watched, metric, |number, attributes| {
                        if let Number::Count(count) = number {
                            of.observe(count, attributes);
                        }
                    });
                };
                match kind {
                    Kind::Counter => {
                        let counter = meter.u64_observable_counter(name).with_unit(unit);
                        counter.with_description(metric.help).with_callback(ask).build();
                    }
                    Kind::Gauge => {
                        let gauge = meter.u64_observable_gauge(name).with_unit(unit);
                        gauge.with_description(metric.help).with_callback(ask).build();
                    }
                }
            }
        }
    }
}

fn each(watched: &Watched, metric: &'static Metric, mut observe: impl FnMut(Number, &[KeyValue])) {
    for value in watched.values().into_iter().filter(|value| value.metric == metric) {
        let pair = |(name, text): (&&str, String)| KeyValue::new(format!("gristmill.{name}"), text);
        let attributes: Vec<KeyValue> = metric.labels.iter().zip(value.labels).map(pair).collect();
        observe(value.number, &attributes);
    }
}

/// A trace under way.
#[derive(Debug)]
struct Trace {
    tracer: SdkTracer,
    root: Context,
    phase: Mutex<Option<Context>>,
}

impl Trace {
    fn end_phase(&self) {
        if let Some(phase) = self.phase.lock().unwrap_or_else(PoisonError::into_inner).take() {
            phase.span().end();
        }
    }
}

/// What the run tells.
#[derive(Debug)]
struct Teller(Arc<Trace>);

impl Observer for Teller {
    fn phase(&self, phase: Phase) {
        self.0.end_phase();
        let span = self.0.tracer.start_with_context(phase.name(), &self.0.root);
        *self.0.phase.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.0.root.with_span(span));
    }

    fn split(&self, split: &SplitDone<'_>) {
        let end = SystemTime::now();
        let begin = end.checked_sub(split.took).unwrap_or(end);
        let phase = self.0.phase.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let span = self.0.tracer.span_builder("split").with_start_time(begin).with_attributes([
            KeyValue::new("gristmill.split.index", i64::try_from(split.index).unwrap_or(i64::MAX)),
            KeyValue::new("gristmill.split.file", split.file.to_owned()),
            KeyValue::new("gristmill.split.start", signed(split.start)),
            KeyValue::new("gristmill.split.records", signed(split.records)),
            KeyValue::new("gristmill.split.refused", signed(split.refused)),
            KeyValue::new("gristmill.split.taken_over", split.taken_over),
        ]);
        let mut span = span.start_with_context(&self.0.tracer, phase.as_ref().unwrap_or(&self.0.root));
        opentelemetry::trace::Span::end_with_timestamp(&mut span, end);
    }
}
