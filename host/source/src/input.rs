//! What is read: files in input order, and the exports that they belong to.

use std::ops::Range;
use std::path::PathBuf;

use crate::Format;
use crate::store::Store;

/// How a file is compressed, told by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, of one member or several.
    Gzip,
    /// Zstandard, of one frame or several.
    Zstd,
}

impl Compression {
    /// Its usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// A data file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Relative to the root of the specification, `/` separated: the same wherever the export lies.
    pub name: String,
    /// What its (decompressed) bytes are.
    pub format: Format,
    /// How it is compressed.
    pub compression: Compression,
    /// Bytes on disk, compressed or not.
    pub size: u64,
    /// Index into [`Input::exports`], where it belongs to one.
    pub export: Option<usize>,
    /// Whether it can be read in parts: a plain log, or plain JSON with one document a line at its beginning.
    pub splittable: bool,
}

/// A binary export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Its metadata file, relative to the root of the specification, `/` separated.
    pub path: String,
    /// The same file as a path.
    pub metadata: PathBuf,
    /// Documents that the metadata promises, where it does.
    pub documents: Option<u64>,
    /// Bytes that the metadata promises, where it does: of record payloads (managed exports) or of files (emulator).
    pub bytes: Option<u64>,
    /// Its files: a range of [`Input::files`].
    pub files: Range<usize>,
    /// Its sets of documents: one for everything, or one for each exported collection group. In order of path.
    pub collections: Vec<Collection>,
    /// When it was started, microseconds since the Unix epoch, where the metadata says so.
    pub started_at: Option<i64>,
    /// When it was finished, microseconds since the Unix epoch, where the metadata says so.
    pub ended_at: Option<i64>,
    /// Whether something that should be there is not; only where the options allow it.
    pub is_partial: bool,
}

/// Documents that were exported together and have metadata of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// The collection id of the group; absent where it is all of them.
    pub kind: Option<String>,
    /// The kind metadata file, relative to the root of the specification, `/` separated.
    pub path: String,
    /// Documents that the overall metadata promises.
    pub documents: Option<u64>,
    /// Bytes that the overall metadata promises; see [`Export::bytes`].
    pub bytes: Option<u64>,
    /// Its files: a range of [`Input::files`].
    pub files: Range<usize>,
}

/// All that a specification names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Input {
    /// In input order: the files of exports, in the order of the exports, then files that belong to none. Names are
    /// ordered by [`natural_cmp`](crate::natural_cmp).
    pub files: Vec<InputFile>,
    /// In the order of their paths.
    pub exports: Vec<Export>,
    /// What a person should know although it stops nothing.
    pub warnings: Vec<String>,
    /// Whether an export may be read that is not complete.
    pub allow_partial: bool,
    /// Where the files lie.
    pub(crate) store: Store,
}

impl Input {
    /// Bytes on disk of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|f| f.size).sum()
    }

    /// Name and size of every file in input order: what tells this input from another without reading it.
    pub fn fingerprint(&self) -> Vec<(&str, u64)> {
        self.files.iter().map(|f| (f.name.as_str(), f.size)).collect()
    }
}
