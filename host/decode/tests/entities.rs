//! Entities: the rules of the format, one by one, on records made here.
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

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use gristmill_decode::Format;
use gristmill_record::{DataType, Field, Origin, Scalar};
use kit::encode::{self, Id, Value, document, entity, log};
use kit::{Output, field, lenient, other, projection, read, required, type_of, whole};

fn rest(records: &[Vec<u8>]) -> Output {
    read(Format::Log, &whole(), &log(records))
}

/// The fields of the only document, in REST JSON.
fn fields(record: Vec<u8>) -> serde_json::Value {
    let out = rest(&[record]);
    assert_eq!(out.codes(), Vec::<&str>::new(), "{:?}", out.refused());
    serde_json::from_str::<serde_json::Value>(&out.documents[0]).unwrap()["fields"].clone()
}

fn batch(inputs: Vec<gristmill_record::Input>, records: &[Vec<u8>]) -> RecordBatch {
    let out = read(Format::Log, &projection("c/{id}", inputs), &log(records));
    assert_eq!((out.error.clone(), out.batches.len()), (None, 1));
    assert_eq!(out.batches[0].refused, vec![]);
    out.batches[0].columns.clone()
}

fn integer(value: i64) -> Vec<u8> {
    let mut out = Vec::new();
    encode::number(&mut out, 1, value as u64);
    out
}

#[test]
fn indexed_elements_come_first_and_elements_need_not_be_adjacent() {
    let mut record = document("x", &[]);
    encode::property(&mut record, 15, "a", true, 0, &integer(3));
    encode::property(&mut record, 15, "b", false, 0, &integer(9));
    encode::property(&mut record, 14, "a", true, 0, &integer(1));
    encode::property(&mut record, 15, "a", true, 0, &integer(4));
    encode::property(&mut record, 14, "a", true, 0, &integer(2));
    let element = |n: i64| serde_json::json!({"integerValue": n.to_string()});
    assert_eq!(
        fields(record.clone()),
        serde_json::json!({"a": {"arrayValue": {"values": [element(1), element(2), element(3), element(4)]}}, "b": element(9)})
    );
    let list = DataType::List(Box::new(Scalar::Int64.into()));
    let columns = batch(vec![field("a", &["a"], list), field("b", &["b"], Scalar::Int64)], &[record]);
    let a = columns.column(0).as_list::<i32>().value(0);
    assert_eq!(a.as_primitive::<Int64Type>().values().to_vec(), [1, 2, 3, 4]);
    assert_eq!(columns.column(1).as_primitive::<Int64Type>().value(0), 9);
}

#[test]
fn two_properties_of_one_name_are_an_array() {
    let mut record = document("x", &[]);
    encode::property(&mut record, 15, "a", false, 0, &integer(1));
    encode::property(&mut record, 14, "a", false, 0, &integer(2));
    let out = fields(record.clone());
    assert_eq!(out["a"]["arrayValue"]["values"][0]["integerValue"], "2");
    let columns = batch(vec![type_of("t", &["a"]), lenient(field("a", &["a"], Scalar::Int64))], &[record]);
    assert_eq!(columns.column(0).as_string::<i32>().value(0), "array");
    assert!(columns.column(1).is_null(0));
}

#[test]
fn a_text_that_is_not_utf8_is_refused_with_its_path() {
    let mut record = document("x", &[]);
    encode::property(&mut record, 14, "note", false, 0, &[0x1a, 1, 0xff]);
    for inputs in [
        vec![field("n", &["note"], Scalar::String)],
        vec![field("n", &["note"], Scalar::String), type_of("t", &["note"])],
    ] {
        let out = read(Format::Log, &projection("c/{id}", inputs), &log(&[record.clone()]));
        let refused = &out.batches[0].refused[0].refusal;
        assert_eq!((refused.code.as_str(), refused.field.as_deref()), ("decode.utf8", Some("note")));
    }
}

