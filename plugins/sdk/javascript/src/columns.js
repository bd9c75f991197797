// Columns that are read.
//
// Loops count, here and wherever something is done for each record: the engine is an interpreter, in which `for … of`, and what
// goes by iterators without saying so, takes twenty times as long.

/** In place of a list or map in which a part is null that may not be. */
export const MISSING = Symbol("a part is missing");

// A text may begin with U+FEFF, which a decoder would else take for a mark of the encoding.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

const CASES = {
  boolean: "booleans",
  int64: "int64s",
  float64: "float64s",
  timestamp: "timestamps",
  date: "dates",
  string: "strings",
  bytes: "bytes",
  json: "json",
  reference: "strings",
  list: "lists",
  struct: "structs",
};

/** Beyond this many bytes texts are long, and not many. */
const MANY_BYTES = 1 << 20;

/**
 * Texts of a column. Decoding each takes three times as long as to move them apart, decode all of them and split the whole at
 * the zeros between them.
 */
function texts(rows, offsets, data) {
  const total = offsets[rows];
  if (total === 0) return new Array(rows).fill("");
  if (total > MANY_BYTES || data.indexOf(0) !== -1) return textByText(rows, offsets, data);
  const source = total + rows;
  const apart = new Uint8Array(source + total);
  apart.set(data, source);
  let from = 0;
  for (let i = 0; i < rows; i++) {
    const to = offsets[i + 1];
    apart.copyWithin(from + i, source + from, source + to);
    from = to;
  }
  return decoder.decode(apart.subarray(0, source - 1)).split("\0");
}

function textByText(rows, offsets, data) {
  const result = new Array(rows);
  let from = 0;
  for (let i = 0; i < rows; i++) {
    const to = offsets[i + 1];
    result[i] = to === from ? "" : decoder.decode(data.subarray(from, to));
    from = to;
  }
  return result;
}

/** The case of the contract that holds values of a type. */
export const caseOf = (kind) => CASES[kind];

/** A column of a batch as the host handed it over. It stays valid and unchanged after the batch. */
export class Column {
  #list;

  constructor(type, rows, array, arrays) {
    this.type = type;
    this.rows = rows;
    /** One bit a row, least significant bit first, 1 where there is a value; `null` where none is null. */
    this.validity = array.validity ?? null;
    const { tag, val } = array.values;
    if (tag !== CASES[type.kind]) throw new Error(`it holds ${tag}, and its type is ${type.kind}`);
    const isVarlen = tag === "strings" || tag === "bytes" || tag === "json";
    /** Of numbers, timestamps and dates: a typed array with a value a row. Of booleans: one bit a row. Else `null`. */
    this.values = isVarlen || tag === "lists" || tag === "structs" ? null : val;
    /** Of strings, bytes, JSON and lists: where each begins in `data`, or in the elements, and where the last ends. */
    this.offsets = isVarlen || tag === "lists" ? val.offsets : null;
    /** Of strings, bytes and JSON: all of them, one after the other; strings are UTF-8. */
    this.data = isVarlen ? val.data : null;
    /** Of lists: the column of all their elements. */
    this.elements = tag === "lists" ? new Column(type.element, val.offsets.at(-1), arrays[val.child], arrays) : null;
    /** Of structs: a column for each field. */
    this.fields = null;
    if (tag === "structs") {
      const children = type.fields.map(([, part], k) => new Column(part, val.length, arrays[val.children[k]], arrays));
      this.fields = Object.fromEntries(type.fields.map(([name], k) => [name, children[k]]));
    }
  }

  isNull(row) {
    return this.validity !== null && ((this.validity[row >> 3] >> (row & 7)) & 1) === 0;
  }

  /** The value of a row as a record has it. All rows are decoded at the first call for a list or struct. */
  get(row) {
    if (this.isNull(row)) return null;
    switch (this.type.kind) {
      case "boolean":
        return ((this.values[row >> 3] >> (row & 7)) & 1) === 1;
      case "string":
      case "json":
      case "reference":
        return decoder.decode(this.data.subarray(this.offsets[row], this.offsets[row + 1]));
      case "bytes":
        return this.data.slice(this.offsets[row], this.offsets[row + 1]);
      case "list":
      case "struct":
        return this.list()[row];
      default:
        return this.values[row];
    }
  }

