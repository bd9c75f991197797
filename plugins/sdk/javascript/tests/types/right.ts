// What compiles, and what does not where a comment says so.

import { capture, field, plugin, reject, t, typeOf, updateTime, validator, type FieldType } from "gristmill-sdk";

const teams = plugin({
  documents: "teams/{team}",
  inputs: {
    team: capture(),
    name: t.string.optional(),
    members: field("counts.members", t.int64),
    kind: typeOf("x"),
    written: updateTime(),
    tags: t.list(t.struct({ a: t.string, b: t.float64.optional() })),
  },
  settings: { maxScore: t.float64.default(1), label: t.string },
  check: (config) => (config.maxScore < 0 ? "too low" : undefined),
  table: {
    name: "teams",
    key: "team",
    latestBy: "members",
    columns: { team: t.string, members: t.int64.optional(), written: t.timestamp.optional(), tags: t.list(t.string) },
  },
  map(record, context) {
    const name: string | null = record.name;
    const members: bigint = record.members;
    const kind: FieldType | null = record.kind;
    const max: number = context.config.maxScore;
    if (kind === "integer" || max < 0) return reject("a", "b");
    if (name === null) return null;
    return {
      team: record.team,
      members: members > 3n ? 1 : members,
      written: record.written,
      tags: record.tags.map((tag) => tag.a),
    };
  },
});
teams.map({ team: "a", name: null, members: 1n, kind: null, written: null, tags: [] }, teams.context({ label: "x" }));
// @ts-expect-error: there is no such setting.
teams.context({ lable: "x" });

plugin({
  documents: "teams/{team}",
  inputs: { team: capture() },
  tables: { a: { columns: { team: t.string } }, b: { key: ["team", "i"], columns: { team: t.string, i: t.int64 } } },
  map: ({ team }) => ({ a: { team }, b: [1, 2].map((i) => ({ team, i })) }),
});

plugin({
  documents: "teams/{team}",
  inputs: { team: capture(), score: t.float64.optional() },
  table: { name: "x", columns: { team: t.string, score: t.float64.optional(), double: t.float64 } },
  mapColumns(batch) {
    const { team, score } = batch.inputs;
    const double = new Float64Array(batch.rows);
    for (let i = 0; i < batch.rows; i++) {
      if (score.isNull(i)) batch.reject(i, reject("a", "b"));
      else double[i] = 2 * score.values[i]!;
    }
    return { team, score, double };
  },
});

const inputs = { team: capture(), name: t.string.optional() };
const table = { name: "teams", columns: { team: t.string, name: t.string } };
const base = { documents: "teams/{team}", inputs, table };

// @ts-expect-error: the name may be null, the column may not.
plugin({ ...base, map: (r) => ({ team: r.team, name: r.name }) });
// @ts-expect-error: a column is missing.
plugin({ ...base, map: (r) => ({ team: r.team }) });
// @ts-expect-error: there is no such input.
plugin({ ...base, map: (r) => ({ team: r.teem, name: "" }) });
// @ts-expect-error: there is no such column.
plugin({ documents: "teams/{team}", inputs, table: { ...table, key: "tem" }, map: () => null });
// @ts-expect-error: nothing is returned, not even null.
plugin({ ...base, map() {} });
// @ts-expect-error: a column of numbers is no column of texts.
plugin({ ...base, mapColumns: (b) => ({ team: new Float64Array(b.rows), name: [] }) });

validator({
  table: "teams",
  columns: { name: t.string.optional() },
  settings: { max: t.int64.default(1n) },
  judge({ name }, { config }, verdict) {
    const max: bigint = config.max;
    if (name === null || BigInt(name.length) > max) verdict.error("name", "it is too long", "name");
    // @ts-expect-error: a column that is not read.
    verdict.warning("name", "it is odd", "team");
  },
});
