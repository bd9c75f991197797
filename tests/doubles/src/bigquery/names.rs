//! Names of projects, datasets, tables and jobs.

use std::fmt;

use serde_json::{Value as Json, json};

use super::refusal::Refusal;

/// A dataset.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DatasetName {
    pub(crate) project: String,
    pub(crate) dataset: String,
}

impl DatasetName {
    pub(crate) fn new(project: &str, dataset: &str) -> Self {
        Self { project: project.to_owned(), dataset: dataset.to_owned() }
    }

    pub(crate) fn table(&self, table: &str) -> TableName {
        TableName { dataset: self.clone(), table: table.to_owned() }
    }

    pub(crate) fn reference(&self) -> Json {
        json!({"projectId": self.project, "datasetId": self.dataset})
    }

    /// Reads a `DatasetReference`; the project of the request where it names none.
    pub(crate) fn parse(json: &Json, project: &str) -> Result<Self, Refusal> {
        let text = |key: &str| json.get(key).and_then(Json::as_str).filter(|t| !t.is_empty());
        let dataset =
            text("datasetId").ok_or_else(|| Refusal::new("required", "Required parameter is missing: datasetId"))?;
        if !is_name(dataset) {
            return Err(Refusal::invalid(format!(
                "Invalid dataset ID \"{dataset}\". Dataset IDs must be alphanumeric (plus underscores and dashes) and must be at most \
                 1024 characters long."
            )));
        }
        Ok(Self::new(text("projectId").unwrap_or(project), dataset))
    }
}

/// As BigQuery writes it in messages and ids: `project:dataset`.
impl fmt::Display for DatasetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.project, self.dataset)
    }
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TableName {
    pub(crate) dataset: DatasetName,
    pub(crate) table: String,
}

impl TableName {
    pub(crate) fn new(project: &str, dataset: &str, table: &str) -> Self {
        DatasetName::new(project, dataset).table(table)
    }

    pub(crate) fn reference(&self) -> Json {
        json!({"projectId": self.dataset.project, "datasetId": self.dataset.dataset, "tableId": self.table})
    }

    /// Reads a `TableReference`; the project of the request where it names none.
    pub(crate) fn parse(json: &Json, project: &str) -> Result<Self, Refusal> {
        let dataset = DatasetName::parse(json, project)?;
        let table = json.get("tableId").and_then(Json::as_str).filter(|t| !t.is_empty());
        let table = table.ok_or_else(|| Refusal::new("required", "Required parameter is missing: tableId"))?;
        if !is_table_name(table) {
            return Err(Refusal::invalid(format!(
                "Invalid table ID \"{table}\". Table IDs must be alphanumeric (plus underscores) and must be at most 1024 characters \
                 long. Also, Table decorators cannot be used."
            )));
        }
        Ok(dataset.table(table))
    }

    /// `dataset.table`, the way faults name tables.
    pub(crate) fn short(&self) -> String {
        format!("{}.{}", self.dataset.dataset, self.table)
    }
}

/// As BigQuery writes it in messages and ids: `project:dataset.table`.
impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.dataset, self.table)
    }
}

/// A job. The location is part of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JobName {
    pub(crate) project: String,
    pub(crate) location: String,
    pub(crate) job: String,
}

impl JobName {
    pub(crate) fn reference(&self) -> Json {
        json!({"projectId": self.project, "jobId": self.job, "location": self.location})
    }
}

/// As BigQuery writes it in messages and ids: `project:US.job`.
impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}.{}", self.project, self.location, self.job)
    }
}

/// Whether a job may be called so: letters, digits, `_` and `-`, at most 1,024.
pub(crate) fn is_job_id(id: &str) -> bool {
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    !id.is_empty() && id.len() <= 1024 && id.chars().all(valid)
}

/// Whether a project could be called so.
pub(crate) fn is_project_id(id: &str) -> bool {
    let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | ':' | '.');
    id.starts_with(|c: char| c.is_ascii_lowercase())
        && !id.ends_with('-')
        && (6..=63).contains(&id.len())
        && id.chars().all(valid)
}

fn is_name(name: &str) -> bool {
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    !name.is_empty() && name.len() <= 1024 && name.chars().all(valid)
}

/// Letters, marks, digits, connectors, dashes and spaces of Unicode; here, whatever is no separator or decorator.
fn is_table_name(name: &str) -> bool {
    let valid = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ' ');
    !name.is_empty() && name.len() <= 1024 && name.chars().all(valid)
}
