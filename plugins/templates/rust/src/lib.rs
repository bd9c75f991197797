//! Teams of a Firestore export, a row each.
//!
//! A plugin is two structs and a function: what is read of a document, what is written to a table,
//! and how one becomes the other. It runs in a sandbox, and sees the fields that it asks for and
//! nothing else.

use gristmill_sdk::prelude::*;

/// What is read. The pattern says which documents are taken: `{team}` stands for any one segment of
/// the path. Other documents of the export do not come here.
#[derive(Input)]
#[input(documents = "teams/{team}")]
struct Team<'a> {
    /// What `{team}` stands for: the document's id.
    #[input(capture)]
    team: &'a str,
    /// A field that is not an `Option` is required. A document without it, or with another type in
    /// its place, is refused before it comes here.
    name: &'a str,
    /// An `Option` may be missing or null.
    plan: Option<&'a str>,
    /// The field has another name in the document. A path such as `contact.email` leads into a map.
    #[input(field = "createdAt")]
    created_at: Option<Timestamp>,
}

// Doc comments of a row are descriptions, which `gristmill plugin inspect` shows. `key` names the
// columns in which two rows agree when they are the same row, so that loading twice changes nothing.
/// Teams with their plans.
#[derive(Row)]
#[row(table = "teams", key = "team")]
struct TeamRow<'a> {
    /// The team's id.
    team: &'a str,
    /// What people call it.
    name: &'a str,
    /// What it pays for.
    plan: Option<&'a str>,
    /// When it was made.
    created_at: Option<Timestamp>,
}

/// Makes a row of a document. An `Err` is a document that is refused: it goes to the dead letters
/// with the code, the message and the input at fault, and the others go on. A mapping that leaves
/// documents out on purpose returns `Result<Option<TeamRow>, Rejection>`, and one that refuses none
/// returns `TeamRow`.
fn map<'a>(team: Team<'a>, _: &Context) -> Result<TeamRow<'a>, Rejection> {
    let name = team.name.trim();
    if name.is_empty() {
        return Err(Rejection::new("name-empty", "a team has a name; give it one").input("name"));
    }
    Ok(TeamRow {
        team: team.team,
        name,
        plan: team.plan,
        created_at: team.created_at,
    })
}

gristmill_sdk::plugin! { map: map }

// The mapping is a plain function, so `cargo test` tests it without a sandbox.
#[cfg(test)]
mod tests {
    use super::*;

    /// The row's name, or the code of the refusal.
    fn mapped(name: &str) -> Result<String, String> {
        let team = Team {
            team: "t",
            name,
            plan: None,
            created_at: None,
        };
        let started_at = Timestamp::from_micros(0);
        let context = Context {
            config: (),
            run_id: "run".into(),
            started_at,
        };
        match map(team, &context) {
            Ok(row) => Ok(row.name.to_owned()),
            Err(refused) => Err(refused.code().to_owned()),
        }
    }

    #[test]
    fn a_team_has_a_name() {
        assert_eq!(mapped(" Team 1 "), Ok("Team 1".to_owned()));
        assert_eq!(mapped("  "), Err("name-empty".to_owned()));
    }
}
