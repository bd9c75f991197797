//! What the program reads is what Firestore's REST API lists, document by document, for every export.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::kit::{export, export_file, folder, path_of, rest_listing, run_in};

/// Two JSON numbers are equal as doubles; -0.0 is stored as 0.0 by the emulator.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, v)| b.get(k).is_some_and(|w| equal(v, w)))
        }
        _ => a == b,
    }
}

fn by_name(documents: impl IntoIterator<Item = Value>) -> BTreeMap<String, Value> {
    documents.into_iter().map(|d| (d["name"].as_str().unwrap().to_owned(), d)).collect()
}

fn cat(input: &str) -> BTreeMap<String, Value> {
    let out = run_in(folder().path(), &["export", "cat", input]).ok().stdout;
    let documents: Vec<Value> =
        out.split('\n').filter(|l| !l.is_empty()).map(|l| serde_json::from_str(l).unwrap()).collect();
    let count = documents.len();
    let named = by_name(documents);
    assert_eq!(named.len(), count, "a document was printed twice");
    named
}

/// `export cat` equals the REST listing; a binary export holds no times.
#[test]
fn binary_exports_equal_their_listing() {
    for (name, documents) in [("yago", 6_210), ("types", 2_597), ("second", 131), ("blocks", 593), ("empty", 0)] {
        let ours = cat(&export(name));
        let listed = by_name(rest_listing(name));
        assert_eq!((ours.len(), listed.len()), (documents, documents), "{name}");
        for (key, mut truth) in listed {
            let object = truth.as_object_mut().unwrap();
            object.remove("createTime");
            object.remove("updateTime");
            let our = &ours[&key];
            assert!(equal(our, &truth), "{name}: {key}\n ours {our}\ntruth {truth}");
        }
    }
}

/// The same from JSON, with the times.
#[test]
fn json_exports_equal_their_listing() {
    for file in ["yago/documents.json.gz", "types/documents.json.gz", "second/rest.ndjson.gz", "blocks/rest.ndjson.gz"]
    {
        let ours = cat(&export_file(file).display().to_string());
        let listed = by_name(rest_listing(file.split('/').next().unwrap()));
        assert_eq!(ours.len(), listed.len(), "{file}");
        for (key, truth) in listed {
            assert!(equal(&ours[&key], &truth), "{file}: {key}\n ours {}\ntruth {truth}", ours[&key]);
        }
    }
}

#[test]
fn ls_counts_what_the_listing_has_and_proves_it() {
    for name in ["yago", "types", "second", "blocks", "empty"] {
        let mut truth: BTreeMap<String, u64> = BTreeMap::new();
        for document in rest_listing(name) {
            let segments: Vec<_> =
                path_of(&document).split('/').enumerate().map(|(i, s)| if i % 2 == 0 { s } else { "*" }).collect();
            *truth.entry(segments[..segments.len() - 1].join("/")).or_default() += 1;
        }
        let listed = run_in(folder().path(), &["--json", "export", "ls", &export(name)]).ok().json();
        let ours: BTreeMap<String, u64> = listed["collections"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| (c["collection"].as_str().unwrap().to_owned(), c["documents"].as_u64().unwrap()))
            .collect();
        assert_eq!(ours, truth, "{name}");
        assert_eq!(listed["exports"][0]["proven"], true, "{name}: {listed}");
    }
}

#[test]
fn cat_filters_by_path_and_stops_at_a_limit() {
    let f = folder();
    let all = run_in(f.path(), &["export", "cat", &export("yago"), "-d", "teams/{team}/reports/*"]).ok().stdout;
    assert_eq!(all.lines().count(), 144);
    let five =
        run_in(f.path(), &["export", "cat", &export("yago"), "-d", "teams/{team}/reports/*", "-n", "5"]).ok().stdout;
    assert_eq!(five.lines().count(), 5);
    assert!(all.starts_with(&five));
}
