// A record that the plugin refuses.

/** Why a record is refused. Not an `Error`: nobody reads its stack, and making one takes time. */
export class Refusal {
  constructor(code, message, input) {
    this.code = code;
    this.message = message;
    this.input = input;
  }
}

export function refuse(code, message, input) {
  if (typeof code !== "string" || typeof message !== "string") {
    throw new TypeError("`refuse` takes a code and a message, which are strings");
  }
  if (input !== undefined && typeof input !== "string") throw new TypeError("the input of `refuse` is its name");
  return new Refusal(code, message, input);
}

/** Of an input in which a part is null that may not be. The host cannot know it: the contract has no word for it. */
export const missingPart = (input) =>
  new Refusal(
    "missing-part",
    "a list in it has a null element, or a map in it has a null or no field, where the plugin needs a value; " +
      "give it one, or make that type optional in the plugin",
    input,
  );
