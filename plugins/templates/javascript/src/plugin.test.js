// The mapping is a plain function, so it is tested without a sandbox.

import assert from "node:assert/strict";
import test from "node:test";

import teams from "./plugin.js";

/** The row of a team of this name, or the reason why it is refused. */
const mapped = (name) => teams.map({ team: "t", name, plan: null, created_at: null }, teams.context());

test("a team has a name", () => {
  assert.equal(mapped(" Team 1 ").name, "Team 1");
  assert.equal(mapped("  ").code, "name-empty");
});
