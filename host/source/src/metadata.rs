//! The metadata files of an export: which files it has, and how many documents and bytes are in them.
//!
//! Field numbers were read off exports that Google's own exporters wrote; `docs/reference` has the tables.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::SourceError;
use crate::log;
use crate::protobuf::{Broken, Message};
use crate::store::Store;

/// The end of an overall metadata file's name.
pub(crate) const OVERALL_SUFFIX: &str = ".overall_export_metadata";
/// The end of a kind metadata file's name.
pub(crate) const KIND_SUFFIX: &str = ".export_metadata";
/// What `firebase emulators:export` writes into its folder.
pub(crate) const FIREBASE_NAME: &str = "firebase-export-metadata.json";

/// Whether a file's name says that it describes an export.
pub(crate) fn is_metadata(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(OVERALL_SUFFIX) || name.ends_with(KIND_SUFFIX) || name == FIREBASE_NAME
}

/// Far beyond any metadata file: some 3 million file names.
const MAX_METADATA: u64 = 64 << 20;

/// An `.overall_export_metadata` file.
#[derive(Debug)]
pub(crate) struct Overall {
    /// One a set of documents that was exported together: everything, or a collection group.
    pub(crate) sets: Vec<Pointer>,
}

/// What an overall metadata file says of one set.
#[derive(Debug, Default)]
pub(crate) struct Pointer {
    /// The collection id, where the set is one collection group.
    pub(crate) kind: Option<String>,
    /// The kind metadata file, relative to the folder of the overall file.
    pub(crate) metadata: String,
    pub(crate) documents: Option<u64>,
    pub(crate) bytes: Option<u64>,
}

/// An `.export_metadata` file.
#[derive(Debug, Default)]
pub(crate) struct KindMetadata {
    /// Microseconds since the Unix epoch.
    pub(crate) started_at: Option<i64>,
    /// Microseconds since the Unix epoch.
    pub(crate) ended_at: Option<i64>,
    pub(crate) kinds: Vec<KindInfo>,
}

/// One kind of a kind metadata file.
#[derive(Debug, Default)]
pub(crate) struct KindInfo {
    /// The collection id; absent where the file is about all kinds.
    pub(crate) kind: Option<String>,
    /// Data files, relative to the folder of the metadata file.
    pub(crate) files: Vec<String>,
    pub(crate) is_partial: bool,
}

fn read(store: &Store, path: &Path) -> Result<Vec<u8>, SourceError> {
    let file = store.open(path, 0).map_err(|e| SourceError::unreadable(path, e))?;
    let mut bytes = Vec::new();
    file.take(MAX_METADATA + 1).read_to_end(&mut bytes).map_err(|e| SourceError::unreadable(path, e))?;
    if bytes.len() as u64 > MAX_METADATA {
        return Err(damaged(path, &Broken { offset: MAX_METADATA, what: "it is too large to be metadata" }));
    }
    Ok(bytes)
}

fn damaged(path: &Path, broken: &Broken) -> SourceError {
    SourceError::Metadata { path: path.to_owned(), offset: broken.offset, what: broken.what.to_owned() }
}

/// Reads an overall metadata file: a LevelDB log whose first record is the version, `3`.
pub(crate) fn read_overall(store: &Store, path: &Path) -> Result<Overall, SourceError> {
    let bytes = read(store, path)?;
    if bytes.is_empty() {
        return Err(SourceError::Incomplete { what: format!("the overall metadata file {} is empty", path.display()) });
    }
    let records = log::records(&bytes).map_err(|b| damaged(path, &b))?;
    let mut records = records.iter();
    match records.next() {
        Some((_, version)) if version == b"3" => {}
        Some((_, version)) => {
            let found = version.iter().take(8).map(|b| b.escape_ascii().to_string()).collect();
            return Err(SourceError::Version { path: path.to_owned(), found });
        }
        None => return Err(damaged(path, &Broken { offset: 0, what: "it holds no version record" })),
    }
    let mut sets = Vec::new();
    for (offset, record) in records {
        overall(Message::new(record, *offset), &mut sets).map_err(|b| damaged(path, &b))?;
    }
    Ok(Overall { sets })
}

fn overall(mut message: Message<'_>, sets: &mut Vec<Pointer>) -> Result<(), Broken> {
    while let Some((number, value, offset)) = message.next()? {
        if number == 1 {
            sets.push(pointer(value.bytes(offset)?, offset)?);
        }
    }
    Ok(())
}

fn pointer(mut message: Message<'_>, begin: u64) -> Result<Pointer, Broken> {
    let mut pointer = Pointer::default();
    while let Some((number, value, offset)) = message.next()? {
        match number {
            1 => pointer.kind = entity_set_kind(value.bytes(offset)?)?,
            2 => pointer.metadata = value.bytes(offset)?.text()?,
            3 => pointer.documents = Some(value.count(offset)?),
            4 => pointer.bytes = Some(value.count(offset)?),
            _ => {}
        }
    }
    if pointer.metadata.is_empty() {
        return Err(Broken { offset: begin, what: "a set of documents has no metadata file" });
    }
    Ok(pointer)
}

fn entity_set_kind(mut message: Message<'_>) -> Result<Option<String>, Broken> {
    let mut kind = None;
    while let Some((number, value, offset)) = message.next()? {
        if number == 2 {
            kind = Some(value.bytes(offset)?.text()?);
        }
    }
    Ok(kind.filter(|k| is_one_kind(k)))
}

