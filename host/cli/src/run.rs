//! `gristmill run`, and `gristmill resume`.

use std::sync::Arc;
use std::time::Instant;

use clap::{CommandFactory, FromArgMatches};
use gristmill_pipeline::{Progress, RunError};
use gristmill_sink::without_password;
use gristmill_state::{Filter, RunRecord, RunState};

use crate::args::{Cli, Command, JobArgs, ResumeCommand};
use crate::error::CliError;
use crate::job::{now, prepare};
use crate::monitor::Monitor;
use crate::progress::{Display, last_object};
use crate::recorded::{Place, open_state};
use crate::summary::{self, Timing};

pub(crate) fn run(cli: &Cli, args: &JobArgs) -> Result<(), CliError> {
    watched(cli, args, None)
}

/// Goes on with a run: the one that is named, or the only one that can.
pub(crate) fn resume(cli: &Cli, args: &ResumeCommand) -> Result<(), CliError> {
    let state = open_state(&args.state)?;
    let record = match &args.run {
        Some(id) => state.run(id)?,
        None => only_unfinished(state.runs(&Filter { unfinished: true, ..Filter::default() })?)?,
    };
    if !record.is_unfinished() {
        return Err(CliError::NotUnfinished { run: record.id, state: record.state });
    }
    let folder = &record.command.folder;
    std::env::set_current_dir(folder).map_err(|e| crate::job::file_error(folder, e))?;
    let arguments = std::iter::once("gristmill").chain(record.command.arguments.iter().map(String::as_str));
    let bad = |what: String| CliError::Recorded { run: record.id.clone(), what };
    let matches = Cli::command().try_get_matches_from(arguments).map_err(|e| bad(e.to_string()))?;
    let recorded = Cli::from_arg_matches(&matches).map_err(|e| bad(e.to_string()))?;
    // A job file is read again: what it says now has to be what the run was begun with.
    let (recorded, _) = crate::jobfile::expand(recorded, matches)?;
    let Command::Run(mut job) = recorded.command else { return Err(bad("it is no `run`".to_owned())) };
    if let Some(to) = &args.to {
        if without_password(to) != without_password(&job.to) {
            let was = job.to;
            return Err(CliError::OtherDestination { run: record.id, was, is: without_password(to) });
        }
        job.to.clone_from(to);
    } else if job.to.contains(":…@") {
        return Err(CliError::Password { run: record.id, to: job.to });
    }
    job.resume.state.state = Some(state.folder().to_owned());
    job.resume.fresh = false;
    job.monitor.overridden(&args.monitor);
    drop(state);
    watched(cli, &job, Some(&record.id))
}

/// The one run that can go on and is under way nowhere.
fn only_unfinished(mut runs: Vec<RunRecord>) -> Result<RunRecord, CliError> {
    runs.retain(|run| run.state != RunState::Running);
    match (runs.pop(), runs.len()) {
        (Some(only), 0) => Ok(only),
        (None, _) => Err(CliError::NothingToResume),
        (Some(last), _) => {
            Err(CliError::SeveralToResume { runs: runs.into_iter().chain([last]).map(|run| run.id).collect() })
        }
    }
}

/// Those who are to know how the run goes are told, whatever becomes of it.
fn watched(cli: &Cli, args: &JobArgs, wanted: Option<&str>) -> Result<(), CliError> {
    let monitor = Monitor::start(&args.monitor)?;
    let (start, progress) = (Instant::now(), Arc::new(Progress::default()));
    monitor.begin(&progress);
    let outcome = go(cli, args, wanted, &progress, &monitor);
    last_object(args.monitor.progress, &progress, start, &outcome);
    monitor.end(&outcome);
    outcome
}

fn go(
    cli: &Cli,
    args: &JobArgs,
    wanted: Option<&str>,
    progress: &Arc<Progress>,
    monitor: &Monitor,
) -> Result<(), CliError> {
    let (start, begun_at) = (Instant::now(), now());
    let place = Place::find(args, wanted)?;
    monitor.succeeded_at(place.as_ref().and_then(Place::last_success));
    let unfinished = place.as_ref().and_then(Place::unfinished);
    let mut prepared = prepare(args, unfinished.map(|unfinished| unfinished.identity()))?;
    monitor.is(args, &prepared);
    let recorded = place.map(|place| place.begin(args, &prepared, begun_at)).transpose()?;
    let keeps = recorded.as_ref().and_then(|r| r.keep()).is_some();
    on_signals(progress, keeps && !cli.quiet)?;
    let watch = recorded.as_ref().map(|recorded| recorded.watch(Arc::clone(progress)));
    let display = Display::start(cli, args.monitor.progress, Arc::clone(progress));
    let keep = recorded.as_ref().and_then(|r| r.keep());
    let outcome = gristmill_pipeline::run(&prepared.job, prepared.sink.as_mut(), progress, keep);
    display.finish();
    if let Some(watch) = watch {
        watch.finish();
    }
    let timing = Timing::since(start);
    let (outcome, error) = match outcome {
        Ok(finished) => (Some(finished), None),
        Err(error) => (None, Some(CliError::from(error))),
    };
    let (ledger, dead_letters) = match (&outcome, &error) {
        (Some(finished), _) => (Some(&finished.ledger), finished.dead_letters.as_ref()),
        (_, Some(CliError::Run(RunError::Gate { ledger, dead_letters, .. }))) => {
            (Some(&**ledger), dead_letters.as_ref())
        }
        _ => (None, None),
    };
    monitor.account_is(ledger);
    let kept =
        recorded.and_then(|recorded| recorded.finish(progress, &prepared.job, ledger, dead_letters, error.as_ref()));
    match (outcome, error) {
        (Some(finished), _) => {
            let summary = summary::Summary::of(&prepared, args, &finished, progress, timing);
            summary.print(cli, args.to == "ndjson:-")
        }
        (None, Some(error)) => {
            if let CliError::Run(RunError::Gate { ledger, .. }) = &error
                && !cli.quiet
                && !cli.json
            {
                eprint!("{}", summary::stopped_text(&prepared, ledger));
            }
            Err(match kept {
                Some(kept) => CliError::Kept { error: Box::new(error), kept },
                None => error,
            })
        }
        (None, None) => Err(CliError::Environment("the run ended in no way".to_owned())),
    }
}

/// A first signal ends the run in good order, a second one the process at once.
fn on_signals(progress: &Arc<Progress>, tell: bool) -> Result<(), CliError> {
    let progress = Arc::clone(progress);
    ctrlc::set_handler(move || {
        if progress.is_cancelled() {
            std::process::exit(crate::exit::Exit::Interrupted.code().into());
        }
        progress.cancel();
        if tell {
            eprintln!("interrupted: what is under way is finished, for some seconds; once more to stop at once");
        }
    })
    .map_err(|e| CliError::Environment(format!("signals cannot be handled: {e}")))
}
