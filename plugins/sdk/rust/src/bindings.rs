//! What wit-bindgen makes of the contract. Nothing of it is part of the SDK's interface.

#![allow(missing_docs, unsafe_code, clippy::all, clippy::pedantic, clippy::restriction)]

wit_bindgen::generate!({
    world: "transformer",
    path: "../../../wit",
    pub_export_macro: true,
    export_macro_name: "__export",
    default_bindings_module: "gristmill_sdk::__private::bindings",
});
