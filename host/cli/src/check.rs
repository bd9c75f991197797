//! `gristmill plugin check`: a plugin without documents.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use gristmill_pipeline::Outcome;
use gristmill_pipeline::trial::{Calls, PROPERTIES, Samples, Traced};
use gristmill_plugin::{ConfiguredPlugin, Context, Limits, Plugin, Transform};
use gristmill_sink::TableState;
use serde_json::{Value, json};

use crate::args::{CheckArgs, Cli};
use crate::cases::EXCEPTION;
use crate::error::CliError;
use crate::job::{engine, load_plugin, settings};
use crate::plugin::imports;

/// Rows that are made up: as many as edges of types meet in.
const ROWS: usize = 504;
/// Rows of a batch as a run has them, for the memory that it takes.
const BATCH_ROWS: usize = 4_096;
/// Least and greatest ceiling of memory that is tried.
const MEMORY: [u64; 2] = [64 << 10, 1 << 30];
/// That of a run: under load a machine takes long to give out memory, and what asks for much of it is not to be taken for a loop.
const CALL_TIME: Duration = Duration::from_secs(2);

pub(crate) fn check(cli: &Cli, args: &CheckArgs) -> Result<(), CliError> {
    let limits = Limits { call_time: CALL_TIME, ..Limits::default() };
    let engine = engine()?;
    let plugin = load_plugin(&engine, args.plugin.as_ref(), limits)?;
    let settings = settings(&plugin, &args.config.config)?;
    let context = || Context { run_id: "check".to_owned(), started_at: 0 };
    let configured = if plugin.maps() { Some(plugin.configure(&settings, context())?) } else { None };
    let mut facts = facts(&plugin, args);
    if let (Some(configured), Some(to)) = (&configured, &args.to) {
        facts.push(("destination", destination(configured, to)?));
    }
    let mut broken = None;
    if args.conformance {
        let text = match &configured {
            None => "not checked: what judges rows needs tables to judge; try it in a run, with --validate".to_owned(),
            Some(configured) => match made_up(configured)? {
                Ok(made) => {
                    let raised = exceptions(&made);
                    format!("keeps the contract over {ROWS} made-up records, however they are called{raised}")
                }
                Err(what) => {
                    let text = format!("BROKEN: {what}");
                    broken = Some(what);
                    text
                }
            },
        };
        facts.push(("conformance", text));
    }
    if configured.is_some() && broken.is_none() {
        let runs_in = |memory: u64| {
            let plugin = load_plugin(&engine, args.plugin.as_ref(), Limits { memory, ..limits }).ok()?;
            let small = plugin.configure(&settings, context()).ok()?;
            Samples::made_up(&small, BATCH_ROWS).ok()?.maps_at_once(&small).ok()
        };
        // What a plugin prints when its memory ends is not what is asked for here.
        let tried = || smallest(|memory| runs_in(memory) == Some(true));
        facts.push(("memory", tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::default(), tried)));
    }
    let text = if cli.json {
        let facts: serde_json::Map<String, Value> = facts.into_iter().map(|(k, v)| (k.to_owned(), v.into())).collect();
        format!(
            "{}\n",
            json!({ "name": plugin.about().name, "version": plugin.about().version, "checks": facts, "ok": broken.is_none() })
        )
    } else {
        let mut out = format!("{} {}\n", plugin.about().name, plugin.about().version);
        for (name, fact) in facts {
            let _ = writeln!(out, "{name:<12} {fact}");
        }
        out
    };
    std::io::stdout().write_all(text.as_bytes()).map_err(CliError::Stdout)?;
    match broken {
        None => Ok(()),
        Some(what) => Err(CliError::Conformance { plugin: plugin.about().name.clone(), what }),
    }
}

