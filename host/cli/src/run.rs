//! `gristmill run`, and `gristmill resume`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use clap::{CommandFactory, FromArgMatches};
use gristmill_pipeline::{Progress, RunError};
use gristmill_record::Diagnose;
use gristmill_sink::{lacks_password, without_password};
use gristmill_state::{Filter, RunRecord, RunState};

use crate::alarm::{self, Told};
use crate::args::{Cli, Command, JobArgs, ResumeCommand};
use crate::error::CliError;
use crate::job::{Identity, now, prepare};
use crate::letters::Replaying;
use crate::monitor::Monitor;
use crate::progress::{Display, last_object};
use crate::recorded::{Place, Recorded, open_state};
use crate::retry::Signals;
use crate::summary::{self, Timing};
use crate::targets::{self, Targets, Verdict};

pub(crate) fn run(cli: &Cli, args: &JobArgs) -> Result<(), CliError> {
    watched(cli, args, None, None)
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
    let folder = std::path::absolute(state.folder()).unwrap_or_else(|_| state.folder().to_owned());
    let mut job = recorded_job(&record, args.to.as_deref(), "resume")?;
    job.resume.state.state = Some(folder);
    job.resume.fresh = false;
    job.monitor.overridden(&args.monitor);
    drop(state);
    watched(cli, &job, Some(&record.id), None)
}

/// The job of a recorded run, with `to` for a destination whose password is not kept. The process goes to the folder in which the run was begun.
///
/// `command`: who asks, for messages.
pub(crate) fn recorded_job(record: &RunRecord, to: Option<&str>, command: &'static str) -> Result<JobArgs, CliError> {
    let folder = &record.command.folder;
    std::env::set_current_dir(folder).map_err(|e| crate::job::file_error(folder, e))?;
    let arguments = std::iter::once("gristmill").chain(record.command.arguments.iter().map(String::as_str));
    let bad = |what: String| CliError::Recorded { run: record.id.clone(), what };
    let matches = Cli::command().try_get_matches_from(arguments).map_err(|e| bad(e.to_string()))?;
    let recorded = Cli::from_arg_matches(&matches).map_err(|e| bad(e.to_string()))?;
    // A job file is read again: what it says now has to be what the run was begun with.
    let (recorded, _) = crate::jobfile::expand(recorded, matches)?;
    let Command::Run(mut job) = recorded.command else { return Err(bad("it is no `run`".to_owned())) };
    if let Some(to) = to {
        if without_password(to) != without_password(&job.to) {
            let was = job.to;
            return Err(CliError::OtherDestination { run: record.id.clone(), was, is: without_password(to) });
        }
        job.to = to.to_owned();
    } else if lacks_password(&job.to) {
        return Err(CliError::Password { run: record.id.clone(), to: job.to, command });
    }
    Ok(job)
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

/// One of the times that a run is tried.
struct Attempt<'a> {
    /// From 1.
    number: u16,
    /// The run that is to go on.
    wanted: Option<&'a str>,
    progress: &'a Arc<Progress>,
    monitor: &'a Monitor,
    signals: &'a Signals,
}

/// What is known of a run when it has ended, for those who are told.
#[derive(Default)]
struct Seen {
    run: String,
    destination: String,
    verdicts: Vec<Verdict>,
}

impl Seen {
    /// An error where targets are missed, and the job says that this is one.
    fn missed(&self, args: &JobArgs) -> Result<(), CliError> {
        let missed: Vec<String> = self.verdicts.iter().filter(|v| v.is_missed()).map(Verdict::text).collect();
        match args.targets.fail_on_missed_target && !missed.is_empty() {
            true => Err(CliError::TargetMissed { missed }),
            false => Ok(()),
        }
    }
}

