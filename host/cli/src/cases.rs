//! `gristmill plugin test`: a plugin over folders of documents, against what it is expected to make of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};
use gristmill_pipeline::Outcome;
use gristmill_pipeline::trial::{Calls, PROPERTIES, Samples, Traced};
use gristmill_plugin::{ConfiguredPlugin, Context, Limits, Plugin, Transform};
use gristmill_record::{PathPattern, Table};
use gristmill_source::{DiscoverOptions, discover};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::args::{Cli, ComponentFile, TestArgs};
use crate::error::CliError;
use crate::job::{engine, file_error, load_plugin};
use crate::plugin::build_component;
use crate::text::count;

/// What is expected, beside the documents.
pub(crate) const EXPECTED: &str = "expected.ndjson";
/// The time of the run where a case says nothing: 2000-01-01T00:00:00Z.
const STARTED_AT: i64 = 946_684_800_000_000;
/// Rows in a batch where nothing is to be shown by them.
const BATCH_ROWS: usize = 4_096;
/// The code by which the SDKs of languages with exceptions refuse a record on which the plugin raised one.
pub(crate) const EXCEPTION: &str = "exception";
/// Differences that are shown of a case.
const SHOWN: usize = 20;

/// `case.toml`; all of it may be missing, and so may the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct CaseFile {
    /// An export to read instead of `documents.*`, relative to the case.
    export: Option<String>,
    /// Only documents whose path this pattern takes.
    documents: Option<String>,
    /// No more records than this.
    limit: Option<usize>,
    /// In RFC 3339.
    started_at: Option<String>,
    /// Settings of the plugin.
    #[serde(default)]
    config: Map<String, Value>,
}

/// How a case ended.
struct Ran {
    name: String,
    records: usize,
    verdict: Verdict,
    /// Properties that do not hold, with the first document that shows it.
    broken: Vec<(&'static str, String)>,
    /// Records that the plugin failed on by its own fault.
    faults: usize,
}

enum Verdict {
    /// The plugin takes none of its documents, so it shows nothing.
    Empty,
    Same,
    Updated,
    /// There is nothing to compare with.
    Missing,
    /// Text about each document that differs.
    Differs(Vec<String>),
}

pub(crate) fn test(cli: &Cli, args: &TestArgs) -> Result<(), CliError> {
    let plugin = component(cli, &args.plugin)?;
    let folder = match &args.cases {
        Some(folder) => folder.clone(),
        None if args.plugin.is_dir() => args.plugin.join("cases"),
        None => PathBuf::from("cases"),
    };
    let names = case_names(&folder)?;
    let mut all = Vec::with_capacity(names.len());
    for name in names {
        all.push(run_case(&plugin, &folder.join(&name), name, args.update)?);
    }
    let failed = all.iter().filter(|ran| ran.is_failed()).count();
    let text = if cli.json { format!("{}\n", as_json(&plugin, &all)) } else { as_text(&plugin, &all, cli.quiet) };
    let mut out = anstream::AutoStream::auto(std::io::stdout());
    out.write_all(text.as_bytes()).map_err(CliError::Stdout)?;
    if failed > 0 { Err(CliError::Cases { failed, of: all.len(), folder }) } else { Ok(()) }
}

/// A component: the file that was named, or what the project in the folder that was named builds to.
fn component(cli: &Cli, path: &Path) -> Result<Plugin, CliError> {
    let built = if path.is_dir() {
        if !cli.quiet {
            eprintln!("building {}", path.display());
        }
        build_component(path)?
    } else {
        path.to_owned()
    };
    load_plugin(&engine()?, Some(&ComponentFile { path: built, digest: None }), Limits::default())
}

/// Folders of cases, by name.
fn case_names(folder: &Path) -> Result<Vec<String>, CliError> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|e| file_error(folder, e))? {
        let entry = entry.map_err(|e| file_error(folder, e))?;
        if entry.path().is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    if names.is_empty() {
        return Err(CliError::Case { case: folder.to_owned(), what: "it holds no folder with a case".into() });
    }
    Ok(names)
}

