//! Secrets: named on the command line, never given there, where every user of the machine can read them.

use std::path::PathBuf;
use std::str::FromStr;

use crate::error::CliError;

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Secret {
    /// In a variable of the environment.
    Environment(String),
    /// In a file, whose last end of line is no part of it.
    File(PathBuf),
}

impl FromStr for Secret {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // What was given in its place may be the secret, so it is not repeated.
        let wrong = || "name where it is, env:NAME or file:PATH; the secret itself has no place here".to_owned();
        match text.split_once(':').filter(|(_, rest)| !rest.is_empty()) {
            Some(("env", name)) if !name.contains(['=', '\0']) => Ok(Self::Environment(name.to_owned())),
            Some(("file", path)) => Ok(Self::File(path.into())),
            _ => Err(wrong()),
        }
    }
}

impl Secret {
    /// The secret.
    pub(crate) fn read(&self) -> Result<String, CliError> {
        match self {
            Self::Environment(name) => std::env::var(name).map_err(|e| {
                let why = match e {
                    std::env::VarError::NotPresent => "it is not set",
                    std::env::VarError::NotUnicode(_) => "it is not UTF-8",
                };
                CliError::Secret { from: format!("env:{name}"), why: why.to_owned() }
            }),
            Self::File(path) => {
                let fail = |why: String| CliError::Secret { from: format!("file:{}", path.display()), why };
                let text = std::fs::read_to_string(path).map_err(|e| fail(e.to_string()))?;
                let line = text.strip_suffix('\n').unwrap_or(&text);
                Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_named_and_not_given() {
        assert_eq!("env:PGPASSWORD".parse(), Ok(Secret::Environment("PGPASSWORD".to_owned())));
        assert_eq!("file:/run/secrets/p".parse(), Ok(Secret::File("/run/secrets/p".into())));
        for text in ["hunter2", "", "env:", "file:", "pass:word"] {
            let error = text.parse::<Secret>().unwrap_err();
            assert!(error.contains("env:NAME") && !error.contains("hunter2") && !error.contains("word"), "{error}");
        }
    }

    #[test]
    fn a_file_ends_with_a_line() {
        let desk = tempfile::tempdir().unwrap();
        let path = desk.path().join("secret");
        std::fs::write(&path, "a b\n").unwrap();
        assert_eq!(Secret::File(path).read().unwrap(), "a b");
        let gone = Secret::File(desk.path().join("none")).read().unwrap_err();
        assert!(gone.to_string().contains("none"), "{gone}");
    }
}
