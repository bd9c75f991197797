//! Dead letters: refused records as JSON lines, each with enough to replay it (invariant 6).
//!
//! Letters of a split go to a part file of its own while it is mapped, and are put together in input order at the end, so that the file
//! does not depend on threads either.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use gristmill_record::{Grant, Refusal, Stage};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use xxhash_rust::xxh3::Xxh3;

use crate::error::RunError;
use crate::letterbox::OpenBox;
use crate::letters::{Full, LeftOut};
use crate::origins::Origins;
use crate::redact::Redaction;
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
    /// Fields that are left out.
    pub(crate) redact: Option<Grant>,
    /// Where records lay that are replayed.
    pub(crate) origins: Option<Arc<Origins>>,
    /// What all letters may have together, in bytes.
    pub(crate) max: Option<u64>,
}

/// The record, as far as it can be read.
#[derive(Clone, Copy)]
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
    /// What was left out of it: the paths of fields, or `*`.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    redacted: &'a [String],
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
    /// Bytes that these letters may have at most: what those before them, as far as they are written, leave.
    room: Option<u64>,
    /// Whether a letter had no room. None after it is written either: what a file holds are the first letters.
    full: bool,
    line: Vec<u8>,
}

/// What tells the letters of a part from others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartDigest {
    length: u64,
    /// XXH3 of 128 bits, hexadecimal.
    digest: String,
    /// Whether there are more letters than had room.
    #[serde(default)]
    full: bool,
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
        PartDigest { length: self.length, digest: format!("{:032x}", self.hash.digest128()), full: false }
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
        *self == Self { length, digest: format!("{:032x}", hash.digest128()), full: self.full }
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
        let (file, offset) = self.postmark.origins.as_ref().and_then(|o| o.of(offset)).unwrap_or((file, offset));
        let redaction = match (&self.postmark.redact, content) {
            (Some(fields), Content::Document(json)) => Redaction::of(json, fields),
            (Some(_), Content::Raw(_)) => Redaction::All,
            (None, _) => Redaction::Nothing,
        };
        let message = match &redaction {
            Redaction::Part(redacted) => Some(redacted.message(&refusal.message)),
            Redaction::Nothing | Redaction::All => None,
        };
        let content = &match &redaction {
            Redaction::Part(redacted) => Content::Document(&redacted.document),
            Redaction::Nothing | Redaction::All => *content,
        };
        let (document, raw) = match content {
            // A document that this program wrote is JSON; should it not be, it is kept as raw text.
            Content::Document(json) => match serde_json::from_slice::<&RawValue>(json) {
                Ok(value) => (Some(value), None),
                Err(_) => (None, Some(*json)),
            },
            Content::Raw(bytes) => (None, Some(*bytes)),
        };
        let everything = ["*".to_owned()];
        let (document, raw, redacted) = match &redaction {
            Redaction::All => (None, None, everything.as_slice()),
            Redaction::Nothing => (document, raw, Default::default()),
            Redaction::Part(redacted) => (document, raw, redacted.fields.as_slice()),
        };
        let text = raw.map(std::str::from_utf8);
        let letter = Letter {
            run: &self.postmark.run_id,
            file,
            offset,
            stage: refusal.stage,
            code: &refusal.code,
            field: refusal.field.as_deref(),
            message: message.as_ref().unwrap_or(&refusal.message),
            plugin: &self.postmark.plugin,
            plugin_digest: &self.postmark.plugin_digest,
            config_digest: &self.postmark.config_digest,
            validator: validator.map(|(name, _)| name.as_str()),
            validator_digest: validator.map(|(_, digest)| digest.as_str()),
            document,
            redacted,
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
        self.line.clear();
        serde_json::to_writer(&mut self.line, &letter).map_err(io::Error::from).map_err(fail)?;
        self.line.push(b'\n');
        if let Some(room) = &mut self.room {
            match room.checked_sub(self.line.len() as u64).filter(|_| !self.full) {
                Some(left) => *room = left,
                None => {
                    self.full = true;
                    return Ok(());
                }
            }
        }
        out.write_all(&self.line).map_err(fail)
    }

    fn finish(self) -> Result<Option<(PathBuf, PartDigest)>, RunError> {
        let Some(mut out) = self.out else { return Ok(None) };
        out.flush().map_err(|e| RunError::work(&self.path, e))?;
        let digest = PartDigest { full: self.full, ..out.get_ref().digest() };
        Ok(Some((self.path, digest)))
    }
}

/// The dead letters of a run.
pub(crate) struct DeadLetters {
    postmark: Postmark,
    folder: PathBuf,
    parts: Mutex<Parts>,
}

/// One part a split, then one for the reduce.
struct Parts {
    /// None: not there yet. None inside: without letters.
    all: Vec<Option<Option<Part>>>,
    /// How many of the first ones are there, and the bytes of these.
    first: (usize, u64),
}

/// The letters of a split, or of the reduce.
#[derive(Debug, Clone)]
struct Part {
    path: PathBuf,
    /// Bytes.
    length: u64,
    /// Whether there are more letters than had room.
    full: bool,
}

impl DeadLetters {
    pub(crate) fn new(postmark: Postmark, folder: &Path, splits: usize) -> Self {
        Self {
            postmark,
            folder: folder.to_owned(),
            parts: Mutex::new(Parts { all: vec![None; splits + 1], first: (0, 0) }),
        }
    }

