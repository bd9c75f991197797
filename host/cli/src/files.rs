//! Files that the command line names: on this machine, or objects in Cloud Storage.

use std::path::Path;

use gristmill_source::Credentials;
use gristmill_storage::{Address, Storage};

use crate::args::ComponentFile;
use crate::error::CliError;
use crate::job::file_error;

/// Bytes of an object that is a component or a file of rules, at most.
const MOST: u64 = 512 << 20;

/// All bytes of a file, or of the object where it is an address.
pub(crate) fn read(path: &Path, google: &Credentials) -> Result<Vec<u8>, CliError> {
    let Some(address) = address(path) else { return std::fs::read(path).map_err(|e| file_error(path, e)) };
    let address: Address = parse(address)?;
    let found = Storage::connect(google)?.read_named(&address, MOST)?;
    found.map(|(_, bytes)| bytes).ok_or(CliError::NoObject { address })
}

/// The bytes of a component. One that lies in a bucket must be named by its digest, since whoever may write there could put another in its place.
pub(crate) fn read_component(file: &ComponentFile, google: &Credentials) -> Result<Vec<u8>, CliError> {
    let bytes = read(&file.path, google)?;
    match (&file.digest, address(&file.path)) {
        // Before anything of it is compiled or run.
        (Some(wanted), _) => {
            let found = gristmill_plugin::digest(&bytes);
            if found != *wanted {
                return Err(CliError::Digest { path: file.path.clone(), wanted: wanted.clone(), found });
            }
            Ok(bytes)
        }
        (None, Some(address)) => {
            Err(CliError::Unpinned { address: address.to_owned(), digest: gristmill_plugin::digest(&bytes) })
        }
        (None, None) => Ok(bytes),
    }
}

/// The text of a path that is meant as an address.
pub(crate) fn address(path: &Path) -> Option<&str> {
    path.to_str().filter(|text| Address::is_one(text))
}

/// An address that names an object.
pub(crate) fn parse(text: &str) -> Result<Address, CliError> {
    let wrong = |what: String| gristmill_storage::StorageError::Address { spec: text.to_owned(), what };
    let address: Address = text.parse().map_err(wrong)?;
    if address.name.is_empty() || address.name.ends_with('/') {
        return Err(wrong("it names no object".to_owned()).into());
    }
    Ok(address)
}
