// Rules for rows of the table `teams`, whoever makes them.
//
// A validator is what is read of a row, and a function that says what is wrong with it. It runs in a sandbox, and sees the
// columns that it asks for and nothing else.

import { t, validator } from "gristmill-sdk";

const PLANS = ["free", "pro"];

export default validator({
  // The rows of other tables do not come here. Without it those of every table do, and each must have the columns.
  table: "teams",

  // What is read, by the names of the columns. What is optional may be null; what is not is for a column that is required.
  columns: {
    plan: t.string.optional(),
    created_at: t.timestamp.optional(),
  },

  // Says what is wrong with a row. An error refuses it: it goes to the dead letters with the rule, the message and the
  // column, and the others go on. A warning is counted, and the row goes on. Rules are for counting, and `--gate` stops a
  // run by them: lower-case letters, digits, `-` and `.`.
  judge({ plan, created_at }, { startedAt }, verdict) {
    if (plan === null) verdict.warning("plan-missing", "nobody knows what the team pays for", "plan");
    else if (!PLANS.includes(plan)) verdict.error("plan-unknown", "there is no such plan; correct it", "plan");
    if (created_at !== null && created_at > startedAt) {
      verdict.error("created-later", "the team is newer than the run", "created_at");
    }
  },
});
