//! `gristmill runs compare`: what differs between two runs.

use std::collections::{BTreeMap, BTreeSet};

use gristmill_pipeline::output::{Difference, Sketch};
use gristmill_record::time::format_rfc3339;
use gristmill_state::{FileVersion, RunRecord, RunState, State};
use serde::Serialize;
use serde_json::Value;

use crate::args::Cli;
use crate::error::CliError;
use crate::history::args::CompareArgs;
use crate::history::ledger_of;
use crate::history::show::state_text;
use crate::recorded::open_state;
use crate::text::{count, print, table};

/// Differences of one kind that are listed for people at most.
const LISTED: usize = 10;
/// What the comparison of rows is about.
const COMPARED: &str = "the rows that each run put out, by 64-bit hashes of their keys and values that were taken when they were loaded; the time and the id of the run count as equal";

/// Something that is not the same.
#[derive(Debug, Serialize)]
struct Change {
    what: String,
    /// Null where there is none.
    first: Value,
    second: Value,
}

/// The rows of a table in both runs.
#[derive(Debug, Serialize)]
struct TableChange {
    table: String,
    rows: [u64; 2],
    differing: u64,
    only_first: u64,
    only_second: u64,
    changed: u64,
    /// Whether these are counts, or estimates.
    exact: bool,
    #[serde(skip)]
    difference: Difference,
}

/// The output of both runs.
#[derive(Debug, Serialize)]
struct Output {
    compared: &'static str,
    /// Rows that differ, of all tables. None where they cannot be compared.
    differing: Option<u64>,
    exact: bool,
    tables: Vec<TableChange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why_not: Option<String>,
}

#[derive(Debug, Serialize)]
struct Comparison {
    first: String,
    second: String,
    input: Vec<Change>,
    /// The plugin, validators, the program, and all else on which rows depend.
    facts: Vec<Change>,
    configuration: Vec<Change>,
    counts: Vec<Change>,
    output: Output,
}

/// Prints what differs between two runs.
pub(crate) fn compare(cli: &Cli, args: &CompareArgs) -> Result<(), CliError> {
    let state = open_state(&args.state)?;
    let (first, second) = (state.run(&args.first)?, state.run(&args.second)?);
    let comparison = Comparison {
        input: input(&first, &second),
        facts: facts(&first, &second),
        configuration: configuration(&first, &second),
        counts: counts(&first, &second),
        output: output(&state, &first, &second)?,
        first: first.id.clone(),
        second: second.id.clone(),
    };
    if cli.json {
        let text = serde_json::to_string(&comparison).map_err(|e| CliError::Environment(e.to_string()))?;
        return print(&format!("{text}\n"));
    }
    print(&text_of(&first, &second, &comparison))
}

/// What differs between two maps.
fn changes(first: &BTreeMap<String, Value>, second: &BTreeMap<String, Value>) -> Vec<Change> {
    let names: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
    let value = |of: &BTreeMap<String, Value>, name: &String| of.get(name).cloned().unwrap_or_default();
    names
        .into_iter()
        .filter(|name| first.get(*name) != second.get(*name))
        .map(|name| Change { what: name.clone(), first: value(first, name), second: value(second, name) })
        .collect()
}

fn input(first: &RunRecord, second: &RunRecord) -> Vec<Change> {
    // What a file is called below the input, and which of all that had this name it is: the time is that of a copy, perhaps.
    let version = |file: &FileVersion| match (file.crc32c, file.modified) {
        (Some(sum), _) => format!("{} bytes, CRC-32C {sum:08x}", count(file.size)),
        (None, Some(nanos)) => {
            format!("{} bytes, written {}", count(file.size), format_rfc3339(nanos.div_euclid(1_000)))
        }
        (None, None) => format!("{} bytes", count(file.size)),
    };
    let files = |run: &RunRecord| -> BTreeMap<String, Value> {
        run.input.files.iter().map(|file| (file.name.clone(), version(file).into())).collect()
    };
    let mut all = Vec::new();
    if first.input.name != second.input.name {
        let [first, second] = [first, second].map(|run| run.input.name.clone().into());
        all.push(Change { what: "what is read".into(), first, second });
    }
    all.extend(changes(&files(first), &files(second)));
    all
}

