//! Errors of the command line itself, and how any error is told.

use std::io;
use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use gristmill_job::Findings;
use gristmill_pipeline::RunError;
use gristmill_plugin::PluginError;
use gristmill_record::diagnose::blame_io;
use gristmill_record::{Blame, Diagnose, Grant};
use gristmill_rules::RulesError;
use gristmill_sink::SinkError;
use gristmill_source::SourceError;
use gristmill_state::{RunState, StateError};
use gristmill_storage::{Address, StorageError};
use gristmill_telemetry::TelemetryError;
use serde_json::json;

use crate::exit::Exit;
use crate::recorded::Kept;

/// Why the program cannot do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Plugin(#[from] PluginError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error(transparent)]
    Rules(#[from] RulesError),
    #[error("{0}")]
    Guest(#[from] gristmill_guest::GuestError),
    #[error("--config {text}: {what}")]
    Config { text: String, what: String },
    #[error("{path} is not the file that was asked for: its SHA-256 is {found}, and {wanted} was named")]
    Digest { path: PathBuf, wanted: String, found: String },
    #[error(
        "{address} is not named by its digest, so that whoever may write there could put another component in its place; the one that is there now has the SHA-256 {digest}"
    )]
    Unpinned { address: String, digest: String },
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("{address} is not there")]
    NoObject { address: Address },
    #[error("{case}: {what}")]
    Case { case: PathBuf, what: String },
    #[error("{from}: {what}")]
    Tables { from: String, what: String },
    #[error("{plugin} does not keep the contract: {what}")]
    Conformance { plugin: String, what: String },
    #[error("{failed} of {of} cases in {folder} failed")]
    Cases { failed: usize, of: usize, folder: PathBuf },
    #[error("{plugin} declares to read more than the job grants ({grant}): {wanted}")]
    Grant { plugin: String, grant: Grant, wanted: String },
    #[error("{folder} cannot be the folder of a new plugin: {what}")]
    PluginName { folder: PathBuf, what: String },
    #[error("{0} is there already, and is no empty folder; nothing was written")]
    Occupied(PathBuf),
    #[error("{name} has {} wrong with it; nothing was done", match findings.len() { 1 => "one thing".to_owned(), n => format!("{n} things") })]
    Job { name: String, findings: Findings },
    #[error("the secret {from} cannot be read: {why}")]
    Secret { from: String, why: String },
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    #[error("there is no place for the state of runs: the user has no home, and none was named")]
    NoState,
    #[error("{path} is there, and is no report; nothing was written")]
    NotAReport { path: PathBuf },
    #[error("there are no runs in {folder}")]
    NoRuns { folder: PathBuf },
    #[error("no run can go on")]
    NothingToResume,
    #[error("several runs can go on: {}", runs.join(", "))]
    SeveralToResume { runs: Vec<String> },
    #[error("run {run} cannot go on: it {}", why_not(*state))]
    NotUnfinished { run: String, state: RunState },
    #[error("run {run} cannot be run again as it is recorded: {what}")]
    Recorded { run: String, what: String },
    #[error("run {run} goes to {was}, and not to {is}")]
    OtherDestination { run: String, was: String, is: String },
    #[error("run {run} goes to {to}, whose password is not kept")]
    Password { run: String, to: String, command: &'static str },
    #[error("{what}")]
    Letters { what: String, remedy: &'static str },
    #[error("{error}")]
    Kept { error: Box<CliError>, kept: Kept },
    #[error("{}", missed.join("; "))]
    TargetMissed { missed: Vec<String> },
    #[error("stdout: {0}")]
    Stdout(io::Error),
    #[error("{0}")]
    Environment(String),
}

impl CliError {
    fn inner(&self) -> Option<&dyn Diagnose> {
        match self {
            Self::Run(e) => Some(e),
            Self::Plugin(e) => Some(e),
            Self::Source(e) => Some(e),
            Self::Sink(e) => Some(e),
            Self::Rules(e) => Some(e),
            Self::State(e) => Some(e),
            Self::Telemetry(e) => Some(e),
            Self::Kept { error, .. } => Some(error.as_ref()),
            Self::Storage(e) => Some(e),
            _ => None,
        }
    }
}

impl Diagnose for CliError {
    fn code(&self) -> &'static str {
        match (self.inner(), self) {
            (Some(inner), _) => inner.code(),
            (None, Self::Guest(_)) => "cli.plugin-build",
            (None, Self::Config { .. }) => "cli.config",
            (None, Self::Digest { .. }) => "cli.digest",
            (None, Self::Unpinned { .. }) => "cli.unpinned",
            (None, Self::NoObject { .. }) => "cli.file",
            (None, Self::Case { .. }) => "cli.case",
            (None, Self::Cases { .. }) => "cli.cases",
            (None, Self::Tables { .. }) => "cli.tables",
            (None, Self::Conformance { .. }) => "cli.conformance",
            (None, Self::Grant { .. }) => "cli.grant",
            (None, Self::PluginName { .. }) => "cli.plugin-name",
            (None, Self::Occupied(_)) => "cli.plugin-folder",
            (None, Self::Job { .. }) => "cli.job",
            (None, Self::Secret { .. }) => "cli.secret",
            (None, Self::File { .. }) => "cli.file",
            (None, Self::NoState) => "cli.no-state",
            (None, Self::NoRuns { .. }) => "cli.no-runs",
            (None, Self::NotAReport { .. }) => "cli.report",
            (
                None,
                Self::NothingToResume
                | Self::SeveralToResume { .. }
                | Self::NotUnfinished { .. }
                | Self::Recorded { .. }
                | Self::OtherDestination { .. }
                | Self::Password { .. },
            ) => "cli.resume",
            (None, Self::Letters { .. }) => "cli.dead-letters",
            (None, Self::TargetMissed { .. }) => "run.target-missed",
            (None, Self::Stdout(_)) => "cli.stdout",
            (None, _) => "cli.environment",
        }
    }

    fn blame(&self) -> Blame {
        match (self.inner(), self) {
            // An object that was named on the command line, as a file is.
            (_, Self::Storage(e)) if e.blame() == Blame::Input => Blame::Usage,
            (Some(inner), _) => inner.blame(),
            (None, Self::Unpinned { .. } | Self::NoObject { .. }) => Blame::Usage,
            (None, Self::Guest(_)) => Blame::Plugin,
            (None, Self::Config { .. } | Self::Case { .. } | Self::Tables { .. }) => Blame::Usage,
            (None, Self::Digest { .. } | Self::Grant { .. } | Self::Cases { .. } | Self::Conformance { .. }) => {
                Blame::Plugin
            }
            (None, Self::File { source, .. }) => blame_io(source, Blame::Usage),
            (
                None,
                Self::PluginName { .. }
                | Self::Occupied(_)
                | Self::Job { .. }
                | Self::Secret { .. }
                | Self::NoState
                | Self::NoRuns { .. }
                | Self::NotAReport { .. },
            ) => Blame::Usage,
            (None, _) if ["cli.resume", "cli.dead-letters"].contains(&self.code()) => Blame::Usage,
            (None, _) => Blame::Environment,
        }
    }

    fn remedy(&self) -> Option<String> {
        match (self.inner(), self) {
            (_, Self::Kept { error, kept }) => Some(kept.remedy(error)),
            (Some(inner), _) => inner.remedy(),
            (None, Self::TargetMissed { .. }) => Some("See the runs with `gristmill runs ls`".to_owned()),
            (None, Self::NoState) => Some("Name a folder by --state or GRISTMILL_STATE".to_owned()),
            (None, Self::NotAReport { .. }) => Some("Name another file with --output, or remove this one".to_owned()),
            (None, Self::NoRuns { .. }) => {
                Some("Run something first, or name the folder where runs were recorded by --state or GRISTMILL_STATE".to_owned())
            }
            (None, Self::NothingToResume) => Some("See what runs there were with `gristmill runs ls`".to_owned()),
            (None, Self::SeveralToResume { .. }) => Some("Name one of them; `gristmill runs ls --unfinished` shows what they are".to_owned()),
            (None, Self::NotUnfinished { .. } | Self::Recorded { .. }) => {
                Some("Run the command of the run again: rows that are in the destination are not loaded twice".to_owned())
            }
            (None, Self::OtherDestination { .. }) => Some("Leave --to out, or run the command itself for another destination".to_owned()),
            (None, Self::Password { run, command, .. }) => {
                Some(format!("Name the destination once more, `gristmill {command} {run} --to URL`, or run the same command again"))
            }
            (None, Self::Letters { remedy, .. }) => Some((*remedy).to_owned()),
            (None, Self::Config { .. }) => {
                Some("See the plugin's settings with `gristmill plugin inspect [FILE]`".to_owned())
            }
            (None, Self::Unpinned { address, digest }) => Some(format!(
                "Look at it, `gristmill plugin inspect {address}@sha256:{digest}`, and if it is the one that you mean, name it so"
            )),
            (None, Self::NoObject { address }) => {
                Some(format!("Check the name: `gcloud storage ls gs://{}/` lists what is there", address.bucket))
            }
            (None, Self::Case { .. }) => Some("See docs/testing.md for what a case holds".to_owned()),
            (None, Self::Tables { .. }) => Some(
                "Name a plugin whose tables are judged, by its file or `builtin`, or write the tables down: `[tables.teams]`, with a line `name = \"string\"` for each column; see docs/testing.md"
                    .to_owned(),
            ),
            (None, Self::Conformance { .. }) => Some("Mend the plugin; wit/ says what it must keep to".to_owned()),
            (None, Self::Cases { .. }) => {
                Some("Mend the plugin, or accept what it makes now with `--update`".to_owned())
            }
            (None, Self::Digest { .. }) => {
                Some("Take the file with the named digest, or look at this one with `gristmill plugin inspect` and name its digest".to_owned())
            }
            (None, Self::Grant { .. }) => {
                Some("Grant these fields too, if the plugin may see them, or ask its makers for one that needs less".to_owned())
            }
            (None, Self::PluginName { .. }) => {
                Some("Name a folder like `my-teams`: lower-case letters, digits, `-` and `_`, the first of them a letter".to_owned())
            }
            (None, Self::Occupied(_)) => Some("Name a folder that is not there yet, or empty this one".to_owned()),
            (None, Self::Job { .. }) => Some("Mend what is marked; docs/reference/job.md says what a job file can have".to_owned()),
            (None, Self::Secret { .. }) => Some("Set the variable, or name a file that can be read".to_owned()),
            (None, Self::File { path, .. }) => Some(format!("Check that {} exists and can be read", path.display())),
            _ => None,
        }
    }
}

