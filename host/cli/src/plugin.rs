//! `gristmill plugin inspect` and `gristmill plugin build`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use gristmill_plugin::{Limits, Plugin, Transform};
use gristmill_record::{Description, OnMismatch, Origin};
use serde_json::{Map, Value, json};

use crate::args::{Cli, ComponentFile, ConfigArgs, GoogleArgs};
use crate::error::CliError;
use crate::job::{engine, file_error, load_plugin, open_for_inspection};
use crate::text::table;

/// What a plugin gets that asks for WASI.
const WASI: &str =
    "a clock that stands at the start of a run, random numbers of its settings, and the log for what it prints";

/// What a plugin imports. The interfaces of WASI are many, and nobody can tell by their names what a plugin gets of them.
pub(crate) fn imports(plugin: &Plugin) -> String {
    let (wasi, own): (Vec<_>, Vec<_>) = plugin.imports().iter().partition(|name| name.starts_with("wasi:"));
    let mut names: Vec<String> = own.into_iter().cloned().collect();
    if !wasi.is_empty() {
        names.push(format!("WASI 0.2 ({} interfaces: {WASI})", wasi.len()));
    }
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

/// Shows what a plugin is, reads and writes.
pub(crate) fn inspect(
    cli: &Cli,
    file: Option<&ComponentFile>,
    config: &ConfigArgs,
    google: &GoogleArgs,
) -> Result<(), CliError> {
    let plugin = load_plugin(&engine()?, file, Limits::default(), &google.credentials)?;
    // What a plugin that only judges reads is told for each table of a job.
    let configured = if plugin.maps() { Some(open_for_inspection(&plugin, config)?) } else { None };
    let text = match (&configured, cli.json) {
        (Some(configured), true) => format!("{}\n", as_json(&plugin, configured.description(), configured.config())),
        (None, true) => format!("{}\n", about_json(&plugin)),
        (configured, false) => as_text(&plugin, configured.as_ref().map(Transform::description)),
    };
    std::io::stdout().write_all(text.as_bytes()).map_err(CliError::Stdout)
}

fn as_json(plugin: &Plugin, description: &Description, config: &str) -> Value {
    let mut all = about_json(plugin);
    if let Some(all) = all.as_object_mut() {
        all.extend(declared(description));
        all.insert("config".into(), serde_json::from_str(config).unwrap_or_default());
    }
    all
}

/// What a configured plugin reads and writes: `documents`, `inputs`, `tables`.
pub(crate) fn declared(description: &Description) -> Map<String, Value> {
    let inputs: Vec<_> = description
        .inputs()
        .iter()
        .map(|i| {
            json!({ "name": i.name, "from": i.origin.to_string(), "type": i.ty.to_string(), "required": i.required,
                "on_mismatch": mismatch(i.on_mismatch) })
        })
        .collect();
    let tables: Vec<_> = description
        .tables()
        .iter()
        .map(|t| {
            let name = |i: &usize| t.columns().get(*i).map(|c| c.name.clone());
            let columns: Vec<_> = t
                .columns()
                .iter()
                .map(|c| json!({ "name": c.name, "type": c.ty.to_string(), "required": c.required, "description": c.description }))
                .collect();
            json!({ "name": t.name(), "description": t.description(), "columns": columns,
                "key": t.key().iter().map(name).collect::<Vec<_>>(),
                "latest_by": t.latest_by().and_then(|i| description.inputs().get(i)).map(|i| i.name.clone()),
                "partition_by": t.partition_by().as_ref().and_then(name),
                "cluster_by": t.cluster_by().iter().map(name).collect::<Vec<_>>() })
        })
        .collect();
    let documents = description.pattern().as_str().into();
    let parts: [(&str, Value); 3] = [("documents", documents), ("inputs", inputs.into()), ("tables", tables.into())];
    parts.into_iter().map(|(name, part)| (name.to_owned(), part)).collect()
}

/// What is known of any plugin.
fn about_json(plugin: &Plugin) -> Value {
    let about = plugin.about();
    let settings: Vec<_> = about
        .config
        .iter()
        .map(|f| json!({ "name": f.name, "type": f.ty.name(), "default": f.default, "description": f.description }))
        .collect();
    json!({ "name": about.name, "version": about.version, "summary": about.summary, "sha256": plugin.digest(),
        "imports": plugin.imports(), "exports": plugin.exports(), "maps": plugin.maps(), "judges": plugin.judges(),
        "settings": settings })
}

fn mismatch(rule: OnMismatch) -> &'static str {
    match rule {
        OnMismatch::Reject => "reject",
        OnMismatch::Null => "null",
    }
}

