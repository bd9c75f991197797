//! What a run did, for people and for machines. Both are the ledger.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gristmill_pipeline::{Finished, Ledger, Progress};
use gristmill_record::time::format_rfc3339;
use gristmill_source::{Proof, ProofState};
use serde::Serialize;

use crate::args::{Cli, JobArgs};
use crate::error::CliError;
use crate::job::Prepared;
use crate::letters::Replays;
use crate::targets::Verdict;
use crate::text::{count, per_second, table};

/// A share of refused records above which a person is told, even where the job allows it.
const NOTABLE_PERCENT: u64 = 5;

/// How long a run took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing(Duration);

impl Timing {
    pub(crate) fn since(start: Instant) -> Self {
        Self(start.elapsed())
    }
}

/// The outcome of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Summary<'a> {
    run_id: &'a str,
    started_at: String,
    input: &'a str,
    /// What of another run it replays.
    #[serde(skip_serializing_if = "Option::is_none")]
    replays: Option<&'a Replays>,
    files: usize,
    plugin: &'a str,
    /// The pattern of the documents that it takes.
    documents: &'a str,
    plugin_digest: &'a str,
    config: serde_json::Value,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    validators: Vec<ValidatorLine<'a>>,
    destination: String,
    /// Whether the destination holds these rows and no others.
    replaced: bool,
    already_loaded: bool,
    #[serde(flatten)]
    ledger: &'a Ledger,
    dead_letters: Option<String>,
    /// Letters that had no room there.
    dead_letters_left_out: u64,
    proofs: Vec<ProofLine>,
    legacy_values: u64,
    spilled_bytes: u64,
    /// Bytes of rows that were written so that the run could go on after a crash.
    shuffled_bytes: u64,
    splits: u64,
    /// Splits that a process before this one had done; absent where there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    splits_taken_over: Option<u64>,
    /// Not in the ledger: how often a function is called depends on how the work was shared out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused_calls: Vec<RefusedCall<'a>>,
    seconds: f64,
    /// How the runs of the job stand to its targets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) targets: Vec<Verdict>,
}

/// A function of WASI that a plugin called though no plugin is given what it is for.
#[derive(Debug, Serialize)]
struct RefusedCall<'a> {
    plugin: &'a str,
    function: String,
    calls: u64,
}

/// What the plugin and the validators of a job asked for and did not get.
fn refused_calls(prepared: &Prepared) -> Vec<RefusedCall<'_>> {
    let job = &prepared.job;
    let mapping = std::iter::once((job.plugin.name.as_str(), job.transform.refused_calls()));
    let judging = job.validators.iter().map(|v| (v.name(), v.refused_calls()));
    let mut all = Vec::new();
    for (plugin, refused) in mapping.chain(judging) {
        all.extend(refused.into_iter().map(|(function, calls)| RefusedCall { plugin, function, calls }));
    }
    all
}

#[derive(Debug, Serialize)]
struct ValidatorLine<'a> {
    name: &'a str,
    digest: &'a str,
    config: serde_json::Value,
}

#[derive(Debug, Serialize)]
struct ProofLine {
    export: String,
    documents: u64,
    proven: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    why_not: Option<String>,
}

impl ProofLine {
    fn of(proof: &Proof) -> Self {
        let why_not = match &proof.state {
            ProofState::Proven(_) => None,
            ProofState::Unproven(why) => Some(why.clone()),
        };
        Self { export: proof.export.clone(), documents: proof.documents, proven: proof.is_proven(), why_not }
    }
}

