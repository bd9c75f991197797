//! Documents per second of one core, by format: quality reports, the inputs of the default plugin and some more of the same fields.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    reason = "a benchmark fails by panicking, and makes small numbers"
)]

use std::sync::Arc;

use divan::counter::{BytesCount, ItemsCount};
use gristmill_decode::{Decoder, Format, Limits, Projection};
use gristmill_record::{DataType, Description, Input, OnMismatch, Origin, OutputColumn, Scalar, TableDraft};

#[path = "../tests/kit/encode.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the tests, which use all of it")]
mod encode;

use encode::{Id, Value};

const DOCUMENTS: usize = 20_000;
/// What a reader hands over at a time.
const CHUNK: usize = 256 << 10;

fn main() {
    divan::main();
}

fn input(name: &str, origin: Origin, ty: Scalar) -> Input {
    let ty = DataType::Scalar(ty);
    Input { name: name.into(), origin, ty, required: false, on_mismatch: OnMismatch::Null }
}

fn field(name: &str, path: &[&str], ty: Scalar) -> Input {
    input(name, Origin::Field(path.iter().map(|s| (*s).to_owned()).collect()), ty)
}

fn projection(pattern: &str) -> Arc<Projection> {
    let capture = |name: &str| input(name, Origin::PathCapture(name.into()), Scalar::String);
    let inputs = vec![
        capture("team"),
        capture("report"),
        capture("timestamp"),
        field("overall", &["metrics", "overallScore"], Scalar::Float64),
        field("coverage", &["metrics", "coverage"], Scalar::Float64),
        field("gaps", &["metrics", "gaps"], Scalar::Int64),
        field("overlaps", &["metrics", "overlaps"], Scalar::Int64),
        field("duration", &["metrics", "avgDur"], Scalar::Float64),
        field("created", &["createdAt"], Scalar::Timestamp),
        field("created_text", &["createdAt"], Scalar::String),
        input("created_type", Origin::FieldType(vec!["createdAt".into()]), Scalar::String),
        input("updated", Origin::UpdateTime, Scalar::Timestamp),
    ];
    let column =
        OutputColumn { name: "c".into(), ty: Scalar::String.into(), required: false, description: String::new() };
    let table = TableDraft { name: "t".into(), columns: vec![column], ..TableDraft::default() };
    let description = Description::new(pattern, inputs, vec![table]).expect("a description");
    Arc::new(Projection::new(&description, 1))
}

fn taken() -> Arc<Projection> {
    projection("teams/{team}/reports/{report}/qualityReports/{timestamp}")
}

fn other() -> Arc<Projection> {
    projection("teams/{team}/reports/{report}/comments/{timestamp}")
}

