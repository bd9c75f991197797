//! Bindings of the contract, a module for each version that this program speaks.
//!
//! The rest of the crate uses the words of the draft, and reaches a component through a [`Version`], chosen by what the component exports.
//! What goes in borrows (`…Param`), so that a column is copied once, into the guest's memory; what comes out is owned (`…Result`).

#[macro_use]
mod generate;
#[cfg(test)]
mod tests;
mod version;

versions! {
    draft draft "0.1.0" "../../wit";
    // Released versions, a line each, as `cargo xtask release-contract` adds them.
    // What the tests speak besides: a version that was frozen before the draft became what it is.
    #[cfg(test)]
    released v0_0_1 "0.0.1" "tests/contract";
}

pub(crate) use draft::generated::exports::gristmill::plugin::{transform, validate};
pub(crate) use draft::generated::gristmill::plugin::log::Level;
pub(crate) use draft::generated::gristmill::plugin::{columns, schema};
pub(crate) use transform::{Output, Rejection, Rows};
pub(crate) use version::{CallTransform, CallValidate, Find, Version};

/// The version of the contract that plugins are built for with the SDKs of this program.
pub const VERSION: &str = draft::VERSION.number;

/// What a plugin that maps exports, in that version.
pub(crate) const TRANSFORM: &str = draft::VERSION.transform.interface;
/// What a plugin that judges exports.
pub(crate) const VALIDATE: &str = draft::VERSION.validate.interface;

/// The versions that this program speaks, for a message: `0.1.0 and 0.2.0`.
pub(crate) fn spoken() -> String {
    let mut numbers: Vec<_> = VERSIONS.iter().map(|version| version.number).collect();
    numbers.sort_by_key(|number| version::numbers(number));
    numbers.dedup();
    match numbers.split_last() {
        Some((last, [])) => format!("version {last}"),
        Some((last, others)) => format!("versions {} and {last}", others.join(", ")),
        None => "none".to_owned(),
    }
}

pub(crate) use version::numbers;
