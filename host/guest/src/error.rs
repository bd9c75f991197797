//! What can go wrong in building a plugin.

use std::path::PathBuf;

/// Why a plugin could not be built. The text says what to do as well, because build scripts show nothing else.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// No compiler on this machine can make WebAssembly.
    #[error(
        "no Rust toolchain for wasm32-unknown-unknown: {looked}. Get one by `rustup target add wasm32-unknown-unknown`; in a clone of \
         gristmill `cargo xtask setup` does that, or installs Debian's rustc-web and rust-web-src where rustup has no network"
    )]
    NoToolchain {
        /// What was looked at, and what it lacks.
        looked: String,
    },
    /// Every way to get a toolchain failed.
    #[error(
        "cannot install a Rust toolchain for wasm32-unknown-unknown:\n{attempts}Do one of them by hand, then try again"
    )]
    Install {
        /// One line for each attempt: the command and why it failed.
        attempts: String,
    },
    /// A program could not be started.
    #[error("cannot run `{program}`: {source}. Install Rust from https://rustup.rs, or put it on PATH")]
    Run {
        /// Its name.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// There is no package to build.
    #[error("{} has no Cargo.toml: name the folder of a plugin's package", .0.display())]
    NoPackage(PathBuf),
    /// cargo refused the package, or a compiler its code.
    #[error("building {} failed:\n{output}", package.display())]
    Cargo {
        /// The package's folder.
        package: PathBuf,
        /// What cargo and the compiler said.
        output: String,
    },
    /// The package builds, but into no WebAssembly module.
    #[error(
        "{} makes no WebAssembly module: cargo told of none for its library", .0.display()
    )]
    NoModule(PathBuf),
    /// The module is no plugin.
    #[error(
        "{} cannot be made a component: {why}. A plugin exports a world of `gristmill:plugin`, by the SDK or by wit-bindgen, and \
         imports nothing else", module.display()
    )]
    Component {
        /// The module.
        module: PathBuf,
        /// What is missing.
        why: String,
    },
    /// A file or folder cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl GuestError {
    /// For `map_err`: names the file that an I/O error is about.
    pub(crate) fn io(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), source }
    }
}
