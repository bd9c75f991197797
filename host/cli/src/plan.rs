//! `gristmill plan`: what `run` would do. Nothing is written.

use std::collections::BTreeMap;
use std::io::Write as _;

use gristmill_pipeline::Job;
use gristmill_pipeline::preview::{Preview, preview};
use gristmill_plugin::Unique;
use gristmill_record::Table;
use gristmill_sink::TableState;
use serde_json::json;

use crate::args::{Cli, JobArgs};
use crate::error::CliError;
use crate::job::{Identity, Prepared, prepare};
use crate::plugin::mapping;
use crate::text::{cell, count, table};

/// Rows that are shown of each table.
const ROWS: usize = 3;
/// Records that are looked at for them at most.
const RECORDS: u64 = 10_000;
/// Files that are named.
const FILES: usize = 10;

pub(crate) fn plan(cli: &Cli, args: &JobArgs) -> Result<(), CliError> {
    let mut prepared = prepare(args, Identity::New, false)?;
    let runtime = gristmill_sink::runtime().map_err(|e| CliError::Environment(e.to_string()))?;
    let states = runtime.block_on(prepared.sink.check(prepared.job.transform.description().tables()))?;
    let look = preview(&prepared.job, ROWS, RECORDS)?;
    let text = if cli.json { as_json(&prepared, &states, &look) } else { as_text(&prepared, &states, &look) };
    std::io::stdout().write_all(text.as_bytes()).map_err(CliError::Stdout)
}

fn state_text(state: &TableState, replaces: bool) -> String {
    match state {
        TableState::Present { rows } if replaces => {
            let rows = rows.map_or_else(String::new, |rows| format!(" with {} rows", count(rows)));
            format!("is there{rows}, and is replaced as a whole")
        }
        TableState::Absent => "will be created".to_owned(),
        TableState::Present { rows: Some(rows) } => format!("is there with {} rows, and its columns fit", count(*rows)),
        TableState::Present { rows: None } => "is there, and its columns fit".to_owned(),
    }
}

fn as_json(prepared: &Prepared, states: &[TableState], look: &Preview) -> String {
    let job = &prepared.job;
    let files: Vec<_> = job
        .input
        .files
        .iter()
        .map(|f| json!({ "name": f.name, "bytes": f.size, "compression": f.compression.name() }))
        .collect();
    let tables: Vec<_> = job
        .transform
        .description()
        .tables()
        .iter()
        .zip(states)
        .map(|(t, s)| json!({ "name": t.name(), "exists": matches!(s, TableState::Present { .. }) }))
        .collect();
    let not_judged: Vec<_> = whole_run_rules(job)
        .map(|(validator, unique)| {
            let table = job.transform.description().tables().get(unique.table).map(Table::name);
            json!({ "validator": validator, "rule": unique.rule, "table": table })
        })
        .collect();
    let plan = json!({ "run_id": job.run_id, "files": files, "bytes": job.input.bytes(), "plugin": job.plugin.name,
        "destination": prepared.sink.describe(), "documents": job.transform.description().pattern().as_str(), "tables": tables,
        "looked_at": { "records": look.records, "other": look.other, "refused": look.refused, "all": look.whole },
        "not_judged": not_judged });
    format!("{plan}\n")
}

fn as_text(prepared: &Prepared, states: &[TableState], look: &Preview) -> String {
    let job = &prepared.job;
    let input = &job.input;
    let description = job.transform.description();
    let mut out = format!(
        "input    {} in {} file{}\n",
        indicatif::HumanBytes(input.bytes()),
        input.files.len(),
        if input.files.len() == 1 { "" } else { "s" }
    );
    for export in &input.exports {
        let documents = export.documents.map_or_else(|| "an unknown number of".to_owned(), count);
        out.push_str(&format!("  export {}: its metadata promises {documents} documents\n", export.path));
    }
    let rows: Vec<_> = input
        .files
        .iter()
        .take(FILES)
        .map(|f| vec![indicatif::HumanBytes(f.size).to_string(), f.compression.name().to_owned(), f.name.clone()])
        .collect();
    out.push_str(&table(&["", "", ""], &rows, &[true]));
    if input.files.len() > FILES {
        out.push_str(&format!("  … and {} more\n", input.files.len() - FILES));
    }
    out.push_str(&format!("plugin   {}, settings {}\n", job.plugin.name, job.plugin.config));
    out.push_str(&mapping(description));
    out.push_str(&format!("\nto       {}\n", prepared.sink.describe()));
    for (t, state) in description.tables().iter().zip(states) {
        out.push_str(&format!("  table {} {}\n", t.name(), state_text(state, prepared.sink.replaces())));
    }
    let whole = if look.whole { "all" } else { "the first" };
    out.push_str(&format!(
        "\nlooked at {whole} {} records: {} other documents, {} refused\n",
        count(look.records),
        count(look.other),
        count(look.refused)
    ));
    // A rule of several tables is told once.
    let mut by_validator: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (validator, unique) in whole_run_rules(job) {
        let rules = by_validator.entry(validator).or_default();
        if !rules.contains(&unique.rule.as_str()) {
            rules.push(&unique.rule);
        }
    }
    for (validator, rules) in by_validator {
        out.push_str(&format!("judged over the whole run only, and not here: {} of {validator}\n", rules.join(", ")));
    }
    for (t, batches) in description.tables().iter().zip(&look.tables) {
        out.push_str(&first_rows(t, batches));
    }
    out
}

/// Rules that the run judges by when all rows are known, with the validator that each is of: no look at some of the rows can tell what they refuse.
fn whole_run_rules(job: &Job) -> impl Iterator<Item = (&str, &Unique)> {
    job.validators.iter().flat_map(|validator| validator.uniques().iter().map(|unique| (validator.name(), unique)))
}

/// The first rows, a column a line, since tables are wider than terminals.
fn first_rows(t: &Table, batches: &[arrow_array::RecordBatch]) -> String {
    let positions: Vec<_> =
        batches.iter().flat_map(|b| (0..b.num_rows()).map(move |row| (b, row))).take(ROWS).collect();
    if positions.is_empty() {
        return format!("no rows for table {}\n", t.name());
    }
    let rows: Vec<Vec<String>> = t
        .columns()
        .iter()
        .enumerate()
        .map(|(i, column)| {
            std::iter::once(column.name.clone()).chain(positions.iter().map(|(b, row)| cell(b, i, *row))).collect()
        })
        .collect();
    format!("first rows of {}\n{}", t.name(), table(&["", "", "", ""], &rows, &[]))
}