fn as_text(plugin: &Plugin, description: Option<&Description>) -> String {
    let about = plugin.about();
    let summary = if about.summary.is_empty() { String::new() } else { format!(": {}", about.summary) };
    let mut out = format!("{} {}{summary}\n", about.name, about.version);
    let _ = writeln!(out, "sha256   {}", plugin.digest());
    let list = |names: &[String]| if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    let _ = writeln!(out, "imports  {}", imports(plugin));
    let _ = writeln!(out, "exports  {}", list(plugin.exports()));
    if plugin.judges() {
        out.push_str("\njudges   rows of the tables of a job; it is given to --validate, and sees the columns that it asks for\n");
    }
    out.push_str(&description.map(mapping).unwrap_or_default());
    if !about.config.is_empty() {
        out.push_str("\nsettings (--config NAME=VALUE)\n");
        let rows: Vec<_> = about
            .config
            .iter()
            .map(|f| {
                let default = f.default.as_ref().map_or_else(|| "(must be given)".to_owned(), Value::to_string);
                vec![f.name.clone(), f.ty.name().to_owned(), default, f.description.clone()]
            })
            .collect();
        out.push_str(&table(&["name", "type", "default", ""], &rows, &[]));
    }
    out
}

/// What a plugin reads and writes, for people.
pub(crate) fn mapping(description: &Description) -> String {
    let mut out = format!("\nreads    {}\n", description.pattern());
    let rows: Vec<_> = description
        .inputs()
        .iter()
        .map(|i| {
            let rule = match (i.required, &i.origin, i.on_mismatch) {
                (true, ..) => "required",
                (false, Origin::Field(_), OnMismatch::Reject) => "another type is refused",
                (false, Origin::Field(_), OnMismatch::Null) => "another type is NULL",
                // Only a field can hold something else than what is declared.
                _ => "",
            };
            vec![i.name.clone(), i.origin.to_string(), i.ty.to_string(), rule.to_owned()]
        })
        .collect();
    out.push_str(&table(&["input", "from", "type", ""], &rows, &[]));
    for t in description.tables() {
        let about = if t.description().is_empty() { String::new() } else { format!(": {}", t.description()) };
        let _ = writeln!(out, "\nwrites   table {}{about}", t.name());
        let rows: Vec<_> = t
            .columns()
            .iter()
            .enumerate()
            .map(|(i, c)| {
                let mut notes = Vec::new();
                if t.key().contains(&i) {
                    notes.push("key".to_owned());
                }
                if t.partition_by() == Some(i) {
                    notes.push("partition".to_owned());
                }
                if t.cluster_by().contains(&i) {
                    notes.push("cluster".to_owned());
                }
                let role = if notes.is_empty() { String::new() } else { format!("[{}] ", notes.join(", ")) };
                let null = if c.required { "not null" } else { "" };
                vec![c.name.clone(), c.ty.to_string(), null.to_owned(), format!("{role}{}", c.description)]
            })
            .collect();
        out.push_str(&table(&["column", "type", "", ""], &rows, &[]));
        if let Some(input) = t.latest_by().and_then(|i| description.inputs().get(i)) {
            let _ = writeln!(out, "  of rows with one key, the one with the greatest `{}` stays", input.name);
        }
    }
    out
}

/// The component of the project in a folder, in its target folder.
pub(crate) fn build_component(folder: &Path) -> Result<PathBuf, CliError> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| folder.join("target"), PathBuf::from);
    Ok(gristmill_guest::build(folder, &target)?)
}

/// Builds a plugin's component.
pub(crate) fn build(cli: &Cli, folder: &Path, output: Option<&Path>) -> Result<(), CliError> {
    let component = build_component(folder)?;
    let output = match output {
        Some(path) => path.to_owned(),
        None => component.file_name().map_or_else(|| PathBuf::from("plugin.wasm"), PathBuf::from),
    };
    std::fs::copy(&component, &output).map_err(|e| file_error(&output, e))?;
    if !cli.quiet {
        let size = std::fs::metadata(&output).map_or(0, |m| m.len());
        eprintln!("{}: {}", output.display(), indicatif::HumanBytes(size));
    }
    Ok(())
}
