//! What a path, folder or pattern means, for every layout that exporters write.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use std::fs;
use std::path::Path;

use common::{STRICT, count, exports, names, partial, put};
use gristmill_generator::{Document, ExportWriter, Form, Layout, Spec, Style, Value, write_binary, write_json};
use gristmill_source::{BytesMeasure, Compression, Format, ProofState, discover};

fn at(path: &Path) -> gristmill_source::Input {
    discover(path.to_str().unwrap(), &STRICT).unwrap()
}

#[test]
fn real_exports_are_found_and_proven() {
    for (name, files, documents) in
        [("yago", 2, 6_210), ("types", 1, 2_597), ("blocks", 1, 593), ("second", 1, 131), ("empty", 0, 0)]
    {
        let root = exports().join(name).join("export");
        let overall = root.join("export.overall_export_metadata");
        for spec in [&root, &overall] {
            let input = at(spec);
            assert_eq!(input.files.len(), files, "{name}");
            assert_eq!(input.warnings, Vec::<String>::new());
            let [export] = input.exports.as_slice() else { panic!("{name}: one export") };
            assert_eq!((export.path.as_str(), export.documents), ("export.overall_export_metadata", Some(documents)));
            let proofs = input.prove(&count(&input)).unwrap();
            let measure = if files == 0 { BytesMeasure::NotCompared } else { BytesMeasure::Files };
            assert_eq!((proofs[0].documents, &proofs[0].state), (documents, &ProofState::Proven(measure)), "{name}");
        }
    }
    let input = at(&exports().join("yago/export"));
    assert_eq!(names(&input), ["all_namespaces/all_kinds/output-0", "all_namespaces/all_kinds/output-1"]);
    assert_eq!(input.fingerprint()[0], ("all_namespaces/all_kinds/output-0", 1_429_151));
    assert_eq!(input.bytes(), 1_775_242);
}

#[test]
fn a_folder_with_exports_below_it_is_all_of_them_and_nothing_else() {
    let input = at(&exports());
    assert_eq!(
        input.exports.iter().map(|e| e.path.as_str()).collect::<Vec<_>>(),
        [
            "blocks/export/export.overall_export_metadata",
            "empty/export/export.overall_export_metadata",
            "second/export/export.overall_export_metadata",
            "types/export/export.overall_export_metadata",
            "yago/export/export.overall_export_metadata",
        ]
    );
    assert_eq!(input.files.len(), 5);
    assert!(input.files.iter().all(|f| f.format == Format::Log));
    assert!(input.warnings.iter().any(|w| w.contains("rest.ndjson.gz belongs to no export")), "{:?}", input.warnings);
    assert!(input.prove(&count(&input)).unwrap().iter().all(gristmill_source::Proof::is_proven));
}

#[test]
fn files_are_in_order_of_their_numbers_whoever_lists_them() {
    for style in [Style::Managed, Style::ManagedPadded, Style::Emulator, Style::Firebase] {
        let dir = tempfile::tempdir().unwrap();
        let spec = Spec { documents: 600, files: 12, style, ..Spec::default() };
        let made = write_binary(dir.path(), &spec).unwrap();
        let input = at(dir.path());
        assert_eq!(input.files.iter().map(|f| f.path.clone()).collect::<Vec<_>>(), made.files, "{style:?}");
        assert!(input.files[2].name.ends_with("output-2") && input.files[10].name.ends_with("output-10"));
        let measure = match style {
            Style::Managed | Style::ManagedPadded => BytesMeasure::Payloads,
            _ => BytesMeasure::Files,
        };
        assert_eq!(input.prove(&count(&input)).unwrap()[0].state, ProofState::Proven(measure), "{style:?}");
        if style == Style::Firebase {
            // Other parts of the emulators' export are nobody's loss.
            put(&dir.path().join("auth_export/accounts.json"), b"{}");
            assert_eq!(at(dir.path()), input);
            let named = at(&dir.path().join("firebase-export-metadata.json"));
            assert_eq!(named, input);
            assert_eq!(input.exports[0].path, "firestore_export/firestore_export.overall_export_metadata");
        }
    }
}

