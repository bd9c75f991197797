//! `cargo xtask bench`: the benchmarks, optimised.

use std::ffi::OsString;

use crate::Outcome;
use crate::command::Call;
use crate::project::Project;
use crate::setup;

pub(crate) fn run(project: &Project, arguments: &[String]) -> Outcome {
    setup::toolchain()?;
    let mut call: Vec<OsString> = ["run", "--release", "--package", "gristmill-bench", "--"].map(Into::into).into();
    call.extend(arguments.iter().map(OsString::from));
    Call::cargo(project, call).run()
}
