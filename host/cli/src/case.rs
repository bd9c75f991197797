//! A case of `gristmill plugin test`: a folder, as it is read.

use std::path::{Path, PathBuf};

use gristmill_plugin::Context;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::CliError;
use crate::job::file_error;
use crate::tables::TablesPart;

/// What is said of a case, where anything is.
const FILE: &str = "case.toml";
/// The rows of a case for what judges.
const ROWS: &str = "rows.ndjson";
/// The time of the run where a case says nothing: 2000-01-01T00:00:00Z.
const STARTED_AT: i64 = 946_684_800_000_000;

/// `case.toml`; all of it may be missing, and so may the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct CaseFile {
    /// An export to read instead of `documents.*`, relative to the case.
    export: Option<String>,
    /// Only documents whose path this pattern takes.
    pub(crate) documents: Option<String>,
    /// No more records than this.
    pub(crate) limit: Option<usize>,
    /// In RFC 3339.
    started_at: Option<String>,
    /// The tables that rows are of.
    pub(crate) tables: Option<TablesPart>,
    /// Settings of the plugin.
    #[serde(default)]
    pub(crate) config: Map<String, Value>,
}

/// A case.
pub(crate) struct Case<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) file: CaseFile,
    started_at: i64,
}

/// What a plugin is tried on.
pub(crate) enum Given {
    /// Documents, for what maps: what the source is to find.
    Documents(PathBuf),
    /// The file of rows, for what judges.
    Rows(PathBuf),
}

impl<'a> Case<'a> {
    pub(crate) fn read(folder: &'a Path) -> Result<Self, CliError> {
        let path = folder.join(FILE);
        let file: CaseFile = match std::fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text)
                .map_err(|e| CliError::Case { case: path, what: e.to_string().trim_end().to_owned() })?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => CaseFile::default(),
            Err(e) => return Err(file_error(&path, e)),
        };
        let mut case = Self { folder, file, started_at: STARTED_AT };
        if let Some(text) = &case.file.started_at {
            case.started_at = gristmill_record::time::parse_rfc3339(text.as_bytes())
                .ok_or_else(|| case.fail(format!("`started-at` is `{text}`, which is no time in RFC 3339")))?;
        }
        Ok(case)
    }

    pub(crate) fn fail(&self, what: String) -> CliError {
        CliError::Case { case: self.folder.to_owned(), what }
    }

    /// Where it says what it says.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    pub(crate) fn context(&self) -> Context {
        Context { run_id: "test".to_owned(), started_at: self.started_at }
    }

    pub(crate) fn given(&self) -> Result<Given, CliError> {
        let (rows, has_documents) = (self.folder.join(ROWS), self.has_documents());
        let export = self.file.export.as_ref();
        if rows.is_file() {
            if has_documents || export.is_some() || self.file.documents.is_some() || self.file.limit.is_some() {
                let what = format!("it has {ROWS}, and documents as well; a case is for what maps or for what judges");
                return Err(self.fail(what));
            }
            return Ok(Given::Rows(rows));
        }
        match export {
            Some(export) => Ok(Given::Documents(self.folder.join(export))),
            None if has_documents => Ok(Given::Documents(self.folder.join("documents.*"))),
            None => Err(self.fail(format!("it has neither documents.* nor {ROWS}, nor a {FILE} with an `export`"))),
        }
    }

    fn has_documents(&self) -> bool {
        let Ok(entries) = std::fs::read_dir(self.folder) else { return false };
        entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("documents."))
    }
}
