//! Exit codes. They are part of the interface: a code never changes its meaning.

use std::process::ExitCode;

use gristmill_record::Blame;

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is done. Refused records, if any, are in the dead letters, within the job's limit.
    Success = 0,
    /// A defect of gristmill.
    Bug = 1,
    /// The command, the configuration.
    Usage = 2,
    /// The input is missing, broken or incomplete.
    Input = 3,
    /// The plugin cannot be used, or failed too often.
    Plugin = 4,
    /// The destination cannot be used, or refused the load.
    Destination = 5,
    /// The machine: disk full, a file of the run that cannot be written.
    Environment = 6,
    /// More records were refused than `--max-rejected` allows.
    MaxRejected = 7,
    /// What an unfinished run was begun with is not the same any more.
    Changed = 8,
    /// The run ended well, and a target of its job is missed; only where it was asked for.
    TargetMissed = 9,
    /// Interrupted by a signal.
    Interrupted = 130,
}

/// Every code with its meaning, for help and reference.
pub(crate) const MEANINGS: [(Exit, &str); 11] = [
    (Exit::Success, "done; refused records, if any, are in the dead letters, within the limit of --max-rejected"),
    (Exit::Bug, "a defect of gristmill"),
    (Exit::Usage, "the command or the configuration is wrong"),
    (Exit::Input, "the input is missing, broken or incomplete"),
    (Exit::Plugin, "the plugin cannot be used, or failed too often"),
    (Exit::Destination, "the destination cannot be used, or refused the load"),
    (Exit::Environment, "the machine failed: a full disk, a file of the run that cannot be written"),
    (Exit::MaxRejected, "more records were refused than --max-rejected allows; nothing was loaded"),
    (Exit::Changed, "an unfinished run cannot go on: its input, plugin or configuration is not what it was begun with"),
    (
        Exit::TargetMissed,
        "a target of the job is missed: from `runs targets`, and from a run that ended well with --fail-on-missed-target",
    ),
    (Exit::Interrupted, "interrupted; nothing was loaded"),
];

impl Exit {
    /// The number.
    pub(crate) fn code(self) -> u8 {
        self as u8
    }

    /// The code for an error.
    pub(crate) fn of(blame: Blame, error_code: &str) -> Self {
        match (error_code, blame) {
            ("run.max-rejected", _) => Self::MaxRejected,
            ("run.not-the-same", _) => Self::Changed,
            ("run.target-missed", _) => Self::TargetMissed,
            ("run.interrupted", _) => Self::Interrupted,
            (_, Blame::Usage) => Self::Usage,
            (_, Blame::Input) => Self::Input,
            (_, Blame::Plugin) => Self::Plugin,
            (_, Blame::Destination) => Self::Destination,
            (_, Blame::Environment) => Self::Environment,
            (_, Blame::Bug) => Self::Bug,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
