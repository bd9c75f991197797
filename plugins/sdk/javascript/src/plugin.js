// A plugin: what it declares, and a batch through it.

import { byColumns } from "./batches.js";
import { columnAt } from "./columns.js";
import { inputAt } from "./inputs.js";
import { byRecord } from "./records.js";
import { aboutOf, Settings } from "./settings.js";
import { describeTable, tableOf } from "./tables.js";
import { declared, TypeList } from "./types.js";

const OPTIONS = ["summary", "documents", "inputs", "table", "tables", "settings", "check", "map", "mapColumns"];

/** A configured plugin. */
class Transform {
  #inputs;
  #run;
  #context;

  constructor(inputs, run, context) {
    this.#inputs = inputs;
    this.#run = run;
    this.#context = context;
  }

  transform(batch) {
    const columns = this.#inputs.map((input, k) => columnAt(input, batch, k));
    const rejections = [];
    const refused = (row, { code, message, input }) => rejections.push({ row, code, input, message });
    return { tables: this.#run(batch.rows, columns, this.#context, refused), rejections };
  }
}

export class Plugin {
  #settings;
  #inputs;
  #tables;
  #isSingle;
  #mapColumns;

  constructor(spec) {
    for (const option of Object.keys(spec)) {
      if (!OPTIONS.includes(option)) throw new TypeError(`a plugin has no option \`${option}\``);
    }
    const { summary, documents, table, tables, map, mapColumns } = spec;
    if (typeof documents !== "string")
      throw new TypeError("a plugin has `documents`, a pattern such as `teams/{team}`");
    if ((table === undefined) === (tables === undefined))
      throw new TypeError("a plugin has either a `table` or `tables`");
    if (table !== undefined && typeof table?.name !== "string") throw new TypeError("the table has no `name`");
    if ((map === undefined) === (mapColumns === undefined))
      throw new TypeError("a plugin has either `map` or `mapColumns`");
    if (typeof (map ?? mapColumns) !== "function") throw new TypeError("the mapping is no function");
    this.summary = summary;
    this.documents = documents;
    this.map = map;
    this.#mapColumns = mapColumns;
    this.#isSingle = table !== undefined;
    this.#settings = new Settings(spec.settings, spec.check);
    this.#inputs = declared(spec.inputs, "`inputs`").map(([name, input]) =>
      Object.freeze({ name, ...inputAt(name, input) }),
    );
    this.#tables =
      tables === undefined
        ? [tableOf(table, table.name)]
        : declared(tables, "`tables`").map(([name, one]) => tableOf(one, one.name ?? name));
    if (tables !== undefined && Object.keys(tables).some((name, j) => name !== this.#tables[j].name)) {
      throw new TypeError("a table of `tables` has its key for a name");
    }
    Object.freeze(this);
  }

  context(settings, run) {
    return this.#settings.contextOf(settings, run);
  }

  /** What the contract calls `about`. */
  identify(manifest) {
    return aboutOf(manifest, this.summary, this.#settings);
  }

  /** What the contract calls `description`, and the transform. */
  open(config, run) {
    const context = this.#settings.open(config, run);
    const types = new TypeList();
    const inputs = this.#inputs.map(({ name, origin, type, nullIfMistyped }) => ({
      name,
      origin,
      type: types.add(type),
      required: !type.nullable,
      onMismatch: nullIfMistyped ? "null" : "reject",
    }));
    const tables = this.#tables.map((table) => describeTable(table, types));
    const args = [this.#inputs, this.#tables, this.#isSingle];
    const mapping = this.#mapColumns === undefined ? byRecord(this.map, ...args) : byColumns(this.#mapColumns, ...args);
    const description = { documents: this.documents, types: types.types, inputs, tables };
    return { description, transform: new Transform(this.#inputs, mapping, context) };
  }
}

export const plugin = (spec) => new Plugin(spec);
