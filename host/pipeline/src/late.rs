//! Rows that are refused when all rows are known: collisions, and values that are there twice.

use std::sync::Arc;

use gristmill_decode::Projection;
use gristmill_plugin::Unique;
use gristmill_record::{Refusal, Stage, Table};
use gristmill_source::{InputFile, Split};

use crate::dead::{Content, DeadLetters};
use crate::dedup::{Collision, Repeat};
use crate::error::RunError;
use crate::job::Job;
use crate::keys::RowPosition;
use crate::progress::Progress;
use crate::reading::SplitReader;

/// Code of a key that belongs to another document.
const COLLISION: &str = "dedup.collision";

/// A row that is refused when all rows are known.
pub(crate) struct Late {
    pub(crate) table: usize,
    pub(crate) why: Why,
}

/// Why such a row is refused.
pub(crate) enum Why {
    Collision(Collision),
    /// By the rule with this number.
    Repeat(u32, Repeat),
}

impl Why {
    /// The rule by which it is refused.
    fn rule<'a>(&self, uniques: &'a [(usize, Unique)]) -> Option<&'a (usize, Unique)> {
        match self {
            Self::Collision(_) => None,
            Self::Repeat(number, _) => uniques.get(*number as usize),
        }
    }

    pub(crate) fn code<'a>(&self, uniques: &'a [(usize, Unique)]) -> &'a str {
        self.rule(uniques).map_or(COLLISION, |(_, rule)| &rule.rule)
    }

    /// The row, and where its document begins in its file.
    fn place(&self) -> (RowPosition, u64) {
        match self {
            Self::Collision(c) => (c.loser, c.loser_offset),
            Self::Repeat(_, repeat) => (repeat.row, repeat.offset),
        }
    }

    fn refusal(
        &self,
        job: &Job,
        splits: &[Split],
        uniques: &[(usize, Unique)],
        table: &str,
    ) -> Result<Refusal, RunError> {
        let (stage, field, message) = match self {
            Self::Collision(c) => {
                let (owner, offset) = job.place(file_of(job, splits, c.owner.split)?, c.owner_offset);
                let message = format!(
                    "its key in table {table} is that of another document, which comes first: the one at {owner}, offset {offset}; \
                     give them different keys"
                );
                (Stage::Dedup, None, message)
            }
            Self::Repeat(_, repeat) => {
                let rule = self.rule(uniques).map(|(_, rule)| rule);
                let rule =
                    rule.ok_or_else(|| RunError::Bug("a row was refused by a rule that does not exist".into()))?;
                let (first, offset) = job.place(file_of(job, splits, repeat.first.split)?, repeat.first_offset);
                let message = format!("{}; the first is of the document at {first}, offset {offset}", rule.message);
                (Stage::Validate, Some(format!("{table}.{}", rule.column)), message)
            }
        };
        Ok(Refusal { stage, code: self.code(uniques).to_owned(), field, message })
    }
}

pub(crate) fn file_of<'a>(job: &'a Job, splits: &[Split], split: u32) -> Result<&'a InputFile, RunError> {
    let file = splits.get(split as usize).and_then(|s| job.input.files.get(s.file as usize));
    file.ok_or_else(|| RunError::Bug("a row came from a split that does not exist".into()))
}

/// Writes dead letters of rows that were mapped, in input order. Their documents are read again: they are few, and known only now.
pub(crate) fn write_late(
    job: &Job,
    splits: &[Split],
    letters: &DeadLetters,
    uniques: &[(usize, Unique)],
    mut late: Vec<Late>,
    progress: &Progress,
) -> Result<(), RunError> {
    // By document within a split: rows are numbered by table, and documents are read forwards.
    late.sort_by_key(|late| {
        let (row, offset) = late.why.place();
        (row.split, offset, late.table, row.row)
    });
    let tables = job.transform.description().tables();
    // The projection of the map: what it took, it takes again.
    let projection = Arc::new(Projection::new(job.transform.description(), 0));
    let mut part = letters.part(splits.len());
    let split_of = |late: &Late| late.why.place().0.split;
    for group in late.chunk_by(|a, b| split_of(a) == split_of(b)) {
        let Some(index) = group.first().map(split_of) else { continue };
        let Some(split) = splits.get(index as usize) else { continue };
        let file = file_of(job, splits, index)?;
        let mut documents = Documents::open(job, split, &projection)?;
        for Late { table, why } in group {
            let (_, offset) = why.place();
            let table = tables.get(*table).map(Table::name).unwrap_or_default();
            let refusal = why.refusal(job, splits, uniques, table)?;
            let document = Content::Document(documents.at(offset, progress)?);
            let validator = why.rule(uniques).map(|(validator, _)| *validator);
            part.write(&file.name, offset, &refusal, validator, &document)?;
        }
    }
    letters.keep(splits.len(), part).map(drop)
}

/// Reads documents of a split again, at ascending offsets.
struct Documents<'a> {
    reader: SplitReader<'a>,
    offset: Option<u64>,
    document: Vec<u8>,
}

impl<'a> Documents<'a> {
    fn open(job: &'a Job, split: &Split, projection: &Arc<Projection>) -> Result<Self, RunError> {
        let reader = SplitReader::open(&job.input, split, projection, job.options.max_document)?;
        Ok(Self { reader, offset: None, document: Vec::new() })
    }

    /// The document that begins at `offset`, in the form of the REST API.
    fn at(&mut self, offset: u64, progress: &Progress) -> Result<&[u8], RunError> {
        while self.offset != Some(offset) {
            // It may be far into a large file.
            let batch =
                self.reader.next(1, |_| if progress.is_cancelled() { Err(RunError::Cancelled) } else { Ok(()) })?;
            let batch = batch.ok_or_else(|| RunError::Changed { file: self.reader.file.name.clone(), offset })?;
            if let Some(found) = batch.offsets.first() {
                self.offset = Some(*found);
                self.document.clear();
                self.reader.write_document(0, &mut self.document)?;
            }
        }
        Ok(&self.document)
    }
}
