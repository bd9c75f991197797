//! `gristmill plugin test`: a plugin over folders of documents or rows, against what it is expected to make of them.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anstyle::AnsiColor;
use gristmill_pipeline::Outcome;
use gristmill_pipeline::trial::{Calls, PROPERTIES, Samples, Traced};
use gristmill_plugin::{ConfiguredPlugin, Engine, Limits, Plugin, Transform};
use gristmill_record::{PathPattern, Table};
use gristmill_source::{Credentials, DiscoverOptions, discover};
use serde_json::{Value, json};

use crate::args::{Cli, ComponentFile, TestArgs};
use crate::case::{Case, Given};
use crate::error::CliError;
use crate::expected::{differences, minus, parse, plus};
use crate::job::{engine, file_error, load_plugin};
use crate::judged;
use crate::plugin::build_component;
use crate::text::count;

/// What is expected, beside the documents or rows.
pub(crate) const EXPECTED: &str = "expected.ndjson";
/// Rows in a batch where nothing is to be shown by them.
const BATCH_ROWS: usize = 4_096;
/// The code by which the SDKs of languages with exceptions refuse a record or a row on which the plugin raised one.
pub(crate) const EXCEPTION: &str = "exception";
/// Differences that are shown of a case.
const SHOWN: usize = 20;

/// How a plugin is called where nothing is to be shown by it.
pub(crate) const ALL_AT_ONCE: Calls = Calls { rows: BATCH_ROWS, reversed: false, fresh: true };

