/*
 * Rules for rows of the table `teams`, whoever makes them.
 *
 * A validator is a list and a function: what is read of a row, and what is wrong with it. It runs in a sandbox, and
 * sees the columns that it asks for and nothing else.
 */

#include "gristmill.h"

/*
 * What is read of a row. The rows of other tables do not come here; without `.table` those of every table do, and each
 * must have the columns. `gm_opt_…` may be null; any other type is for a column that is required. For a column of
 * another name there is `.name = "createdAt"`.
 */
#define TEAM(COLUMN) \
    COLUMN(gm_opt_string, plan) \
    COLUMN(gm_opt_timestamp, created_at)

GM_ROWS(team, TEAM, .table = "teams")

/*
 * Says what is wrong with a row. An error refuses it: it goes to the dead letters with the rule, the message and the
 * column, and the others go on. A warning is counted, and the row goes on. Rules are for counting, and `--gate` stops a
 * run by them: lower-case letters, digits, `-` and `.`.
 */
static void judge(const team *row, gm_findings *found, const gm_context *context) {
    gm_string plan = row->plan.value;
    if (!row->plan.present)
        gm_warning(found, "plan-missing", "nobody knows what the team pays for", "plan");
    else if (!gm_is(plan, "free") && !gm_is(plan, "pro"))
        gm_error(found, "plan-unknown", "there is no such plan; correct it", "plan");
    if (row->created_at.present && row->created_at.value.micros > context->started_at.micros)
        gm_error(found, "created-later", "the team is newer than the run", "created_at");
}

GM_VALIDATOR(team, judge, .name = "{{name}}", .version = "0.1.0", .summary = "Rules for rows of teams.")
