//! Where exports lie: what a path, folder or pattern means, which files of it are read in which order, how they are split,
//! their bytes, and the proof that all of an export was read.
//!
//! [`discover`] answers everything that can be known without reading the records, and refuses an export that cannot be complete.
//! [`Input`] then hands out [`Split`]s, opens them, and in the end compares what was read with what the export's metadata promises.

mod ahead;
mod alike;
mod bucket;
mod discover;
mod error;
mod export;
mod input;
mod json_lines;
mod log;
mod look;
mod metadata;
mod natural;
mod open;
mod protobuf;
mod prove;
mod scan;
mod sniff;
mod split;
mod store;
mod version;

pub use gristmill_decode::Format;
pub use gristmill_storage::Credentials;

pub use ahead::Ahead;
pub use discover::{DiscoverOptions, discover};
pub use error::SourceError;
pub use input::{Collection, Compression, Export, Input, InputFile};
pub use natural::natural_cmp;
pub use prove::{BytesMeasure, FileCount, Proof, ProofState};
pub use split::Split;
pub use version::Version;
