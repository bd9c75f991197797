"""Rules for rows of the table `teams`, whoever makes them.

A validator is a class and a function: what is read of a row, and what is wrong with it. It runs in a sandbox, and sees the columns that it asks
for and nothing else.
"""

from gristmill import Context, Micros, RowColumns, Verdict, validator

PLANS = ["free", "pro"]


class Team(RowColumns, table="teams"):
    """What is read of a row. The rows of other tables do not come here; without `table=…` those of every table do, and each must have the
    columns."""

    # `| None` may be null. A field without it is for a column that is required. For a column of another name there is `column(name="createdAt")`.
    plan: str | None
    created_at: Micros | None


@validator(name="{{name}}", version="0.1.0", summary="Rules for rows of teams.")
def judge(team: Team, context: Context[None], verdict: Verdict) -> None:
    """Says what is wrong with a row. An error refuses it: it goes to the dead letters with the rule, the message and the column, and the others
    go on. A warning is counted, and the row goes on. Rules are for counting, and `--gate` stops a run by them: lower-case letters, digits, `-`
    and `.`."""
    if team.plan is None:
        verdict.warning("plan-missing", "nobody knows what the team pays for", column="plan")
    elif team.plan not in PLANS:
        verdict.error("plan-unknown", "there is no such plan; correct it", column="plan")
    if team.created_at is not None and team.created_at > context.started_at:
        verdict.error("created-later", "the team is newer than the run", column="created_at")
