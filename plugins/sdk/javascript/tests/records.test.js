import assert from "node:assert/strict";
import test from "node:test";

import { capture, field, plugin, reject, t, typeOf } from "../src/index.js";
import { batchOf, mapped, open } from "./kit.js";

/** A plugin that writes what it reads, of one type. */
const echo = (type) =>
  plugin({
    documents: "d/{id}",
    inputs: { x: type },
    table: { name: "t", columns: { x: type } },
    map: ({ x }) => ({ x }),
  });

const SAMPLES = [
  ["boolean", t.boolean, [true, false, true, true, false, true, false, true, true]],
  ["int64", t.int64, [0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n]],
  ["float64", t.float64, [0, -0, 1.5, NaN, Infinity, -Infinity, Number.MIN_VALUE, Number.MAX_VALUE]],
  ["timestamp", t.timestamp, [0n, -62_135_596_800_000_000n, 253_402_300_799_999_999n]],
  ["date", t.date, [0, -719_162, 2_932_896]],
  [
    "string",
    t.string,
    ["", "a", "é", "日本", "😀", "\u0000", "\ufeffx", "\ufffd", "e\u0301", "x".repeat(1000), "\u{10ffff}"],
  ],
  ["ascii strings", t.string, ["a", "", "bc"]],
  ["strings without zeros", t.string, ["", "a", "é", "日本", "😀", "\ufeffx", "", "e\u0301", "\u{10ffff}", ""]],
  ["one empty string", t.string, [""]],
  ["long strings", t.string, ["é".repeat(600_000), "x".repeat(600_000), ""]],
  ["bytes", t.bytes, [new Uint8Array(), Uint8Array.of(0, 255, 128)]],
  ["json", t.json, ['{"integerValue":"7"}', '"é"']],
  ["list", t.list(t.string), [[], ["a"], ["b", "", "é"]]],
  ["list of lists", t.list(t.list(t.int64)), [[], [[]], [[1n], [2n, 3n], []]]],
  ["list of nullable numbers", t.list(t.float64.optional()), [[1, null, -0], [null]]],
  [
    "struct",
    t.struct({ a: t.string, b: t.float64.optional() }),
    [
      { a: "x", b: 1 },
      { a: "", b: null },
    ],
  ],
  ["struct without fields", t.struct({}), [{}, {}]],
  [
    "list of structs",
    t.list(t.struct({ a: t.boolean, l: t.list(t.date) })),
    [
      [
        { a: true, l: [1] },
        { a: false, l: [] },
      ],
      [],
    ],
  ],
  [
    "struct of structs",
    t.struct({ s: t.struct({ x: t.bytes }).optional() }),
    [{ s: { x: Uint8Array.of(1) } }, { s: null }],
  ],
];

for (const [name, type, values] of SAMPLES) {
  test(`${name} comes out as it went in`, () => {
    const out = mapped(echo(type), [[type]], batchOf(values.length, [[type, values]]));
    assert.deepEqual(
      out.tables[0].rows.map(([x]) => x),
      values,
    );
    assert.equal(out.tables[0].origins, undefined);
    assert.deepEqual(out.rejections, []);
  });

  test(`${name} may be null`, () => {
    const nullable = type.optional();
    const mixed = [null, ...values.flatMap((value) => [value, null])];
    for (const all of [mixed, [null], [null, null, null, null, null, null, null, null, null]]) {
      const out = mapped(echo(nullable), [[nullable]], batchOf(all.length, [[nullable, all]]));
      assert.deepEqual(
        out.tables[0].rows.map(([x]) => x),
        all,
      );
    }
  });
}

test("a reference is read as a string, and written as one", () => {
  const copy = plugin({
    documents: "d/{id}",
    inputs: { r: t.reference },
    table: { name: "t", columns: { r: t.string } },
    map: ({ r }) => ({ r }),
  });
  const out = mapped(copy, [[t.string]], batchOf(1, [[t.reference, ["projects/p"]]]));
  assert.deepEqual(out.tables[0].rows, [["projects/p"]]);
});

test("words for types are read as they are, those that nobody knows too", () => {
  const words = [
    "null",
    "boolean",
    "integer",
    "double",
    "timestamp",
    "string",
    "bytes",
    "reference",
    "geoPoint",
    "array",
    "map",
    "vector",
    "other",
    "newer",
    "nul",
    "x",
    null,
  ];
  const copy = plugin({
    documents: "d/{id}",
    inputs: { w: typeOf("a") },
    table: { name: "t", columns: { w: t.string.optional() } },
    map: ({ w }) => ({ w }),
  });
  const nullable = t.string.optional();
  const out = mapped(copy, [[nullable]], batchOf(words.length, [[nullable, words]]));
  assert.deepEqual(
    out.tables[0].rows.map(([w]) => w),
    words,
  );
});

