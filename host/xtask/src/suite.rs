//! `cargo xtask test`: all tests of both workspaces, counted.

use std::ffi::OsString;
use std::ops::AddAssign;

use crate::Outcome;
use crate::command::{Call, flush, heading};
use crate::project::Project;
use crate::steps::Steps;
use crate::{browser, servers, setup};

/// Tests by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

pub(crate) fn run(project: &Project, arguments: &[String]) -> Outcome {
    let mut steps = Steps::default();
    let mut counts = Counts::default();

    // Not a reason to leave the other tests out: those that need a server or the browser say so.
    steps.run("Set up database servers", servers::install);
    steps.run("Set up a browser", browser::install);
    if steps.run("Set up", || setup::everything(project)) {
        steps.run("Tests of the program", || {
            let mut call = vec!["test".into(), "--no-fail-fast".into()];
            if !names_packages(arguments) {
                call.push("--workspace".into());
            }
            call.extend(arguments.iter().map(OsString::from));
            counted(Call::cargo(project, call).with("RUST_TEST_THREADS", threads()), &mut counts)
        });
    } else {
        eprintln!("the tests need the guests, so none of the program's could run");
        counts.failed += 1;
    }

    // Guests are tested on the host: what they compute does not depend on the target they are built for.
    if names_packages(arguments) {
        heading("Tests of the plugins: left out, as packages of the other workspace were named");
    } else {
        steps.run("Tests of the plugins", || {
            let mut call = vec!["test".into(), "--no-fail-fast".into(), "--workspace".into()];
            call.extend(["--manifest-path".into(), "plugins/Cargo.toml".into()]);
            call.extend(["--target-dir".into(), project.target.join("guests-host").into_os_string()]);
            call.extend(arguments.iter().map(OsString::from));
            counted(Call::cargo(project, call), &mut counts)
        });
    }

    let mut outcome = steps.finish();
    if counts.ignored > 0 && outcome.is_ok() {
        outcome =
            Err(format!("{} tests are marked as ignored, so they prove nothing: run or remove them", counts.ignored)
                .into());
    }
    if outcome.is_ok() && counts.passed == 0 {
        outcome = Err("no test ran: is the filter right?".into());
    }
    println!("\n{} passed, {} failed", counts.passed, counts.failed);
    flush();
    outcome
}

/// Tests at a time: half of what they do is to wait for servers, for disks and for a process to be killed.
fn threads() -> String {
    let processors = std::thread::available_parallelism().map_or(2, usize::from);
    std::env::var("RUST_TEST_THREADS").unwrap_or_else(|_| (2 * processors).to_string())
}

fn names_packages(arguments: &[String]) -> bool {
    let own = arguments.iter().take_while(|argument| *argument != "--");
    own.into_iter()
        .any(|a| a == "--package" || a.starts_with("--package=") || (a.starts_with("-p") && !a.starts_with("--")))
}

/// Runs a `cargo test`, leaves out the lines of tests that passed, and adds up the rest. A part that fails without a failed test
/// (it did not build, or a test ended the process) counts as one failure: the closing line must not look better than the run was.
fn counted(call: Call, counts: &mut Counts) -> Outcome {
    let mut here = Counts::default();
    let outcome = call.run_reading(|line| {
        if let Some(result) = counts_of(line) {
            here += result;
        }
        if worth_showing(line) {
            println!("{line}");
            flush();
        }
    });
    if outcome.is_err() && here.failed == 0 {
        here.failed = 1;
    }
    *counts += here;
    outcome
}

/// What the closing line of one test program says, as libtest writes it:
/// `test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s`.
fn counts_of(line: &str) -> Option<Counts> {
    let (_, result) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut counts = Counts::default();
    for part in result.split(';') {
        let mut words = part.split_whitespace();
        let (Some(Ok(number)), Some(what)) = (words.next().map(str::parse), words.next()) else { continue };
        match what {
            "passed" => counts.passed = number,
            "failed" => counts.failed = number,
            "ignored" => counts.ignored = number,
            _ => {}
        }
    }
    Some(counts)
}

fn worth_showing(line: &str) -> bool {
    let passed = line.starts_with("test ") && line.contains(" ... ok");
    let nothing = line == "running 0 tests" || counts_of(line) == Some(Counts::default());
    !(passed || nothing || line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_line_of_a_test_program_is_read() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.41s";
        assert_eq!(counts_of(line), Some(Counts { passed: 12, failed: 3, ignored: 1 }));
        assert_eq!(counts_of("test decode::reads_a_block ... ok"), None);
        assert_eq!(counts_of("running 4 tests"), None);
    }

    #[test]
    fn only_what_a_reader_needs_is_shown() {
        assert!(!worth_showing("test decode::reads_a_block ... ok"));
        assert!(worth_showing("test decode::reads_a_block ... FAILED"));
        assert!(worth_showing("test decode::reads_a_block ... ignored"));
        assert!(worth_showing("thread 'decode::reads_a_block' panicked at src/lib.rs:3:5:"));
        assert!(!worth_showing(
            "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s"
        ));
    }

    #[test]
    fn packages_are_found_among_the_arguments_of_cargo_only() {
        let named = |text: &str| names_packages(&text.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert!(named("-p gristmill-decode"));
        assert!(named("--package=gristmill-decode"));
        assert!(!named("--profile release"));
        assert!(!named("name -- -p"));
    }
}
