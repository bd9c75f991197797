//! The browser in which tests look at pages: Chromium without a window, from the system's packages.

use crate::{Outcome, packages};

/// Programs that do, the smallest first; tests/report/browser.rs looks for the same.
const PROGRAMS: [&str; 4] = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];
/// What Debian has: the browser, and letters for it.
const PACKAGES: [&str; 2] = ["chromium-headless-shell", "fonts-dejavu-core"];

/// Installs it where it is missing. Takes no time where it is there.
pub(crate) fn install() -> Outcome {
    let search = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&search).any(|folder| PROGRAMS.iter().any(|program| folder.join(program).is_file())) {
        return Ok(());
    }
    let needs = format!(
        "the tests of pages need Chromium; install it yourself, so that one of {} is in PATH",
        PROGRAMS.join(", ")
    );
    packages::install(&needs, |attempts| attempts.apt(&PACKAGES))
}
