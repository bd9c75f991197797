//! The real exports, against the REST listing that Firestore's emulator gave of the same documents.
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

use std::collections::BTreeMap;

use gristmill_decode::Format;
use kit::{Output, exports, listing, outputs, read, unzip, whole};
use serde_json::Value;

/// Documents by name, each of which must be there once.
fn by_name(documents: impl IntoIterator<Item = Value>) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for document in documents {
        let name = document["name"].as_str().unwrap().to_owned();
        assert!(all.insert(name.clone(), document).is_none(), "{name} twice");
    }
    all
}

/// Compares what was read with the listing; `times`: whether it has createTime and updateTime.
fn compare(read: &Output, listed: &[Value], times: bool) {
    assert_eq!(read.error, None);
    assert_eq!(read.refused(), Vec::<&gristmill_decode::RefusedRecord>::new());
    assert_eq!(read.tally().records, listed.len() as u64);
    let column: Vec<_> = read.texts("document").into_iter().flatten().collect();
    assert_eq!(column, read.documents, "write_document writes what the column holds");
    let have = by_name(column.iter().map(|line| serde_json::from_str(line).unwrap()));
    let want = by_name(listed.iter().cloned().map(|mut document| {
        if !times {
            let object = document.as_object_mut().unwrap();
            assert!(object.remove("createTime").is_some() && object.remove("updateTime").is_some());
        }
        document
    }));
    let differences: Vec<_> =
        want.iter().filter(|(name, document)| have.get(*name) != Some(document)).map(|(name, _)| name).collect();
    assert_eq!(differences, Vec::<&String>::new());
    assert_eq!(have.len(), want.len());
}

fn check(export: &str, documents: usize) {
    let (text, listed) = listing(export);
    assert_eq!(listed.len(), documents);
    let mut all = Output::default();
    for output in outputs(export) {
        let one = read(Format::Log, &whole(), &output);
        all.batches.extend(one.batches);
        all.documents.extend(one.documents);
        all.error = all.error.or(one.error);
    }
    compare(&all, &listed, false);
    let from_json = read(Format::Json, &whole(), &text);
    compare(&from_json, &listed, true);
    let mut identities = [all.identities(), from_json.identities()];
    identities.iter_mut().for_each(|i| i.sort_unstable());
    assert_eq!(identities[0], identities[1], "a document is the same in both formats");
}

#[test]
fn yago_equals_its_listing() {
    check("yago", 6_210);
}

#[test]
fn types_equals_its_listing() {
    check("types", 2_597);
}

#[test]
fn second_equals_its_listing() {
    check("second", 131);
}

#[test]
fn blocks_equals_its_listing() {
    check("blocks", 593);
}

#[test]
fn empty_equals_its_listing() {
    check("empty", 0);
}

#[test]
fn one_object_of_documents_equals_the_listing() {
    let listed = listing("types").1;
    let text = unzip(&exports().join("types/documents.json.gz"));
    compare(&read(Format::Json, &whole(), &text), &listed, true);
    let pretty = serde_json::to_vec_pretty(&serde_json::from_slice::<Value>(&text).unwrap()).unwrap();
    compare(&read(Format::Json, &whole(), &pretty), &listed, true);
}
