//! A run's place in the state folder: found or made before it begins, filled in while it goes on and when it ends.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gristmill_pipeline::{Finished, Job, Keep, Ledger, LetterBox, Progress, new_seed};
use gristmill_record::{Blame, Diagnose};
use gristmill_sink::without_password;
use gristmill_state::{
    CommandLine, Details, Filter, InputSummary, PhaseTime, PluginRecord, RunFailure, RunFolder, RunRecord, RunState,
    Sample, State,
};

use crate::args::{JobArgs, StateArgs};
use crate::error::CliError;
use crate::exit::Exit;
use crate::job::{Prepared, now};
use crate::letters::REPLAYS;
use crate::targets::{KEY, Targets};

/// Between two looks at the counters.
const TICK: Duration = Duration::from_secs(1);
/// Samples that are kept at most: when there are more, every other one goes, and the next come half as often.
const SAMPLES: usize = 600;
/// Ticks after which others are told how far the run is.
const TELL: u32 = 5;

/// The state folder that is meant; none where the system has no place for it and none was named.
pub(crate) fn state_folder(args: &StateArgs) -> Option<PathBuf> {
    args.state.clone().or_else(|| {
        let dirs = directories::ProjectDirs::from("", "", "gristmill")?;
        Some(dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).to_owned())
    })
}

/// The same where something has to be looked up.
pub(crate) fn open_state(args: &StateArgs) -> Result<State, CliError> {
    let folder = state_folder(args).ok_or(CliError::NoState)?;
    Ok(State::open(&folder)?)
}

/// A run that was begun before and is to go on. This process holds it.
pub(crate) struct Unfinished {
    record: RunRecord,
    folder: RunFolder,
}

impl Unfinished {
    /// Its id, and the one time that it knows.
    pub(crate) fn identity(&self) -> (String, i64) {
        (self.record.id.clone(), self.record.started_at)
    }
}

/// Where the run is recorded, found before anything else is.
pub(crate) struct Place {
    state: Arc<State>,
    /// The name of the job, where it has one.
    job: Option<String>,
    work: String,
    /// Whether its work is kept.
    keeps: bool,
    unfinished: Option<Unfinished>,
}

impl Place {
    /// Opens the state folder, and finds the unfinished run of the same work, or that which is named. None: the run leaves no record.
    pub(crate) fn find(args: &JobArgs, wanted: Option<&str>, fresh: bool) -> Result<Option<Self>, CliError> {
        let Some(folder) = state_folder(&args.resume.state) else {
            tracing::warn!(
                "there is no place for the state of runs, so this one is not recorded and cannot go on after a crash; name one by --state"
            );
            return Ok(None);
        };
        // Rows that were read from a pipe cannot be taken back.
        let keeps = !args.resume.no_resume && args.to != "ndjson:-";
        let state = match State::open(&folder) {
            Ok(state) => Arc::new(state),
            Err(error) if keeps => return Err(error.into()),
            Err(error) => {
                tracing::warn!("the run is not recorded: {error}");
                return Ok(None);
            }
        };
        let work = work_of(args);
        let filter = Filter { work: Some(work.clone()), unfinished: true, ..Filter::default() };
        let mut unfinished = None;
        if keeps {
            let found = match wanted {
                Some(id) => vec![state.run(id)?],
                None => state.runs(&filter)?,
            };
            for record in found {
                let held = state.hold(&record.id)?;
                // As it is now that nobody else can work on it: it may have been done a moment ago.
                let mut record = state.run(&record.id)?;
                if !record.is_unfinished() {
                    continue;
                }
                if record.state == RunState::Running {
                    // It is we who hold it: its own process is gone.
                    record.state = RunState::Killed;
                }
                if fresh || unfinished.is_some() {
                    state.abandon(&record, Some(held))?;
                } else {
                    unfinished = Some(Unfinished { record, folder: held });
                }
            }
            state.leftovers(false)?;
        }
        Ok(Some(Self { state, job: args.monitor.job.clone(), work, keeps, unfinished }))
    }

