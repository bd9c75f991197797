//! Getting a toolchain that is not there.

use super::toolchain::{TARGET, Toolchain};
use crate::GuestError;
use crate::install::Attempts;

/// Debian's compiler and the source of its standard library.
const PACKAGES: [&str; 2] = ["rustc-web", "rust-web-src"];

impl Toolchain {
    /// The toolchain of this machine, installed where it is not there: by rustup, else from Debian's packages.
    ///
    /// `progress` is told, in a line each, what is done.
    ///
    /// # Errors
    /// [`GuestError::Install`] with every attempt and why it failed.
    pub(crate) fn install(progress: &mut dyn FnMut(&str)) -> Result<Self, GuestError> {
        if let Ok(found) = Self::find() {
            progress(&format!("toolchain for Rust: {}", found.describe()));
            return Ok(found);
        }
        let mut attempts = Attempts::new(progress);
        if !attempts.run(&["rustup", "target", "add", TARGET]) {
            attempts.apt(&PACKAGES);
        }
        let attempts = attempts.failed();
        let found = Self::find().map_err(|e| {
            if attempts.is_empty() {
                e
            } else {
                GuestError::Install { what: "a Rust toolchain for wasm32-unknown-unknown", attempts }
            }
        })?;
        progress(&format!("toolchain for Rust: {}", found.describe()));
        Ok(found)
    }
}
