//! What a plugin says to the people who run it.

use std::sync::Arc;

use crate::bindings::Level;
use crate::text::tame;

/// Messages of one instance that are passed on.
const MESSAGES: u64 = 100;

/// Bytes of a message that are passed on.
const LENGTH: usize = 1024;

/// Passes the messages of one instance on to `tracing`, as long as they are few.
#[derive(Debug)]
pub(crate) struct Log {
    plugin: Arc<str>,
    count: u64,
}

impl Log {
    pub(crate) fn new(plugin: Arc<str>) -> Self {
        Self { plugin, count: 0 }
    }

    /// Whether the next message will be passed on: if not, it need not be read. What nobody wants to hear is not counted.
    pub(crate) fn begin(&mut self, level: Level) -> bool {
        let is_wanted = match level {
            Level::Debug => tracing::enabled!(target: "gristmill::plugin", tracing::Level::DEBUG),
            Level::Info => tracing::enabled!(target: "gristmill::plugin", tracing::Level::INFO),
            Level::Warn => tracing::enabled!(target: "gristmill::plugin", tracing::Level::WARN),
            Level::Error => tracing::enabled!(target: "gristmill::plugin", tracing::Level::ERROR),
        };
        if is_wanted {
            self.count = self.count.saturating_add(1);
        }
        is_wanted && self.count <= MESSAGES
    }

    /// Whether no message will be passed on any more.
    pub(crate) fn is_full(&self) -> bool {
        self.count >= MESSAGES
    }

    pub(crate) fn pass_on(&self, level: Level, message: &str) {
        let (plugin, message) = (&*self.plugin, tame(message, LENGTH));
        match level {
            Level::Debug => tracing::debug!(target: "gristmill::plugin", plugin, "{message}"),
            Level::Info => tracing::info!(target: "gristmill::plugin", plugin, "{message}"),
            Level::Warn => tracing::warn!(target: "gristmill::plugin", plugin, "{message}"),
            Level::Error => tracing::error!(target: "gristmill::plugin", plugin, "{message}"),
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(more @ 1..) = self.count.checked_sub(MESSAGES) {
            let plugin = &*self.plugin;
            tracing::warn!(target: "gristmill::plugin", plugin, "{more} more messages of this plugin are not shown");
        }
    }
}
