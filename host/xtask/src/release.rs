//! `cargo xtask release-contract VERSION`: freezes the contract. A released version stays as it is for ever: plugins are built against it.
//!
//! `wit/released/VERSION/` holds the files of a version, and `wit/released/digests.txt` the SHA-256 of each, so that an edit cannot pass
//! for a release. The tests of this crate check both. The host gets bindings of the version by a line of `versions!`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::Outcome;
use crate::project::Project;

const DIGESTS: &str = "digests.txt";

/// Where the versions that the host speaks are listed.
const BINDINGS: &str = "host/plugin/src/bindings/mod.rs";

/// What follows the released ones there.
const END_OF_RELEASED: &str = "    // What the tests speak besides:";

type Text<T> = Result<T, String>;

pub(crate) fn run(project: &Project, arguments: &[String]) -> Outcome {
    let [version] = arguments else { return Err("names the version: `cargo xtask release-contract 1.0.0`".into()) };
    release(&project.root, version)?;
    println!("wit/released/{version} is frozen, and {BINDINGS} has a line for it; commit both");
    println!("then give docs/versions.md a line, and raise the version in wit/*.wit and of the draft in {BINDINGS}");
    Ok(())
}

/// Freezes the contract, and has the host speak the version from now on.
fn release(root: &Path, version: &str) -> Text<()> {
    let path = root.join(BINDINGS);
    let at = |e: std::io::Error| format!("{}: {e}", path.display());
    let code = fs::read_to_string(&path).map_err(at)?;
    let code = with_bindings(&code, version)?;
    freeze(&root.join("wit"), version)?;
    fs::write(&path, code).map_err(at)
}

/// The list of versions with a line for one more.
fn with_bindings(code: &str, version: &str) -> Text<String> {
    let (before, after) = code
        .split_once(END_OF_RELEASED)
        .ok_or_else(|| format!("{BINDINGS} has no line `{}`", END_OF_RELEASED.trim()))?;
    let module = version.replace(['.', '-', '+'], "_");
    let line = format!("    released v{module} \"{version}\" \"../../wit/released/{version}\";\n");
    Ok(format!("{before}{line}{END_OF_RELEASED}{after}"))
}

/// Copies the contract to where it is never changed again.
fn freeze(wit: &Path, version: &str) -> Text<()> {
    let released = wit.join("released");
    verify(wit)?;
    let target = released.join(version);
    if target.exists() {
        return Err(format!(
            "version {version} has been released: it cannot be made anew; raise the version in wit/*.wit"
        ));
    }
    let files = wit_files(wit)?;
    let wrong = files.iter().find(|(_, text)| package_version(text) != Some(version));
    if let Some((name, text)) = wrong {
        let says = package_version(text).unwrap_or("none");
        return Err(format!("wit/{name} is of version {says}, not {version}"));
    }
    fs::create_dir_all(&target).map_err(|e| format!("{}: {e}", target.display()))?;
    for (name, text) in &files {
        let path = target.join(name);
        fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    let list = released.join(DIGESTS);
    let mut digests = fs::read_to_string(&list).unwrap_or_default();
    for (name, text) in &files {
        digests.push_str(&format!("{version}/{name} {}\n", digest(text)));
    }
    fs::write(&list, digests).map_err(|e| format!("{}: {e}", list.display()))
}

/// Whether every released version is as it was released; the versions.
fn verify(wit: &Path) -> Text<Vec<String>> {
    let released = wit.join("released");
    if !released.is_dir() {
        return Ok(Vec::new());
    }
    let list = fs::read_to_string(released.join(DIGESTS)).unwrap_or_default();
    let mut wanted: BTreeMap<String, String> = BTreeMap::new();
    for line in list.lines().filter(|line| !line.is_empty()) {
        let (name, digest) =
            line.split_once(' ').ok_or_else(|| format!("{DIGESTS}: `{line}` is no file and digest"))?;
        wanted.insert(name.to_owned(), digest.to_owned());
    }
    let current = wit_files(wit)?;
    let mut versions = Vec::new();
    for entry in fs::read_dir(&released).map_err(|e| e.to_string())?.flatten().filter(|e| e.path().is_dir()) {
        let version = entry.file_name().to_string_lossy().into_owned();
        let files = wit_files(&entry.path())?;
        for (name, text) in &files {
            let key = format!("{version}/{name}");
            match wanted.remove(&key) {
                None => return Err(format!("wit/released/{key} is no part of what was released; remove it")),
                Some(digest_then) if digest_then != digest(text) => {
                    return Err(format!(
                        "wit/released/{key} was changed after its release; a released version stays as it is: \
                         take the change back, and make it in wit/ under a new version"
                    ));
                }
                Some(_) => {}
            }
        }
        let is_current = current.values().all(|text| package_version(text) == Some(&version));
        if is_current && current != files {
            return Err(format!(
                "wit/ says that it is version {version}, which has been released and is another; raise its version"
            ));
        }
        versions.push(version);
    }
    if let Some(gone) = wanted.keys().next() {
        return Err(format!("wit/released/{gone} is gone; a released version stays: take it back from the history"));
    }
    versions.sort();
    Ok(versions)
}

/// The WIT files of a folder, by name.
fn wit_files(folder: &Path) -> Text<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?.flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|e| e == "wit") {
            let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            files.insert(entry.file_name().to_string_lossy().into_owned(), text);
        }
    }
    Ok(files)
}

