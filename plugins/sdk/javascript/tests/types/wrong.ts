import { capture, plugin, t } from "gristmill-sdk";

export default plugin({
  documents: "teams/{team}",
  inputs: { team: capture(), members: t.int64.optional() },
  table: { name: "teams", columns: { team: t.string, members: t.int64 } },
  map: ({ team, members }) => ({ team, members }),
});
