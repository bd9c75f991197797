//! The work of a run that can go on after a crash: what is kept of each finished split, and what has to be the same for it to count.
//!
//! A finished split is a claim in the journal: these ranges of these files hold what it made. Nothing waits for a disk when a claim is made.
//! It is checked when a run goes on: where bytes are missing or others, as they may be after a failure of power, the split is mapped again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crossbeam_channel::Receiver;
use gristmill_source::Input;
use gristmill_state::{FileVersion, FinishedSplit, Journal, RunRecord, RunState, State};
use serde::{Deserialize, Serialize};

use crate::dead::PartDigest;
use crate::error::RunError;
use crate::files::{Range, Segment};
use crate::job::Job;
use crate::map::SplitTally;
use crate::rows::lock;

/// Changed files that a message lists at most.
const LISTED: usize = 5;

/// A run whose work is kept. The process holds its folder.
#[derive(Debug, Clone)]
pub struct Keep {
    /// The state folder.
    pub state: Arc<State>,
    /// What is known of the run; others may look at it and add to it. It is recorded already.
    pub record: Arc<Mutex<RunRecord>>,
    /// The folder of the run.
    pub folder: PathBuf,
    /// Whether processes before this one worked on it.
    pub resumed: bool,
    /// Whether no other run can have had its id: its time was not given.
    pub is_unique: bool,
}

/// Something that is not as it was when a run began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What: `plugin`, `input`, …
    pub what: String,
    /// What it was.
    pub was: String,
    /// What it is.
    pub is: String,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}, and was {}", self.what, self.is, self.was)
    }
}

/// What a finished split made, as the journal has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Made {
    pub(crate) tally: SplitTally,
    /// Where its rows are.
    pub(crate) rows: Option<Range>,
    /// The parts of that range, by table and in order.
    pub(crate) segments: Vec<Vec<Segment>>,
    /// Of its dead letters.
    pub(crate) letters: Option<PartDigest>,
    /// CRC-32C of the split's bytes, where they came from a bucket.
    pub(crate) sum: Option<u32>,
}

impl Keep {
    /// Finds out whether the run may go on (always, where nothing of it is finished), says in its record that it is under way, and gives what is
    /// finished: one slot a split.
    pub(crate) fn take_up(&self, job: &Job, splits: usize) -> Result<Vec<Option<Made>>, RunError> {
        let facts = facts(job);
        let files = versions(job)?;
        let finished = if self.resumed { self.state.splits(&job.run_id)? } else { Vec::new() };
        let mut record = lock(&self.record);
        if !finished.is_empty() {
            let mut changes = changed_facts(&record.facts, &facts);
            changes.extend(changed_files(&record.input.files, &files));
            if record.splits != splits as u64 && changes.is_empty() {
                changes.push(Change {
                    what: "splits of the input".into(),
                    was: record.splits.to_string(),
                    is: splits.to_string(),
                });
            }
            if !changes.is_empty() {
                return Err(RunError::NotTheSame { run: job.run_id.clone(), changes });
            }
        }
        record.facts = facts;
        record.input.bytes = job.input.bytes();
        record.input.files = files;
        record.splits = splits as u64;
        record.split_bytes = job.options.split_bytes;
        record.state = RunState::Running;
        record.ended_at = None;
        record.error = None;
        record.exit_code = None;
        if self.resumed {
            record.attempts += 1;
        }
        self.state.update(&record)?;
        drop(record);
        let mut slots: Vec<Option<Made>> = (0..splits).map(|_| None).collect();
        for FinishedSplit { split, made } in finished {
            if let Some(slot) = slots.get_mut(split as usize) {
                // What cannot be read is a claim that does not hold.
                *slot = serde_json::from_str(&made).ok();
            }
        }
        Ok(slots)
    }

    /// Opens the journal.
    pub(crate) fn journal(&self, job: &Job) -> Result<Journal, RunError> {
        Ok(self.state.journal(&job.run_id)?)
    }
}

/// Records what comes until nobody sends any more: all that waits in one transaction.
pub(crate) fn record_all(journal: &mut Journal, finished: &Receiver<FinishedSplit>) -> Result<(), RunError> {
    while let Ok(first) = finished.recv() {
        let several: Vec<FinishedSplit> = std::iter::once(first).chain(finished.try_iter()).collect();
        journal.record(&several)?;
    }
    Ok(())
}