fn run_case(plugin: &Plugin, folder: &Path, name: String, update: bool) -> Result<Ran, CliError> {
    let fail = |what: String| CliError::Case { case: folder.to_owned(), what };
    let case = read_case(folder)?;
    let started_at = match &case.started_at {
        None => STARTED_AT,
        Some(text) => gristmill_record::time::parse_rfc3339(text.as_bytes())
            .ok_or_else(|| fail(format!("`started-at` is `{text}`, which is no time in RFC 3339")))?,
    };
    let only = case.documents.as_deref().map(PathPattern::parse).transpose().map_err(|e| fail(e.to_string()))?;
    let configured = plugin.configure(&case.config, Context { run_id: "test".to_owned(), started_at })?;
    let source = match &case.export {
        Some(export) => folder.join(export),
        None if has_documents(folder) => folder.join("documents.*"),
        None => return Err(fail("it has neither documents.* nor a case.toml with an `export`".into())),
    };
    let input = discover(
        &source.display().to_string(),
        &DiscoverOptions { allow_partial: true, ..DiscoverOptions::default() },
    )?;
    let samples = Samples::read(&input, &configured, only.as_ref(), case.limit.unwrap_or(usize::MAX))?;
    let all = Calls { rows: BATCH_ROWS, reversed: false, fresh: true };
    let made = samples.map(&configured, all)?;
    let mut broken = Vec::new();
    for (property, calls) in PROPERTIES {
        let again = samples.map(&configured, calls)?;
        if let Some((first, _)) = made.iter().zip(&again).find(|(a, b)| a != b) {
            broken.push((property, first.document.clone()));
        }
    }
    let lines = lines_of(&configured, &made);
    let path = folder.join(EXPECTED);
    let verdict = match std::fs::read_to_string(&path) {
        _ if samples.is_empty() => Verdict::Empty,
        _ if update => {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            std::fs::write(&path, text).map_err(|e| file_error(&path, e))?;
            Verdict::Updated
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Verdict::Missing,
        Err(e) => return Err(file_error(&path, e)),
        Ok(text) => {
            let expected = parse(text.lines()).map_err(|what| fail(format!("{EXPECTED}: {what}")))?;
            let made = parse(lines.iter().map(String::as_str)).map_err(fail)?;
            let differences = differences(&expected, &made);
            if differences.is_empty() { Verdict::Same } else { Verdict::Differs(differences) }
        }
    };
    let faults = made.iter().filter(|record| is_fault(&record.outcome)).count();
    Ok(Ran { name, records: samples.len(), verdict, broken, faults })
}

/// Whether the plugin itself failed: by the contract, or by an error that an SDK caught.
fn is_fault(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Refused(refusal) if refusal.code == EXCEPTION || refusal.code.starts_with("plugin."))
}

fn has_documents(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("documents."))
}

fn read_case(folder: &Path) -> Result<CaseFile, CliError> {
    let path = folder.join("case.toml");
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            toml::from_str(&text).map_err(|e| CliError::Case { case: path, what: e.to_string().trim_end().to_owned() })
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(CaseFile::default()),
        Err(e) => Err(file_error(&path, e)),
    }
}

