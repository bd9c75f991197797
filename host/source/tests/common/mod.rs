//! What the tests of this crate share.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use gristmill_source::{Credentials, DiscoverOptions, FileCount, Format, Input, SourceError, Split};

pub(crate) const STRICT: DiscoverOptions =
    DiscoverOptions { allow_partial: false, credentials: Credentials::Default, whole: false };

pub(crate) fn partial() -> DiscoverOptions {
    DiscoverOptions { allow_partial: true, ..STRICT }
}

/// The real exports of the project.
pub(crate) fn exports() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/exports").canonicalize().unwrap()
}

pub(crate) fn names(input: &Input) -> Vec<&str> {
    input.files.iter().map(|f| f.name.as_str()).collect()
}

pub(crate) fn put(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// All that [`Input::open`] gives of a split.
pub(crate) fn read(input: &Input, split: &Split) -> Result<Vec<u8>, SourceError> {
    let mut bytes = Vec::new();
    let path = &input.files[usize::try_from(split.file).unwrap()].path;
    input.open(split)?.read_to_end(&mut bytes).map_err(|e| SourceError::from_read(path, e))?;
    Ok(bytes)
}

/// What a run would count of every file.
pub(crate) fn count(input: &Input) -> Vec<FileCount> {
    let files = input.files.iter().enumerate();
    let count = files.map(|(index, file)| {
        if file.format == Format::Json {
            return FileCount::default();
        }
        let split = Split { file: u32::try_from(index).unwrap(), start: 0, end: None };
        let records = gristmill_generator::log_records(&read(input, &split).unwrap());
        FileCount { documents: records.len() as u64, payload_bytes: records.iter().map(|r| r.len() as u64).sum() }
    });
    count.collect()
}