    /// Which run goes on.
    pub(crate) fn unfinished(&self) -> Option<&Unfinished> {
        self.unfinished.as_ref()
    }

    /// When a run of the same job, or of the same work where it has no name, last ended well, microseconds since the Unix epoch, where that is known.
    pub(crate) fn last_success(&self) -> Option<i64> {
        let (job, states) = (self.job.clone(), vec![RunState::Done]);
        let work = job.is_none().then(|| self.work.clone());
        let done = self.state.runs(&Filter { job, work, states, ..Filter::default() }).ok()?;
        done.iter().find(|run| !run.details.more.contains_key(REPLAYS))?.ended_at
    }

    /// Records that the run begins.
    pub(crate) fn begin(self, args: &JobArgs, prepared: &Prepared, begun_at: i64) -> Result<Recorded, CliError> {
        let Self { state, work, keeps, unfinished, .. } = self;
        let resumed = unfinished.is_some();
        let is_unique = args.started_at.is_none();
        let (record, folder) = match unfinished {
            Some(Unfinished { record, folder }) => (record, folder),
            None => {
                let folder = state.hold(&prepared.job.run_id)?;
                let record = RunRecord { work, resumable: keeps, ..new_record(args, prepared, begun_at) };
                state.begin(&record)?;
                (record, folder)
            }
        };
        Ok(Recorded {
            earlier: record.details.clone(),
            earlier_seconds: if resumed { record.seconds } else { 0.0 },
            earlier_shuffled: if resumed { record.shuffled_bytes } else { 0 },
            keep: Keep {
                folder: folder.path().to_owned(),
                state,
                record: Arc::new(Mutex::new(record)),
                resumed,
                is_unique,
            },
            keeps,
            folder,
            start: Instant::now(),
        })
    }
}

/// A digest of what names the work: what is read, where it goes, with which plugins. Not what they are, or how they are configured: that has to be
/// the same for a run to go on, and is told where it is not.
fn work_of(args: &JobArgs) -> String {
    let path = |path: &Path| path.display().to_string();
    let folder = std::env::current_dir().unwrap_or_default();
    let mut parts = vec![path(&folder), args.export.export.clone(), without_password(&args.to)];
    parts.push(args.plugin.as_ref().map(|plugin| path(&plugin.path)).unwrap_or_default());
    parts.extend(args.validate.iter().map(|plugin| path(&plugin.path)));
    parts.push(String::new());
    parts.extend(args.rules.iter().map(|rules| path(rules)));
    gristmill_plugin::digest(parts.join("\0").as_bytes())
}

fn new_record(args: &JobArgs, prepared: &Prepared, begun_at: i64) -> RunRecord {
    let job = &prepared.job;
    let arguments = std::env::args_os().skip(1).map(|a| without_password(&a.to_string_lossy())).collect();
    let folder = std::env::current_dir().unwrap_or_default();
    let files = gristmill_pipeline::versions(job).unwrap_or_default();
    let targets = Targets::of(&args.targets);
    let mut details = Details { more: crate::history::declared(job), ..Details::default() };
    if !targets.is_empty()
        && let Ok(value) = serde_json::to_value(targets)
    {
        details.more.insert(KEY.to_owned(), value);
    }
    if let Some(replay) = &prepared.replay {
        details.more.insert(REPLAYS.to_owned(), serde_json::to_value(&replay.replays).unwrap_or_default());
    }
    let (folder, name) = match &prepared.replay {
        Some(replay) => (replay.folder.clone(), replay.input.clone()),
        None => (folder, args.export.export.clone()),
    };
    RunRecord {
        job: args.monitor.job.clone(),
        started_at: job.started_at,
        contract: gristmill_plugin::CONTRACT.to_owned(),
        command: CommandLine { arguments, folder },
        input: InputSummary { name, bytes: job.input.bytes(), files },
        destination: prepared.sink.describe(),
        plugin: plugin_record(&job.plugin.name, &job.plugin.digest, &job.plugin.config),
        validators: job.validators.iter().map(|v| plugin_record(v.name(), v.digest(), v.config())).collect(),
        seed: new_seed(&job.run_id),
        split_bytes: job.options.split_bytes,
        details,
        ..RunRecord::new(job.run_id.clone(), begun_at)
    }
}

