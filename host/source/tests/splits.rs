//! Splits hold every record exactly once, wherever they are cut.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use common::{STRICT, count, exports, read};
use gristmill_generator::{Form, Layout, Spec, log_records, write_binary, write_json};
use gristmill_source::{Format, Input, Split, discover};
use proptest::prelude::*;

/// The lines that begin in a split, read as a decoder does: from the byte before it, after the first line break.
fn lines(input: &Input, split: &Split) -> Vec<String> {
    let bytes = read(input, split).unwrap();
    let mut at = 0;
    if split.start > 0 {
        at = bytes.iter().position(|b| *b == b'\n').unwrap() + 1;
    }
    let origin = split.start.saturating_sub(1);
    let mut lines = Vec::new();
    while at < bytes.len() && split.end.is_none_or(|end| origin + (at as u64) < end) {
        let end = bytes[at..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |n| at + n);
        lines.push(String::from_utf8(bytes[at..end].to_vec()).unwrap());
        at = end + 1;
    }
    lines.retain(|l| !l.trim().is_empty());
    lines
}

fn check_tiling(input: &Input, splits: &[Split]) {
    for file in 0..u32::try_from(input.files.len()).unwrap() {
        let own: Vec<_> = splits.iter().filter(|s| s.file == file).collect();
        assert_eq!(own[0].start, 0);
        assert_eq!(own[own.len() - 1].end, None);
        assert!(own.windows(2).all(|w| w[0].end == Some(w[1].start) && w[0].start < w[1].start));
    }
    assert!(splits.is_sorted());
}

#[test]
fn logs_are_cut_at_blocks() {
    let input = discover(exports().join("yago/export").to_str().unwrap(), &STRICT).unwrap();
    for target in [0, 1, 32_768, 100_000, 1 << 20, u64::MAX] {
        let splits = input.splits(target).unwrap();
        check_tiling(&input, &splits);
        assert!(splits.iter().all(|s| s.start % 32_768 == 0));
        assert_eq!(splits, input.splits(target).unwrap());
    }
    assert_eq!(input.splits(1).unwrap().len(), 1_429_151 / 32_768 + 346_091 / 32_768);
    assert_eq!(input.splits(1 << 20).unwrap().len(), 2, "a remainder is not a part of its own");
    let whole = count(&input)[0].documents;
    let split = Split { file: 0, start: 32_768, end: None };
    let rest = read(&input, &split).unwrap();
    assert_eq!(rest.len(), 1_429_151 - 32_768);
    assert!((log_records(&rest).len() as u64) < whole);
}

#[test]
fn every_line_is_in_one_split() {
    let dir = tempfile::tempdir().unwrap();
    write_json(dir.path(), Layout::Lines, &Spec { documents: 500, files: 2, ..Spec::default() }).unwrap();
    let input = discover(dir.path().to_str().unwrap(), &STRICT).unwrap();
    let expected: Vec<String> = input.splits(u64::MAX).unwrap().iter().flat_map(|s| lines(&input, s)).collect();
    assert_eq!(expected.len(), 500);
    for target in [1_000, 4_321, 10_000, 65_536] {
        let splits = input.splits(target).unwrap();
        check_tiling(&input, &splits);
        assert!(splits.len() as u64 >= input.bytes() / target / 2, "{target}");
        let read: Vec<String> = splits.iter().flat_map(|s| lines(&input, s)).collect();
        assert!(read == expected, "{target}");
    }
}

#[test]
fn a_split_opens_where_its_decoder_begins() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.json");
    for bytes in [b"{\"n\":1}\n{\"n\":2}\n".to_vec(), common::gzip(b"{\"n\":1}\n{\"n\":2}\n")] {
        std::fs::write(&path, bytes).unwrap();
        let input = discover(path.to_str().unwrap(), &STRICT).unwrap();
        let from = |start| read(&input, &Split { file: 0, start, end: None }).unwrap();
        assert_eq!(from(8), b"\n{\"n\":2}\n", "JSON: one byte earlier");
        assert_eq!(from(0), b"{\"n\":1}\n{\"n\":2}\n");
        let split = Split { file: 1, start: 0, end: None };
        assert!(input.open(&split).is_err(), "no such file");
    }
}

