/* What is read of a report, the row that is written, and what can be set. */

#include "gristmill.h"

/* A quality report. Metrics of another type, and metrics in something that is no map, are refused by the host; missing ones
   and null are null. */
#define REPORT(INPUT) \
    INPUT(gm_string, team, .capture = "team") \
    INPUT(gm_string, report, .capture = "report") \
    INPUT(gm_string, timestamp, .capture = "timestamp") \
    INPUT(gm_opt_timestamp, created_at, .field = "createdAt", .mismatch = GM_NULL) \
    INPUT(gm_opt_string, created_at_text, .field = "createdAt", .mismatch = GM_NULL) \
    INPUT(gm_opt_string, created_at_type, .type_of = "createdAt") \
    INPUT(gm_opt_timestamp, update_time, .update_time = true) \
    INPUT(gm_opt_double, overall_score, .field = "metrics.overallScore") \
    INPUT(gm_opt_double, coverage, .field = "metrics.coverage") \
    INPUT(gm_opt_int64, gaps, .field = "metrics.gaps") \
    INPUT(gm_opt_int64, overlaps, .field = "metrics.overlaps") \
    INPUT(gm_opt_double, avg_dur, .field = "metrics.avgDur")

GM_INPUT(report, REPORT, .documents = "teams/{team}/reports/{report}/qualityReports/{timestamp}")

#define QUALITY_ROW(COLUMN) \
    COLUMN(gm_string, insert_id, .description = "Team, report and timestamp of the document's path, with `-` between.") \
    COLUMN(gm_string, team_id, .description = "The team, of the document's path.") \
    COLUMN(gm_string, report_id, .description = "The report, of the document's path.") \
    COLUMN(gm_timestamp, event_ts, \
           .description = "When the report was made: createdAt, else when the document was last written.") \
    COLUMN(gm_opt_double, overall_score, .name = "overallScore", .description = "The overall score, from 0.") \
    COLUMN(gm_opt_double, coverage, .description = "The coverage, from 0.") \
    COLUMN(gm_opt_int64, gaps, .description = "The number of gaps.") \
    COLUMN(gm_opt_int64, overlaps, .description = "The number of overlaps.") \
    COLUMN(gm_opt_double, avg_dur, .name = "avgDur", .description = "The average duration.") \
    COLUMN(gm_opt_string, source, .description = "Which way the row came: backfill, or stream.") \
    COLUMN(gm_opt_timestamp, load_ts, .description = "When the run that loaded the row was started.")

GM_TABLE(quality_row, QUALITY_ROW,
         .name = "quality_stream",
         .description = "Quality reports, one a row.",
         .key = {"insert_id"},
         .latest_by = "update_time",
         .partition_by = "event_ts",
         .cluster_by = {"team_id", "report_id"})

/* Both ranges begin at 0. */
#define SETTINGS(SETTING) \
    SETTING(double, overall_score_max, .default_json = "1.0", \
            .description = "The highest overall score that is accepted; the lowest is 0.") \
    SETTING(double, coverage_max, .default_json = "1.0", \
            .description = "The highest coverage that is accepted; the lowest is 0.") \
    SETTING(gm_string, source, .default_text = "backfill", .description = "What the column source says of the rows.")

GM_SETTINGS(settings, SETTINGS)
