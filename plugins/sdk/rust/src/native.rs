//! A plugin without a sandbox, compiled into another program.

use crate::run::{Plugin, Transform};

pub use crate::__private::{
    About, Array, Batch, Description, NestedLists, Output, RejectedRow, Rows, RunContext, StructFields, Values, Varlen,
    schema,
};

/// A configured plugin.
pub struct NativeTransform(Transform);

impl NativeTransform {
    /// Maps a batch as a call of the component would, which owns and frees its input, too.
    ///
    /// # Errors
    /// What no record is to blame for, such as a batch that does not fit the description.
    pub fn transform(&mut self, batch: Batch) -> Result<Output, String> {
        self.0.transform(&batch)
    }
}

/// Configures a plugin.
///
/// # Errors
/// Why the configuration cannot be used.
pub fn open<P: Plugin>(config: &str, run_id: &str, started_at: i64) -> Result<(Description, NativeTransform), String> {
    let run = RunContext { run_id: run_id.to_owned(), started_at };
    let (description, transform) = P::open(config, run)?;
    Ok((description, NativeTransform(transform)))
}
