//! Rows of quality reports, as batches for a sink and as files for the clients of engines.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use gristmill_record::arrow::table_schema;
use gristmill_record::time::format_rfc3339;
use gristmill_record::{Description, Input, OnMismatch, Origin, OutputColumn, Scalar, Table, TableDraft};

use crate::Result;

/// Rows in a batch, as a run hands them over.
const BATCH: u64 = 4096;
/// 2024-01-01T00:00:00Z.
const START: i64 = 1_704_067_200_000_000;
/// 2000-01-01T00:00:00Z, from which PostgreSQL counts.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;
/// A prime, to spread places by.
const STEP: u64 = 7_368_787;

/// A row. No value needs escaping in any of the files.
pub(crate) struct Row {
    pub(crate) insert_id: String,
    pub(crate) team_id: String,
    pub(crate) report_id: String,
    pub(crate) event_ts: i64,
    pub(crate) score: f64,
    pub(crate) coverage: f64,
    pub(crate) gaps: i64,
    pub(crate) overlaps: i64,
    pub(crate) duration: f64,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Separated by tabs, times as PostgreSQL and SQLite read them.
    Tabs,
    /// Separated by tabs, times as `DATETIME(6)`.
    MySql,
    /// Separated by commas.
    Commas,
    /// `COPY … (FORMAT binary)`.
    PostgresBinary,
    /// A statement a row.
    Inserts,
}

/// Row number `i` of `of`, in no order of keys.
pub(crate) fn row(i: u64, of: u64) -> Row {
    let place = i.wrapping_mul(STEP) % of.max(1);
    // SplitMix64.
    let mut x = place.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^= x >> 31;
    let small = |shift: u32, below: u64| i64::try_from((x >> shift) % below).unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "53 bits of it, which a double holds")]
    let share = |shift: u32| ((x >> shift) & 0xf_ffff) as f64 / f64::from(1 << 20);
    let second = START / 1_000_000 - small(0, 365 * 86_400);
    let (team_id, report_id) = (format!("team-{:04}", place / 5_000), format!("report-{:03}", place / 100 % 50));
    Row {
        insert_id: format!("{team_id}-{report_id}-{second}-{place:08}"),
        team_id,
        report_id,
        event_ts: second * 1_000_000 + small(40, 1_000_000),
        score: share(11) * 100.0,
        coverage: share(31),
        gaps: small(3, 5),
        overlaps: small(7, 3),
        duration: share(23) * 10.0,
    }
}

/// The table of the default plugin.
pub(crate) fn table() -> Result<Table> {
    let column = |name: &str, ty: Scalar, required| OutputColumn {
        name: name.to_owned(),
        ty: ty.into(),
        required,
        description: String::new(),
    };
    let draft = TableDraft {
        name: "quality_stream".to_owned(),
        columns: vec![
            column("insert_id", Scalar::String, true),
            column("team_id", Scalar::String, true),
            column("report_id", Scalar::String, true),
            column("event_ts", Scalar::Timestamp, true),
            column("overall_score", Scalar::Float64, false),
            column("coverage", Scalar::Float64, false),
            column("gaps", Scalar::Int64, false),
            column("overlapping", Scalar::Int64, false),
            column("avg_dur", Scalar::Float64, false),
            column("source", Scalar::String, false),
            column("load_ts", Scalar::Timestamp, false),
        ],
        key: vec!["insert_id".to_owned()],
        ..TableDraft::default()
    };
    let input = Input {
        name: "name".to_owned(),
        origin: Origin::DocumentName,
        ty: Scalar::String.into(),
        required: true,
        on_mismatch: OnMismatch::Reject,
    };
    let description = Description::new("a/{x}", vec![input], vec![draft])?;
    description.tables().first().cloned().ok_or_else(|| "no table was declared".into())
}

/// All rows, as a run hands them over.
pub(crate) fn batches(table: &Table, rows: u64) -> Result<Vec<RecordBatch>> {
    (0..rows).step_by(4096).map(|from| batch(table, from..(from + BATCH).min(rows), rows)).collect()
}

