//! Builds small packages as an author would, from within cargo, which runs this test.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where it stands")]

use std::path::Path;

use gristmill_guest::{GuestError, build, build_with, guests_dir, plugins_dir, tools_dir};

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

/// What an author in JavaScript meets, from an empty project on: packages that are not there, a mistake, a plugin.
#[test]
fn javascript_says_what_it_lacks_and_shows_mistakes_as_they_are() {
    let desk = tempfile::tempdir().unwrap();
    let (folder, target) = (desk.path().join("guest-test-js"), desk.path().join("target"));
    std::fs::create_dir_all(folder.join("src")).unwrap();
    std::fs::write(folder.join("package.json"), r#"{"name":"guest-test-js","version":"1.0.0"}"#).unwrap();
    assert!(matches!(build(&folder, &target), Err(GuestError::NoSdk(_))));

    std::os::unix::fs::symlink(plugins_dir().parent().unwrap(), folder.join("gristmill-sdk")).unwrap();
    let plugin = folder.join("src/plugin.js");
    std::fs::write(&plugin, "export default plugin(;").unwrap();
    let refused = |parts: &[&str]| {
        let error = build(&folder, &target).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, GuestError::Failed { .. }), "{text}");
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    };
    refused(&["esbuild is not installed", "npm install"]);

    std::os::unix::fs::symlink(tools_dir().join("javascript/node_modules"), folder.join("node_modules")).unwrap();
    refused(&["src/plugin.js:1:22", "Unexpected \";\""]);
    let code = r#"import { capture, plugin, t } from "gristmill-sdk";
        export default plugin({ documents: "d/{id}", inputs: { id: capture() }, map: (d) => d, TABLES });"#;
    std::fs::write(&plugin, code.replace("TABLES", "tables: { a: { colums: {} } }")).unwrap();
    refused(&["table `a` has no option `colums`"]);
    std::fs::write(&plugin, code.replace("TABLES", "table: { name: \"a\", columns: { id: t.string } }")).unwrap();
    let mut lines = Vec::new();
    let component = build_with(&folder, &target, &mut |line| lines.push(line.to_owned())).unwrap();
    assert!(component.ends_with("target/components/guest-test-js.wasm") && component.is_file());
    assert_eq!(lines.len(), 1, "{lines:?}");
    build_with(&folder, &target, &mut |line| panic!("builds again: {line}")).unwrap();
}