/// What a plugin made of what a case gives it.
pub(crate) struct Tried {
    /// `record` or `row`.
    pub(crate) what: &'static str,
    /// How many of them.
    pub(crate) count: usize,
    /// Why nothing is shown by it, where that is so.
    pub(crate) nothing: Option<&'static str>,
    /// A line an outcome, as it is expected.
    pub(crate) lines: Vec<String>,
    /// Properties that do not hold, with the first document or row that shows it.
    pub(crate) broken: Vec<(&'static str, String)>,
    /// Records or rows that the plugin failed on by its own fault.
    pub(crate) faults: usize,
}

/// How a case ended.
struct Ran {
    name: String,
    what: &'static str,
    count: usize,
    verdict: Verdict,
    broken: Vec<(&'static str, String)>,
    faults: usize,
}

enum Verdict {
    /// It shows nothing, for this reason.
    Empty(&'static str),
    Same,
    Updated,
    /// There is nothing to compare with.
    Missing,
    /// Text about each document or row that differs.
    Differs(Vec<String>),
}

pub(crate) fn test(cli: &Cli, args: &TestArgs) -> Result<(), CliError> {
    let engine = engine()?;
    let plugin = component(cli, &engine, &args.plugin)?;
    let folder = match &args.cases {
        Some(folder) => folder.clone(),
        None if args.plugin.is_dir() => args.plugin.join("cases"),
        None => PathBuf::from("cases"),
    };
    let names = case_names(&folder)?;
    let mut all = Vec::with_capacity(names.len());
    for name in names {
        all.push(run_case(&engine, &plugin, &folder.join(&name), name, args.update)?);
    }
    let failed = all.iter().filter(|ran| ran.is_failed()).count();
    let text = if cli.json { format!("{}\n", as_json(&plugin, &all)) } else { as_text(&plugin, &all, cli.quiet) };
    let mut out = anstream::AutoStream::auto(std::io::stdout());
    out.write_all(text.as_bytes()).map_err(CliError::Stdout)?;
    if failed > 0 { Err(CliError::Cases { failed, of: all.len(), folder }) } else { Ok(()) }
}

/// A component: the file that was named, or what the project in the folder that was named builds to.
fn component(cli: &Cli, engine: &Engine, path: &Path) -> Result<Plugin, CliError> {
    let built = if path.is_dir() {
        if !cli.quiet {
            eprintln!("building {}", path.display());
        }
        build_component(path)?
    } else {
        path.to_owned()
    };
    let file = ComponentFile { path: built, digest: None };
    load_plugin(engine, Some(&file), Limits::default(), &Credentials::Default)
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

fn run_case(engine: &Engine, plugin: &Plugin, folder: &Path, name: String, update: bool) -> Result<Ran, CliError> {
    let case = Case::read(folder)?;
    let tried = match case.given()? {
        Given::Documents(source) => try_documents(plugin, &case, &source)?,
        Given::Rows(path) => judged::try_rows(engine, plugin, &case, &path)?,
    };
    let path = folder.join(EXPECTED);
    let verdict = match std::fs::read_to_string(&path) {
        _ if tried.nothing.is_some() => Verdict::Empty(tried.nothing.unwrap_or_default()),
        _ if update => {
            let text: String = tried.lines.iter().map(|line| format!("{line}\n")).collect();
            std::fs::write(&path, text).map_err(|e| file_error(&path, e))?;
            Verdict::Updated
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Verdict::Missing,
        Err(e) => return Err(file_error(&path, e)),
        Ok(text) => {
            let expected = parse(text.lines()).map_err(|what| case.fail(format!("{EXPECTED}: {what}")))?;
            let made = parse(tried.lines.iter().map(String::as_str)).map_err(|what| case.fail(what))?;
            let differences = differences(&expected, &made);
            if differences.is_empty() { Verdict::Same } else { Verdict::Differs(differences) }
        }
    };
    Ok(Ran { name, what: tried.what, count: tried.count, verdict, broken: tried.broken, faults: tried.faults })
}

/// Maps the documents of a case in every way in which they may be handed over.
fn try_documents(plugin: &Plugin, case: &Case<'_>, source: &Path) -> Result<Tried, CliError> {
    let only = case.file.documents.as_deref().map(PathPattern::parse).transpose();
    let only = only.map_err(|e| case.fail(e.to_string()))?;
    let configured = plugin.configure(&case.file.config, case.context())?;
    let input = discover(
        &source.display().to_string(),
        &DiscoverOptions { allow_partial: true, ..DiscoverOptions::default() },
    )?;
    let samples = Samples::read(&input, &configured, only.as_ref(), case.file.limit.unwrap_or(usize::MAX))?;
    let made = samples.map(&configured, ALL_AT_ONCE)?;
    let mut broken = Vec::new();
    for (property, calls) in PROPERTIES {
        let again = samples.map(&configured, calls)?;
        if let Some((first, _)) = made.iter().zip(&again).find(|(a, b)| a != b) {
            broken.push((property, first.document.clone()));
        }
    }
    let failed = |record: &&Traced| matches!(&record.outcome, Outcome::Refused(refusal) if is_fault(&refusal.code));
    Ok(Tried {
        what: "record",
        count: samples.len(),
        nothing: samples
            .is_empty()
            .then_some("the plugin takes none of its documents; `plugin inspect` shows its pattern"),
        lines: lines_of(&configured, &made),
        broken,
        faults: made.iter().filter(failed).count(),
    })
}

/// Whether a code says that the plugin itself failed: by the contract, or by an error that an SDK caught.
pub(crate) fn is_fault(code: &str) -> bool {
    code == EXCEPTION || code.starts_with("plugin.")
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

impl Ran {
    fn is_failed(&self) -> bool {
        !self.broken.is_empty() || matches!(self.verdict, Verdict::Empty(_) | Verdict::Missing | Verdict::Differs(_))
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
        let records = format!("{} {}{}", count(ran.count as u64), ran.what, if ran.count == 1 { "" } else { "s" });
        let (style, word, why) = match &ran.verdict {
            Verdict::Same if ran.broken.is_empty() => (good, "ok", String::new()),
            Verdict::Same => (bad, "FAILED", String::new()),
            Verdict::Empty(why) => (bad, "FAILED", format!(": {why}")),
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
                    format!(
                        ": {n} {}{} differ{}",
                        subject(ran),
                        if n == 1 { "" } else { "s" },
                        if n == 1 { "s" } else { "" }
                    ),
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
        for (property, first) in &ran.broken {
            let _ = writeln!(out, "          {bad}not the same{bad:#} {property}: {first}");
        }
    }
    let failed = all.iter().filter(|ran| ran.is_failed()).count();
    if !quiet {
        let _ = writeln!(out, "{} ok, {failed} failed", all.len() - failed);
    }
    out
}

/// What differs in a case.
fn subject(ran: &Ran) -> &'static str {
    if ran.what == "record" { "document" } else { ran.what }
}

fn as_json(plugin: &Plugin, all: &[Ran]) -> Value {
    let cases: Vec<_> = all
        .iter()
        .map(|ran| {
            let (state, differences) = match &ran.verdict {
                Verdict::Same => ("same", Vec::new()),
                Verdict::Updated => ("updated", Vec::new()),
                Verdict::Empty(_) => ("empty", Vec::new()),
                Verdict::Missing => ("new", Vec::new()),
                Verdict::Differs(found) => {
                    ("different", found.iter().map(|text| anstream::adapter::strip_str(text).to_string()).collect())
                }
            };
            let broken: Vec<_> = ran
                .broken
                .iter()
                .map(|(property, first)| json!({ "property": property, (subject(ran)): first }))
                .collect();
            json!({ "name": ran.name, (format!("{}s", ran.what)): ran.count, "state": state, "differences": differences,
                "broken_properties": broken, "ok": !ran.is_failed() })
        })
        .collect();
    json!({ "plugin": format!("{}@{}", plugin.about().name, plugin.about().version), "sha256": plugin.digest(), "cases": cases })
}
