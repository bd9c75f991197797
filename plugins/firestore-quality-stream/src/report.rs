//! What is read of a report, and the row that is written.

use gristmill_sdk::prelude::*;

/// A quality report. Metrics of another type, and metrics in something that is no map, are refused by the host; missing ones and null are null.
#[derive(Input)]
#[input(documents = "teams/{team}/reports/{report}/qualityReports/{timestamp}")]
pub(crate) struct Report<'a> {
    #[input(capture)]
    pub(crate) team: &'a str,
    #[input(capture)]
    pub(crate) report: &'a str,
    #[input(capture)]
    pub(crate) timestamp: &'a str,
    #[input(field = "createdAt", mismatch = "null")]
    pub(crate) created_at: Option<Timestamp>,
    #[input(field = "createdAt", mismatch = "null")]
    pub(crate) created_at_text: Option<&'a str>,
    #[input(type_of = "createdAt")]
    pub(crate) created_at_type: Option<FieldType>,
    #[input(update_time)]
    pub(crate) update_time: Option<Timestamp>,
    #[input(field = "metrics.overallScore")]
    pub(crate) overall_score: Option<f64>,
    #[input(field = "metrics.coverage")]
    pub(crate) coverage: Option<f64>,
    #[input(field = "metrics.gaps")]
    pub(crate) gaps: Option<i64>,
    #[input(field = "metrics.overlaps")]
    pub(crate) overlaps: Option<i64>,
    #[input(field = "metrics.avgDur")]
    pub(crate) avg_dur: Option<f64>,
}

/// Quality reports, one a row.
#[derive(Row)]
#[row(table = "quality_stream", key = "insert_id", latest_by = "update_time")]
#[row(partition_by = "event_ts", cluster_by("team_id", "report_id"))]
pub(crate) struct QualityRow<'a> {
    /// Team, report and timestamp of the document's path, with `-` between.
    pub(crate) insert_id: Join<'a, 3>,
    /// The team, of the document's path.
    pub(crate) team_id: &'a str,
    /// The report, of the document's path.
    pub(crate) report_id: &'a str,
    /// When the report was made: createdAt, else when the document was last written.
    pub(crate) event_ts: Timestamp,
    /// The overall score, from 0.
    #[row(name = "overallScore")]
    pub(crate) overall_score: Option<f64>,
    /// The coverage, from 0.
    pub(crate) coverage: Option<f64>,
    /// The number of gaps.
    pub(crate) gaps: Option<i64>,
    /// The number of overlaps.
    pub(crate) overlaps: Option<i64>,
    /// The average duration.
    #[row(name = "avgDur")]
    pub(crate) avg_dur: Option<f64>,
    /// Which way the row came: backfill, or stream.
    pub(crate) source: Option<&'a str>,
    /// When the run that loaded the row was started.
    pub(crate) load_ts: Option<Timestamp>,
}
