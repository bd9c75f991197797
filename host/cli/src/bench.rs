//! `gristmill plugin bench`: how fast plugins map an export, beside the built-in one.

use std::fmt::Write as _;
use std::io::Write as _;

use gristmill_pipeline::measure::{Measured, measure};
use gristmill_plugin::{ConfiguredPlugin, Context, Limits, Plugin};
use indicatif::HumanBytes;
use serde_json::{Map, Value, json};

use crate::args::{BenchArgs, Cli, ComponentFile};
use crate::error::CliError;
use crate::job::{engine, find, load_plugin, settings};
use crate::text::{count, table};

/// A plugin and its rounds.
struct Lane {
    name: String,
    plugin: ConfiguredPlugin,
    rounds: Vec<Measured>,
}

pub(crate) fn bench(cli: &Cli, args: &BenchArgs) -> Result<(), CliError> {
    let engine = engine()?;
    let load =
        |file: Option<&ComponentFile>| load_plugin(&engine, file, Limits::default(), &args.export.google.credentials);
    let mut plugins = vec![load(None)?];
    for file in &args.plugins {
        plugins.push(load(Some(file))?);
    }
    let mut lanes = Vec::new();
    for (plugin, settings) in plugins.iter().zip(shared_settings(&plugins, &args.config)?) {
        let configured = plugin.configure(&settings, Context { run_id: "bench".to_owned(), started_at: 0 })?;
        let name = format!("{}@{}", plugin.about().name, plugin.about().version);
        lanes.push(Lane { name, plugin: configured, rounds: Vec::new() });
    }
    let input = find(&args.export, false)?;
    let rows = usize::try_from(args.batch_rows).unwrap_or(usize::MAX);
    // One round that does not count: files come into the system's cache, instances grow to their size.
    for round in 0..=args.rounds {
        for lane in &mut lanes {
            let measured = measure(&input, &lane.plugin, rows, args.records)?;
            if round > 0 {
                lane.rounds.push(measured);
            }
        }
    }
    let results: Vec<(&str, Measured)> =
        lanes.iter_mut().map(|lane| (lane.name.as_str(), median(&mut lane.rounds))).collect();
    let text = if cli.json { format!("{}\n", as_json(&results)) } else { as_text(&results) };
    std::io::stdout().write_all(text.as_bytes()).map_err(CliError::Stdout)
}

/// The settings of each plugin: of those that are given, the ones that it has. One that none has is a mistake.
fn shared_settings(plugins: &[Plugin], config: &[String]) -> Result<Vec<Map<String, Value>>, CliError> {
    let mut all: Vec<Map<String, Value>> = vec![Map::new(); plugins.len()];
    for text in config {
        let mut is_known = false;
        for (plugin, into) in plugins.iter().zip(&mut all) {
            let given = settings(plugin, std::slice::from_ref(text))?;
            let has = |name: &String| plugin.about().config.iter().any(|field| field.name == *name);
            for (name, value) in given.into_iter().filter(|(name, _)| has(name)) {
                into.insert(name, value);
                is_known = true;
            }
        }
        if !is_known {
            return Err(CliError::Config {
                text: text.clone(),
                what: "none of the plugins has such a setting".to_owned(),
            });
        }
    }
    Ok(all)
}

/// The round in the middle, by its rate.
fn median(rounds: &mut [Measured]) -> Measured {
    rounds.sort_by(|a, b| a.rate().total_cmp(&b.rate()));
    rounds.get(rounds.len() / 2).copied().unwrap_or_default()
}

/// What is measured as 1: the built-in plugin, where it takes documents of the export.
fn yardstick(results: &[(&str, Measured)]) -> Option<f64> {
    results.first().filter(|(_, built_in)| built_in.records > 0).map(|(_, built_in)| built_in.rate())
}

fn as_text(results: &[(&str, Measured)]) -> String {
    let yardstick = yardstick(results);
    let (measured, idle): (Vec<_>, Vec<_>) = results.iter().partition(|(_, m)| m.records > 0);
    let rows: Vec<Vec<String>> = measured
        .iter()
        .map(|(name, m)| {
            let relative = yardstick.map_or_else(|| "-".to_owned(), |one| format!("{:.2}", m.rate() / one));
            let memory = m.memory.map_or_else(
                || "-".to_owned(),
                |(early, late)| {
                    let grown = if late > early { format!(" (+{})", HumanBytes(late - early)) } else { String::new() };
                    format!("{}{grown}", HumanBytes(late))
                },
            );
            vec![
                (*name).to_owned(),
                count(whole(m.rate())),
                relative,
                format!("{:.0} %", m.share_of_calls() * 100.0),
                memory,
                format!("{} B", m.bytes_in / m.records),
                format!("{} B", m.bytes_out / m.records),
                count(m.rows),
                count(m.refused),
            ]
        })
        .collect();
    let header = ["plugin", "records/s", "to built-in", "calls", "memory", "in", "out", "rows", "refused"];
    let mut text = table(&header, &rows, &[false, true, true, true, true, true, true, true, true]);
    text.push_str(
        "Per second of processor time on one thread, decoding and mapping. calls: their share of it. memory: of the instance, and how much of it \
         came after the first tenth of the records. in, out: columns, a record.\n",
    );
    for (name, _) in idle {
        let _ = writeln!(text, "{name} takes no document of this export.");
    }
    text
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate for people")]
fn whole(rate: f64) -> u64 {
    rate.round() as u64
}

fn as_json(results: &[(&str, Measured)]) -> Value {
    let yardstick = yardstick(results);
    let line = |(name, m): &(&str, Measured)| {
        json!({
            "plugin": name, "records": m.records, "rows": m.rows, "refused": m.refused,
            "records_per_cpu_second": m.rate(), "to_built_in": yardstick.map(|one| m.rate() / one),
            "decoding_seconds": m.decoding.as_secs_f64(), "call_seconds": m.calls.as_secs_f64(),
            "bytes_in": m.bytes_in, "bytes_out": m.bytes_out,
            "memory": m.memory.map(|(_, late)| late), "memory_early": m.memory.map(|(early, _)| early),
        })
    };
    Value::Array(results.iter().map(line).collect())
}
