//! Bindings of the contract, generated from `wit/`.
//!
//! What goes in borrows (`…Param`), so that a column is copied once, into the guest's memory; what comes out is owned (`…Result`).

mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "transformer",
        ownership: Borrowing { duplicate_if_necessary: true },
        additional_derives: [PartialEq],
    });
}

pub(crate) use generated::exports::gristmill::plugin::transform::{Output, Rejection, Rows};
pub(crate) use generated::gristmill::plugin::log::Level;
pub(crate) use generated::gristmill::plugin::{columns, schema};
pub(crate) use generated::{Transformer, TransformerPre};

/// The version of the contract, which every name of an interface carries.
pub(crate) const VERSION: &str = "0.1.0";
/// What a plugin exports.
pub(crate) const TRANSFORM: &str = "gristmill:plugin/transform@0.1.0";
/// What a plugin may call.
pub(crate) const LOG: &str = "gristmill:plugin/log@0.1.0";
/// Interfaces that hold types alone.
pub(crate) const TYPES: [&str; 2] = ["gristmill:plugin/columns@0.1.0", "gristmill:plugin/schema@0.1.0"];