impl<'a> Summary<'a> {
    pub(crate) fn of(
        prepared: &'a Prepared,
        args: &'a JobArgs,
        finished: &'a Finished,
        progress: &Progress,
        timing: Timing,
    ) -> Self {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let job = &prepared.job;
        Self {
            run_id: &job.run_id,
            started_at: format_rfc3339(job.started_at),
            input: prepared.replay.as_ref().map_or(&args.export.export, |replay| &replay.input),
            replays: prepared.replay.as_ref().map(|replay| &replay.replays),
            files: job.input.files.len(),
            plugin: &job.plugin.name,
            documents: job.transform.description().pattern().as_str(),
            plugin_digest: &job.plugin.digest,
            config: serde_json::from_str(&job.plugin.config).unwrap_or_default(),
            validators: (job.validators.iter())
                .map(|v| ValidatorLine {
                    name: v.name(),
                    digest: v.digest(),
                    config: serde_json::from_str(v.config()).unwrap_or_default(),
                })
                .collect(),
            destination: prepared.sink.describe(),
            replaced: prepared.sink.replaces(),
            already_loaded: finished.already_loaded,
            ledger: &finished.ledger,
            dead_letters: finished.dead_letters.as_ref().map(ToString::to_string),
            dead_letters_left_out: finished.letters_left_out,
            proofs: finished.proofs.iter().map(ProofLine::of).collect(),
            legacy_values: finished.legacy_values,
            spilled_bytes: finished.spilled,
            shuffled_bytes: count(&progress.shuffled),
            splits: count(&progress.splits),
            splits_taken_over: Some(count(&progress.splits_taken_over)).filter(|n| *n > 0),
            refused_calls: refused_calls(prepared),
            seconds: timing.0.as_secs_f64(),
            targets: Vec::new(),
        }
    }

    /// Prints it: for people on stderr; as JSON on stdout, or on stderr where stdout carries rows.
    pub(crate) fn print(&self, cli: &Cli, rows_on_stdout: bool) -> Result<(), CliError> {
        if cli.json {
            let mut json = serde_json::to_string(self).map_err(|e| CliError::Environment(e.to_string()))?;
            json.push('\n');
            return if rows_on_stdout {
                std::io::stderr().write_all(json.as_bytes())
            } else {
                std::io::stdout().write_all(json.as_bytes())
            }
            .map_err(CliError::Stdout);
        }
        if !cli.quiet {
            // Nobody may be listening; the load is committed all the same.
            let _ = std::io::stderr().write_all(self.text().as_bytes());
        }
        Ok(())
    }

    fn text(&self) -> String {
        let mut out = ledger_text(self.ledger);
        let mut line = |label: &str, text: &str| {
            let _ = writeln!(out, "{label:<13} {text}");
        };
        for proof in &self.proofs {
            match &proof.why_not {
                None => line(
                    "complete",
                    &format!("{}: {} documents, as its metadata says", proof.export, count(proof.documents)),
                ),
                Some(why) => line("NOT PROVEN", &format!("{}: {why}", proof.export)),
            }
        }
        if self.legacy_values > 0 {
            line(
                "legacy",
                &format!("{} values of Datastore mode were read as plain values", count(self.legacy_values)),
            );
        }
        if let Some(path) = &self.dead_letters {
            let no_room = match self.dead_letters_left_out {
                0 => String::new(),
                n => format!(", but for {} that had no room", count(n)),
            };
            line("dead letters", &format!("{path}{no_room}"));
        }
        if let Some(replays) = self.replays {
            line("replayed", &replays.text());
            for not in &replays.not_replayed {
                line("not replayed", &format!("{}: {}", count(not.count), not.why));
            }
        }
        if self.already_loaded {
            line("loaded before", "the destination holds the result of this very job; nothing was written");
        }
        let whole = if self.replaced { ", which now holds these rows and no others" } else { "" };
        line("destination", &format!("{}{whole}", self.destination));
        if let Some(taken_over) = self.splits_taken_over {
            line("resumed", &format!("{} of {} splits were done before", count(taken_over), count(self.splits)));
        }
        line("run", &format!("{}, plugin {}", self.run_id, self.plugin));
        line(
            "took",
            &format!("{:.1} s, {} records/s", self.seconds, count(per_second(self.ledger.records.read, self.seconds))),
        );
        let taken = self.ledger.records.read - self.ledger.records.other;
        out.push_str(&not_given(&self.refused_calls));
        let yellow = anstyle::AnsiColor::Yellow.on_default().bold();
        if taken == 0 {
            let what =
                if self.ledger.records.read == 0 { "the input holds no documents" } else { "no document matches" };
            let _ = writeln!(out, "{yellow}note{yellow:#}: {what}; the plugin takes {}", self.documents);
        }
        if self.replays.is_none() && self.ledger.dead_letters() * 100 > taken * NOTABLE_PERCENT {
            let _ = writeln!(
                out,
                "{yellow}note{yellow:#}: {} dead letters for {} records; `--max-rejected {NOTABLE_PERCENT}%` would have stopped this run; why is in the dead letters",
                count(self.ledger.dead_letters()),
                count(taken)
            );
        }
        if !self.targets.is_empty() {
            out.push_str(&crate::targets::text(&self.targets));
        }
        // The text carries colours only where stderr shows them.
        match anstream::AutoStream::choice(&std::io::stderr()) {
            anstream::ColorChoice::Never => anstream::adapter::strip_str(&out).to_string(),
            _ => out,
        }
    }
}

