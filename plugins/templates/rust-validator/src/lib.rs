//! Rules for rows of the table `teams`, whoever makes them.
//!
//! A validator is a struct and a function: what is read of a row, and what is wrong with it. It
//! runs in a sandbox, and sees the columns that it asks for and nothing else.

use gristmill_sdk::prelude::*;

/// Plans that there are.
const PLANS: [&str; 2] = ["free", "pro"];

/// What is read of a row. The rows of other tables do not come here; without `table = …` those of
/// every table do, and each must have the columns.
#[derive(Columns)]
#[columns(table = "teams")]
struct Team<'a> {
    /// An `Option` may be null. A field that is none is for a column that is required.
    plan: Option<&'a str>,
    /// For a column of another name there is `#[columns(name = "createdAt")]`.
    created_at: Option<Timestamp>,
}

/// Says what is wrong with a row. An error refuses it: it goes to the dead letters with the rule, the
/// message and the column, and the others go on. A warning is counted, and the row goes on.
///
/// Rules are for counting, and `--gate` stops a run by them: lower-case letters, digits, `-` and `.`.
fn judge(team: Team<'_>, context: &Context, verdict: &mut Verdict<'_>) {
    match team.plan {
        None => verdict
            .warning("plan-missing", "nobody knows what the team pays for")
            .column("plan"),
        Some(plan) if !PLANS.contains(&plan) => verdict
            .error("plan-unknown", "there is no such plan; correct it")
            .column("plan"),
        Some(_) => {}
    }
    if team.created_at.is_some_and(|at| at > context.started_at) {
        verdict
            .error("created-later", "the team is newer than the run")
            .column("created_at");
    }
}

gristmill_sdk::validator! { judge: judge }

// The rules are a plain function, so `cargo test` tests them without a sandbox.
#[cfg(test)]
mod tests {
    use super::*;

    /// The rules that a team breaks in a run of 1970.
    fn broken(plan: Option<&str>, created_at: Option<Timestamp>) -> Vec<String> {
        let context = Context {
            config: (),
            run_id: "run".into(),
            started_at: Timestamp::from_micros(0),
        };
        let said = Verdict::of(|verdict| judge(Team { plan, created_at }, &context, verdict));
        said.into_iter().map(|said| said.rule).collect()
    }

    #[test]
    fn a_team_has_a_plan_that_there_is() {
        assert!(broken(Some("pro"), None).is_empty());
        assert_eq!(broken(None, None), ["plan-missing"]);
        assert_eq!(
            broken(Some("gold"), Some(Timestamp::from_micros(1))),
            ["plan-unknown", "created-later"]
        );
    }
}
