//! The SDK for C: its code does what it says under sanitizers, and plugins build as an author would build them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where it stands")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use gristmill_guest::{GuestError, build, build_with, guests_dir, plugins_dir};

fn sdk() -> PathBuf {
    plugins_dir().join("sdk/c")
}

fn c_files(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|e| e == "c")).collect()
}

fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|e| e.to_string())?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if output.status.success() { Ok(said) } else { Err(said) }
}

/// Whether this machine's compiler can find errors of memory and undefined behaviour.
fn sanitizers(desk: &Path) -> &'static [&'static str] {
    const ALL: &[&str] = &["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    let (code, program) = (desk.join("none.c"), desk.join("none"));
    fs::write(&code, "int main(void) { return 0; }").unwrap();
    let works = run(Command::new("cc").args(ALL).arg(&code).arg("-o").arg(&program)).is_ok()
        && run(&mut Command::new(&program)).is_ok();
    if works { ALL } else { &[] }
}

/// With blocks of memory, as in the sandbox, and with each piece by itself, so that a sanitizer sees where one ends.
#[test]
fn the_sdk_works_outside_the_sandbox() {
    let desk = tempfile::tempdir().unwrap();
    let sanitizers = sanitizers(desk.path());
    let tests = c_files(&sdk().join("tests"));
    assert!(tests.len() >= 5, "{tests:?}");
    for test in tests {
        for block in ["-DGM_BLOCK=0", "-DGM_BLOCK=4096"] {
            let program = desk.path().join("test");
            let mut cc = Command::new("cc");
            cc.args(["-std=gnu17", "-g", "-O1", "-Wall", "-Wextra", "-Werror", block]).args(sanitizers);
            cc.arg(&test).args(c_files(&sdk().join("src"))).arg("-o").arg(&program);
            run(&mut cc).unwrap_or_else(|said| panic!("{}: {said}", test.display()));
            let said =
                run(&mut Command::new(&program)).unwrap_or_else(|said| panic!("{} {block}: {said}", test.display()));
            assert_eq!(said, "ok\n", "{}", test.display());
        }
    }
}

const PLUGIN: &str = r#"#include <stdio.h>
#include "gristmill.h"
#define IN(INPUT) INPUT(gm_string, id, .capture = "id")
GM_INPUT(thing, IN, .documents = "things/{id}")
#define OUT(COLUMN) COLUMN(gm_string, id)
GM_TABLE(row, OUT, .name = "things")
static gm_outcome map(const thing *in, row *out, const gm_context *context) {
    (void)context;
    out->id = in->id;
    BODY
    return GM_ROW;
}
GM_PLUGIN(thing, row, map, .name = "things", .version = "0.1.0", .summary = "Things.")
"#;

/// A project outside of the repository, with the SDK in it.
struct Project(tempfile::TempDir);

impl Project {
    fn new() -> Self {
        let project = Self(tempfile::tempdir().unwrap());
        let sdk_of_project = project.path().join("gristmill-sdk");
        for part in [
            "plugins/sdk/c/include",
            "plugins/sdk/c/src",
            "plugins/sdk/c/src/bindings",
            "plugins/sdk/c/src/worlds",
            "wit",
        ] {
            let to = sdk_of_project.join(part);
            fs::create_dir_all(&to).unwrap();
            for entry in fs::read_dir(plugins_dir().join("..").join(part)).unwrap() {
                let from = entry.unwrap().path();
                if from.is_file() {
                    fs::copy(&from, to.join(from.file_name().unwrap())).unwrap();
                }
            }
        }
        project
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, body: &str) {
        fs::write(self.path().join("plugin.c"), PLUGIN.replace("BODY", body)).unwrap();
    }
}

#[test]
fn a_plugin_is_built_once_and_again_when_it_has_changed() {
    let project = Project::new();
    project.write("");
    let lines = |project: &Project| {
        let mut lines = Vec::new();
        let path = build_with(project.path(), &guests_dir(), &mut |l| lines.push(l.to_owned())).unwrap();
        (path, lines)
    };
    let (path, first) = lines(&project);
    assert!(first.len() == 1 && first[0].contains("Compiling"), "{first:?}");
    assert_eq!(path.file_stem(), project.path().file_name());
    assert!(lines(&project).1.is_empty());
    // Another file of the project, an option of its own, and a warning, which is told and refuses nothing.
    fs::write(project.path().join("more.c"), "int more(void);\nint more(void) { return MORE; }\n").unwrap();
    fs::write(project.path().join("compile_flags.txt"), "-Wall\n-DMORE=1\n").unwrap();
    project.write("int unused;");
    let (_, third) = lines(&project);
    assert!(third.iter().any(|l| l.starts_with("plugin.c:10:") && l.contains("unused")), "{third:?}");
    fs::remove_file(path).unwrap();
}

#[test]
fn errors_are_told_as_the_compiler_says_them() {
    let project = Project::new();
    let error = |body: &str| {
        project.write(body);
        build(project.path(), &guests_dir()).unwrap_err()
    };
    let wrong_type = error("out->id = 7;");
    assert!(matches!(wrong_type, GuestError::Failed { .. }), "{wrong_type}");
    assert!(wrong_type.to_string().contains("\nplugin.c:10:"), "{wrong_type}");
    assert!(error("nowhere();").to_string().contains("nowhere"));

    // What is declared is checked by the compiler, too.
    let other = PLUGIN.replace("BODY", "").replace("map(const thing *in", "map(const row *in");
    fs::write(project.path().join("plugin.c"), other).unwrap();
    let other_struct = build(project.path(), &guests_dir()).unwrap_err().to_string();
    assert!(
        other_struct.contains("incompatible pointer types") && other_struct.contains("plugin.c:13:"),
        "{other_struct}"
    );
    let code = PLUGIN.replace("BODY", "").replace("COLUMN(gm_string, id)", "COLUMN(float, id)");
    fs::write(project.path().join("plugin.c"), code).unwrap();
    let unknown_type = build(project.path(), &guests_dir()).unwrap_err().to_string();
    assert!(unknown_type.contains("gm_type_float"), "{unknown_type}");

    let files = error("FILE *file = fopen(\"x\", \"r\"); if (file) return GM_NO_ROW;");
    assert!(matches!(files, GuestError::Component { .. }), "{files}");
    assert!(files.to_string().contains("the operating system") && files.to_string().contains("of WASI"), "{files}");
    project.write(
        "printf(\"%g\\n\", 0.5); char text[9]; snprintf(text, sizeof text, \"%d\", 7); fprintf(stderr, \"%s\", text);",
    );
    fs::remove_file(build(project.path(), &guests_dir()).unwrap()).unwrap();

    fs::remove_dir_all(project.path().join("gristmill-sdk")).unwrap();
    assert!(matches!(error(""), GuestError::NoSdk(_)));
}
