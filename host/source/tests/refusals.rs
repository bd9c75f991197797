//! What is broken, missing or unreadable: each with its code, its place and something to do.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use common::{STRICT, count, exports, partial, put};
use gristmill_generator::{LogWriter, Spec, Style, write_binary};
use gristmill_record::{Blame, Diagnose};
use gristmill_source::{ProofState, SourceError, Split, discover};

/// The refusal of `spec`: its code is `code`, and its text names every one of `words`.
fn refused(spec: &Path, code: &str, words: &[&str]) -> SourceError {
    let error = discover(spec.to_str().unwrap(), &STRICT).unwrap_err();
    let text = error.to_string();
    assert_eq!(error.code(), code, "{text}");
    for word in words {
        assert!(text.contains(word), "`{word}` in: {text}");
    }
    assert!(error.remedy().is_some_and(|r| r.ends_with('.')), "{text}");
    error
}

struct Made {
    _dir: tempfile::TempDir,
    root: PathBuf,
    data: PathBuf,
    kind: PathBuf,
    overall: PathBuf,
}

fn export() -> Made {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("e");
    let made = write_binary(&root, &Spec { documents: 100, files: 2, ..Spec::default() }).unwrap();
    let kinds = root.join("all_namespaces/all_kinds");
    Made {
        data: made.files[0].clone(),
        kind: kinds.join("all_namespaces_all_kinds.export_metadata"),
        overall: made.metadata.unwrap(),
        root,
        _dir: dir,
    }
}

#[test]
fn nothing_there() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let error = refused(&root.join("no/such"), "source.not-found", &["no/such does not exist", root.to_str().unwrap()]);
    assert_eq!(error.blame(), Blame::Input);
    refused(root, "source.no-files", &["below", root.to_str().unwrap()]);
    refused(&root.join("**/*qualityReports*.json"), "source.no-files", &["matches", "qualityReports"]);
    refused(&root.join("no/*.json"), "source.not-found", &[]);
    refused(&root.join("x["), "source.glob", &[]);
    put(&root.join(".DS_Store"), b"junk");
    refused(root, "source.no-files", &[]);
    let error = discover("s3://bucket/export", &STRICT).unwrap_err();
    assert_eq!((error.code(), error.blame()), ("source.scheme", Blame::Usage));
}

#[test]
fn unreadable_places() {
    let made = export();
    let root = made.root.parent().unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    refused(&root.join("dangling"), "source.unreadable", &["dangling"]);
    // In a scan too, since it may stand for data; but not where it cannot.
    refused(root, "source.unreadable", &["dangling"]);
    assert!(discover(&format!("{}/*/*.overall_export_metadata", root.display()), &STRICT).is_ok());
    fs::remove_file(root.join("dangling")).unwrap();
    symlink("._gone", root.join("._junk")).unwrap();
    assert!(discover(root.to_str().unwrap(), &STRICT).is_ok());

    symlink("loop", root.join("loop")).unwrap();
    refused(&root.join("loop"), "source.unreadable", &["loop"]);
    fs::remove_file(root.join("loop")).unwrap();
    symlink(root, made.root.join("circle")).unwrap();
    refused(root, "source.unreadable", &["circle", "in a circle"]);
    fs::remove_file(made.root.join("circle")).unwrap();

    refused(&made.overall.join("x"), "source.not-found", &[]);
    fs::remove_file(&made.data).unwrap();
    symlink("nowhere", &made.data).unwrap();
    refused(&made.overall, "source.unreadable", &["output-0"]);
    fs::remove_file(&made.data).unwrap();
    fs::create_dir(&made.data).unwrap();
    refused(&made.root, "source.unreadable", &["output-0", "a folder where a file is expected"]);
    refused(Path::new("/dev/null"), "source.unreadable", &["no regular file"]);
}

#[test]
fn one_export_reached_by_two_paths_is_not_read_twice() {
    let made = export();
    let root = made.root.parent().unwrap();
    symlink(&made.root, root.join("latest")).unwrap();
    // The same overall metadata file by another path is the same export.
    let input = discover(root.to_str().unwrap(), &STRICT).unwrap();
    assert_eq!(input.exports.len(), 1);
    // Another overall metadata file that names the same data is not.
    fs::copy(&made.overall, made.root.join("again.overall_export_metadata")).unwrap();
    refused(&made.root, "source.named-twice", &["again.overall", "export.overall"]);
}

