//! What tests read the program's metrics with: the parser of Prometheus' own client for Python.

use std::path::Path;

use crate::{Outcome, packages};

/// Its release. Tests look for it in `target/tools/prometheus`.
const PACKAGE: &str = "prometheus_client==0.26.0";

/// Installs it where it is not there.
pub(crate) fn install(tools: &Path) -> Outcome {
    packages::python(tools, "prometheus", &[PACKAGE])
}
