//! Plugins in JavaScript and TypeScript: modules that `build.mjs` of the SDK bundles and puts into a component, together with the engine.

use std::fs;
use std::path::{Path, PathBuf};

use crate::GuestError;
use crate::build::component_path;
use crate::environment::command;
use crate::install::Attempts;
use crate::project::{find_program, fingerprint, is_fresh, keep_fingerprint, run_tool, sdk_root};
use crate::repository::plugins_dir;

/// What a folder with a plugin has.
pub(crate) const MANIFEST: &str = "package.json";

const PROGRAM: &str = "node";
/// The folder of the SDK below `plugins/sdk`, and of the template, which says what plugins are built and checked with.
const NAME: &str = "javascript";

/// Makes a component of the package in a folder. It has the folder's name.
pub(crate) fn component(
    folder: &Path,
    target_dir: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<PathBuf, GuestError> {
    let program = find_program(folder, PROGRAM).ok_or_else(|| GuestError::NoProgram {
        program: PROGRAM,
        folder: folder.to_owned(),
        remedy: "Get Node.js 20 or newer from https://nodejs.org, then run `npm install` in the plugin's folder",
    })?;
    let root = sdk_root(folder, NAME)?;
    let (sdk, wit) = (root.join("plugins/sdk").join(NAME), root.join("wit"));
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or("plugin");
    let path = component_path(target_dir, name);
    let fingerprint = fingerprint(&[folder, &sdk, &wit], &[&program])?;
    if is_fresh(&path, &fingerprint) {
        return Ok(path);
    }
    progress(&format!("   Compiling {name} with componentize-js"));
    // The script writes the file in one step, and not where only what is no part of the bundle has changed.
    run_tool(command(&program).arg(sdk.join("build.mjs")).arg(folder).arg(&path), PROGRAM, folder)?;
    keep_fingerprint(&path, &fingerprint)?;
    Ok(path)
}

/// Puts the packages that the template names into `tools_dir`, and a link to them where plugins of the repository look for packages.
pub(crate) fn install(tools_dir: &Path, progress: &mut dyn FnMut(&str)) -> Result<(), GuestError> {
    let folder = tools_dir.join(NAME);
    let packages = folder.join("node_modules");
    let manifest = manifest_of_tools()?;
    let marker = folder.join("installed");
    if packages.is_dir() && fs::read_to_string(&marker).is_ok_and(|text| text == manifest) {
        let packages = fs::canonicalize(&packages).map_err(GuestError::io(&packages))?;
        link(&packages, &plugins_dir().join("node_modules"))?;
        progress(&format!("toolchain for JavaScript: {}", packages.display()));
        return Ok(());
    }
    fs::create_dir_all(&folder).map_err(GuestError::io(&folder))?;
    let folder = fs::canonicalize(&folder).map_err(GuestError::io(&folder))?;
    let packages = folder.join("node_modules");
    let package = folder.join(MANIFEST);
    fs::write(&package, &manifest).map_err(GuestError::io(&package))?;
    let mut attempts = Attempts::new(progress);
    let place = folder.display().to_string();
    let install =
        ["npm", "install", "--prefix", &place, "--no-package-lock", "--no-audit", "--no-fund", "--prefer-offline"];
    if attempts.run(&install) || (attempts.apt(&["nodejs", "npm"]) && attempts.run(&install)) {
        link(&plugins_dir().join("sdk").join(NAME), &packages.join("gristmill-sdk"))?;
        link(&packages, &plugins_dir().join("node_modules"))?;
        fs::write(&marker, &manifest).map_err(GuestError::io(&marker))?;
        progress(&format!("toolchain for JavaScript: {}", packages.display()));
        return Ok(());
    }
    Err(GuestError::Install {
        what: "componentize-js, which builds plugins in JavaScript",
        attempts: attempts.failed(),
    })
}

/// A manifest with the tools of the template, so that their versions stand in one place. The SDK of the template is that of a project.
fn manifest_of_tools() -> Result<String, GuestError> {
    let path = plugins_dir().join("templates").join(NAME).join(MANIFEST);
    let text = fs::read_to_string(&path).map_err(GuestError::io(&path))?;
    let broken = |e: serde_json::Error| GuestError::Io { path: path.clone(), source: e.into() };
    let template: serde_json::Value = serde_json::from_str(&text).map_err(broken)?;
    let tools = serde_json::json!({ "private": true, "dependencies": template.get("devDependencies") });
    serde_json::to_string_pretty(&tools).map_err(broken)
}

/// A symbolic link, which is left as it is where it is right.
fn link(target: &Path, link: &Path) -> Result<(), GuestError> {
    if fs::read_link(link).is_ok_and(|old| old == target) {
        return Ok(());
    }
    if fs::symlink_metadata(link).is_ok_and(|there| there.is_symlink()) {
        fs::remove_file(link).map_err(GuestError::io(link))?;
    }
    std::os::unix::fs::symlink(target, link).map_err(GuestError::io(link))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tools_are_those_of_the_template() {
        let manifest = manifest_of_tools().unwrap();
        assert!(
            manifest.contains("@bytecodealliance/componentize-js") && !manifest.contains("gristmill"),
            "{manifest}"
        );
    }

    #[test]
    fn a_link_is_mended() {
        let desk = tempfile::tempdir().unwrap();
        let place = desk.path().join("link");
        for target in ["one", "one", "two"] {
            link(&desk.path().join(target), &place).unwrap();
            assert_eq!(fs::read_link(&place).unwrap(), desk.path().join(target));
        }
        fs::write(desk.path().join("mine"), "").unwrap();
        assert!(link(&place, &desk.path().join("mine")).is_err());
    }

    #[test]
    fn what_is_not_installed_is_said() {
        let desk = tempfile::tempdir().unwrap();
        let folder = desk.path().join("mine");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(MANIFEST), "{}").unwrap();
        assert!(matches!(crate::build(&folder, desk.path()), Err(GuestError::NoSdk(_))));
    }
}
