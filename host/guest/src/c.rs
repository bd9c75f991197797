//! Plugins in C: clang and wasi-libc make a module of the files in a folder and of the SDK, which says of which world it is.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use crate::GuestError;
use crate::build::{component_path, encode, write_changed};
use crate::environment::command;
use crate::install::Attempts;
use crate::project::{fingerprint, is_fresh, keep_fingerprint, sdk_root};

/// What a folder with a plugin has: a file that maps, or one that judges. All other files of C in it are compiled, too.
pub(crate) const FILES: [&str; 2] = ["plugin.c", "validator.c"];

/// Options for the compiler, one a line: those that editors with clangd read.
const FLAGS_FILE: &str = "compile_flags.txt";

/// Debian's names for what is needed.
const PACKAGES: [&str; 4] = ["clang", "lld", "wasi-libc", "libclang-rt-dev-wasm32"];

/// clang without a version may be another one than that which the library for WebAssembly came with.
const NAMES: [&str; 9] =
    ["clang", "clang-22", "clang-21", "clang-20", "clang-19", "clang-18", "clang-17", "clang-16", "clang-15"];

/// The target, and a module that is called from outside in place of a program with `main`.
const TARGET: [&str; 2] = ["--target=wasm32-wasi", "-mexec-model=reactor"];

/// As guests in Rust are compiled. Records are read and written by descriptions of their types, hence without strict aliasing.
const COMPILE: [&str; 5] = ["-std=gnu17", "-O3", "-msimd128", "-mbulk-memory", "-fno-strict-aliasing"];

/// What older compilers only warn of, and what makes a plugin do anything but what it says: most of all a mapping of another struct.
const ERRORS: [&str; 4] = [
    "-Werror=incompatible-pointer-types",
    "-Werror=int-conversion",
    "-Werror=implicit-function-declaration",
    "-Werror=return-type",
];

/// Nothing but what is called, and neither names nor what a debugger needs.
const LINK: [&str; 2] = ["-Wl,--gc-sections", "-Wl,--strip-all"];

/// The least that shows whether a compiler has all that it needs: headers, library, run-time library and linker.
const PROBE: &str = "#include <stdlib.h>\nvoid *probe(size_t n) { return malloc(n); }\n";

