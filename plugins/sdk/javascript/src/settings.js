// Settings of a plugin.

import { declared, typeAt } from "./types.js";

const SCALARS = ["boolean", "int64", "float64", "string", "json"];
const WANTED = { boolean: "a boolean", int64: "a whole number of 64 bits", float64: "a number", string: "a string" };
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/** What can be set, and whether it can be used. */
export class Settings {
  #all;
  #check;

  constructor(object = {}, check = () => undefined) {
    this.#all = settingsOf(object);
    this.#check = check;
  }

  /** What the host is told. */
  describe() {
    return this.#all.map(({ name, type, standard }) => ({
      name,
      type: type.kind,
      default: standard,
      description: type.text,
    }));
  }

  /** The context of a run with this configuration, a JSON text. */
  open(config, { runId, startedAt }) {
    const context = Object.freeze({ config: readSettings(this.#all, config), runId, startedAt });
    const wrong = this.#check(context.config);
    if (wrong !== undefined && wrong !== null) throw new Error(String(wrong));
    return context;
  }

  /** A context for tests. */
  contextOf(values = {}, { runId = "run", startedAt = 0n } = {}) {
    const unknown = Object.keys(values).find((key) => !this.#all.some((setting) => setting.key === key));
    if (unknown !== undefined) throw new TypeError(`there is no setting \`${unknown}\``);
    const texts = this.#all
      .filter(({ key }) => values[key] !== undefined)
      .map(({ key, name }) => `${JSON.stringify(name)}:${jsonOf(values[key])}`);
    return this.open(`{${texts.join(",")}}`, { runId, startedAt });
  }
}

const jsonOf = (value) => (typeof value === "bigint" ? String(value) : JSON.stringify(value));

/** What the contract calls `about`. */
export const aboutOf = ({ name, version, description = "" }, summary, settings) => ({
  name,
  version,
  summary: summary ?? description,
  config: settings.describe(),
});

/** What can be set: the key in the plugin, the name for people (in kebab case), the type. */
function settingsOf(object) {
  return declared(object, "settings").map(([key, type]) => {
    typeAt(type, `setting \`${key}\``);
    if (!SCALARS.includes(type.kind))
      throw new TypeError(`setting \`${key}\` is of the type ${type.kind}; ${SCALARS.join(", ")} can be set`);
    if (type.nullable) throw new TypeError(`setting \`${key}\` is optional; give it a default instead`);
    const name = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`).replaceAll("_", "-");
    return Object.freeze({ key, name, type, standard: standardOf(key, type) });
  });
}

/** The JSON text of the default. */
function standardOf(key, type) {
  const value = type.standard;
  if (value === undefined) return undefined;
  const text = type.kind === "int64" ? String(value) : JSON.stringify(value);
  // `1.0`, not `1`: whoever reads it sees that it need not be whole.
  const json = type.kind === "float64" && /^-?[0-9]+$/.test(text) ? `${text}.0` : text;
  if (json === undefined || valueOf(type.kind, json) === undefined) {
    throw new TypeError(`the default of setting \`${key}\` is not ${WANTED[type.kind] ?? "a JSON value"}`);
  }
  return json;
}

/** The value of a JSON text; `undefined` where it is of another type. */
function valueOf(kind, json) {
  if (kind === "int64") {
    if (!/^-?(0|[1-9][0-9]*)$/.test(json)) return undefined;
    const value = BigInt(json);
    return value < INT64_MIN || value > INT64_MAX ? undefined : value;
  }
  const value = JSON.parse(json);
  if (kind === "json") return value;
  if (kind === "float64") return typeof value === "number" && Number.isFinite(value) ? value : undefined;
  return typeof value === kind ? value : undefined;
}

/** The settings out of a configuration, which is the JSON text of an object. Those that it does not have are their defaults. */
function readSettings(settings, config) {
  const given = membersOf(config);
  const result = {};
  for (const { key, name, type, standard } of settings) {
    const json = given.get(name) ?? standard;
    if (json === undefined) throw new Error(`setting \`${name}\` is missing and has no default`);
    const value = valueOf(type.kind, json);
    if (value === undefined) throw new Error(`setting \`${name}\` is not ${WANTED[type.kind]}`);
    result[key] = value;
  }
  return Object.freeze(result);
}

const STRING = /"(?:[^"\\]|\\.)*"/y;
const PLAIN = /[^\s,\]}]+/y;

/** The members of a JSON object as JSON texts: `JSON.parse` would round whole numbers beyond 2^53. */
function membersOf(text) {
  const whole = JSON.parse(text);
  if (whole === null || typeof whole !== "object" || Array.isArray(whole))
    throw new Error("the configuration is not a JSON object");
  const members = new Map();
  // From here on the text is known to be well-formed.
  let at = text.indexOf("{") + 1;
  const space = () => {
    while (/\s/.test(text[at] ?? "")) at += 1;
  };
  const token = (pattern) => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)[0];
    at += found.length;
    return found;
  };
  for (;;) {
    space();
    if (text[at] === "}") return members;
    if (text[at] === ",") at += 1;
    space();
    const name = JSON.parse(token(STRING));
    space();
    at += 1;
    space();
    const from = at;
    let depth = 0;
    do {
      if (text[at] === '"') token(STRING);
      else if (text[at] === "{" || text[at] === "[") ((depth += 1), (at += 1));
      else if (text[at] === "}" || text[at] === "]") ((depth -= 1), (at += 1));
      else if (depth > 0 && /[\s,:]/.test(text[at])) at += 1;
      else token(PLAIN);
    } while (depth > 0);
    members.set(name, text.slice(from, at));
  }
}