for (const beside of ["a", "\u0000"]) {
  test(`halves of a surrogate pair are not made one, and each is replaced (${JSON.stringify(beside)})`, () => {
    const halves = plugin({
      documents: "d/{id}",
      inputs: { i: t.int64 },
      table: { name: "t", columns: { x: t.string } },
      map: ({ i }) => ({ x: ["\ud83d", "\ude00", beside][Number(i)] }),
    });
    const out = mapped(halves, [[t.string]], batchOf(3, [[t.int64, [0n, 1n, 2n]]]));
    assert.deepEqual(out.tables[0].rows, [["\ufffd"], ["\ufffd"], [beside]]);
  });
}

const numbers = (map, columns = { x: t.int64 }) =>
  plugin({ documents: "d/{id}", inputs: { x: t.int64 }, table: { name: "t", columns }, map });
const three = () => batchOf(3, [[t.int64, [0n, 1n, 2n]]]);

test("rows, none, several, and refusals, returned and thrown", () => {
  const outcomes = [{ x: 10n }, null, [{ x: 20n }, { x: 21n }], [], reject("bad", "it is", "x"), [{ x: 30n }]];
  const p = numbers(({ x }) => {
    if (x === 6n) throw reject("worse", "it was");
    return outcomes[Number(x)];
  });
  const out = mapped(p, [[t.int64]], batchOf(7, [[t.int64, [0n, 1n, 2n, 3n, 4n, 5n, 6n]]]));
  assert.deepEqual(out.tables[0].rows, [[10n], [20n], [21n], [30n]]);
  assert.deepEqual(out.tables[0].origins, Uint32Array.of(0, 2, 2, 5));
  assert.deepEqual(out.rejections, [
    { row: 4, code: "bad", input: "x", message: "it is" },
    { row: 6, code: "worse", input: undefined, message: "it was" },
  ]);
});

test("a batch of which no row is made", () => {
  const out = mapped(
    numbers(() => null, { x: t.int64, s: t.string, l: t.list(t.string) }),
    [[t.int64, t.string, t.list(t.string)]],
    three(),
  );
  assert.deepEqual(out.tables[0], { rows: [], origins: new Uint32Array() });
});

test("whole numbers may be numbers, times may be dates", () => {
  const p = numbers(() => ({ x: -5, at: new Date(1.5) }), { x: t.int64, at: t.timestamp });
  assert.deepEqual(mapped(p, [[t.int64, t.timestamp]], three()).tables[0].rows[0], [-5n, 1000n]);
});

for (const [name, made, part] of [
  ["undefined", undefined, "undefined where a row"],
  ["text", "row", "string where a row"],
  ["an array of arrays", [[]], "an array where a row"],
  ["an array of rejections", [reject("a", "b")], "a rejection where a row"],
  ["a row that lacks a column", {}, "column `x` is undefined"],
  ["null in a column that is not optional", { x: null }, "column `x` is null, and its type is not optional"],
  ["a text for a whole number", { x: "SECRET" }, "column `x` is of the type string, and the column takes a bigint"],
  ["half a number", { x: 1.5 }, "not whole"],
  ["a number beyond 2^53", { x: 2 ** 53 }, "beyond 2^53"],
  ["a bigint beyond 64 bits", { x: 2n ** 63n }, "64 bits"],
]) {
  test(`the plugin is told of ${name}`, () => {
    const { transform } = open(numbers(() => made));
    assert.throws(
      () => transform.transform(three()),
      (error) => error.message.includes(part) && !error.message.includes("SECRET"),
    );
  });
}

for (const [type, value, part] of [
  [t.float64, 1n, "takes a number"],
  [t.boolean, 0, "takes a boolean"],
  [t.string, 5, "takes a string"],
  [t.timestamp, 5, "takes a bigint of microseconds or a Date"],
  [t.timestamp, new Date(NaN), "is an invalid date"],
  [t.timestamp, 2n ** 64n, "64 bits"],
  [t.date, 0.5, "no whole number of days"],
  [t.date, new Date(0), "takes a number of days"],
  [t.bytes, [1], "of the type array, and the column takes a Uint8Array"],
  [t.list(t.string), "abc", "takes an array"],
  [t.list(t.string), [null], "an element of column `x` is null"],
  [t.struct({ a: t.string }), {}, "field `a` of column `x` is undefined"],
  [t.struct({ a: t.string }), [], "takes an object"],
]) {
  test(`a column of ${type.kind} does not take ${typeof value} (${part})`, () => {
    const { transform } = open(numbers(() => ({ x: value }), { x: type }));
    assert.throws(() => transform.transform(three()), { message: new RegExp(part.replace(/[()]/g, "\\$&")) });
  });
}

