//! What has to be there before anything is built or tested: the toolchain for plugins, and the plugins.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use gristmill_guest::Language;

use crate::Outcome;
use crate::command::flush;
use crate::parsers;
use crate::project::Project;

/// The folders of `plugins/` whose sub-folders are packages.
const ROOMS: [&str; 3] = ["", "examples", "misbehaving"];

/// Installs what compiles plugins, where it is missing. Takes a fraction of a second where it is there.
pub(crate) fn toolchains(project: &Project, languages: &[Language]) -> Outcome {
    for language in languages {
        language.install(&project.target.join("tools"), &mut |line| {
            println!("{line}");
            flush();
        })?;
    }
    Ok(())
}

/// The toolchains, then every plugin of the repository as a component in `target/guests`.
pub(crate) fn everything(project: &Project) -> Outcome {
    toolchains(project, &Language::ALL)?;
    parsers::install(&project.target.join("tools"))?;
    let began = Instant::now();
    let packages = packages(&project.root.join("plugins"))?;
    let guests = project.target.join("guests");
    for package in &packages {
        let mut compiles = false;
        gristmill_guest::build_with(package, &guests, &mut |line| {
            // Nothing is said of a package that is built already.
            if line.trim_start().starts_with("Compiling") && !compiles {
                compiles = true;
                println!("building {}", project.shown(package));
                flush();
            }
        })?;
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("{} plugins are built in {} ({seconds:.1} s)", packages.len(), project.shown(&guests));
    Ok(())
}

/// The plugins, in a fixed order: packages of cargo with a library of type `cdylib`, and whatever else has a plugin in it.
fn packages(plugins: &Path) -> Result<Vec<PathBuf>, Box<dyn std::error::Error>> {
    let mut packages = Vec::new();
    for room in ROOMS.map(|room| plugins.join(room)).iter().filter(|room| room.is_dir()) {
        for entry in fs::read_dir(room)? {
            let folder = entry?.path();
            let is_plugin = match Language::of(&folder) {
                Some(Language::Rust) => fs::read_to_string(folder.join("Cargo.toml"))?.contains("\"cdylib\""),
                other => other.is_some(),
            };
            if is_plugin {
                packages.push(folder);
            }
        }
    }
    packages.sort();
    Ok(packages)
}

#[cfg(test)]
mod tests {
    use super::packages;

    #[test]
    fn the_default_plugin_is_among_the_packages_and_the_sdk_is_not() {
        let plugins = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
        let names: Vec<String> = packages(&plugins)
            .unwrap()
            .iter()
            .map(|folder| folder.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert!(names.contains(&"firestore-quality-stream".to_owned()), "{names:?}");
        assert!(!names.contains(&"sdk".to_owned()), "{names:?}");
    }
}
