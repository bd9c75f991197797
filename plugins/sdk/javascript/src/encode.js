// Columns that are written: a pass over the values of each, with a loop for each type.

import { caseOf } from "./columns.js";

const encoder = new TextEncoder();

/** The arrays of a batch while they are written. */
export class Arrays {
  list = [];

  /** Adds the array of `count` values and gives its index. `where` names the column in errors. */
  add(type, values, count, where) {
    // What an array holds comes after it.
    const index = this.list.push(null) - 1;
    const nulls = new Nulls(type, count, where);
    const val = this.#values(type, values, count, where, nulls);
    this.list[index] = { values: { tag: caseOf(type.kind), val }, validity: nulls.bits };
    return index;
  }

  #values(type, values, count, where, nulls) {
    switch (type.kind) {
      case "boolean":
        return booleans(values, count, nulls);
      case "int64":
        return int64s(values, count, nulls);
      case "timestamp":
        return timestamps(values, count, nulls);
      case "float64":
        return float64s(values, count, nulls);
      case "date":
        return dates(values, count, nulls);
      case "bytes":
        return bytes(values, count, nulls);
      case "list":
        return this.#lists(type, values, count, where, nulls);
      case "struct":
        return this.#structs(type, values, count, where, nulls);
      default:
        return strings(values, count, nulls);
    }
  }

  #lists(type, values, count, where, nulls) {
    const offsets = new Uint32Array(count + 1);
    const all = [];
    for (let i = 0; i < count; i++) {
      const value = values[i];
      if (Array.isArray(value)) for (let k = 0; k < value.length; k++) all.push(value[k]);
      else nulls.at(i, value);
      offsets[i + 1] = all.length;
    }
    return { offsets, child: this.add(type.element, all, all.length, `an element of ${where}`) };
  }

  #structs(type, values, count, where, nulls) {
    const children = type.fields.map(() => new Array(count));
    const names = type.fields.map(([name]) => name);
    const fillers = type.fields.map(([, part]) => filler(part));
    for (let i = 0; i < count; i++) {
      const value = values[i];
      const isStruct = value !== null && typeof value === "object" && !Array.isArray(value);
      if (!isStruct) nulls.at(i, value);
      for (let k = 0; k < names.length; k++) children[k][i] = isStruct ? value[names[k]] : fillers[k];
    }
    const indexes = type.fields.map(([name, part], k) =>
      this.add(part, children[k], count, `field \`${name}\` of ${where}`),
    );
    return { length: count, children: Uint32Array.from(indexes) };
  }
}

/** What stands in the fields of a struct that is null; nobody reads it. */
function filler(type) {
  if (type.nullable) return null;
  switch (type.kind) {
    case "boolean":
      return false;
    case "int64":
    case "timestamp":
      return 0n;
    case "float64":
    case "date":
      return 0;
    case "bytes":
      return new Uint8Array(0);
    case "list":
      return [];
    case "struct":
      return Object.fromEntries(type.fields.map(([name, part]) => [name, filler(part)]));
    default:
      return "";
  }
}

/** The validity of a column, which comes into being with the first null. */
class Nulls {
  bits = undefined;

  constructor(type, count, where) {
    this.type = type;
    this.count = count;
    this.where = where;
  }

  /** Takes what is no value of the column's type: null where it may be null, else it is the plugin's fault. */
  at(row, value) {
    if (value !== null || !this.type.nullable) throw this.fault(value);
    this.bits ??= new Uint8Array((this.count + 7) >> 3).fill(0xff);
    this.bits[row >> 3] &= ~(1 << (row & 7));
  }

  /** Never with the value itself: it may be the content of a record. */
  fault(value) {
    const { type, where } = this;
    if (value === undefined)
      return new TypeError(`${where} is undefined; a row has every column, and null where there is no value`);
    if (value === null) return new TypeError(`${where} is null, and its type is not optional`);
    const wanted = {
      int64: "a bigint or a whole number",
      timestamp: "a bigint of microseconds or a Date",
      date: "a number of days",
    };
    return new TypeError(
      `${where} is of the type ${kindOf(value)}, and the column takes ${wanted[type.kind] ?? article(type.kind)}`,
    );
  }

  outOfRange(what) {
    return new RangeError(`${this.where} ${what}`);
  }
}

const article = (kind) =>
  ({
    json: "JSON text, which is a string",
    reference: "a string",
    bytes: "a Uint8Array",
    list: "an array",
    struct: "an object",
    float64: "a number",
  })[kind] ?? `a ${kind}`;

const kindOf = (value) => (Array.isArray(value) ? "array" : value instanceof Uint8Array ? "Uint8Array" : typeof value);

function booleans(values, count, nulls) {
  const bits = new Uint8Array((count + 7) >> 3);
  for (let i = 0; i < count; i++) {
    const value = values[i];
    if (value === true) bits[i >> 3] |= 1 << (i & 7);
    else if (value !== false) nulls.at(i, value);
  }
  return bits;
}

function float64s(values, count, nulls) {
  if (values instanceof Float64Array && values.length === count) return values;
  const out = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const value = values[i];
    if (typeof value === "number") out[i] = value;
    else nulls.at(i, value);
  }
  return out;
}

