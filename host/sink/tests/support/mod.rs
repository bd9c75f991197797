//! What the tests of all sinks share.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use arrow_array::builder::{Float64Builder, Int64Builder, StringBuilder};
use arrow_array::{RecordBatch, TimestampMicrosecondArray};
use gristmill_record::arrow::table_schema;
use gristmill_record::{Description, Input, OnMismatch, Origin, OutputColumn, Scalar, Table, TableDraft};
use gristmill_sink::{Begun, Load, OnConflict, Sink, SinkError, TableCount};

pub(crate) const STARTED_AT: i64 = 1_704_067_200_000_000;

/// The sinks block inside: there is nothing to wait for.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
    }
}

/// Names of all files and folders below a folder, sorted.
pub(crate) fn listing(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&next) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            names.push(path.strip_prefix(folder).unwrap().display().to_string());
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    names.sort();
    names
}

pub(crate) fn column(name: &str, scalar: Scalar, required: bool) -> OutputColumn {
    OutputColumn { name: name.into(), ty: scalar.into(), required, description: String::new() }
}

pub(crate) fn tables(drafts: Vec<TableDraft>) -> Vec<Table> {
    let input = Input {
        name: "name".into(),
        origin: Origin::DocumentName,
        ty: Scalar::String.into(),
        required: true,
        on_mismatch: OnMismatch::Reject,
    };
    Description::new("a/{x}", vec![input], drafts).unwrap().tables().to_vec()
}

/// The destination table of section A of the requirements: eleven columns, by the day of `event_ts`.
pub(crate) fn quality_stream(partitioned: bool) -> Table {
    let draft = TableDraft {
        name: "quality_stream".into(),
        columns: vec![
            column("insert_id", Scalar::String, true),
            column("team_id", Scalar::String, true),
            column("report_id", Scalar::String, true),
            column("event_ts", Scalar::Timestamp, true),
            column("overallScore", Scalar::Float64, false),
            column("coverage", Scalar::Float64, false),
            column("gaps", Scalar::Int64, false),
            column("overlaps", Scalar::Int64, false),
            column("avgDur", Scalar::Float64, false),
            column("source", Scalar::String, false),
            column("load_ts", Scalar::Timestamp, false),
        ],
        key: vec!["insert_id".into()],
        partition_by: partitioned.then(|| "event_ts".into()),
        cluster_by: vec!["team_id".into(), "report_id".into()],
        ..TableDraft::default()
    };
    tables(vec![draft]).remove(0)
}

/// Rows `range` of a made-up history of `days` days, in no order of time; the same in every run.
pub(crate) fn quality_rows(table: &Table, range: std::ops::Range<u64>, days: u64) -> RecordBatch {
    let (mut id, mut team, mut report) = (StringBuilder::new(), StringBuilder::new(), StringBuilder::new());
    let (mut score, mut coverage, mut duration) = (Float64Builder::new(), Float64Builder::new(), Float64Builder::new());
    let (mut gaps, mut overlaps, mut source) = (Int64Builder::new(), Int64Builder::new(), StringBuilder::new());
    let (mut at, mut loaded) = (Vec::new(), Vec::new());
    for i in range {
        // SplitMix64.
        let mut x = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^= x >> 31;
        let second = STARTED_AT / 1_000_000 - i64::try_from(x % (days * 86_400)).unwrap();
        let (t, r) = (format!("team-{:04}", i / 5_000), format!("report-{:03}", i / 100 % 50));
        id.append_value(format!("{t}-{r}-{second}-{i:010}"));
        team.append_value(t);
        report.append_value(r);
        at.push(second * 1_000_000 + i64::try_from(x >> 45).unwrap());
        score.append_option((x % 50 != 0).then(|| (x >> 20) as f64 / (1_u64 << 44) as f64));
        coverage.append_value((x >> 11) as f64 / (1_u64 << 53) as f64);
        gaps.append_value(i64::try_from(x % 5).unwrap());
        overlaps.append_value(i64::try_from(x % 3).unwrap());
        duration.append_value((x % 10_000) as f64 / 1_000.0);
        source.append_value("backfill");
        loaded.push(STARTED_AT);
    }
    let columns: Vec<arrow_array::ArrayRef> = vec![
        Arc::new(id.finish()),
        Arc::new(team.finish()),
        Arc::new(report.finish()),
        Arc::new(TimestampMicrosecondArray::from(at).with_timezone("UTC")),
        Arc::new(score.finish()),
        Arc::new(coverage.finish()),
        Arc::new(gaps.finish()),
        Arc::new(overlaps.finish()),
        Arc::new(duration.finish()),
        Arc::new(source.finish()),
        Arc::new(TimestampMicrosecondArray::from(loaded).with_timezone("UTC")),
    ];
    RecordBatch::try_new(table_schema(table), columns).unwrap()
}

pub(crate) fn load(run: &str, job: &str, tables: &[Table]) -> Load {
    Load {
        run_id: run.into(),
        job: job.into(),
        started_at: STARTED_AT,
        tables: tables.to_vec(),
        on_conflict: OnConflict::Keep,
        plugin: "test@0.1.0".into(),
        plugin_digest: "ab".repeat(32),
    }
}

/// A whole load of one table.
pub(crate) fn run(sink: &mut dyn Sink, load: &Load, batches: &[RecordBatch]) -> Result<Vec<TableCount>, SinkError> {
    block_on(async {
        if let Begun::AlreadyLoaded(counts) = sink.begin(load).await? {
            return Ok(counts);
        }
        for rows in batches {
            sink.write(0, rows.clone()).await?;
        }
        sink.commit().await
    })
}
