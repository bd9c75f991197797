// A plugin: what it declares, and a batch through it.

import { byColumns } from "./batches.js";
import { columnAt } from "./columns.js";
import { inputAt } from "./inputs.js";
import { byRecord } from "./records.js";
import { readSettings, settingsOf } from "./settings.js";
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
  #check;
  #mapColumns;

  constructor(spec) {
    for (const option of Object.keys(spec)) {
      if (!OPTIONS.includes(option)) throw new TypeError(`a plugin has no option \`${option}\``);
    }
    const { summary, documents, table, tables, map, mapColumns, check = () => undefined } = spec;
    if (typeof documents !== "string") throw new TypeError("a plugin has `documents`, a pattern such as `teams/{team}`");
    if ((table === undefined) === (tables === undefined)) throw new TypeError("a plugin has either a `table` or `tables`");
    if (table !== undefined && typeof table?.name !== "string") throw new TypeError("the table has no `name`");
    if ((map === undefined) === (mapColumns === undefined)) throw new TypeError("a plugin has either `map` or `mapColumns`");
    if (typeof (map ?? mapColumns) !== "function") throw new TypeError("the mapping is no function");
    this.summary = summary;
    this.documents = documents;
    this.map = map;
    this.#mapColumns = mapColumns;
    this.#check = check;
    this.#isSingle = table !== undefined;
    this.#settings = settingsOf(spec.settings ?? {});
    this.#inputs = declared(spec.inputs, "`inputs`").map(([name, input]) => Object.freeze({ name, ...inputAt(name, input) }));
    this.#tables =
      tables === undefined ? [tableOf(table, table.name)] : declared(tables, "`tables`").map(([name, one]) => tableOf(one, one.name ?? name));
    if (tables !== undefined && Object.keys(tables).some((name, j) => name !== this.#tables[j].name)) {
      throw new TypeError("a table of `tables` has its key for a name");
    }
    Object.freeze(this);
  }

  context(settings = {}, run = {}) {
    const texts = this.#settings
      .filter(({ key }) => settings[key] !== undefined)
      .map(({ key, name }) => `${JSON.stringify(name)}:${jsonOf(settings[key])}`);
    const unknown = Object.keys(settings).find((key) => !this.#settings.some((setting) => setting.key === key));
    if (unknown !== undefined) throw new TypeError(`there is no setting \`${unknown}\``);
    return this.#context(`{${texts.join(",")}}`, { runId: run.runId ?? "run", startedAt: run.startedAt ?? 0n });
  }

  #context(config, { runId, startedAt }) {
    const context = Object.freeze({ config: readSettings(this.#settings, config), runId, startedAt });
    const wrong = this.#check(context.config);
    if (wrong !== undefined && wrong !== null) throw new Error(String(wrong));
    return context;
  }

  /** What the contract calls `about`. */
  identify({ name, version, description = "" }) {
    const config = this.#settings.map((setting) => ({
      name: setting.name,
      type: setting.type.kind,
      default: setting.standard,
      description: setting.type.text,
    }));
    return { name, version, summary: this.summary ?? description, config };
  }

  /** What the contract calls `description`, and the transform. */
  open(config, run) {
    const context = this.#context(config, run);
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

const jsonOf = (value) => (typeof value === "bigint" ? String(value) : JSON.stringify(value));

export const plugin = (spec) => new Plugin(spec);
