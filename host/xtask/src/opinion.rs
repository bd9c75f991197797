//! `cargo xtask second-opinion`: what is sent to BigQuery, sent to an emulator that others made.
//!
//! Not part of the tests: half a gigabyte has to be installed for it.

use gristmill_guest::Language;

use crate::command::Call;
use crate::project::Project;
use crate::{Outcome, packages, setup};

/// The emulator, and what it uses without saying so. The test looks for them in `target/tools/bqemulator`.
const PACKAGES: [&str; 2] = ["bqemulator==1.4.0", "numpy==2.4.6"];

pub(crate) fn run(project: &Project) -> Outcome {
    setup::toolchains(project, &[Language::Rust, Language::Python])?;
    packages::python(&project.target.join("tools"), "bqemulator", &PACKAGES)?;
    Call::cargo(project, ["test", "--workspace", "--test", "gristmill", "--", "second_opinion"]).run()
}
