//! Documents in JSON: layouts, refusals, syntax errors and their places, splits.
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

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use gristmill_decode::{DecodeError, Format, Limits};
use gristmill_record::{DataType, Field, Origin, Scalar};
use kit::{Output, Reading, field, json, lenient, listing, other, projection, read, required, type_of, whole};

const ROOT: &str = "projects/p/databases/(default)/documents";

fn doc(id: &str) -> String {
    format!(r#"{{"name":"{ROOT}/c/{id}","fields":{{"n":{{"integerValue":"1"}}}}}}"#)
}

fn ids(out: &Output) -> String {
    out.texts("name").iter().flatten().map(|n| n.rsplit('/').next().unwrap()).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_layout_is_read() {
    let (a, b, c) = (doc("a"), doc("b"), doc("c"));
    for text in [
        format!(r#"{{"documents":[{a},{b},{c}]}}"#),
        format!(r#"{{"nextPageToken":"x","documents":[{a},{b},{c}],"more":{{"k":[1,2]}},"x":null}}"#),
        format!(r#"{{"documents":[{a}],"nextPageToken":"x"}}{{"documents":[{b},{c}]}}"#),
        format!("[{a},{b}]\n[]\n[{c}]"),
        format!("{a}\n{b}\n{c}"),
        format!("{a}\r\n\r\n{b}\r\n{c}\r\n"),
        format!("{a}{b} {c}"),
        format!("\u{feff} {a}\n\n\t{b}\n{c}\n"),
        format!("{a}\n{{\"documents\":[]}}\n[{b}]\n{{ \"documents\" : [ {c} ] }}"),
        serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(&format!("[{a},{b},{c}]")).unwrap())
            .unwrap(),
        format!(" {{\"name\" : \"{ROOT}/c/a\" ,\n \"fields\":\t{{ \"n\" :{{ \"integerValue\" : 1 }} }} }}{b}\n {c}"),
    ] {
        for chunk in [1, 3, 1_000] {
            let out = Reading { chunk, ..Reading::new(Format::Json) }.read(&whole(), text.as_bytes());
            assert_eq!((out.error.as_ref(), ids(&out).as_str()), (None, "a b c"), "{text}");
            assert_eq!(out.documents, [a.clone(), b.clone(), c.clone()]);
            for (offset, document) in out.offsets().iter().zip([&a, &b, &c]) {
                let rest = &text[usize::try_from(*offset).unwrap()..];
                assert!(
                    rest.starts_with('{')
                        && (text.starts_with(' ') || rest.contains(&document[..8]) || rest.starts_with("{\n"))
                );
            }
        }
    }
    for empty in ["", " \n", "[]", "\u{feff}", "{\"documents\":[]}", "[ ]\n[ ]"] {
        let out = json(empty);
        assert_eq!((out.error.as_ref(), out.tally().records), (None, 0), "{empty}");
    }
}

#[test]
fn fields_may_come_before_the_name() {
    let p = projection(
        "c/{id}",
        vec![
            field("n", &["n"], Scalar::Int64),
            other("u", Origin::UpdateTime, Scalar::Timestamp),
            other("id", Origin::PathCapture("id".into()), Scalar::String),
        ],
    );
    let text = format!(
        r#"{{"updateTime":"2024-01-01T00:00:00Z","fields":{{"n":{{"integerValue":7}}}},"name":"{ROOT}/c/a"}}
           {{"fields":{{"n":{{"integerValue":8}}}},"updateTime":"2024-01-01T00:00:00Z","name":"{ROOT}/other/a"}}
           {{"name":"{ROOT}/c/b","updateTime":"1970-01-01T00:00:00.000001999Z"}}"#
    );
    let out = read(Format::Json, &p, text.as_bytes());
    assert_eq!((out.rows(), out.tally().other_documents, out.codes().len()), (2, 1, 0));
    let columns = &out.batches[0].columns;
    assert_eq!(columns.column(0).as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), [Some(7), None]);
    let times = columns.column(1).as_primitive::<TimestampMicrosecondType>();
    assert_eq!(times.values().to_vec(), [1_704_067_200_000_000, 1]);
    assert_eq!(out.texts("id"), [Some("a".into()), Some("b".into())]);
}

#[test]
fn what_is_no_document_or_no_value_is_refused_with_its_place() {
    let with = |fields: &str| format!(r#"{{"name":"{ROOT}/c/x","fields":{fields}}}"#);
    let cases: Vec<(String, &str, Option<&str>)> = vec![
        (r#"{"fields":{}}"#.into(), "decode.document-name", Some("name")),
        (r#"{}"#.into(), "decode.document-name", Some("name")),
        (r#"{"name":7}"#.into(), "decode.json-value", Some("name")),
        (r#"{"name":"c/x"}"#.into(), "decode.document-name", Some("name")),
        (format!(r#"{{"name":"{ROOT}/c"}}"#), "decode.document-name", Some("name")),
        (format!(r#"{{"name":"{ROOT}/c//x/y"}}"#), "decode.document-name", Some("name")),
        (format!(r#"{{"name":"{ROOT}/c/x","name":"{ROOT}/c/y"}}"#), "decode.duplicate-key", Some("name")),
        (with(r#"{},"fields":{}"#), "decode.duplicate-key", Some("fields")),
        (with(r#"{"m":{"mapValue":{"fields":{"v":{"textValue":"x"}}}}}"#), "decode.json-value", Some("m.v")),
        (
            with(r#"{"m":{"mapValue":{"fields":{"v":{"integerValue":1,"stringValue":"x"}}}}}"#),
            "decode.json-value",
            Some("m.v"),
        ),
        (with(r#"{"m":{"mapValue":{"fields":{"v":{}}}}}"#), "decode.json-value", Some("m.v")),
        (with(r#"{"m":{"mapValue":{"fields":{"v":5}}}}"#), "decode.json-value", Some("m.v")),
        (with(r#"{"m":{"mapValue":{"fields":{"v":{"integerValue":"1.5"}}}}}"#), "decode.json-value", Some("m.v")),
        (
            with(r#"{"m":{"mapValue":{"fields":{"v":{"integerValue":9223372036854775808}}}}}"#),
            "decode.json-value",
            Some("m.v"),
        ),
        (with(r#"{"m":{"mapValue":{"fields":{"v":{"doubleValue":1e999}}}}}"#), "decode.json-value", Some("m.v")),
        (with(r#"{"m":{"mapValue":{"fields":{"v":{"bytesValue":"a"}}}}}"#), "decode.json-value", Some("m.v")),
        (with(r#"{"m":{"mapValue":{"fields":{"v":{"timestampValue":"today"}}}}}"#), "decode.json-value", Some("m.v")),
        (with(r#"{"m":{"mapValue":{"fields":{"v":{"stringValue":"x"}}}}}"#), "decode.type-mismatch", Some("m.v")),
        (
            with(r#"{"m":{"mapValue":{"fields":{"v":{"integerValue":1},"v":{"integerValue":1}}}}}"#),
            "decode.duplicate-key",
            Some("m.v"),
        ),
        (with(r#"{"m":{"mapValue":{"fields":{"v":{"nullValue":null}}}}}"#), "decode.missing-field", Some("m.v")),
        (with(r#"{"m":{"mapValue":{}}}"#), "decode.missing-field", Some("m.v")),
        (with(r#"[]"#), "decode.json-value", Some("fields")),
        ("[5]".into(), "decode.document", None),
    ];
    let p = projection("c/{id}", vec![required(field("v", &["m", "v"], Scalar::Int64))]);
    for (text, code, place) in cases {
        let out = read(Format::Json, &p, text.as_bytes());
        assert_eq!((out.error.as_ref(), out.codes()), (None, vec![code]), "{text}");
        let refused = out.refused()[0];
        assert_eq!(refused.refusal.field.as_deref(), place, "{text}");
        assert!(refused.document.is_some() == refused.raw.is_empty(), "one or the other: {text}");
    }
}

/// A path that leads through something else than a map is a mismatch; through null, or nothing, it is null.
#[test]
fn a_value_on_the_way_that_has_no_fields() {
    let strict = projection("c/{id}", vec![field("v", &["m", "v"], Scalar::Int64), type_of("t", &["m", "v"])]);
    let kind = type_of("k", &["m"]);
    let easy = projection("c/{id}", vec![lenient(field("v", &["m", "v", "w"], Scalar::Int64)), kind]);
    for (value, found) in [
        (r#"{"arrayValue":{"values":[{"doubleValue":1.5}]}}"#, "array"),
        (r#"{"arrayValue":{}}"#, "array"),
        (r#"{"integerValue":"1"}"#, "integer"),
        (r#"{"stringValue":"x"}"#, "string"),
    ] {
        let text = format!(r#"{{"name":"{ROOT}/c/x","fields":{{"m":{value},"n":{{"integerValue":"1"}}}}}}"#);
        let out = read(Format::Json, &strict, text.as_bytes());
        assert_eq!(out.codes(), ["decode.type-mismatch"], "{text}");
        let refusal = &out.refused()[0].refusal;
        assert_eq!(refusal.field.as_deref(), Some("m.v"), "{text}");
        assert!(refusal.message.contains(found), "{refusal:?}");
        let out = read(Format::Json, &easy, text.as_bytes());
        assert_eq!((out.rows(), out.texts("k")), (1, vec![Some(found.to_owned())]), "{text}");
        assert_eq!(out.batches[0].columns.column(0).null_count(), 1, "{text}");
    }
    for value in [r#"{"nullValue":null}"#, r#"{"mapValue":{}}"#] {
        let text = format!(r#"{{"name":"{ROOT}/c/x","fields":{{"m":{value}}}}}"#);
        let out = read(Format::Json, &strict, text.as_bytes());
        assert_eq!((out.rows(), out.texts("t")), (1, vec![None]), "{text}");
    }
}

#[test]
fn values_are_judged_only_where_they_are_asked_for() {
    let text =
        format!(r#"{{"name":"{ROOT}/c/x","fields":{{"odd":{{"futureValue":[1]}},"n":{{"integerValue":"4"}}}}}}"#);
    let out = read(Format::Json, &projection("c/{id}", vec![field("n", &["n"], Scalar::Int64)]), text.as_bytes());
    assert_eq!(out.rows(), 1);
    let written = format!(r#"{{"name":"{ROOT}/c/x","raw":""#);
    assert!(out.documents[0].starts_with(&written), "{}", out.documents[0]);
    assert_eq!(json(&text).refused()[0].refusal.field.as_deref(), Some("odd"));
}

#[test]
fn syntax_errors_have_their_place() {
    let cases: Vec<(String, u64, u64, u64, &str)> = vec![
        (format!("[{},\n {} {}]", doc("a"), doc("b"), doc("c")), 0, 2, 0, "`,` or `]` after a document"),
        ("{\n\"name\": tru }".into(), 0, 2, 0, "a value"),
        ("[1 2]".into(), 3, 1, 4, "`,` or `]` after a document"),
        ("name".into(), 0, 1, 1, "`{` or `[`"),
        ("{\n\"a\":\"\u{1}\"}".into(), 7, 2, 6, "no control character"),
        ("{\n\"a\":\"\\x\"}".into(), 8, 2, 7, "an escape"),
        ("{\n\"a\":\"\\ud800\"}".into(), 7, 2, 6, "surrogate"),
        ("{\n\"a\":\"\\udc00\"}".into(), 7, 2, 6, "surrogate"),
        ("{\n\"a\":01}".into(), 7, 2, 6, "leading zero"),
        ("{\n\"a\":1.}".into(), 8, 2, 7, "a digit"),
        ("{\n\"a\":-}".into(), 7, 2, 6, "a digit"),
        ("{\n\"a\":1e}".into(), 8, 2, 7, "exponent"),
        ("{\n\"a\":truex}".into(), 10, 2, 9, "the end of"),
        ("{\n\"a\":[1,]}".into(), 9, 2, 8, "a value"),
        ("{\n\"a\" 1}".into(), 6, 2, 5, "`:`"),
        ("{\n\"a\":1,}".into(), 8, 2, 7, "`\"`"),
        ("{\n\"a\":NaN}".into(), 6, 2, 5, "a value"),
        ("[] x".into(), 3, 1, 4, "`{` or `[`"),
    ];
    for (text, at, line, column, expected) in cases {
        for chunk in [1, 1_000] {
            let out = Reading { chunk, ..Reading::new(Format::Json) }.read(&whole(), text.as_bytes());
            let Some(DecodeError::Json { offset, line: l, column: c, expected: e, .. }) = out.error else {
                panic!("{text}: {:?} {:?}", out.error, out.refused())
            };
            assert!(e.contains(expected), "{text}: expected {e}");
            assert_eq!(l, line, "{text}");
            if column > 0 && at > 0 {
                assert_eq!((offset, c), (at, column), "{text}");
            }
        }
    }
    let not_utf8 = [b"[".to_vec(), doc("a").into_bytes(), b",\n{\"x\":\"\xff\"}]".to_vec()].concat();
    let out = read(Format::Json, &whole(), &not_utf8);
    assert!(
        matches!(out.error, Some(DecodeError::Json { line: 2, column: 7, expected: "UTF-8", .. })),
        "{:?}",
        out.error
    );
}

#[test]
fn an_input_that_ends_inside_is_truncated() {
    let text = format!("[{},{}", doc("a"), doc("b"));
    for cut in 1..=text.len() {
        let out = json(&text[..cut]);
        assert!(matches!(out.error, Some(DecodeError::Truncated { .. })), "{cut}: {:?}", out.error);
    }
    let lines = format!("{}\n{}", doc("a"), doc("b"));
    let out = json(&lines[..lines.len() - 1]);
    let begins = doc("a").len() as u64 + 1;
    assert_eq!(
        out.error,
        Some(DecodeError::Truncated { offset: begins, end: lines.len() as u64 - 1, what: "document" })
    );
}

#[test]
fn a_broken_line_is_one_refused_record_where_lines_are_the_frame() {
    let (a, b, c) = (doc("a"), doc("b"), doc("c"));
    let cut = &b[..b.len() - 20];
    for (text, raw) in [
        // After a whole line.
        (format!("{a}\n{cut}\n{c}\n"), cut),
        (format!("{a}\nnonsense\n{c}\n"), "nonsense"),
        (format!("{a}\n{b}}}\n{c}\n"), "}"),
        (format!("{a}\n{{\"name\":\"x\n{c}\n"), "{\"name\":\"x"),
        // A first line that begins and ends as a document does.
        (format!("{{\"name\":oops}}\n{a}\n{c}"), "{\"name\":oops}"),
        // The last line, with its end.
        (format!("{a}\n{c}\n{{\"name\":\n"), "{\"name\":"),
    ] {
        for chunk in [1, 7, 1_000] {
            let out = Reading { chunk, ..Reading::new(Format::Json) }.read(&whole(), text.as_bytes());
            assert_eq!((out.error.as_ref(), out.codes()), (None, vec!["decode.json-syntax"]), "{text}");
            assert_eq!(String::from_utf8_lossy(&out.refused()[0].raw), raw);
            let at = usize::try_from(out.refused()[0].offset).unwrap();
            assert!(text[at..].starts_with(raw) && text[at + raw.len()..].starts_with('\n'));
            assert!(ids(&out).starts_with('a') && ids(&out).ends_with('c'));
        }
    }
    // No frame: a first document cut, one over several lines, an array, an object of documents.
    for text in [
        format!("{cut}\n{a}\n"),
        format!("{{\n\"name\":oops}}\n{a}"),
        format!("[{a},\n{{\"name\":oops}}\n]"),
        format!("{{\"documents\":[{a},\n{{\"name\":oops}}\n]}}"),
    ] {
        assert!(matches!(json(&text).error, Some(DecodeError::Json { .. })), "{text}");
    }
}

#[test]
fn lines_belong_to_the_split_they_begin_in() {
    let text =
        format!("{}\n{cut}\n\n  {}\n{}{}\r\n{}", doc("a"), doc("b"), doc("c"), doc("d"), doc("e"), cut = "{\"name\":");
    let all = json(&text);
    assert_eq!((ids(&all).as_str(), all.codes().len()), ("a b c d e", 1));
    for split in 1..=text.len() as u64 {
        let part = |start, end| {
            Reading { start, end, chunk: 11, ..Reading::new(Format::Json) }.read(&whole(), text.as_bytes())
        };
        let (first, second) = (part(0, Some(split)), part(split, None));
        assert_eq!((&first.error, &second.error), (&None, &None), "{split}");
        assert_eq!([first.offsets(), second.offsets()].concat(), all.offsets(), "{split}");
        assert_eq!([first.codes(), second.codes()].concat(), all.codes(), "{split}");
    }
    let (text, listed) = listing("yago");
    let mut count = 0;
    for start in (0..text.len() as u64).step_by(100_000) {
        let end = Some(start + 100_000);
        let part = Reading { start, end, ..Reading::new(Format::Json) }.read(&whole(), &text);
        assert_eq!((part.error.as_ref(), part.codes().len()), (None, 0));
        count += part.rows();
    }
    assert_eq!(count, listed.len());
}

#[test]
fn limits_on_size_and_depth() {
    let limits = Limits { max_document: 1_000, ..Limits::default() };
    let long = format!(r#"{{"name":"{ROOT}/c/x","fields":{{"s":{{"stringValue":"{}"}}}}}}"#, "x".repeat(2_000));
    let text = format!("{}\n{long}\n", doc("a"));
    for chunk in [10, 10_000] {
        let out = Reading { limits, chunk, ..Reading::new(Format::Json) }.read(&whole(), text.as_bytes());
        assert_eq!(out.error, Some(DecodeError::TooLarge { offset: doc("a").len() as u64 + 1, limit: 1_000 }));
    }
    let nested = |levels: usize| {
        let (open, close) = (r#"{"mapValue":{"fields":{"m":"#.repeat(levels), "}}}".repeat(levels));
        format!(r#"{{"name":"{ROOT}/c/x","fields":{{"m":{open}{{"nullValue":null}}{close}}}}}"#)
    };
    assert_eq!(json(&nested(20)).rows(), 1);
    for levels in [64, 100_000] {
        let text = nested(levels);
        let out = json(&text);
        assert_eq!((out.error.as_ref(), out.codes()), (None, vec!["decode.too-deep"]));
        let p = projection("c/{id}", vec![field("n", &["n"], Scalar::Int64)]);
        assert_eq!(read(Format::Json, &p, text.as_bytes()).rows(), 1, "what nobody asks for is passed over");
    }
    let brackets = format!("{{\"name\":\"{ROOT}/c/x\",\"x\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(json(&brackets).rows(), 1);
}

#[test]
fn structs_and_lists_are_filled_and_strangers_skipped() {
    let ty = DataType::List(Box::new(DataType::Struct(vec![
        Field { name: "x".into(), ty: Scalar::Float64.into() },
        Field { name: "l".into(), ty: DataType::List(Box::new(Scalar::String.into())) },
    ])));
    let p = projection(
        "c/{id}",
        vec![field("v", &["v"], ty), lenient(field("s", &["v"], Scalar::String)), field("j", &["v"], Scalar::Json)],
    );
    let value = r#"{"arrayValue":{"values":[{"mapValue":{"fields":{"y":{"nullValue":null},"l":{"arrayValue":{"values":[{"stringValue":"\u00e9\ud83d\ude00\n"}]}},"x":{"integerValue":3}}}},{"nullValue":null},{"mapValue":{}}]}}"#;
    let text = format!(r#"{{"name":"{ROOT}/c/x","fields":{{"v":{value}}}}}"#);
    let out = read(Format::Json, &p, text.as_bytes());
    assert_eq!(out.codes(), Vec::<&str>::new());
    let debug = format!("{:?}", out.batches[0].columns.column(0));
    assert!(debug.contains("3.0") && debug.contains("é😀\\n"), "{debug}");
    let json: serde_json::Value = serde_json::from_str(out.texts("j")[0].as_ref().unwrap()).unwrap();
    let want: serde_json::Value = serde_json::from_str(&value.replace(":3}", ":\"3\"}")).unwrap();
    assert_eq!(json, want);
    assert_eq!(out.texts("s"), [None]);
}
