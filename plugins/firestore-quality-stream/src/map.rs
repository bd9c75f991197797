//! From a report to a row.

use gristmill_sdk::prelude::*;

use crate::report::{QualityRow, Report};
use crate::settings::Settings;

/// The row of a report, or why it is refused.
pub(crate) fn map<'a>(report: Report<'a>, context: &'a Context<Settings>) -> Result<QualityRow<'a>, Rejection> {
    let event_ts = event_ts(&report)?;
    let settings = &context.config;
    if !in_range(report.overall_score, settings.overall_score_max) {
        return Err(overall_score_range());
    }
    if !in_range(report.coverage, settings.coverage_max) {
        return Err(coverage_range());
    }
    Ok(QualityRow {
        insert_id: Join("-", [report.team, report.report, report.timestamp]),
        team_id: report.team,
        report_id: report.report,
        event_ts,
        overall_score: report.overall_score,
        coverage: report.coverage,
        gaps: report.gaps,
        overlaps: report.overlaps,
        avg_dur: report.avg_dur,
        source: Some(&settings.source),
        load_ts: Some(context.started_at),
    })
}

/// `createdAt`, a timestamp or an RFC 3339 string; where it is missing or null, when the document was last written.
/// Never the present: two runs would differ.
fn event_ts(report: &Report<'_>) -> Result<Timestamp, Rejection> {
    if let Some(time) = report.created_at {
        return Ok(time);
    }
    if let Some(text) = report.created_at_text {
        return Timestamp::parse_rfc3339(text).ok_or_else(created_at_invalid);
    }
    match report.created_at_type {
        None | Some(FieldType::Null) => report.update_time.ok_or_else(no_event_time),
        Some(other) => Err(created_at_type(other)),
    }
}

/// Whether a metric lies in 0 to `max`. NaN lies nowhere; a missing one is no fault.
fn in_range(metric: Option<f64>, max: f64) -> bool {
    metric.is_none_or(|value| (0.0..=max).contains(&value))
}

#[cold]
fn created_at_invalid() -> Rejection {
    Rejection::new(
        "created-at-invalid",
        "createdAt is a string and no RFC 3339 instant of the years 1 to 9999, such as 2024-01-01T00:00:00Z",
    )
    .input("created_at_text")
}

#[cold]
fn created_at_type(found: FieldType) -> Rejection {
    let what = format!("createdAt is of type {}, not a timestamp or an RFC 3339 string", found.name());
    Rejection::new("created-at-type", what).input("created_at")
}

#[cold]
fn no_event_time() -> Rejection {
    Rejection::new(
        "no-event-time",
        "the document has no createdAt, and the export does not hold when it was last written; give it a createdAt",
    )
    .input("created_at")
}

#[cold]
fn overall_score_range() -> Rejection {
    Rejection::new(
        "overall-score-range",
        "the overall score must lie in 0 to the setting `overall-score-max`, which is 1 where nothing else was said; \
         scores of 0 to 100 need `overall-score-max=100`",
    )
    .input("overall_score")
}

#[cold]
fn coverage_range() -> Rejection {
    Rejection::new(
        "coverage-range",
        "the coverage must lie in 0 to the setting `coverage-max`, which is 1 where nothing else was said",
    )
    .input("coverage")
}