/// The version in `package gristmill:plugin@0.1.0;`.
fn package_version(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("package gristmill:plugin@")?.strip_suffix(';'))
}

fn digest(text: &str) -> String {
    Sha256::digest(text).iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contract of this project in a folder of its own, under another version.
    fn contract(folder: &Path, version: &str) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        for (name, text) in wit_files(&root).unwrap() {
            let ours = package_version(&text).unwrap().to_owned();
            let text = text.replace(&format!("gristmill:plugin@{ours};"), &format!("gristmill:plugin@{version};"));
            fs::write(folder.join(name), text).unwrap();
        }
    }

    #[test]
    fn released_versions_of_this_project_are_unchanged_and_listed() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let released = verify(&root.join("wit")).unwrap();
        let page = fs::read_to_string(root.join("docs/versions.md")).unwrap();
        let current = wit_files(&root.join("wit")).unwrap();
        let versions = current.values().map(|text| package_version(text).unwrap().to_owned()).chain(released);
        for version in versions {
            assert!(
                page.contains(&format!("| `gristmill:plugin@{version}` |")),
                "docs/versions.md has no line for {version}"
            );
        }
    }

    /// The line is that by which the tests of `gristmill-plugin` speak a frozen version: it compiles, and plugins of the version run.
    #[test]
    fn a_release_gives_the_host_bindings_of_the_version() {
        let folder = tempfile::tempdir().unwrap();
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let bindings = folder.path().join(BINDINGS);
        fs::create_dir_all(bindings.parent().unwrap()).unwrap();
        fs::create_dir(folder.path().join("wit")).unwrap();
        let before = fs::read_to_string(here.join(BINDINGS)).unwrap();
        fs::write(&bindings, &before).unwrap();
        contract(&folder.path().join("wit"), "1.0.0-rc.1");
        release(folder.path(), "1.0.0-rc.1").unwrap();
        let line = "    released v1_0_0_rc_1 \"1.0.0-rc.1\" \"../../wit/released/1.0.0-rc.1\";\n";
        let after = fs::read_to_string(&bindings).unwrap();
        assert!(after.contains(line) && after.replace(line, "") == before, "{after}");
        let frozen = after.lines().find(|line| line.contains("released v0_0_1")).unwrap();
        assert_eq!(frozen.split_whitespace().count(), line.split_whitespace().count());

        // Not a line where nothing was frozen.
        release(folder.path(), "1.0.0-rc.1").unwrap_err();
        assert_eq!(fs::read_to_string(&bindings).unwrap(), after);
    }

    #[test]
    fn a_released_version_cannot_be_edited() {
        let folder = tempfile::tempdir().unwrap();
        let wit = folder.path();
        contract(wit, "1.0.0");
        assert!(freeze(wit, "2.0.0").unwrap_err().contains("is of version 1.0.0, not 2.0.0"));
        freeze(wit, "1.0.0").unwrap();
        assert_eq!(verify(wit).unwrap(), ["1.0.0"]);
        assert!(freeze(wit, "1.0.0").unwrap_err().contains("has been released"));

        // The next version is worked on while the first one stays.
        contract(wit, "1.1.0");
        assert_eq!(verify(wit).unwrap(), ["1.0.0"]);
        freeze(wit, "1.1.0").unwrap();
        assert_eq!(verify(wit).unwrap(), ["1.0.0", "1.1.0"]);

        let file = wit.join("released/1.0.0/schema.wit");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace("interface schema", "interface schemas")).unwrap();
        assert!(verify(wit).unwrap_err().contains("released/1.0.0/schema.wit was changed after its release"));
        assert!(freeze(wit, "1.2.0").unwrap_err().contains("was changed"));
        fs::remove_file(&file).unwrap();
        assert!(verify(wit).unwrap_err().contains("schema.wit is gone"));
        fs::write(&file, text).unwrap();
        fs::write(wit.join("released/1.0.0/more.wit"), "package gristmill:plugin@1.0.0;\n").unwrap();
        assert!(verify(wit).unwrap_err().contains("more.wit is no part"));
        fs::remove_file(wit.join("released/1.0.0/more.wit")).unwrap();
        assert!(verify(wit).is_ok());

        // Work goes on under the old version's name: found out.
        let draft = wit.join("columns.wit");
        let text = fs::read_to_string(&draft).unwrap();
        fs::write(&draft, text.replace("interface columns", "interface rows")).unwrap();
        assert!(verify(wit).unwrap_err().contains("raise its version"));
    }
}
