//! `cargo xtask bench`: whole jobs, optimised; `bench parts`: the decoders, the boundary and the sinks; `bench objects`: small objects of a bucket;
//! `bench servers`: the sinks beside the clients of their engines.

use std::ffi::OsString;

use gristmill_guest::Language;

use crate::Outcome;
use crate::command::Call;
use crate::project::Project;
use crate::setup;

/// Crates with benchmarks of their own.
const PARTS: [&str; 3] = ["gristmill-decode", "gristmill-plugin", "gristmill-sink"];

/// Tasks of `gristmill-bench` besides whole jobs.
const OWN: [&str; 2] = ["objects", "servers"];

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
    let mut call: Vec<OsString> = Vec::new();
    let rest = match arguments {
        // Tasks of their own.
        [task, rest @ ..] if OWN.contains(&task.as_str()) => {
            call.push(task.into());
            rest
        }
        rest => {
            call.extend(["--plugin".into(), plugin.into()]);
            rest
        }
    };
    call.extend(["--gristmill".into(), release.join("gristmill").into()]);
    call.extend(["--folder".into(), project.target.join("bench").into()]);
    call.extend(rest.iter().map(OsString::from));
    Call::program(project, release.join("gristmill-bench").into(), "gristmill-bench", call).run()
}