fn plugin_record(name: &str, digest: &str, config: &str) -> PluginRecord {
    PluginRecord {
        name: name.to_owned(),
        digest: digest.to_owned(),
        config: serde_json::from_str(config).unwrap_or_default(),
        config_digest: gristmill_plugin::digest(config.as_bytes()),
    }
}

/// A run that is recorded.
pub(crate) struct Recorded {
    keep: Keep,
    keeps: bool,
    folder: RunFolder,
    /// What processes before this one left.
    earlier: Details,
    earlier_seconds: f64,
    earlier_shuffled: u64,
    start: Instant,
}

/// What is kept of a run that can go on.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) run: String,
    pub(crate) splits_done: u64,
    pub(crate) splits: u64,
}

impl Kept {
    /// What to do about the error that ended the run.
    pub(crate) fn remedy(&self, error: &CliError) -> String {
        let go_on = format!(
            "`gristmill resume {}`, or the same command: {} of {} splits are done",
            self.run, self.splits_done, self.splits
        );
        match error.remedy().filter(|_| error.code() != "run.interrupted") {
            Some(first) => format!("{}; then go on with {go_on}", first.trim_end_matches('.')),
            None => format!("Go on with {go_on}"),
        }
    }
}

impl Recorded {
    /// What the pipeline keeps the run's work with, if it is kept.
    pub(crate) fn keep(&self) -> Option<&Keep> {
        self.keeps.then_some(&self.keep)
    }

    fn record(&self) -> MutexGuard<'_, RunRecord> {
        lock(&self.keep.record)
    }

    /// Where runs are recorded, and this one as it is recorded now.
    pub(crate) fn history(&self) -> (Arc<State>, RunRecord) {
        (Arc::clone(&self.keep.state), self.record().clone())
    }

    /// Begins to take samples.
    pub(crate) fn watch(&self, progress: Arc<Progress>) -> Watch {
        let (over, ended) = mpsc::channel();
        let (record, state) = (Arc::clone(&self.keep.record), Arc::clone(&self.keep.state));
        let thread = std::thread::spawn(move || sample(&progress, &record, &state, &ended));
        Watch { over, thread }
    }

    /// Records how the run ended. Gives what is kept of its work where it can go on.
    ///
    /// What became of the run matters more than that it cannot be recorded, so that is a warning: the record then says that the run is under way,
    /// and whoever looks finds that nobody holds it.
    pub(crate) fn finish(
        self,
        progress: &Progress,
        job: &Job,
        ledger: Option<&Ledger>,
        dead_letters: Option<&LetterBox>,
        finished: Option<&Finished>,
        error: Option<&CliError>,
    ) -> Option<Kept> {
        let mut record = self.record().clone();
        // What was found and is not as it was is left as it was found.
        if self.keep.resumed && record.state != RunState::Running {
            return None;
        }
        let not_recorded = |error| tracing::warn!("how the run ended is not recorded: {error}");
        let splits_done = if self.keeps { self.keep.state.finished_splits(&record.id) } else { Ok(0) };
        let splits_done = splits_done.map_err(not_recorded).unwrap_or_default();
        record.state = match error {
            None => RunState::Done,
            Some(error) if error.code() == "run.interrupted" => RunState::Interrupted,
            Some(error) if error.code() == "run.max-rejected" => RunState::Refused,
            Some(_) => RunState::Failed,
        };
        record.resumable = self.keeps && splits_done > 0 && error.is_some_and(is_passing);
        record.ended_at = Some(now());
        record.seconds = self.earlier_seconds + self.start.elapsed().as_secs_f64();
        record.splits_taken_over = count(&progress.splits_taken_over);
        record.shuffled_bytes = self.earlier_shuffled + count(&progress.shuffled);
        record.peak_memory = record.peak_memory.max(peak_memory());
        if let Some(ledger) = ledger {
            record.ledger = serde_json::to_value(ledger).ok();
            record.refusals = ledger.refusals.clone();
        }
        record.dead_letters = dead_letters.map(ToString::to_string);
        record.exit_code = Some(error.map_or(Exit::Success, |e| Exit::of(e.blame(), e.code())).code());
        record.error = error.map(|error| RunFailure {
            code: error.code().to_owned(),
            message: error.to_string(),
            remedy: error.remedy(),
        });
        if let Some(finished) = finished {
            crate::history::keep(&self.keep.state, &mut record, finished);
        }
        record.details.phases = phases(&self.earlier, progress);
        let at = seconds_since(record.begun_at);
        record.details.samples.push(take_sample(progress, at));
        tracing::debug!(run = job.run_id, state = record.state.name(), "recorded");
        let _ = self.keep.state.finish(&record, Some(self.folder)).map_err(not_recorded);
        let kept = Kept { run: record.id.clone(), splits_done, splits: record.splits };
        record.is_unfinished().then_some(kept)
    }
}

