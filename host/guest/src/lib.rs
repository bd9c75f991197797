//! Builds plugins: finds the compiler of a language for WebAssembly, runs it and makes a component of the result.
//!
//! [`Language`] tells by the files of a folder what it is written in; `rust`, `python`, `javascript` and `c` build it. A module of Rust is for
//! `wasm32-unknown-unknown`: it imports nothing that the plugin's world does not name. Where rustup cannot deliver the target's standard
//! library, it is compiled from source.
//!
//! It has few dependencies because build scripts use it.

mod build;
mod c;
mod environment;
mod error;
mod install;
mod javascript;
mod language;
mod project;
mod python;
mod repository;
mod rust;

pub use build::{build, build_with};
pub use error::GuestError;
pub use install::Attempts;
pub use language::Language;
pub use repository::{default_plugin, fixture, guests_dir, plugins_dir, tools_dir};
