//! Bindings of the contract, generated from `wit/`.
//!
//! What goes in borrows (`…Param`), so that a column is copied once, into the guest's memory; what comes out is owned (`…Result`).

mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit",
        // Both worlds at once, so that they share their types. Which of them a component is of is told by what it exports.
        inline: "
            package gristmill:host;
            world host {
                include gristmill:plugin/transformer@0.1.0;
                include gristmill:plugin/validator@0.1.0;
            }
        ",
        world: "gristmill:host/host",
        ownership: Borrowing { duplicate_if_necessary: true },
        additional_derives: [PartialEq],
    });
}

pub(crate) use generated::exports::gristmill::plugin::{transform, validate};
pub(crate) use generated::gristmill::plugin::log::Level;
pub(crate) use generated::gristmill::plugin::{columns, schema};
pub(crate) use transform::{Output, Rejection, Rows};

/// The version of the contract that this program speaks; every name of an interface carries it.
pub const VERSION: &str = "0.1.0";
/// What a plugin that maps exports.
pub(crate) const TRANSFORM: &str = "gristmill:plugin/transform@0.1.0";
/// What a plugin that judges exports.
pub(crate) const VALIDATE: &str = "gristmill:plugin/validate@0.1.0";
/// What a plugin may call.
pub(crate) const LOG: &str = "gristmill:plugin/log@0.1.0";
/// Interfaces that hold types alone.
pub(crate) const TYPES: [&str; 2] = ["gristmill:plugin/columns@0.1.0", "gristmill:plugin/schema@0.1.0"];
