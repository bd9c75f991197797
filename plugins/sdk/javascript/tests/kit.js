// Batches as a host makes them, and what a plugin makes of them.

import { Column } from "../src/columns.js";
import { Arrays } from "../src/encode.js";

/** A batch of columns, each a type and its values. */
export function batchOf(rows, columns) {
  const arrays = new Arrays();
  const indexes = columns.map(([type, values]) => arrays.add(type, values, rows, "a column of the test"));
  return { rows, arrays: arrays.list, columns: Uint32Array.from(indexes) };
}

export const RUN = { runId: "run", startedAt: 1_700_000_000_000_000n };

/** Opens a plugin. */
export const open = (plugin, config = "{}") => plugin.open(config, RUN);

/** Maps a batch; each table as its rows (arrays of values), with its origins. */
export function mapped(plugin, types, batch, config = "{}") {
  const { tables, rejections } = open(plugin, config).transform.transform(batch);
  return {
    tables: tables.map(({ batch: made, origins }, j) => ({ rows: rowsOf(made, types[j]), origins })),
    rejections,
  };
}

/** The rows of a batch. */
export function rowsOf(batch, types) {
  checked(batch);
  const lists = types.map((type, k) =>
    new Column(type, batch.rows, batch.arrays[batch.columns[k]], batch.arrays).list(),
  );
  return Array.from({ length: batch.rows }, (_, i) => lists.map((list) => list[i]));
}

/** Rules of the contract that the host checks. */
function checked(batch) {
  const owners = new Array(batch.arrays.length).fill(0);
  const visit = (index, count) => {
    owners[index] += 1;
    const { values, validity } = batch.arrays[index];
    const { tag, val } = values;
    const bytes = (count + 7) >> 3;
    if (validity !== undefined && validity.length !== bytes)
      throw new Error(`the validity of array ${index} has ${validity.length} bytes`);
    const sorted = (offsets, length) => {
      if (
        !(offsets instanceof Uint32Array) ||
        offsets.length !== count + 1 ||
        offsets[0] !== 0 ||
        offsets[count] !== length
      ) {
        throw new Error(`the offsets of array ${index} are ${offsets}, and it has ${count} values`);
      }
      if (!offsets.every((offset, i) => i === 0 || offset >= offsets[i - 1]))
        throw new Error(`offsets of array ${index} go down`);
    };
    switch (tag) {
      case "booleans":
        if (val.length !== bytes) throw new Error("booleans");
        break;
      case "strings":
      case "bytes":
      case "json":
        sorted(val.offsets, val.data.length);
        if (tag !== "bytes") {
          const strict = new TextDecoder("utf-8", { fatal: true });
          for (let i = 0; i < count; i++) strict.decode(val.data.subarray(val.offsets[i], val.offsets[i + 1]));
        }
        break;
      case "lists":
        sorted(val.offsets, val.offsets[count]);
        if (val.child <= index) throw new Error("a list holds itself");
        visit(val.child, val.offsets[count]);
        break;
      case "structs":
        if (val.length !== count) throw new Error("a struct has another length");
        for (const child of val.children) {
          if (child <= index) throw new Error("a struct holds itself");
          visit(child, count);
        }
        break;
      default:
        if (val.length !== count) throw new Error(`array ${index} has ${val.length} values, and ${count} are due`);
    }
  };
  for (const index of batch.columns) visit(index, batch.rows);
  if (!owners.every((count) => count === 1)) throw new Error(`arrays belong to ${owners}`);
}
