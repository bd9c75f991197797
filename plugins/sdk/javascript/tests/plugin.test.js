import assert from "node:assert/strict";
import test from "node:test";

import { capture, createTime, document, documentName, field, log, plugin, t, time, updateTime } from "../src/index.js";
import { transform } from "../src/guest.js";
import { setSink } from "../src/log.js";
import { batchOf, open, rowsOf, RUN } from "./kit.js";

const SPEC = {
  documents: "teams/{team}",
  inputs: {
    team: capture(),
    name: t.string.optional(),
    at: field("a.b", t.timestamp.optional(), { mismatch: "null" }),
    path: documentName(),
    all: document(),
    made: createTime(),
    written: updateTime(),
    tags: t.list(t.struct({ a: t.string })),
  },
  settings: {
    maxScore: t.float64.default(1).describe("The greatest."),
    label: t.string,
    limit: t.int64.default(2n ** 62n),
    other_words: t.json.default({ a: [1] }),
    on: t.boolean.default(false),
  },
  table: {
    name: "teams",
    description: "Teams.",
    key: ["team"],
    latestBy: "at",
    partitionBy: "at",
    clusterBy: "team",
    columns: {
      team: t.string.describe("The id."),
      at: t.timestamp.optional(),
      tags: t.list(t.struct({ a: t.string })),
    },
  },
  map: ({ team, at, tags }) => ({ team, at, tags }),
};

test("describes itself", () => {
  const { description } = open(plugin(SPEC), '{"label":"x"}');
  assert.equal(description.documents, "teams/{team}");
  const types = description.types.map(({ tag, val }) => (tag === "scalar" ? val : tag));
  assert.deepEqual(types, ["string", "timestamp", "json", "struct", "list"]);
  assert.deepEqual(description.types[3].val, [{ name: "a", type: 0 }]);
  assert.deepEqual(description.inputs.slice(0, 3), [
    { name: "team", origin: { tag: "path-capture", val: "team" }, type: 0, required: true, onMismatch: "reject" },
    { name: "name", origin: { tag: "field", val: ["name"] }, type: 0, required: false, onMismatch: "reject" },
    { name: "at", origin: { tag: "field", val: ["a", "b"] }, type: 1, required: false, onMismatch: "null" },
  ]);
  assert.deepEqual(
    description.inputs.slice(3, 7).map(({ origin, required }) => [origin.tag, required]),
    [
      ["document-name", true],
      ["document", true],
      ["create-time", false],
      ["update-time", false],
    ],
  );
  const [table] = description.tables;
  assert.deepEqual(
    [table.name, table.description, table.key, table.latestBy, table.partitionBy, table.clusterBy],
    ["teams", "Teams.", ["team"], "at", "at", ["team"]],
  );
  assert.deepEqual(table.columns[0], { name: "team", type: 0, required: true, description: "The id." });
  assert.deepEqual(
    table.columns.map(({ required }) => required),
    [true, false, true],
  );
});

test("says what it is", () => {
  const about = plugin(SPEC).identify({ name: "teams", version: "1.2.3", description: "Of the package." });
  assert.deepEqual([about.name, about.version, about.summary], ["teams", "1.2.3", "Of the package."]);
  assert.deepEqual(
    about.config.map((setting) => [setting.name, setting.type, setting.default]),
    [
      ["max-score", "float64", "1.0"],
      ["label", "string", undefined],
      ["limit", "int64", "4611686018427387904"],
      ["other-words", "json", '{"a":[1]}'],
      ["on", "boolean", "false"],
    ],
  );
  assert.equal(plugin({ ...SPEC, summary: "Own." }).identify({ name: "x", version: "1" }).summary, "Own.");
});

test("settings are given, or their defaults", () => {
  let seen;
  const p = plugin({ ...SPEC, map: (_, context) => ((seen = context), null) });
  const config =
    ' {"limit" : -9223372036854775807 ,"label":"a\\"},{","other-words":{"x":["]",{}],"limit":1}, "max-score":2.5e0,"unknown":[1]}';
  const row = [["t"], [null], [null], ["p"], ["{}"], [null], [null], [[]]];
  const types = Object.values(SPEC.inputs).map((input) => input.type ?? input);
  open(p, config).transform.transform(
    batchOf(
      1,
      types.map((type, k) => [type, row[k]]),
    ),
  );
  assert.deepEqual(seen.config, {
    maxScore: 2.5,
    label: 'a"},{',
    limit: -9223372036854775807n,
    other_words: { x: ["]", {}], limit: 1 },
    on: false,
  });
  assert.deepEqual([seen.runId, seen.startedAt], [RUN.runId, RUN.startedAt]);
});

