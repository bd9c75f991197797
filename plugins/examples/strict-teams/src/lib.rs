//! A plugin of both worlds: it maps teams, and it judges rows of the table `teams`, whoever made them.

use gristmill_sdk::prelude::*;

#[derive(Input)]
#[input(documents = "teams/{team}")]
struct Team<'a> {
    #[input(capture)]
    team: &'a str,
    name: Option<&'a str>,
    plan: Option<&'a str>,
}

/// Teams with their plans.
#[derive(Row)]
#[row(table = "teams", key = "team")]
struct TeamRow<'a> {
    team: &'a str,
    name: Option<&'a str>,
    plan: Option<&'a str>,
}

fn map<'a>(team: Team<'a>, _: &Context) -> TeamRow<'a> {
    TeamRow { team: team.team, name: team.name, plan: team.plan }
}

#[derive(Columns)]
#[columns(table = "teams")]
struct Judged<'a> {
    name: Option<&'a str>,
    plan: Option<&'a str>,
}

fn judge(team: Judged<'_>, _: &Context, verdict: &mut Verdict<'_>) {
    if team.name.is_none_or(str::is_empty) {
        verdict.error("no-name", "a team has a name").column("name");
    }
    if team.plan.is_none() {
        verdict.warning("no-plan", "nobody pays for the team").column("plan");
    }
}

gristmill_sdk::plugin! { map: map }
gristmill_sdk::validator! { judge: judge }
