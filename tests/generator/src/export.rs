//! A binary export as folders and files: overall metadata, kind metadata, data files.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use crate::{Document, LogWriter, encode};

const BUFFER: usize = 1 << 20;
/// 2024-06-01T00:00:00Z in microseconds: exports are the same in every run.
const STARTED_AT: u64 = 1_717_200_000_000_000;
const ENDED_AT: u64 = STARTED_AT + 60_000_000;

/// Who an export looks to come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// The Firestore service since 2024: bytes are counted of payloads.
    #[default]
    Managed,
    /// The Firestore service until 2023: the same, and data files are filled with zeros to whole blocks.
    ManagedPadded,
    /// The emulator: bytes are counted of files.
    Emulator,
    /// `firebase emulators:export`: the emulator's export in `firestore_export`, and `firebase-export-metadata.json` beside it.
    Firebase,
}

impl Style {
    fn is_managed(self) -> bool {
        matches!(self, Self::Managed | Self::ManagedPadded)
    }
}

/// What an [`ExportWriter`] wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The overall metadata file.
    pub metadata: PathBuf,
    /// Data files in the order of writing.
    pub files: Vec<PathBuf>,
    /// Records.
    pub documents: u64,
    /// Bytes of the data files.
    pub bytes: u64,
}

/// Documents with metadata of their own.
#[derive(Debug)]
struct Set {
    kind: Option<String>,
    names: Vec<String>,
    documents: u64,
    payload_bytes: u64,
    file_bytes: u64,
}

impl Set {
    fn kind_part(&self) -> String {
        self.kind.as_ref().map_or("all_kinds".to_owned(), |k| format!("kind_{k}"))
    }

    /// The kind metadata file, relative to the prefix.
    fn metadata(&self) -> String {
        let kind = self.kind_part();
        format!("all_namespaces/{kind}/all_namespaces_{kind}.export_metadata")
    }
}

/// Writes a binary export, record by record.
#[derive(Debug)]
pub struct ExportWriter {
    dir: PathBuf,
    prefix: PathBuf,
    name: String,
    style: Style,
    sets: Vec<Set>,
    files: Vec<PathBuf>,
    log: Option<LogWriter<BufWriter<File>>>,
}

impl ExportWriter {
    /// An export in `dir`, which is made; its overall metadata file will be `NAME.overall_export_metadata`.
    pub fn create(dir: &Path, name: &str, style: Style) -> io::Result<Self> {
        let (prefix, name) = match style {
            Style::Firebase => (dir.join("firestore_export"), "firestore_export"),
            _ => (dir.to_owned(), name),
        };
        fs::create_dir_all(&prefix)?;
        let (dir, name) = (dir.to_owned(), name.to_owned());
        Ok(Self { dir, prefix, name, style, sets: Vec::new(), files: Vec::new(), log: None })
    }

    /// Begins a set of documents: a collection group, or everything.
    pub fn set(&mut self, kind: Option<&str>) -> io::Result<()> {
        self.end_file()?;
        let set =
            Set { kind: kind.map(str::to_owned), names: Vec::new(), documents: 0, payload_bytes: 0, file_bytes: 0 };
        fs::create_dir_all(self.prefix.join("all_namespaces").join(set.kind_part()))?;
        self.sets.push(set);
        Ok(())
    }

    /// Begins the next data file of the set.
    pub fn file(&mut self) -> io::Result<()> {
        if self.sets.is_empty() {
            self.set(None)?;
        }
        self.end_file()?;
        if let Some(set) = self.sets.last_mut() {
            let name = format!("output-{}", set.names.len());
            let path = self.prefix.join("all_namespaces").join(set.kind_part()).join(&name);
            self.log = Some(LogWriter::new(BufWriter::with_capacity(BUFFER, File::create(&path)?)));
            set.names.push(name);
            self.files.push(path);
        }
        Ok(())
    }

    /// Writes a record: an entity protobuf, or what a test wants in its place.
    pub fn record(&mut self, entity: &[u8]) -> io::Result<()> {
        if self.log.is_none() {
            self.file()?;
        }
        if let (Some(log), Some(set)) = (self.log.as_mut(), self.sets.last_mut()) {
            log.record(entity)?;
            set.documents += 1;
            set.payload_bytes += entity.len() as u64;
        }
        Ok(())
    }

    /// Writes a document.
    pub fn document(&mut self, document: &Document) -> io::Result<()> {
        self.record(&document.encode())
    }

    fn end_file(&mut self) -> io::Result<()> {
        if let Some(log) = self.log.take() {
            let file = log.finish(self.style == Style::ManagedPadded)?.into_inner().map_err(|e| e.into_error())?;
            if let Some(set) = self.sets.last_mut() {
                set.file_bytes += file.metadata()?.len();
            }
        }
        Ok(())
    }

    /// Writes the metadata.
    pub fn finish(mut self) -> io::Result<Written> {
        self.end_file()?;
        for set in &self.sets {
            fs::write(self.prefix.join(set.metadata()), self.kind_metadata(set))?;
        }
        let overall = format!("{}.overall_export_metadata", self.name);
        let metadata = self.prefix.join(&overall);
        fs::write(&metadata, self.overall_metadata()?)?;
        if self.style == Style::Firebase {
            let json = format!(
                "{{\n  \"version\": \"13.0.0\",\n  \"firestore\": {{\n    \"version\": \"1.19.9\",\n    \"path\": \"firestore_export\",\n    \"metadata_file\": \"firestore_export/{overall}\"\n  }}\n}}"
            );
            fs::write(self.dir.join("firebase-export-metadata.json"), json)?;
        }
        Ok(Written {
            metadata,
            files: self.files,
            documents: self.sets.iter().map(|s| s.documents).sum(),
            bytes: self.sets.iter().map(|s| s.file_bytes).sum(),
        })
    }

    fn kind_metadata(&self, set: &Set) -> Vec<u8> {
        let kind = match (&set.kind, self.style.is_managed()) {
            (Some(kind), _) => kind.as_str(),
            (None, true) => "__all__",
            (None, false) => "",
        };
        let mut out = Vec::new();
        encode::message(&mut out, 1, |out| {
            encode::bytes(out, 1, self.name.as_bytes());
            encode::number(out, 2, STARTED_AT);
            encode::number(out, 3, ENDED_AT);
        });
        encode::message(&mut out, 2, |out| {
            encode::bytes(out, 1, kind.as_bytes());
            for name in &set.names {
                encode::bytes(out, 2, name.as_bytes());
            }
            if self.style.is_managed() {
                encode::message(out, 3, |out| encode::bytes(out, 1, kind.as_bytes()));
                encode::number(out, 4, 0);
            }
        });
        out
    }

    fn overall_metadata(&self) -> io::Result<Vec<u8>> {
        let mut log = LogWriter::new(Vec::new());
        log.record(b"3")?;
        let mut out = Vec::new();
        for set in &self.sets {
            encode::message(&mut out, 1, |out| {
                encode::message(out, 1, |out| {
                    encode::number(out, 1, if set.kind.is_some() { 1 } else { 2 });
                    if let Some(kind) = &set.kind {
                        encode::bytes(out, 2, kind.as_bytes());
                    }
                    encode::number(out, 3, 3);
                });
                encode::bytes(out, 2, set.metadata().as_bytes());
                encode::number(out, 3, set.documents);
                encode::number(out, 4, if self.style.is_managed() { set.payload_bytes } else { set.file_bytes });
            });
        }
        if !out.is_empty() {
            log.record(&out)?;
        }
        log.finish(false)
    }
}
