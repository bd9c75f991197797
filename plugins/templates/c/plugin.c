/*
 * Teams of a Firestore export, a row each.
 *
 * A plugin is two lists and a function: what is read of a document, what is written to a table, and how one becomes
 * the other. It runs in a sandbox, and sees the fields that it asks for and nothing else.
 */

#include "gristmill.h"

/*
 * What is read: a type, a name, and where the value is from. GM_INPUT makes `struct team` of the list. The pattern
 * says which documents are taken: `{team}` stands for any one segment of the path, and `.capture` is what it stands
 * for. Other documents of the export do not come here.
 *
 * A type that is no `gm_opt_…` is required: a document without it, or with another type in its place, is refused
 * before it comes here. `.field` is for a field that is not called as the member; a path such as "contact.email"
 * leads into a map.
 */
#define TEAM(INPUT) \
    INPUT(gm_string, team, .capture = "team") \
    INPUT(gm_string, name) \
    INPUT(gm_opt_string, plan) \
    INPUT(gm_opt_timestamp, created_at, .field = "createdAt")

GM_INPUT(team, TEAM, .documents = "teams/{team}")

/*
 * What is written. Descriptions are what `gristmill plugin inspect` shows. `.key` names the columns in which two rows
 * agree when they are the same row, so that loading twice changes nothing.
 */
#define TEAM_ROW(COLUMN) \
    COLUMN(gm_string, team, .description = "The team's id.") \
    COLUMN(gm_string, name, .description = "What people call it.") \
    COLUMN(gm_opt_string, plan, .description = "What it pays for.") \
    COLUMN(gm_opt_timestamp, created_at, .description = "When it was made.")

GM_TABLE(team_row, TEAM_ROW, .name = "teams", .description = "Teams with their plans.", .key = {"team"})

/*
 * Makes a row of a document. What is refused goes to the dead letters with the code, the message and the input at
 * fault, and the others go on. GM_NO_ROW is for documents that are left out on purpose.
 */
static gm_outcome map(const team *in, team_row *row, const gm_context *context) {
    (void)context;
    gm_string name = gm_trim(in->name);
    if (name.len == 0)
        return gm_refuse("name-empty", "a team has a name; give it one", "name");
    *row = (team_row){
        .team = in->team,
        .name = name,
        .plan = in->plan,
        .created_at = in->created_at,
    };
    return GM_ROW;
}

GM_PLUGIN(team, team_row, map, .name = "{{name}}", .version = "0.1.0", .summary = "Teams, a row each.")
