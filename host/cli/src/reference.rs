//! The reference pages, made from the code so that they cannot say anything else.

use std::fmt::Write as _;
use std::path::Path;

use clap::CommandFactory;

use crate::args::Cli;
use crate::error::CliError;
use crate::exit::MEANINGS;
use crate::fields::fields;
use crate::job::file_error;
use gristmill_telemetry::METRICS;

/// Width that help is wrapped to in the pages.
const WIDTH: usize = 110;

/// The exit codes, for the end of `--help`.
pub(crate) fn exit_codes_help() -> String {
    let mut out = "Exit codes:\n".to_owned();
    for (exit, meaning) in MEANINGS {
        let _ = writeln!(out, "  {:>3}  {meaning}", exit.code());
    }
    out
}

/// Writes every page into a folder.
pub(crate) fn write(folder: &Path) -> Result<(), CliError> {
    std::fs::create_dir_all(folder).map_err(|e| file_error(folder, e))?;
    let pages = [
        ("cli.md", cli_page()),
        ("exit-codes.md", exit_codes_page()),
        ("job.md", job_page()),
        ("metrics.md", metrics_page()),
        ("job.schema.json", job_schema()?),
    ];
    for (name, text) in pages {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|e| file_error(&path, e))?;
    }
    Ok(())
}

fn metrics_page() -> String {
    let mut out = "# Metrics\n\nMade by `cargo xtask docs` from the program's own list. [How they are had, and what they are good for](../watching.md#metrics).\n\n\
        | name | type | labels | meaning | in OpenTelemetry | unit |\n| --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for metric in METRICS {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let (otel, unit) =
            metric.otel.map(|(name, unit)| (format!("`{name}`"), format!("`{unit}`"))).unwrap_or_default();
        let (name, kind, help) = (metric.name, metric.kind.name(), metric.help);
        let _ = writeln!(out, "| `{name}` | {kind} | {} | {help} | {otel} | {unit} |", labels.join(", "));
    }
    out
}

fn job_page() -> String {
    let page = gristmill_job::page(&fields());
    format!(
        "# Job files\n\nMade by `cargo xtask docs` from the flags of `gristmill run`. [The guide](../jobs/README.md) says how they are used; \
         `gristmill run … --print-job` prints one. A value is what its flag takes. For editors there is a [JSON Schema](job.schema.json).\n{page}"
    )
}

/// `cargo xtask docs` knows what is made by its comment.
fn job_schema() -> Result<String, CliError> {
    let mut schema = gristmill_job::schema(&fields(), "A job of gristmill");
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("$comment".to_owned(), "Made by `cargo xtask docs`".into());
    }
    let text = serde_json::to_string_pretty(&schema).map_err(|e| CliError::Environment(e.to_string()))?;
    Ok(format!("{text}\n"))
}

fn exit_codes_page() -> String {
    let mut out = "# Exit codes\n\nMade by `cargo xtask docs`. A code never changes its meaning.\n\n| code | meaning |\n| ---: | --- |\n".to_owned();
    for (exit, meaning) in MEANINGS {
        let _ = writeln!(out, "| {} | {meaning} |", exit.code());
    }
    out
}

fn cli_page() -> String {
    let mut out = "# Command line\n\nMade by `cargo xtask docs` from the program's own help.\n".to_owned();
    let mut root = Cli::command().term_width(WIDTH);
    root.build();
    describe(&mut root, &mut out);
    out
}

fn describe(command: &mut clap::Command, out: &mut String) {
    let help = command.clone().term_width(WIDTH).render_help().to_string();
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).replace('-', " ");
    let _ = write!(out, "\n## `{name}`\n\n```text\n{}\n```\n", help.trim_end());
    for sub in command.get_subcommands_mut() {
        if !sub.is_hide_set() && sub.get_name() != "help" {
            describe(sub, out);
        }
    }
}
