//! `cargo xtask demo`: the main job on a real export, as a person would type it.

use std::fs;

use gristmill_guest::Language;

use crate::Outcome;
use crate::command::{Call, flush, heading};
use crate::project::Project;
use crate::setup;

const EXPORT: &str = "tests/exports/yago/export";
/// The scores of this export run from 0 to 100; the plugin takes 0 to 1 when nothing is said.
const SCORES: [&str; 2] = ["--config", "overall-score-max=100"];

/// What a person looks at after a load: a title and a query.
const CHECKS: [(&str, &str); 3] = [
    (
        "Rows by source",
        "SELECT source, count(*) AS rows, count(DISTINCT team_id) AS teams FROM quality_stream GROUP BY source",
    ),
    (
        "The newest rows",
        "SELECT insert_id, event_ts, overallScore, coverage, gaps FROM quality_stream ORDER BY event_ts DESC, insert_id LIMIT 3",
    ),
    (
        "Keys that occur twice (there must be none)",
        "SELECT insert_id, count(*) AS rows FROM quality_stream GROUP BY insert_id HAVING count(*) > 1",
    ),
];

pub(crate) fn run(project: &Project) -> Outcome {
    heading("Set up");
    setup::toolchains(project, &[Language::Rust])?;
    println!("building gristmill: some minutes the first time, a moment later on");
    // With the whole workspace, so that features are the same as in the tests and nothing is compiled twice.
    Call::cargo(project, ["build", "--workspace", "--bin", "gristmill", "--example", "query"]).run()?;

    let folder = project.target.join("demo");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let database = project.shown(&folder.join("quality.db"));
    let destination = format!("sqlite:{database}");
    let load = |command: &str| [&[command, EXPORT], SCORES.as_slice(), &["--to", &destination]].concat().join(" ");

    heading("1. What the export holds");
    gristmill(project, &format!("export ls {EXPORT}"))?;
    heading("2. What a run would do");
    gristmill(project, &load("plan"))?;
    let refused = project.shown(&folder.join("refused.jsonl"));
    let run = format!("{} --dead-letters {refused}", load("run"));
    heading("3. Load it");
    gristmill(project, &run)?;
    heading("4. The same again: nothing is left to do");
    gristmill(project, &run)?;

    heading("5. Look at a refused record: why, where it lies, and all of it");
    let letters = fs::read_to_string(folder.join("refused.jsonl"))?;
    println!(
        "{refused} has {} lines, of which the first is\n{}",
        letters.lines().count(),
        letters.lines().next().unwrap_or_default()
    );
    heading(&format!("6. Look at the rows, here or with any client: sqlite3 {database}"));
    for (title, query) in CHECKS {
        println!("{title}\n  {query};");
        flush();
        let program = project.program("examples/query").into_os_string();
        Call::program(project, program, "query", [database.as_str(), query]).run_unshown()?;
    }
    println!(
        "The table is in {database}. Next: README.md, or {} --help.",
        project.shown(&project.program("gristmill"))
    );
    flush();
    Ok(())
}

fn gristmill(project: &Project, line: &str) -> Outcome {
    // Not among the runs of whoever tries it.
    Call::program(project, project.program("gristmill").into(), "gristmill", line.split(' '))
        .with("GRISTMILL_STATE", project.target.join("demo/state"))
        .run()
}