#[test]
fn missing_parts() {
    let made = export();
    fs::remove_file(&made.data).unwrap();
    refused(&made.root, "source.incomplete", &["output-0 is missing", "all_kinds.export_metadata names"]);
    let input = discover(made.root.to_str().unwrap(), &partial()).unwrap();
    assert_eq!((input.files.len(), input.exports[0].is_partial, input.warnings.len()), (1, true, 1));
    let proof = input.prove(&count(&input)).unwrap().remove(0);
    assert_eq!(proof.state, ProofState::Unproven("50 of 100 documents were read".into()));

    let made = export();
    fs::remove_file(&made.kind).unwrap();
    refused(
        &made.root,
        "source.incomplete",
        &["all_kinds.export_metadata is missing", "export.overall_export_metadata"],
    );
    let input = discover(made.root.to_str().unwrap(), &partial()).unwrap();
    assert_eq!(input.files.len(), 2, "found by their names");

    let made = export();
    fs::remove_file(&made.overall).unwrap();
    refused(&made.root, "source.incomplete", &["no overall metadata file names", "all_kinds.export_metadata"]);
    assert_eq!(discover(made.root.to_str().unwrap(), &partial()).unwrap().files.len(), 2);
    fs::remove_file(&made.kind).unwrap();
    refused(&made.root, "source.incomplete", &["no metadata file names", "output-0 and 1 more files"]);
    refused(&made.root.join("**/output-*"), "source.incomplete", &["output-0"]);
    let input = discover(made.root.to_str().unwrap(), &partial()).unwrap();
    assert_eq!((input.files.len(), input.exports.len()), (2, 0));
}

#[test]
fn a_partial_export_says_so_itself() {
    let made = export();
    let mut bytes = fs::read(&made.kind).unwrap();
    // The last field of a managed export's only kind is `is_partial`.
    let last = bytes.len() - 2;
    assert_eq!(bytes[last..], [0x20, 0]);
    bytes[last + 1] = 1;
    fs::write(&made.kind, bytes).unwrap();
    refused(&made.root, "source.incomplete", &["says of itself that it is partial"]);
    refused(&made.kind, "source.incomplete", &["partial"]);
    let input = discover(made.root.to_str().unwrap(), &partial()).unwrap();
    assert!(!input.prove(&count(&input)).unwrap()[0].is_proven());
}

#[test]
fn damaged_metadata() {
    for (keep, flip) in [(None, Some(20)), (Some(40), None), (Some(3), None)] {
        let made = export();
        let mut bytes = fs::read(&made.overall).unwrap();
        if let Some(at) = flip {
            bytes[at] ^= 0x10;
        }
        bytes.truncate(keep.unwrap_or(bytes.len()));
        fs::write(&made.overall, bytes).unwrap();
        refused(&made.root, "source.metadata", &["export.overall_export_metadata", "at offset"]);
    }
    let made = export();
    let bytes = fs::read(&made.kind).unwrap();
    fs::write(&made.kind, &bytes[..bytes.len() - 1]).unwrap();
    refused(&made.root, "source.metadata", &["all_kinds.export_metadata", "at offset"]);
    fs::write(&made.kind, b"").unwrap();
    refused(&made.root, "source.incomplete", &["is empty"]);
    let mut log = LogWriter::new(Vec::new());
    log.record(b"4").unwrap();
    fs::write(&made.overall, log.finish(false).unwrap()).unwrap();
    refused(&made.root, "source.version", &["version 4"]);
    let dir = made.root.parent().unwrap().join("f");
    put(&dir.join("firebase-export-metadata.json"), b"{\"version\":\"13\",\"auth\":{}}");
    refused(&dir, "source.no-firestore", &["firebase-export-metadata.json"]);
    put(&dir.join("firebase-export-metadata.json"), b"{\"firestore\":{\"metadata_file\":\"../e/x\"}}");
    refused(&dir, "source.metadata", &["../e/x"]);
    put(&dir.join("firebase-export-metadata.json"), b"{\"firestore\":{\"metadata_file\":\"gone\"}}");
    refused(&dir, "source.incomplete", &["gone is missing"]);
    put(&dir.join("firebase-export-metadata.json"), b"{");
    refused(&dir, "source.metadata", &["firebase-export-metadata.json"]);
}