/// Managed exports of everything say `__all__` where the emulator says nothing.
fn is_one_kind(kind: &str) -> bool {
    !kind.is_empty() && kind != "__all__"
}

/// Reads a kind metadata file: one protobuf message, without framing or checksum.
pub(crate) fn read_kind(store: &Store, path: &Path) -> Result<KindMetadata, SourceError> {
    let bytes = read(store, path)?;
    if bytes.is_empty() {
        return Err(SourceError::Incomplete { what: format!("the metadata file {} is empty", path.display()) });
    }
    kind_metadata(Message::new(&bytes, 0)).map_err(|b| damaged(path, &b))
}

fn kind_metadata(mut message: Message<'_>) -> Result<KindMetadata, Broken> {
    let mut metadata = KindMetadata::default();
    while let Some((number, value, offset)) = message.next()? {
        match number {
            1 => {
                let mut about = value.bytes(offset)?;
                while let Some((number, value, offset)) = about.next()? {
                    match number {
                        2 => metadata.started_at = Some(value.count(offset)?.cast_signed()),
                        3 => metadata.ended_at = Some(value.count(offset)?.cast_signed()),
                        _ => {}
                    }
                }
            }
            2 => metadata.kinds.push(kind_info(value.bytes(offset)?)?),
            _ => {}
        }
    }
    Ok(metadata)
}

fn kind_info(mut message: Message<'_>) -> Result<KindInfo, Broken> {
    let mut info = KindInfo::default();
    while let Some((number, value, offset)) = message.next()? {
        match number {
            1 => info.kind = Some(value.bytes(offset)?.text()?).filter(|k| is_one_kind(k)),
            2 => info.files.push(value.bytes(offset)?.text()?),
            4 => info.is_partial = value.count(offset)? != 0,
            _ => {}
        }
    }
    Ok(info)
}

#[derive(Deserialize)]
struct Firebase {
    firestore: Option<FirebasePart>,
}

#[derive(Deserialize)]
struct FirebasePart {
    metadata_file: String,
}

/// The overall metadata file that a `firebase-export-metadata.json` names, relative to its folder.
pub(crate) fn read_firebase(store: &Store, path: &Path) -> Result<PathBuf, SourceError> {
    let firebase: Firebase = serde_json::from_slice(&read(store, path)?).map_err(|e| SourceError::Metadata {
        path: path.to_owned(),
        // serde_json counts lines; these files are a few lines long.
        offset: 0,
        what: format!("it is not the JSON that `firebase emulators:export` writes: {e}"),
    })?;
    match firebase.firestore {
        Some(part) => relative(path, &part.metadata_file),
        None => Err(SourceError::NoFirestore { path: path.to_owned() }),
    }
}

/// A file that `metadata` names, as a path: below its folder, or refused, so that an export cannot point at other
/// files of the machine.
pub(crate) fn relative(metadata: &Path, name: &str) -> Result<PathBuf, SourceError> {
    use std::path::Component::{CurDir, Normal};
    let path = Path::new(name);
    if name.is_empty() || !path.components().all(|c| matches!(c, Normal(_) | CurDir)) {
        return Err(SourceError::Metadata {
            path: metadata.to_owned(),
            offset: 0,
            what: format!("it names the file `{name}`, which is no relative path below its folder"),
        });
    }
    Ok(metadata.parent().unwrap_or(Path::new("")).join(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.export_metadata");
        std::fs::write(&path, bytes).unwrap();
        (dir, path)
    }

    #[test]
    fn reads_what_the_emulator_wrote() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/exports/yago/export");
        let overall = read_overall(&Store::Local, &root.join("export.overall_export_metadata")).unwrap();
        let [set] = overall.sets.as_slice() else { panic!("{overall:?}") };
        assert_eq!((set.documents, set.bytes, &set.kind), (Some(6_210), Some(1_775_242), &None));
        let kind = read_kind(&Store::Local, &root.join(&set.metadata)).unwrap();
        assert_eq!(kind.kinds[0].files, ["output-0", "output-1"]);
        assert!(kind.started_at < kind.ended_at);
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        let text = |bytes: &[u8], overall: bool| {
            let (_dir, path) = written(bytes);
            let error =
                if overall { read_overall(&Store::Local, &path).err() } else { read_kind(&Store::Local, &path).err() };
            error.unwrap().to_string()
        };
        assert!(text(b"", true).contains("is empty"));
        assert!(text(b"", false).contains("is empty"));
        assert!(text(b"hello, world", true).contains("damaged at offset 0"), "{}", text(b"hello, world", true));
        assert!(text(&[0x12, 0x20, 0x12], false).contains("damaged at offset 2: it ends within a field"));
        let mut log = gristmill_generator::LogWriter::new(Vec::new());
        log.record(b"4").unwrap();
        assert!(text(&log.finish(false).unwrap(), true).contains("format version 4; only version 3"));
    }

    #[test]
    fn names_stay_below_their_folder() {
        let metadata = Path::new("/exports/a/x.export_metadata");
        assert_eq!(relative(metadata, "output-0").unwrap(), Path::new("/exports/a/output-0"));
        for name in ["../output-0", "/etc/passwd", "", "b/../../c"] {
            assert!(relative(metadata, name).is_err(), "{name}");
        }
    }
}
