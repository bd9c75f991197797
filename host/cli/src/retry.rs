//! A run that failed of something that may pass is run again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;
use gristmill_pipeline::Progress;
use gristmill_record::Diagnose;

use crate::error::CliError;
use crate::exit::Exit;

/// Errors that may pass by themselves: who is busy or away now may be back in a minute. `docs/watching.md` lists them.
pub(crate) const PASSING: [&str; 8] = [
    "sink.busy",
    "sink.lost",
    "sink.quota",
    "sink.unreachable",
    "source.unreadable",
    "storage.checksum",
    "storage.failed",
    "run.work-file",
];

/// How often, and when.
#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    /// How often a run is tried in all where it fails of something that may pass, such as a server that cannot be reached: it goes on with what it has done
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) retry_attempts: u16,
    /// How long it waits before the second; before each further one twice as long, up to an hour
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration)]
    pub(crate) retry_wait: Duration,
}

/// Waits get no longer than this.
const LONGEST: Duration = Duration::from_secs(3600);

impl RetryArgs {
    /// How long to wait after so many attempts, from 1; none where it is not tried again.
    pub(crate) fn wait_after(&self, attempt: u16, error: &CliError) -> Option<Duration> {
        let again = attempt < self.retry_attempts && PASSING.contains(&error.code());
        let times = 1_u32.checked_shl(u32::from(attempt) - 1).unwrap_or(u32::MAX);
        again.then(|| self.retry_wait.saturating_mul(times).min(LONGEST.max(self.retry_wait)))
    }
}

/// What a signal ends: the run that is under way. A first one ends it in good order, a second one the process at once.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    progress: Arc<Mutex<Option<Arc<Progress>>>>,
    tell: Arc<AtomicBool>,
    is_set: AtomicBool,
}

impl Signals {
    /// From now on a signal ends this run. `tell`: it is said that what is under way is finished first.
    pub(crate) fn end(&self, progress: &Arc<Progress>, tell: bool) -> Result<(), CliError> {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(progress));
        self.tell.store(tell, Ordering::Relaxed);
        if self.is_set.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let (progress, tell) = (Arc::clone(&self.progress), Arc::clone(&self.tell));
        ctrlc::set_handler(move || {
            let progress = progress.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if progress.as_ref().is_none_or(|progress| progress.is_cancelled()) {
                std::process::exit(Exit::Interrupted.code().into());
            }
            progress.iter().for_each(|progress| progress.cancel());
            if tell.load(Ordering::Relaxed) {
                eprintln!("interrupted: what is under way is finished, for some seconds; once more to stop at once");
            }
        })
        .map_err(|e| CliError::Environment(format!("signals cannot be handled: {e}")))
    }

    /// Waits. Gives whether it came to the end of that, and no signal came.
    pub(crate) fn wait(&self, time: Duration) -> bool {
        self.tell.store(false, Ordering::Relaxed);
        let start = Instant::now();
        let is_cancelled = || {
            let progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
            progress.as_ref().is_some_and(|progress| progress.is_cancelled())
        };
        while start.elapsed() < time {
            if is_cancelled() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(50).min(time.saturating_sub(start.elapsed())));
        }
        !is_cancelled()
    }
}
