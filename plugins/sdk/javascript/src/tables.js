// Tables that are written.

import { caseOf, Column } from "./columns.js";
import { addColumn, Arrays, validityOf } from "./encode.js";
import { Rows } from "./gather.js";
import { declared, partAt } from "./types.js";

const OPTIONS = ["name", "description", "columns", "key", "latestBy", "partitionBy", "clusterBy"];

/** A table as it is declared, checked as far as the host does not. */
export function tableOf(spec, name) {
  for (const option of Object.keys(spec)) {
    if (!OPTIONS.includes(option)) throw new TypeError(`table \`${name}\` has no option \`${option}\``);
  }
  const columns = declared(spec.columns, `the columns of table \`${name}\``).map(([column, type]) => {
    partAt(type, `column \`${column}\``);
    return Object.freeze({ name: column, type, where: `column \`${column}\`` });
  });
  const list = (value) => (value === undefined ? [] : Array.isArray(value) ? value : [value]);
  return Object.freeze({
    name,
    description: spec.description ?? "",
    columns,
    key: list(spec.key),
    latestBy: spec.latestBy,
    partitionBy: spec.partitionBy,
    clusterBy: list(spec.clusterBy),
  });
}

/** What the host is told of a table. */
export function describeTable(table, types) {
  return {
    name: table.name,
    description: table.description,
    columns: table.columns.map(({ name, type }) => ({
      name,
      type: types.add(type),
      required: !type.nullable,
      description: type.text,
    })),
    key: table.key,
    latestBy: table.latestBy,
    partitionBy: table.partitionBy,
    clusterBy: table.clusterBy,
  };
}

/** The rows of a table from the values of each column. `origins` is `undefined` where row i was made from input row i. */
export function rowsOf(table, values, count, origins) {
  const arrays = new Arrays();
  const columns = table.columns.map(({ type, where }, k) => arrays.add(type, values[k], count, where));
  return { batch: { rows: count, arrays: arrays.list, columns: Uint32Array.from(columns) }, origins };
}

/** The rows of a table from whole columns, each of `rows` values; of them those in `kept`, where it is not `null`. */
export function rowsOfColumns(table, given, rows, kept, origins) {
  if (given === null || typeof given !== "object") throw new TypeError(`table \`${table.name}\` is given no columns`);
  for (const name of Object.keys(given)) {
    if (!table.columns.some((column) => column.name === name))
      throw new TypeError(`table \`${table.name}\` has no column \`${name}\``);
  }
  const arrays = new Arrays();
  const some = kept === null ? null : new Rows(kept);
  const columns = table.columns.map(({ name, type, where }) => addGiven(arrays, type, given[name], rows, some, where));
  const count = some === null ? rows : some.count;
  return { batch: { rows: count, arrays: arrays.list, columns: Uint32Array.from(columns) }, origins };
}

/** A column that was read; a typed array, with or without validity; or an array of values. */
function addGiven(arrays, type, given, rows, some, where) {
  if (given === undefined) throw new TypeError(`${where} is undefined`);
  const isBuilt =
    given !== null && typeof given === "object" && ArrayBuffer.isView(given.values) && !(given instanceof Column);
  const length = given instanceof Column ? given.rows : (isBuilt ? given.values : given)?.length;
  if (length !== rows) throw new TypeError(`${where} has ${length} values, and there are ${rows} rows`);
  if (given instanceof Column) {
    if (!isSame(given.type, type)) throw new TypeError(`${where} is given a column of another type`);
    return addColumn(arrays, given, type, some, where);
  }
  const values = isBuilt ? given.values : given;
  const index =
    some === null ? arrays.add(type, values, rows, where) : arrays.add(type, some.values(values), some.count, where);
  if (isBuilt && given.validity !== null && given.validity !== undefined) {
    const { validity } = given;
    if (!(validity instanceof Uint8Array && validity.length === (rows + 7) >> 3)) {
      throw new TypeError(`the validity of ${where} is no Uint8Array with a bit a row`);
    }
    arrays.list[index].validity = validityOf(validity, some);
  }
  return index;
}

/** Whether values of one type are laid out as those of the other, part by part. */
function isSame(a, b) {
  if (caseOf(a.kind) !== caseOf(b.kind)) return false;
  if (a.kind === "list") return isSame(a.element, b.element);
  if (a.kind !== "struct") return true;
  return (
    a.fields.length === b.fields.length &&
    a.fields.every(([name, type], k) => name === b.fields[k][0] && isSame(type, b.fields[k][1]))
  );
}
