// Where the values of inputs come from.

import { partAt, t, Type } from "./types.js";

/** A declared input. */
export class Input {
  constructor(origin, type, nullIfMistyped) {
    /** As in the contract; `undefined` in place of a name or path is that of the input itself. */
    this.origin = origin;
    this.type = type;
    this.nullIfMistyped = nullIfMistyped;
    Object.freeze(this);
  }
}

/** Steps of a path: those of `a.b` are `a` and `b`; an array is taken as it is, for names with dots. */
function steps(path) {
  const all = typeof path === "string" ? path.split(".") : path;
  if (!Array.isArray(all) || all.length === 0 || !all.every((step) => typeof step === "string" && step !== "")) {
    throw new TypeError("a path is a string such as `contact.email`, or an array of names of fields");
  }
  return all;
}

export function field(path, type, options = {}) {
  partAt(type, `field \`${String(path)}\``);
  for (const name of Object.keys(options)) {
    if (name !== "mismatch") throw new TypeError(`a field has no option \`${name}\``);
  }
  const { mismatch = "reject" } = options;
  if (mismatch !== "reject" && mismatch !== "null") throw new TypeError('`mismatch` is "reject" or "null"');
  if (mismatch === "null" && !type.nullable) {
    throw new TypeError(`field \`${String(path)}\` is null where it is mistyped, so its type must be optional`);
  }
  return new Input({ tag: "field", val: steps(path) }, type, mismatch === "null");
}

export const capture = (name) => new Input({ tag: "path-capture", val: name }, t.string, false);
export const typeOf = (path) => new Input({ tag: "field-type", val: steps(path) }, t.string.optional(), false);
export const documentName = () => new Input({ tag: "document-name" }, t.string, false);
export const document = () => new Input({ tag: "document" }, t.json, false);
export const createTime = () => new Input({ tag: "create-time" }, t.timestamp.optional(), false);
export const updateTime = () => new Input({ tag: "update-time" }, t.timestamp.optional(), false);

/** The input that stands at `name`: a type alone is the field of that name. */
export function inputAt(name, declaration) {
  if (declaration instanceof Type)
    return new Input({ tag: "field", val: [name] }, partAt(declaration, `input \`${name}\``), false);
  if (!(declaration instanceof Input)) {
    throw new TypeError(
      `input \`${name}\` is neither a type of \`t\` nor made by \`field\`, \`capture\` or their like`,
    );
  }
  const { origin, type, nullIfMistyped } = declaration;
  if (origin.tag !== "path-capture" || origin.val !== undefined) return declaration;
  return new Input({ tag: "path-capture", val: name }, type, nullIfMistyped);
}
