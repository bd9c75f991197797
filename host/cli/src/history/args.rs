//! What the commands about runs take.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::{Args, Subcommand, ValueHint};

use crate::args::{GoogleArgs, StateArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// List runs, newest first
    Ls(LsArgs),
    /// Show all that is known of a run
    Show(ShowArgs),
    /// Show what differs between two runs: input, plugin, configuration, counts, and how many rows
    Compare(CompareArgs),
    /// Hold the runs of the last 30 days against the targets of their jobs; exit code 9 where one is missed
    Targets(RunsTargetsArgs),
    /// Remove what is kept of runs that were not done, and records, by age and size
    Prune(PruneArgs),
}

#[derive(Debug, Args)]
pub(crate) struct LsArgs {
    /// Only runs that can go on, or are under way
    #[arg(long)]
    pub(crate) unfinished: bool,
    /// So many at most
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 20)]
    pub(crate) limit: usize,
    /// All of them
    #[arg(long, conflicts_with = "limit")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RunsTargetsArgs {
    /// The name of a job [default: all that have one]
    pub(crate) job: Option<String>,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PruneArgs {
    /// Runs that ended longer ago, such as 30d: their records, and what is kept of what they did
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) older_than: Option<Duration>,
    /// What may be kept of all unfinished runs together, such as 10GiB: the oldest goes first
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_size: Option<ByteSize>,
    /// Only say what would go
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

/// What is kept of the rows that a run puts out.
#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    /// Keep hashes of the rows, so that `runs compare` can count those that differ, also for Parquet and NDJSON, where that takes some percent more time; for databases they are always kept
    #[arg(long)]
    pub(crate) comparable: bool,
    /// Keep in the record of the run what the columns hold, for `report`: nulls, different values, ranges and spread; of text its lengths only. Takes a tenth more time and above
    #[arg(long)]
    pub(crate) profile: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Its id, or how that begins [default: the newest]
    pub(crate) run: Option<String>,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// The id of a run, or how that begins
    #[arg(value_name = "A")]
    pub(crate) first: String,
    /// The id of another, or how that begins
    #[arg(value_name = "B")]
    pub(crate) second: String,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Its id, or how that begins [default: the newest]
    pub(crate) run: Option<String>,
    /// Where the page goes; `-` for stdout
    #[arg(long, short, value_name = "FILE", default_value = "report.html", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,
    /// Dead letters that are shown of each code, with their documents; with 0 none are, and nothing of any document is on the page
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u8).range(0..=20))]
    pub(crate) samples: u8,
    #[command(flatten)]
    pub(crate) google: GoogleArgs,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}
