//! Documents without a plugin: what an export holds, one by one.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use gristmill_decode::{Limits, Projection};
use gristmill_record::PathPattern;
use gristmill_source::{FileCount, Input, Proof};

use crate::error::RunError;
use crate::reading::SplitReader;
use crate::run::SPLIT_BYTES;

/// Documents decoded at a time.
const BATCH_ROWS: usize = 1_024;

/// A document of an input.
pub struct Document<'a> {
    /// `projects/P/databases/D/documents/…`
    pub name: &'a str,
    /// In the form of the REST API, one line.
    pub json: &'a str,
}

/// What was seen of an input as a whole.
#[derive(Debug)]
pub struct Seen {
    /// Records, whether they match or not.
    pub records: u64,
    /// What was proved of each binary export.
    pub proofs: Vec<Proof>,
    /// Values of types that only Datastore mode writes, read as plain values.
    pub legacy_values: u64,
}

/// Hands every document that matches the pattern to `each`, in input order; ends early when `each` returns `false`.
/// A record that cannot be read is an error here: there are no dead letters without a run.
pub fn each_document(
    input: &Input,
    pattern: Option<PathPattern>,
    mut each: impl FnMut(Document<'_>) -> Result<bool, RunError>,
) -> Result<Seen, RunError> {
    let projection = Arc::new(Projection::documents(pattern, 0));
    let mut counts = vec![FileCount::default(); input.files.len()];
    let mut seen = Seen { records: 0, proofs: Vec::new(), legacy_values: 0 };
    for split in input.splits(SPLIT_BYTES)? {
        let mut reader = SplitReader::open(input, &split, &projection, Limits::default().max_document)?;
        while let Some(batch) = reader.next(BATCH_ROWS, |_| Ok(()))? {
            if let Some(refused) = batch.refused.first() {
                return Err(RunError::Unreadable {
                    file: reader.file.name.clone(),
                    offset: refused.offset,
                    field: refused.refusal.field.clone(),
                    what: refused.refusal.message.clone(),
                });
            }
            seen.records += batch.tally.records;
            seen.legacy_values += batch.tally.legacy_values;
            if let Some(count) = counts.get_mut(split.file as usize) {
                count.documents += batch.tally.records;
                count.payload_bytes += batch.tally.payload_bytes;
            }
            if let [names, documents] = batch.columns.columns() {
                let (names, documents) = (names.as_string::<i32>(), documents.as_string::<i32>());
                for (name, json) in names.iter().zip(documents) {
                    let document = Document { name: name.unwrap_or_default(), json: json.unwrap_or_default() };
                    if !each(document)? {
                        return Ok(seen);
                    }
                }
            }
        }
    }
    seen.proofs = input.prove(&counts)?;
    Ok(seen)
}
