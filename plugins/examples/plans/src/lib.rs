//! A plugin that refuses, filters and is configured.

use gristmill_sdk::prelude::*;

#[derive(Config)]
struct Settings {
    /// The plan of teams that do not pay.
    #[config(default = "free")]
    free_plan: String,
}

#[derive(Input)]
#[input(documents = "teams/{team}")]
struct Team<'a> {
    #[input(capture)]
    team: &'a str,
    #[input(mismatch = "null")]
    plan: Option<&'a str>,
    #[input(field = "createdAt")]
    created_at: Timestamp,
}

/// Teams that pay.
#[derive(Row)]
#[row(table = "paying_teams", key = "team", partition_by = "since")]
struct PayingTeam<'a> {
    team: &'a str,
    plan: &'a str,
    /// When the team was made.
    since: Timestamp,
}

fn map<'a>(team: Team<'a>, context: &Context<Settings>) -> Result<Option<PayingTeam<'a>>, Rejection> {
    let Some(plan) = team.plan else {
        return Err(Rejection::new("plan-missing", "a team has a plan, which is a string").input("plan"));
    };
    if plan == context.config.free_plan {
        return Ok(None);
    }
    Ok(Some(PayingTeam { team: team.team, plan, since: team.created_at }))
}

gristmill_sdk::plugin! { map: map }

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(plan: Option<&str>) -> Result<Option<String>, String> {
        let team = Team { team: "t", plan, created_at: Timestamp::from_micros(0) };
        let config = Settings { free_plan: "free".into() };
        let context = Context { config, run_id: "run".into(), started_at: Timestamp::from_micros(0) };
        let row = map(team, &context).map_err(|refused| refused.code().to_owned())?;
        Ok(row.map(|row| row.plan.to_owned()))
    }

    #[test]
    fn paying_teams_are_rows() {
        assert_eq!(mapped(Some("pro")), Ok(Some("pro".to_owned())));
        assert_eq!(mapped(Some("free")), Ok(None));
        assert_eq!(mapped(None), Err("plan-missing".to_owned()));
    }
}
