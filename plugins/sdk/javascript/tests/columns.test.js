import assert from "node:assert/strict";
import test from "node:test";

import { field, plugin, reject, t } from "../src/index.js";
import { batchOf, mapped, open } from "./kit.js";

const NESTED = t.list(t.struct({ a: t.string, b: t.float64.optional() })).optional();
const TYPES = [t.string, t.float64.optional(), t.boolean, NESTED];
const batch = () =>
  batchOf(3, [
    [t.string, ["a", "é", "c"]],
    [t.float64.optional(), [1, null, -0]],
    [t.boolean, [true, false, true]],
    [
      NESTED,
      [
        [{ a: "x", b: 1 }],
        null,
        [
          { a: "y", b: null },
          { a: "", b: 2 },
        ],
      ],
    ],
  ]);
const ROWS = [
  ["a", 1, true, [{ a: "x", b: 1 }]],
  ["é", null, false, null],
  [
    "c",
    -0,
    true,
    [
      { a: "y", b: null },
      { a: "", b: 2 },
    ],
  ],
];
const INPUTS = { s: t.string, f: t.float64.optional(), b: t.boolean, n: NESTED };

const over = (mapColumns, columns = INPUTS) =>
  plugin({ documents: "d/{id}", inputs: INPUTS, table: { name: "t", columns }, mapColumns });

test("columns go through as they are", () => {
  const out = mapped(
    over(({ inputs }) => inputs),
    [TYPES],
    batch(),
  );
  assert.deepEqual(out.tables[0], { rows: ROWS, origins: undefined });
});

test("refused rows and rows that are left out are in no column", () => {
  const p = over((b) => {
    b.reject(0, reject("first", "is refused"));
    b.reject(0, reject("again", "is not"));
    b.leaveOut(1);
    assert.deepEqual([b.isOut(0), b.isOut(1), b.isOut(2)], [true, true, false]);
    return b.inputs;
  });
  const out = mapped(p, [TYPES], batch());
  assert.deepEqual(out.tables[0], { rows: [ROWS[2]], origins: Uint32Array.of(2) });
  assert.deepEqual(out.rejections, [{ row: 0, code: "first", input: undefined, message: "is refused" }]);
});

test("columns are written from typed arrays, with validity, and from values", () => {
  const columns = { f: t.float64, g: t.float64.optional(), i: t.int64, s: t.string.optional() };
  for (const out of [false, true]) {
    const p = over((b) => {
      if (out) b.leaveOut(0);
      return {
        f: Float64Array.of(1, 2, NaN),
        g: { values: Float64Array.of(1, 2, 3), validity: Uint8Array.of(0b101) },
        i: BigInt64Array.of(1n, 2n, 3n),
        s: ["x", null, "z"],
      };
    }, columns);
    const rows = [
      [1, 1, 1n, "x"],
      [2, null, 2n, null],
      [NaN, 3, 3n, "z"],
    ];
    const made = mapped(p, [Object.values(columns)], batch());
    assert.deepEqual(made.tables[0].rows, out ? rows.slice(1) : rows);
  }
});

test("a column reads row by row and whole", () => {
  const p = over(({ rows, inputs }) => {
    for (let i = 0; i < rows; i++) {
      assert.deepEqual([inputs.s.get(i), inputs.f.get(i), inputs.b.get(i), inputs.n.get(i)], ROWS[i]);
      assert.equal(inputs.f.isNull(i), ROWS[i][1] === null);
    }
    assert.deepEqual(inputs.s.list(), ["a", "é", "c"]);
    assert.ok(inputs.f.values instanceof Float64Array);
    assert.equal(inputs.n.elements.fields.b.isNull(1), true);
    return inputs;
  });
  mapped(p, [TYPES], batch());
});

test("rows with origins of their own", () => {
  for (const out of [false, true]) {
    const p = over(
      (b) => {
        if (out) b.reject(1, reject("no", "no"));
        return { origins: Uint32Array.of(0, 1, 1, 2), columns: { i: BigInt64Array.of(0n, 1n, 2n, 3n) } };
      },
      { i: t.int64 },
    );
    const { tables } = mapped(p, [[t.int64]], batch());
    assert.deepEqual(
      tables[0],
      out
        ? { rows: [[0n], [3n]], origins: Uint32Array.of(0, 2) }
        : { rows: [[0n], [1n], [2n], [3n]], origins: Uint32Array.of(0, 1, 1, 2) },
    );
  }
});

test("rows that lack a part are out before the plugin sees them", () => {
  const type = t.list(t.struct({ a: t.string }));
  const nullable = t.list(t.struct({ a: t.string.optional() }));
  for (const mismatch of ["reject", "null"]) {
    const p = plugin({
      documents: "d/{id}",
      inputs: { x: field("x", type.optional(), { mismatch }) },
      table: { name: "t", columns: { x: type.optional() } },
      mapColumns(b) {
        assert.deepEqual([b.isOut(0), b.isOut(1)], [false, mismatch === "reject"]);
        assert.equal(b.inputs.x.get(1), null);
        return { x: b.inputs.x.list() };
      },
    });
    const { tables, rejections } = mapped(
      p,
      [[type.optional()]],
      batchOf(2, [[nullable, [[{ a: "x" }], [{ a: null }]]]]),
    );
    assert.deepEqual(tables[0].rows, mismatch === "null" ? [[[{ a: "x" }]], [null]] : [[[{ a: "x" }]]]);
    assert.deepEqual(
      rejections.map(({ row, code }) => [row, code]),
      mismatch === "null" ? [] : [[1, "missing-part"]],
    );
  }
});

test("two tables", () => {
  const p = plugin({
    documents: "d/{id}",
    inputs: { s: t.string },
    tables: { a: { columns: { s: t.string } }, b: { columns: { n: t.int64 } } },
    mapColumns: ({ inputs }) => ({ a: { s: inputs.s }, b: { origins: new Uint32Array(), columns: { n: [] } } }),
  });
  const { tables } = mapped(p, [[t.string], [t.int64]], batchOf(2, [[t.string, ["x", "y"]]]));
  assert.deepEqual(tables, [
    { rows: [["x"], ["y"]], origins: undefined },
    { rows: [], origins: new Uint32Array() },
  ]);
});

for (const [name, columns, made, part] of [
  ["a column that is missing", { a: t.string }, () => ({}), "column `a` is undefined"],
  ["a column that is not declared", { a: t.string }, (b) => ({ a: b.inputs.s, c: b.inputs.s }), "has no column `c`"],
  ["too few values", { a: t.string }, () => ({ a: ["x"] }), "has 1 values, and there are 3 rows"],
  ["a column of another type", { a: t.int64 }, (b) => ({ a: b.inputs.s }), "a column of another type"],
  [
    "validity of another length",
    { a: t.float64 },
    () => ({ a: { values: new Float64Array(3), validity: new Uint8Array(3) } }),
    "no Uint8Array with a bit a row",
  ],
  ["no columns", { a: t.float64 }, () => undefined, "is given no columns"],
]) {
  test(`the plugin is told of ${name}`, () => {
    const { transform } = open(over(made, columns));
    assert.throws(() => transform.transform(batch()), { message: new RegExp(part) });
  });
}
