//! Tests that talk to the built program, as a person or a script would.

mod kit;

mod broken_input;
mod collisions;
mod command_line;
mod determinism;
mod exports;
mod guests;
mod tutorial;
mod yago;
