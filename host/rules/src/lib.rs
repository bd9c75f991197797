//! Rules for rows, written in a file: a validator without code.
//!
//! ```toml
//! [[rule]]
//! name = "coverage-range"            # how violations are counted and gates name it
//! column = "coverage"                # of every table that has it, or of `table = "…"`
//! range = { min = 0, max = 1 }       # one check a rule
//! severity = "error"                 # or "warning": counted, and the row goes on
//! gate = "0.1%"                      # more rows than this: nothing is loaded
//! ```
//!
//! [`RulesFile::parse`] → [`RulesFile::compile`] → [`Rules`], which is a [`gristmill_plugin::Validate`]. `file.rs` reads the TOML, `compile.rs` fits
//! the rules to the tables, `check.rs` judges columns. Null breaks no rule but `required`. Messages hold no values: they may be shown where rows are not.

mod check;
mod compile;
mod error;
mod file;

pub use compile::Rules;
pub use error::RulesError;
pub use file::RulesFile;