/// Some numbers that differ from document to document, the same in every run.
fn numbers(n: usize) -> [u64; 3] {
    let mut x = (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    [(); 3].map(|()| {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x
    })
}

fn log() -> Vec<u8> {
    let records: Vec<_> = (0..DOCUMENTS)
        .map(|n| {
            let [a, b, c] = numbers(n);
            let named = |name: &str, value| (name.to_owned(), value);
            let metrics = vec![
                named("overallScore", Value::Double((a % 1_000_000) as f64 / 1e6)),
                named("coverage", Value::Double((b % 10_000) as f64 / 1e4)),
                named("gaps", Value::Integer((a % 10) as i64)),
                named("overlaps", Value::Integer((b % 10) as i64)),
                named("avgDur", Value::Double((c % 100_000) as f64 / 100.0)),
            ];
            let created = 1_700_000_000_000_000 + n as i64 * 1_000_000;
            let fields = [
                named("metrics", Value::Map(metrics)),
                named("createdAt", Value::Timestamp(created)),
                named("author", Value::String(format!("user-{}", c % 100))),
                named("reviewed", Value::Boolean(a % 2 == 0)),
            ];
            let id = |text: String| Id::Text(text);
            let path = [
                ("teams", id(format!("team-{:08x}", a as u32))),
                ("reports", id(format!("2024-W{:02}", b % 52))),
                ("qualityReports", id(format!("2024-02-19T20:19:49.{n:06}Z"))),
            ];
            encode::entity(&path, &fields)
        })
        .collect();
    let total: usize = records.iter().map(Vec::len).sum();
    eprintln!("log: {} bytes a record", total / records.len());
    encode::log(&records)
}

fn json() -> Vec<u8> {
    use std::io::Write;
    let mut out = Vec::new();
    for n in 0..DOCUMENTS {
        let [a, b, c] = numbers(n);
        writeln!(
            out,
            "{{\"name\":\"projects/demo/databases/(default)/documents/teams/team-{:08x}/reports/2024-W{:02}/qualityReports/2024-02-19T20:19:49.{n:06}Z\",\"fields\":{{\"metrics\":{{\"mapValue\":{{\"fields\":{{\"overallScore\":{{\"doubleValue\":{}}},\"coverage\":{{\"doubleValue\":{}}},\"gaps\":{{\"integerValue\":\"{}\"}},\"overlaps\":{{\"integerValue\":\"{}\"}},\"avgDur\":{{\"doubleValue\":{}}}}}}}}},\"createdAt\":{{\"timestampValue\":\"2024-02-19T20:19:49.{n:06}Z\"}}}},\"createTime\":\"2024-02-19T20:20:00.000000Z\",\"updateTime\":\"2024-02-19T20:20:01.123456Z\"}}",
            a as u32,
            b % 52,
            (a % 1_000_000) as f64 / 1e6,
            (b % 10_000) as f64 / 1e4,
            a % 10,
            b % 10,
            (c % 100_000) as f64 / 100.0,
        )
        .expect("a vector");
    }
    eprintln!("json: {} bytes a document", out.len() / DOCUMENTS);
    out
}

fn decode(format: Format, projection: &Arc<Projection>, file: &[u8]) -> usize {
    let mut decoder = Decoder::new(format, Arc::clone(projection), 0, None, Limits::default());
    let (mut chunks, mut records) = (file.chunks(CHUNK), 0);
    while !decoder.is_done() {
        match chunks.next() {
            Some(chunk) => decoder.feed(chunk),
            None => decoder.finish_input(),
        }
        while let Some(batch) = decoder.next_batch(4_096).expect("a sound file") {
            assert!(batch.refused.is_empty());
            records += usize::try_from(batch.tally.records).expect("few");
        }
    }
    assert_eq!(records, DOCUMENTS);
    records
}

fn bench(bencher: divan::Bencher<'_, '_>, format: Format, projection: &Arc<Projection>, file: &[u8]) {
    bencher
        .counter(ItemsCount::new(DOCUMENTS))
        .counter(BytesCount::new(file.len()))
        .bench(|| decode(format, projection, divan::black_box(file)));
}

#[divan::bench]
fn log_to_columns(bencher: divan::Bencher<'_, '_>) {
    bench(bencher, Format::Log, &taken(), &log());
}

#[divan::bench]
fn log_other_documents(bencher: divan::Bencher<'_, '_>) {
    bench(bencher, Format::Log, &other(), &log());
}

#[divan::bench]
fn log_to_rest(bencher: divan::Bencher<'_, '_>) {
    bench(bencher, Format::Log, &Arc::new(Projection::documents(None, 1)), &log());
}

#[divan::bench]
fn json_to_columns(bencher: divan::Bencher<'_, '_>) {
    bench(bencher, Format::Json, &taken(), &json());
}

#[divan::bench]
fn json_other_documents(bencher: divan::Bencher<'_, '_>) {
    bench(bencher, Format::Json, &other(), &json());
}

#[divan::bench]
fn json_to_rest(bencher: divan::Bencher<'_, '_>) {
    bench(bencher, Format::Json, &Arc::new(Projection::documents(None, 1)), &json());
}
