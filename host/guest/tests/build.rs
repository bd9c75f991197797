//! Builds small packages as an author would, from within cargo, which runs this test.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where it stands")]

use std::path::Path;

use gristmill_guest::{GuestError, build, build_with, guests_dir};

fn package(folder: &Path, name: &str, kind: &str, code: &str) {
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"{kind}\"]\n\
         [profile.release]\npanic = \"abort\"\n[workspace]\n"
    );
    std::fs::create_dir_all(folder.join("src")).unwrap();
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    std::fs::write(folder.join("src/lib.rs"), code).unwrap();
}

#[test]
fn the_compiler_is_heard_and_a_module_without_a_world_is_refused() {
    let folder = tempfile::tempdir().unwrap();

    package(folder.path(), "guest-test-broken", "cdylib", "pub fn f() -> u32 { \"text\" }");
    let mut lines = Vec::new();
    let error = build_with(folder.path(), &guests_dir(), &mut |l| lines.push(l.to_owned())).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, GuestError::Failed { .. }), "{text}");
    assert!(text.contains("mismatched types") && text.contains("src/lib.rs:1"), "{text}");
    assert!(!text.contains("Compiling"), "{text}");
    assert!(lines.iter().any(|l| l.contains("Compiling guest-test-broken")), "{lines:?}");

    // A module is made of a library of any kind.
    package(folder.path(), "guest-test-rlib", "rlib", "");
    assert!(build(folder.path(), &guests_dir()).unwrap().is_file());
    std::fs::rename(folder.path().join("src/lib.rs"), folder.path().join("src/main.rs")).unwrap();
    std::fs::write(
        folder.path().join("Cargo.toml"),
        "[package]\nname = \"guest-test-bin\"\nedition = \"2024\"\n[workspace]\n",
    )
    .unwrap();
    let error = build(folder.path(), &guests_dir()).unwrap_err().to_string();
    assert!(error.contains("no library targets found"), "{error}");
    std::fs::remove_file(folder.path().join("src/main.rs")).unwrap();

    // An import that no world names.
    let code = "#[link(wasm_import_module = \"env\")] unsafe extern \"C\" { safe fn elsewhere() -> u32; }\n#[unsafe(no_mangle)] pub extern \"C\" fn f() -> u32 { elsewhere() }";
    package(folder.path(), "guest-test-import", "cdylib", code);
    let error = build(folder.path(), &guests_dir()).unwrap_err();
    assert!(matches!(error, GuestError::Component { .. }), "{error}");
}
