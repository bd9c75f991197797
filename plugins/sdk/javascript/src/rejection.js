// A record that the plugin refuses.

/** Why a record is refused. Not an `Error`: nobody reads its stack, and making one takes time. */
export class Rejection {
  constructor(code, message, input) {
    this.code = code;
    this.message = message;
    this.input = input;
  }
}

export function reject(code, message, input) {
  if (typeof code !== "string" || typeof message !== "string") {
    throw new TypeError("`reject` takes a code and a message, which are strings");
  }
  if (input !== undefined && typeof input !== "string") throw new TypeError("the input of `reject` is its name");
  return new Rejection(code, message, input);
}

/** What an error says to people, with the place where it was thrown. */
export function said(error) {
  if (!(error instanceof Error)) return String(error);
  const [place = ""] = (error.stack ?? "").split("\n");
  return place === "" ? `${error.name}: ${error.message}` : `${error.name}: ${error.message} (${place})`;
}

/** Errors of the engine itself, such as a stack that ended: what comes after them cannot be relied on. */
export const isOfEngine = (error) => error?.name === "InternalError";

/** Of a record on which the plugin threw an error. */
export const thrown = (error) => new Rejection("exception", `the plugin threw ${said(error)}`.slice(0, 1000));

/** Of an input in which a part is null that may not be. The host cannot know it: the contract has no word for it. */
export const missingPart = (input) =>
  new Rejection(
    "missing-part",
    "a list in it has a null element, or a map in it has a null or no field, where the plugin needs a value; " +
      "give it one, or make that type optional in the plugin",
    input,
  );
