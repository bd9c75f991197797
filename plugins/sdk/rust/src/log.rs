//! Messages to the people who run a plugin. The host limits their number and length. Keep the content of records out of them.

#[cfg(target_arch = "wasm32")]
use crate::__private::bindings::gristmill::plugin::log::{Level, log};

/// Outside the sandbox nobody listens.
#[cfg(not(target_arch = "wasm32"))]
mod silent {
    pub(super) enum Level {
        Debug,
        Info,
        Warn,
        Error,
    }
    pub(super) fn log(_: Level, _: &str) {}
}
#[cfg(not(target_arch = "wasm32"))]
use silent::{Level, log};

/// For whoever looks for a mistake.
pub fn debug(message: &str) {
    log(Level::Debug, message);
}

/// Good to know.
pub fn info(message: &str) {
    log(Level::Info, message);
}

/// Something to look at.
pub fn warn(message: &str) {
    log(Level::Warn, message);
}

/// Something is wrong.
pub fn error(message: &str) {
    log(Level::Error, message);
}
