//! Records taken out of dead letters, in input order, each once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use gristmill_pipeline::letters::{Letter, Line};
use gristmill_pipeline::{LetterBox, Origins};
use gristmill_record::Stage;
use gristmill_state::RunRecord;

use crate::error::CliError;
use crate::job::file_error;

/// Where the document of a record stands in the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Document {
    At {
        offset: u64,
        length: usize,
    },
    /// It is not whole.
    Redacted,
    /// It never was one.
    Raw,
}

/// A refused record.
#[derive(Debug, Clone, Copy)]
struct Record {
    /// Index of its file.
    file: u32,
    offset: u64,
    document: Document,
    /// Whether it was rows of it that were refused: it may have others, which were loaded.
    of_rows: bool,
}

/// The records of a file of dead letters.
pub(super) struct Taken {
    /// Letters that were read.
    pub(super) letters: u64,
    /// Letters that had no room in the file.
    pub(super) left_out: u64,
    /// By file and offset.
    records: Vec<Record>,
    files: Vec<String>,
    spool: File,
    spool_path: PathBuf,
}

impl Taken {
    /// Reads the letters of a run. Their documents wait in a file of `folder`, and of each record there are some bytes in memory.
    pub(super) fn read(
        letter_box: &LetterBox,
        run: &RunRecord,
        original: &RunRecord,
        folder: &Path,
    ) -> Result<Self, CliError> {
        let spool_path = folder.join("documents");
        let fail = |e| file_error(&spool_path, e);
        let spool = File::options().create_new(true).read(true).write(true).open(&spool_path).map_err(fail)?;
        let mut out = BufWriter::new(spool);
        let mut files: Vec<String> = original.input.files.iter().map(|file| file.name.clone()).collect();
        let mut numbers: HashMap<String, u32> = HashMap::new();
        for (number, name) in (0..).zip(&files) {
            numbers.insert(name.clone(), number);
        }
        let (mut letters, mut left_out, mut end) = (0, 0, 0);
        let mut records = Vec::new();
        for line in letter_box.read()? {
            let letter: Letter = match line? {
                Line::Letter(letter, _) => *letter,
                Line::LeftOut(found) => {
                    left_out = found.letters;
                    continue;
                }
            };
            if letter.run != run.id {
                return Err(CliError::Letters {
                    what: format!("{letter_box} has dead letters of run {}, and not of {}", letter.run, run.id),
                    remedy: "Another run put its own in their place: replay that one, or name a copy of the file by --file",
                });
            }
            letters += 1;
            let file = match numbers.get(&letter.file) {
                Some(number) => *number,
                None => {
                    let number = u32::try_from(files.len()).unwrap_or(u32::MAX);
                    files.push(letter.file.clone());
                    numbers.insert(letter.file.clone(), number);
                    number
                }
            };
            let document = match &letter.document {
                _ if !letter.is_whole() => Document::Redacted,
                None => Document::Raw,
                Some(document) => {
                    let text = document.get().as_bytes();
                    out.write_all(text).map_err(fail)?;
                    let at = Document::At { offset: end, length: text.len() };
                    end += text.len() as u64;
                    at
                }
            };
            let of_rows = matches!(letter.stage, Stage::Validate | Stage::Dedup);
            records.push(Record { file, offset: letter.offset, document, of_rows });
        }
        let spool = out.into_inner().map_err(|e| fail(e.into_error()))?;
        // A record of which several rows were refused has several letters.
        records.sort_by_key(|record| (record.file, record.offset, record.of_rows));
        records.dedup_by_key(|record| (record.file, record.offset));
        Ok(Self { letters, left_out, records, files, spool, spool_path })
    }

    /// How many records there are.
    pub(super) fn records(&self) -> u64 {
        self.records.len() as u64
    }

    /// How many of them are no documents.
    pub(super) fn raw(&self) -> u64 {
        self.count(|record| record.document == Document::Raw)
    }

    /// How many of them are not whole in their letters.
    pub(super) fn redacted(&self) -> u64 {
        self.count(|record| record.document == Document::Redacted)
    }

    /// How many may have other rows that were loaded, of those whose documents are there.
    pub(super) fn of_rows(&self) -> u64 {
        self.count(|record| record.of_rows && matches!(record.document, Document::At { .. }))
    }

    fn count(&self, is_meant: impl Fn(&Record) -> bool) -> u64 {
        self.records.iter().filter(|record| is_meant(record)).count() as u64
    }

    /// Writes the documents that are whole, one a line: an input. `of_rows`: those, too, of which rows were loaded.
    pub(super) fn write(&self, path: &Path, of_rows: bool) -> Result<Origins, CliError> {
        let fail = |e| file_error(path, e);
        let mut out = BufWriter::new(File::create(path).map_err(fail)?);
        let mut origins = Origins::new(self.files.clone());
        let (mut at, mut line) = (0, Vec::new());
        for record in self.records.iter().filter(|record| of_rows || !record.of_rows) {
            let Document::At { offset, length } = record.document else { continue };
            line.resize(length, 0);
            self.spool.read_exact_at(&mut line, offset).map_err(|e| file_error(&self.spool_path, e))?;
            line.push(b'\n');
            out.write_all(&line).map_err(fail)?;
            origins.push(at, record.file, record.offset);
            at += line.len() as u64;
        }
        out.flush().map_err(fail)?;
        Ok(origins)
    }

    /// Where the records lie in the export.
    pub(super) fn places(&self) -> HashMap<String, HashSet<u64>> {
        let mut by_number: BTreeMap<u32, HashSet<u64>> = BTreeMap::new();
        for record in &self.records {
            by_number.entry(record.file).or_default().insert(record.offset);
        }
        let name = |number: u32| self.files.get(number as usize).cloned().unwrap_or_default();
        by_number.into_iter().map(|(number, offsets)| (name(number), offsets)).collect()
    }
}
