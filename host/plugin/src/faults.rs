//! Faults of a plugin: how often it fails, what that costs, and which record of a failed batch does it.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::PluginError;
use crate::instance::{Fault, Maker};

/// Time that may be lost to failed calls before the run gives up, over all workers, in limits of one call: with an endless loop on
/// every record each fault costs one.
const LOST_CALLS: u32 = 30;

/// A part of a failed batch gets this share of the time limit: to run out of it only means to be halved again.
const PART_SHARE: u32 = 8;

/// Least time limit of a part.
const PART_LEAST: Duration = Duration::from_millis(20);

/// How often a plugin failed, and what that cost, over all workers.
#[derive(Default)]
pub(crate) struct Faults {
    records: AtomicU32,
    lost_micros: AtomicU64,
}

impl Faults {
    fn too_many(&self, maker: &Maker, fault: &Fault, limit: String) -> PluginError {
        PluginError::TooManyFaults {
            plugin: maker.plugin.to_string(),
            records: self.records.load(Ordering::Relaxed),
            last_code: fault.code,
            limit,
        }
    }

    /// Counts the time of a failed call.
    pub(crate) fn lose(&self, maker: &Maker, time: Duration, fault: &Fault) -> Result<(), PluginError> {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let lost = self.lost_micros.fetch_add(micros, Ordering::Relaxed).saturating_add(micros);
        let limit = maker.limits.call_time.saturating_mul(LOST_CALLS);
        if u128::from(lost) <= limit.as_micros() {
            return Ok(());
        }
        let limit = format!("{} s of processor time in calls that failed", limit.as_secs_f64());
        Err(self.too_many(maker, fault, limit))
    }

    /// Counts a record.
    fn blame(&self, maker: &Maker, fault: &Fault) -> Result<(), PluginError> {
        let records = self.records.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let limit = maker.limits.faults;
        if records <= limit {
            return Ok(());
        }
        Err(self.too_many(maker, fault, format!("the limit of {limit} such records")))
    }
}

/// Halves a batch of `rows` rows that failed down to the rows that do it, which are told to `blame`. `call` is to call the plugin in a fresh
/// instance with so many rows from the given one on, within the time limit; of its two errors the inner one is a fault, which is halved again.
pub(crate) fn halve(
    rows: usize,
    fault: Fault,
    maker: &Maker,
    faults: &Faults,
    mut blame: impl FnMut(u32, Fault),
    mut call: impl FnMut(u32, usize, Duration) -> Result<Result<(), Fault>, PluginError>,
) -> Result<(), PluginError> {
    let full = maker.limits.call_time;
    let share = full.checked_div(PART_SHARE).unwrap_or(full).max(PART_LEAST).min(full);
    // Parts that are known to fail, the first on top.
    let mut failed: Vec<(usize, usize, Fault)> = vec![(0, rows, fault)];
    let mut waiting: Vec<(usize, usize)> = Vec::new();
    loop {
        if let Some((first, rows, fault)) = failed.pop() {
            let half = rows / 2;
            if half > 0 {
                waiting.push((first.saturating_add(half), rows - half));
                waiting.push((first, half));
            } else {
                faults.blame(maker, &fault)?;
                blame(u32::try_from(first).unwrap_or(u32::MAX), fault);
            }
        }
        let Some((first, rows)) = waiting.pop() else { return Ok(()) };
        let limit = if rows == 1 { full } else { share };
        if let Err(fault) = call(u32::try_from(first).unwrap_or(u32::MAX), rows, limit)? {
            failed.push((first, rows, fault));
        }
    }
}
