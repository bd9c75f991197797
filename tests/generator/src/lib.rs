//! Makes exports: of any size from a [`Spec`], and record by record for tests that need a certain one.
//!
//! [`write_binary`] and [`write_json`] write the same documents for the same specification, byte for byte the same in every
//! run, without holding them in memory. Below them lie the parts: [`Document`] and [`Value`] (any document that
//! Firestore can hold, as entity protobuf and as REST JSON), [`LogWriter`] (records framed as a LevelDB log) and
//! [`ExportWriter`] (folders and metadata files).

mod bulk;
mod document;
mod encode;
mod export;
mod json;
mod log;
mod order;
mod report;
mod spec;

pub use bulk::{write_binary, write_json};
pub use document::{Document, Id, Value};
pub use export::{ExportWriter, Style, Written};
pub use json::{Form, Layout, pretty};
pub use log::{LogWriter, log_records};
pub use spec::{Bad, BadCount, Made, Spec};
