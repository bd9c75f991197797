// Records in which a part of a list or map is null that may not be.

import { MISSING } from "./columns.js";
import { missingPart } from "./rejection.js";

/**
 * The rejections of such records, by row; `null` where there is none. Where the input is to be null instead, it is from here on.
 */
export function incompleteOf(inputs, columns, rows) {
  let incomplete = null;
  for (let k = 0; k < inputs.length; k++) {
    if (!columns[k].mayLack()) continue;
    const values = columns[k].list();
    for (let i = 0; i < rows; i++) {
      if (values[i] !== MISSING) continue;
      // Nobody sees it: the record is refused, or this is its value.
      values[i] = null;
      if (inputs[k].nullIfMistyped) continue;
      incomplete ??= new Array(rows);
      incomplete[i] ??= missingPart(inputs[k].name);
    }
  }
  return incomplete;
}