fn facts(first: &RunRecord, second: &RunRecord) -> Vec<Change> {
    let facts = |run: &RunRecord| -> BTreeMap<String, Value> {
        let mut facts: BTreeMap<String, Value> =
            run.facts.iter().map(|(name, fact)| (name.clone(), fact.clone().into())).collect();
        // Its settings are told one by one.
        facts.remove("configuration");
        facts.insert("plugin".into(), format!("{}, SHA-256 {}", run.plugin.name, run.plugin.digest).into());
        facts.insert("destination".into(), run.destination.clone().into());
        facts.insert("program".into(), format!("gristmill {}", run.program).into());
        facts
    };
    let (mut first_facts, mut second_facts) = (facts(first), facts(second));
    // The time of a run is its own, and only a run that keeps its work has facts of the others.
    for name in first_facts.keys().chain(second_facts.keys()).cloned().collect::<Vec<_>>() {
        let one_has_none = first.facts.is_empty() != second.facts.is_empty();
        let in_all = ["plugin", "destination", "program"].contains(&name.as_str());
        if name == "--started-at" || name.starts_with("validator ") || (one_has_none && !in_all) {
            first_facts.remove(&name);
            second_facts.remove(&name);
        }
    }
    changes(&first_facts, &second_facts)
}

fn configuration(first: &RunRecord, second: &RunRecord) -> Vec<Change> {
    let settings = |run: &RunRecord| -> BTreeMap<String, Value> {
        let of = |prefix: String, config: &Value| -> Vec<(String, Value)> {
            let settings = config.as_object().into_iter().flatten();
            settings.map(|(name, value)| (format!("{prefix}{name}"), value.clone())).collect()
        };
        let of_validators = run.validators.iter().flat_map(|v| {
            let digest = (v.name.clone(), Value::from(format!("SHA-256 {}", v.digest)));
            of(format!("{}: ", v.name), &v.config).into_iter().chain([digest])
        });
        of(String::new(), &run.plugin.config).into_iter().chain(of_validators).collect()
    };
    changes(&settings(first), &settings(second))
}

fn counts(first: &RunRecord, second: &RunRecord) -> Vec<Change> {
    let counts = |run: &RunRecord| -> BTreeMap<String, Value> {
        let Some(ledger) = ledger_of(run) else { return BTreeMap::new() };
        let r = ledger.records;
        let mut all: BTreeMap<String, Value> = [
            ("records read", r.read),
            ("records other", r.other),
            ("records mapped", r.mapped),
            ("records filtered", r.filtered),
            ("records refused", r.refused),
        ]
        .map(|(name, n)| (name.to_owned(), n.into()))
        .into();
        for t in ledger.rows {
            let of_table = [
                ("made", t.made),
                ("invalid", t.invalid),
                ("inserted", t.inserted),
                ("updated", t.updated),
                ("already there", t.already),
                ("loaded by the run that is replayed", t.elsewhere),
                ("duplicate", t.duplicate),
                ("collision", t.collision),
            ];
            all.extend(of_table.map(|(name, n)| (format!("{} rows {name}", t.table), n.into())));
        }
        all.extend(ledger.refusals.into_iter().map(|(code, n)| (format!("refused as {code}"), n.into())));
        all
    };
    changes(&counts(first), &counts(second))
}

