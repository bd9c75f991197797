//! The database servers that tests start: their programs, from the system's packages.

use std::path::Path;

use crate::{Outcome, packages};

/// A server: the package, the programs of it that tests call, and where Debian has them besides PATH.
const SERVERS: [(&str, &[&str], &str); 2] = [
    ("postgresql", &["initdb", "postgres", "pg_isready", "psql"], "/usr/lib/postgresql"),
    ("mariadb-server", &["mariadb-install-db", "mariadbd", "mariadb-admin", "mariadb"], "/usr/sbin"),
];

/// Installs what is missing. Takes no time where nothing is.
pub(crate) fn install() -> Outcome {
    let missing: Vec<&str> = SERVERS
        .iter()
        .filter(|(_, programs, folder)| !programs.iter().all(|program| is_there(program, Path::new(folder))))
        .map(|(package, ..)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let needs =
        format!("the tests need PostgreSQL and MariaDB; install the packages {} yourself", missing.join(" and "));
    packages::install(&needs, |attempts| attempts.apt(&missing))
}

/// Whether a program is in PATH, in the folder, or in the folder of a version below it.
fn is_there(program: &str, folder: &Path) -> bool {
    let search = std::env::var_os("PATH").unwrap_or_default();
    let below = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path().join("bin"));
    std::env::split_paths(&search).chain([folder.to_owned()]).chain(below).any(|f| f.join(program).is_file())
}
