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
        "the overall score must be a number from 0 to the setting `overall-score-max`, which is 1 where nothing else was said; \
         scores of 0 to 100 need `overall-score-max=100`",
    )
    .input("overall_score")
}

#[cold]
fn coverage_range() -> Rejection {
    Rejection::new(
        "coverage-range",
        "the coverage must be a number from 0 to the setting `coverage-max`, which is 1 where nothing else was said",
    )
    .input("coverage")
}

#[cfg(test)]
mod tests {
    use super::*;

    const STARTED: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
    const CREATED: Timestamp = Timestamp::from_micros(1_704_067_200_000_000);
    const UPDATED: Timestamp = Timestamp::from_micros(1_704_067_300_000_000);

    fn report() -> Report<'static> {
        Report {
            team: "t1",
            report: "r-2",
            timestamp: "1704067200",
            created_at: Some(CREATED),
            created_at_text: None,
            created_at_type: Some(FieldType::Timestamp),
            update_time: Some(UPDATED),
            overall_score: Some(0.95),
            coverage: Some(0.98),
            gaps: Some(1),
            overlaps: Some(2),
            avg_dur: Some(2.5),
        }
    }

    fn with(change: impl FnOnce(&mut Report<'static>)) -> Report<'static> {
        let mut report = report();
        change(&mut report);
        report
    }

    fn context(overall_score_max: f64, coverage_max: f64) -> &'static Context<Settings> {
        let config = Settings { overall_score_max, coverage_max, source: "backfill".into() };
        Box::leak(Box::new(Context { config, run_id: "r".into(), started_at: STARTED }))
    }

    fn mapped(report: Report<'static>) -> Result<QualityRow<'static>, (String, Option<String>)> {
        map(report, context(1.0, 1.0)).map_err(|r| (r.code().to_owned(), r.input_name().map(str::to_owned)))
    }

    fn refused(report: Report<'static>) -> (String, Option<String>) {
        mapped(report).err().unwrap()
    }

    fn refusal(code: &str, input: &str) -> (String, Option<String>) {
        (code.to_owned(), Some(input.to_owned()))
    }

    #[test]
    fn every_column() {
        let row = mapped(report()).ok().unwrap();
        assert_eq!(row.insert_id.to_string(), "t1-r-2-1704067200");
        assert_eq!((row.team_id, row.report_id), ("t1", "r-2"));
        assert_eq!(row.event_ts, CREATED);
        assert_eq!((row.overall_score, row.coverage, row.avg_dur), (Some(0.95), Some(0.98), Some(2.5)));
        assert_eq!((row.gaps, row.overlaps), (Some(1), Some(2)));
        assert_eq!((row.source, row.load_ts), (Some("backfill"), Some(STARTED)));
    }

    #[test]
    fn missing_metrics_are_null() {
        let row = mapped(with(|r| {
            (r.overall_score, r.coverage, r.gaps, r.overlaps, r.avg_dur) = (None, None, None, None, None);
        }));
        let row = row.ok().unwrap();
        assert_eq!((row.overall_score, row.coverage, row.avg_dur), (None, None, None));
        assert_eq!((row.gaps, row.overlaps), (None, None));
    }

    #[test]
    fn created_at_may_be_a_string() {
        let text = |text| {
            with(|r| {
                (r.created_at, r.created_at_text, r.created_at_type) = (None, Some(text), Some(FieldType::String));
            })
        };
        assert_eq!(mapped(text("2024-01-01T02:00:00+02:00")).ok().unwrap().event_ts, CREATED);
        for bad in ["", "yesterday", "2024-01-01", "1704067200000"] {
            assert_eq!(refused(text(bad)), refusal("created-at-invalid", "created_at_text"), "{bad}");
        }
    }

    #[test]
    fn without_created_at_the_update_time_counts() {
        for found in [None, Some(FieldType::Null)] {
            let report =
                |update_time| with(|r| (r.created_at, r.created_at_type, r.update_time) = (None, found, update_time));
            assert_eq!(mapped(report(Some(UPDATED))).ok().unwrap().event_ts, UPDATED);
            assert_eq!(refused(report(None)), refusal("no-event-time", "created_at"));
        }
    }

    #[test]
    fn created_at_of_another_type_is_refused_though_there_is_an_update_time() {
        for found in [FieldType::Integer, FieldType::Map, FieldType::Boolean, FieldType::Timestamp, FieldType::Other] {
            let report = with(|r| (r.created_at, r.created_at_type) = (None, Some(found)));
            assert_eq!(refused(report), refusal("created-at-type", "created_at"), "{found:?}");
        }
    }

    #[test]
    fn scores_and_coverage_have_ranges() {
        for good in [0.0, -0.0, 0.5, 1.0] {
            assert!(mapped(with(|r| (r.overall_score, r.coverage) = (Some(good), Some(good)))).is_ok(), "{good}");
        }
        for bad in [-f64::MIN_POSITIVE, 1.0 + f64::EPSILON, 87.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let score = refused(with(|r| r.overall_score = Some(bad)));
            assert_eq!(score, refusal("overall-score-range", "overall_score"), "{bad}");
            let coverage = refused(with(|r| r.coverage = Some(bad)));
            assert_eq!(coverage, refusal("coverage-range", "coverage"), "{bad}");
        }
        let wide = with(|r| (r.overall_score, r.coverage) = (Some(100.0), Some(1.5)));
        assert!(map(wide, context(100.0, 1.5)).is_ok());
        assert!(map(with(|r| r.overall_score = Some(100.5)), context(100.0, 1.0)).is_err());
    }

    #[test]
    fn other_metrics_have_none() {
        let row = mapped(with(|r| (r.avg_dur, r.gaps, r.overlaps) = (Some(f64::NAN), Some(i64::MIN), Some(-1))));
        assert_eq!(row.ok().unwrap().gaps, Some(i64::MIN));
    }
}
