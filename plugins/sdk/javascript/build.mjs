// Makes a component of a project: bundles the plugin with the SDK, and puts it into the engine.
//
//     node build.mjs PROJECT OUTPUT
//
// `gristmill plugin build` runs it.

import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const SDK = dirname(fileURLToPath(import.meta.url));
const ENGINE = "@bytecodealliance/componentize-js";
/** What the engine could import, all of it left out: a plugin imports its log and nothing else. */
const LEFT_OUT = ["random", "clocks", "http", "fetch-event", "stdio"];
const OLDEST_NODE = 20;
/** Where the module is that package.json names no other for: one that maps, or one that judges. */
const ENTRIES = ["src/plugin.ts", "src/plugin.js", "src/validator.ts", "src/validator.js"];

/** What is shown as it stands, without a stack. */
class Complaint extends Error {}

/** The contract, which lies to the SDK in a project as in the repository. */
const WIT = resolve(SDK, "../../../wit");

/** The folder of an installed package, from the project's point of view. */
function installed(project, name) {
  for (let folder = project; ; folder = dirname(folder)) {
    const found = join(folder, "node_modules", name);
    if (existsSync(join(found, "package.json"))) return found;
    if (folder === dirname(folder)) {
      throw new Complaint(`${name} is not installed. Run \`npm install\` in ${project}`);
    }
  }
}

/** An installed package. Node would look for it from this file, which may lie elsewhere than the project. */
async function tool(project, name) {
  const folder = installed(project, name);
  const { exports, main } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return import(pathToFileURL(join(folder, exports?.import ?? main)).href);
}

function manifestOf(project) {
  const path = join(project, "package.json");
  const manifest = JSON.parse(readFileSync(path, "utf8"));
  for (const key of ["name", "version"]) {
    if (typeof manifest[key] !== "string") throw new Complaint(`${path} has no ${key}, which is the plugin's`);
  }
  return manifest;
}

/** For esbuild, which would advise to bundle for Node.js. */
const NO_NODE = {
  name: "no-node",
  setup({ onResolve }) {
    onResolve({ filter: /^node:/ }, ({ path }) => ({
      errors: [{ text: `${path} belongs to Node.js; a plugin has no files, no network and no clock` }],
    }));
  },
};

/** The file of the plugin. */
function entryOf(project, manifest) {
  const entry = manifest.main ?? ENTRIES.find((path) => existsSync(join(project, path)));
  if (entry === undefined)
    throw new Complaint(`${project} has none of ${ENTRIES.join(", ")}, and its package.json names no "main"`);
  return resolve(project, entry);
}

/** The plugin and the SDK as one module, which exports the interface. */
async function bundle(project, manifest, entry, exported) {
  const { build } = await tool(project, "esbuild");
  const about = { name: manifest.name, version: manifest.version, description: manifest.description };
  const contents = `
    import { log } from "gristmill:plugin/log@0.1.0";
    import { ${exported} as made } from "gristmill-sdk/guest";
    import plugin from ${JSON.stringify(`./${relative(project, entry).replaceAll("\\", "/")}`)};
    export const ${exported} = made(plugin, ${JSON.stringify(about)}, log);`;
  const result = await build({
    absWorkingDir: project,
    stdin: { contents, resolveDir: project, sourcefile: "component.js" },
    alias: { "gristmill-sdk": join(SDK, "src/index.js"), "gristmill-sdk/guest": join(SDK, "src/guest.js") },
    external: ["gristmill:*"],
    plugins: [NO_NODE],
    bundle: true,
    write: false,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    color: false,
  }).catch((error) => {
    // esbuild has said on stderr what is wrong, and where.
    throw Array.isArray(error.errors) ? new Complaint("") : error;
  });
  return result.outputFiles[0].text;
}

/** The engine runs the module once, when the component is made. Of what it says when that fails, the error itself. */
function whyNoStart(message) {
  const thrown = /^Exception while evaluating top-level script\n\S+:[0-9]+:[0-9]+ (.*)$/m.exec(message);
  return thrown === null ? message : `the plugin's module cannot be run: ${thrown[1]}`;
}

/** Of everything that the component is made of. */
function digestOf(source, engine) {
  const hash = createHash("sha256").update(source).update("\0").update(engine).update("\0");
  for (const name of readdirSync(WIT).sort()) {
    if (name.endsWith(".wit")) hash.update(readFileSync(join(WIT, name))).update("\0");
  }
  return hash.digest("hex");
}

async function main(project, output) {
  const [major] = process.versions.node.split(".");
  if (Number(major) < OLDEST_NODE) {
    throw new Complaint(`Node.js ${OLDEST_NODE} or newer is needed, and this is ${process.versions.node}`);
  }
  const manifest = manifestOf(project);
  const entry = entryOf(project, manifest);
  // As for other languages, the name of the file says what it is.
  const judges = basename(entry).startsWith("validator.");
  const source = await bundle(project, manifest, entry, judges ? "validate" : "transform");
  const { version } = JSON.parse(readFileSync(join(installed(project, ENGINE), "package.json"), "utf8"));
  const digest = digestOf(source, version);
  const stamp = `${output}.made-from`;
  // With the component itself: another plugin of that name, in another language, may have been built into the folder since.
  const stampOf = (component) => `${digest} ${createHash("sha256").update(component).digest("hex")}`;
  // Two builds of the same are not the same to the byte, and the host compiles each new file for some twenty seconds.
  if (existsSync(output) && existsSync(stamp) && readFileSync(stamp, "utf8") === stampOf(readFileSync(output))) return;

  const { componentize } = await tool(project, ENGINE);
  const folder = mkdtempSync(join(tmpdir(), "gristmill-"));
  try {
    const sourcePath = join(folder, "plugin.js");
    writeFileSync(sourcePath, source);
    const { component } = await componentize({
      sourcePath,
      witPath: WIT,
      worldName: judges ? "validator" : "transformer",
      disableFeatures: LEFT_OUT,
    }).catch((error) => {
      throw new Complaint(whyNoStart(error.message));
    });
    mkdirSync(dirname(output), { recursive: true });
    rmSync(stamp, { force: true });
    writeFileSync(`${output}.new`, component);
    renameSync(`${output}.new`, output);
    writeFileSync(stamp, stampOf(component));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const [project, output] = process.argv.slice(2);
if (project === undefined || output === undefined) {
  console.error("usage: node build.mjs PROJECT OUTPUT");
  process.exit(2);
}
try {
  await main(resolve(project), resolve(output));
} catch (error) {
  if (!(error instanceof Complaint)) throw error;
  if (error.message !== "") console.error(`error: ${error.message}`);
  process.exitCode = 1;
}