/// What plugins asked for and did not get, for people.
fn not_given(refused: &[RefusedCall<'_>]) -> String {
    let line = |RefusedCall { plugin, function, calls }: &RefusedCall<'_>| {
        let what = format!("{plugin} called {function} ({}×)", count(*calls));
        format!("{:<13} {what}; a plugin has no files, sockets or environment\n", "not given")
    };
    refused.iter().map(line).collect()
}

/// What is known of a run that a gate stopped, for people.
pub(crate) fn stopped_text(prepared: &Prepared, ledger: &Ledger) -> String {
    ledger_text(ledger) + &not_given(&refused_calls(prepared))
}

/// The ledger for people.
pub(crate) fn ledger_text(ledger: &Ledger) -> String {
    let r = &ledger.records;
    let mut rows = vec![
        (r.read, "records read"),
        (r.other, "other documents, which the plugin does not take"),
        (r.mapped, "became rows"),
        (r.filtered, "filtered by the plugin"),
        (r.refused, "refused"),
    ];
    rows.retain(|(n, what)| *n > 0 || matches!(*what, "records read" | "became rows" | "refused"));
    let cells = |rows: &[(u64, &str)]| -> Vec<Vec<String>> {
        rows.iter()
            .enumerate()
            .map(|(i, (n, what))| vec![count(*n), if i == 0 { (*what).to_owned() } else { format!("  {what}") }])
            .collect()
    };
    let mut all = cells(&rows);
    for t in &ledger.rows {
        let made = format!("rows made for {}", t.table);
        let mut rows = vec![
            (t.made, made.as_str()),
            (t.inserted, "inserted"),
            (t.updated, "updated"),
            (t.already, "in the destination already"),
            (t.invalid, "refused by validators"),
            (t.duplicate, "duplicates of another row of this run"),
            (t.collision, "collisions: their key is another document's"),
            (t.elsewhere, "of records that the run which is replayed took"),
        ];
        rows.retain(|(n, what)| *n > 0 || *what == "inserted" || *what == made);
        all.extend(cells(&rows));
    }
    let mut out = table(&["", ""], &all, &[true, false]);
    if !ledger.refusals.is_empty() {
        let mut codes: Vec<_> = ledger.refusals.iter().collect();
        codes.sort_by_key(|(code, n)| (std::cmp::Reverse(**n), *code));
        let rows: Vec<_> = codes.into_iter().map(|(code, n)| vec![count(*n), code.clone()]).collect();
        out.push_str(&table(&["refused", "code"], &rows, &[true, false]));
    }
    if !ledger.rules.is_empty() {
        let rows: Vec<_> = ledger
            .rules
            .iter()
            .map(|r| vec![count(r.rows), r.severity.to_owned(), r.rule.clone(), r.validator.clone()])
            .collect();
        out.push_str(&table(&["rows", "", "rule", "validator"], &rows, &[true, false, false, false]));
    }
    out
}
