//! gristmill: Firestore exports through sandboxed plugins into tables. Arguments in, exit code out.

mod alarm;
mod args;
mod bench;
mod case;
mod cases;
mod check;
mod conformance;
mod diff;
mod error;
mod exit;
mod expected;
mod export;
mod fields;
mod files;
mod history;
mod job;
mod jobfile;
mod judged;
mod letters;
mod log;
mod look;
mod monitor;
mod new;
mod pace;
mod plan;
mod plugin;
mod progress;
mod quality;
mod recorded;
mod reference;
mod report;
mod retry;
mod run;
mod runs;
mod secret;
mod summary;
mod tables;
mod targets;
mod text;
mod watch;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches};
use gristmill_record::Diagnose;

use crate::args::{Cli, Command, ExportCommand, JobCommand, PluginCommand};
use crate::error::{CliError, report};
use crate::exit::Exit;
use crate::history::RunsCommand;

// Batches allocate and free columns of a few hundred kilobytes all the time, on several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|e| e.exit());
    log::start(&cli);
    let json = cli.json;
    match jobfile::expand(cli, matches).and_then(|(cli, matches)| dispatch(&cli, &matches)) {
        Ok(()) => Exit::Success.into(),
        // Whoever read our output has had enough of it, as `head` does.
        Err(CliError::Stdout(e)) if e.kind() == std::io::ErrorKind::BrokenPipe => Exit::Success.into(),
        Err(error) if error.code() == "sink.output-closed" => Exit::Success.into(),
        Err(error) => report(&error, json).into(),
    }
}

fn dispatch(cli: &Cli, matches: &ArgMatches) -> Result<(), CliError> {
    match &cli.command {
        Command::Run(args) | Command::Plan(args) if args.file.print_job => jobfile::print(matches),
        Command::Run(args) => run::run(cli, args),
        Command::Resume(args) => run::resume(cli, args),
        Command::Runs(RunsCommand::Ls(args)) => runs::ls(cli, args),
        Command::Runs(RunsCommand::Targets(args)) => targets::show(cli, args),
        Command::Runs(RunsCommand::Prune(args)) => runs::prune(cli, args),
        Command::DeadLetters(command) => letters::run(cli, command),
        Command::Runs(RunsCommand::Show(args)) => history::show(cli, args),
        Command::Runs(RunsCommand::Compare(args)) => history::compare(cli, args),
        Command::Report(args) => report::report(cli, args),
        Command::Plan(args) => plan::plan(cli, args),
        Command::Check(args) => look::check(cli, args),
        Command::Job(JobCommand::Check(args)) => jobfile::check(cli, args),
        Command::Export(ExportCommand::Ls(args)) => export::ls(cli, args),
        Command::Export(ExportCommand::Cat(args)) => export::cat(args),
        Command::Plugin(PluginCommand::Check(args)) => check::check(cli, args),
        Command::Plugin(PluginCommand::Test(args)) => cases::test(cli, args),
        Command::Plugin(PluginCommand::Watch(args)) => watch::watch(cli, args),
        Command::Plugin(PluginCommand::Bench(args)) => bench::bench(cli, args),
        Command::Plugin(PluginCommand::Diff(args)) => diff::diff(cli, args),
        Command::Plugin(PluginCommand::Inspect { file, config, google }) => {
            plugin::inspect(cli, file.as_ref(), config, google)
        }
        Command::Plugin(PluginCommand::New { folder, language, validator }) => {
            new::new(cli, folder, *language, *validator)
        }
        Command::Plugin(PluginCommand::Build { folder, output }) => plugin::build(cli, folder, output.as_deref()),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "gristmill", &mut script);
            std::io::stdout().write_all(&script).map_err(CliError::Stdout)
        }
        Command::Reference { folder } => reference::write(folder),
    }
}
