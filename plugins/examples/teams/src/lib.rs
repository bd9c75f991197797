//! The smallest useful plugin: a document a team, a row a team.

use gristmill_sdk::prelude::*;

#[derive(Input)]
#[input(documents = "teams/{team}")]
struct Team<'a> {
    #[input(capture)]
    team: &'a str,
    name: Option<&'a str>,
    plan: Option<&'a str>,
}

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

gristmill_sdk::plugin! { map: map }
