//! Rows a second of each sink, on the table of section A of the requirements. `cargo bench -p gristmill-sink`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark stops where something is not as it must be"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use arrow_array::RecordBatch;
use divan::Bencher;
use divan::counter::ItemsCount;
use gristmill_record::Table;
use gristmill_sink::{OnConflict, Sink};
use support::{load, quality_rows, quality_stream, run};
use tempfile::TempDir;

const ROWS: u64 = 1_000_000;
/// Rows of a batch, about what a run hands over.
const BATCH: u64 = 10_000;

fn main() {
    divan::main();
}

fn batches(table: &Table, days: u64) -> Vec<RecordBatch> {
    (0..ROWS / BATCH).map(|b| quality_rows(table, b * BATCH..(b + 1) * BATCH, days)).collect()
}

fn bench(bencher: Bencher<'_, '_>, table: &Table, days: u64, sink: impl Fn(&TempDir) -> Box<dyn Sink>) {
    let batches = batches(table, days);
    bencher
        .counter(ItemsCount::new(ROWS))
        .with_inputs(|| {
            TempDir::new_in(std::env::var_os("BENCH_DIR").unwrap_or_else(|| std::env::temp_dir().into())).unwrap()
        })
        .bench_local_values(|folder| {
            run(sink(&folder).as_mut(), &load("run", "job", std::slice::from_ref(table)), &batches).unwrap();
            folder
        });
}

/// One file after the other.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn parquet(bencher: Bencher<'_, '_>) {
    bench(bencher, &quality_stream(false), 30, |f| Box::new(gristmill_sink::Parquet::new(f.path().join("out"))));
}

/// By day, in no order of time.
#[divan::bench(sample_count = 5, sample_size = 1, args = [30, 365, 3650])]
fn parquet_by_day(bencher: Bencher<'_, '_>, days: u64) {
    bench(bencher, &quality_stream(true), days, |f| Box::new(gristmill_sink::Parquet::new(f.path().join("out"))));
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn ndjson(bencher: Bencher<'_, '_>) {
    bench(bencher, &quality_stream(false), 365, |f| {
        Box::new(gristmill_sink::Ndjson::file(f.path().join("rows.ndjson")))
    });
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn sqlite(bencher: Bencher<'_, '_>) {
    bench(bencher, &quality_stream(false), 365, |f| Box::new(gristmill_sink::Sqlite::new(f.path().join("rows.db"))));
}

/// All rows are there already.
#[divan::bench(sample_count = 3, sample_size = 1, args = [false, true])]
fn sqlite_again(bencher: Bencher<'_, '_>, update: bool) {
    let table = quality_stream(false);
    let batches = batches(&table, 365);
    let folder = TempDir::new().unwrap();
    let mut sink = gristmill_sink::Sqlite::new(folder.path().join("rows.db"));
    let mut load = load("run", "job", &[table]);
    run(&mut sink, &load, &batches).unwrap();
    load.on_conflict = if update { OnConflict::Update } else { OnConflict::Keep };
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| run(&mut sink, &load, &batches).unwrap());
}
