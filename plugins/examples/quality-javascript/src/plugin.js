// The default plugin in JavaScript: quality reports at `teams/{team}/reports/{report}/qualityReports/{timestamp}` as rows
// of the table `quality_stream`, which a stream of the same reports writes, too.

import { capture, field, plugin, reject, t, time, typeOf, updateTime } from "gristmill-sdk";

export default plugin({
  documents: "teams/{team}/reports/{report}/qualityReports/{timestamp}",
  // Both ranges begin at 0.
  settings: {
    overallScoreMax: t.float64.default(1).describe("The highest overall score that is accepted; the lowest is 0."),
    coverageMax: t.float64.default(1).describe("The highest coverage that is accepted; the lowest is 0."),
    source: t.string.default("backfill").describe("What the column source says of the rows."),
  },
  // Refuses a range that nothing can lie in.
  check(settings) {
    const max = { "overall-score-max": settings.overallScoreMax, "coverage-max": settings.coverageMax };
    const bad = Object.entries(max).find(([, value]) => !(value >= 0));
    return bad && `\`${bad[0]}\` must be 0 or more, since the range begins at 0`;
  },
  // Metrics of another type, and metrics in something that is no map, are refused by the host; missing ones and null are null.
  inputs: {
    team: capture(),
    report: capture(),
    timestamp: capture(),
    created_at: field("createdAt", t.timestamp.optional(), { mismatch: "null" }),
    created_at_text: field("createdAt", t.string.optional(), { mismatch: "null" }),
    created_at_type: typeOf("createdAt"),
    update_time: updateTime(),
    overall_score: field("metrics.overallScore", t.float64.optional()),
    coverage: field("metrics.coverage", t.float64.optional()),
    gaps: field("metrics.gaps", t.int64.optional()),
    overlaps: field("metrics.overlaps", t.int64.optional()),
    avg_dur: field("metrics.avgDur", t.float64.optional()),
  },
  table: {
    name: "quality_stream",
    description: "Quality reports, one a row.",
    key: "insert_id",
    latestBy: "update_time",
    partitionBy: "event_ts",
    clusterBy: ["team_id", "report_id"],
    columns: {
      insert_id: t.string.describe("Team, report and timestamp of the document's path, with `-` between."),
      team_id: t.string.describe("The team, of the document's path."),
      report_id: t.string.describe("The report, of the document's path."),
      event_ts: t.timestamp.describe("When the report was made: createdAt, else when the document was last written."),
      overallScore: t.float64.optional().describe("The overall score, from 0."),
      coverage: t.float64.optional().describe("The coverage, from 0."),
      gaps: t.int64.optional().describe("The number of gaps."),
      overlaps: t.int64.optional().describe("The number of overlaps."),
      avgDur: t.float64.optional().describe("The average duration."),
      source: t.string.optional().describe("Which way the row came: backfill, or stream."),
      load_ts: t.timestamp.optional().describe("When the run that loaded the row was started."),
    },
  },
  map(report, { config, startedAt }) {
    const eventTs = eventTime(report);
    if (!isInRange(report.overall_score, config.overallScoreMax)) return OVERALL_SCORE_RANGE;
    if (!isInRange(report.coverage, config.coverageMax)) return COVERAGE_RANGE;
    return {
      insert_id: `${report.team}-${report.report}-${report.timestamp}`,
      team_id: report.team,
      report_id: report.report,
      event_ts: eventTs,
      overallScore: report.overall_score,
      coverage: report.coverage,
      gaps: report.gaps,
      overlaps: report.overlaps,
      avgDur: report.avg_dur,
      source: config.source,
      load_ts: startedAt,
    };
  },
});

/**
 * `createdAt`, a timestamp or an RFC 3339 string; where it is missing or null, when the document was last written.
 * Never the present: two runs would differ.
 *
 * @param {{ created_at: bigint | null, created_at_text: string | null, created_at_type: string | null, update_time: bigint | null }} report
 */
function eventTime(report) {
  if (report.created_at !== null) return report.created_at;
  if (report.created_at_text !== null) {
    const parsed = time.parse(report.created_at_text);
    if (parsed === null) throw CREATED_AT_INVALID;
    return parsed;
  }
  if (report.created_at_type !== null && report.created_at_type !== "null") throw createdAtType(report.created_at_type);
  if (report.update_time === null) throw NO_EVENT_TIME;
  return report.update_time;
}

/**
 * Whether a metric lies in 0 to `max`. NaN lies nowhere; a missing one is no fault.
 *
 * @param {number | null} metric
 * @param {number} max
 */
function isInRange(metric, max) {
  return metric === null || (metric >= 0 && metric <= max);
}

const CREATED_AT_INVALID = reject(
  "created-at-invalid",
  "createdAt is a string and no RFC 3339 instant of the years 1 to 9999, such as 2024-01-01T00:00:00Z",
  "created_at_text",
);

/** @param {string} found */
const createdAtType = (found) =>
  reject("created-at-type", `createdAt is of type ${found}, not a timestamp or an RFC 3339 string`, "created_at");

const NO_EVENT_TIME = reject(
  "no-event-time",
  "the document has no createdAt, and the export does not hold when it was last written; give it a createdAt",
  "created_at",
);

const OVERALL_SCORE_RANGE = reject(
  "overall-score-range",
  "the overall score must be a number from 0 to the setting `overall-score-max`, which is 1 where nothing else was said; " +
    "scores of 0 to 100 need `overall-score-max=100`",
  "overall_score",
);

const COVERAGE_RANGE = reject(
  "coverage-range",
  "the coverage must be a number from 0 to the setting `coverage-max`, which is 1 where nothing else was said",
  "coverage",
);
