//! What the generator makes is what was asked for, in every form.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use gristmill_generator::{Bad, Form, Layout, Made, Spec, Style, log_records, write_binary, write_json};
use gristmill_source::{DiscoverOptions, FileCount, discover};
use serde_json::Value;

fn documents(made: &Made, layout: Layout) -> Vec<Value> {
    let mut all = Vec::new();
    for path in &made.files {
        let text = fs::read_to_string(path).unwrap();
        for value in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
            match (layout, value.unwrap()) {
                (Layout::Documents, mut value) => all.append(value["documents"].as_array_mut().unwrap()),
                (Layout::Array, Value::Array(mut values)) => all.append(&mut values),
                (_, value) => all.push(value),
            }
        }
    }
    all
}

fn binary(dir: &Path, spec: &Spec) -> (Made, Vec<Vec<u8>>) {
    let made = write_binary(dir, spec).unwrap();
    let records = made.files.iter().flat_map(|f| log_records(&fs::read(f).unwrap())).collect();
    (made, records)
}

#[test]
fn a_binary_export_is_proven() {
    for (style, by_collection) in
        [(Style::Managed, false), (Style::ManagedPadded, true), (Style::Emulator, false), (Style::Firebase, true)]
    {
        let dir = tempfile::tempdir().unwrap();
        let spec = Spec { documents: 1_234, files: 5, style, by_collection, ..Spec::default() };
        let made = write_binary(dir.path(), &spec).unwrap();
        let input = discover(dir.path().to_str().unwrap(), &DiscoverOptions::default()).unwrap();
        let counts: Vec<FileCount> = made
            .files
            .iter()
            .map(|f| {
                let records = log_records(&fs::read(f).unwrap());
                let payload_bytes = records.iter().map(|r| r.len() as u64).sum();
                FileCount { documents: records.len() as u64, payload_bytes }
            })
            .collect();
        let proof = &input.prove(&counts).unwrap()[0];
        assert!(proof.is_proven(), "{style:?}: {proof:?}");
        assert_eq!((proof.documents, made.documents, input.bytes()), (1_234, 1_234, made.bytes));
        assert_eq!(input.exports[0].collections[0].kind.as_deref(), by_collection.then_some("qualityReports"));
    }
}

#[test]
fn duplicates_and_bad_documents_are_as_many_as_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let spec = Spec { documents: 20_000, files: 3, duplicates: 0.1, bad: 0.03, ..Spec::default() };
    let made = write_json(dir.path(), Form::default(), &spec).unwrap();
    let all = documents(&made, Layout::Documents);
    assert_eq!((made.documents, made.unique, all.len()), (20_000, 18_000, 20_000));
    let mut by_name: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for document in &all {
        by_name.entry(document["name"].as_str().unwrap()).or_default().push(document);
    }
    assert_eq!(by_name.len(), 18_000);
    assert!(by_name.values().all(|same| same.iter().all(|d| *d == same[0])));
    let score = |d: &Value| d["fields"]["metrics"]["mapValue"]["fields"]["overallScore"].clone();
    let is = |kind, d: &Value| match kind {
        Bad::WrongType => score(d).get("stringValue").is_some(),
        Bad::OutOfRange => score(d)["doubleValue"].as_f64().is_some_and(|n| n > 1.0),
        Bad::MissingCreatedAt => d["fields"].get("createdAt").is_none(),
    };
    for kind in Bad::ALL {
        assert_eq!(made.bad_records(kind), all.iter().filter(|d| is(kind, d)).count() as u64);
        assert_eq!(made.bad_documents(kind), by_name.values().filter(|d| is(kind, d[0])).count() as u64);
        assert!((150..=210).contains(&made.bad_documents(kind)), "{kind:?}: {}", made.bad_documents(kind));
    }
    assert!(all.iter().all(|d| d["updateTime"].is_string()));
}

#[test]
fn the_same_documents_in_every_form_and_every_run() {
    let dir = tempfile::tempdir().unwrap();
    let spec = Spec { documents: 700, files: 3, bad: 0.05, ..Spec::default() };
    let mut first: Option<Vec<Value>> = None;
    for (index, (layout, pretty)) in
        [Layout::Documents, Layout::Array, Layout::Lines].into_iter().flat_map(|l| [(l, false), (l, true)]).enumerate()
    {
        let form = Form { layout, pretty, ..Form::default() };
        let made = write_json(&dir.path().join(index.to_string()), form, &spec).unwrap();
        let all = documents(&made, layout);
        assert_eq!(*first.get_or_insert_with(|| all.clone()), all, "{form:?}");
    }
    let (made, records) = binary(&dir.path().join("binary"), &spec);
    let (_, again) = binary(&dir.path().join("again"), &spec);
    assert!(records == again);
    assert_ne!(records, binary(&dir.path().join("other"), &Spec { seed: 8, ..spec.clone() }).1);
    // Records of both forms stand in the same order: the last segment of each name is in the record of its place.
    let first = first.unwrap();
    assert_eq!(first.len(), records.len());
    for (json, record) in first.iter().zip(&records) {
        let id = json["name"].as_str().unwrap().rsplit('/').next().unwrap();
        assert!(record.windows(id.len()).any(|w| w == id.as_bytes()));
    }
    assert_eq!(made.bad, write_json(&dir.path().join("x"), Layout::Lines, &spec).unwrap().bad);
}

#[test]
fn odd_sizes() {
    let dir = tempfile::tempdir().unwrap();
    for (documents, files) in [(0, 1), (0, 3), (1, 1), (5, 4), (3, 7)] {
        let spec = Spec { documents, files, duplicates: 0.5, ..Spec::default() };
        let root = dir.path().join(format!("{documents}-{files}"));
        let (made, records) = binary(&root.join("binary"), &spec);
        assert_eq!((records.len() as u64, made.files.len()), (documents, files as usize));
        for layout in [Layout::Documents, Layout::Array, Layout::Lines] {
            let made = write_json(&root.join(format!("{layout:?}")), layout, &spec).unwrap();
            assert_eq!(documents_of(&made, layout), documents);
        }
    }
}

fn documents_of(made: &Made, layout: Layout) -> u64 {
    documents(made, layout).len() as u64
}
