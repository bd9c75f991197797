// The declarations: an editor, and `tsc`, check the mapping against what is declared.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const OPTIONS = [
  "--noEmit",
  "--strict",
  "--noImplicitReturns",
  "--module",
  "nodenext",
  "--target",
  "es2022",
  "--types",
  "",
];

function tsc(...words) {
  const folder = dirname(createRequire(import.meta.url).resolve("typescript/package.json"));
  const { status, stdout } = spawnSync(process.execPath, [join(folder, "bin/tsc"), ...words], { encoding: "utf8" });
  return { status, stdout };
}

const alone = (file) => tsc(...OPTIONS, join(HERE, "types", file));

test("what is right compiles, and each line that is wrong is an error", () => {
  assert.deepEqual(alone("right.ts"), { status: 0, stdout: "" });
});

test("a row of another type is an error that names the column", () => {
  const { status, stdout } = alone("wrong.ts");
  assert.notEqual(status, 0);
  assert.match(stdout, /wrong\.ts.*error TS/);
  assert.match(stdout, /Types of property 'members' are incompatible/);
});

for (const project of ["templates/javascript", "examples/quality-javascript"]) {
  test(`the types of ${project} are right`, () => {
    assert.deepEqual(tsc("-p", join(HERE, "../../..", project)), { status: 0, stdout: "" });
  });
}
