/* A validator: the metrics of quality reports lie in their ranges, whoever wrote the rows. The same as `ranges`, which is in Rust. */

#include "gristmill.h"

#define SETTINGS(SETTING) \
    SETTING(double, overall_score_max, .default_json = "1.0", .description = "The greatest overall score.") \
    SETTING(double, coverage_max, .default_json = "1.0", .description = "The greatest coverage.") \
    SETTING(int64_t, gaps_warn, .default_json = "100", .description = "More gaps than this are worth a warning.")
GM_SETTINGS(settings, SETTINGS)

#define REPORT(COLUMN) \
    COLUMN(gm_opt_double, overall_score, .name = "overallScore") \
    COLUMN(gm_opt_double, coverage) \
    COLUMN(gm_opt_int64, gaps)
GM_ROWS(report, REPORT, .table = "quality_stream")

/* NaN lies nowhere; a missing metric is no fault. */
static bool in_range(gm_opt_double metric, double most) {
    return !metric.present || (metric.value >= 0.0 && metric.value <= most);
}

static void judge(const report *row, gm_findings *found, const gm_context *context) {
    const settings *limits = gm_settings(context);
    if (!in_range(row->overall_score, limits->overall_score_max))
        gm_error(found, "overall-score-range", "the overall score is not from 0 to its maximum", "overallScore");
    if (!in_range(row->coverage, limits->coverage_max))
        gm_error(found, "coverage-range", "the coverage is not from 0 to its maximum", "coverage");
    if (row->gaps.present && row->gaps.value > limits->gaps_warn)
        gm_warning(found, "many-gaps", "the report has many gaps", "gaps");
}

GM_VALIDATOR(
    report, judge, .name = "ranges-c", .version = "0.1.0", .summary = "Quality reports lie in their ranges.",
    .settings = GM_SETTINGS_OF(settings))
