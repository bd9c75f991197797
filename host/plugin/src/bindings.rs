//! Bindings of the contract, generated from `wit/`.
#![allow(missing_docs)]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "transformer",
    ownership: Borrowing { duplicate_if_necessary: true },
    additional_derives: [PartialEq],
});
