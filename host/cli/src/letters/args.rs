//! What can be said to `gristmill dead-letters`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use gristmill_record::{Grant, PathPattern};

use crate::args::{ComponentFile, GoogleArgs, StateArgs};
use bytesize::ByteSize;

/// What of refused records is kept.
#[derive(Debug, Args)]
pub(crate) struct KeepArgs {
    /// Fields of documents that are left out of dead letters, such as `email,billing.*`; a record that has one is replayed from the export
    #[arg(long, value_name = "FIELDS")]
    pub(crate) redact: Option<Grant>,
    /// What the dead letters of a run may have together, such as 1GiB; those beyond it are counted only [default: no limit]
    #[arg(long, value_name = "SIZE")]
    pub(crate) dead_letters_max: Option<ByteSize>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LettersCommand {
    /// Count them, by who refused the records and why, with samples
    Ls(LsArgs),
    /// Print them; with --json as they are, one a line
    Show(ShowArgs),
    /// Run refused records again, by the same plugin or a newer one, into the same destination: as if they had never been refused
    Replay(ReplayArgs),
}

/// Whose dead letters.
#[derive(Debug, Args)]
pub(crate) struct WhichArgs {
    /// The run, by its id or how that begins [default: the newest run that has dead letters]
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,
    /// A file of dead letters, local or gs://BUCKET/NAME, in the place of that of a run
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) state: StateArgs,
    #[command(flatten)]
    pub(crate) google: GoogleArgs,
}

#[derive(Debug, Args)]
pub(crate) struct LsArgs {
    #[command(flatten)]
    pub(crate) which: WhichArgs,
    /// Letters that are shown of each kind
    #[arg(long, value_name = "COUNT", default_value_t = 2)]
    pub(crate) samples: usize,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    pub(crate) which: WhichArgs,
    /// Only those with this code
    #[arg(long, value_name = "CODE")]
    pub(crate) code: Option<String>,
    /// Only those whose document has such a path, such as `teams/{team}/reports/*`
    #[arg(long, value_name = "PATTERN", value_parser = PathPattern::parse)]
    pub(crate) path: Option<PathPattern>,
    /// Only those of this stage
    #[arg(long, value_name = "STAGE", value_enum)]
    pub(crate) stage: Option<StageName>,
    /// So many at most
    #[arg(long, short = 'n', value_name = "COUNT")]
    pub(crate) limit: Option<u64>,
}

/// Who refused a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StageName {
    /// It could not be read, or not as what the plugin declares
    Decode,
    /// The plugin refused it, or failed on it
    Transform,
    /// A validator refused a row of it
    Validate,
    /// Its key is another document's
    Dedup,
}

/// Where a replay has the records from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Source {
    /// From the dead letters: as quick as they are few
    Letters,
    /// From the export, which is read again as a whole
    Export,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The run whose refused records are run again, by its id or how that begins [default: the newest run that has dead letters]
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,
    /// Where its dead letters are now, if they were moved: a file or gs://BUCKET/NAME
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// The plugin that maps them now, a component file or gs://BUCKET/NAME [default: that of the run]
    #[arg(long, short, value_name = "FILE[@sha256:DIGEST]", value_hint = ValueHint::FilePath)]
    pub(crate) plugin: Option<ComponentFile>,
    /// A setting of the plugin, KEY=VALUE, or @FILE for a JSON object of them: over those of the run
    #[arg(long, short, value_name = "KEY=VALUE|@FILE")]
    pub(crate) config: Vec<String>,
    /// A plugin that judges the rows, in the place of all that judged those of the run; may be given several times
    #[arg(long, value_name = "FILE[@sha256:DIGEST]", value_hint = ValueHint::FilePath)]
    pub(crate) validate: Vec<ComponentFile>,
    /// A setting of a validator, NAME.KEY=VALUE: over those of the run
    #[arg(long, value_name = "NAME.KEY=VALUE")]
    pub(crate) validate_config: Vec<String>,
    /// A file of rules, in the place of all of the run; may be given several times. Those of the run are read again as they are now
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) rules: Vec<PathBuf>,
    /// Where the records are taken from [default: the dead letters, or the export where they are not enough]
    #[arg(long, value_name = "SOURCE", value_enum)]
    pub(crate) from: Option<Source>,
    /// The destination once more, where its address has a password: that is not kept
    #[arg(long, value_name = "DESTINATION")]
    pub(crate) to: Option<String>,
    /// Where records go that are refused again: a file or gs://BUCKET/NAME [default: dead-letters/ and the id of the replay, beside those of the run]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) dead_letters: Option<PathBuf>,
    /// Only say what would be replayed, and from where
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) state: StateArgs,
    #[command(flatten)]
    pub(crate) google: GoogleArgs,
}
