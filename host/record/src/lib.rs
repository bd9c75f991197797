//! The nouns of gristmill, which every other crate speaks of: schema, document pattern, batch, refusal, key.
//!
//! A value that exists here is valid: [`Description`], [`Table`] and [`PathPattern`] can only be made by the
//! constructors that check them.

pub mod arrow;
pub mod description;
pub mod diagnose;
mod grant;
pub mod outcome;
pub mod pattern;
pub mod time;
mod type_text;
pub mod types;

pub use description::{Description, Input, OnMismatch, Origin, OutputColumn, SchemaError, Table, TableDraft};
pub use diagnose::{Blame, Diagnose};
pub use grant::Grant;
pub use outcome::{Place, Refusal, Stage};
pub use pattern::{PathPattern, PatternError};
pub use types::{DataType, Field, Scalar};
