//! Answers of the API in JSON. <https://cloud.google.com/bigquery/docs/reference/rest/v2>

use serde_json::Value;

use super::client::{CallError, Column, FoundTable, Job, JobError, Mode, Partition};
use super::google::LABEL;

/// What an error says.
pub(super) fn refusal(status: u16, json: &Value) -> CallError {
    let reason = text(json, "/error/errors/0/reason").unwrap_or_default();
    CallError::Refused { status, reason, message: text(json, "/error/message").unwrap_or_default() }
}

pub(super) fn table(json: &Value) -> FoundTable {
    let partition = text(json, "/timePartitioning/field").map(|column| Partition {
        column,
        by: text(json, "/timePartitioning/type").unwrap_or_else(|| "DAY".to_owned()),
    });
    let flag = |path: &str| json.pointer(path).and_then(Value::as_bool).unwrap_or_default();
    FoundTable {
        kind: text(json, "/type").unwrap_or_else(|| "TABLE".to_owned()),
        columns: list(json, "/schema/fields").iter().map(column).collect(),
        rows: number(json, "/numRows"),
        created: millis(json, "/creationTime"),
        partition,
        wants_filter: flag("/requirePartitionFilter") || flag("/timePartitioning/requirePartitionFilter"),
        primary_key: list(json, "/tableConstraints/primaryKey/columns")
            .iter()
            .filter_map(|c| c.as_str().map(str::to_owned))
            .collect(),
    }
}

fn column(json: &Value) -> Column {
    let ty = text(json, "/type").unwrap_or_default().to_ascii_uppercase();
    // The API answers with the names of the older dialect.
    let ty = match ty.as_str() {
        "BOOLEAN" => "BOOL",
        "INTEGER" => "INT64",
        "FLOAT" => "FLOAT64",
        "RECORD" => "STRUCT",
        other => other,
    };
    Column {
        name: text(json, "/name").unwrap_or_default(),
        ty: ty.to_owned(),
        mode: match text(json, "/mode").unwrap_or_default().to_ascii_uppercase().as_str() {
            "REQUIRED" => Mode::Required,
            "REPEATED" => Mode::Repeated,
            _ => Mode::Nullable,
        },
        description: text(json, "/description").unwrap_or_default(),
        longest: number(json, "/maxLength").and_then(|n| usize::try_from(n).ok()),
        has_default: text(json, "/defaultValueExpression").is_some(),
    }
}

pub(super) fn job(json: &Value) -> Job {
    let error = json.pointer("/status/errorResult").filter(|e| !e.is_null()).map(|error| JobError {
        reason: text(error, "/reason").unwrap_or_default(),
        message: text(error, "/message").unwrap_or_default(),
    });
    let dml = |name: &str| number(json, &format!("/statistics/query/dmlStats/{name}"));
    let changed = json.pointer("/statistics/query/dmlStats").map(|_| {
        // What did not happen may be left out.
        (dml("insertedRowCount").unwrap_or_default(), dml("updatedRowCount").unwrap_or_default())
    });
    Job {
        is_done: text(json, "/status/state").as_deref() == Some("DONE"),
        error,
        process: text(json, &format!("/configuration/labels/{LABEL}")),
        ended: millis(json, "/statistics/endTime"),
        loaded: number(json, "/statistics/load/outputRows"),
        changed,
        affected: number(json, "/statistics/query/numDmlAffectedRows"),
    }
}

fn text(json: &Value, path: &str) -> Option<String> {
    json.pointer(path)?.as_str().filter(|t| !t.is_empty()).map(str::to_owned)
}

fn list<'a>(json: &'a Value, path: &str) -> &'a [Value] {
    json.pointer(path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// 64-bit numbers are strings in the API.
fn number(json: &Value, path: &str) -> Option<u64> {
    let value = json.pointer(path)?;
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn millis(json: &Value, path: &str) -> i64 {
    number(json, path).and_then(|n| i64::try_from(n).ok()).unwrap_or_default()
}
