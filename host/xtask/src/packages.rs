//! What tests need besides the toolchains of plugins, from the registries of systems and of languages.

use std::fs;
use std::path::Path;

use gristmill_guest::Attempts;

use crate::Outcome;
use crate::command::flush;

/// Installs something; `needs` says in the error what it is for, and what a person can do.
pub(crate) fn install(needs: &str, with: impl FnOnce(&mut Attempts<'_>) -> bool) -> Outcome {
    let mut say = |line: &str| {
        println!("{line}");
        flush();
    };
    let mut attempts = Attempts::new(&mut say);
    if with(&mut attempts) { Ok(()) } else { Err(format!("{needs}\n{}", attempts.failed()).into()) }
}

/// Installs packages of PyPI, each with its version, into the folder `name` of `tools`. Takes no time where they are there.
pub(crate) fn python(tools: &Path, name: &str, packages: &[&str]) -> Outcome {
    let folder = tools.join(name);
    let (marker, all) = (folder.join("installed"), packages.join(" "));
    if fs::read_to_string(&marker).is_ok_and(|text| text == all) {
        return Ok(());
    }
    let (python, target) = (tools.join("python/bin/python").display().to_string(), folder.display().to_string());
    let pip = [&python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"];
    let command = [&pip[..], &["--target", &target], packages].concat();
    install(&format!("the tests need {all} of PyPI in {target}"), |attempts| attempts.run(&command))?;
    fs::write(&marker, all)?;
    Ok(())
}
