//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use gristmill_pipeline::{Gate, MaxRejected};
use gristmill_record::{Grant, PathPattern};
use gristmill_sink::{OpenOptions, StagingAddress};
use gristmill_source::Credentials;

use crate::alarm::AlarmArgs;
use crate::history::{OutputArgs, ReportArgs, RunsCommand};
use crate::letters::{KeepArgs, LettersCommand};
use crate::log::LogFormat;
use crate::monitor::MonitorArgs;
use crate::retry::RetryArgs;
use crate::secret::Secret;
use crate::targets::TargetArgs;

/// Streams Firestore exports through sandboxed WebAssembly plugins into tables, exactly once.
#[derive(Debug, Parser)]
#[command(name = "gristmill", version, propagate_version = true, after_help = crate::reference::exit_codes_help())]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Print results as JSON, on stdout, or on stderr where stdout carries rows; errors as JSON on stderr
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// No progress, no summary: only what was asked for, and errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Say more: what plugins log (-v), what gristmill does (-vv)
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// The form of the log on stderr
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read an export, map it with a plugin, drop duplicates, load the rows; or do what a job file says, which is named in the place of the export and ends with .toml
    Run(JobArgs),
    /// Show what `run` would do: input, mapping, tables, first rows. Writes nothing
    Plan(JobArgs),
    /// Go on with a run that was killed, interrupted or failed: what it has done is not done again
    Resume(ResumeCommand),
    /// See what runs there were, and clean up after those that were not done
    #[command(subcommand)]
    Runs(RunsCommand),
    /// Look at records that were refused, and run them again
    #[command(subcommand)]
    DeadLetters(LettersCommand),
    /// Write a page about a run that can be looked at, kept and sent: what happened, how long it took, what was refused, what the rows are like
    Report(ReportArgs),
    /// Look at a table that was loaded: rows by where they are from, the newest rows, keys that are there twice. Changes nothing
    Check(TableArgs),
    /// Look into an export
    #[command(subcommand)]
    Export(ExportCommand),
    /// Look at job files, which say in a file what flags say to `run` and `plan`
    #[command(subcommand)]
    Job(JobCommand),
    /// Look at plugins, begin them, build them
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Print shell completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the reference pages of this program into a folder
    #[command(hide = true)]
    Reference {
        /// The folder
        #[arg(value_hint = ValueHint::DirPath)]
        folder: PathBuf,
    },
}

/// Where the state of runs is.
#[derive(Debug, Args)]
pub(crate) struct StateArgs {
    /// Where runs are recorded, and what they have done is kept until they are done [default: the user's folder for state]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, env = "GRISTMILL_STATE", hide_env_values = true)]
    pub(crate) state: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ResumeCommand {
    /// Its id, or how that begins [default: the only run that can go on]
    pub(crate) run: Option<String>,
    /// The destination once more, where its address has a password: that is not kept
    #[arg(long, value_name = "DESTINATION")]
    pub(crate) to: Option<String>,
    #[command(flatten)]
    pub(crate) state: StateArgs,
    #[command(flatten)]
    pub(crate) monitor: MonitorArgs,
}

/// Whether and where what a run does is kept, so that it can go on after a crash.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// Keep nothing that the run could go on from after a crash
    #[arg(long)]
    pub(crate) no_resume: bool,
    /// Begin anew where an earlier run of this command was not done: what that has done is given up
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Input that a thread takes on at a time, where the format allows cutting a file: at most so much a thread is done again after a crash. Other sizes make
    /// another job: tables without a key take its rows again [default: a 64th of the input, from 4MiB to 32MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_split_size)]
    pub(crate) split_size: Option<ByteSize>,
}

