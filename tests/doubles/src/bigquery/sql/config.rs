//! What a query job is to do: `JobConfigurationQuery`, and its parameters.

use serde_json::Value as Json;

use super::context::Parameters;
use super::expr::Typed;
use crate::bigquery::names::{DatasetName, TableName};
use crate::bigquery::refusal::Refusal;
use crate::bigquery::schema::{self, Type};
use crate::bigquery::text;
use crate::bigquery::value::Value;

/// A query job.
#[derive(Debug)]
pub(crate) struct QueryJob {
    pub(super) text: String,
    pub(super) project: String,
    pub(super) default_dataset: Option<DatasetName>,
    pub(super) parameters: Parameters,
    pub(super) destination: Option<Destination>,
    /// Legacy SQL, which is what the API takes where nobody says otherwise.
    pub(super) legacy: bool,
}

/// Where the rows of a query go.
#[derive(Debug)]
pub(super) struct Destination {
    pub(super) table: TableName,
    pub(super) write: String,
    pub(super) create: bool,
}

impl QueryJob {
    pub(crate) fn parse(config: &Json, project: &str) -> Result<Self, Refusal> {
        let text = |key: &str| config.get(key).and_then(Json::as_str).filter(|t| !t.is_empty());
        let query = text("query").ok_or_else(|| Refusal::new("required", "Required parameter is missing: query"))?;
        for key in
            ["tableDefinitions", "userDefinedFunctionResources", "rangePartitioning", "timePartitioning", "clustering"]
        {
            if config.get(key).is_some_and(|v| !v.is_null() && v.as_array().is_none_or(|a| !a.is_empty())) {
                return Err(Refusal::new(
                    "notImplemented",
                    format!("The double of BigQuery has no query jobs with `{key}`."),
                ));
            }
        }
        let legacy = config.get("useLegacySql").and_then(Json::as_bool).unwrap_or(true);
        let first_line = query.lines().next().unwrap_or_default().trim();
        let destination = match config.get("destinationTable").filter(|d| !d.is_null()) {
            None => None,
            Some(table) => Some(Destination {
                table: TableName::parse(table, project)?,
                write: text("writeDisposition").unwrap_or("WRITE_EMPTY").to_owned(),
                create: text("createDisposition") != Some("CREATE_NEVER"),
            }),
        };
        let default_dataset = config.get("defaultDataset").filter(|d| d.get("datasetId").is_some());
        Ok(Self {
            text: query.to_owned(),
            project: project.to_owned(),
            default_dataset: default_dataset.map(|d| DatasetName::parse(d, project)).transpose()?,
            parameters: parameters(config)?,
            destination,
            legacy: legacy && !first_line.eq_ignore_ascii_case("#standardSQL"),
        })
    }

    /// A statement without anything else.
    pub(super) fn plain(text: &str, project: &str) -> Self {
        Self {
            text: text.to_owned(),
            project: project.to_owned(),
            default_dataset: None,
            parameters: Parameters::default(),
            destination: None,
            legacy: false,
        }
    }

    /// The dataset that says where the job runs.
    pub(crate) fn dataset(&self) -> Option<DatasetName> {
        self.destination.as_ref().map(|d| d.table.dataset.clone()).or_else(|| self.default_dataset.clone()).or_else(
            || {
                // Else the first dataset that the text names.
                let mut names = self
                    .text
                    .split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.')))
                    .filter(|w| w.contains('.'));
                let parts: Vec<_> = names.find(|w| !w.starts_with(|c: char| c.is_ascii_digit()))?.split('.').collect();
                match parts.as_slice() {
                    [project, dataset, _] => Some(DatasetName::new(project, dataset)),
                    [dataset, _] => Some(DatasetName::new(&self.project, dataset)),
                    _ => None,
                }
            },
        )
    }
}

fn parameters(config: &Json) -> Result<Parameters, Refusal> {
    let mut made = Parameters::default();
    for parameter in config.get("queryParameters").and_then(Json::as_array).into_iter().flatten() {
        let name = parameter.get("name").and_then(Json::as_str).filter(|n| !n.is_empty());
        let (Some(ty), Some(value)) = (parameter.get("parameterType"), parameter.get("parameterValue")) else {
            return Err(Refusal::invalid("Query parameter without type or value"));
        };
        let typed = value_of(name.unwrap_or("?"), ty, value)?;
        match name {
            Some(name) => drop(made.named.insert(name.to_ascii_lowercase(), typed)),
            None => made.positional.push(typed),
        }
    }
    Ok(made)
}

fn value_of(name: &str, ty: &Json, value: &Json) -> Result<Typed, Refusal> {
    let declared = ty.get("type").and_then(Json::as_str).unwrap_or_default();
    if declared == "ARRAY" {
        let item = ty.get("arrayType").unwrap_or(&Json::Null);
        let items = value.get("arrayValues").and_then(Json::as_array).cloned().unwrap_or_default();
        let values = items.iter().map(|v| value_of(name, item, v)).collect::<Result<Vec<_>, _>>()?;
        let element = item.get("type").and_then(Json::as_str).and_then(schema::scalar);
        let element = element.ok_or_else(|| Refusal::invalid(format!("Invalid type of query parameter {name}")))?;
        let values = values.into_iter().map(|t| match t.expr {
            super::expr::Expr::Const(value) => value,
            _ => Value::Null,
        });
        return Ok(Typed::new(
            super::expr::Expr::Const(Value::Array(values.collect())),
            Type::Array(Box::new(element)),
        ));
    }
    let ty = schema::scalar(declared)
        .ok_or_else(|| Refusal::invalid(format!("Invalid type of query parameter {name}: {declared}")))?;
    let Some(shown) = value.get("value").and_then(Json::as_str) else {
        return Ok(Typed::new(super::expr::Expr::Const(Value::Null), ty));
    };
    let read = match &ty {
        Type::Bytes => text::parse_base64(shown).map(|b| Value::Bytes(b.into())),
        Type::Json => text::json_text(shown).map(|j| Value::Json(j.into())),
        other => super::cast::cast(&Value::string(shown), &Type::String, other).ok(),
    };
    let value = read.ok_or_else(|| Refusal::invalid(format!("Invalid value for query parameter {name}: {shown}")))?;
    // A parameter of a string becomes an instant where a literal would.
    let literal = if ty == Type::String { super::expr::Literal::Yes } else { super::expr::Literal::No };
    Ok(Typed { expr: super::expr::Expr::Const(value), ty, literal })
}
