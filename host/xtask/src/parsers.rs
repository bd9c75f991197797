//! What tests read the program's metrics with: the parser of Prometheus' own client for Python.

use std::fs;
use std::path::Path;

use gristmill_guest::Attempts;

use crate::Outcome;
use crate::command::flush;

/// Its release. Tests look for it in `target/tools/prometheus`.
const PACKAGE: &str = "prometheus_client==0.26.0";

/// Puts it into a folder of its own in `tools`, where it is not there.
pub(crate) fn install(tools: &Path) -> Outcome {
    let folder = tools.join("prometheus");
    let marker = folder.join("installed");
    if fs::read_to_string(&marker).is_ok_and(|text| text == PACKAGE) {
        return Ok(());
    }
    let mut say = |line: &str| {
        println!("{line}");
        flush();
    };
    let mut attempts = Attempts::new(&mut say);
    let (python, target) = (tools.join("python/bin/python").display().to_string(), folder.display().to_string());
    let pip = [&python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"];
    if attempts.run(&[&pip[..], &["--target", &target, PACKAGE]].concat()) {
        fs::write(&marker, PACKAGE)?;
        return Ok(());
    }
    Err(format!("the tests need {PACKAGE} of PyPI in {target}\n{}", attempts.failed()).into())
}