fn output(state: &State, first: &RunRecord, second: &RunRecord) -> Result<Output, CliError> {
    let sketches = |run: &RunRecord| -> Result<BTreeMap<String, Sketch>, CliError> {
        let kept = state.outputs(&run.id)?.into_iter();
        Ok(kept.filter_map(|(table, bytes)| Some((table, Sketch::from_bytes(&bytes)?))).collect())
    };
    let (ours, theirs) = (sketches(first)?, sketches(second)?);
    let without = |run: &RunRecord, sketches: &BTreeMap<String, Sketch>| match (sketches.is_empty(), run.state) {
        (false, _) => None,
        (true, RunState::Done) => {
            Some(format!("of run {} no hashes of rows are kept; `--comparable` keeps them", run.id))
        }
        (true, state) => Some(format!("run {} is {}: it has put out no rows", run.id, state.name())),
    };
    let why_not = without(first, &ours).or_else(|| without(second, &theirs));
    if why_not.is_some() {
        return Ok(Output { compared: COMPARED, differing: None, exact: false, tables: Vec::new(), why_not });
    }
    let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let none = Sketch::default();
    let of_table = |name: &String| {
        let [first, second] = [&ours, &theirs].map(|all| all.get(name).unwrap_or(&none));
        let difference = first.difference(second);
        TableChange {
            table: name.clone(),
            rows: [first.rows(), second.rows()],
            differing: difference.differing(),
            only_first: difference.only_first,
            only_second: difference.only_second,
            changed: difference.changed,
            exact: difference.is_exact,
            difference,
        }
    };
    let tables: Vec<_> = names.into_iter().map(of_table).collect();
    Ok(Output {
        compared: COMPARED,
        differing: Some(tables.iter().map(|t| t.differing).sum()),
        exact: tables.iter().all(|t| t.exact),
        tables,
        why_not: None,
    })
}

fn text_of(first: &RunRecord, second: &RunRecord, comparison: &Comparison) -> String {
    let mut out = String::new();
    for (name, run) in [("A", first), ("B", second)] {
        let began = format_rfc3339(run.begun_at.div_euclid(1_000_000) * 1_000_000);
        out.push_str(&format!("{name}  {}  {}, began {began}, took {:.1} s\n", run.id, state_text(run), run.seconds));
    }
    let parts = [
        ("input", &comparison.input, "the same files"),
        ("job", &comparison.facts, "the same plugin, destination and program"),
        ("settings", &comparison.configuration, "the same"),
        ("counts", &comparison.counts, "the same"),
    ];
    for (label, changes, same) in parts {
        if changes.is_empty() {
            out.push_str(&format!("{label:<13} {same}\n"));
            continue;
        }
        out.push_str(&format!("{label:<13} {}\n", differ(changes.len() as u64)));
        let shown = |value: &Value| match value {
            Value::Null => "-".to_owned(),
            Value::String(text) => text.clone(),
            Value::Number(n) => n.as_u64().map_or_else(|| n.to_string(), count),
            other => other.to_string(),
        };
        let rows: Vec<_> = (changes.iter().take(LISTED))
            .map(|c| vec![String::new(), c.what.clone(), shown(&c.first), shown(&c.second)])
            .collect();
        let numbers = label == "counts";
        out.push_str(&table(&["", "", "A", "B"], &rows, &[false, false, numbers, numbers]));
        if changes.len() > LISTED {
            out.push_str(&format!("    … and {} more; --json lists all\n", count((changes.len() - LISTED) as u64)));
        }
    }
    let output = &comparison.output;
    match (&output.why_not, output.differing) {
        (Some(why), _) => out.push_str(&format!("{:<13} not compared: {why}\n", "rows")),
        (None, differing) => {
            let about = if output.exact { "" } else { "about " };
            out.push_str(&format!("{:<13} {about}{}\n", "rows", differ(differing.unwrap_or_default())));
            for t in &output.tables {
                out.push_str(&format!("    {}\n", of_table(t)));
            }
            out.push_str(&format!("{:<13} {}\n", "compared", output.compared));
        }
    }
    out
}

fn differ(n: u64) -> String {
    if n == 1 { "1 differs".to_owned() } else { format!("{} differ", count(n)) }
}

fn of_table(t: &TableChange) -> String {
    let [first, second] = t.rows.map(count);
    let about = match t.exact {
        true => String::new(),
        false => format!(" (estimates, give or take {:.0} %)", (t.difference.error() * 100.0).ceil()),
    };
    let parts = [(t.changed, "with other values"), (t.only_first, "only in A"), (t.only_second, "only in B")];
    let parts: Vec<_> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", count(*n))).collect();
    let parts = if parts.is_empty() { "none differs".to_owned() } else { parts.join(", ") };
    format!("{}: {first} rows in A, {second} in B; {parts}{about}", t.table)
}
