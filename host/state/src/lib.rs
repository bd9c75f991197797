//! The state folder: the record of every run, and the work of those that are not done.
//!
//! ```text
//! STATE/runs.db          an SQLite database: a row a run, and one a finished split of a run that can go on
//! STATE/runs/RUN/lock    held while a process works on the run; the kernel lets go of it whatever becomes of the process
//! STATE/runs/RUN/…       what the pipeline keeps of the run's work; gone when the run is done
//! ```
//!
//! Nothing in here is needed to read a destination: who loses the folder loses the history, and the work of runs that were not done.

mod error;
mod folder;
mod journal;
mod outputs;
mod prune;
mod record;
mod row;
mod runs;
mod schema;

pub use error::StateError;
pub use folder::RunFolder;
pub use journal::{FinishedSplit, Journal};
pub use prune::{Prune, Pruned, Why};
pub use record::{
    CommandLine, Details, FileVersion, InputSummary, PhaseTime, PluginRecord, RunFailure, RunRecord, RunState, Sample,
};
pub use runs::{Filter, State};