/// What is known without calling it.
fn facts(plugin: &Plugin, args: &CheckArgs) -> Vec<(&'static str, String)> {
    let part = match (plugin.maps(), plugin.judges()) {
        (true, true) => "maps records and judges rows",
        (true, false) => "maps records",
        _ => "judges rows",
    };
    let mut facts = vec![
        ("contract", format!("gristmill:plugin@{}, as this gristmill speaks; it {part}", gristmill_plugin::CONTRACT)),
        ("imports", imports(plugin)),
        ("sha256", plugin.digest().to_owned()),
    ];
    let size = args.plugin.as_ref().and_then(|file| std::fs::metadata(&file.path).ok()).map(|m| m.len());
    facts.extend(size.map(|size| ("size", indicatif::HumanBytes(size).to_string())));
    facts
}

/// Whether its tables fit a destination, as a run would see it first.
fn destination(configured: &ConfiguredPlugin, to: &str) -> Result<String, CliError> {
    let mut sink = gristmill_sink::open(to)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().build().map_err(|e| CliError::Environment(e.to_string()))?;
    let tables = configured.description().tables();
    let states = runtime.block_on(sink.check(tables))?;
    let state = |(table, state): (&gristmill_record::Table, &TableState)| match state {
        TableState::Absent => format!("table {} would be created", table.name()),
        TableState::Present { .. } => format!("table {} is there, and its columns fit", table.name()),
    };
    let states: Vec<_> = tables.iter().zip(&states).map(state).collect();
    Ok(format!("{}: {}", sink.describe(), states.join("; ")))
}

/// The smallest ceiling of memory under which `runs` is true, to a tenth.
fn smallest(runs: impl Fn(u64) -> bool) -> String {
    let [mut low, mut high] = MEMORY;
    if !runs(high) {
        return format!(
            "does not map {BATCH_ROWS} made-up rows in one call within {}, {} s and the limit of output",
            indicatif::HumanBytes(high),
            CALL_TIME.as_secs()
        );
    }
    while high - low > high / 10 {
        let middle = low + (high - low) / 2;
        if runs(middle) { high = middle } else { low = middle }
    }
    format!("{} are enough for batches of {BATCH_ROWS} made-up rows", indicatif::HumanBytes(high))
}

/// The plugin's own fault by which a record ended.
fn fault(made: &Traced) -> Option<String> {
    match &made.outcome {
        Outcome::Refused(refusal) if refusal.code.starts_with("plugin.") => {
            Some(format!("{}: {} ({})", made.document, refusal.message, refusal.code))
        }
        _ => None,
    }
}

/// Of records that it refuses because its own code raised an exception: how many, and what the first one was.
fn exceptions(made: &[Traced]) -> String {
    let raised: Vec<_> = made
        .iter()
        .filter_map(|record| match &record.outcome {
            Outcome::Refused(refusal) if refusal.code == EXCEPTION => Some(refusal.message.as_str()),
            _ => None,
        })
        .collect();
    match raised.first() {
        None => String::new(),
        Some(first) => format!("; on {} of them its code raised an exception, first: {first}", raised.len()),
    }
}

/// What a plugin makes of made-up records, or what it breaks on them.
fn made_up(configured: &ConfiguredPlugin) -> Result<Result<Vec<Traced>, String>, CliError> {
    // One alone first: a plugin that fails on every record is to be told by its first fault, not by their number.
    let one = Samples::made_up(configured, 1)?;
    let alone = one.map(configured, Calls { rows: 1, reversed: false, fresh: true })?;
    let samples = Samples::made_up(configured, ROWS)?;
    if let Some(what) = alone.iter().find_map(fault) {
        return Ok(Err(what));
    }
    let made = samples.map(configured, Calls { rows: ROWS, reversed: false, fresh: true })?;
    if let Some(what) = made.iter().find_map(fault) {
        return Ok(Err(what));
    }
    for (property, calls) in PROPERTIES {
        let again = samples.map(configured, calls)?;
        if let Some((first, _)) = made.iter().zip(&again).find(|(a, b)| a != b) {
            return Ok(Err(format!("{}: not the same {property}", first.document)));
        }
    }
    Ok(Ok(made))
}
