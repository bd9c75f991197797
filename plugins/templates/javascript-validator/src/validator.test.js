// The rules are a plain function, so they are tested without a sandbox.

import assert from "node:assert/strict";
import test from "node:test";

import teams from "./validator.js";

/** The rules that a team breaks in a run of 1970. */
const broken = (plan, created_at = null) => teams.verdict({ plan, created_at }).map(({ rule }) => rule);

test("a team has a plan that there is", () => {
  assert.deepEqual(broken("pro"), []);
  assert.deepEqual(broken(null), ["plan-missing"]);
  assert.deepEqual(broken("gold", 1n), ["plan-unknown", "created-later"]);
});
