// Record by record: from the columns of a batch to those of the tables.
//
// The loop is made for each plugin when it is opened. The engine is an interpreter: what it would have to look up for
// each field of each record (names, places, types) stands in the text of the loop instead.

import { incompleteOf } from "./incomplete.js";
import { isOfEngine, Rejection, thrown } from "./rejection.js";
import { rowsOf } from "./tables.js";

const quoted = (name) => JSON.stringify(name);

/**
 * The text of the loop, and with it the function. For each row `i` it calls the mapping with an object of the inputs, and
 * appends each row that it gives to a list a column, and `i` to the origins.
 *
 * In it: `c0` … the values of inputs, `v0_0` … those of columns, `o0` … the origins of the rows of a table, `e0` whether
 * there was a row of each record up to now and one only.
 */
function loopOf(inputs, tables, isSingle) {
  const lists = (table, j) => table.columns.map((_, k) => `v${j}_${k}`).join(", ");
  const record = inputs.map((input, k) => `${quoted(input.name)}: c${k}[i]`).join(", ");
  const each = (make) => tables.map(make).join("\n");
  const store = (row, j) =>
    `${tables[j].columns.map((column, k) => `v${j}_${k}.push(${row}[${quoted(column.name)}]);`).join(" ")} o${j}.push(i);`;
  const none = tables.map((_, j) => `e${j} = false;`).join(" ");
  const take = (rows, j) => `
      if (${rows} === null) e${j} = false;
      else if (isArray(${rows})) {
        if (${rows}.length !== 1) e${j} = false;
        for (let k = 0; k < ${rows}.length; k++) { const row = ${rows}[k]; if (!isRow(row)) throw noRow(row); ${store("row", j)} }
      } else if (typeof ${rows} === "object") { ${store(rows, j)} }
      else throw noRow(${rows});`;
  const taken = isSingle
    ? take("made", 0)
    : `if (made === null) { ${none} } else if (!isRow(made)) throw noTables(made); else {
      ${each((table, j) => `const r${j} = made[${quoted(table.name)}]; ${take(`r${j}`, j)}`)}
      }`;
  return new Function(
    "map, Rejection, isOfEngine, thrown, isArray, isRow, noRow, noTables",
    `return function loop(rows, inputs, context, incomplete, refused) {
    const [${inputs.map((_, k) => `c${k}`).join(", ")}] = inputs;
    ${each((table, j) => `const ${lists(table, j).replaceAll(",", " = [],")} = [], o${j} = []; let e${j} = true;`)}
    for (let i = 0; i < rows; i++) {
      let made;
      if (incomplete !== null && incomplete[i] !== undefined) made = incomplete[i];
      else try {
        made = map({ ${record} }, context);
      } catch (error) {
        if (isOfEngine(error)) throw error;
        made = error instanceof Rejection ? error : thrown(error);
      }
      if (made instanceof Rejection) { refused(i, made); ${none} continue; }
      ${taken}
    }
    return [${tables.map((table, j) => `{ values: [${lists(table, j)}], origins: o${j}, isEach: e${j} }`).join(", ")}];
  }`,
  );
}

const isRow = (value) =>
  value !== null && typeof value === "object" && !Array.isArray(value) && !(value instanceof Rejection);

const what = (value) =>
  value === null
    ? "null"
    : Array.isArray(value)
      ? "an array"
      : value instanceof Rejection
        ? "a rejection"
        : typeof value;

const noRow = (value) =>
  new TypeError(
    `the mapping gave ${what(value)} where a row, an array of rows or null is due (null leaves the record out)`,
  );

const noTables = (value) =>
  new TypeError(`the mapping gave ${what(value)} where an object with the rows of each table is due`);

/** What maps a batch, by a function from a record to what is made of it. */
export function byRecord(map, inputs, tables, isSingle) {
  const loop = loopOf(inputs, tables, isSingle)(
    map,
    Rejection,
    isOfEngine,
    thrown,
    Array.isArray,
    isRow,
    noRow,
    noTables,
  );
  return (rows, columns, context, refused) => {
    const incomplete = incompleteOf(inputs, columns, rows);
    const values = columns.map((column) => column.list());
    const made = loop(rows, values, context, incomplete, refused);
    return made.map(({ values: of, origins, isEach }, j) =>
      rowsOf(tables[j], of, origins.length, isEach ? undefined : new Uint32Array(origins)),
    );
  };
}