function int64s(values, count, nulls) {
  if (values instanceof BigInt64Array && values.length === count) return values;
  const out = new BigInt64Array(count);
  for (let i = 0; i < count; i++) {
    const value = values[i];
    if (typeof value === "bigint") {
      out[i] = value;
      // What does not fit is cut off without a word.
      if (out[i] !== value) throw nulls.outOfRange("does not fit into 64 bits");
    } else if (typeof value === "number") {
      if (!Number.isSafeInteger(value))
        throw nulls.outOfRange("is a number that is not whole, or beyond 2^53; use a bigint");
      out[i] = BigInt(value);
    } else nulls.at(i, value);
  }
  return out;
}

function timestamps(values, count, nulls) {
  if (values instanceof BigInt64Array && values.length === count) return values;
  const out = new BigInt64Array(count);
  for (let i = 0; i < count; i++) {
    const value = values[i];
    if (typeof value === "bigint") {
      out[i] = value;
      if (out[i] !== value) throw nulls.outOfRange("does not fit into 64 bits");
    } else if (value instanceof Date) {
      const millis = value.getTime();
      if (Number.isNaN(millis)) throw nulls.outOfRange("is an invalid date");
      out[i] = BigInt(millis) * 1000n;
    } else nulls.at(i, value);
  }
  return out;
}

function dates(values, count, nulls) {
  if (values instanceof Int32Array && values.length === count) return values;
  const out = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const value = values[i];
    if (typeof value === "number") {
      out[i] = value;
      if (out[i] !== value) throw nulls.outOfRange("is no whole number of days of 32 bits");
    } else nulls.at(i, value);
  }
  return out;
}

function strings(values, count, nulls) {
  const offsets = new Uint32Array(count + 1);
  let text = "";
  for (let i = 0; i < count; i++) {
    const value = values[i];
    if (typeof value === "string") text += value;
    else nulls.at(i, value);
    offsets[i + 1] = text.length;
  }
  const data = encoder.encode(text);
  if (data.length === text.length) return { offsets, data };
  return text.includes("\0") ? textByText(text, offsets, count, data.length) : beyondAscii(values, offsets, count);
}

/** Where characters are not bytes: all are encoded with zeros between them, then moved together. */
function beyondAscii(values, offsets, count) {
  let text = "";
  for (let i = 0; i < count; i++) text += values[i] === null ? "\0" : `${values[i]}\0`;
  const data = encoder.encode(text);
  let from = 0;
  let length = 0;
  for (let i = 0; i < count; i++) {
    const to = data.indexOf(0, from);
    data.copyWithin(length, from, to);
    length += to - from;
    offsets[i + 1] = length;
    from = to + 1;
  }
  return { offsets, data: data.subarray(0, length) };
}

/** Each by itself: two halves of a surrogate pair that meet must not become one. */
function textByText(text, offsets, count, atLeast) {
  // Halves that do not meet take three bytes each, where the pair takes four.
  const data = new Uint8Array(Math.ceil(atLeast * 1.5) + 4);
  let from = 0;
  let length = 0;
  for (let i = 0; i < count; i++) {
    const to = offsets[i + 1];
    if (to !== from) length += encoder.encodeInto(text.substring(from, to), data.subarray(length)).written;
    offsets[i + 1] = length;
    from = to;
  }
  return { offsets, data: data.subarray(0, length) };
}

function bytes(values, count, nulls) {
  const offsets = new Uint32Array(count + 1);
  let length = 0;
  for (let i = 0; i < count; i++) {
    const value = values[i];
    if (value instanceof Uint8Array) length += value.length;
    else nulls.at(i, value);
    offsets[i + 1] = length;
  }
  const data = new Uint8Array(length);
  for (let i = 0; i < count; i++) if (values[i] !== null) data.set(values[i], offsets[i]);
  return { offsets, data };
}

/** Adds a column that was read as one of the same layout: as it is, or the rows of it that are named. */
export function addColumn(arrays, column, type, rows, where) {
  const { values, offsets, data, elements, fields, validity } = column;
  // Lists and structs hold other columns, of which there are other rows.
  if (rows !== null && (elements !== null || fields !== null))
    return arrays.add(type, rows.values(column.list()), rows.count, where);
  const index = arrays.list.push(null) - 1;
  let val;
  if (data !== null) val = rows === null ? { offsets, data } : rows.varlen(offsets, data);
  else if (elements !== null) val = { offsets, child: addColumn(arrays, elements, type.element, null, where) };
  else if (fields !== null) {
    const children = type.fields.map(([name, part]) => addColumn(arrays, fields[name], part, null, where));
    val = { length: column.rows, children: Uint32Array.from(children) };
  } else if (rows === null) val = values;
  else val = type.kind === "boolean" ? rows.bits(values) : rows.values(values);
  arrays.list[index] = { values: { tag: caseOf(type.kind), val }, validity: validityOf(validity, rows) };
  return index;
}

/** The validity of the rows that are named, of all where none are. */
export function validityOf(validity, rows) {
  if (validity === null) return undefined;
  return rows === null ? validity : rows.bits(validity);
}
