// Types of inputs, columns and settings.

/** A declared type. Each method gives a new one. */
export class Type {
  constructor(kind, more) {
    /** A scalar of the contract, `list` or `struct`. */
    this.kind = kind;
    /** Whether it may be null. */
    this.nullable = false;
    this.text = "";
    this.standard = undefined;
    /** Of a list: the type of its elements. */
    this.element = undefined;
    /** Of a struct: names and types. */
    this.fields = undefined;
    Object.assign(this, more);
    Object.freeze(this);
  }

  #with(more) {
    return new Type(this.kind, { ...this, ...more });
  }

  optional() {
    return this.#with({ nullable: true });
  }

  describe(text) {
    if (typeof text !== "string") throw new TypeError("`describe` takes a string");
    return this.#with({ text });
  }

  default(value) {
    if (value === undefined) throw new TypeError("`default` takes a value");
    return this.#with({ standard: value });
  }
}

/** Refuses what is no type, which in JavaScript nothing else does. */
export function typeAt(type, where) {
  if (!(type instanceof Type)) throw new TypeError(`${where} has no type; give it one of \`t\`, such as \`t.string\``);
  return type;
}

/** `typeAt` of what is read or written. A default would be passed over there. */
export function partAt(type, where) {
  if (typeAt(type, where).standard !== undefined)
    throw new TypeError(`${where} has a default, which is for settings alone`);
  return type;
}

/** Entries of an object of declarations, in order. */
export function declared(object, where) {
  if (object === null || typeof object !== "object" || Array.isArray(object)) {
    throw new TypeError(`${where} must be an object`);
  }
  const entries = Object.entries(object);
  for (const [name] of entries) {
    // Such a key would set the prototype of a record instead of a property.
    if (name === "__proto__") throw new TypeError(`${where} cannot have the name \`__proto__\``);
    // An object has keys like these before all others, whatever the order in which they are written.
    if (/^(0|[1-9][0-9]*)$/.test(name))
      throw new TypeError(`${where} cannot have the name \`${name}\`: it is a number`);
  }
  return entries;
}

const scalar = (kind) => new Type(kind);

export const t = Object.freeze({
  boolean: scalar("boolean"),
  int64: scalar("int64"),
  float64: scalar("float64"),
  timestamp: scalar("timestamp"),
  date: scalar("date"),
  string: scalar("string"),
  bytes: scalar("bytes"),
  json: scalar("json"),
  reference: scalar("reference"),
  list: (element) => new Type("list", { element: partAt(element, "a list") }),
  struct: (fields) => {
    const entries = declared(fields, "a struct");
    for (const [name, type] of entries) partAt(type, `field \`${name}\` of a struct`);
    return new Type("struct", { fields: Object.freeze(entries) });
  },
});

/** The types of a description while they are listed: equal ones once, parts before what they are part of. */
export class TypeList {
  types = [];
  #indexes = new Map();

  /** Index of a type in the list. */
  add(type) {
    const entry = this.#entry(type);
    const key = JSON.stringify(entry);
    let index = this.#indexes.get(key);
    if (index === undefined) {
      index = this.types.push(entry) - 1;
      this.#indexes.set(key, index);
    }
    return index;
  }

  #entry(type) {
    switch (type.kind) {
      case "list":
        return { tag: "list", val: this.add(type.element) };
      case "struct":
        return { tag: "struct", val: type.fields.map(([name, part]) => ({ name, type: this.add(part) })) };
      default:
        return { tag: "scalar", val: type.kind };
    }
  }
}