/// Does a job, as often as it says where it fails. Those who are to know how it goes are told, whatever becomes of it.
///
/// `wanted`: the run that is to go on; `replaying`: what of another run it replays, once.
pub(crate) fn watched(
    cli: &Cli,
    args: &JobArgs,
    wanted: Option<&str>,
    mut replaying: Option<Replaying>,
) -> Result<(), CliError> {
    let is_replay = replaying.is_some();
    let signals = Signals::default();
    let monitor = match Monitor::start(&args.monitor) {
        Ok(monitor) => monitor,
        Err(error) => {
            let (job, input) = (args.monitor.job.as_deref(), args.export.export.as_str());
            let outcome = Err(error);
            alarm::sound(&args.alarm, &outcome, &Told { run: "", job, input, destination: "", verdicts: &[] });
            return outcome;
        }
    };
    let mut wanted = wanted.map(str::to_owned);
    let mut number = 1;
    let (outcome, seen) = loop {
        let (start, progress) = (Instant::now(), Arc::new(Progress::default()));
        if number > 1 {
            signals.end(&progress, false)?;
        }
        monitor.begin(&progress);
        let attempt =
            Attempt { number, wanted: wanted.as_deref(), progress: &progress, monitor: &monitor, signals: &signals };
        let mut seen = Seen::default();
        let outcome = go(cli, args, &attempt, replaying.take(), &mut seen).and_then(|()| seen.missed(args));
        last_object(args.monitor.progress, &progress, start, &outcome);
        // What somebody may have read from a pipe is not written to it once more.
        let is_out = args.to == "ndjson:-" && progress.rows_loaded.load(Ordering::Relaxed) > 0;
        let wait = outcome.as_ref().err().and_then(|error| args.retry.wait_after(number, error));
        let wait = wait.filter(|_| !is_replay && !is_out);
        monitor.end(&outcome, wait.is_none());
        let (Err(error), Some(wait)) = (&outcome, wait) else { break (outcome, seen) };
        let (all, code) = (args.retry.retry_attempts, error.code());
        let when = humantime::format_duration(wait);
        tracing::warn!("attempt {number} of {all} failed, the next begins in {when}: error[{code}]: {error}");
        if let CliError::Kept { kept, .. } = error {
            wanted = Some(kept.run.clone());
        }
        if !signals.wait(wait) {
            monitor.end(&outcome, true);
            // Whoever interrupts a run knows of it.
            return outcome;
        }
        number += 1;
    };
    let told = Told {
        run: &seen.run,
        job: args.monitor.job.as_deref(),
        input: &args.export.export,
        destination: &seen.destination,
        verdicts: &seen.verdicts,
    };
    alarm::sound(&args.alarm, &outcome, &told);
    outcome
}

fn go(
    cli: &Cli,
    args: &JobArgs,
    attempt: &Attempt<'_>,
    replaying: Option<Replaying>,
    seen: &mut Seen,
) -> Result<(), CliError> {
    let Attempt { progress, monitor, .. } = attempt;
    let (start, begun_at) = (Instant::now(), now());
    // What an attempt before this one has done is no other run's.
    let place = Place::find(args, attempt.wanted, args.resume.fresh && attempt.number == 1)?;
    monitor.succeeded_at(place.as_ref().and_then(Place::last_success));
    let unfinished = place.as_ref().and_then(Place::unfinished).map(|unfinished| unfinished.identity());
    let identity = match (replaying, unfinished) {
        (Some(replaying), _) => Identity::Replay(replaying),
        (None, Some((id, time))) => Identity::Unfinished(id, time),
        (None, None) => Identity::New,
    };
    let mut prepared = prepare(args, identity, true)?;
    if let Some(replay) = &prepared.replay {
        let (was, is) = (replay.destination.clone(), prepared.sink.describe());
        if was != is {
            return Err(CliError::OtherDestination { run: replay.replays.run.clone(), was, is });
        }
    }
    monitor.is(args, &prepared);
    (seen.run, seen.destination) = (prepared.job.run_id.clone(), prepared.sink.describe());
    let recorded = place.map(|place| place.begin(args, &prepared, begun_at)).transpose()?;
    let keeps = recorded.as_ref().and_then(|r| r.keep()).is_some();
    attempt.signals.end(progress, keeps && !cli.quiet)?;
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
    // A replay is none of the runs that are held against the targets.
    let history = recorded.as_ref().filter(|_| prepared.replay.is_none()).map(Recorded::history);
    let kept = recorded.and_then(|recorded| {
        recorded.finish(progress, &prepared.job, ledger, dead_letters, outcome.as_ref(), error.as_ref())
    });
    if let Some((state, record)) = history {
        match targets::of_run(&state, &record, &Targets::of(&args.targets)) {
            Ok(verdicts) => seen.verdicts = verdicts,
            Err(error) => tracing::warn!("how the runs stand to the targets of the job is not known: {error}"),
        }
    }
    match (outcome, error) {
        (Some(finished), _) => {
            let mut summary = summary::Summary::of(&prepared, args, &finished, progress, timing);
            summary.targets.clone_from(&seen.verdicts);
            summary.print(cli, args.to == "ndjson:-")
        }
        (None, Some(error)) => {
            if let CliError::Run(RunError::Gate { ledger, .. }) = &error
                && !cli.quiet
                && !cli.json
            {
                eprint!("{}", summary::stopped_text(&prepared, ledger));
            }
            if !seen.verdicts.is_empty() && !cli.quiet && !cli.json {
                eprint!("{}", targets::text(&seen.verdicts));
            }
            Err(match kept {
                Some(kept) => CliError::Kept { error: Box::new(error), kept },
                None => error,
            })
        }
        (None, None) => Err(CliError::Environment("the run ended in no way".to_owned())),
    }
}
