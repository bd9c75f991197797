// A validator: which columns of which table it reads, and a batch of rows through its rules.

import { columnAt, MISSING } from "./columns.js";
import { isOfEngine, thrown } from "./rejection.js";
import { aboutOf, Settings } from "./settings.js";
import { declared, partAt } from "./types.js";

const OPTIONS = ["summary", "table", "columns", "settings", "check", "judge"];

/** What a rule says of a row. */
class Verdict {
  #row;
  #found;

  constructor(row, found) {
    this.#row = row;
    this.#found = found;
  }

  error(rule, message, column) {
    this.#found.push({ row: this.#row, rule, column, severity: "error", message });
  }

  warning(rule, message, column) {
    this.#found.push({ row: this.#row, rule, column, severity: "warning", message });
  }
}

export class Validator {
  #settings;
  #columns;
  #record;

  constructor(spec) {
    for (const option of Object.keys(spec)) {
      if (!OPTIONS.includes(option)) throw new TypeError(`a validator has no option \`${option}\``);
    }
    if (typeof spec.judge !== "function") throw new TypeError("a validator has a function `judge`");
    this.summary = spec.summary;
    this.table = spec.table;
    this.judge = spec.judge;
    this.#settings = new Settings(spec.settings, spec.check);
    this.#columns = declared(spec.columns, "`columns`").map(([name, type]) => ({
      name,
      type: partAt(type, `column \`${name}\``),
    }));
    const fields = this.#columns.map(({ name }, k) => `${JSON.stringify(name)}: c${k}[i]`);
    this.#record = new Function(
      "columns",
      `const [${fields.map((_, k) => `c${k}`)}] = columns; return (i) => ({ ${fields} });`,
    );
    Object.freeze(this);
  }

  context(settings, run) {
    return this.#settings.contextOf(settings, run);
  }

  /** What is said of a row, for tests. */
  verdict(row, context = this.context()) {
    const found = [];
    this.judge(row, context, new Verdict(0, found));
    return found.map(({ row: _, ...said }) => said);
  }

  /** What the contract calls `about`. */
  identify(manifest) {
    return aboutOf(manifest, this.summary, this.#settings);
  }

  /** The columns that are read of a table, none where it is not judged, and the function from a batch to violations. */
  open(config, run, types, table) {
    const context = this.#settings.open(config, run);
    if (this.table !== undefined && this.table !== table.name) return { names: [], validate: () => [] };
    for (const { name, type } of this.#columns) {
      const column = table.columns.find((one) => one.name === name);
      if (column === undefined) throw new Error(`it has no column \`${name}\``);
      if (!isOf(types, column.type, type))
        throw new Error(`its column \`${name}\` is of another type than the validator reads`);
      if (!column.required && !type.nullable) {
        throw new Error(`its column \`${name}\` may be null, and the validator's type for it is not optional`);
      }
    }
    return { names: this.#columns.map(({ name }) => name), validate: (batch) => this.#validate(batch, context) };
  }

  #validate(batch, context) {
    const values = this.#columns.map((column, k) => columnAt(column, batch, k).list());
    const record = this.#record(values);
    const nested = values.flatMap((list, k) => (Array.isArray(list) && list.includes(MISSING) ? [k] : []));
    const found = [];
    for (let i = 0; i < batch.rows; i++) {
      const verdict = new Verdict(i, found);
      const lacking = nested.find((k) => values[k][i] === MISSING);
      if (lacking === undefined) {
        try {
          this.judge(record(i), context, verdict);
        } catch (error) {
          if (isOfEngine(error)) throw error;
          const { code, message } = thrown(error);
          verdict.error(code, message);
        }
      } else {
        const what =
          "a list in it has a null element, or a struct in it a null field, where the validator needs a value";
        verdict.error("missing-part", what, this.#columns[lacking].name);
      }
    }
    return found;
  }
}

/** Whether a type of the table is the one that a column takes. */
function isOf(types, index, wanted) {
  const { tag, val } = types[index];
  if (tag === "scalar") return val === wanted.kind;
  if (tag !== wanted.kind) return false;
  if (tag === "list") return isOf(types, val, wanted.element);
  return (
    val.length === wanted.fields.length &&
    val.every(({ name, type }, k) => name === wanted.fields[k][0] && isOf(types, type, wanted.fields[k][1]))
  );
}

export const validator = (spec) => new Validator(spec);
