//! Logs: framing, damage, splits, limits.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    reason = "a test fails by panicking"
)]

mod kit;

use gristmill_decode::{DecodeError, Format, Limits};
use gristmill_record::Diagnose;
use kit::encode::{Value, document, fragment, log};
use kit::{Output, Reading, outputs, read, whole};

fn bytes(id: &str, len: usize) -> Vec<u8> {
    document(id, &[("b", Value::Bytes(vec![0x61; len]))])
}

fn names(out: &Output) -> Vec<String> {
    out.texts("name").into_iter().flatten().map(|n| n.rsplit('/').next().unwrap().to_owned()).collect()
}

#[test]
fn every_amount_of_padding_and_an_empty_first_fragment() {
    let base = bytes("a", 0).len();
    for left in 0..=8 {
        // The first record ends `left` bytes before the end of the block.
        let len = 32_768 - 7 - left - base;
        let mut first = bytes("a", len);
        while first.len() > 32_768 - 7 - left {
            first = bytes("a", len - (first.len() - (32_768 - 7 - left)));
        }
        assert_eq!(first.len(), 32_768 - 7 - left);
        let second = bytes("b", 40_000);
        let payload = (first.len() + second.len()) as u64;
        let out = read(Format::Log, &whole(), &log(&[first, second]));
        assert_eq!((out.error.clone(), names(&out)), (None, vec!["a".to_owned(), "b".to_owned()]), "{left} bytes left");
        assert_eq!(out.tally().payload_bytes, payload);
    }
}

#[test]
fn zeros_end_a_block_and_a_file() {
    let mut file = log(&[bytes("a", 10)]);
    file.resize(32_768, 0);
    file.extend(log(&[bytes("b", 10)]));
    file.resize(3 * 32_768, 0);
    let out = read(Format::Log, &whole(), &file);
    assert_eq!((out.error.clone(), names(&out)), (None, vec!["a".to_owned(), "b".to_owned()]));
    file[20_000] = 1;
    let out = read(Format::Log, &whole(), &file);
    assert!(matches!(out.error, Some(DecodeError::Frame { block: 0, what, .. }) if what.contains("ended by zeros")));
}

#[test]
fn damage_ends_the_reading_with_its_place() {
    let records = [bytes("a", 100), bytes("b", 40_000), bytes("c", 100)];
    let sound = log(&records);
    let second = 7 + records[0].len();
    let cases: Vec<(Vec<u8>, u64, &str)> = vec![
        (
            {
                let mut f = sound.clone();
                f[second + 50] ^= 1;
                f
            },
            second as u64,
            "checksum",
        ),
        (
            {
                let mut f = sound.clone();
                f[second + 4] = 0xff;
                f[second + 5] = 0xff;
                f
            },
            second as u64,
            "length",
        ),
        ([log(&records[..1]), fragment(4, b"tail")].concat(), second as u64, "continues a record"),
        (
            [log(&records[..1]), fragment(2, b"head"), fragment(1, b"whole")].concat(),
            second as u64 + 11,
            "before the one before it",
        ),
        ([log(&records[..1]), fragment(9, b"")].concat(), second as u64, "type"),
    ];
    for (file, at, text) in cases {
        let out = read(Format::Log, &whole(), &file);
        let Some(error @ DecodeError::Frame { offset, block: 0, .. }) = out.error else { panic!("{:?}", out.error) };
        assert_eq!(offset, at);
        assert!(error.to_string().contains(text) && error.remedy().is_some(), "{error}");
    }
    for cut in [3, second + 3, second + 100, 32_768, 32_770, sound.len() - 1] {
        let out = read(Format::Log, &whole(), &sound[..cut]);
        let begins = if cut < second {
            0
        } else if cut == sound.len() - 1 {
            sound.len() - 7 - records[2].len()
        } else {
            second
        };
        let error = DecodeError::Truncated { offset: begins as u64, end: cut as u64, what: "record" };
        assert_eq!(out.error, Some(error), "cut at {cut}");
    }
}

#[test]
fn an_empty_first_fragment_may_be_begun_anew() {
    let record = bytes("a", 3);
    let file = [fragment(2, b""), fragment(1, &record)].concat();
    let out = read(Format::Log, &whole(), &file);
    assert_eq!((out.error.clone(), out.offsets()), (None, vec![7]));
}

#[test]
fn records_belong_to_the_split_they_begin_in() {
    for file in outputs("blocks") {
        let all = read(Format::Log, &whole(), &file);
        assert!(all.error.is_none() && all.rows() > 500);
        for blocks in [1, 3, 50] {
            let size = blocks * 32_768;
            let mut parts = Output::default();
            for start in (0..file.len() as u64).step_by(size) {
                let end = Some(start + size as u64).filter(|end| *end < file.len() as u64);
                let part = Reading { start, end, chunk: 5_000, ..Reading::new(Format::Log) }.read(&whole(), &file);
                assert_eq!(part.error, None);
                assert!(part.offsets().iter().all(|o| *o >= start && end.is_none_or(|end| *o < end)));
                parts.batches.extend(part.batches);
                parts.documents.extend(part.documents);
            }
            assert_eq!(parts.documents, all.documents);
            assert_eq!((parts.offsets(), parts.identities()), (all.offsets(), all.identities()));
            assert_eq!(parts.tally(), all.tally());
        }
    }
}

#[test]
fn a_record_over_the_limit_is_refused_and_not_held() {
    let file = log(&[bytes("a", 10), bytes("b", 200_000), bytes("c", 10)]);
    let limits = Limits { max_document: 100_000, ..Limits::default() };
    let out = Reading { limits, ..Reading::new(Format::Log) }.read(&whole(), &file);
    assert_eq!((names(&out), out.codes()), (vec!["a".to_owned(), "c".to_owned()], vec!["decode.too-large"]));
    assert!(out.refused()[0].raw.is_empty() && out.tally().payload_bytes > 200_000);
}

#[test]
fn batches_end_by_rows_and_by_bytes_whatever_the_chunks() {
    let file = &outputs("blocks")[0];
    let shape =
        |out: &Output| out.batches.iter().map(|b| (b.columns.clone(), b.offsets.clone(), b.tally)).collect::<Vec<_>>();
    for (rows, max_batch_bytes) in [(7, 4 << 20), (1_000_000, 100_000)] {
        let limits = Limits { max_batch_bytes, ..Limits::default() };
        let whole_file = Reading { limits, rows, chunk: file.len(), ..Reading::new(Format::Log) }.read(&whole(), file);
        assert!(whole_file.batches.len() > 20);
        for chunk in [1_000, 32_768, 1 << 20] {
            let out = Reading { limits, rows, chunk, ..Reading::new(Format::Log) }.read(&whole(), file);
            assert_eq!(shape(&out), shape(&whole_file));
        }
    }
}