test("settings of another type are refused", () => {
  for (const [config, part] of [
    ["{}", "setting `label` is missing and has no default"],
    ['{"label":1}', "setting `label` is not a string"],
    ['{"label":"x","max-score":"1"}', "setting `max-score` is not a number"],
    ['{"label":"x","limit":9223372036854775808}', "setting `limit` is not a whole number of 64 bits"],
    ['{"label":"x","limit":1.0}', "setting `limit` is not a whole number"],
    ['{"label":"x","on":null}', "setting `on` is not a boolean"],
    ["[]", "not a JSON object"],
  ]) {
    assert.throws(() => open(plugin(SPEC), config), { message: new RegExp(part) }, config);
  }
});

test("settings are checked by the plugin", () => {
  const p = plugin({ ...SPEC, check: ({ maxScore }) => (maxScore < 0 ? "`max-score` must be 0 or more" : undefined) });
  assert.throws(() => open(p, '{"label":"x","max-score":-1}'), { message: "`max-score` must be 0 or more" });
  open(p, '{"label":"x"}');
});

test("a context for tests", () => {
  const context = plugin(SPEC).context({ label: "x", limit: 5n }, { startedAt: 7n });
  assert.deepEqual(
    [context.config.label, context.config.limit, context.config.maxScore, context.startedAt],
    ["x", 5n, 1, 7n],
  );
  assert.throws(() => plugin(SPEC).context({ labl: "x" }), { message: /no setting `labl`/ });
});

const INPUTS = { x: t.string };
const TABLE = { name: "t", columns: { x: t.string } };
const map = () => null;

for (const [name, make, part] of [
  ["a word that it does not know", () => plugin({ ...SPEC, input: {} }), "no option `input`"],
  ["two kinds of tables", () => plugin({ ...SPEC, tables: {} }), "either a `table` or `tables`"],
  ["no mapping", () => plugin({ documents: "d/{id}", inputs: INPUTS, table: TABLE }), "either `map` or `mapColumns`"],
  [
    "a type that is none",
    () => plugin({ documents: "d/{id}", inputs: { x: "string" }, table: TABLE, map }),
    "input `x` is neither a type",
  ],
  [
    "a column that has none",
    () => plugin({ documents: "d/{id}", inputs: INPUTS, table: { name: "t", columns: { x: undefined } }, map }),
    "column `x` has no type",
  ],
  ["a default of a column", () => plugin({ ...SPEC, inputs: { x: t.string.default("a") } }), "input `x` has a default"],
  ["a list of nothing", () => t.list(), "a list has no type"],
  [
    "a numbered column",
    () => plugin({ documents: "d/{id}", inputs: INPUTS, table: { name: "t", columns: { 1: t.string } }, map }),
    "it is a number",
  ],
  [
    "a misspelt option of a table",
    () => plugin({ documents: "d/{id}", inputs: INPUTS, table: { ...TABLE, partitionby: "x" }, map }),
    "no option `partitionby`",
  ],
  [
    "a table without a name",
    () => plugin({ documents: "d/{id}", inputs: INPUTS, table: { columns: { x: t.string } }, map }),
    "no `name`",
  ],
  ["null in place of what is required", () => field("x", t.string, { mismatch: "null" }), "must be optional"],
  [
    "a default of another type",
    () => plugin({ ...SPEC, settings: { x: t.int64.default("a") } }),
    "default of setting `x`",
  ],
  ["a setting of bytes", () => plugin({ ...SPEC, settings: { x: t.bytes } }), "can be set"],
  ["a path that is none", () => field("a..b", t.string), "a path is a string"],
]) {
  test(`the author is told of ${name}`, () => assert.throws(make, { message: new RegExp(part) }));
}

test("a batch that does not fit is an error that names the input", () => {
  const { transform } = open(plugin({ documents: "d/{id}", inputs: INPUTS, table: TABLE, map }));
  assert.throws(() => transform.transform(batchOf(1, [])), { message: /input `x`/ });
  assert.throws(() => transform.transform(batchOf(1, [[t.int64, [1n]]])), {
    message: /input `x` as the host handed it over breaks the contract: it holds int64s/,
  });
});

