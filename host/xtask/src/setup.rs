//! What has to be there before anything is built or tested: the toolchain for plugins, and the plugins.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use gristmill_guest::Toolchain;

use crate::Outcome;
use crate::command::flush;
use crate::project::Project;

/// The folders of `plugins/` whose sub-folders are packages.
const ROOMS: [&str; 3] = ["", "examples", "misbehaving"];

/// Installs what compiles plugins, where it is missing. Takes a fraction of a second where it is there.
pub(crate) fn toolchain() -> Result<Toolchain, Box<dyn std::error::Error>> {
    let toolchain = Toolchain::install(&mut |line| {
        println!("{line}");
        flush();
    })?;
    Ok(toolchain)
}

/// The toolchain, then every plugin of the repository as a component in `target/guests`.
pub(crate) fn everything(project: &Project) -> Outcome {
    let toolchain = toolchain()?;
    let began = Instant::now();
    let packages = packages(&project.root.join("plugins"))?;
    let guests = project.target.join("guests");
    for package in &packages {
        let mut compiles = false;
        gristmill_guest::build_with(&toolchain, package, &guests, &mut |line| {
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

/// The packages that make a component, which are those with a library of type `cdylib`, in a fixed order.
fn packages(plugins: &Path) -> Result<Vec<PathBuf>, Box<dyn std::error::Error>> {
    let mut packages = Vec::new();
    for room in ROOMS.map(|room| plugins.join(room)).iter().filter(|room| room.is_dir()) {
        for entry in fs::read_dir(room)? {
            let folder = entry?.path();
            let manifest = folder.join("Cargo.toml");
            if manifest.is_file() && fs::read_to_string(manifest)?.contains("\"cdylib\"") {
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