#[test]
fn files_that_are_no_data() {
    let made = export();
    fs::write(&made.data, b"a table, not a log").unwrap();
    refused(&made.root, "source.not-an-export", &["output-0"]);
    refused(&made.data, "source.not-an-export", &["neither"]);
    fs::write(&made.data, b"{\"documents\":[]}").unwrap();
    refused(&made.root, "source.not-an-export", &["output-0", "LevelDB"]);
    // A damaged log is still a log: the decoder knows the exact place.
    let good = export();
    let mut bytes = fs::read(&good.data).unwrap();
    bytes[20] ^= 1;
    fs::write(&good.data, &bytes).unwrap();
    assert_eq!(discover(good.root.to_str().unwrap(), &STRICT).unwrap().files.len(), 2);
    assert_eq!(discover(good.data.to_str().unwrap(), &STRICT).unwrap().files.len(), 1);
    let other = good.root.parent().unwrap().join("copy");
    fs::write(&other, &bytes).unwrap();
    refused(&other, "source.not-an-export", &["checksum of its first record"]);
}

#[test]
fn short_exports_are_found_out_in_the_end() {
    for style in [Style::Managed, Style::Emulator] {
        let dir = tempfile::tempdir().unwrap();
        let made = write_binary(dir.path(), &Spec { documents: 100, files: 2, style, ..Spec::default() }).unwrap();
        fs::write(&made.files[1], b"").unwrap();
        let spec = dir.path().to_str().unwrap();
        let input = discover(spec, &STRICT).unwrap();
        let error = input.prove(&count(&input)).unwrap_err();
        assert_eq!(error.code(), "source.mismatch");
        let text = error.to_string();
        assert!(text.contains("promises 100 documents") && text.contains("but 50 documents"), "{text}");
        let input = discover(spec, &partial()).unwrap();
        assert!(!input.prove(&count(&input)).unwrap()[0].is_proven());
    }
    // The right number of documents in the wrong number of bytes is none the better.
    let made = export();
    let input = discover(made.root.to_str().unwrap(), &STRICT).unwrap();
    let mut counts = count(&input);
    assert!(input.prove(&counts).is_ok());
    counts[1].payload_bytes -= 1;
    assert_eq!(input.prove(&counts).unwrap_err().code(), "source.mismatch");
    // Nor are right bytes of the wrong number of documents, which the emulator's file sizes always are.
    let input = discover(exports().join("yago/export").to_str().unwrap(), &STRICT).unwrap();
    let mut counts = count(&input);
    assert!(input.prove(&counts).is_ok());
    counts[0].documents += 1;
    assert_eq!(input.prove(&counts).unwrap_err().code(), "source.mismatch");
    assert_eq!(input.prove(&counts[..1]).unwrap_err().code(), "source.internal");
}

#[test]
fn truncated_compression_names_file_and_offset() {
    let dir = tempfile::tempdir().unwrap();
    let documents: String = (0..20_000).map(|n| format!("{{\"name\":\"{}\"}}\n", n * 7919 % 100_003)).collect();
    for (name, bytes) in [
        ("a.json.gz", common::gzip(documents.as_bytes())),
        ("a.json.zst", zstd::encode_all(documents.as_bytes(), 1).unwrap()),
    ] {
        let path = dir.path().join(name);
        fs::write(&path, &bytes).unwrap();
        let whole = Split { file: 0, start: 0, end: None };
        let input = discover(path.to_str().unwrap(), &STRICT).unwrap();
        assert!(common::read(&input, &whole).unwrap() == documents.as_bytes(), "{name}");
        fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
        assert_eq!(common::read(&input, &whole).unwrap_err().code(), "source.changed");
        let input = discover(path.to_str().unwrap(), &STRICT).unwrap();
        let error = common::read(&input, &whole).unwrap_err();
        assert_eq!(error.code(), "source.compressed", "{error}");
        let text = error.to_string();
        assert!(text.contains(name) && text.contains("beyond offset") && !text.contains("offset 0:"), "{text}");
        fs::write(&path, &bytes[..6]).unwrap();
        refused(&path, "source.compressed", &[name, "offset 0"]);
    }
}
