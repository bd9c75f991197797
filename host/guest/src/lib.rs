//! Builds plugins: finds a toolchain for WebAssembly, compiles a package with cargo and makes a component of the result.
//!
//! The target is `wasm32-unknown-unknown`: its modules import nothing that the plugin's world does not name. Where rustup
//! cannot deliver the target's standard library, it is compiled from source ([`Toolchain::find`]).
//!
//! It has few dependencies because build scripts use it.

mod build;
mod environment;
mod error;
mod install;
mod repository;
mod toolchain;

pub use build::{build, build_with};
pub use error::GuestError;
pub use repository::{default_plugin, fixture, guests_dir, plugins_dir};
pub use toolchain::Toolchain;
