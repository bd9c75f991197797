//! Source and decoder together: whatever the parts, every record is read once, at its true offset, and exports are proven.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use std::io::Read;
use std::sync::Arc;

use common::{STRICT, exports};
use gristmill_decode::{Decoder, Limits, Projection};
use gristmill_generator::{Form, Layout, Spec, Style, write_binary, write_json};
use gristmill_source::{FileCount, Input, discover};

/// File, offset and identity of every record, in the order of splits; and the counts of every file.
fn records(input: &Input, target: u64) -> (Vec<(u32, u64, u64)>, Vec<FileCount>) {
    let projection = Arc::new(Projection::documents(None, 1));
    let mut records = Vec::new();
    let mut counts = vec![FileCount::default(); input.files.len()];
    for split in input.splits(target).unwrap() {
        let index = usize::try_from(split.file).unwrap();
        let format = input.files[index].format;
        let mut reader = input.open(&split).unwrap();
        let mut decoder = Decoder::new(format, projection.clone(), split.start, split.end, Limits::default());
        let mut chunk = vec![0; 50_000];
        while !decoder.is_done() {
            match reader.read(&mut chunk).unwrap() {
                0 => decoder.finish_input(),
                n => decoder.feed(&chunk[..n]),
            }
            while let Some(batch) = decoder.next_batch(1_000).unwrap() {
                assert!(batch.refused.is_empty());
                counts[index].documents += batch.tally.records;
                counts[index].payload_bytes += batch.tally.payload_bytes;
                let rows = batch.offsets.iter().zip(&batch.identities);
                records.extend(rows.map(|(offset, identity)| (split.file, *offset, *identity)));
            }
        }
    }
    (records, counts)
}

fn check(input: &Input, documents: usize) {
    let (whole, counts) = records(input, u64::MAX);
    assert_eq!(whole.len(), documents);
    assert!(whole.is_sorted_by_key(|r| (r.0, r.1)), "in input order");
    assert!(input.prove(&counts).unwrap().iter().all(gristmill_source::Proof::is_proven));
    for target in [5_000, 32_768, 100_000] {
        let (parts, counts_of_parts) = records(input, target);
        assert!(parts == whole, "in parts of {target}");
        assert_eq!(counts_of_parts, counts);
    }
}

#[test]
fn real_exports() {
    for (name, documents) in [("yago", 6_210), ("types", 2_597), ("blocks", 593), ("empty", 0)] {
        check(&discover(exports().join(name).join("export").to_str().unwrap(), &STRICT).unwrap(), documents);
    }
    for name in ["yago/rest.ndjson.gz", "yago/documents.json.gz"] {
        check(&discover(exports().join(name).to_str().unwrap(), &STRICT).unwrap(), 6_210);
    }
}

#[test]
fn generated_exports() {
    for style in [Style::Managed, Style::ManagedPadded] {
        let dir = tempfile::tempdir().unwrap();
        write_binary(dir.path(), &Spec { documents: 2_000, files: 3, style, ..Spec::default() }).unwrap();
        check(&discover(dir.path().to_str().unwrap(), &STRICT).unwrap(), 2_000);
    }
    for layout in [Layout::Documents, Layout::Array, Layout::Lines] {
        for pretty in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let form = Form { pretty, ..Form::from(layout) };
            write_json(dir.path(), form, &Spec { documents: 1_000, files: 2, ..Spec::default() }).unwrap();
            check(&discover(dir.path().to_str().unwrap(), &STRICT).unwrap(), 1_000);
        }
    }
}