test("as a component it says errors, and its clock stands", () => {
  const real = { Date, random: Math.random, now: Date.now };
  const said = [];
  try {
    const p = plugin({
      documents: "d/{id}",
      inputs: { x: t.string },
      settings: { max: t.int64.default(1n) },
      table: TABLE,
      map: ({ x }) => {
        log.warn("careful");
        if (x === "random") return { x: String(Math.random()) };
        if (x !== "clock") return { x: new Date(0).toISOString() + (new Date(0) instanceof Date) };
        return { x: [Date.now(), new Date().getTime(), new Date(5).getTime(), typeof Date()].join() };
      },
    });
    const component = transform(p, { name: "p", version: "1.0.0" }, (level, message) => said.push([level, message]));
    const one = (text) => component.transform(batchOf(1, [[t.string, [text]]]));
    const made = (text) => rowsOf(one(text).val.tables[0].batch, [t.string]);
    assert.equal(component.identify().name, "p");
    assert.throws(() => Date.now(), { message: /no clock before the run/ });
    assert.match(component.transform({}).val, /before `open`/);
    assert.deepEqual(component.open('{"max":"x"}', RUN), {
      tag: "err",
      val: "setting `max` is not a whole number of 64 bits",
    });
    assert.equal(component.open("{}", RUN).tag, "ok");
    assert.deepEqual(made("a"), [["1970-01-01T00:00:00.000Ztrue"]]);
    assert.deepEqual(said, [["warn", "careful"]]);
    assert.deepEqual(made("clock"), [["1700000000000,1700000000000,5,string"]]);
    const [refused] = one("random").val.rejections;
    assert.equal(refused.code, "exception");
    assert.match(refused.message, /a plugin has no random numbers/);
  } finally {
    globalThis.Date = real.Date;
    Date.now = real.now;
    Date.prototype.constructor = real.Date;
    Math.random = real.random;
    setSink(() => {});
  }
});

test("instants", () => {
  for (const [text, micros] of [
    ["1970-01-01T00:00:00Z", 0n],
    ["2024-01-01T00:00:00.123456789Z", 1_704_067_200_123_456n],
    ["0001-01-01T00:00:00Z", -62_135_596_800_000_000n],
    ["0000-12-31T23:00:00-01:00", -62_135_596_800_000_000n],
    ["9999-12-31T23:59:59.999999999Z", 253_402_300_799_999_999n],
    ["1969-12-31T23:59:59.5Z", -500_000n],
    ["2024-01-01 02:00:00+02:00", 1_704_067_200_000_000n],
    ["2023-12-31t18:30:00-05:30", 1_704_067_200_000_000n],
    ["2000-02-29T00:00:00z", 951_782_400_000_000n],
  ]) {
    assert.equal(time.parse(text), micros, text);
    assert.equal(time.parse(time.format(micros)), micros, text);
  }
  for (const text of [
    "",
    "2024-01-01",
    "2024-01-01T00:00:00",
    "2024-01-01T00:00:00.Z",
    "2024-01-01T00:00:00.1",
    "2024-01-01T00:00:00Zx",
    "2024-01-01T00:00:00+0200",
    "2024-01-01T00:00:00+24:00",
    "2023-02-29T00:00:00Z",
    "1900-02-29T00:00:00Z",
    "2024-13-01T00:00:00Z",
    "2024-00-01T00:00:00Z",
    "2024-01-00T00:00:00Z",
    "2024-04-31T00:00:00Z",
    "2024-01-01T24:00:00Z",
    "2024-01-01T00:60:00Z",
    "2024-01-01T00:00:60Z",
    "+024-01-01T00:00:00Z",
    "2024/01/01T00:00:00Z",
    "0000-12-31T00:00:00Z",
    "9999-12-31T23:59:59-00:01",
    "٢٠٢٤-01-01T00:00:00Z",
    "2024-01-01T00:00:00Z\n",
  ]) {
    assert.equal(time.parse(text), null, text);
  }
  assert.equal(time.format(-1n), "1969-12-31T23:59:59.999999Z");
  assert.throws(() => time.format(2n ** 62n), RangeError);
  assert.equal(time.toDate(-1n).getTime(), -1);
  assert.equal(time.fromDate(new Date(5)), 5000n);
  assert.deepEqual(
    [0n, -1n, 86_399_999_999n, 86_400_000_000n, -86_400_000_000n, -86_400_000_001n].map(time.dayOf),
    [0, -1, 0, 1, -1, -2],
  );
});
