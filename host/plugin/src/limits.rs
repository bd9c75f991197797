//! The ceilings on a plugin.

use std::time::Duration;

use cpu_time::ThreadTime;
use wasmtime::{ResourceLimiter, UpdateDeadline};

/// What a plugin may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory of one instance. Default: 256 MiB.
    pub memory: u64,
    /// Processor time of one call. A plugin cannot sleep, and a busy machine does not fail a plugin that is quick enough. Default: 2 s.
    pub call_time: Duration,
    /// Bytes that one call may return. Default: 64 MiB.
    pub output: usize,
    /// Records that may fail by the plugin's fault before the run gives up, over all workers. Default: 100.
    pub faults: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: 256 << 20, call_time: Duration::from_secs(2), output: 64 << 20, faults: 100 }
    }
}

/// Elements of all tables of an instance together: only functions live there, and the largest known guests have some ten thousand.
const TABLE_ELEMENTS: usize = 1 << 20;

/// Linear memory and tables of one instance, and whether it asked for more than it may have.
#[derive(Debug)]
pub(crate) struct Ceiling {
    memory_limit: usize,
    memory: usize,
    table_elements: usize,
    refused: bool,
}

impl Ceiling {
    pub(crate) fn new(memory_limit: u64) -> Self {
        let memory_limit = usize::try_from(memory_limit).unwrap_or(usize::MAX);
        Self { memory_limit, memory: 0, table_elements: 0, refused: false }
    }

    /// Whether memory was refused since the last question.
    pub(crate) fn take_refused(&mut self) -> bool {
        std::mem::take(&mut self.refused)
    }

    /// Bytes of all memories.
    pub(crate) fn memory(&self) -> u64 {
        self.memory as u64
    }

    /// The ceiling in bytes.
    pub(crate) fn memory_limit(&self) -> usize {
        self.memory_limit
    }
}

impl ResourceLimiter for Ceiling {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let memory = self.memory.saturating_add(desired.saturating_sub(current));
        let granted = memory <= self.memory_limit;
        if granted {
            self.memory = memory;
        } else {
            self.refused = true;
        }
        Ok(granted)
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        // The machine, or the memory's own declared maximum, refuses what the ceiling would grant: to the guest it is the same.
        self.refused = true;
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let elements = self.table_elements.saturating_add(desired.saturating_sub(current));
        let granted = elements <= TABLE_ELEMENTS;
        if granted {
            self.table_elements = elements;
        } else {
            self.refused = true;
        }
        Ok(granted)
    }
}

/// The time of one call.
#[derive(Debug)]
pub(crate) struct Deadline {
    /// Processor time of the calling thread at the start.
    start: Duration,
    limit: Duration,
}

/// A call took longer than its limit.
#[derive(Debug, thiserror::Error)]
#[error("the call took longer than {} ms of processor time", .limit.as_millis())]
pub(crate) struct Overrun {
    limit: Duration,
}

impl Deadline {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { start: ThreadTime::now().as_duration(), limit }
    }

    /// Processor time since the call began, when asked on the thread that made it.
    pub(crate) fn elapsed(&self) -> Duration {
        ThreadTime::now().as_duration().saturating_sub(self.start)
    }

    /// What the epoch's tick asks: go on until the next, or stop.
    pub(crate) fn at_tick(&self) -> wasmtime::Result<UpdateDeadline> {
        if self.elapsed() < self.limit {
            Ok(UpdateDeadline::Continue(1))
        } else {
            Err(Overrun { limit: self.limit }.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_counts_all_memories_together() {
        let mut ceiling = Ceiling::new(100);
        assert!(ceiling.memory_growing(0, 60, None).unwrap());
        assert!(!ceiling.memory_growing(0, 60, None).unwrap());
        assert!(ceiling.take_refused());
        assert!(!ceiling.take_refused());
        assert!(ceiling.memory_growing(60, 100, None).unwrap());
        assert!(!ceiling.memory_growing(100, 101, None).unwrap());
    }

    #[test]
    fn tables_have_a_ceiling() {
        let mut ceiling = Ceiling::new(0);
        assert!(ceiling.table_growing(0, TABLE_ELEMENTS, None).unwrap());
        assert!(!ceiling.table_growing(0, 1, None).unwrap());
    }

    #[test]
    fn a_deadline_stops_at_the_tick_after_it() {
        assert!(matches!(Deadline::new(Duration::from_secs(3600)).at_tick(), Ok(UpdateDeadline::Continue(1))));
        let error = Deadline::new(Duration::ZERO).at_tick().err().unwrap();
        assert!(error.is::<Overrun>());
    }
}
