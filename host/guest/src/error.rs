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
    /// Every way to get a tool failed.
    #[error("cannot install {what}:\n{attempts}Do one of them by hand, then try again")]
    Install {
        /// What was to be installed.
        what: &'static str,
        /// One line for each attempt: the command and why it failed.
        attempts: String,
    },
    /// A program could not be started.
    #[error("cannot run `{program}`: {source}. Install it, or put it on PATH")]
    Run {
        /// Its name.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// A program that builds plugins is not there.
    #[error("`{program}` is not there, neither on PATH nor in {}. {remedy}", folder.display())]
    NoProgram {
        /// Its name.
        program: &'static str,
        /// The plugin's folder.
        folder: PathBuf,
        /// How to get it.
        remedy: &'static str,
    },
    /// No clang on this machine can make WebAssembly.
    #[error(
        "no clang that makes WebAssembly: {looked}. Get one by `apt-get install clang lld wasi-libc libclang-rt-dev-wasm32` on Debian or \
         Ubuntu, or WASI SDK from https://github.com/WebAssembly/wasi-sdk, with its folder in the variable WASI_SDK_PATH"
    )]
    NoClang {
        /// What was looked at, and what it lacks.
        looked: String,
    },
    /// There is nothing to build.
    #[error(
        "{} has no plugin: it needs a Cargo.toml (Rust), a plugin.py or validator.py (Python), a package.json (JavaScript), or a plugin.c or validator.c (C)", .0.display()
    )]
    NoPlugin(PathBuf),
    /// The SDK that a project is to be built with is not there.
    #[error(
        "{} has no folder gristmill-sdk, with which `gristmill plugin new` makes a project; copy that of another project", .0.display()
    )]
    NoSdk(PathBuf),
    /// The compiler refused the plugin.
    #[error("building {} failed:\n{output}", folder.display())]
    Failed {
        /// The plugin's folder.
        folder: PathBuf,
        /// What the compiler said.
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
         imports nothing else", folder.display()
    )]
    Component {
        /// The plugin's folder.
        folder: PathBuf,
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
