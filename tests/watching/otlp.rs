//! Traces and metrics of OpenTelemetry, as a receiver gets them.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data, number_data_point::Value as Number};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use super::{export_of, run};
use crate::kit::finish;

/// What came: the path, and the body.
type Got = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// Takes what is sent to it, and answers with a status.
struct Receiver {
    address: SocketAddr,
    got: Got,
}

impl Receiver {
    fn start(status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let got = Got::default();
        let kept = Arc::clone(&got);
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || serve(stream, status, &kept));
            }
        });
        Self { address, got }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn spans(&self) -> Vec<Span> {
        let got = self.got.lock().unwrap();
        let bodies = got.iter().filter(|(path, _)| path == "/v1/traces").map(|(_, body)| body.as_slice());
        let requests = bodies.map(|body| ExportTraceServiceRequest::decode(body).unwrap());
        let of_resources = requests.flat_map(|request| request.resource_spans);
        let mut spans = Vec::new();
        for of_resource in of_resources {
            let resource = of_resource.resource.unwrap();
            assert_eq!(text(&resource.attributes, "service.name"), "gristmill");
            assert_eq!(text(&resource.attributes, "service.version"), env!("CARGO_PKG_VERSION"));
            spans.extend(of_resource.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans));
        }
        spans
    }

    /// The metrics of the last time that they came.
    fn metrics(&self) -> Vec<Metric> {
        let got = self.got.lock().unwrap();
        let (_, body) = got.iter().rfind(|(path, _)| path == "/v1/metrics").unwrap();
        let request = ExportMetricsServiceRequest::decode(body.as_slice()).unwrap();
        let of_scopes = request.resource_metrics.into_iter().flat_map(|of_resource| of_resource.scope_metrics);
        of_scopes.flat_map(|of_scope| of_scope.metrics).collect()
    }
}

fn serve(mut stream: TcpStream, status: &str, got: &Got) -> Option<()> {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut bytes = Vec::new();
    loop {
        let head_end = loop {
            if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            read_some(&mut stream, &mut bytes)?;
        };
        let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
        let length =
            head.lines().find_map(|l| l.to_lowercase().strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        let length = length.unwrap_or_default();
        while bytes.len() < head_end + length {
            read_some(&mut stream, &mut bytes)?;
        }
        assert!(head.starts_with("POST ") && head.to_lowercase().contains("application/x-protobuf"), "{head}");
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let body = bytes[head_end..head_end + length].to_vec();
        bytes.drain(..head_end + length);
        got.lock().unwrap().push((path, body));
        stream.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes()).ok()?;
    }
}

fn read_some(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<()> {
    let mut part = [0; 16_384];
    let read = stream.read(&mut part).ok().filter(|read| *read > 0)?;
    bytes.extend_from_slice(&part[..read]);
    Some(())
}

fn value<'a>(attributes: &'a [KeyValue], name: &str) -> Option<&'a Any> {
    attributes.iter().find(|a| a.key == name)?.value.as_ref()?.value.as_ref()
}

fn text(attributes: &[KeyValue], name: &str) -> String {
    match value(attributes, name) {
        Some(Any::StringValue(text)) => text.clone(),
        other => panic!("{name} is {other:?}"),
    }
}

fn int(attributes: &[KeyValue], name: &str) -> i64 {
    match value(attributes, name) {
        Some(Any::IntValue(n)) => *n,
        other => panic!("{name} is {other:?}"),
    }
}

#[test]
fn a_trace_of_the_run() {
    let f = export_of(20_000);
    let receiver = Receiver::start("200 OK");
    let ran = finish(&mut run(f.path(), &["--otlp", &receiver.url(), "--json", "--job", "nightly"])).ok();
    assert_eq!(ran.stderr, "", "nothing is said where all is well");
    let summary = ran.json();
    let spans = receiver.spans();
    let (root, rest): (Vec<&Span>, Vec<&Span>) = spans.iter().partition(|span| span.name == "gristmill run");
    let [root] = root.as_slice() else { panic!("{} roots", root.len()) };
    assert!(root.parent_span_id.is_empty());
    assert_eq!(text(&root.attributes, "gristmill.run.id"), summary["run_id"].as_str().unwrap());
    assert_eq!(text(&root.attributes, "gristmill.job"), "nightly");
    assert_eq!(int(&root.attributes, "gristmill.records.read"), summary["records"]["read"].as_i64().unwrap());
    assert_eq!(int(&root.attributes, "process.exit.code"), 0);
    assert_eq!(root.status.as_ref().unwrap().code, 1, "it is said to be well");
    let (splits, phases): (Vec<&Span>, Vec<&Span>) = rest.into_iter().partition(|span| span.name == "split");
    let names: Vec<&str> = phases.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["prepare", "map", "dedup", "load", "commit"]);
    for phase in &phases {
        assert_eq!((&phase.parent_span_id, &phase.trace_id), (&root.span_id, &root.trace_id), "{}", phase.name);
        assert!(root.start_time_unix_nano <= phase.start_time_unix_nano);
        assert!(phase.start_time_unix_nano <= phase.end_time_unix_nano);
        assert!(phase.end_time_unix_nano <= root.end_time_unix_nano);
    }
    assert_eq!(u64::try_from(splits.len()).ok(), summary["splits"].as_u64());
    let map = &phases[1];
    assert!(splits.iter().all(|split| split.parent_span_id == map.span_id));
    let records: i64 = splits.iter().map(|split| int(&split.attributes, "gristmill.split.records")).sum();
    assert_eq!(Some(records), summary["records"]["read"].as_i64());
    // Content of records is in none of it.
    let all = format!("{spans:?}");
    assert!(!all.contains("teams/"), "{all}");
}

