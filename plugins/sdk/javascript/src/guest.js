// The plugin as a component. The build makes a module of this and of the plugin.

import { setSink } from "./log.js";
import { Plugin } from "./plugin.js";
import { said } from "./rejection.js";
import { Validator } from "./validator.js";

/**
 * Nothing but the input and the configuration may decide on rows: the engine's own clock and chance are those of the build.
 * Gives the function that sets the clock, which then stands.
 */
function takeAway() {
  let now = null;
  const clock = () => {
    if (now === null) throw new Error("a plugin has no clock before the run");
    return now;
  };
  Math.random = () => {
    throw new Error("a plugin has no random numbers: the same records must give the same rows");
  };
  globalThis.Date = new Proxy(Date, {
    construct: (target, args, self) => Reflect.construct(target, args.length === 0 ? [clock()] : args, self),
    apply: (target) => new target(clock()).toString(),
  });
  Date.now = clock;
  Date.prototype.constructor = Date;
  return (micros) => {
    now = Number(micros / 1000n);
  };
}

/** A result of the contract. An error that is thrown would be a trap, which says nothing. */
function result(make, saying = said) {
  try {
    return { tag: "ok", val: make() };
  } catch (error) {
    return { tag: "err", val: saying(error) };
  }
}

/** A configuration is refused by words alone. */
const inWords = (error) => (error instanceof Error ? error.message : String(error));

function begin(exported, kind, maker, log) {
  if (!(exported instanceof kind))
    throw new TypeError(`the default export of the plugin's module is not what \`${maker}\` makes`);
  setSink(log);
  return takeAway();
}

/** The interface `transform` of the contract. */
export function transform(plugin, manifest, log) {
  const setClock = begin(plugin, Plugin, "plugin", log);
  let opened = null;
  return {
    identify: () => plugin.identify(manifest),
    open: (config, context) =>
      result(() => {
        setClock(context.startedAt);
        opened = plugin.open(config, context);
        return opened.description;
      }, inWords),
    transform: (batch) =>
      result(() => {
        if (opened === null) throw new Error("`transform` was called before `open`");
        return opened.transform.transform(batch);
      }),
  };
}

/** The interface `validate` of the contract. */
export function validate(validator, manifest, log) {
  const setClock = begin(validator, Validator, "validator", log);
  let opened = null;
  return {
    identify: () => validator.identify(manifest),
    open: (config, context, types, table) =>
      result(() => {
        setClock(context.startedAt);
        opened = validator.open(config, context, types, table);
        return opened.names;
      }, inWords),
    validate: (rows) =>
      result(() => {
        if (opened === null) throw new Error("`validate` was called before `open`");
        return opened.validate(rows);
      }),
  };
}
