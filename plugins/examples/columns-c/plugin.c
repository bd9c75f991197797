/* A mapping of whole columns: the metrics of quality reports, of those that have a score within its range. */

#include "gristmill.h"

#define REPORT(INPUT) \
    INPUT(gm_string, team, .capture = "team") \
    INPUT(gm_string, report, .capture = "report") \
    INPUT(gm_string, timestamp, .capture = "timestamp") \
    INPUT(gm_opt_double, overall_score, .field = "metrics.overallScore") \
    INPUT(gm_opt_double, coverage, .field = "metrics.coverage") \
    INPUT(gm_opt_int64, gaps, .field = "metrics.gaps")
GM_INPUT(report, REPORT, .documents = "teams/{team}/reports/{report}/qualityReports/{timestamp}")

#define METRICS(COLUMN) \
    COLUMN(gm_string, team) \
    COLUMN(gm_string, report) \
    COLUMN(gm_string, timestamp) \
    COLUMN(double, overall_score) \
    COLUMN(gm_opt_double, coverage) \
    COLUMN(gm_opt_int64, gaps) \
    COLUMN(gm_timestamp, loaded_at)
GM_TABLE(metrics, METRICS, .name = "metrics", .key = {"team", "report", "timestamp"})

static void map(const report_columns *in, metrics_columns *out, gm_refusals *refusals, const gm_context *context) {
    uint32_t *kept = gm_new(uint32_t, in->rows);
    uint32_t count = 0;
    for (uint32_t i = 0; i < in->rows; i++) {
        if (!gm_present(in->overall_score, i))
            continue;
        double score = in->overall_score.values[i];
        if (score >= 0 && score <= 100)
            kept[count++] = i;
        else
            gm_refuse_row(refusals, i, "overall-score-range", "the overall score must be a number from 0 to 100", "overall_score");
    }
    out->rows = count;
    out->loaded_at = gm_repeat_timestamp(context->started_at, count);
    if (count == in->rows) {
        /* Columns are handed on as they are. */
        out->team = in->team;
        out->report = in->report;
        out->timestamp = in->timestamp;
        out->overall_score = in->overall_score;
        out->coverage = in->coverage;
        out->gaps = in->gaps;
        return;
    }
    out->origins = kept;
    out->team = gm_pick(in->team, kept, count);
    out->report = gm_pick(in->report, kept, count);
    out->timestamp = gm_pick(in->timestamp, kept, count);
    out->overall_score = gm_pick(in->overall_score, kept, count);
    out->coverage = gm_pick(in->coverage, kept, count);
    out->gaps = gm_pick(in->gaps, kept, count);
}

GM_PLUGIN_COLUMNS(report, metrics, map, .name = "columns-c", .version = "0.1.0", .summary = "Scores of quality reports.")
