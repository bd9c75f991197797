//! The sandbox: loads, checks, limits and calls plugins. The only crate that names wasmtime.
//!
//! [`Engine`] → [`Plugin::load`] → [`Plugin::configure`] → [`Transform::worker`] → [`TransformWorker::transform`]. A plugin is checked at each
//! step for all that the step relies on: `contract.rs` its imports and exports, `about.rs` and `describe.rs` what it says, `output.rs`
//! and `arrays.rs` what it returns. `faults.rs` finds the record to blame. A plugin that judges goes the same way by
//! [`Plugin::configure_validator`] and [`Validate::worker`].
#![deny(unsafe_code)]

mod about;
mod arrays;
mod bindings;
mod cache;
mod contract;
mod describe;
mod engine;
mod error;
mod faults;
mod input;
mod instance;
mod judge;
mod limits;
mod log;
mod output;
mod plugin;
mod settings;
mod table;
mod text;
mod transform;
mod validator;
mod wasi;
mod worker;

pub use about::{About, Setting};
pub use bindings::VERSION as CONTRACT;
pub use engine::Engine;
pub use error::PluginError;
pub use judge::{Severity, Unique, Validate, ValidateWorker, Violation};
pub use limits::Limits;
pub use plugin::{ConfiguredPlugin, Context, Plugin, digest};
pub use transform::{Mapped, Part, RecordFault, Rejection, TableRows, Transform, TransformWorker};
pub use validator::ConfiguredValidator;