/// All but the input on which it depends which rows a job has, and what becomes of them. Not what the destination can hold: rows that it cannot hold
/// any more end the load.
pub fn facts(job: &Job) -> BTreeMap<String, String> {
    let short = |digest: &str| digest.chars().take(16).collect::<String>();
    let mut facts: BTreeMap<String, String> = [
        ("program", format!("gristmill {}", env!("CARGO_PKG_VERSION"))),
        ("contract", gristmill_plugin::CONTRACT.to_owned()),
        ("plugin", format!("{} with SHA-256 {}", job.plugin.name, short(&job.plugin.digest))),
        ("configuration", job.plugin.config.clone()),
        ("limits of plugins", format!("{:?}", job.plugin.limits)),
        ("--started-at", gristmill_record::time::format_rfc3339(job.started_at)),
        ("--max-document", job.options.max_document.to_string()),
        ("--on-conflict", format!("{:?}", job.options.on_conflict)),
        ("--split-size", job.options.split_bytes.to_string()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    // Of letters that are there already nothing can be taken out.
    if let Some(fields) = &job.options.redact {
        facts.insert("--redact".to_owned(), fields.to_string());
    }
    if let Some(max) = job.options.dead_letters_max {
        facts.insert("--dead-letters-max".to_owned(), max.to_string());
    }
    for (number, validator) in job.validators.iter().enumerate() {
        let what = format!(
            "{} with SHA-256 {} and configuration {}",
            validator.name(),
            short(validator.digest()),
            validator.config()
        );
        facts.insert(format!("validator {}", number + 1), what);
    }
    facts
}

/// Which files the input has now.
pub fn versions(job: &Job) -> Result<Vec<FileVersion>, RunError> {
    versions_of(&job.input)
}

/// The same of an input that no job has yet.
pub fn versions_of(input: &Input) -> Result<Vec<FileVersion>, RunError> {
    let version = |file| {
        let version = input.version(file)?;
        Ok(FileVersion {
            name: file.name.clone(),
            size: file.size,
            modified: version.modified,
            generation: version.generation,
            crc32c: version.crc32c,
        })
    };
    input.files.iter().map(version).collect()
}

fn changed_facts(was: &BTreeMap<String, String>, is: &BTreeMap<String, String>) -> Vec<Change> {
    let absent = || "there is none".to_owned();
    let names: std::collections::BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let change = |name: &String| Change {
        what: name.clone(),
        was: was.get(name).cloned().unwrap_or_else(absent),
        is: is.get(name).cloned().unwrap_or_else(absent),
    };
    names.into_iter().filter(|name| was.get(*name) != is.get(*name)).map(change).collect()
}

/// Files that are not what they were: as many of them as a message lists, and how many more there are.
pub fn changed_files(was: &[FileVersion], is: &[FileVersion]) -> Vec<Change> {
    let by_name = |files: &[FileVersion]| -> BTreeMap<String, FileVersion> {
        files.iter().map(|file| (file.name.clone(), file.clone())).collect()
    };
    let (old, new) = (by_name(was), by_name(is));
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let changed: Vec<&String> = names.into_iter().filter(|name| old.get(*name) != new.get(*name)).collect();
    let mut changes: Vec<Change> = (changed.iter().take(LISTED))
        .map(|name| {
            let (old, new) = (old.get(*name), new.get(*name));
            Change { what: format!("input {name}"), was: said(old, new), is: said(new, old) }
        })
        .collect();
    if changed.len() > LISTED {
        let more = changed.len() - LISTED;
        let what = "input, further files".to_owned();
        changes.push(Change { what, was: "the same as now".into(), is: format!("{more} are others") });
    }
    if changes.is_empty() && was != is {
        let order =
            |files: &[FileVersion]| files.iter().map(|f| f.name.as_str()).take(LISTED).collect::<Vec<_>>().join(", ");
        changes.push(Change { what: "order of the input".into(), was: order(was), is: order(is) });
    }
    changes
}

/// A file in words, as far as it differs from another.
fn said(file: Option<&FileVersion>, other: Option<&FileVersion>) -> String {
    let Some(file) = file else { return "it is not there".into() };
    let Some(other) = other else { return format!("it is there, with {} bytes", file.size) };
    let mut parts = Vec::new();
    if file.size != other.size {
        parts.push(format!("{} bytes", file.size));
    }
    if file.generation != other.generation {
        parts.push(format!("generation {}", file.generation.unwrap_or_default()));
    }
    if file.crc32c != other.crc32c {
        parts.push(format!("CRC-32C {:08x}", file.crc32c.unwrap_or_default()));
    }
    if file.modified != other.modified {
        let micros = file.modified.unwrap_or_default() / 1_000;
        parts.push(format!("written {}", gristmill_record::time::format_rfc3339(micros)));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, size: u64, modified: i64) -> FileVersion {
        FileVersion { name: name.into(), size, modified: Some(modified), generation: None, crc32c: None }
    }

    #[test]
    fn changes_are_told() {
        let was = [file("a", 1, 0), file("b", 2, 0), file("c", 3, 0)];
        let is = [file("a", 1, 0), file("b", 5, 1_000_000_000), file("d", 4, 0)];
        let told: Vec<String> = changed_files(&was, &is).iter().map(Change::to_string).collect();
        assert_eq!(
            told,
            [
                "input b: 5 bytes, written 1970-01-01T00:00:01Z, and was 2 bytes, written 1970-01-01T00:00:00Z",
                "input c: it is not there, and was it is there, with 3 bytes",
                "input d: it is there, with 4 bytes, and was it is not there",
            ]
        );
        assert_eq!(changed_files(&was, &was), []);
        assert_eq!(changed_files(&was, &[was[1].clone(), was[0].clone(), was[2].clone()]).len(), 1);
        let facts = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let told = changed_facts(&facts(&[("x", "1"), ("y", "2")]), &facts(&[("x", "1"), ("z", "3")]));
        assert_eq!(told.iter().map(|c| c.what.as_str()).collect::<Vec<_>>(), ["y", "z"]);
    }
}
