//! A run: map, shuffle, reduce, load. [`run()`] reads from top to bottom like section 2 of the design.

pub mod compare;
mod dead;
mod dedup;
pub mod documents;
mod error;
pub mod gate;
mod job;
pub mod judging;
mod keys;
pub mod ledger;
mod letterbox;
mod load;
mod map;
pub mod measure;
mod memory;
mod outcome;
pub mod preview;
pub mod progress;
mod reading;
mod rows;
mod run;
mod storable;
mod synthetic;
pub mod trial;
mod verdicts;

pub use error::RunError;
pub use gate::{Gate, MaxRejected};
pub use job::{Job, Options, PluginIdentity, run_id};
pub use ledger::Ledger;
pub use letterbox::LetterBox;
pub use outcome::Outcome;
pub use progress::{Phase, Progress};
pub use run::{Finished, run};
