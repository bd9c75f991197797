//! `gristmill runs`: what is known of runs, and cleaning up.

use gristmill_record::time::format_rfc3339;
use gristmill_state::{Filter, Prune, RunRecord, Why};
use indicatif::BinaryBytes;
use serde_json::json;

use crate::args::Cli;
use crate::error::CliError;
use crate::history::{LsArgs, PruneArgs};
use crate::job::now;
use crate::recorded::open_state;
use crate::text::{count, print, table};

/// Lists runs, newest first.
pub(crate) fn ls(cli: &Cli, args: &LsArgs) -> Result<(), CliError> {
    let state = open_state(&args.state)?;
    let limit = if args.all { None } else { Some(args.limit) };
    let runs = state.runs(&Filter { unfinished: args.unfinished, limit, ..Filter::default() })?;
    if cli.json {
        let text = serde_json::to_string(&runs).map_err(|e| CliError::Environment(e.to_string()))?;
        return print(&format!("{text}\n"));
    }
    if runs.is_empty() {
        return print(&format!("no runs in {}\n", state.folder().display()));
    }
    let header = ["run", "state", "began", "took", "records", "loaded", "refused", "destination"];
    let rows: Vec<Vec<String>> = runs.iter().map(row).collect();
    let right = [false, false, false, true, true, true, true, false];
    print(&table(&header, &rows, &right))
}

fn row(run: &RunRecord) -> Vec<String> {
    let ledger = run.ledger.as_ref();
    let number = |pointer: &str| ledger.and_then(|l| l.pointer(pointer)).and_then(serde_json::Value::as_u64);
    let shown = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), count);
    let loaded = ledger.and_then(|l| l.get("rows")?.as_array()).map(|tables| {
        let of = |table: &serde_json::Value, name: &str| table.get(name).and_then(serde_json::Value::as_u64);
        tables.iter().flat_map(|t| ["inserted", "updated"].map(|name| of(t, name).unwrap_or_default())).sum()
    });
    let resumable = if run.is_unfinished() { ", can go on" } else { "" };
    let began = format_rfc3339(run.begun_at / 1_000_000 * 1_000_000);
    vec![
        run.id.clone(),
        format!("{}{}", run.state.name(), if run.state == gristmill_state::RunState::Running { "" } else { resumable }),
        began,
        format!("{:.1} s", run.seconds),
        shown(number("/records/read")),
        shown(loaded),
        shown(ledger.map(|_| run.refusals.values().sum())),
        run.destination.clone(),
    ]
}

/// Removes what is kept of runs, by age and size.
pub(crate) fn prune(cli: &Cli, args: &PruneArgs) -> Result<(), CliError> {
    let state = open_state(&args.state)?;
    let prune =
        Prune { older_than: args.older_than, max_size: args.max_size.map(|size| size.as_u64()), dry_run: args.dry_run };
    let pruned = state.prune(&prune, now())?;
    let why = |why| match why {
        Why::Leftover => "left behind by a run that is done or unknown",
        Why::Age => "too old",
        Why::Size => "all of them together are too large",
    };
    if cli.json {
        let list: Vec<_> = pruned
            .iter()
            .map(|p| json!({ "run": p.run, "bytes": p.bytes, "record": p.record, "why": format!("{:?}", p.why).to_lowercase() }))
            .collect();
        return print(&format!("{}\n", json!({ "dry_run": args.dry_run, "pruned": list })));
    }
    if cli.quiet {
        return Ok(());
    }
    let bytes: u64 = pruned.iter().map(|p| p.bytes).sum();
    let what = |p: &gristmill_state::Pruned| if p.record { "record and work" } else { "work" };
    let rows: Vec<Vec<String>> = pruned
        .iter()
        .map(|p| vec![p.run.clone(), what(p).to_owned(), BinaryBytes(p.bytes).to_string(), why(p.why).to_owned()])
        .collect();
    let done = if args.dry_run { "would be freed" } else { "freed" };
    let mut text = if rows.is_empty() {
        String::new()
    } else {
        table(&["run", "", "bytes", "why"], &rows, &[false, false, true, false])
    };
    text.push_str(&format!("{} {done} in {}\n", BinaryBytes(bytes), state.folder().display()));
    if prune == (Prune { dry_run: prune.dry_run, ..Prune::default() }) {
        text.push_str("name --older-than or --max-size for what unfinished runs keep, and for old records\n");
    }
    print(&text)
}