#[test]
fn a_second_property_of_a_name_that_only_one_input_reads_makes_it_an_array() {
    let mut record = document("x", &[]);
    for (name, value) in [("a", 1), ("b", 7), ("a", 2), ("c", 8)] {
        encode::property(&mut record, 14, name, false, 0, &integer(value));
    }
    let single = document("y", &[("a", Value::Integer(3)), ("b", Value::Integer(4)), ("c", Value::Integer(5))]);
    let inputs = || ["a", "b", "c"].map(|name| lenient(field(name, &[name], Scalar::Int64))).to_vec();
    let columns = batch(inputs(), &[record.clone(), single.clone()]);
    let column = |i: usize| columns.column(i).as_primitive::<Int64Type>().iter().collect::<Vec<_>>();
    assert_eq!(
        [column(0), column(1), column(2)],
        [vec![None, Some(3)], vec![Some(7), Some(4)], vec![Some(8), Some(5)]]
    );
    let list = DataType::List(Box::new(Scalar::Int64.into()));
    let columns = batch(vec![field("a", &["a"], list), field("b", &["b"], Scalar::Int64)], &[record]);
    assert_eq!(columns.column(0).as_list::<i32>().value(0).as_primitive::<Int64Type>().values(), &[1, 2]);
    assert_eq!(columns.column(1).as_primitive::<Int64Type>().value(0), 7);
}