/// Makes a component of the files in a folder. It has the folder's name.
pub(crate) fn component(
    folder: &Path,
    target_dir: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<PathBuf, GuestError> {
    let root = sdk_root(folder, "c")?;
    let (include, sources) = (root.join("plugins/sdk/c/include"), root.join("plugins/sdk/c/src"));
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or("plugin");
    let path = component_path(target_dir, name);
    let clang = find()?;
    let fingerprint = fingerprint(&[folder, &include, &sources], &[&clang])?;
    if is_fresh(&path, &fingerprint) {
        return Ok(path);
    }
    progress(&format!("   Compiling {name} with {}", clang.display()));
    let [maps, judges] = FILES.map(|file| folder.join(file).is_file());
    if maps && judges {
        let output =
            "there is a plugin.c and a validator.c; a component in C is one or the other, so give each a folder";
        return Err(GuestError::Failed { folder: folder.to_owned(), output: output.to_owned() });
    }
    let world = if maps { "transformer" } else { "validator" };

    let module = path.with_extension("module.new");
    let mut clang = command(&clang);
    clang.current_dir(folder).args(TARGET).args(COMPILE).args(ERRORS).arg("-I").arg(&include).args(flags(folder)?);
    // Of its own folder a compiler names files without the path, as an author knows them.
    for file in files(folder)? {
        clang.arg(file.file_name().unwrap_or(file.as_os_str()));
    }
    clang.args(files(&sources)?);
    for of_world in ["worlds/{world}.c", "bindings/{world}.c", "bindings/{world}_component_type.c"] {
        clang.arg(sources.join(of_world.replace("{world}", world)));
    }
    clang.args(LINK).arg("-o").arg(&module);
    let output = clang
        .stdin(Stdio::null())
        .output()
        .map_err(|source| GuestError::Run { program: "clang".to_owned(), source })?;
    let said = said(&output);
    if !output.status.success() {
        return Err(GuestError::Failed { folder: folder.to_owned(), output: said });
    }
    said.lines().for_each(progress);
    let bytes = fs::read(&module).map_err(GuestError::io(&module))?;
    fs::remove_file(&module).map_err(GuestError::io(&module))?;
    let component =
        encode(&bytes).map_err(|why| GuestError::Component { folder: folder.to_owned(), why: explain(why) })?;
    write_changed(&path, &component)?;
    keep_fingerprint(&path, &fingerprint)?;
    Ok(path)
}

/// The files of C in a folder, in the order of their names.
fn files(folder: &Path) -> Result<Vec<PathBuf>, GuestError> {
    let entries =
        fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(GuestError::io(folder))?;
    let paths = entries.iter().map(fs::DirEntry::path);
    let mut files: Vec<_> = paths.filter(|path| path.extension().is_some_and(|e| e == "c") && path.is_file()).collect();
    files.sort();
    Ok(files)
}

/// What the project's own file of options says.
fn flags(folder: &Path) -> Result<Vec<String>, GuestError> {
    let path = folder.join(FLAGS_FILE);
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(&path).map_err(GuestError::io(&path))?;
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

fn said(output: &Output) -> String {
    let said = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&said).trim().to_owned()
}

/// Code that asks for more of an operating system than the SDK stands in for leaves an import, which says nothing of C.
fn explain(why: String) -> String {
    const INTERFACE: &str = "`wasi_snapshot_preview1::";
    let Some((_, rest)) = why.split_once(INTERFACE) else { return why };
    let function = rest.split('`').next().unwrap_or_default();
    format!(
        "its code uses the operating system, by a function of the C library that calls `{function}` of WASI: files, clocks, random numbers \
         and the environment are not there in the sandbox; printf and snprintf are, where nothing else of it is used"
    )
}

/// A clang that makes WebAssembly: of WASI SDK, else one on PATH.
fn find() -> Result<PathBuf, GuestError> {
    let mut looked = Vec::new();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let sdk = std::env::var_os("WASI_SDK_PATH").map(|sdk| PathBuf::from(sdk).join("bin/clang"));
    let on_path = NAMES.iter().flat_map(|name| std::env::split_paths(&path).map(move |folder| folder.join(name)));
    for clang in sdk.into_iter().chain(on_path).filter(|clang| clang.is_file()) {
        match probe(&clang) {
            Ok(()) => return Ok(clang),
            Err(why) => looked.push(format!("{}: {why}", clang.display())),
        }
    }
    let looked = if looked.is_empty() { "there is no clang on PATH".to_owned() } else { looked.join("; ") };
    Err(GuestError::NoClang { looked })
}

/// Whether a compiler has all that it needs; `Err` is the first thing that it lacks.
fn probe(clang: &Path) -> Result<(), String> {
    let run = || {
        let mut child = command(clang)
            .args(TARGET)
            .args(["-Wl,--export=probe", "-x", "c", "-", "-o", "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that cannot make WebAssembly may not even read it.
            let _ = stdin.write_all(PROBE.as_bytes());
        }
        child.wait_with_output()
    };
    let output = run().map_err(|e| e.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = said(&output);
    Err(said.lines().find(|line| line.contains("error")).unwrap_or("it fails").to_owned())
}

/// Installs Debian's packages, where nothing that is there makes WebAssembly.
pub(crate) fn install(progress: &mut dyn FnMut(&str)) -> Result<(), GuestError> {
    if let Ok(found) = find() {
        progress(&format!("toolchain for C: {}", found.display()));
        return Ok(());
    }
    let mut attempts = Attempts::new(progress);
    attempts.apt(&PACKAGES);
    let attempts = attempts.failed();
    let found = find().map_err(|e| {
        if attempts.is_empty() { e } else { GuestError::Install { what: "clang for WebAssembly", attempts } }
    })?;
    progress(&format!("toolchain for C: {}", found.display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_of_wasi_is_named() {
        let why = "module was not valid: failed to resolve import `wasi_snapshot_preview1::path_open`: module requires";
        assert!(explain(why.to_owned()).contains("`path_open` of WASI"));
        assert_eq!(explain("something else".to_owned()), "something else");
    }

    #[test]
    fn options_are_lines_and_files_are_in_order() {
        let desk = tempfile::tempdir().unwrap();
        let folder = desk.path();
        assert!(flags(folder).unwrap().is_empty() && files(folder).unwrap().is_empty());
        fs::write(folder.join(FLAGS_FILE), "-Wall\n\n -DX=a b \n").unwrap();
        for name in ["b.c", "a.c", "c.h", "plugin.cc"] {
            fs::write(folder.join(name), "").unwrap();
        }
        fs::create_dir(folder.join("folder.c")).unwrap();
        assert_eq!(flags(folder).unwrap(), ["-Wall", "-DX=a b"]);
        assert_eq!(files(folder).unwrap(), [folder.join("a.c"), folder.join("b.c")]);
    }

    #[test]
    fn a_compiler_that_cannot_says_why() {
        let desk = tempfile::tempdir().unwrap();
        let clang = desk.path().join("clang");
        fs::write(&clang, "#!/bin/sh\ncat > /dev/null\necho 'x: error: no stdlib.h' >&2\nexit 1\n").unwrap();
        std::process::Command::new("chmod").arg("+x").arg(&clang).status().unwrap();
        assert_eq!(probe(&clang), Err("x: error: no stdlib.h".to_owned()));
        assert!(probe(&desk.path().join("none")).is_err());
    }
}