#[test]
fn metrics_with_their_units() {
    let f = export_of(5_000);
    let receiver = Receiver::start("200 OK");
    let summary = finish(&mut run(f.path(), &["--otlp", &receiver.url(), "--json"])).ok().json();
    let metrics = receiver.metrics();
    for metric in &metrics {
        assert!(metric.name.starts_with("gristmill.") && !metric.name.ends_with("total"), "{}", metric.name);
        let unit = metric.unit.as_str();
        assert!(["s", "By"].contains(&unit) || (unit.starts_with('{') && unit.ends_with('}')), "{unit}");
        assert!(!metric.description.is_empty());
    }
    let find = |name: &str| metrics.iter().find(|m| m.name == name).unwrap_or_else(|| panic!("{name}: {metrics:?}"));
    let Some(Data::Sum(read)) = &find("gristmill.records.read").data else { panic!("it counts") };
    assert!(read.is_monotonic && read.aggregation_temporality == 2);
    assert_eq!(read.data_points[0].value, Some(Number::AsInt(summary["records"]["read"].as_i64().unwrap())));
    let Some(Data::Sum(rows)) = &find("gristmill.rows").data else { panic!("it counts") };
    let inserted = rows.data_points.iter().find(|point| text(&point.attributes, "gristmill.outcome") == "inserted");
    let inserted = inserted.unwrap();
    assert_eq!(text(&inserted.attributes, "gristmill.table"), "quality_stream");
    assert_eq!(inserted.value, Some(Number::AsInt(summary["rows"][0]["inserted"].as_i64().unwrap())));
    let Some(Data::Gauge(phases)) = &find("gristmill.run.phase.duration").data else { panic!("it goes up and down") };
    assert!(phases.data_points.iter().any(|point| text(&point.attributes, "gristmill.phase") == "load"));
}

#[test]
fn a_run_that_fails_says_why() {
    let f = export_of(500);
    let receiver = Receiver::start("200 OK");
    finish(&mut run(f.path(), &["--otlp", &receiver.url(), "--max-rejected", "0"])).fails(7, &["run.max-rejected"]);
    let spans = receiver.spans();
    let root = spans.iter().find(|span| span.name == "gristmill run").unwrap();
    assert_eq!(text(&root.attributes, "error.type"), "run.max-rejected");
    assert_eq!(root.status.as_ref().unwrap().code, 2);
    assert!(int(&root.attributes, "gristmill.dead_letters") > 0);
}

/// Nobody there, or one that refuses: the run is what it would be, and says it once.
#[test]
fn a_receiver_that_fails_fails_no_run() {
    let f = export_of(500);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refusing = Receiver::start("403 Forbidden");
    for (to, why) in [(format!("http://{closed}"), "refused"), (refusing.url(), "403")] {
        let start = Instant::now();
        let ran = finish(&mut run(f.path(), &["--otlp", &to, "--json"])).ok();
        assert!(start.elapsed() < Duration::from_secs(40));
        assert_eq!(ran.stderr.matches("--otlp").count(), 1, "{}", ran.stderr);
        assert!(ran.stderr.contains(why) && ran.stderr.contains(&to), "{}", ran.stderr);
        assert!(ran.json()["records"]["read"].as_u64() >= Some(500));
    }
}

/// The standard variables count only where they are asked for.
#[test]
fn variables_count_only_where_they_are_asked_for() {
    let f = export_of(500);
    let receiver = Receiver::start("200 OK");
    let url = receiver.url();
    finish(run(f.path(), &[]).env("OTEL_EXPORTER_OTLP_ENDPOINT", &url)).ok();
    assert!(receiver.got.lock().unwrap().is_empty());
    finish(run(f.path(), &["--otlp", "env"]).env("OTEL_EXPORTER_OTLP_ENDPOINT", &url)).ok();
    assert!(!receiver.spans().is_empty() && !receiver.metrics().is_empty());
}
