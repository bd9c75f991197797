import assert from "node:assert/strict";
import test from "node:test";

import quality from "./plugin.js";

const STARTED = 1_700_000_000_000_000n;
const CREATED = 1_704_067_200_000_000n;
const UPDATED = 1_704_067_300_000_000n;

const REPORT = {
  team: "t1",
  report: "r-2",
  timestamp: "1704067200",
  created_at: CREATED,
  created_at_text: null,
  created_at_type: "timestamp",
  update_time: UPDATED,
  overall_score: 0.95,
  coverage: 0.98,
  gaps: 1n,
  overlaps: 2n,
  avg_dur: 2.5,
};

/** What becomes of the report with these changes. */
function mapped(changes = {}, settings = {}) {
  try {
    return quality.map({ ...REPORT, ...changes }, quality.context(settings, { startedAt: STARTED }));
  } catch (thrown) {
    return thrown;
  }
}

const refused = (changes) => {
  const { code, input } = mapped(changes);
  return [code, input];
};

test("every column", () => {
  assert.deepEqual(mapped(), {
    insert_id: "t1-r-2-1704067200",
    team_id: "t1",
    report_id: "r-2",
    event_ts: CREATED,
    overallScore: 0.95,
    coverage: 0.98,
    gaps: 1n,
    overlaps: 2n,
    avgDur: 2.5,
    source: "backfill",
    load_ts: STARTED,
  });
});

test("missing metrics are null", () => {
  const row = mapped({ overall_score: null, coverage: null, gaps: null, overlaps: null, avg_dur: null });
  assert.deepEqual(
    [row.overallScore, row.coverage, row.gaps, row.overlaps, row.avgDur],
    [null, null, null, null, null],
  );
});

test("createdAt may be a string", () => {
  const text = (created_at_text) => ({ created_at: null, created_at_text, created_at_type: "string" });
  assert.equal(mapped(text("2024-01-01T02:00:00+02:00")).event_ts, CREATED);
  for (const bad of ["", "yesterday", "2024-01-01", "1704067200000"]) {
    assert.deepEqual(refused(text(bad)), ["created-at-invalid", "created_at_text"], bad);
  }
});

test("without createdAt the update time counts", () => {
  for (const created_at_type of [null, "null"]) {
    assert.equal(mapped({ created_at: null, created_at_type }).event_ts, UPDATED);
    assert.deepEqual(refused({ created_at: null, created_at_type, update_time: null }), [
      "no-event-time",
      "created_at",
    ]);
  }
});

test("createdAt of another type is refused though there is an update time", () => {
  for (const created_at_type of ["integer", "map", "boolean", "timestamp", "other"]) {
    assert.deepEqual(refused({ created_at: null, created_at_type }), ["created-at-type", "created_at"]);
  }
});

test("scores and coverage have ranges", () => {
  for (const good of [0, -0, 0.5, 1]) assert.ok(mapped({ overall_score: good, coverage: good }).insert_id);
  for (const bad of [-Number.MIN_VALUE, 1 + Number.EPSILON, 87, NaN, Infinity, -Infinity]) {
    assert.deepEqual(refused({ overall_score: bad }), ["overall-score-range", "overall_score"]);
    assert.deepEqual(refused({ coverage: bad }), ["coverage-range", "coverage"]);
  }
  assert.ok(mapped({ overall_score: 100, coverage: 1.5 }, { overallScoreMax: 100, coverageMax: 1.5 }).insert_id);
  assert.equal(mapped({ overall_score: 100.5 }, { overallScoreMax: 100 }).code, "overall-score-range");
});

test("a range that nothing can lie in is refused", () => {
  assert.throws(() => quality.context({ overallScoreMax: -1 }), { message: /`overall-score-max` must be 0 or more/ });
  assert.throws(() => quality.context({ coverageMax: -0.5 }), { message: /`coverage-max` must be 0 or more/ });
});
