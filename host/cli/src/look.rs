//! `gristmill check`: what a table holds.

use std::fmt::Write as _;
use std::io::Write as _;

use gristmill_sink::{Findings, OpenOptions, Questions};
use serde_json::{Value, json};

use crate::args::{Cli, TableArgs};
use crate::error::CliError;
use crate::text::{count, table};

pub(crate) fn check(cli: &Cli, args: &TableArgs) -> Result<(), CliError> {
    let options = OpenOptions {
        location: args.location.clone(),
        google_credentials: args.google.credentials.clone(),
        ..OpenOptions::default()
    };
    let mut inspector = gristmill_sink::inspector(&args.table, options)?;
    let questions =
        Questions { by: args.by.clone(), time: args.time.clone(), key: args.key.clone(), limit: args.limit };
    let runtime = gristmill_sink::runtime()
        .map_err(|e| CliError::Environment(format!("no async runtime could be started: {e}")))?;
    let findings = runtime.block_on(inspector.inspect(&questions))?;
    let text = if cli.json { format!("{}\n", machine(&findings)) } else { human(&findings) };
    std::io::stdout().write_all(text.as_bytes()).map_err(CliError::Stdout)
}

fn machine(found: &Findings) -> Value {
    let counts = found.counts.as_ref().map(|counts| {
        let values: Vec<_> = counts.values.iter().map(|(value, n)| json!({ "value": value, "rows": n })).collect();
        json!({ "column": counts.column, "values": values })
    });
    let newest = found.newest.as_ref().map(|newest| {
        let row = |row: &gristmill_sink::Cells| -> Value {
            newest
                .columns
                .iter()
                .cloned()
                .zip(row.iter().map(|cell| json!(cell)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        newest.rows.iter().map(row).collect::<Vec<_>>()
    });
    let duplicates = found.repeated.as_ref().map(|repeated| {
        let examples: Vec<_> = repeated.examples.iter().map(|(key, n)| json!({ "key": key, "rows": n })).collect();
        json!({ "key": repeated.key, "keys": repeated.keys, "surplus_rows": repeated.surplus, "examples": examples })
    });
    json!({ "table": found.place, "rows": found.rows, "counts": counts, "newest": newest, "duplicates": duplicates })
}

fn human(found: &Findings) -> String {
    let mut out = format!("{}\n  {} rows\n", found.place, count(found.rows));
    match &found.counts {
        Some(counts) => {
            let rows: Vec<_> = counts.values.iter().map(|(value, n)| vec![count(*n), shown(value.as_ref())]).collect();
            let _ = write!(out, "\nby {}\n{}", counts.column, table(&["rows", &counts.column], &rows, &[true, false]));
        }
        None => out.push_str("\nnot counted by a column: name one with --by\n"),
    }
    match &found.newest {
        Some(newest) => {
            let rows: Vec<Vec<_>> =
                newest.rows.iter().map(|row| row.iter().map(|cell| shown(cell.as_ref())).collect()).collect();
            let header: Vec<_> = newest.columns.iter().map(String::as_str).collect();
            let _ = write!(out, "\nnewest\n{}", table(&header, &rows, &[]));
        }
        None => out.push_str("\nno column tells the newest rows: name one with --time\n"),
    }
    match &found.repeated {
        None => out.push_str("\nno key to look for duplicates by: name its columns with --key\n"),
        Some(repeated) if repeated.keys == 0 => {
            let _ = writeln!(out, "\nno duplicates: every {} is there once", repeated.key.join(", "));
        }
        Some(repeated) => {
            let _ = writeln!(
                out,
                "\nduplicates: {} keys are there more than once, {} rows too many",
                count(repeated.keys),
                count(repeated.surplus)
            );
            let row = |(key, n): &(gristmill_sink::Cells, u64)| {
                std::iter::once(count(*n)).chain(key.iter().map(|cell| shown(cell.as_ref()))).collect()
            };
            let rows: Vec<Vec<_>> = repeated.examples.iter().map(row).collect();
            let header: Vec<_> = std::iter::once("rows").chain(repeated.key.iter().map(String::as_str)).collect();
            out.push_str(&table(&header, &rows, &[true]));
        }
    }
    out
}

/// A value for a person to read; long ones are cut.
fn shown(cell: Option<&String>) -> String {
    const WIDEST: usize = 60;
    let Some(text) = cell else { return "NULL".to_owned() };
    let text = text.escape_debug().to_string();
    if text.chars().count() > WIDEST { text.chars().take(WIDEST - 1).chain(['…']).collect() } else { text }
}
