//! What can be set.

use gristmill_sdk::prelude::*;

/// The settings. Both ranges begin at 0.
#[derive(Debug, Config)]
pub(crate) struct Settings {
    /// The highest overall score that is accepted; the lowest is 0.
    #[config(default = 1.0)]
    pub(crate) overall_score_max: f64,
    /// The highest coverage that is accepted; the lowest is 0.
    #[config(default = 1.0)]
    pub(crate) coverage_max: f64,
    /// What the column source says of the rows.
    #[config(default = "backfill")]
    pub(crate) source: String,
}

impl Settings {
    /// Refuses a range that nothing can lie in.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (name, max) in [("overall-score-max", self.overall_score_max), ("coverage-max", self.coverage_max)] {
            if max.is_nan() || max < 0.0 {
                return Err(format!("`{name}` must be 0 or more, since the range begins at 0"));
            }
        }
        Ok(())
    }
}
