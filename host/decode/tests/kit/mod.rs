//! What the tests of the decoder share.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use gristmill_decode::{Batch, DecodeError, Decoder, Format, Limits, Projection, RefusedRecord, Tally};
use gristmill_record::{DataType, Description, Input, OnMismatch, Origin, OutputColumn, Scalar, TableDraft};
use serde_json::Value;

pub(crate) mod encode;

/// All that a decoder hands out, and the documents of its rows.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pub(crate) batches: Vec<Batch>,
    /// The line of `write_document` for each row.
    pub(crate) documents: Vec<String>,
    pub(crate) error: Option<DecodeError>,
}

impl Output {
    pub(crate) fn rows(&self) -> usize {
        self.batches.iter().map(|b| b.columns.num_rows()).sum()
    }
    pub(crate) fn refused(&self) -> Vec<&RefusedRecord> {
        self.batches.iter().flat_map(|b| &b.refused).collect()
    }
    pub(crate) fn codes(&self) -> Vec<&str> {
        self.refused().iter().map(|r| r.refusal.code.as_str()).collect()
    }
    pub(crate) fn offsets(&self) -> Vec<u64> {
        self.batches.iter().flat_map(|b| b.offsets.iter().copied()).collect()
    }
    pub(crate) fn identities(&self) -> Vec<u64> {
        self.batches.iter().flat_map(|b| b.identities.iter().copied()).collect()
    }
    pub(crate) fn tally(&self) -> Tally {
        let mut all = Tally::default();
        for t in self.batches.iter().map(|b| b.tally) {
            all.records += t.records;
            all.other_documents += t.other_documents;
            all.payload_bytes += t.payload_bytes;
            all.legacy_values += t.legacy_values;
        }
        all
    }
    /// The texts of a column of strings, in all batches.
    pub(crate) fn texts(&self, column: &str) -> Vec<Option<String>> {
        self.batches
            .iter()
            .flat_map(|b| {
                let column = b.columns.column_by_name(column).unwrap().as_string::<i32>();
                column.iter().map(|t| t.map(str::to_owned)).collect::<Vec<_>>()
            })
            .collect()
    }
}

pub(crate) struct Reading {
    pub(crate) format: Format,
    pub(crate) start: u64,
    pub(crate) end: Option<u64>,
    pub(crate) limits: Limits,
    pub(crate) chunk: usize,
    pub(crate) rows: usize,
}

impl Reading {
    pub(crate) fn new(format: Format) -> Self {
        Self { format, start: 0, end: None, limits: Limits::default(), chunk: 1 << 16, rows: 1_000 }
    }

    /// Decodes a file, fed in chunks, from where the range says.
    pub(crate) fn read(&self, projection: &Arc<Projection>, file: &[u8]) -> Output {
        let mut decoder = Decoder::new(self.format, Arc::clone(projection), self.start, self.end, self.limits);
        let from = if self.format == Format::Json { self.start.saturating_sub(1) } else { self.start };
        let mut chunks = file[usize::try_from(from).unwrap()..].chunks(self.chunk.max(1));
        let mut read = Output::default();
        loop {
            loop {
                match decoder.next_batch(self.rows) {
                    Ok(None) => break,
                    Ok(Some(batch)) => {
                        for row in 0..batch.columns.num_rows() {
                            let mut line = Vec::new();
                            decoder.write_document(row, &mut line).unwrap();
                            read.documents.push(String::from_utf8(line).unwrap());
                        }
                        assert_eq!(batch.columns.num_rows(), batch.offsets.len());
                        assert_eq!(batch.columns.num_rows(), batch.identities.len());
                        let ends = batch.offsets.len() + batch.refused.len();
                        assert_eq!(
                            batch.tally.records,
                            ends as u64 + batch.tally.other_documents,
                            "every record has one end"
                        );
                        read.batches.push(batch);
                    }
                    Err(error) => {
                        read.error = Some(error);
                        return read;
                    }
                }
            }
            if decoder.is_done() {
                return read;
            }
            match chunks.next() {
                Some(chunk) => decoder.feed(chunk),
                None => decoder.finish_input(),
            }
        }
    }
}

pub(crate) fn read(format: Format, projection: &Arc<Projection>, file: &[u8]) -> Output {
    Reading::new(format).read(projection, file)
}

/// Reads whole documents, as `export cat` does.
pub(crate) fn whole() -> Arc<Projection> {
    Arc::new(Projection::documents(None, 7))
}

/// Reads JSON into whole documents.
pub(crate) fn json(text: &str) -> Output {
    read(Format::Json, &whole(), text.as_bytes())
}

pub(crate) fn field(name: &str, path: &[&str], ty: impl Into<DataType>) -> Input {
    Input {
        name: name.into(),
        origin: Origin::Field(path.iter().map(|s| (*s).to_owned()).collect()),
        ty: ty.into(),
        required: false,
        on_mismatch: OnMismatch::Reject,
    }
}

pub(crate) fn lenient(input: Input) -> Input {
    Input { on_mismatch: OnMismatch::Null, ..input }
}

pub(crate) fn required(input: Input) -> Input {
    Input { required: true, ..input }
}

pub(crate) fn other(name: &str, origin: Origin, scalar: Scalar) -> Input {
    Input { name: name.into(), origin, ty: scalar.into(), required: false, on_mismatch: OnMismatch::Reject }
}

pub(crate) fn type_of(name: &str, path: &[&str]) -> Input {
    other(name, Origin::FieldType(path.iter().map(|s| (*s).to_owned()).collect()), Scalar::String)
}

pub(crate) fn projection(pattern: &str, inputs: Vec<Input>) -> Arc<Projection> {
    let table = TableDraft {
        name: "t".into(),
        columns: vec![OutputColumn {
            name: "c".into(),
            ty: Scalar::String.into(),
            required: false,
            description: String::new(),
        }],
        ..TableDraft::default()
    };
    Arc::new(Projection::new(&Description::new(pattern, inputs, vec![table]).unwrap(), 7))
}

pub(crate) fn exports() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/exports")
}

pub(crate) fn unzip(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes
}

/// The documents of an export's REST listing.
pub(crate) fn listing(export: &str) -> (Vec<u8>, Vec<Value>) {
    let text = unzip(&exports().join(export).join("rest.ndjson.gz"));
    let documents =
        text.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| serde_json::from_slice(l).unwrap()).collect();
    (text, documents)
}

/// The output files of an export.
pub(crate) fn outputs(export: &str) -> Vec<Vec<u8>> {
    let folder = exports().join(export).join("export/all_namespaces/all_kinds");
    (0..).map_while(|n| std::fs::read(folder.join(format!("output-{n}"))).ok()).collect()
}
