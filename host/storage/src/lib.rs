//! Objects in Cloud Storage: listed, read and written with Google's own client, behind functions that block.
//!
//! An object is read as it was when it was listed: its generation is pinned, and its bytes are compared with the checksum of the listing before
//! anything of them counts. `STORAGE_EMULATOR_HOST` sends everything to an emulator, without credentials.

mod address;
mod client;
mod credentials;
mod error;
mod read;
mod threads;
mod upload;
mod write;

pub use address::Address;
pub use client::{Object, Storage};
pub use credentials::Credentials;
pub use error::StorageError;
pub use read::Reader;
pub use upload::Uploads;
