//! Bytes of Firestore exports to columns of the declared fields: LevelDB log, entity protobuf, JSON.
//!
//! Pure functions over bytes: no files, no threads. A caller feeds bytes and takes batches:
//!
//! ```no_run
//! # use std::io::Read;
//! # use std::sync::Arc;
//! # use gristmill_decode::{Decoder, Format, Limits, Projection};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut decoder = Decoder::new(Format::Json, Arc::new(Projection::documents(None, 0)), 0, None, Limits::default());
//! let mut file = std::io::stdin();
//! while !decoder.is_done() {
//!     match file.read(decoder.room(1 << 18))? {
//!         0 => decoder.finish_input(),
//!         n => decoder.fed(n),
//!     }
//!     while let Some(batch) = decoder.next_batch(4_096)? {
//!         println!("{} documents", batch.columns.num_rows());
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod append;
mod batch;
mod columns;
mod decoder;
mod document;
mod entity;
mod entity_rest;
mod error;
mod frames;
mod json;
mod key;
mod log;
mod name;
mod projection;
mod property;
mod rest;
mod rows;
mod transcode;
mod typed;
mod value;
mod wire;

pub use batch::{Batch, RefusedRecord, Tally};
pub use decoder::{Decoder, Format, Limits};
pub use error::DecodeError;
pub use projection::Projection;
