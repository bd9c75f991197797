//! `cargo xtask bench`: whole jobs, optimised; `cargo xtask bench parts`: the decoders, the boundary and the sinks.

use std::ffi::OsString;

use gristmill_guest::Language;

use crate::Outcome;
use crate::command::Call;
use crate::project::Project;
use crate::setup;

/// Crates with benchmarks of their own.
const PARTS: [&str; 3] = ["gristmill-decode", "gristmill-plugin", "gristmill-sink"];

pub(crate) fn run(project: &Project, arguments: &[String]) -> Outcome {
    setup::toolchains(project, &[Language::Rust])?;
    if let [first, filters @ ..] = arguments
        && first == "parts"
    {
        let mut call: Vec<OsString> = vec!["bench".into(), "--benches".into()];
        call.extend(PARTS.iter().flat_map(|part| ["--package".into(), (*part).into()]));
        call.push("--".into());
        call.extend(filters.iter().map(OsString::from));
        return Call::cargo(project, call).run();
    }
    let plugin = gristmill_guest::default_plugin()?;
    Call::cargo(project, ["build", "--release", "--package", "gristmill", "--package", "gristmill-bench"]).run()?;
    let release = project.target.join("release");
    let mut call: Vec<OsString> = vec!["--plugin".into(), plugin.into(), "--gristmill".into()];
    call.extend([release.join("gristmill").into(), "--folder".into(), project.target.join("bench").into()]);
    call.extend(arguments.iter().map(OsString::from));
    Call::program(project, release.join("gristmill-bench").into(), "gristmill-bench", call).run()
}
