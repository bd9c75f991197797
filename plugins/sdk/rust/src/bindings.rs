//! What wit-bindgen makes of the contract. Nothing of it is part of the SDK's interface.

#![allow(missing_docs, unsafe_code, clippy::all, clippy::pedantic, clippy::restriction)]

wit_bindgen::generate!({
    world: "transformer",
    path: "../../../wit",
    pub_export_macro: true,
    export_macro_name: "__export",
    default_bindings_module: "gristmill_sdk::__private::bindings",
});

/// The world of plugins that judge; its types are those of the other.
pub mod validator {
    wit_bindgen::generate!({
        world: "validator",
        path: "../../../wit",
        with: {
            "gristmill:plugin/columns@0.1.0": crate::bindings::gristmill::plugin::columns,
            "gristmill:plugin/schema@0.1.0": crate::bindings::gristmill::plugin::schema,
            "gristmill:plugin/log@0.1.0": crate::bindings::gristmill::plugin::log,
        },
        pub_export_macro: true,
        export_macro_name: "__export_validator",
        default_bindings_module: "gristmill_sdk::__private::bindings::validator",
    });
}
