//! What a run tells others while it goes on, and when it ends.
//!
//! There is one account of it, [`Watched`], which is read from the run's own counters whenever somebody asks, so that no two of those who tell it can disagree:
//!
//! * [`Server`] answers Prometheus, and [`write_file`] writes what it would have answered in the end into a file for the textfile collector of node_exporter;
//! * [`Otlp`] sends the same metrics, and a trace with a span a phase and a span a split, by OpenTelemetry's protocol over HTTP.
//!
//! [`METRICS`] are all metrics with their names, units and meanings. Nothing in here says anything of what is in records (invariant 10), and nothing in here can
//! make a run fail once it has begun.

mod client;
mod error;
mod file;
mod metrics;
mod otlp;
mod server;
mod text;
mod watched;

pub use client::post;
pub use error::TelemetryError;
pub use file::{ENDING, check_file, write_file};
pub use metrics::{Kind, METRICS, Metric};
pub use otlp::{Endpoint, Otlp};
pub use server::Server;
pub use text::text;
pub use watched::{About, End, Number, Value, Watched};