fn why_not(state: RunState) -> &'static str {
    match state {
        RunState::Running => "is under way",
        RunState::Done => "is done",
        RunState::Refused => "was stopped by a gate, and would be again",
        RunState::Killed | RunState::Interrupted | RunState::Failed => "kept nothing to go on from",
    }
}

/// Tells an error on stderr: its code, what and where, and what to do; as one JSON object where `json` is set.
pub(crate) fn report(error: &CliError, json: bool) -> Exit {
    let exit = Exit::of(error.blame(), error.code());
    if json {
        let ledger = match error {
            CliError::Run(RunError::Gate { ledger, .. }) => Some(ledger),
            _ => None,
        };
        let mut object = json!({ "error": {
            "code": error.code(), "message": error.to_string(), "remedy": error.remedy(), "exit": exit.code(),
        }, "ledger": ledger });
        let more = match error {
            CliError::Kept { kept, .. } => {
                Some(("unfinished", json!({ "run": kept.run, "splits_done": kept.splits_done, "splits": kept.splits })))
            }
            CliError::Run(RunError::NotTheSame { run, changes }) => {
                Some(("unfinished", json!({ "run": run, "changes": changes })))
            }
            CliError::Job { findings, .. } => Some(("findings", findings.to_json())),
            _ => None,
        };
        if let (Some((name, value)), Some(object)) = (more, object.as_object_mut()) {
            object.insert(name.to_owned(), value);
        }
        eprintln!("{object}");
        return exit;
    }
    if let CliError::Job { findings, .. } = error {
        anstream::eprint!("{}", findings.to_text());
    }
    let red = AnsiColor::Red.on_default().bold();
    let bold = Style::new().bold();
    anstream::eprintln!("{red}error{red:#}{bold}[{}]{bold:#}: {error}", error.code());
    if let Some(remedy) = error.remedy() {
        anstream::eprintln!("  {bold}to do{bold:#}: {}", crate::text::sentence(&remedy));
    }
    exit
}
