//! Dead letters: refused records as JSON lines, each with enough to replay it (invariant 6).
//!
//! Letters of a split go to a part file of its own while it is mapped, and are put together in input order at the end, so that the file
//! does not depend on threads either.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use gristmill_record::{Refusal, Stage};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use xxhash_rust::xxh3::Xxh3;

use crate::error::RunError;
use crate::letterbox::OpenBox;
use crate::rows::lock;

/// What all letters of a run share.
#[derive(Debug, Clone)]
pub(crate) struct Postmark {
    pub(crate) run_id: String,
    /// `name@version`.
    pub(crate) plugin: String,
    pub(crate) plugin_digest: String,
    /// SHA-256 of the configuration, hexadecimal.
    pub(crate) config_digest: String,
    /// Name and digest of each validator.
    pub(crate) validators: Vec<(String, String)>,
}

/// The record, as far as it can be read.
pub(crate) enum Content<'a> {
    /// In the form of the REST API.
    Document(&'a [u8]),
    /// Bytes that cannot be read as a document.
    Raw(&'a [u8]),
}

#[derive(Serialize)]
struct Letter<'a> {
    run: &'a str,
    file: &'a str,
    offset: u64,
    stage: Stage,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    message: &'a str,
    plugin: &'a str,
    plugin_digest: &'a str,
    config_digest: &'a str,
    /// Who refused it, where it was a validator.
    #[serde(skip_serializing_if = "Option::is_none")]
    validator: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    validator_digest: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<&'a RawValue>,
    /// Text where the bytes are UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<&'a str>,
    /// Hexadecimal where they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_hex: Option<String>,
}

/// Writes the letters of one split, or of the reduce.
pub(crate) struct LetterWriter<'a> {
    postmark: &'a Postmark,
    path: PathBuf,
    out: Option<BufWriter<Digesting>>,
}

/// What tells the letters of a part from others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartDigest {
    length: u64,
    /// XXH3 of 128 bits, hexadecimal.
    digest: String,
}

/// A file that is digested as it is written.
struct Digesting {
    file: File,
    hash: Xxh3,
    length: u64,
}

impl Digesting {
    fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::create(path)?, hash: Xxh3::new(), length: 0 })
    }

    fn digest(&self) -> PartDigest {
        PartDigest { length: self.length, digest: format!("{:032x}", self.hash.digest128()) }
    }
}

impl Write for Digesting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl PartDigest {
    /// Whether these are the letters in a file.
    fn is_of(&self, path: &Path) -> bool {
        let Ok(mut file) = File::open(path) else { return false };
        let (mut hash, mut length, mut chunk) = (Xxh3::new(), 0, vec![0; 1 << 16]);
        loop {
            match file.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => {
                    hash.update(chunk.get(..read).unwrap_or_default());
                    length += read as u64;
                }
                Err(_) => return false,
            }
        }
        *self == Self { length, digest: format!("{:032x}", hash.digest128()) }
    }
}

impl LetterWriter<'_> {
    /// Appends a letter. `file` and `offset` say where the record lies, `validator` which of them refused a row of it.
    pub(crate) fn write(
        &mut self,
        file: &str,
        offset: u64,
        refusal: &Refusal,
        validator: Option<usize>,
        content: &Content<'_>,
    ) -> Result<(), RunError> {
        let validator = validator.and_then(|i| self.postmark.validators.get(i));
        let (document, raw) = match content {
            // A document that this program wrote is JSON; should it not be, it is kept as raw text.
            Content::Document(json) => match serde_json::from_slice::<&RawValue>(json) {
                Ok(value) => (Some(value), None),
                Err(_) => (None, Some(*json)),
            },
            Content::Raw(bytes) => (None, Some(*bytes)),
        };
        let text = raw.map(std::str::from_utf8);
        let letter = Letter {
            run: &self.postmark.run_id,
            file,
            offset,
            stage: refusal.stage,
            code: &refusal.code,
            field: refusal.field.as_deref(),
            message: &refusal.message,
            plugin: &self.postmark.plugin,
            plugin_digest: &self.postmark.plugin_digest,
            config_digest: &self.postmark.config_digest,
            validator: validator.map(|(name, _)| name.as_str()),
            validator_digest: validator.map(|(_, digest)| digest.as_str()),
            document,
            raw: text.and_then(Result::ok),
            raw_hex: match text {
                Some(Err(_)) => raw.map(|bytes| bytes.iter().map(|b| format!("{b:02x}")).collect()),
                _ => None,
            },
        };
        let fail = |e| RunError::work(&self.path, e);
        let out = match &mut self.out {
            Some(out) => out,
            none => none.insert(BufWriter::new(Digesting::create(&self.path).map_err(fail)?)),
        };
        serde_json::to_writer(&mut *out, &letter).map_err(io::Error::from).map_err(fail)?;
        out.write_all(b"\n").map_err(fail)
    }

    fn finish(self) -> Result<Option<(PathBuf, PartDigest)>, RunError> {
        let Some(mut out) = self.out else { return Ok(None) };
        out.flush().map_err(|e| RunError::work(&self.path, e))?;
        let digest = out.get_ref().digest();
        Ok(Some((self.path, digest)))
    }
}

/// The dead letters of a run.
pub(crate) struct DeadLetters {
    postmark: Postmark,
    folder: PathBuf,
    /// One part a split, then one for the reduce.
    parts: Mutex<Vec<Option<PathBuf>>>,
}

impl DeadLetters {
    pub(crate) fn new(postmark: Postmark, folder: &Path, splits: usize) -> Self {
        Self { postmark, folder: folder.to_owned(), parts: Mutex::new(vec![None; splits + 1]) }
    }

    /// A writer for part `index`.
    pub(crate) fn part(&self, index: usize) -> LetterWriter<'_> {
        LetterWriter { postmark: &self.postmark, path: self.path(index), out: None }
    }

    fn path(&self, index: usize) -> PathBuf {
        self.folder.join(format!("letters-{index}.jsonl"))
    }

    /// Keeps a part. Gives what tells it from others; none where there are no letters.
    pub(crate) fn keep(&self, index: usize, part: LetterWriter<'_>) -> Result<Option<PartDigest>, RunError> {
        let (path, digest) = part.finish()?.unzip();
        self.put(index, path);
        Ok(digest)
    }

    /// Takes over a part that a process before this one kept; false where it is not what it was.
    pub(crate) fn take_over(&self, index: usize, digest: Option<&PartDigest>) -> bool {
        let path = digest.map(|digest| (digest, self.path(index)));
        let is_there = path.as_ref().is_none_or(|(digest, path)| digest.is_of(path));
        self.put(index, path.map(|(_, path)| path).filter(|_| is_there));
        is_there
    }

    fn put(&self, index: usize, path: Option<PathBuf>) {
        if let Some(slot) = lock(&self.parts).get_mut(index) {
            *slot = path;
        }
    }

    /// Puts all letters where they go; whether there are any.
    pub(crate) fn publish(&self, letter_box: &OpenBox<'_>) -> Result<bool, RunError> {
        let parts: Vec<PathBuf> = lock(&self.parts).iter().flatten().cloned().collect();
        letter_box.put(&parts, &self.folder)
    }
}
