//! What each target does with its input; the corpus is read with the same in the tests. To run one, in `host/decode`:
//! `cargo +nightly fuzz run json`.
#![allow(dead_code, reason = "each target uses one of the functions")]

use std::sync::{Arc, OnceLock};

use gristmill_decode::{Decoder, Format, Limits, Projection};
use gristmill_record::{
    DataType, Description, Field, Input, OnMismatch, Origin, OutputColumn, PathPattern, Scalar, TableDraft,
};

/// A file.
pub(crate) fn log(data: &[u8]) {
    check(Format::Log, data);
    // The same fragments with the right checksums and lengths: mutations seldom make them.
    let (mut file, mut rest) = (Vec::new(), data);
    while let Some(([kind, len, more], tail)) = rest.split_first_chunk::<3>() {
        let len = usize::from(*len) + usize::from(*more % 160) * 256;
        let (body, tail) = tail.split_at(len.min(tail.len()));
        fragment(&mut file, kind % 6, body);
        rest = tail;
    }
    check(Format::Log, &file);
}

/// The payload of a record.
pub(crate) fn entity(data: &[u8]) {
    let mut file = Vec::new();
    let mut pieces = data.chunks(32_768 - 7).peekable();
    let mut kind = if data.len() > 32_768 - 7 { 2 } else { 1 };
    while let Some(piece) = pieces.next() {
        if kind != 1 && pieces.peek().is_none() {
            kind = 4;
        }
        fragment(&mut file, kind, piece);
        kind = 3;
    }
    check(Format::Log, &file);
}

/// A file.
pub(crate) fn json(data: &[u8]) {
    check(Format::Json, data);
}

fn fragment(file: &mut Vec<u8>, kind: u8, data: &[u8]) {
    let mut checked = vec![kind];
    checked.extend_from_slice(data);
    let crc = crc32c::crc32c(&checked).rotate_right(15).wrapping_add(0xa282_ead8);
    file.extend_from_slice(&crc.to_le_bytes());
    file.extend_from_slice(&u16::try_from(data.len()).unwrap_or(u16::MAX).to_le_bytes());
    file.extend_from_slice(&checked);
}

fn projections() -> &'static [Arc<Projection>; 2] {
    static PROJECTIONS: OnceLock<[Arc<Projection>; 2]> = OnceLock::new();
    PROJECTIONS.get_or_init(|| {
        let pattern = PathPattern::parse("*/*").ok();
        [Arc::new(Projection::documents(pattern, 1)), Arc::new(Projection::new(&description(), 1))]
    })
}

/// Asks for the field `a` as everything that it can be, and for what is in it.
fn description() -> Description {
    let field = |path: &[&str], ty: DataType| Input {
        name: format!("{path:?} {ty}"),
        origin: Origin::Field(path.iter().map(|s| (*s).to_owned()).collect()),
        ty,
        required: false,
        on_mismatch: OnMismatch::Null,
    };
    let inner = DataType::Struct(vec![
        Field { name: "a".into(), ty: Scalar::Int64.into() },
        Field { name: "latitude".into(), ty: Scalar::Float64.into() },
    ]);
    let mut types: Vec<DataType> = [
        Scalar::Boolean,
        Scalar::Int64,
        Scalar::Float64,
        Scalar::Timestamp,
        Scalar::String,
        Scalar::Bytes,
        Scalar::Reference,
        Scalar::Json,
    ]
    .map(DataType::from)
    .to_vec();
    types.extend(types.clone().into_iter().map(|ty| DataType::List(Box::new(ty))));
    types.push(DataType::List(Box::new(inner.clone())));
    types.push(inner);
    let mut inputs: Vec<Input> = types.into_iter().map(|ty| field(&["a"], ty)).collect();
    inputs.push(field(&["a", "a"], Scalar::Int64.into()));
    inputs.push(field(&["a", "a", "b"], Scalar::String.into()));
    let other = |name: &str, origin, scalar: Scalar| Input {
        name: name.into(),
        origin,
        ty: scalar.into(),
        required: false,
        on_mismatch: OnMismatch::Reject,
    };
    inputs.push(other("type", Origin::FieldType(vec!["a".into()]), Scalar::String));
    inputs.push(other("id", Origin::PathCapture("id".into()), Scalar::String));
    inputs.push(other("updated", Origin::UpdateTime, Scalar::Timestamp));
    let column =
        OutputColumn { name: "c".into(), ty: Scalar::String.into(), required: false, description: String::new() };
    let table = TableDraft { name: "t".into(), columns: vec![column], ..TableDraft::default() };
    Description::new("c/{id}", inputs, vec![table]).expect("the description is sound")
}

/// Reads a file in several ways, which must agree.
fn check(format: Format, file: &[u8]) {
    let limits = Limits { max_document: 1 << 16, max_batch_bytes: 1 << 12, max_depth: 20 };
    for projection in projections() {
        let all = read(format, projection, limits, file, 0, None, file.len());
        let pieces = read(format, projection, limits, file, 0, None, file.len() / 3 + 1);
        assert_eq!(all, pieces, "the pieces in which a file is fed change nothing");
        // Splits: of damaged files they need not agree, but they must end.
        for cut in [1, 32_768] {
            read(format, projection, limits, file, cut, None, 1 << 12);
            read(format, projection, limits, file, 0, Some(cut), 1 << 12);
        }
    }
}

/// Offsets, documents and refusals of a file, and how it ended.
type Outcome = (Vec<u64>, Vec<u8>, Vec<(u64, String)>, Option<String>);

/// Reads a file to its end, or to an error.
fn read(
    format: Format,
    projection: &Arc<Projection>,
    limits: Limits,
    file: &[u8],
    start: u64,
    end: Option<u64>,
    chunk: usize,
) -> Outcome {
    let from = if format == Format::Json { start.saturating_sub(1) } else { start };
    let file = usize::try_from(from).ok().and_then(|from| file.get(from..)).unwrap_or_default();
    let mut decoder = Decoder::new(format, Arc::clone(projection), start, end, limits);
    let mut chunks = file.chunks(chunk.max(1));
    let (mut offsets, mut documents, mut refused, mut total) = (Vec::new(), Vec::new(), Vec::new(), 0);
    while !decoder.is_done() {
        match chunks.next() {
            Some(chunk) => decoder.feed(chunk),
            None => decoder.finish_input(),
        }
        loop {
            match decoder.next_batch(3) {
                Ok(None) => break,
                Ok(Some(batch)) => {
                    for row in 0..batch.columns.num_rows() {
                        decoder.write_document(row, &mut documents).expect("a row of the last batch");
                        documents.push(b'\n');
                    }
                    total += batch.tally.records - batch.tally.other_documents;
                    offsets.extend(batch.offsets);
                    refused.extend(batch.refused.into_iter().map(|r| (r.offset, r.refusal.code)));
                }
                Err(error) => return (offsets, documents, refused, Some(error.to_string())),
            }
        }
    }
    assert_eq!(total, (offsets.len() + refused.len()) as u64, "every record has one end");
    assert!(std::str::from_utf8(&documents).is_ok());
    (offsets, documents, refused, None)
}
