//! How far a run is: counters that workers bump and a display reads when it likes.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use crate::ledger::count_code;
use crate::rows::lock;

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Looking at input, plugin and destination.
    Prepare,
    /// Reading, decoding, transforming.
    Map,
    /// Finding duplicates.
    Dedup,
    /// Handing rows to the destination.
    Load,
    /// Making them visible.
    Commit,
}

impl Phase {
    /// Its name in records and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Map => "map",
            Self::Dedup => "dedup",
            Self::Load => "load",
            Self::Commit => "commit",
        }
    }
}

/// How long the splits under way may take to their end when a run is interrupted whose work is kept.
const DRAIN: Duration = Duration::from_secs(10);

/// All phases, in order.
pub const PHASES: [Phase; 5] = [Phase::Prepare, Phase::Map, Phase::Dedup, Phase::Load, Phase::Commit];

/// A split that is done.
#[derive(Debug, Clone, Copy)]
pub struct SplitDone<'a> {
    /// Its number among all splits of the input, from 0.
    pub index: usize,
    /// The file that it is of, relative to the input.
    pub file: &'a str,
    /// Where in the file it begins, bytes.
    pub start: u64,
    /// Records that were read.
    pub records: u64,
    /// Dead letters.
    pub refused: u64,
    /// Whether a process before this one had done it.
    pub taken_over: bool,
    /// How long this process took over it.
    pub took: Duration,
}

/// Somebody who is told what happens as it does. Called on the threads that do the work, once a phase and once a split: it must be quick.
pub trait Observer: Debug + Send + Sync {
    /// A phase begins.
    fn phase(&self, phase: Phase);
    /// A split is done.
    fn split(&self, split: &SplitDone<'_>);
}

/// Counters of a run under way, and the switch that ends it early. All may be read at any time from any thread.
#[derive(Debug, Default)]
pub struct Progress {
    phase: AtomicU8,
    cancelled: AtomicBool,
    /// Whether what is under way is worth finishing when the run is cancelled.
    drains: AtomicBool,
    cancelled_at: Mutex<Option<Instant>>,
    /// When each phase began, in order.
    entered: Mutex<Vec<(Phase, Instant)>>,
    observer: OnceLock<Box<dyn Observer>>,
    /// Dead letters of finished splits, by code.
    refusals: Mutex<BTreeMap<String, u64>>,
    /// Bytes of input files, as they lie on disk.
    pub bytes_total: AtomicU64,
    /// Of them, bytes of splits that are mapped; while a split of an uncompressed file is under way, what was read of it.
    pub bytes_read: AtomicU64,
    /// Records read.
    pub records: AtomicU64,
    /// Records refused.
    pub refused: AtomicU64,
    /// Rows made.
    pub rows: AtomicU64,
    /// Rows that will be handed to the destination, known from the load on.
    pub rows_to_load: AtomicU64,
    /// Rows handed to the destination.
    pub rows_loaded: AtomicU64,
    /// Bytes of rows and keys written to the work folder because memory was full.
    pub spilled: AtomicU64,
    /// Bytes of rows written to the run's folder so that it can go on.
    pub shuffled: AtomicU64,
    /// Splits of the input.
    pub splits: AtomicU64,
    /// Of them, those that are mapped.
    pub splits_done: AtomicU64,
    /// Of those, the ones that a process before this one had finished.
    pub splits_taken_over: AtomicU64,
}

impl Progress {
    /// What the run is doing.
    pub fn phase(&self) -> Phase {
        PHASES.get(usize::from(self.phase.load(Ordering::Relaxed))).copied().unwrap_or(Phase::Commit)
    }

    pub(crate) fn enter(&self, phase: Phase) {
        let index = PHASES.iter().position(|p| *p == phase).and_then(|i| u8::try_from(i).ok()).unwrap_or_default();
        self.phase.store(index, Ordering::Relaxed);
        lock(&self.entered).push((phase, Instant::now()));
        if let Some(observer) = self.observer.get() {
            observer.phase(phase);
        }
        tracing::debug!(?phase, "phase");
    }

    /// How long each phase took, that under way until now.
    pub fn phase_seconds(&self) -> Vec<(Phase, f64)> {
        let entered = lock(&self.entered);
        let ends = entered.iter().skip(1).map(|(_, at)| *at).chain([Instant::now()]);
        entered.iter().zip(ends).map(|((phase, began), end)| (*phase, (end - *began).as_secs_f64())).collect()
    }

    /// Names who is told what happens. The first to be named stays.
    pub fn observe(&self, observer: Box<dyn Observer>) {
        let _ = self.observer.set(observer);
    }

    /// Dead letters of the splits that are done, by code. Those that are found when all rows are known come with the ledger only.
    pub fn refusals(&self) -> BTreeMap<String, u64> {
        lock(&self.refusals).clone()
    }

    /// Counts a split as done; `refusals` are its dead letters by code.
    pub(crate) fn split_done(&self, split: &SplitDone<'_>, refusals: &BTreeMap<String, u64>) {
        Self::bump(&self.splits_done, 1);
        if split.taken_over {
            Self::bump(&self.splits_taken_over, 1);
        }
        if !refusals.is_empty() {
            let mut all = lock(&self.refusals);
            refusals.iter().for_each(|(code, count)| count_code(&mut all, code, *count));
        }
        if let Some(observer) = self.observer.get() {
            observer.split(split);
        }
    }

    /// Asks the run to end as soon as it can, with nothing loaded. Where its work is kept, the splits under way are finished first, for some seconds.
    pub fn cancel(&self) {
        lock(&self.cancelled_at).get_or_insert_with(Instant::now);
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether the run was asked to end.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// From now on what is under way is worth finishing when the run is cancelled.
    pub(crate) fn drain(&self) {
        self.drains.store(true, Ordering::Relaxed);
    }

    /// Whether a split under way is to be given up.
    pub(crate) fn must_stop(&self) -> bool {
        self.is_cancelled()
            && (!self.drains.load(Ordering::Relaxed)
                || lock(&self.cancelled_at).is_none_or(|since| since.elapsed() > DRAIN))
    }

    /// The same for no more than is left of something: at its end a split reads into the next one, which counts those bytes.
    pub(crate) fn bump_up_to(counter: &AtomicU64, by: u64, left: &mut u64) {
        let by = by.min(*left);
        *left -= by;
        Self::bump(counter, by);
    }

    pub(crate) fn bump(counter: &AtomicU64, by: u64) {
        counter.fetch_add(by, Ordering::Relaxed);
    }
}