    /// A writer for part `index`.
    pub(crate) fn part(&self, index: usize) -> LetterWriter<'_> {
        let room = self.postmark.max.map(|max| {
            // Of those before this one, these are there for certain; that is enough to bound what is written in vain.
            let (_, before) = lock(&self.parts).first;
            max.saturating_sub(before)
        });
        LetterWriter {
            postmark: &self.postmark,
            path: self.path(index),
            out: None,
            room,
            full: false,
            line: Vec::new(),
        }
    }

    fn path(&self, index: usize) -> PathBuf {
        self.folder.join(format!("letters-{index}.jsonl"))
    }

    /// Keeps a part. Gives what tells it from others; none where there are no letters.
    pub(crate) fn keep(&self, index: usize, part: LetterWriter<'_>) -> Result<Option<PartDigest>, RunError> {
        let (path, digest) = part.finish()?.unzip();
        let made = path.zip(digest.as_ref());
        self.put(index, made.map(|(path, digest)| Part { path, length: digest.length, full: digest.full }));
        Ok(digest)
    }

    /// Takes over a part that a process before this one kept; false where it is not what it was.
    pub(crate) fn take_over(&self, index: usize, digest: Option<&PartDigest>) -> bool {
        let Some(digest) = digest else {
            self.put(index, None);
            return true;
        };
        let part = Part { path: self.path(index), length: digest.length, full: digest.full };
        let is_there = digest.is_of(&part.path);
        self.put(index, Some(part).filter(|_| is_there));
        is_there
    }

    /// Makes the letters that are kept durable.
    pub(crate) fn sync(&self) -> Result<(), RunError> {
        let paths: Vec<PathBuf> =
            lock(&self.parts).all.iter().flatten().flatten().map(|part| part.path.clone()).collect();
        let sync =
            |path: &PathBuf| File::open(path).and_then(|file| file.sync_data()).map_err(|e| RunError::work(path, e));
        paths.iter().try_for_each(sync)
    }

    fn put(&self, index: usize, part: Option<Part>) {
        let mut parts = lock(&self.parts);
        if let Some(slot) = parts.all.get_mut(index) {
            *slot = Some(part);
        }
        let (mut count, mut bytes) = parts.first;
        while let Some(Some(part)) = parts.all.get(count) {
            bytes += part.as_ref().map_or(0, |part| part.length);
            count += 1;
        }
        parts.first = (count, bytes);
    }

    /// Puts all letters where they go, of which there are so many. Gives how many had no room there; none where there are no letters at all.
    pub(crate) fn publish(&self, letter_box: &OpenBox<'_>, letters: u64) -> Result<Option<u64>, RunError> {
        let parts: Vec<Part> = lock(&self.parts).all.iter().flatten().flatten().cloned().collect();
        let (files, left_out) = match self.postmark.max {
            Some(max) => self.first(&parts, max, letters)?,
            None => (parts.into_iter().map(|part| part.path).collect(), 0),
        };
        Ok(letter_box.put(&files, &self.folder)?.then_some(left_out))
    }

    /// Files of the first letters, as many as have room, and of a line that says how many have none.
    fn first(&self, parts: &[Part], max: u64, letters: u64) -> Result<(Vec<PathBuf>, u64), RunError> {
        let (mut files, mut room, mut taken) = (Vec::new(), max, 0);
        for part in parts {
            let (bytes, lines) = lines_within(&part.path, room)?;
            taken += lines;
            room -= bytes;
            if bytes == part.length {
                files.push(part.path.clone());
            } else {
                let cut = part.path.with_extension("cut");
                copy_beginning(&part.path, &cut, bytes)?;
                files.push(cut);
            }
            if bytes < part.length || part.full {
                break;
            }
        }
        let left_out = letters.saturating_sub(taken);
        if left_out > 0 {
            let path = self.folder.join("letters-left-out.jsonl");
            let full = Full { run: &self.postmark.run_id, left_out: LeftOut { letters: left_out, max_bytes: max } };
            let line = serde_json::to_string(&full).map_err(io::Error::from);
            line.and_then(|line| std::fs::write(&path, line + "\n")).map_err(|e| RunError::work(&path, e))?;
            files.push(path);
        }
        Ok((files, left_out))
    }
}

/// How many bytes the first lines of a file have that have room together, and how many lines that are.
fn lines_within(path: &Path, room: u64) -> Result<(u64, u64), RunError> {
    let fail = |e| RunError::work(path, e);
    let mut file = BufReader::new(File::open(path).map_err(fail)?);
    let (mut bytes, mut lines, mut line) = (0, 0, Vec::new());
    loop {
        line.clear();
        let length = file.read_until(b'\n', &mut line).map_err(fail)? as u64;
        if length == 0 || bytes + length > room {
            return Ok((bytes, lines));
        }
        bytes += length;
        lines += 1;
    }
}

fn copy_beginning(from: &Path, to: &Path, bytes: u64) -> Result<(), RunError> {
    let mut beginning = File::open(from).map_err(|e| RunError::work(from, e))?.take(bytes);
    let mut copy = File::create(to).map_err(|e| RunError::work(to, e))?;
    io::copy(&mut beginning, &mut copy).map(drop).map_err(|e| RunError::work(to, e))
}
