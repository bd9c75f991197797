//! What is told of runs when they are over: `runs show`, `runs compare`, and what the record keeps for them and for the report.

mod args;
mod compare;
mod show;

use std::collections::BTreeMap;

use gristmill_pipeline::ledger::{Records, Rows, Rule};
use gristmill_pipeline::{Finished, Job, Ledger};
use gristmill_source::ProofState;
use gristmill_state::{Filter, RunRecord, State};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::error::CliError;

pub(crate) use args::{LsArgs, OutputArgs, PruneArgs, ReportArgs, RunsCommand, RunsTargetsArgs, ShowArgs};
pub(crate) use compare::compare;
pub(crate) use show::{show, state_text};

/// The run that is named, or the newest.
pub(crate) fn find(state: &State, run: Option<&str>) -> Result<RunRecord, CliError> {
    match run {
        Some(id) => Ok(state.run(id)?),
        None => {
            let newest = state.runs(&Filter { limit: Some(1), ..Filter::default() })?.pop();
            newest.ok_or_else(|| CliError::NoRuns { folder: state.folder().to_owned() })
        }
    }
}

/// What the plugin declares and is not in the record otherwise.
pub(crate) fn declared(job: &Job) -> Map<String, Value> {
    crate::plugin::declared(job.transform.description())
}

/// Keeps what is known of a run at its end besides its ledger: `proofs`, `profile`, …, and the sketches of its rows.
pub(crate) fn keep(state: &State, record: &mut RunRecord, finished: &Finished) {
    let proofs = finished.proofs.iter().map(|proof| {
        let why_not = match &proof.state {
            ProofState::Proven(_) => None,
            ProofState::Unproven(why) => Some(why),
        };
        json!({ "export": proof.export, "documents": proof.documents, "proven": proof.is_proven(), "why_not": why_not })
    });
    let profile: Vec<&Value> = finished.outputs.iter().filter_map(|output| output.profile.as_ref()).collect();
    let more = &mut record.details.more;
    more.insert("proofs".into(), proofs.collect());
    more.insert("already_loaded".into(), finished.already_loaded.into());
    more.insert("legacy_values".into(), finished.legacy_values.into());
    more.insert("spilled_bytes".into(), finished.spilled.into());
    if !profile.is_empty() {
        more.insert("profile".into(), json!(profile));
    }
    let sketches = finished.outputs.iter().filter_map(|o| Some((o.table.as_str(), o.sketch.as_ref()?.to_bytes())));
    // The rows are loaded; that they cannot be compared later is no reason to call the run a failure.
    if let Err(error) = state.keep_outputs(&record.id, sketches) {
        tracing::warn!("the run cannot be compared with others: {error}");
    }
}

/// The account of a recorded run; none where it has none, or one of a program that kept another.
pub(crate) fn ledger_of(record: &RunRecord) -> Option<Ledger> {
    #[derive(Deserialize)]
    struct Recorded {
        records: Records,
        rows: Vec<Rows>,
        refusals: BTreeMap<String, u64>,
        #[serde(default)]
        rules: Vec<RecordedRule>,
    }

    #[derive(Deserialize)]
    struct RecordedRule {
        validator: String,
        rule: String,
        severity: String,
        rows: u64,
        of: u64,
    }

    let recorded = Recorded::deserialize(record.ledger.as_ref()?).ok()?;
    let rule = |RecordedRule { validator, rule, severity, rows, of }| {
        let severity = if severity == "warning" { "warning" } else { "error" };
        Rule { validator, rule, severity, rows, of }
    };
    Some(Ledger {
        records: recorded.records,
        rows: recorded.rows,
        refusals: recorded.refusals,
        rules: recorded.rules.into_iter().map(rule).collect(),
    })
}

/// The words of a command as a shell takes them.
pub(crate) fn shell_words(arguments: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+.,/:@%^…".contains(c);
    let quote = |word: &String| match !word.is_empty() && word.chars().all(plain) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    };
    arguments.iter().map(quote).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_read_them_otherwise() {
        let words = ["run", "a b", "--config=x=1", "it's", "", "*"].map(str::to_owned);
        assert_eq!(shell_words(&words), r"run 'a b' --config=x=1 'it'\''s' '' '*'");
    }

    #[test]
    fn a_ledger_comes_back() {
        let ledger = Ledger {
            records: Records { read: 9, mapped: 9, ..Records::default() },
            rows: vec![Rows { table: "t".into(), made: 9, inserted: 9, ..Rows::default() }],
            refusals: [("c".to_owned(), 1)].into(),
            rules: vec![Rule { validator: "v@1".into(), rule: "r".into(), severity: "warning", rows: 1, of: 9 }],
        };
        let record = RunRecord { ledger: serde_json::to_value(&ledger).ok(), ..RunRecord::new("r", 0) };
        assert_eq!(ledger_of(&record), Some(ledger));
    }
}