#[test]
fn integer_ids_named_databases_and_keys_at_the_end() {
    let path = [("a", Id::Number(-7)), ("b", Id::Number(i64::MAX)), ("c", Id::Text("é".into()))];
    let mut key = Vec::new();
    encode::part(&mut key, 13, &encode::key("b~google.com:p", "second", &path));
    let mut record = Vec::new();
    encode::field(&mut record, "n", &Value::Integer(1));
    record.extend(key);
    let out = rest(&[record]);
    let name = "projects/google.com:p/databases/second/documents/a/__id-7__/b/__id9223372036854775807__/c/é";
    assert_eq!(out.texts("name"), [Some(name.to_owned())]);
    assert_eq!(out.documents[0], format!(r#"{{"name":"{name}","fields":{{"n":{{"integerValue":"1"}}}}}}"#));
}

#[test]
fn enterprise_types_have_their_rest_forms() {
    let text = |text: &str| {
        let mut out = Vec::new();
        encode::part(&mut out, 3, text.as_bytes());
        out
    };
    let map = |fields: &[(String, Value)]| {
        let mut out = Vec::new();
        encode::part(&mut out, 3, &encode::embedded(fields));
        out
    };
    let named = |name: &str, value| (name.to_owned(), value);
    let regex = map(&[named("pattern", Value::String("^a".into())), named("options", Value::String("i".into()))]);
    let stamp = map(&[named("seconds", Value::Integer(5)), named("increment", Value::Integer(6))]);
    let record = document(
        "x",
        &[
            ("decimal", Value::Raw(32, text("1.5"))),
            ("binary", Value::Raw(33, text("\u{1}ab"))),
            ("oid", Value::Raw(34, text("507f191e810c19729de860ea"))),
            ("regex", Value::Raw(35, regex)),
            ("int", Value::Raw(36, integer(-3))),
            ("stamp", Value::Raw(37, stamp)),
            ("min", Value::Raw(38, vec![])),
            ("max", Value::Raw(39, vec![])),
        ],
    );
    let one = |key: &str, value: serde_json::Value| serde_json::json!({"mapValue": {"fields": {key: value}}});
    let s = |text: &str| serde_json::json!({"stringValue": text});
    let n = |text: &str| serde_json::json!({"integerValue": text});
    let both = |a: &str, b: &str, x, y| serde_json::json!({"mapValue": {"fields": {a: x, b: y}}});
    let want = serde_json::json!({
        "decimal": one("__decimal128__", s("1.5")),
        "binary": one("__binary__", serde_json::json!({"bytesValue": "AWFi"})),
        "oid": one("__oid__", s("507f191e810c19729de860ea")),
        "regex": one("__regex__", both("pattern", "options", s("^a"), s("i"))),
        "int": one("__int__", n("-3")),
        "stamp": one("__request_timestamp__", both("seconds", "increment", n("5"), n("6"))),
        "min": one("__min__", serde_json::json!({"nullValue": null})),
        "max": one("__max__", serde_json::json!({"nullValue": null})),
    });
    assert_eq!(fields(record.clone()), want);
    let inputs = || {
        vec![type_of("t", &["oid"]), lenient(field("v", &["oid"], Scalar::String)), field("j", &["min"], Scalar::Json)]
    };
    let columns = batch(inputs(), std::slice::from_ref(&record));
    assert_eq!(columns.column(0).as_string::<i32>().value(0), "other");
    assert!(columns.column(1).is_null(0));
    assert_eq!(
        columns.column(2).as_string::<i32>().value(0),
        r#"{"mapValue":{"fields":{"__min__":{"nullValue":null}}}}"#
    );
    // What it is written as reads as the same.
    let again = read(Format::Json, &projection("c/{id}", inputs()), rest(&[record]).documents[0].as_bytes());
    assert_eq!(again.batches[0].columns, columns);
}

#[test]
fn legacy_meanings_are_plain_values_and_counted() {
    let text = |text: &str| {
        let mut out = Vec::new();
        encode::part(&mut out, 3, text.as_bytes());
        out
    };
    let record = document(
        "x",
        &[
            ("url", Value::Raw(2, text("http://a"))),
            ("text", Value::Raw(15, text("long"))),
            ("rating", Value::Raw(13, integer(5))),
            ("plain", Value::Integer(1)),
            ("never", Value::Raw(7, integer(i64::MAX))),
        ],
    );
    let out = rest(std::slice::from_ref(&record));
    assert_eq!(out.tally().legacy_values, 4);
    let fields = &serde_json::from_str::<serde_json::Value>(&out.documents[0]).unwrap()["fields"];
    assert_eq!(fields["url"]["stringValue"], "http://a");
    assert_eq!(fields["never"]["integerValue"], i64::MAX.to_string());
    let one = projection("c/{id}", vec![field("a", &["text"], Scalar::String), field("b", &["plain"], Scalar::Int64)]);
    assert_eq!(read(Format::Log, &one, &log(&[record])).tally().legacy_values, 1);
}

#[test]
fn several_inputs_of_one_field_are_all_filled() {
    let records = [
        document("1", &[("at", Value::Timestamp(7))]),
        document("2", &[("at", Value::String("t".into()))]),
        document("3", &[]),
    ];
    let columns = batch(
        vec![
            lenient(field("time", &["at"], Scalar::Timestamp)),
            lenient(field("text", &["at"], Scalar::String)),
            type_of("type", &["at"]),
            field("json", &["at"], Scalar::Json),
            other("id", Origin::PathCapture("id".into()), Scalar::String),
            other("updated", Origin::UpdateTime, Scalar::Timestamp),
        ],
        &records,
    );
    let time = columns.column(0).as_primitive::<TimestampMicrosecondType>();
    assert_eq!(time.iter().collect::<Vec<_>>(), [Some(7), None, None]);
    let texts = |i: usize| columns.column(i).as_string::<i32>().iter().collect::<Vec<_>>();
    assert_eq!(texts(1), [None, Some("t"), None]);
    assert_eq!(texts(2), [Some("timestamp"), Some("string"), None]);
    let json = [Some(r#"{"timestampValue":"1970-01-01T00:00:00.000007Z"}"#), Some(r#"{"stringValue":"t"}"#), None];
    assert_eq!(texts(3), json);
    assert_eq!(texts(4), [Some("1"), Some("2"), Some("3")]);
    assert_eq!(columns.column(5).null_count(), 3);
}

#[test]
fn refused_records_leave_no_trace_in_their_neighbours() {
    let good = |id: &str| document(id, &[("n", Value::Integer(1)), ("s", Value::String(format!("of {id}")))]);
    let records = [
        good("a"),
        document("b", &[("s", Value::String("first".into())), ("n", Value::String("no number".into()))]),
        good("c"),
        document("d", &[("s", Value::String("nothing else".into()))]),
        b"\xff\xff".to_vec(),
        good("e"),
    ];
    let p = projection("c/{id}", vec![required(field("n", &["n"], Scalar::Int64)), field("s", &["s"], Scalar::String)]);
    let out = read(Format::Log, &p, &log(&records));
    assert_eq!(out.texts("s"), [Some("of a".into()), Some("of c".into()), Some("of e".into())]);
    assert_eq!(out.codes(), ["decode.type-mismatch", "decode.missing-field", "decode.entity"]);
    let refused = out.refused();
    assert_eq!(refused[0].refusal.field.as_deref(), Some("n"));
    assert_eq!(
        refused[0].refusal.message,
        "declared as int64, and it holds a value of type string that this cannot hold"
    );
    assert!(refused[0].document.as_ref().is_some_and(|d| d.ends_with(br#""s":{"stringValue":"first"}}}"#)));
    assert_eq!(refused[1].refusal.field.as_deref(), Some("n"));
    assert_eq!((refused[2].document.clone(), refused[2].raw.clone()), (None, b"\xff\xff".to_vec()));
    let offsets: Vec<_> = refused.iter().map(|r| r.offset).collect();
    assert!(offsets.is_sorted() && out.offsets()[0] == 0 && offsets[0] > 0);
}

#[test]
fn nested_mismatches_name_their_place() {
    let element = |v| Value::Map(vec![("x".to_owned(), v)]);
    let list = Value::Array(vec![element(Value::Integer(1)), element(Value::Bytes(vec![0xff]))]);
    let record = document("a", &[("m", Value::Map(vec![("l".to_owned(), list)]))]);
    let ty = DataType::List(Box::new(DataType::Struct(vec![Field { name: "x".into(), ty: Scalar::Int64.into() }])));
    let out = read(
        Format::Log,
        &projection("c/{id}", vec![field("l", &["m", "l"], ty.clone())]),
        &log(std::slice::from_ref(&record)),
    );
    assert_eq!(out.refused()[0].refusal.field.as_deref(), Some("m.l"));
    assert!(out.refused()[0].refusal.message.contains("list<struct{x: int64}>"));
    let columns = batch(vec![lenient(field("l", &["m", "l"], ty)), field("m", &["m"], Scalar::Json)], &[record]);
    assert!(columns.column(0).is_null(0));
    assert_eq!(columns.column(1).as_string::<i32>().value(0).matches("mapValue").count(), 3);
}

#[test]
fn types_take_what_they_say_and_nothing_else() {
    let geo = DataType::Struct(vec![
        Field { name: "longitude".into(), ty: Scalar::Float64.into() },
        Field { name: "latitude".into(), ty: Scalar::Float64.into() },
    ]);
    let doubles = || DataType::List(Box::new(Scalar::Float64.into()));
    let values: Vec<(&str, Value)> = vec![
        ("boolean", Value::Boolean(true)),
        ("integer", Value::Integer(5)),
        ("big", Value::Integer((1 << 53) + 1)),
        ("double", Value::Double(0.5)),
        ("timestamp", Value::Timestamp(-1)),
        ("string", Value::String("s".into())),
        ("bytes", Value::Bytes(vec![1, 2])),
        ("reference", Value::Reference("c".into(), "d".into())),
        ("geoPoint", Value::GeoPoint(1.0, 0.0)),
        ("array", Value::Array(vec![Value::Double(1.0), Value::Null, Value::Integer(2)])),
        ("vector", Value::Vector(vec![1.0, 2.0])),
        ("map", Value::Map(vec![])),
        ("null", Value::Null),
    ];
    let types: Vec<(&str, DataType, &[&str])> = vec![
        ("boolean", Scalar::Boolean.into(), &["boolean", "null"]),
        ("int64", Scalar::Int64.into(), &["integer", "big", "null"]),
        ("float64", Scalar::Float64.into(), &["integer", "double", "null"]),
        ("timestamp", Scalar::Timestamp.into(), &["timestamp", "null"]),
        ("string", Scalar::String.into(), &["string", "null"]),
        ("bytes", Scalar::Bytes.into(), &["bytes", "null"]),
        ("reference", Scalar::Reference.into(), &["reference", "null"]),
        ("geo", geo, &["geoPoint", "map", "null"]),
        ("doubles", doubles(), &["array", "vector", "null"]),
        (
            "json",
            Scalar::Json.into(),
            &[
                "boolean",
                "integer",
                "big",
                "double",
                "timestamp",
                "string",
                "bytes",
                "reference",
                "geoPoint",
                "array",
                "vector",
                "map",
                "null",
            ],
        ),
    ];
    let record = document("x", &values);
    let text = rest(std::slice::from_ref(&record)).documents[0].clone();
    for (name, _) in &values {
        for (type_name, ty, takes) in &types {
            let p = projection("c/{id}", vec![field("v", &[name], ty.clone()), type_of("t", &[name])]);
            let both =
                [read(Format::Log, &p, &log(std::slice::from_ref(&record))), read(Format::Json, &p, text.as_bytes())];
            for out in &both {
                let expected: &[&str] = if takes.contains(name) { &[] } else { &["decode.type-mismatch"] };
                assert_eq!(out.codes(), expected, "{name} as {type_name}");
            }
            assert_eq!(both[0].batches[0].columns, both[1].batches[0].columns, "{name} as {type_name}");
            if takes.contains(name) {
                let kind = if *name == "big" { "integer" } else { name };
                assert_eq!(both[0].batches[0].columns.column(1).as_string::<i32>().value(0), kind);
            }
        }
    }
    let columns = batch(vec![field("v", &["vector"], doubles()), field("a", &["array"], doubles())], &[record]);
    let list =
        |i: usize| columns.column(i).as_list::<i32>().value(0).as_primitive::<Float64Type>().iter().collect::<Vec<_>>();
    assert_eq!(list(0), [Some(1.0), Some(2.0)]);
    assert_eq!(list(1), [Some(1.0), None, Some(2.0)]);
}

#[test]
fn twenty_levels_are_read_and_a_hundred_thousand_are_refused() {
    let nested = |levels: usize| {
        // What stands before the body of each map, from the inside: the lengths are known only in that order.
        let mut len = encode::embedded(&[]).len();
        let mut before = Vec::new();
        for level in (0..levels).rev() {
            let mut value = Vec::new();
            encode::tag(&mut value, 3, 2);
            encode::varint(&mut value, len as u64);
            let mut property = vec![1 << 3, 19, 3 << 3 | 2, 1, b'm', 4 << 3, 0, 5 << 3 | 2];
            encode::varint(&mut property, (value.len() + len) as u64);
            property.extend(value);
            let mut head = if level == 0 { vec![] } else { vec![0x6a, 4, 0x6a, 0, 0x72, 0] };
            encode::tag(&mut head, 15, 2);
            encode::varint(&mut head, (property.len() + len) as u64);
            head.extend(property);
            len += head.len();
            before.push(head);
        }
        let mut record = document("x", &[]);
        before.iter().rev().for_each(|head| record.extend_from_slice(head));
        record.extend(encode::embedded(&[]));
        record
    };
    let out = rest(&[nested(20)]);
    assert_eq!((out.rows(), out.documents[0].matches("mapValue").count()), (1, 20));
    for record in [nested(65), nested(100_000)] {
        let out = rest(std::slice::from_ref(&record));
        assert_eq!(out.codes(), ["decode.too-deep"]);
        assert_eq!(out.refused()[0].raw, record);
        // Not asked for, not looked at; but written, when it has to be, with its bytes.
        let p = projection("c/{id}", vec![field("n", &["n"], Scalar::Int64)]);
        let out = read(Format::Log, &p, &log(&[record]));
        assert_eq!(out.rows(), 1);
        assert!(out.documents[0].starts_with(r#"{"name":"projects/p/databases/(default)/documents/c/x","raw":""#));
    }
}

#[test]
fn broken_payloads_are_refused_records() {
    let sound = document("x", &[("s", Value::String("text".into()))]);
    let no_key = {
        let mut r = Vec::new();
        encode::field(&mut r, "n", &Value::Null);
        r
    };
    let not_utf8 = {
        let mut r = sound.clone();
        let at = r.windows(4).position(|w| w == b"text").unwrap();
        r[at] = 0xff;
        r
    };
    let odd = {
        let mut r = Vec::new();
        encode::part(&mut r, 13, &encode::key("p", "", &[]));
        r
    };
    for (record, code) in [
        (vec![], "decode.entity"),
        (sound[..sound.len() - 1].to_vec(), "decode.entity"),
        (no_key, "decode.entity"),
        (odd, "decode.entity"),
        (not_utf8, "decode.utf8"),
        (entity(&[("c", Id::Text(String::new()))], &[]), "decode.entity"),
    ] {
        let out = rest(&[record.clone(), sound.clone()]);
        assert_eq!((out.error.clone(), out.rows()), (None, 1));
        assert_eq!((out.codes(), &out.refused()[0].raw), (vec![code], &record));
    }
}