#[test]
fn collection_groups_are_sets_of_one_export() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = ExportWriter::create(dir.path(), "2024-06-01T00:00:00_1", Style::Managed).unwrap();
    for (kind, documents) in [("users", 3), ("reports", 5)] {
        writer.set(Some(kind)).unwrap();
        for n in 0..documents {
            writer.document(&Document::new(&format!("{kind}/{n}")).with("n", Value::Integer(n))).unwrap();
        }
    }
    // A zero-byte file is legal.
    writer.file().unwrap();
    writer.finish().unwrap();
    let input = at(dir.path());
    let export = &input.exports[0];
    let sets: Vec<_> = export.collections.iter().map(|c| (c.kind.as_deref(), c.documents, c.files.clone())).collect();
    assert_eq!(sets, [(Some("reports"), Some(5), 0..2), (Some("users"), Some(3), 2..3)]);
    assert_eq!((export.documents, export.started_at), (Some(8), Some(1_717_200_000_000_000)));
    assert_eq!((input.files[1].size, input.files[1].format), (0, Format::Log));
    assert!(input.prove(&count(&input)).unwrap()[0].is_proven());

    // One set by its metadata or its folder: the overall metadata beside it still proves it.
    let folder = dir.path().join("all_namespaces/kind_users");
    for spec in [folder.clone(), folder.join("all_namespaces_kind_users.export_metadata")] {
        let input = at(&spec);
        assert_eq!(names(&input), ["output-0"]);
        assert_eq!(input.exports[0].collections[0].kind.as_deref(), Some("users"));
        assert!(input.prove(&count(&input)).unwrap()[0].is_proven());
    }
    let pattern = format!("{}/**/*kind_users.export_metadata", dir.path().display());
    assert_eq!(discover(&pattern, &STRICT).unwrap().files.len(), 1);

    // Alone it proves nothing.
    fs::remove_file(dir.path().join("2024-06-01T00:00:00_1.overall_export_metadata")).unwrap();
    let input = at(&folder);
    assert!(matches!(input.prove(&count(&input)).unwrap()[0].state, ProofState::Unproven(_)));
}

#[test]
fn junk_of_archives_and_desktops_is_skipped() {
    let dir = tempfile::tempdir().unwrap();
    write_binary(dir.path(), &Spec { documents: 20, files: 2, ..Spec::default() }).unwrap();
    let clean = at(dir.path());
    for junk in [
        "__MACOSX/._output-0",
        "__MACOSX/x.overall_export_metadata",
        "all_namespaces/all_kinds/._output-0",
        "all_namespaces/all_kinds/.DS_Store",
        "._export.overall_export_metadata",
    ] {
        put(&dir.path().join(junk), b"\0\x05\x16\x07");
    }
    assert_eq!(at(dir.path()), clean);
    put(&dir.path().join("all_namespaces/all_kinds/output-7"), b"left over");
    let input = at(dir.path());
    assert_eq!(input.files, clean.files);
    assert_eq!(input.warnings, ["all_namespaces/all_kinds/output-7 belongs to no export: it is not read"]);
}