#[test]
fn other_layouts_are_one_split() {
    let spec = Spec { documents: 100, files: 1, ..Spec::default() };
    for form in [
        Form::from(Layout::Documents),
        Form::from(Layout::Array),
        Form { pretty: true, ..Form::from(Layout::Documents) },
        Form { pretty: true, ..Form::from(Layout::Array) },
        Form { pretty: true, ..Form::from(Layout::Lines) },
    ] {
        let dir = tempfile::tempdir().unwrap();
        write_json(dir.path(), form, &spec).unwrap();
        let input = discover(dir.path().to_str().unwrap(), &STRICT).unwrap();
        assert_eq!(input.files[0].format, Format::Json);
        assert_eq!(input.splits(100).unwrap(), [Split { file: 0, start: 0, end: None }], "{form:?}");
    }
    let dir = tempfile::tempdir().unwrap();
    write_binary(dir.path(), &Spec::of(0)).unwrap();
    let input = discover(dir.path().to_str().unwrap(), &STRICT).unwrap();
    assert_eq!(input.splits(100).unwrap().len(), 4, "empty files too");
}

/// JSON values one after the other, in layouts that can and that cannot be cut.
fn pieces() -> impl Strategy<Value = Vec<String>> {
    let piece = prop_oneof![
        6 => "[a-z]{0,12}".prop_map(|s| format!("{{\"name\":\"{s}\"}}\n")),
        1 => Just("{\"name\":\n\"x\"}\n".to_owned()),
        1 => Just("{\"name\":\"p\"}{\"name\":\"q\"}\n".to_owned()),
        1 => Just(" {\"name\":\"indented\"}\r\n".to_owned()),
        1 => Just("{\"documents\":[{\"name\":\"w\"},\n{\"name\":\"v\"}]}\n".to_owned()),
        1 => Just("{\"list\":[\n{\"a\":1}\n]}\n".to_owned()),
        1 => Just("\n\n".to_owned()),
    ];
    proptest::collection::vec(piece, 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// Wherever a file is cut, a document (of one line or of many) lies wholly within one split: the records that begin in each,
    /// found by where they really begin, are those that a decoder would find.
    #[test]
    fn cuts_are_never_within_a_document(pieces in pieces(), target in 1_u64..60) {
        let text = format!("{{\"name\":\"first\"}}\n{}", pieces.concat());
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.json");
        std::fs::write(&path, &text).unwrap();
        let input = discover(path.to_str().unwrap(), &STRICT).unwrap();
        let splits = input.splits(target).unwrap();
        check_tiling(&input, &splits);
        // The beginnings of documents, by a parser that knows nothing of lines; wrapped ones begin inside their wrapper.
        let mut begins = Vec::new();
        let mut stream = serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>();
        loop {
            let skipped = text[stream.byte_offset()..].len() - text[stream.byte_offset()..].trim_start().len();
            let begin = stream.byte_offset() + skipped;
            match stream.next() {
                Some(value) => begins.push((begin, value.unwrap())),
                None => break,
            }
        }
        for split in splits.iter().filter(|s| s.start > 0) {
            let start = usize::try_from(split.start).unwrap();
            let resume = start - 1 + text[start - 1..].find('\n').unwrap() + 1;
            // No document begins between the cut and where the decoder takes up, and none is open there.
            for (begin, value) in &begins {
                prop_assert!(!(start..resume).contains(begin), "{begin} in {start}..{resume} of {text:?}");
                let holds_documents = value.get("documents").is_some();
                prop_assert!(!(holds_documents && *begin < start && text[*begin..resume].matches("\n").count() == 1));
            }
            prop_assert!(resume >= text.len() || serde_json::Deserializer::from_str(&text[resume..])
                .into_iter::<serde_json::Value>().all(|v| v.is_ok_and(|v| v.is_object())));
        }
    }
}
