/* A plugin with lists and structs, and with two tables: a report is a row of one and any number of rows of the other. */

#include "gristmill.h"

/* A map in the array `segments` of a report; a column with two of its own in `reports`. */
#define SEGMENT(FIELD) \
    FIELD(gm_string, name) \
    FIELD(double, score)
GM_STRUCT(segment, SEGMENT)
GM_OPTIONAL(opt_segment, segment)
GM_LIST(segment_list, segment)
GM_OPTIONAL(opt_segment_list, segment_list)

#define REPORT(INPUT) \
    INPUT(gm_string, team, .capture = "team") \
    INPUT(gm_string, report, .capture = "report") \
    INPUT(gm_string, timestamp, .capture = "timestamp") \
    INPUT(gm_opt_string_list, tags) \
    INPUT(opt_segment_list, segments)
GM_INPUT(report, REPORT, .documents = "teams/{team}/reports/{report}/qualityReports/{timestamp}")

#define REPORT_ROW(COLUMN) \
    COLUMN(gm_string, report, .description = "Team, report and timestamp of the document's path.") \
    COLUMN(gm_string_list, tags) \
    COLUMN(opt_segment, best, .description = "The segment with the highest score, of equal ones the first.")
GM_TABLE(report_row, REPORT_ROW, .name = "reports", .description = "Quality reports.", .key = {"report"})

#define SEGMENT_ROW(COLUMN) \
    COLUMN(gm_string, report) \
    COLUMN(int64_t, index, .description = "The place in the report, from 0.") \
    COLUMN(gm_string, name) \
    COLUMN(double, score)
GM_TABLE(segment_row, SEGMENT_ROW, .name = "segments", .description = "Segments of quality reports.", .key = {"report", "index"})

static gm_outcome map(const report *in, gm_tables *tables, const gm_context *context) {
    (void)context;
    gm_string id = gm_join("/", in->team, in->report, in->timestamp);
    /* Of an optional that is not present the value is not to be looked at. */
    segment_list segments = in->segments.present ? in->segments.value : (segment_list){0};

    report_row *report = gm_add(tables, report_row);
    report->report = id;
    if (in->tags.present)
        report->tags = in->tags.value;
    for (size_t i = 0; i < segments.len; i++) {
        const segment *next = &segments.items[i];
        if (!report->best.present || next->score > report->best.value.score)
            report->best = (opt_segment)GM_SOME(*next);
        segment_row *row = gm_add(tables, segment_row);
        *row = (segment_row){.report = id, .index = (int64_t)i, .name = next->name, .score = next->score};
    }
    return GM_ROW;
}

GM_PLUGIN_TABLES(report, map,
                 .tables = {GM_TABLE_OF(report_row), GM_TABLE_OF(segment_row)},
                 .name = "segments-c",
                 .version = "0.1.0",
                 .summary = "Quality reports with their tags, and their segments.")