fn batch(table: &Table, range: Range<u64>, of: u64) -> Result<RecordBatch> {
    let rows: Vec<Row> = range.map(|i| row(i, of)).collect();
    let text = |of: fn(&Row) -> &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(rows.iter().map(of))) };
    let whole = |of: fn(&Row) -> i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values(rows.iter().map(of))) };
    let real = |of: fn(&Row) -> f64| -> ArrayRef { Arc::new(Float64Array::from_iter_values(rows.iter().map(of))) };
    let time = |of: fn(&Row) -> i64| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(of)).with_timezone("UTC"))
    };
    let columns = vec![
        text(|r| &r.insert_id),
        text(|r| &r.team_id),
        text(|r| &r.report_id),
        time(|r| r.event_ts),
        real(|r| r.score),
        real(|r| r.coverage),
        whole(|r| r.gaps),
        whole(|r| r.overlaps),
        real(|r| r.duration),
        text(|_| "backfill"),
        time(|_| START),
    ];
    Ok(RecordBatch::try_new(table_schema(table), columns)?)
}

/// Writes `rows` of `of` rows to a file.
pub(crate) fn write(path: &Path, form: Form, rows: u64, of: u64) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    if form == Form::PostgresBinary {
        // <https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4>: signature, flags, no extension.
        out.write_all(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0")?;
    }
    for row in (0..rows).map(|i| row(i, of)) {
        match form {
            Form::PostgresBinary => binary(&row, &mut out)?,
            Form::Tabs => text(&row, "\t", rfc3339, &mut out)?,
            Form::MySql => text(&row, "\t", datetime, &mut out)?,
            Form::Commas => text(&row, ",", rfc3339, &mut out)?,
            Form::Inserts => {
                let Row { insert_id, team_id, report_id, event_ts, score, coverage, gaps, overlaps, duration } = &row;
                let (at, loaded) = (datetime(*event_ts), datetime(START));
                writeln!(
                    out,
                    "INSERT INTO quality_stream VALUES ('{insert_id}','{team_id}','{report_id}','{at}',{score},{coverage},{gaps},{overlaps},{duration},'backfill','{loaded}');"
                )?;
            }
        }
    }
    if form == Form::PostgresBinary {
        out.write_all(&(-1_i16).to_be_bytes())?;
    }
    out.into_inner().map_err(|e| e.into_error())?.sync_all()
}

fn rfc3339(micros: i64) -> String {
    format_rfc3339(micros)
}

fn datetime(micros: i64) -> String {
    format_rfc3339(micros).replace('T', " ").trim_end_matches('Z').to_owned()
}

fn text(row: &Row, between: &str, time: fn(i64) -> String, out: &mut impl Write) -> io::Result<()> {
    let fields = [
        row.insert_id.clone(),
        row.team_id.clone(),
        row.report_id.clone(),
        time(row.event_ts),
        row.score.to_string(),
        row.coverage.to_string(),
        row.gaps.to_string(),
        row.overlaps.to_string(),
        row.duration.to_string(),
        "backfill".to_owned(),
        time(START),
    ];
    writeln!(out, "{}", fields.join(between))
}

fn binary(row: &Row, out: &mut impl Write) -> io::Result<()> {
    out.write_all(&11_i16.to_be_bytes())?;
    let mut field = |bytes: &[u8]| {
        out.write_all(&i32::try_from(bytes.len()).map_err(io::Error::other)?.to_be_bytes())?;
        out.write_all(bytes)
    };
    for text in [&row.insert_id, &row.team_id, &row.report_id] {
        field(text.as_bytes())?;
    }
    field(&(row.event_ts - POSTGRES_EPOCH).to_be_bytes())?;
    field(&row.score.to_be_bytes())?;
    field(&row.coverage.to_be_bytes())?;
    field(&row.gaps.to_be_bytes())?;
    field(&row.overlaps.to_be_bytes())?;
    field(&row.duration.to_be_bytes())?;
    field(b"backfill")?;
    field(&(START - POSTGRES_EPOCH).to_be_bytes())
}