#[test]
fn patterns_choose_files_and_folders() {
    let dir = tempfile::tempdir().unwrap();
    let spec = Spec { documents: 10, files: 11, ..Spec::default() };
    write_json(&dir.path().join("20240101_120000/a/b"), Layout::Documents, &spec).unwrap();
    put(&dir.path().join("20240101_120000/a/other.json"), b"[]");
    let input =
        discover(&format!("{}/20240101_120000/**/*qualityReports*.json", dir.path().display()), &STRICT).unwrap();
    assert_eq!((input.files.len(), input.exports.len()), (11, 0));
    assert_eq!(input.files[10].name, "a/b/qualityReports-00010.json");
    assert!(input.files.iter().all(|f| f.format == Format::Json && f.export.is_none()));

    for day in ["2024-01-02", "2024-01-01"] {
        write_binary(&dir.path().join("backups").join(day), &spec).unwrap();
    }
    let pattern = |p: &str| discover(&format!("{}/backups/{p}", dir.path().display()), &STRICT).unwrap();
    let by_folder = pattern("2024-*");
    assert_eq!(by_folder.exports[0].path, "2024-01-01/export.overall_export_metadata");
    assert_eq!((by_folder.exports.len(), by_folder.files.len()), (2, 22));
    assert_eq!(pattern("**"), by_folder);
    assert_eq!(pattern("*/*.overall_export_metadata"), by_folder);
}

#[test]
fn content_tells_what_a_file_is() {
    let dir = tempfile::tempdir().unwrap();
    let json = b"\xef\xbb\xbf\n {\"documents\": []}";
    let log = fs::read(exports().join("second/export/all_namespaces/all_kinds/output-0")).unwrap();
    for (name, bytes, format, compression) in [
        ("a.dat", json.to_vec(), Format::Json, Compression::None),
        ("b", common::gzip(json), Format::Json, Compression::Gzip),
        ("c.json", zstd::encode_all(&json[..], 0).unwrap(), Format::Json, Compression::Zstd),
    ] {
        put(&dir.path().join(name), &bytes);
        let input = at(&dir.path().join(name));
        assert_eq!((input.files[0].format, input.files[0].compression), (format, compression), "{name}");
        assert_eq!(input.files[0].name, name);
    }
    put(&dir.path().join("notes.txt"), b"hello");
    put(&dir.path().join("empty.json"), b"");
    put(&dir.path().join("_SUCCESS"), b"");
    let input = at(dir.path());
    assert_eq!(names(&input), ["a.dat", "b", "c.json", "empty.json"]);
    assert_eq!(input.warnings, ["notes.txt is neither a LevelDB log nor JSON: it is not read"]);

    // A data file by itself is read without proof.
    put(&dir.path().join("logs/x.gz"), &common::gzip(&log));
    let input = at(&dir.path().join("logs/x.gz"));
    assert_eq!((input.files[0].format, input.files[0].splittable), (Format::Log, false));
    assert_eq!(input.prove(&count(&input)).unwrap(), []);
}

#[test]
fn compressed_data_files_of_an_export_are_proven_by_their_documents() {
    let dir = tempfile::tempdir().unwrap();
    for style in [Style::Managed, Style::Emulator] {
        let root = dir.path().join(format!("{style:?}"));
        let made = write_binary(&root, &Spec { documents: 50, files: 1, style, ..Spec::default() }).unwrap();
        let bytes = fs::read(&made.files[0]).unwrap();
        fs::write(&made.files[0], common::gzip(&bytes)).unwrap();
        let input = at(&root);
        let expected = match style {
            Style::Managed => BytesMeasure::Payloads,
            _ => BytesMeasure::NotCompared,
        };
        assert_eq!(input.prove(&count(&input)).unwrap()[0].state, ProofState::Proven(expected));
    }
}

#[test]
fn both_forms_of_one_specification_hold_the_same_names() {
    let dir = tempfile::tempdir().unwrap();
    let spec = Spec { documents: 300, files: 3, bad: 0.1, ..Spec::default() };
    write_binary(&dir.path().join("binary"), &spec).unwrap();
    let form = Form { pretty: true, ..Form::default() };
    write_json(&dir.path().join("json"), form, &spec).unwrap();
    // With exports in a folder, JSON beside them is not read; by itself it is.
    assert_eq!(at(dir.path()).exports.len(), 1);
    assert_eq!(at(dir.path()).warnings.len(), 3);
    assert_eq!(at(&dir.path().join("json")).files.len(), 3);
    let input = discover(dir.path().to_str().unwrap(), &partial()).unwrap();
    assert!(input.allow_partial);
}
