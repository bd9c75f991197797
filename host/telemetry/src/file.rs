//! Metrics in a file for the textfile collector of node_exporter.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::error::TelemetryError;
use crate::text::text;
use crate::watched::Watched;

/// What the name of the file ends with: the collector reads no other.
pub const ENDING: &str = ".prom";

/// Looks whether the file can be written, before a run begins.
///
/// # Errors
/// When its folder is not there, or cannot be written.
pub fn check_file(path: &Path) -> Result<(), TelemetryError> {
    aside(path).map(drop).map_err(|source| TelemetryError::File { path: path.to_owned(), source })
}

/// Writes what is known of the run. Who reads the file sees what was there before, or all of it.
///
/// # Errors
/// When it cannot be written.
pub fn write_file(path: &Path, watched: &Watched) -> Result<(), TelemetryError> {
    let write = || -> io::Result<()> {
        let mut file = aside(path)?;
        file.write_all(text(&watched.values()).as_bytes())?;
        let_others_read(file.as_file())?;
        file.persist(path).map(drop).map_err(|error| error.error)
    };
    write().map_err(|source| TelemetryError::File { path: path.to_owned(), source })
}

/// A file beside it, with a name that the collector does not read.
fn aside(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.map_or_else(|| PathBuf::from("."), Path::to_owned);
    tempfile::Builder::new().prefix(".gristmill-").suffix(".tmp").tempfile_in(folder)
}

/// The collector is another user.
#[cfg(unix)]
fn let_others_read(file: &std::fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn let_others_read(_file: &std::fs::File) -> io::Result<()> {
    Ok(())
}
