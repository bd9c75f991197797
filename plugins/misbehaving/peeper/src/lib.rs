//! Asks for the environment of the machine while it maps records, by WASI and without any library between.

use gristmill_sdk::prelude::*;

wit_bindgen::generate!({
    inline: "
        package test:peeper;
        package wasi:cli@0.2.3 {
            interface environment { get-environment: func() -> list<tuple<string, string>>; }
        }
        world peeper { import wasi:cli/environment@0.2.3; }
    ",
    generate_all,
    world: "test:peeper/peeper",
});

#[derive(Input)]
#[input(documents = "teams/{team}")]
struct Team<'a> {
    #[input(capture)]
    team: &'a str,
}

/// What it found.
#[derive(Row)]
#[row(table = "answers", key = "team")]
struct Answer<'a> {
    team: &'a str,
    /// How many variables there are.
    variables: i64,
}

fn map<'a>(team: Team<'a>, _: &Context) -> Answer<'a> {
    let variables = wasi::cli::environment::get_environment().len();
    Answer { team: team.team, variables: i64::try_from(variables).unwrap_or(i64::MAX) }
}

gristmill_sdk::plugin! { map: map }
