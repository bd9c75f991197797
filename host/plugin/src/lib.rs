//! The sandbox.
mod bindings;
