// Messages for the people who run the plugin.

let sink = (level, message) => console.error(`${level}: ${message}`);

/** Where messages go: to the host in a component, to stderr elsewhere. */
export function setSink(to) {
  sink = to;
}

const at = (level) => (message) => sink(level, String(message));

export const log = Object.freeze({ debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") });
