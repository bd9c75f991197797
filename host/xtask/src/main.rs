//! The project's own tasks, run as `cargo xtask TASK`. Small on purpose: it has to be built before anything can be shown.

mod bench;
mod browser;
mod command;
mod demo;
mod docs;
mod fuzz;
mod opinion;
mod packages;
mod parsers;
mod project;
mod release;
mod servers;
mod setup;
mod steps;
mod suite;

use std::process::ExitCode;

/// What a task ends with. The message says what failed and what to do about it.
type Outcome = Result<(), Box<dyn std::error::Error>>;

const HELP: &str = "\
cargo xtask TASK

  demo               set up what is missing and load a real export into a SQLite file
  test [ARGS]        set up what the tests need and run all of them; ARGS go to `cargo test`
  setup              database servers and a browser for the tests, the toolchains for plugins; builds the plugins and the fixtures of the tests
  docs [--check]     write docs/reference from the program; --check fails where it differs
  bench [ARGS]       measure whole jobs; or `bench parts` the decoders, the boundary, the sinks; `bench objects` small objects of a bucket with
                     latency; `bench servers` the sinks of databases beside the clients of their engines
  second-opinion     install an emulator of BigQuery that others made (half a gigabyte), and load into it
  fuzz [SECONDS]     fuzz each byte parser for so long (60); needs nightly and cargo-fuzz
  release-contract VERSION
                     freeze wit/ as a released version of the contract, which is never changed again
  help               this text

The target directory is CARGO_TARGET_DIR where that is set, else target/.
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let task = arguments.next().unwrap_or_else(|| "help".to_owned());
    let rest: Vec<String> = arguments.collect();
    match run(&task, &rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {task}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: &str, rest: &[String]) -> Outcome {
    let project = project::Project::find()?;
    match task {
        "demo" => none(rest).and_then(|()| demo::run(&project)),
        "test" => suite::run(&project, rest),
        "setup" => none(rest)
            .and_then(|()| servers::install())
            .and_then(|()| browser::install())
            .and_then(|()| setup::everything(&project)),
        "docs" => docs::run(&project, rest),
        "bench" => bench::run(&project, rest),
        "second-opinion" => none(rest).and_then(|()| opinion::run(&project)),
        "fuzz" => fuzz::run(&project, rest),
        "release-contract" => release::run(&project, rest),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        _ => Err("there is no such task; `cargo xtask help` lists them".into()),
    }
}

fn none(rest: &[String]) -> Outcome {
    match rest.first() {
        None => Ok(()),
        Some(extra) => Err(format!("takes no arguments, got `{extra}`; `cargo xtask help` lists the tasks").into()),
    }
}
