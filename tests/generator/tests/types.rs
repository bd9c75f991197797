//! Documents of every type mean the same in both of their forms: what the decoder reads from the one is the other.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, its helpers too")]

use std::sync::Arc;

use gristmill_decode::{Decoder, Format, Limits, Projection};
use gristmill_generator::{Document, LogWriter, Value};

/// The REST form that the decoder gives of each entity protobuf.
fn decoded(documents: &[Document]) -> Vec<serde_json::Value> {
    let mut log = LogWriter::new(Vec::new());
    for document in documents {
        log.record(&document.encode()).unwrap();
    }
    let projection = Arc::new(Projection::documents(None, 0));
    let mut decoder = Decoder::new(Format::Log, projection, 0, None, Limits::default());
    decoder.feed(&log.finish(true).unwrap());
    decoder.finish_input();
    let mut all = Vec::new();
    while let Some(batch) = decoder.next_batch(100).unwrap() {
        assert_eq!(batch.refused, []);
        for row in 0..batch.columns.num_rows() {
            let mut json = Vec::new();
            decoder.write_document(row, &mut json).unwrap();
            all.push(serde_json::from_slice(&json).unwrap());
        }
    }
    all
}

#[test]
fn every_type_reads_the_same_in_both_forms() {
    let scalars = [
        Value::Null,
        Value::Boolean(true),
        Value::Boolean(false),
        Value::Integer(0),
        Value::Integer(i64::MIN),
        Value::Integer(i64::MAX),
        Value::Double(0.1),
        Value::Double(3.0),
        Value::Double(-1.5e300),
        Value::Double(5e-324),
        Value::Double(f64::NAN),
        Value::Double(f64::NEG_INFINITY),
        Value::Timestamp(-1),
        Value::Timestamp(1_704_067_200_120_000),
        Value::Timestamp(gristmill_record::time::MIN_MICROS),
        Value::Timestamp(gristmill_record::time::MAX_MICROS),
        Value::text("\u{2028} \"quoted\" \\ \u{1} 🌾"),
        Value::text(""),
        Value::Bytes(vec![]),
        Value::Bytes((0..=255).collect()),
        Value::Reference("a/b/c/__id-9__".into()),
        Value::Point(0.0, -71.25),
        Value::Map(vec![]),
        Value::map([("inner", Value::Array(vec![Value::Null, Value::Map(vec![])])), ("none", Value::Array(vec![]))]),
    ];
    let mut documents = vec![Document::new("empty/document"), Document::new("a/__id7__/b/__id-9223372036854775808__")];
    for (index, value) in scalars.iter().enumerate() {
        documents.push(Document::new(&format!("single/{index}")).with("field.with `dots`", value.clone()));
    }
    documents.push(Document::new("list/one").with("list", Value::Array(vec![Value::Integer(1)])));
    documents.push(Document::new("list/all").with("list", Value::Array(scalars.to_vec())).with("after", Value::Null));
    documents.push(Document::new("list/none").with("list", Value::Array(vec![])));
    documents.push(Document::new("vector/v").with("vector", Value::Vector(vec![1.5, -2.0, 0.0])));
    documents.push(Document::new("deep/20").with("map", Value::nested(20, Value::text("bottom"))));
    documents.push(Document::new("large/text").with("text", Value::String("x".repeat(1 << 20))));
    let mut named = Document::new("a/b").with("to", Value::Reference("c/d".into()));
    named.database = "other".into();
    documents.push(named);
    let expected: Vec<serde_json::Value> = documents.iter().map(|d| serde_json::from_str(&d.rest()).unwrap()).collect();
    for (decoded, expected) in decoded(&documents).iter().zip(&expected) {
        assert!(decoded == expected, "{}: {decoded}\n{expected}", expected["name"]);
    }
    assert_eq!(decoded(&documents).len(), documents.len());

    // Datastore-mode exports have the same values among the indexed properties.
    let indexed: Vec<_> = documents.into_iter().map(|d| Document { indexed: true, ..d }).collect();
    for (decoded, expected) in decoded(&indexed).iter().zip(&expected) {
        assert!(decoded == expected, "indexed {}: {decoded}\n{expected}", expected["name"]);
    }
}

#[test]
fn a_raw_value_is_written_as_it_is() {
    // An object id of the Enterprise edition: meaning 34, the field 3 of a `PropertyValue`.
    let rest = r#"{"mapValue":{"fields":{"__oid__":{"stringValue":"0123456789abcdef01234567"}}}}"#;
    let value = Value::Raw {
        meaning: 34,
        indexed: false,
        value: [&[0x1a, 24][..], b"0123456789abcdef01234567"].concat(),
        rest: rest.into(),
    };
    let document = Document::new("a/b").with("id", value);
    let expected: serde_json::Value = serde_json::from_str(&document.rest()).unwrap();
    assert_eq!(decoded(&[document])[0], expected);
}
