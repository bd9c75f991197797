//! What is known of a run.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// A process works on it.
    Running,
    /// Its process is gone without a word. Never stored: it is what a running run is whose lock nobody holds.
    Killed,
    /// A signal ended it.
    Interrupted,
    /// It ended with an error.
    Failed,
    /// A gate stopped it: too many records were refused. Nothing was loaded, and there is nothing to go on with.
    Refused,
    /// All is loaded.
    Done,
}

impl RunState {
    /// Its name, as it is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Killed => "killed",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Done => "done",
        }
    }
}

/// The command that began a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CommandLine {
    /// Its arguments without the program's name, as they were given; `…` stands where the password of an address was.
    pub arguments: Vec<String>,
    /// The folder in which it was given: relative paths of the arguments are relative to it.
    pub folder: PathBuf,
}

/// A file of the input, and which of all that had this name it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileVersion {
    /// Relative to the input, `/` separated.
    pub name: String,
    /// Bytes as stored.
    pub size: u64,
    /// When a local file was last written, nanoseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<i64>,
    /// Which of the objects of this name it is, in a bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// CRC-32C of an object of a bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crc32c: Option<u32>,
}

/// What a run reads.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct InputSummary {
    /// What was named: a path, a glob, an address.
    pub name: String,
    /// Bytes of all files as stored.
    pub bytes: u64,
    /// In input order.
    pub files: Vec<FileVersion>,
}

/// A plugin, or a file of rules.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PluginRecord {
    /// `name@version`, or the path of a file of rules.
    pub name: String,
    /// SHA-256 of the component or of the file, hexadecimal.
    pub digest: String,
    /// What it was opened with, defaults included: a JSON object.
    pub config: Value,
    /// SHA-256 of the configuration, hexadecimal.
    pub config_digest: String,
}

/// The error that ended a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFailure {
    /// Stable and dotted, as in `docs/codes.md`.
    pub code: String,
    /// What and where.
    pub message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// How long a part of a run took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhaseTime {
    /// `prepare`, `map`, `dedup`, `load`, `commit`.
    pub phase: String,
    /// Of all processes that worked on the run.
    pub seconds: f64,
}

/// The counters of a run at an instant. All of them count from the beginning of the run.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Sample {
    /// Seconds since the run began, by the clock of the machine: a pause between two processes shows as a gap.
    pub at: f64,
    /// Bytes of the input that were read.
    pub bytes: u64,
    /// Records that were read.
    pub records: u64,
    /// Dead letters.
    pub refused: u64,
    /// Rows that were made.
    pub rows: u64,
    /// Rows that were handed to the destination.
    pub loaded: u64,
}

/// What is kept of a run for those who look at it closely: of bounded size, whatever the size of the input.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Details {
    /// In order.
    #[serde(default)]
    pub phases: Vec<PhaseTime>,
    /// In order; at most some hundred, whatever the length of the run.
    #[serde(default)]
    pub samples: Vec<Sample>,
    /// Anything else, by name. It is kept as it is by programs that do not know it.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// All that is known of a run: a row of the table `runs`, whose columns have the names of these fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Names the run; unique.
    pub id: String,
    /// The name of the job, where it has one.
    #[serde(default)]
    pub job: Option<String>,
    /// How it stands.
    pub state: RunState,
    /// Whether the work that is kept of it may be gone on with, unless it is `Running` in another process.
    pub resumable: bool,
    /// A digest of what names the work (what is read, where it goes, with which plugin): the same command again has the same.
    pub work: String,
    /// Processes that worked on it.
    pub attempts: u32,
    /// The one time that the run knows, microseconds since the Unix epoch; it may have been given.
    pub started_at: i64,
    /// When its first process began by the clock of the machine, microseconds since the Unix epoch.
    pub begun_at: i64,
    /// When its last process ended, where that is known.
    pub ended_at: Option<i64>,
    /// Seconds that all its processes took, as far as they could say so.
    pub seconds: f64,
    /// The version of the program.
    pub program: String,
    /// The version of the contract with plugins.
    pub contract: String,
    /// What was typed.
    pub command: CommandLine,
    /// What is read.
    pub input: InputSummary,
    /// Where it goes, in words, without a password.
    pub destination: String,
    /// What maps.
    pub plugin: PluginRecord,
    /// What judges, in order.
    pub validators: Vec<PluginRecord>,
    /// All else on which rows and their fate depend, by name: what must be the same when the run goes on.
    pub facts: BTreeMap<String, String>,
    /// Seeds the hashes of the run's keys and documents, on which nothing depends that the run puts out; 63 bits.
    pub seed: i64,
    /// Bytes of input that a split has about.
    pub split_bytes: u64,
    /// How many splits the input has.
    pub splits: u64,
    /// How many of them the last process took over as finished.
    pub splits_taken_over: u64,
    /// The account, as `--json` prints it: `records`, `rows`, `refusals`, `rules`. None before the input is mapped.
    pub ledger: Option<Value>,
    /// Dead letters by code.
    pub refusals: BTreeMap<String, u64>,
    /// Where the dead letters are, where there are any.
    pub dead_letters: Option<String>,
    /// Bytes of rows that were written to the run's folder.
    pub shuffled_bytes: u64,
    /// Largest resident set of any of its processes, bytes, where the system tells.
    pub peak_memory: Option<u64>,
    /// Why it failed.
    pub error: Option<RunFailure>,
    /// Of its last process.
    pub exit_code: Option<u8>,
    /// For those who look closely.
    pub details: Details,
}

impl RunRecord {
    /// A run that begins now, `begun_at` microseconds after the Unix epoch; all else is empty.
    pub fn new(id: impl Into<String>, begun_at: i64) -> Self {
        Self {
            id: id.into(),
            job: None,
            state: RunState::Running,
            resumable: false,
            work: String::new(),
            attempts: 1,
            started_at: begun_at,
            begun_at,
            ended_at: None,
            seconds: 0.0,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            contract: String::new(),
            command: CommandLine::default(),
            input: InputSummary::default(),
            destination: String::new(),
            plugin: PluginRecord::default(),
            validators: Vec::new(),
            facts: BTreeMap::new(),
            seed: 0,
            split_bytes: 0,
            splits: 0,
            splits_taken_over: 0,
            ledger: None,
            refusals: BTreeMap::new(),
            dead_letters: None,
            shuffled_bytes: 0,
            peak_memory: None,
            error: None,
            exit_code: None,
            details: Details::default(),
        }
    }

    /// Whether somebody worked on the run, or ended it, between two looks at its record.
    pub fn is_other_than(&self, earlier: &Self) -> bool {
        (self.attempts, self.ended_at, self.begun_at) != (earlier.attempts, earlier.ended_at, earlier.begun_at)
    }

    /// Whether it can be gone on with now: it is not done, and its work is kept.
    pub fn is_unfinished(&self) -> bool {
        self.resumable && !matches!(self.state, RunState::Done | RunState::Refused)
    }
}