#[derive(Debug, Args)]
pub(crate) struct TableArgs {
    /// The table: bigquery:PROJECT.DATASET.TABLE
    #[arg(value_name = "DESTINATION")]
    pub(crate) table: String,
    /// The column by whose values rows are counted [default: source, where it is there]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) by: Option<String>,
    /// The column that tells the newest rows [default: the one that partitions the table, or event_ts]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) time: Option<String>,
    /// Columns of the key, with commas between them [default: the table's primary key, or insert_id]
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub(crate) key: Vec<String>,
    /// Rows, and keys, that are shown
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) limit: u32,
    /// Where BigQuery's jobs run [default: where the dataset lies]
    #[arg(long, value_name = "LOCATION")]
    pub(crate) location: Option<String>,
    #[command(flatten)]
    pub(crate) google: GoogleArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ExportCommand {
    /// List the collections of an export, with counts, and prove it complete
    Ls(ExportArgs),
    /// Print documents as lines of JSON, in the form of Firestore's REST API
    Cat(CatArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum JobCommand {
    /// Show everything that is wrong with a job file, or its parameters. Nothing of what it names is looked at
    Check(JobCheckArgs),
}

#[derive(Debug, Args)]
pub(crate) struct JobCheckArgs {
    /// The job file, local or gs://…
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: String,
    /// A value of a parameter; may be given several times. Where one is not given, what it stands for is not looked at
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
    #[command(flatten)]
    pub(crate) google: GoogleArgs,
}

/// What goes with a job file.
#[derive(Debug, Args)]
pub(crate) struct JobFileArgs {
    /// A value of a parameter of the job file; may be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// Print the job file that says what this command line says, and do nothing else
    #[arg(long)]
    pub(crate) print_job: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// A folder, file or glob, local or gs://…: a Firestore export, a folder of `firebase emulators:export`, or JSON files
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) export: String,
    /// Read an export although parts of it are missing
    #[arg(long)]
    pub(crate) allow_partial: bool,
    #[command(flatten)]
    pub(crate) google: GoogleArgs,
}

/// For whatever lies in Cloud Storage.
#[derive(Debug, Args)]
pub(crate) struct GoogleArgs {
    /// Who we are to Google Cloud: a service account's key file, `anonymous`, or `default` for the application default credentials
    #[arg(
        long = "google-credentials",
        value_name = "FILE",
        default_value = "default",
        env = "GRISTMILL_GOOGLE_CREDENTIALS"
    )]
    pub(crate) credentials: Credentials,
}

#[derive(Debug, Args)]
pub(crate) struct CatArgs {
    #[command(flatten)]
    pub(crate) export: ExportArgs,
    /// Only documents whose path matches, such as `teams/{team}/reports/*`
    #[arg(long, short, value_name = "PATTERN", value_parser = PathPattern::parse)]
    pub(crate) documents: Option<PathPattern>,
    /// End after so many documents
    #[arg(long, short = 'n', value_name = "COUNT")]
    pub(crate) limit: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Show what a plugin reads, writes, imports and can be configured with
    Inspect {
        /// The component; the built-in plugin where none is named
        #[arg(value_name = "FILE[@sha256:DIGEST]", value_hint = ValueHint::FilePath)]
        file: Option<ComponentFile>,
        #[command(flatten)]
        config: ConfigArgs,
        #[command(flatten)]
        google: GoogleArgs,
    },
    /// Check a plugin without documents: contract, imports, size, memory, destination, and whether it keeps the contract
    Check(CheckArgs),
    /// Try a plugin on folders of documents, or of rows where it judges, and compare with what is expected of it
    Test(TestArgs),
    /// Show what two versions of a plugin make differently of an export. Nothing is loaded
    Diff(DiffArgs),
    /// Build a plugin and try it on its cases, again and again as its files change
    Watch(TestArgs),
    /// Measure plugins on an export, beside the built-in one. Nothing is loaded
    Bench(BenchArgs),
    /// Write the project of a new plugin into a folder, with the SDK and samples
    New {
        /// The folder, whose name is the plugin's; it must not be there, or be empty
        #[arg(value_name = "NAME", value_hint = ValueHint::DirPath)]
        folder: PathBuf,
        /// What the plugin is written in
        #[arg(long = "lang", value_name = "LANGUAGE", value_enum, default_value_t = Language::Rust)]
        language: Language,
        /// A plugin that judges rows, with sample rows
        #[arg(long)]
        validator: bool,
    },
    /// Build a plugin into a component; what it is written in is told by its files
    Build {
        /// The folder of the plugin
        #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
        folder: PathBuf,
        /// Where the component goes [default: the plugin's name, with .wasm, in the current folder]
        #[arg(long, short, value_hint = ValueHint::FilePath)]
        output: Option<PathBuf>,
    },
}

