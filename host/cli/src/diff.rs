//! `gristmill plugin diff`: what two versions of a plugin make differently of an export.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use gristmill_pipeline::compare::{CompareOptions, Comparison, Difference, Ending, Sample, compare};
use gristmill_plugin::{ConfiguredPlugin, Context, Limits, Plugin, Transform};
use gristmill_record::Description;
use serde_json::json;

use crate::args::{Cli, ComponentFile, DiffArgs};
use crate::error::CliError;
use crate::job::{BUILT_IN, engine, find, load_plugin, settings};
use crate::text::{cell, count};

pub(crate) fn diff(cli: &Cli, args: &DiffArgs) -> Result<(), CliError> {
    let engine = engine()?;
    let load = |file: &ComponentFile| {
        let file = (file.path != Path::new(BUILT_IN)).then_some(file);
        load_plugin(&engine, file, Limits::default(), &args.export.google.credentials)
    };
    let (old, new) = (load(&args.old)?, load(&args.new)?);
    let configure = |plugin: &Plugin, own: &[String]| -> Result<ConfiguredPlugin, CliError> {
        let config: Vec<String> = args.config.config.iter().chain(own).cloned().collect();
        let context = Context { run_id: "diff".to_owned(), started_at: args.started_at.unwrap_or(0) };
        Ok(plugin.configure(&settings(plugin, &config)?, context)?)
    };
    let old_side = configure(&old, &args.old_config)?;
    let new_side = configure(&new, &args.new_config)?;
    let input = find(&args.export, false)?;
    let options = CompareOptions { batch_rows: 4096, max_document: 32 << 20, samples: args.samples };
    let comparison = compare(&input, &old_side, &new_side, options)?;
    let schema = schema_changes(old_side.description(), new_side.description());
    let text = if cli.json {
        format!("{}\n", as_json(&old, &new, &schema, &comparison))
    } else {
        as_text(&old, &new, &schema, &comparison)
    };
    std::io::stdout().write_all(text.as_bytes()).map_err(CliError::Stdout)
}

/// What the two declare differently, a line each.
fn schema_changes(old: &Description, new: &Description) -> Vec<String> {
    let mut lines = Vec::new();
    if old.pattern() != new.pattern() {
        lines.push(format!("takes {} in place of {}", new.pattern(), old.pattern()));
    }
    let reads =
        |d: &Description| -> Vec<String> { d.inputs().iter().map(|i| format!("{} ({})", i.origin, i.ty)).collect() };
    let (old_reads, new_reads) = (reads(old), reads(new));
    lines.extend(new_reads.iter().filter(|r| !old_reads.contains(r)).map(|r| format!("reads {r}")));
    lines.extend(old_reads.iter().filter(|r| !new_reads.contains(r)).map(|r| format!("no longer reads {r}")));
    for table in new.tables() {
        let Some(before) = old.tables().iter().find(|t| t.name() == table.name()) else {
            lines.push(format!("writes the table {}", table.name()));
            continue;
        };
        let column = |c: &gristmill_record::OutputColumn| {
            format!("{} {}{}", c.name, c.ty, if c.required { " not null" } else { "" })
        };
        let (had, has): (Vec<_>, Vec<_>) =
            (before.columns().iter().map(column).collect(), table.columns().iter().map(column).collect());
        lines.extend(has.iter().filter(|c| !had.contains(c)).map(|c| format!("table {}: has `{c}`", table.name())));
        lines.extend(
            had.iter().filter(|c| !has.contains(c)).map(|c| format!("table {}: no longer `{c}`", table.name())),
        );
        let key = |t: &gristmill_record::Table| -> Vec<String> {
            t.key().iter().filter_map(|i| t.columns().get(*i)).map(|c| c.name.clone()).collect()
        };
        if key(before) != key(table) {
            let [was, is] = [key(before), key(table)].map(|k| k.join(", "));
            lines.push(format!("table {}: its key is ({is}), was ({was})", table.name()));
        }
    }
    let gone = old.tables().iter().filter(|t| !new.tables().iter().any(|n| n.name() == t.name()));
    lines.extend(gone.map(|t| format!("no longer writes the table {}", t.name())));
    lines
}

fn name(plugin: &Plugin) -> String {
    let about = plugin.about();
    format!("{}@{} ({})", about.name, about.version, plugin.digest().get(..12).unwrap_or_default())
}

fn ending(ending: &Ending) -> String {
    match ending {
        Ending::Rows(tables) => {
            let rows = |(table, n): &(String, usize)| match n {
                1 => format!("a row of {table}"),
                n => format!("{n} rows of {table}"),
            };
            tables.iter().map(rows).collect::<Vec<_>>().join(" and ")
        }
        Ending::Filtered => "filtered".to_owned(),
        Ending::Refused(code) => format!("refused ({code})"),
        Ending::NotTaken => "not taken".to_owned(),
    }
}

/// The values of a sample: old and new.
fn values(sample: &Sample) -> Option<[String; 2]> {
    sample.values.as_ref().map(|sides| sides.each_ref().map(|(column, batch)| cell(batch, *column, 0)))
}

fn as_text(old: &Plugin, new: &Plugin, schema: &[String], comparison: &Comparison) -> String {
    let mut out = format!("old  {}\nnew  {}\n", name(old), name(new));
    if !schema.is_empty() {
        out.push_str("\nnew declares something else\n");
        schema.iter().for_each(|line| out.push_str(&format!("  {line}\n")));
    }
    let differ = comparison.records - comparison.same;
    let _ = writeln!(
        out,
        "\n{} records: {} the same, {} different",
        count(comparison.records),
        count(comparison.same),
        count(differ)
    );
    let mut show = |title: String, difference: &Difference| {
        let _ = writeln!(out, "\n{:>9}  {title}", count(difference.records));
        for sample in &difference.samples {
            let place = if sample.document.is_empty() {
                format!("{}, offset {}", sample.file, sample.offset)
            } else {
                sample.document.clone()
            };
            let _ = match values(sample) {
                Some([was, is]) => writeln!(out, "{:11}{was} → {is}  {place}", ""),
                None => writeln!(out, "{:11}{place}", ""),
            };
        }
    };
    for ((was, is), difference) in &comparison.endings {
        show(format!("{} → {}", ending(was), ending(is)), difference);
    }
    for ((table, column), difference) in &comparison.columns {
        show(format!("another value in {table}.{column}"), difference);
    }
    out
}

fn as_json(old: &Plugin, new: &Plugin, schema: &[String], comparison: &Comparison) -> serde_json::Value {
    let side = |p: &Plugin| json!({ "name": p.about().name, "version": p.about().version, "sha256": p.digest() });
    let samples = |difference: &Difference| -> Vec<_> {
        difference
            .samples
            .iter()
            .map(|s| {
                let [was, is] = values(s).map_or([None, None], |sides| sides.map(Some));
                json!({ "document": s.document, "file": s.file, "offset": s.offset, "old": was, "new": is })
            })
            .collect()
    };
    let outcomes: Vec<_> = comparison
        .endings
        .iter()
        .map(|((was, is), d)| {
            json!({ "old": ending(was), "new": ending(is), "records": d.records, "samples": samples(d) })
        })
        .collect();
    let columns: Vec<_> = comparison
        .columns
        .iter()
        .map(|((table, column), d)| {
            json!({ "table": table, "column": column, "records": d.records, "samples": samples(d) })
        })
        .collect();
    json!({ "old": side(old), "new": side(new), "declares": schema, "records": comparison.records, "same": comparison.same,
        "outcomes": outcomes, "columns": columns })
}