/// What was made, a line an outcome: rows in the form of the NDJSON sink.
fn lines_of(plugin: &ConfiguredPlugin, made: &[Traced]) -> Vec<String> {
    let tables = plugin.description().tables();
    let mut lines = Vec::new();
    for record in made {
        let document = Value::from(record.document.as_str());
        match &record.outcome {
            Outcome::Rows(rows) => {
                for (index, row) in rows {
                    let table = Value::from(tables.get(*index).map(Table::name).unwrap_or_default());
                    // Every type of a table has a form in JSON.
                    let row = gristmill_sink::json_rows(row).and_then(|mut rows| rows.pop()).unwrap_or_default();
                    lines.push(format!(r#"{{"document":{document},"table":{table},"row":{row}}}"#));
                }
            }
            Outcome::Filtered => lines.push(format!(r#"{{"document":{document},"filtered":true}}"#)),
            Outcome::Refused(refusal) => {
                let mut line = format!(r#"{{"document":{document},"refused":{}"#, Value::from(refusal.code.as_str()));
                if let Some(field) = &refusal.field {
                    let _ = write!(line, r#","field":{}"#, Value::from(field.as_str()));
                }
                let _ = write!(line, r#","message":{}}}"#, Value::from(refusal.message.as_str()));
                lines.push(line);
            }
        }
    }
    lines
}

/// Outcomes by document, documents in the order of their first line.
fn parse<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Vec<(String, Vec<Value>)>, String> {
    let mut all: Vec<(String, Vec<Value>)> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (i, line) in lines.enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let value: Value = serde_json::from_str(line).map_err(|e| format!("line {} is not JSON: {e}", i + 1))?;
        let Some(document) = value.get("document").and_then(Value::as_str).map(str::to_owned) else {
            return Err(format!("line {} has no `document`", i + 1));
        };
        let place = *places.entry(document.clone()).or_insert(all.len());
        if place == all.len() {
            all.push((document, Vec::new()));
        }
        if let Some((_, outcomes)) = all.get_mut(place) {
            outcomes.push(value);
        }
    }
    Ok(all)
}

/// What is red is expected and was not made, what is green was made.
fn minus() -> Style {
    AnsiColor::Red.on_default()
}

fn plus() -> Style {
    AnsiColor::Green.on_default()
}

/// Text about each document whose outcomes differ.
fn differences(expected: &[(String, Vec<Value>)], made: &[(String, Vec<Value>)]) -> Vec<String> {
    let find = |all: &[(String, Vec<Value>)], document: &str| -> Vec<Value> {
        all.iter().find(|(name, _)| name == document).map(|(_, outcomes)| outcomes.clone()).unwrap_or_default()
    };
    let gone = expected.iter().filter(|(document, _)| find(made, document).is_empty());
    let documents = made.iter().chain(gone).map(|(document, _)| document);
    let mut texts = Vec::new();
    for document in documents {
        let (was, is) = (find(expected, document), find(made, document));
        if was == is {
            continue;
        }
        let name = if document.is_empty() { "(a record that cannot be read)" } else { document };
        let mut text = format!("{name}\n");
        let mut left = is.clone();
        for before in &was {
            // Lines that are the same are not shown; a row is set against the next one of its table.
            let same_table = |v: &Value| v.get("row").is_some() && v.get("table") == before.get("table");
            if let Some(at) = left.iter().position(|v| v == before) {
                left.remove(at);
            } else if let Some(at) =
                left.iter().position(|v| before.get("row").is_some() && same_table(v) && !was.contains(v))
            {
                let after = left.remove(at);
                text.push_str(&columns(before, &after));
            } else {
                let style = minus();
                let _ = writeln!(text, "  {style}- {}{style:#}", shown(before));
            }
        }
        for after in left {
            let style = plus();
            let _ = writeln!(text, "  {style}+ {}{style:#}", shown(&after));
        }
        texts.push(text);
    }
    texts
}

/// The columns in which two rows of a table differ.
fn columns(before: &Value, after: &Value) -> String {
    let empty = Map::new();
    let row = |v: &Value| v.get("row").and_then(Value::as_object).unwrap_or(&empty).clone();
    let (was, is) = (row(before), row(after));
    let table = before.get("table").and_then(Value::as_str).unwrap_or_default();
    let mut text = String::new();
    let names: std::collections::BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    for name in names.into_iter().filter(|name| was.get(*name) != is.get(*name)) {
        let value =
            |row: &Map<String, Value>| row.get(name).map_or_else(|| "(no such column)".to_owned(), Value::to_string);
        let (minus, plus) = (minus(), plus());
        let _ = writeln!(text, "  {table}.{name}: {minus}{}{minus:#} → {plus}{}{plus:#}", value(&was), value(&is));
    }
    text
}

/// An outcome on one line.
fn shown(outcome: &Value) -> String {
    let text = |name: &str| outcome.get(name).and_then(Value::as_str).unwrap_or_default();
    if let Some(row) = outcome.get("row") {
        return format!("a row of {}: {row}", text("table"));
    }
    if outcome.get("refused").is_some() {
        let field = if text("field").is_empty() { String::new() } else { format!(" at {}", text("field")) };
        return format!("refused: {}{field}: {}", text("refused"), text("message"));
    }
    "filtered".to_owned()
}

impl Ran {
    fn is_failed(&self) -> bool {
        !self.broken.is_empty() || matches!(self.verdict, Verdict::Empty | Verdict::Missing | Verdict::Differs(_))
    }
}

fn as_text(plugin: &Plugin, all: &[Ran], quiet: bool) -> String {
    let about = plugin.about();
    let mut out = String::new();
    if !quiet {
        let _ = writeln!(out, "{} {}", about.name, about.version);
    }
    let (good, bad) = (AnsiColor::Green.on_default().bold(), AnsiColor::Red.on_default().bold());
    for ran in all {
        let records = format!("{} record{}", count(ran.records as u64), if ran.records == 1 { "" } else { "s" });
        let (style, word, why) = match &ran.verdict {
            Verdict::Same if ran.broken.is_empty() => (good, "ok", String::new()),
            Verdict::Same => (bad, "FAILED", String::new()),
            Verdict::Empty => (
                bad,
                "FAILED",
                ": the plugin takes none of its documents; `plugin inspect` shows its pattern".to_owned(),
            ),
            Verdict::Updated if ran.faults > 0 => (
                bad,
                "updated",
                format!(", of which the plugin itself failed on {}: look at {EXPECTED} before you keep it", ran.faults),
            ),
            Verdict::Updated => (good, "updated", String::new()),
            Verdict::Missing => (bad, "NEW", format!(": it has no {EXPECTED} yet; `--update` writes it")),
            Verdict::Differs(found) => {
                let n = found.len();
                (
                    bad,
                    "FAILED",
                    format!(": {n} document{} differ{}", if n == 1 { "" } else { "s" }, if n == 1 { "s" } else { "" }),
                )
            }
        };
        if !quiet || ran.is_failed() {
            let _ = writeln!(out, "{style}{word:>8}{style:#}  {}, {records}{why}", ran.name);
        }
        if let Verdict::Differs(found) = &ran.verdict {
            let (minus, plus) = (minus(), plus());
            let _ = writeln!(out, "          {minus}expected{minus:#} → {plus}made{plus:#}");
            for line in found.iter().take(SHOWN).flat_map(|text| text.lines()) {
                let _ = writeln!(out, "          {line}");
            }
            if found.len() > SHOWN {
                let _ = writeln!(out, "          … and {} more", count((found.len() - SHOWN) as u64));
            }
        }
        for (property, document) in &ran.broken {
            let _ = writeln!(out, "          {bad}not the same{bad:#} {property}: {document}");
        }
    }
    let failed = all.iter().filter(|ran| ran.is_failed()).count();
    if !quiet {
        let _ = writeln!(out, "{} ok, {failed} failed", all.len() - failed);
    }
    out
}

fn as_json(plugin: &Plugin, all: &[Ran]) -> Value {
    let cases: Vec<_> = all
        .iter()
        .map(|ran| {
            let (state, differences) = match &ran.verdict {
                Verdict::Same => ("same", Vec::new()),
                Verdict::Updated => ("updated", Vec::new()),
                Verdict::Empty => ("empty", Vec::new()),
                Verdict::Missing => ("new", Vec::new()),
                Verdict::Differs(found) => {
                    ("different", found.iter().map(|text| anstream::adapter::strip_str(text).to_string()).collect())
                }
            };
            let broken: Vec<_> = ran
                .broken
                .iter()
                .map(|(property, document)| json!({ "property": property, "document": document }))
                .collect();
            json!({ "name": ran.name, "records": ran.records, "state": state, "differences": differences,
                "broken_properties": broken, "ok": !ran.is_failed() })
        })
        .collect();
    json!({ "plugin": format!("{}@{}", plugin.about().name, plugin.about().version), "sha256": plugin.digest(), "cases": cases })
}
