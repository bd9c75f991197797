/* The default plugin once more, in C: quality reports at `teams/{team}/reports/{report}/qualityReports/{timestamp}` as rows of
   the table `quality_stream`. */

#include "report.h"

/* `createdAt`, a timestamp or an RFC 3339 string; where it is missing or null, when the document was last written. Never the
   present: two runs would differ. */
static gm_outcome event_ts(const report *in, gm_timestamp *time) {
    if (in->created_at.present) {
        *time = in->created_at.value;
        return GM_ROW;
    }
    if (in->created_at_text.present) {
        if (gm_parse_timestamp(in->created_at_text.value, time))
            return GM_ROW;
        return gm_refuse("created-at-invalid",
                         "createdAt is a string and no RFC 3339 instant of the years 1 to 9999, such as 2024-01-01T00:00:00Z",
                         "created_at_text");
    }
    if (in->created_at_type.present && !gm_is(in->created_at_type.value, "null"))
        return gm_refuse("created-at-type",
                         gm_format("createdAt is of type %.*s, not a timestamp or an RFC 3339 string",
                                   GM_ARG(in->created_at_type.value)),
                         "created_at");
    if (!in->update_time.present)
        return gm_refuse(
            "no-event-time",
            "the document has no createdAt, and the export does not hold when it was last written; give it a createdAt",
            "created_at");
    *time = in->update_time.value;
    return GM_ROW;
}

/* Whether a metric lies in 0 to `max`. NaN lies nowhere; a missing one is no fault. */
static bool in_range(gm_opt_double metric, double max) {
    return !metric.present || (metric.value >= 0 && metric.value <= max);
}

/* The row of a report, or why it is refused. */
static gm_outcome map(const report *in, quality_row *row, const gm_context *context) {
    const settings *set = gm_settings(context);
    gm_outcome outcome = event_ts(in, &row->event_ts);
    if (outcome.verdict != GM_VERDICT_ROW)
        return outcome;
    if (!in_range(in->overall_score, set->overall_score_max))
        return gm_refuse("overall-score-range",
                         "the overall score must be a number from 0 to the setting `overall-score-max`, which is 1 where nothing "
                         "else was said; scores of 0 to 100 need `overall-score-max=100`",
                         "overall_score");
    if (!in_range(in->coverage, set->coverage_max))
        return gm_refuse("coverage-range",
                         "the coverage must be a number from 0 to the setting `coverage-max`, which is 1 where nothing else was said",
                         "coverage");
    row->insert_id = gm_join("-", in->team, in->report, in->timestamp);
    row->team_id = in->team;
    row->report_id = in->report;
    row->overall_score = in->overall_score;
    row->coverage = in->coverage;
    row->gaps = in->gaps;
    row->overlaps = in->overlaps;
    row->avg_dur = in->avg_dur;
    row->source = (gm_opt_string)GM_SOME(set->source);
    row->load_ts = (gm_opt_timestamp)GM_SOME(context->started_at);
    return GM_ROW;
}

/* Refuses a range that nothing can lie in. */
static const char *check(const gm_context *context) {
    const settings *set = gm_settings(context);
    if (!(set->overall_score_max >= 0))
        return "`overall-score-max` must be 0 or more, since the range begins at 0";
    if (!(set->coverage_max >= 0))
        return "`coverage-max` must be 0 or more, since the range begins at 0";
    return NULL;
}

GM_PLUGIN(report, quality_row, map,
          .name = "quality-c",
          .version = "0.1.0",
          .summary = "Quality reports of Firestore (teams/*/reports/*/qualityReports/*) as rows of the table quality_stream.",
          .settings = GM_SETTINGS_OF(settings),
          .check = check)
