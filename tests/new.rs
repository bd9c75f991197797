//! A plugin from `plugin new` to its rows, as somebody makes it who has the program and no clone of the repository.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::kit::{Ran, export, finish, gristmill, json_lines, path_of, rest_listing};

/// A folder outside the repository.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn types(&self, words: &[&str]) -> Ran {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new");
        finish(gristmill().current_dir(self.path()).env("CARGO_TARGET_DIR", target).args(words))
    }
}

#[test]
fn a_new_plugin_maps_a_real_export() {
    let desk = Desk::new();
    let made = desk.types(&["--json", "plugin", "new", "my-teams"]).ok().json();
    assert_eq!(made["name"], "my-teams");
    assert!(made["files"].as_array().unwrap().contains(&json!("src/lib.rs")), "{made}");
    desk.types(&["plugin", "build", "my-teams", "--output", "my-teams.wasm"]).ok();

    let about = desk.types(&["--json", "plugin", "inspect", "my-teams.wasm"]).ok().json();
    assert_eq!((&about["name"], &about["documents"]), (&json!("my-teams"), &json!("teams/{team}")));
    assert_eq!((&about["tables"][0]["name"], &about["tables"][0]["key"]), (&json!("teams"), &json!(["team"])));

    desk.types(&["run", &export("second"), "--plugin", "my-teams.wasm", "--to", "ndjson:teams.ndjson"]).ok();
    let expected: Vec<Value> = rest_listing("second").iter().filter_map(row).collect();
    assert!(!expected.is_empty());
    assert_eq!(json_lines(&desk.path().join("teams.ndjson")), expected);

    // The sample documents show a refusal.
    let samples = "my-teams/cases/first/documents.ndjson";
    let job =
        ["run", samples, "--plugin", "my-teams.wasm", "--to", "ndjson:rows.ndjson", "--dead-letters", "refused.jsonl"];
    desk.types(&job).ok();
    assert_eq!(json_lines(&desk.path().join("rows.ndjson")).len(), 2);
    let letters = json_lines(&desk.path().join("refused.jsonl"));
    assert_eq!((letters.len(), &letters[0]["code"]), (1, &json!("name-empty")));

    // As the project's README says.
    desk.types(&["plugin", "test", "my-teams", "--update"]).ok();
    let shown = desk.types(&["plugin", "test", "my-teams"]).ok().stdout;
    assert!(shown.contains("ok  first, 3 records") && shown.contains("1 ok, 0 failed"), "{shown}");
    let expected = json_lines(&desk.path().join("my-teams/cases/first/expected.ndjson"));
    assert_eq!(expected.iter().filter(|line| line["refused"] == "name-empty").count(), 1, "{expected:?}");
    desk.types(&["plugin", "check", "my-teams.wasm", "--conformance"]).ok();
}

/// The row of a team, by the words of the REST API.
fn row(document: &Value) -> Option<Value> {
    let team = path_of(document).strip_prefix("teams/").filter(|t| !t.contains('/'))?;
    let field = |name: &str, of: &str| document["fields"][name][of].clone();
    Some(json!({
        "team": team,
        "name": field("name", "stringValue"),
        "plan": field("plan", "stringValue"),
        // Rows have microseconds, always.
        "created_at": field("createdAt", "timestampValue").as_str().map(|t| t.replace('Z', ".000000Z")),
    }))
}

/// The test that the project comes with passes.
#[test]
fn a_new_plugin_passes_its_own_test() {
    let desk = Desk::new();
    desk.types(&["plugin", "new", "my-teams"]).ok();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new");
    let ran = finish(
        Command::new(env!("CARGO"))
            .args(["test", "--lib"])
            .current_dir(desk.path().join("my-teams"))
            .env("CARGO_TARGET_DIR", target),
    )
    .ok();
    assert!(ran.stdout.contains("1 passed"), "{ran:?}");
}

#[test]
fn refuses_names_and_folders_that_are_taken() {
    let desk = Desk::new();
    desk.types(&["plugin", "new", "Teams"]).fails(2, &["cli.plugin-name", "Teams", "lower-case", "to do"]);
    desk.types(&["plugin", "new", "teams", "--lang", "cobol"]).fails(2, &["cobol", "rust"]);
    assert_eq!(std::fs::read_dir(desk.path()).unwrap().count(), 0);
    std::fs::create_dir(desk.path().join("teams")).unwrap();
    std::fs::write(desk.path().join("teams/mine"), "mine").unwrap();
    desk.types(&["plugin", "new", "teams"]).fails(2, &["cli.plugin-folder", "teams is there", "to do"]);
    assert_eq!(std::fs::read_dir(desk.path().join("teams")).unwrap().count(), 1);
}
