//! What every error of every crate can say of itself, so that the program reports them all in one way.

/// Whose fault an error is. The exit code follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The command's words, or the configuration.
    Usage,
    /// The export: missing, broken, incomplete.
    Input,
    /// The plugin: it cannot be loaded, lies, or fails too often.
    Plugin,
    /// The destination: unreachable, another schema, a refused write.
    Destination,
    /// The machine: disk full, no permission, no memory.
    Environment,
    /// gristmill itself.
    Bug,
}

/// An error that says whose fault it is and what to do next. Its `Display` says what and where.
pub trait Diagnose: std::error::Error {
    /// Stable, dotted, documented: `source.truncated`.
    fn code(&self) -> &'static str;
    /// Whose fault it is.
    fn blame(&self) -> Blame;
    /// What to do next, one sentence in the imperative, where there is something to do.
    fn remedy(&self) -> Option<String>;
}

/// Whose fault an I/O error is when the thing read or written is the user's `otherwise`: a full disk, too many open files and
/// missing memory are the machine's.
pub fn blame_io(error: &std::io::Error, otherwise: Blame) -> Blame {
    use std::io::ErrorKind::{FileTooLarge, OutOfMemory, QuotaExceeded, StorageFull};
    match error.kind() {
        StorageFull | QuotaExceeded | OutOfMemory | FileTooLarge => Blame::Environment,
        _ => otherwise,
    }
}
