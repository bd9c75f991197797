// Write gristmill plugins in JavaScript and TypeScript: what the plugin reads, what it writes, and a function
// from one to the other. `index.d.ts` says what each of these is.

export { capture, createTime, document, documentName, field, typeOf, updateTime } from "./inputs.js";
export { log } from "./log.js";
export { plugin } from "./plugin.js";
export { reject, Rejection } from "./rejection.js";
export { t } from "./types.js";
export * as time from "./time.js";
export { validator } from "./validator.js";
