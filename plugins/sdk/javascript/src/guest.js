// The plugin as a component. The build makes a module of this and of the plugin.

import { setSink } from "./log.js";
import { Plugin } from "./plugin.js";

/** Nothing but the input and the configuration may decide on rows: the engine's clock and chance are those of the build. */
function takeAway() {
  const gone = (what, instead) => () => {
    throw new Error(`a plugin has no ${what}${instead}`);
  };
  const noClock = gone("clock", ": `context.startedAt` is the time of the run");
  Math.random = gone("random numbers", "");
  globalThis.Date = new Proxy(Date, {
    construct: (target, args, self) => (args.length === 0 ? noClock() : Reflect.construct(target, args, self)),
    apply: noClock,
  });
  Date.now = noClock;
  Date.prototype.constructor = Date;
}

/** What an error says to people, with the place where it was thrown. */
function said(error) {
  if (!(error instanceof Error)) return String(error);
  const [place = ""] = (error.stack ?? "").split("\n");
  return place === "" ? `${error.name}: ${error.message}` : `${error.name}: ${error.message} (${place})`;
}

/** The interface `transform` of the contract. */
export function exported(plugin, manifest, log) {
  if (!(plugin instanceof Plugin)) throw new TypeError("the default export of the plugin's module is not what `plugin` makes");
  takeAway();
  setSink(log);
  let transform = null;
  // An error that is thrown would be a trap, which says nothing.
  const result = (make) => {
    try {
      return { tag: "ok", val: make() };
    } catch (error) {
      return { tag: "err", val: said(error) };
    }
  };
  return {
    identify: () => plugin.identify(manifest),
    open(config, context) {
      try {
        const opened = plugin.open(config, context);
        transform = opened.transform;
        return { tag: "ok", val: opened.description };
      } catch (error) {
        // A configuration is refused by words alone.
        return { tag: "err", val: error instanceof Error ? error.message : String(error) };
      }
    },
    transform: (batch) =>
      result(() => {
        if (transform === null) throw new Error("`transform` was called before `open`");
        return transform.transform(batch);
      }),
  };
}
