// Teams of a Firestore export, a row each.
//
// A plugin is what is read of a document, what is written to a table, and a function from one to the other. It runs in a
// sandbox, and sees the fields that it asks for and nothing else.

import { capture, field, plugin, reject, t } from "gristmill-sdk";

export default plugin({
  // The pattern says which documents are taken: `{team}` stands for any one segment of the path. Other documents of the
  // export do not come here.
  documents: "teams/{team}",

  // What is read.
  inputs: {
    // What `{team}` stands for: the document's id.
    team: capture(),
    // What is not optional is required. A document without it, or with another type in its place, is refused before it
    // comes here.
    name: t.string,
    // This one may be missing or null.
    plan: t.string.optional(),
    // The field has another name in the document. A path such as `contact.email` leads into a map.
    created_at: field("createdAt", t.timestamp.optional()),
  },

  // What is written. `key` names the columns in which two rows agree when they are the same row, so that loading twice
  // changes nothing. `gristmill plugin inspect` shows the descriptions.
  table: {
    name: "teams",
    description: "Teams with their plans.",
    key: "team",
    columns: {
      team: t.string.describe("The team's id."),
      name: t.string.describe("What people call it."),
      plan: t.string.optional().describe("What it pays for."),
      created_at: t.timestamp.optional().describe("When it was made."),
    },
  },

  // Makes a row of a document. What `reject` makes, returned or thrown, is a document that is refused: it goes to the dead
  // letters with the code, the message and the input at fault, and the others go on. For a document that is left out on
  // purpose, return null.
  map(team) {
    const name = team.name.trim();
    if (name === "") return reject("name-empty", "a team has a name; give it one", "name");
    return { team: team.team, name, plan: team.plan, created_at: team.created_at };
  },
});
