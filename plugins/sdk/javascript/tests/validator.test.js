import assert from "node:assert/strict";
import test from "node:test";

import { t, validator } from "../src/index.js";
import { TypeList } from "../src/types.js";
import { batchOf, RUN } from "./kit.js";

const TAGS = t.list(t.struct({ a: t.string })).optional();
const ranges = validator({
  table: "reports",
  columns: { score: t.float64.optional(), tags: TAGS },
  settings: { max: t.float64.default(1) },
  judge({ score, tags }, { config }, verdict) {
    if (score !== null && !(score >= 0 && score <= config.max)) verdict.error("range", "it is out of range", "score");
    if (tags === null) verdict.warning("tags", "it has none");
  },
});

/** A table with these columns, as the host tells of it. */
function tableOf(columns, name = "reports") {
  const types = new TypeList();
  const list = Object.entries(columns).map(([column, type]) => ({
    name: column,
    type: types.add(type),
    required: !type.nullable,
    description: "",
  }));
  return [types.types, { name, description: "", columns: list, key: [], clusterBy: [] }];
}

test("judges rows", () => {
  const { names, validate } = ranges.open(
    '{"max":2.0}',
    RUN,
    ...tableOf({ id: t.string, score: t.float64, tags: TAGS }),
  );
  assert.deepEqual(names, ["score", "tags"]);
  const nullable = t.list(t.struct({ a: t.string.optional() })).optional();
  const batch = batchOf(4, [
    [t.float64.optional(), [1, 3, null, NaN]],
    [nullable, [[], null, [{ a: null }], [{ a: "x" }]]],
  ]);
  assert.deepEqual(
    validate(batch).map(({ row, rule, column, severity }) => [row, rule, column, severity]),
    [
      [1, "range", "score", "error"],
      [1, "tags", undefined, "warning"],
      [2, "missing-part", "tags", "error"],
      [3, "range", "score", "error"],
    ],
  );
});

test("an error of the rules refuses the row", () => {
  const strict = validator({
    columns: { score: t.float64 },
    judge({ score }) {
      if (score > 1) throw new Error("mine");
    },
  });
  const { validate } = strict.open("{}", RUN, ...tableOf({ score: t.float64 }));
  const [{ row, rule, severity, message }, ...others] = validate(batchOf(3, [[t.float64, [0, 2, 1]]]));
  assert.deepEqual([row, rule, severity, others], [1, "exception", "error", []]);
  assert.match(message, /^the plugin threw Error: mine/);
});

test("another table is not judged, and one that does not fit is refused", () => {
  assert.deepEqual(ranges.open("{}", RUN, ...tableOf({}, "other")).names, []);
  for (const [columns, part] of [
    [{ score: t.float64 }, "it has no column `tags`"],
    [{ score: t.int64, tags: TAGS }, "`score` is of another type"],
    [{ score: t.float64, tags: t.list(t.string) }, "`tags` is of another type"],
  ]) {
    assert.throws(() => ranges.open("{}", RUN, ...tableOf(columns)), { message: new RegExp(part) });
  }
  const strict = validator({ columns: { score: t.float64 }, judge() {} });
  assert.throws(() => strict.open("{}", RUN, ...tableOf({ score: t.float64.optional() })), { message: /may be null/ });
});

test("a verdict for tests", () => {
  assert.deepEqual(ranges.verdict({ score: 2, tags: [] }), [
    { rule: "range", column: "score", severity: "error", message: "it is out of range" },
  ]);
  assert.deepEqual(ranges.verdict({ score: 2, tags: [] }, ranges.context({ max: 2 })), []);
});
