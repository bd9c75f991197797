//! How far a run is: counters that workers bump and a display reads when it likes.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

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

const PHASES: [Phase; 5] = [Phase::Prepare, Phase::Map, Phase::Dedup, Phase::Load, Phase::Commit];

/// Counters of a run under way, and the switch that ends it early. All may be read at any time from any thread.
#[derive(Debug, Default)]
pub struct Progress {
    phase: AtomicU8,
    cancelled: AtomicBool,
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
}

impl Progress {
    /// What the run is doing.
    pub fn phase(&self) -> Phase {
        PHASES.get(usize::from(self.phase.load(Ordering::Relaxed))).copied().unwrap_or(Phase::Commit)
    }

    pub(crate) fn enter(&self, phase: Phase) {
        let index = PHASES.iter().position(|p| *p == phase).and_then(|i| u8::try_from(i).ok()).unwrap_or_default();
        self.phase.store(index, Ordering::Relaxed);
        tracing::debug!(?phase, "phase");
    }

    /// Asks the run to end as soon as it can, with nothing loaded.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether the run was asked to end.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    pub(crate) fn bump(counter: &AtomicU64, by: u64) {
        counter.fetch_add(by, Ordering::Relaxed);
    }
}