test("an error of the mapping refuses the record, and one of the engine goes through", () => {
  const failing = (error) =>
    open(
      numbers(({ x }) => {
        if (x === 1n) throw error;
        return { x };
      }),
    );
  const { tables, rejections } = failing(new TypeError("mine")).transform.transform(three());
  assert.equal(tables[0].batch.rows, 2);
  assert.equal(rejections.length, 1);
  const [{ row, code, message }] = rejections;
  assert.deepEqual([row, code], [1, "exception"]);
  assert.match(message, /^the plugin threw TypeError: mine \(/);
  const ended = Object.assign(new Error("too much recursion"), { name: "InternalError" });
  assert.throws(() => failing(ended).transform.transform(three()), { message: "too much recursion" });
});

test("two tables of one record", () => {
  const p = plugin({
    documents: "d/{id}",
    inputs: { id: capture(), tags: t.list(t.string) },
    tables: { docs: { key: "id", columns: { id: t.string } }, tags: { columns: { id: t.string, tag: t.string } } },
    map: ({ id, tags }) => (id === "none" ? null : { docs: { id }, tags: tags.map((tag) => ({ id, tag })) }),
  });
  const batch = batchOf(3, [
    [t.string, ["a", "none", "b"]],
    [t.list(t.string), [["x", "y"], ["z"], []]],
  ]);
  const out = mapped(p, [[t.string], [t.string, t.string]], batch);
  assert.deepEqual(out.tables[0], { rows: [["a"], ["b"]], origins: Uint32Array.of(0, 2) });
  assert.deepEqual(out.tables[1], {
    rows: [
      ["a", "x"],
      ["a", "y"],
    ],
    origins: Uint32Array.of(0, 0),
  });
  const half = plugin({
    documents: "d/{id}",
    inputs: { id: capture() },
    tables: { a: { columns: { id: t.string } }, b: { columns: { id: t.string } } },
    map: ({ id }) => ({ a: { id } }),
  });
  assert.throws(() => open(half).transform.transform(batchOf(1, [[t.string, ["x"]]])), {
    message: /undefined where a row/,
  });
});

const PARTS = t.list(t.struct({ a: t.string })).optional();
const NULLABLE_PARTS = t.list(t.struct({ a: t.string.optional() }).optional()).optional();
const incomplete = () => batchOf(4, [[NULLABLE_PARTS, [[{ a: "x" }], [{ a: null }], null, [null]]]]);

test("a record that lacks a part is refused", () => {
  const p = plugin({
    documents: "d/{id}",
    inputs: { parts: PARTS },
    table: { name: "t", columns: { parts: PARTS } },
    map: (r) => r,
  });
  const out = mapped(p, [[PARTS]], incomplete());
  assert.deepEqual(out.tables[0], { rows: [[[{ a: "x" }]], [null]], origins: Uint32Array.of(0, 2) });
  assert.deepEqual(
    out.rejections.map(({ row, code, input }) => [row, code, input]),
    [
      [1, "missing-part", "parts"],
      [3, "missing-part", "parts"],
    ],
  );
});

test("or the input is null, where that was asked for", () => {
  const p = plugin({
    documents: "d/{id}",
    inputs: { parts: field("parts", PARTS, { mismatch: "null" }) },
    table: { name: "t", columns: { parts: PARTS } },
    map: (r) => r,
  });
  const out = mapped(p, [[PARTS]], incomplete());
  assert.deepEqual(out.tables[0].rows, [[[{ a: "x" }]], [null], [null], [null]]);
  assert.deepEqual(out.rejections, []);
});

test("names that are no words of JavaScript", () => {
  const p = plugin({
    documents: "d/{id}",
    inputs: { "a b": field(["a.b", 'c"'], t.string), constructor: capture("id") },
    table: { name: "t", columns: { 'x"y': t.string, length: t.string, code: t.string } },
    map: (r) => ({ 'x"y': r["a b"], length: r.constructor, code: "c" }),
  });
  const { description } = open(p);
  assert.deepEqual(
    description.inputs.map(({ origin }) => origin),
    [
      { tag: "field", val: ["a.b", 'c"'] },
      { tag: "path-capture", val: "id" },
    ],
  );
  const out = mapped(
    p,
    [[t.string, t.string, t.string]],
    batchOf(1, [
      [t.string, ["1"]],
      [t.string, ["2"]],
    ]),
  );
  assert.deepEqual(out.tables[0].rows, [["1", "2", "c"]]);
});