  /**
   * The values of all rows: an array, or the typed array itself where it holds them as they are. `MISSING` is among those of
   * lists and structs.
   */
  list() {
    this.#list ??= this.#decode();
    return this.#list;
  }

  #decode() {
    const { rows, validity, values, offsets, data } = this;
    switch (this.type.kind) {
      case "boolean": {
        const result = new Array(rows);
        for (let i = 0; i < rows; i++) result[i] = ((values[i >> 3] >> (i & 7)) & 1) === 1;
        return this.#withNulls(result);
      }
      case "string":
      case "json":
      case "reference":
        return this.#withNulls(texts(rows, offsets, data));
      case "bytes": {
        const result = new Array(rows);
        for (let i = 0; i < rows; i++) result[i] = data.slice(offsets[i], offsets[i + 1]);
        return this.#withNulls(result);
      }
      case "list":
        return this.#withNulls(this.#lists());
      case "struct":
        return this.#withNulls(this.#structs());
      default:
        return validity === null ? values : orNull(values, validity, rows);
    }
  }

  #withNulls(result) {
    const { rows, validity } = this;
    if (validity !== null) {
      for (let i = 0; i < rows; i++) if (((validity[i >> 3] >> (i & 7)) & 1) === 0) result[i] = null;
    }
    return result;
  }

  /** Whether it may hold, as a part of another column, what makes that one incomplete. */
  isOdd() {
    return (this.validity !== null && !this.type.nullable) || this.mayLack();
  }

  /** Whether `MISSING` may be among its values. */
  mayLack() {
    if (this.elements !== null) return this.elements.isOdd();
    return this.fields !== null && Object.values(this.fields).some((field) => field.isOdd());
  }

  /** Whether a value in the place of a part makes the whole incomplete. */
  static #isMissing(type, value) {
    return value === MISSING || (value === null && !type.nullable);
  }

  #lists() {
    const { rows, offsets, elements } = this;
    const all = elements.list();
    const values = Array.isArray(all) ? all : plain(all);
    const result = new Array(rows);
    for (let i = 0; i < rows; i++) result[i] = values.slice(offsets[i], offsets[i + 1]);
    if (elements.isOdd()) {
      for (let i = 0; i < rows; i++) {
        const list = result[i];
        for (let k = 0; k < list.length; k++) {
          if (!Column.#isMissing(elements.type, list[k])) continue;
          result[i] = MISSING;
          break;
        }
      }
    }
    return result;
  }

  #structs() {
    const { rows, fields } = this;
    const parts = this.type.fields.map(([name, type]) => ({ name, type, values: fields[name].list() }));
    const result = new Array(rows);
    for (let i = 0; i < rows; i++) {
      let value = {};
      for (let k = 0; k < parts.length; k++) {
        const part = parts[k];
        const of = part.values[i];
        if (Column.#isMissing(part.type, of)) {
          value = MISSING;
          break;
        }
        value[part.name] = of;
      }
      result[i] = value;
    }
    return result;
  }
}

/** The values of a typed array as an array. `Array.from` goes by an iterator. */
function plain(values) {
  const result = new Array(values.length);
  for (let i = 0; i < result.length; i++) result[i] = values[i];
  return result;
}

/** The values of a typed array as an array, with nulls. */
function orNull(values, validity, rows) {
  const result = new Array(rows);
  for (let i = 0; i < rows; i++) result[i] = ((validity[i >> 3] >> (i & 7)) & 1) === 0 ? null : values[i];
  return result;
}

/** The column of an input; the error names it. */
export function columnAt({ name, type }, batch, index) {
  const array = batch.arrays[batch.columns[index]];
  try {
    if (array === undefined) throw new Error("there is no such column");
    return new Column(type, batch.rows, array, batch.arrays);
  } catch (error) {
    throw new Error(`input \`${name}\` as the host handed it over breaks the contract: ${error.message}`);
  }
}
