// Some rows of whole columns, copied a run of neighbours at a time: one call of the engine is worth many steps of a loop.

/** Rows in ascending order, as runs of neighbours. */
export class Rows {
  constructor(rows) {
    this.count = rows.length;
    /** The first row of each run, and the row after its last. */
    this.runs = [];
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i];
      if (i > 0 && rows[i - 1] + 1 === row) this.runs[this.runs.length - 1] = row + 1;
      else this.runs.push(row, row + 1);
    }
  }

  /** Of an array of values, or of a typed array. */
  values(values) {
    if (Array.isArray(values)) {
      const parts = [];
      for (let k = 0; k < this.runs.length; k += 2) parts.push(values.slice(this.runs[k], this.runs[k + 1]));
      return [].concat(...parts);
    }
    const out = new values.constructor(this.count);
    let at = 0;
    for (let k = 0; k < this.runs.length; k += 2) {
      const from = this.runs[k];
      const to = this.runs[k + 1];
      out.set(values.subarray(from, to), at);
      at += to - from;
    }
    return out;
  }

  /** Of bits. */
  bits(bits) {
    const out = new Uint8Array((this.count + 7) >> 3);
    let at = 0;
    for (let k = 0; k < this.runs.length; k += 2) {
      const to = this.runs[k + 1];
      for (let row = this.runs[k]; row < to; row++) {
        out[at >> 3] |= ((bits[row >> 3] >> (row & 7)) & 1) << (at & 7);
        at += 1;
      }
    }
    return out;
  }

  /** Of values of variable length. */
  varlen(offsets, data) {
    const out = new Uint32Array(this.count + 1);
    let length = 0;
    let at = 0;
    for (let k = 0; k < this.runs.length; k += 2) {
      const to = this.runs[k + 1];
      const shift = length - offsets[this.runs[k]];
      for (let row = this.runs[k]; row < to; row++) out[++at] = offsets[row + 1] + shift;
      length = out[at];
    }
    const bytes = new Uint8Array(length);
    let end = 0;
    for (let k = 0; k < this.runs.length; k += 2) {
      const part = data.subarray(offsets[this.runs[k]], offsets[this.runs[k + 1]]);
      bytes.set(part, end);
      end += part.length;
    }
    return { offsets: out, data: bytes };
  }
}
