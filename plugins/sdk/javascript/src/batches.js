// Whole columns at once.

import { incompleteOf } from "./incomplete.js";
import { Rejection } from "./rejection.js";
import { rowsOfColumns } from "./tables.js";

/** What a function over columns is given. */
class Batch {
  #out = null;
  #refused;

  constructor(rows, inputs, refused) {
    this.rows = rows;
    this.inputs = inputs;
    this.#refused = refused;
    Object.freeze(this);
  }

  reject(row, rejection) {
    if (!(rejection instanceof Rejection))
      throw new TypeError("`reject` of a batch takes a row and what `reject` makes");
    if (this.#drop(row)) this.#refused(row, rejection);
  }

  leaveOut(row) {
    this.#drop(row);
  }

  isOut(row) {
    return this.#out !== null && this.#out[row] === 1;
  }

  /** Whether the row was in until now. */
  #drop(row) {
    if (!(Number.isInteger(row) && row >= 0 && row < this.rows)) throw new RangeError(`there is no row ${row}`);
    this.#out ??= new Uint8Array(this.rows);
    if (this.#out[row] === 1) return false;
    this.#out[row] = 1;
    return true;
  }

  /** The rows that are neither refused nor left out; `null` where that is all of them. */
  static kept(batch) {
    const out = batch.#out;
    if (out === null) return null;
    const kept = new Uint32Array(out.length);
    let count = 0;
    for (let i = 0; i < out.length; i++) if (out[i] === 0) kept[count++] = i;
    return kept.subarray(0, count);
  }
}

/** What maps a batch, by a function from its columns to those of the tables. */
export function byColumns(mapColumns, inputs, tables, isSingle) {
  return (rows, columns, context, refused) => {
    const batch = new Batch(
      rows,
      Object.freeze(Object.fromEntries(inputs.map((input, k) => [input.name, columns[k]]))),
      refused,
    );
    const incomplete = incompleteOf(inputs, columns, rows);
    if (incomplete !== null) incomplete.forEach((rejection, row) => batch.reject(row, rejection));
    const made = mapColumns(batch, context);
    const kept = Batch.kept(batch);
    return tables.map((table) => {
      const given = isSingle ? made : made?.[table.name];
      const { origins } = given ?? {};
      if (!(origins instanceof Uint32Array)) return rowsOfColumns(table, given, rows, kept, kept ?? undefined);
      // Rows with origins of their own: those that come of an input row that is out go with it.
      if (kept === null) return rowsOfColumns(table, given.columns, origins.length, null, origins);
      const own = origins.map((_, at) => at).filter((at) => !batch.isOut(origins[at]));
      return rowsOfColumns(
        table,
        given.columns,
        origins.length,
        own,
        own.map((at) => origins[at]),
      );
    });
  };
}