/// What a new plugin is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// Rust, built by cargo
    Rust,
    /// Python, built by componentize-py
    Python,
    /// JavaScript or TypeScript, built by componentize-js
    #[value(name = "js", alias = "javascript")]
    JavaScript,
    /// C, built by clang
    C,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The component; the built-in plugin where none is named
    #[arg(value_name = "FILE[@sha256:DIGEST]", value_hint = ValueHint::FilePath)]
    pub(crate) plugin: Option<ComponentFile>,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// A destination whose tables it is to fit, such as sqlite:FILE or mysql://USER@HOST/DATABASE
    #[arg(long, short, value_name = "DESTINATION")]
    pub(crate) to: Option<String>,
    /// Map made-up records with values at the edges of every type, and check all that it returns; what judges is given made-up rows
    #[arg(long)]
    pub(crate) conformance: bool,
    /// Tables for what judges rows: those of a plugin that maps, by its file or `builtin`, or of a TOML file with `[tables.NAME]`
    #[arg(long, value_name = "FROM", value_hint = ValueHint::FilePath)]
    pub(crate) tables: Option<ComponentFile>,
    #[command(flatten)]
    pub(crate) google: GoogleArgs,
}

#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// A component, or the folder of a plugin, which is built first
    #[arg(default_value = ".", value_hint = ValueHint::AnyPath)]
    pub(crate) plugin: PathBuf,
    /// The folder of the cases, each a folder with documents.*, rows.ndjson or a case.toml, and expected.ndjson [default: the folder `cases` of the plugin]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) cases: Option<PathBuf>,
    /// Write what the plugin makes as what is expected of it
    #[arg(long)]
    pub(crate) update: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Components
    #[arg(value_name = "FILE[@sha256:DIGEST]", value_hint = ValueHint::FilePath, required = true)]
    pub(crate) plugins: Vec<ComponentFile>,
    #[command(flatten)]
    pub(crate) export: ExportArgs,
    /// A setting, for each of the plugins that has it
    #[arg(long, short, value_name = "KEY=VALUE|@FILE")]
    pub(crate) config: Vec<String>,
    /// Records that are mapped in each round
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) records: u64,
    /// Rounds, of which the median counts; the plugins take turns
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(crate) rounds: u16,
    /// Rows in a batch at most
    #[arg(long, value_name = "COUNT", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    pub(crate) batch_rows: u32,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The plugin that is used today; `builtin` for the built-in one
    #[arg(value_name = "OLD", value_hint = ValueHint::FilePath)]
    pub(crate) old: ComponentFile,
    /// The plugin that is to take its place; `builtin` for the built-in one
    #[arg(value_name = "NEW", value_hint = ValueHint::FilePath)]
    pub(crate) new: ComponentFile,
    #[command(flatten)]
    pub(crate) export: ExportArgs,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// A setting of OLD alone
    #[arg(long, value_name = "KEY=VALUE|@FILE")]
    pub(crate) old_config: Vec<String>,
    /// A setting of NEW alone
    #[arg(long, value_name = "KEY=VALUE|@FILE")]
    pub(crate) new_config: Vec<String>,
    /// Records that are shown of each difference
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    pub(crate) samples: usize,
    /// The time of the run, in RFC 3339 [default: 1970-01-01T00:00:00Z]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) started_at: Option<i64>,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// A setting of the plugin, KEY=VALUE, or @FILE for a JSON object of them; later ones win
    #[arg(long, short, value_name = "KEY=VALUE|@FILE")]
    pub(crate) config: Vec<String>,
}

/// `FILE` or `FILE@sha256:DIGEST`: a component, and which one it must be. The file may be an object: `gs://BUCKET/NAME@sha256:DIGEST`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ComponentFile {
    pub(crate) path: PathBuf,
    /// SHA-256, lower-case hexadecimal.
    pub(crate) digest: Option<String>,
}

impl std::str::FromStr for ComponentFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((path, digest)) = text.rsplit_once("@sha256:") else {
            return Ok(Self { path: text.into(), digest: None });
        };
        if digest.len() != 64 || !digest.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(format!("`{digest}` is no SHA-256: it has 64 hexadecimal digits"));
        }
        Ok(Self { path: path.into(), digest: Some(digest.to_ascii_lowercase()) })
    }
}

/// What happens to a row whose key the destination holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Conflict {
    /// The row that is there stays
    Keep,
    /// The new row replaces it
    Update,
}

/// How rows are written to BigQuery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Write {
    /// As Parquet objects in --staging, which load jobs read: free of charge, and all or nothing
    LoadJobs,
}

