//! BigQuery as a destination, with Cloud Storage beside it: the doubles', which keep their rules and fail as they are told.

pub(crate) mod cloud;
mod faults;
mod look;
mod messages;
mod opinion;
mod referee;
mod rows;