/// Whether the same run may end otherwise when it goes on with nothing changed.
fn is_passing(error: &CliError) -> bool {
    const OF_THE_INPUT: [&str; 4] = ["storage.failed", "storage.right", "storage.credentials", "source.unreadable"];
    matches!(error.blame(), Blame::Destination | Blame::Environment | Blame::Bug)
        || OF_THE_INPUT.contains(&error.code())
}

/// A thread that takes samples until it is told that the run is over.
pub(crate) struct Watch {
    over: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl Watch {
    pub(crate) fn finish(self) {
        drop(self.over);
        // It is no part of the run: should it have failed, the run's outcome stands.
        let _ = self.thread.join();
    }
}

fn sample(progress: &Progress, record: &Mutex<RunRecord>, state: &State, ended: &mpsc::Receiver<()>) {
    let (mut every, mut ticks) = (1, 0_u32);
    let start = Instant::now();
    let (seconds, shuffled) = {
        let record = lock(record);
        (record.seconds, record.shuffled_bytes)
    };
    while let Err(mpsc::RecvTimeoutError::Timeout) = ended.recv_timeout(TICK) {
        ticks = ticks.wrapping_add(1);
        let mut record = lock(record);
        if ticks.is_multiple_of(every) {
            let at = seconds_since(record.begun_at);
            let samples = &mut record.details.samples;
            samples.push(take_sample(progress, at));
            if samples.len() >= SAMPLES {
                let mut index = 0;
                samples.retain(|_| {
                    index += 1;
                    index % 2 == 0
                });
                every *= 2;
            }
        }
        // Not before the pipeline has said that it may go on.
        if ticks.is_multiple_of(TELL) && record.state == RunState::Running {
            record.seconds = seconds + start.elapsed().as_secs_f64();
            record.shuffled_bytes = shuffled + count(&progress.shuffled);
            if let Err(error) = state.update(&record) {
                tracing::warn!("how far the run is cannot be recorded: {error}");
            }
        }
    }
}

fn take_sample(progress: &Progress, at: f64) -> Sample {
    Sample {
        at,
        bytes: count(&progress.bytes_read),
        records: count(&progress.records),
        refused: count(&progress.refused),
        rows: count(&progress.rows),
        loaded: count(&progress.rows_loaded),
    }
}

fn phases(earlier: &Details, progress: &Progress) -> Vec<PhaseTime> {
    let mut all = earlier.phases.clone();
    for (phase, seconds) in progress.phase_seconds() {
        match all.iter_mut().find(|known| known.phase == phase.name()) {
            Some(known) => known.seconds += seconds,
            None => all.push(PhaseTime { phase: phase.name().to_owned(), seconds }),
        }
    }
    all
}

fn count(counter: &std::sync::atomic::AtomicU64) -> u64 {
    counter.load(std::sync::atomic::Ordering::Relaxed)
}

#[expect(clippy::cast_precision_loss, reason = "seconds for people")]
fn seconds_since(micros: i64) -> f64 {
    (now() - micros).max(0) as f64 / 1e6
}

/// The largest resident set of this process so far, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib * 1024)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is in it is whole at any time.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