/// How a destination is written to.
#[derive(Debug, Args)]
pub(crate) struct DestinationArgs {
    /// Where in Cloud Storage rows wait for BigQuery, in the place of its dataset; they are removed when they are loaded
    #[arg(long, value_name = "gs://BUCKET/FOLDER", value_parser = parse_address)]
    pub(crate) staging: Option<StagingAddress>,
    /// Where BigQuery's jobs run, such as EU or europe-west1 [default: where the dataset lies]
    #[arg(long, value_name = "LOCATION")]
    pub(crate) location: Option<String>,
    /// How rows are written to BigQuery
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Write::LoadJobs)]
    pub(crate) write: Write,
    /// Where the password for a database server is: env:NAME or file:PATH [default: in the address, or where the server's own clients look]
    #[arg(long, value_name = "env:NAME|file:PATH")]
    pub(crate) password: Option<Secret>,
    /// Rest after each batch that goes to a database server, such as 50ms
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) pause: Option<Duration>,
    /// Rows a second that go to a database server at most
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_rate: Option<u32>,
}

impl DestinationArgs {
    /// `work_dir`: where files are made that go to a bucket.
    pub(crate) fn options(&self, google: &GoogleArgs, work_dir: Option<&PathBuf>) -> OpenOptions {
        let Write::LoadJobs = self.write;
        OpenOptions {
            staging: self.staging.clone(),
            location: self.location.clone(),
            google_credentials: google.credentials.clone(),
            emulators: None,
            look_only: false,
            work_dir: work_dir.cloned(),
            pause: self.pause,
            max_rate: self.max_rate,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct JobArgs {
    #[command(flatten)]
    pub(crate) export: ExportArgs,
    #[command(flatten, next_help_heading = "Job file")]
    pub(crate) file: JobFileArgs,

    /// The plugin, a component file or gs://BUCKET/NAME; with @sha256:DIGEST, which the latter needs, no other is taken [default: the built-in firestore-quality-stream]
    #[arg(long, short, value_name = "FILE[@sha256:DIGEST]", value_hint = ValueHint::FilePath, help_heading = "Plugin")]
    pub(crate) plugin: Option<ComponentFile>,
    /// Fields that the plugin may read, such as `metrics.*,createdAt`; one that declares more is not started [default: all]
    #[arg(long, value_name = "FIELDS", help_heading = "Plugin")]
    pub(crate) grant: Option<Grant>,
    #[command(flatten, next_help_heading = "Plugin")]
    pub(crate) config: ConfigArgs,
    /// Memory that an instance of the plugin may use
    #[arg(long, value_name = "SIZE", default_value = "256MiB", help_heading = "Plugin")]
    pub(crate) plugin_memory: ByteSize,
    /// Time that a call of the plugin may take
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = humantime::parse_duration, help_heading = "Plugin")]
    pub(crate) plugin_time: Duration,
    /// What a call of the plugin may return
    #[arg(long, value_name = "SIZE", default_value = "64MiB", help_heading = "Plugin")]
    pub(crate) plugin_output: ByteSize,
    /// Records that the plugin may fail on before the run gives up
    #[arg(long, value_name = "COUNT", default_value_t = 100, help_heading = "Plugin")]
    pub(crate) plugin_faults: u32,

    /// The destination: sqlite:FILE, parquet:DIR, parquet:gs://BUCKET/PREFIX, ndjson:FILE, ndjson:- (stdout), postgresql://USER@HOST/DATABASE, mysql://USER@HOST/DATABASE or bigquery:PROJECT.DATASET.TABLE
    #[arg(long, short, value_name = "DESTINATION", default_value = gristmill_sink::DEFAULT_SPEC, help_heading = "Destination")]
    pub(crate) to: String,
    /// What happens to a row whose key the destination holds
    #[arg(long, value_name = "RULE", value_enum, default_value_t = Conflict::Keep, help_heading = "Destination")]
    pub(crate) on_conflict: Conflict,
    #[command(flatten, next_help_heading = "Destination")]
    pub(crate) destination: DestinationArgs,

    /// Share of batches, such as 1%, that are mapped and judged again in fresh instances; where that comes to something else, the run ends
    #[arg(long, value_name = "SHARE%", value_parser = parse_share, default_value = "0%", help_heading = "Plugin")]
    pub(crate) verify_determinism: f64,

    /// A plugin that judges the rows; may be given several times
    #[arg(long, value_name = "FILE[@sha256:DIGEST]", value_hint = ValueHint::FilePath, help_heading = "Quality")]
    pub(crate) validate: Vec<ComponentFile>,
    /// A setting of a validator, NAME.KEY=VALUE, where NAME is the validator's own
    #[arg(long, value_name = "NAME.KEY=VALUE", help_heading = "Quality")]
    pub(crate) validate_config: Vec<String>,
    /// A file of rules for the rows, in TOML, or gs://BUCKET/NAME; may be given several times
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Quality")]
    pub(crate) rules: Vec<PathBuf>,
    /// Rows that may break a rule before nothing is loaded, as a count or a share like 0.1%; also for codes of refused records
    #[arg(long, value_name = "RULE=COUNT|SHARE%", help_heading = "Quality")]
    pub(crate) gate: Vec<Gate>,
    /// Refused records that a run may have and still load: a count, or a share like 0.5% [default: any number, but not all]
    #[arg(long, value_name = "COUNT|SHARE%", help_heading = "Quality")]
    pub(crate) max_rejected: Option<MaxRejected>,
    /// Where refused records go, as JSON lines: a file or gs://BUCKET/NAME [default: dead-letters/RUN.jsonl]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Quality")]
    pub(crate) dead_letters: Option<PathBuf>,
    #[command(flatten, next_help_heading = "Quality")]
    pub(crate) kept_letters: KeepArgs,

    /// The one time that the run knows, in RFC 3339; runs with the same time are equal byte for byte [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse_time, help_heading = "Execution")]
    pub(crate) started_at: Option<i64>,
    /// Threads that read and map [default: one a core]
    #[arg(long, short, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Execution")]
    pub(crate) workers: Option<u16>,
    /// Rows in a batch at most
    #[arg(long, value_name = "COUNT", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=1_048_576), help_heading = "Execution")]
    pub(crate) batch_rows: u32,
    /// Memory for rows and keys that wait; beyond it they wait on disk
    #[arg(long, value_name = "SIZE", default_value = "128MiB", help_heading = "Execution")]
    pub(crate) memory: ByteSize,
    /// Where keys wait on disk, and rows with --no-resume [default: the system's folder for temporary files]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Execution")]
    pub(crate) work_dir: Option<PathBuf>,
    /// Largest document, encoded; at most 64MiB
    #[arg(long, value_name = "SIZE", default_value = "32MiB", value_parser = parse_document_size, help_heading = "Execution")]
    pub(crate) max_document: ByteSize,
    #[command(flatten, next_help_heading = "Execution")]
    pub(crate) resume: ResumeArgs,
    #[command(flatten, next_help_heading = "Execution")]
    pub(crate) output: OutputArgs,
    #[command(flatten, next_help_heading = "Monitoring")]
    pub(crate) monitor: MonitorArgs,
    #[command(flatten, next_help_heading = "Targets")]
    pub(crate) targets: TargetArgs,
    #[command(flatten, next_help_heading = "Alarm")]
    pub(crate) alarm: AlarmArgs,
    #[command(flatten, next_help_heading = "Retry")]
    pub(crate) retry: RetryArgs,
}

fn parse_split_size(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse()?;
    if (32 << 10..=1 << 40).contains(&size.as_u64()) {
        Ok(size)
    } else {
        Err("it is not from 32KiB to 1TiB".to_owned())
    }
}

fn parse_address(text: &str) -> Result<StagingAddress, String> {
    text.parse()
}

fn parse_time(text: &str) -> Result<i64, String> {
    gristmill_record::time::parse_rfc3339(text.as_bytes())
        .ok_or_else(|| format!("`{text}` is not a time in RFC 3339, such as 2024-01-01T00:00:00Z"))
}

/// A share in percent, as a part of one.
pub(crate) fn parse_share(text: &str) -> Result<f64, String> {
    let percent = text.strip_suffix('%').and_then(|share| share.trim().parse::<f64>().ok());
    match percent.filter(|percent| (0.0..=100.0).contains(percent)) {
        Some(percent) => Ok(percent / 100.0),
        None => Err(format!("`{text}` is no share from 0% to 100%")),
    }
}

fn parse_document_size(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse()?;
    if (1..=64 << 20).contains(&size.as_u64()) {
        Ok(size)
    } else {
        Err("a document has from 1 byte to 64MiB; Firestore's have 1 MiB before they are encoded".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
