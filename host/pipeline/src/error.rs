//! Why a run ended without a result.

use std::io;
use std::path::{Path, PathBuf};

use gristmill_decode::DecodeError;
use gristmill_plugin::PluginError;
use gristmill_record::diagnose::blame_io;
use gristmill_record::{Blame, Diagnose};
use gristmill_sink::SinkError;
use gristmill_source::SourceError;
use gristmill_state::StateError;
use gristmill_storage::StorageError;

use crate::kept::Change;
use crate::ledger::{Imbalance, Ledger};
use crate::letterbox::LetterBox;

/// Why a run ended without a result. Nothing was loaded, unless the destination says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The export cannot be found, read, or proved complete.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A file is broken.
    #[error("{file}: {source}")]
    Decode {
        /// Its name, relative to the input.
        file: String,
        /// What is wrong, and where in the file.
        source: DecodeError,
    },
    /// The plugin failed in a way that no record is to blame for.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// The destination refused.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// A validator has more rules than are counted.
    #[error(
        "{validator} breaks more than 1,000 rules: a rule is a name for counting, not a text about a row; nothing was loaded"
    )]
    TooManyRules {
        /// Its name.
        validator: String,
    },
    /// A second mapping of a record by the same plugin gave something else.
    #[error(
        "{plugin} makes something else of one record in a fresh instance: the one in {file} at offset {offset}; nothing was loaded"
    )]
    NotDeterministic {
        /// `name@version`.
        plugin: String,
        /// The file of the first record that shows it.
        file: String,
        /// Where it begins.
        offset: u64,
    },
    /// A second judgement of a row by the same validator was another one.
    #[error(
        "{validator} judges one row of the table {table} otherwise in a fresh instance, by its rule `{rule}`: a row of the record in {file} at offset {offset}; nothing was loaded"
    )]
    NotDeterministicVerdict {
        /// `name@version`.
        validator: String,
        /// The table of the first row that shows it.
        table: String,
        /// The first rule that the two judgements of it do not agree on.
        rule: String,
        /// The file of the record that the row was made from.
        file: String,
        /// Where the record begins.
        offset: u64,
    },
    /// More records were refused than the job allows.
    #[error("{what}; nothing was loaded")]
    Gate {
        /// How many, of how many.
        what: String,
        /// Where the dead letters are, where there are any.
        dead_letters: Option<LetterBox>,
        /// The account up to the gate.
        ledger: Box<Ledger>,
    },
    /// A file of the run's own cannot be written or read back.
    #[error("{path}: {source}")]
    Work {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A record cannot be read, and there is no run to keep it as a dead letter.
    #[error("{file}: the record at offset {offset}{}: {what}", field.as_ref().map(|f| format!(", field {f}")).unwrap_or_default())]
    Unreadable {
        /// Its name, relative to the input.
        file: String,
        /// Where the record begins, in bytes after decompression.
        offset: u64,
        /// The field at fault, where it is one.
        field: Option<String>,
        /// What is wrong.
        what: String,
    },
    /// A document that was read once is not there when it is read again.
    #[error(
        "{file}: the document at offset {offset} is not there any more: the file changed during the run; nothing was loaded"
    )]
    Changed {
        /// Its name, relative to the input.
        file: String,
        /// Where the document was.
        offset: u64,
    },
    /// The dead letters cannot be put where they go in Cloud Storage.
    #[error("dead letters: {0}")]
    Letters(#[from] StorageError),
    /// What was named for the dead letters is something else.
    #[error("{path}: it is there, and it is {what}")]
    NotDeadLetters {
        /// What was named.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// Dead letters cannot be read back.
    #[error("{path}: {source}")]
    NoLetters {
        /// Where they should be.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line of dead letters is none.
    #[error("{path}, line {line}: it is no dead letter: {what}")]
    BadLetter {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// The state folder cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// A run that was not done cannot go on, since what it was begun with is not the same any more.
    #[error(
        "run {run} cannot go on, since this is not what it was begun with:{}",
        changes.iter().map(|change| format!("\n  {change}")).collect::<String>()
    )]
    NotTheSame {
        /// The run.
        run: String,
        /// What is other than it was.
        changes: Vec<Change>,
    },
    /// Somebody asked the run to end.
    #[error("the run was interrupted; nothing was loaded")]
    Cancelled,
    /// The totals do not add up, or something that cannot be is.
    #[error("{0}")]
    Bug(String),
}

impl RunError {
    pub(crate) fn work(path: &Path, source: io::Error) -> Self {
        Self::Work { path: path.to_owned(), source }
    }
}

impl From<Imbalance> for RunError {
    fn from(imbalance: Imbalance) -> Self {
        Self::Bug(format!("the totals do not add up: {}", imbalance.0))
    }
}

impl Diagnose for RunError {
    fn code(&self) -> &'static str {
        match self {
            Self::Source(e) => e.code(),
            Self::Decode { source, .. } => source.code(),
            Self::Plugin(e) => e.code(),
            Self::Sink(e) => e.code(),
            Self::State(e) => e.code(),
            Self::NotTheSame { .. } => "run.not-the-same",
            Self::TooManyRules { .. } => "run.too-many-rules",
            Self::NotDeterministic { .. } | Self::NotDeterministicVerdict { .. } => "run.not-deterministic",
            Self::Gate { .. } => "run.max-rejected",
            Self::Work { .. } => "run.work-file",
            Self::Unreadable { .. } => "run.unreadable-record",
            Self::Changed { .. } => "run.input-changed",
            Self::Letters(e) => e.code(),
            Self::NotDeadLetters { .. } => "run.dead-letters",
            Self::NoLetters { .. } | Self::BadLetter { .. } => "run.no-letters",
            Self::Cancelled => "run.interrupted",
            Self::Bug(_) => "run.bug",
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Source(e) => e.blame(),
            Self::Decode { source, .. } => source.blame(),
            Self::Plugin(e) => e.blame(),
            Self::Sink(e) => e.blame(),
            Self::State(e) => e.blame(),
            Self::Gate { .. } | Self::Unreadable { .. } | Self::Changed { .. } => Blame::Input,
            Self::Letters(e) => match e.blame() {
                Blame::Input => Blame::Destination,
                blame => blame,
            },
            Self::NoLetters { source, .. } => blame_io(source, Blame::Usage),
            Self::BadLetter { .. } => Blame::Usage,
            Self::NotDeadLetters { .. } | Self::NotTheSame { .. } => Blame::Usage,
            Self::NotDeterministic { .. } | Self::NotDeterministicVerdict { .. } | Self::TooManyRules { .. } => {
                Blame::Plugin
            }
            Self::Work { source, .. } => blame_io(source, Blame::Environment),
            Self::Cancelled => Blame::Environment,
            Self::Bug(_) => Blame::Bug,
        }
    }

    fn remedy(&self) -> Option<String> {
        match self {
            Self::Source(e) => e.remedy(),
            Self::Decode { source, .. } => source.remedy(),
            Self::Plugin(e) => e.remedy(),
            Self::Sink(e) => e.remedy(),
            Self::State(e) => e.remedy(),
            Self::NotTheSame { .. } => Some(
                "Put back what it was begun with, and run the same command again; or give up what it has done and begin anew with --fresh".into(),
            ),
            Self::TooManyRules { .. } => Some("Mend the validator, or leave it out".into()),
            Self::NotDeterministic { .. } => Some(
                "Mend the plugin: what it makes of a record may depend on the record and the configuration alone; `gristmill plugin test` shows what it depends on".into(),
            ),
            Self::NotDeterministicVerdict { .. } => Some(
                "Mend the validator, or leave it out: its verdict on a row may depend on the row and the configuration alone".into(),
            ),
            Self::Gate { dead_letters: Some(place), .. } => Some(format!(
                "Look at the refused records in {place} (rows that only break warnings are not among them); mend them or the plugin's settings, or raise --max-rejected (100% takes any number) or the rule's gate"
            )),
            Self::Gate { dead_letters: None, .. } => {
                Some("Mend the documents that break the rule, which were not refused, or raise the rule's gate".into())
            }
            Self::Letters(e) => e.remedy(),
            Self::NoLetters { .. } => Some(
                "Name the file by --file where it lies elsewhere now; without it, run the command of the run again".into(),
            ),
            Self::BadLetter { .. } => Some("Name a file of dead letters as gristmill wrote it".into()),
            Self::NotDeadLetters { .. } => Some("Name another file by --dead-letters".into()),
            Self::Work { source, .. } if blame_io(source, Blame::Bug) == Blame::Environment => {
                Some("Free some space, or name a folder with more: by --state for what is kept until the run is done, by --work-dir for the rest".into())
            }
            Self::Work { .. } => Some("Name a folder that can be written by --state, --work-dir or --dead-letters".into()),
            Self::Unreadable { .. } => {
                Some("Mend the record; `gristmill run` would keep it as a dead letter and go on".into())
            }
            Self::Changed { .. } => {
                Some("Wait until nothing writes to the input, and run the same command again".into())
            }
            Self::Cancelled => Some("Run the same command again".into()),
            Self::Bug(_) => Some("This is a defect of gristmill: please report it with the message".into()),
        }
    }
}
