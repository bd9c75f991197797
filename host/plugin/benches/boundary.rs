//! What a call of a plugin costs besides the plugin: columns in, columns out, every check. The guest returns what it is handed.
//!
//! `cargo bench -p gristmill-plugin`
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on says where it stands")]

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use divan::Bencher;
use divan::counter::ItemsCount;
use gristmill_plugin::{ConfiguredPlugin, Context, Engine, Limits, Plugin, Transform};
use gristmill_record::arrow::input_schema;
use serde_json::json;

/// The columns of a quality report, and their types.
const TYPES: &str = "team=string;report=string;at=timestamp;project=string;branch=string;status=string;\
                     score=float64;coverage=float64;duplication=float64;bugs=int64;smells=int64;lines=int64";

fn main() {
    divan::main();
}

fn plugin(types: &str) -> ConfiguredPlugin {
    let engine = Engine::new(None).unwrap();
    let bytes = std::fs::read(gristmill_guest::fixture("echo").unwrap()).unwrap();
    let plugin = Plugin::load(&engine, "echo", &bytes, Limits::default()).unwrap();
    let settings = json!({"types": types}).as_object().unwrap().clone();
    plugin.configure(&settings, Context { run_id: "bench".into(), started_at: 0 }).unwrap()
}

fn batch(plugin: &ConfiguredPlugin, rows: i32, text: &str) -> RecordBatch {
    let strings = || Arc::new((0..rows).map(|i| Some(format!("{text}-{i}"))).collect::<StringArray>()) as ArrayRef;
    let floats =
        || Arc::new((0..rows).map(|i| (i % 7 > 0).then_some(f64::from(i))).collect::<Float64Array>()) as ArrayRef;
    let ints = || Arc::new((0..rows).map(|i| Some(i64::from(i))).collect::<Int64Array>()) as ArrayRef;
    let times = (0..rows).map(|i| Some(i64::from(i))).collect::<TimestampMicrosecondArray>().with_timezone("UTC");
    let columns = vec![
        strings(),
        strings(),
        Arc::new(times) as ArrayRef,
        strings(),
        strings(),
        strings(),
        floats(),
        floats(),
        floats(),
        ints(),
        ints(),
        ints(),
    ];
    RecordBatch::try_new(input_schema(plugin.description()), columns).unwrap()
}

/// 12 columns, 5 of them strings of about 20 bytes; items are rows.
#[divan::bench(args = [1, 64, 1024, 4096, 16384])]
fn ascii(bencher: Bencher<'_, '_>, rows: i32) {
    run(bencher, rows, "quality-report");
}

/// The same with text beyond ASCII.
#[divan::bench(args = [4096])]
fn other_text(bencher: Bencher<'_, '_>, rows: i32) {
    run(bencher, rows, "qualität-プロ");
}

fn run(bencher: Bencher<'_, '_>, rows: i32, text: &str) {
    let plugin = plugin(TYPES);
    let batch = batch(&plugin, rows, text);
    let mut worker = plugin.worker().unwrap();
    bencher.counter(ItemsCount::new(batch.num_rows())).bench_local(|| worker.transform(&batch).unwrap());
}

/// A fresh instance, opened: what a fault costs besides the lost call.
#[divan::bench]
fn instance(bencher: Bencher<'_, '_>) {
    let plugin = plugin(TYPES);
    bencher.bench_local(|| plugin.worker().unwrap());
}
