//! A table: its schema, how it is partitioned and clustered, its rows, and its resource in JSON.

use std::collections::HashSet;

use serde_json::{Map, Value as Json, json};

use super::names::TableName;
use super::partition::Partitioning;
use super::refusal::Refusal;
use super::schema::{self, Field, Type};
use super::text;
use super::value::{Row, Value};

/// Partitions that one job may touch.
const PARTITIONS_A_JOB: usize = 4_000;
/// Partitions that a table may have.
const PARTITIONS_A_TABLE: usize = 10_000;

/// A table and its rows.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) name: TableName,
    pub(crate) fields: Vec<Field>,
    pub(crate) partitioning: Option<Partitioning>,
    pub(crate) clustering: Vec<String>,
    pub(crate) require_filter: bool,
    /// What else was said of it: description, labels, expiration.
    pub(crate) extras: Map<String, Json>,
    pub(crate) rows: Vec<Row>,
    /// Milliseconds since the epoch.
    pub(crate) created: i64,
    pub(crate) modified: i64,
    pub(crate) location: String,
}

impl Table {
    /// An empty table as a `Table` resource describes it.
    pub(crate) fn parse(name: TableName, json: &Json, location: &str, now: i64) -> Result<Self, Refusal> {
        let mut extras = json.as_object().cloned().unwrap_or_default();
        extras.retain(|key, _| {
            matches!(
                key.as_str(),
                "description" | "friendlyName" | "labels" | "expirationTime" | "tableConstraints" | "defaultCollation"
            )
        });
        if let Some(kind) = ["view", "externalDataConfiguration", "materializedView", "rangePartitioning"]
            .iter()
            .find(|k| json.get(**k).is_some())
        {
            return Err(Refusal::new("notImplemented", format!("The double of BigQuery has no tables with `{kind}`.")));
        }
        let time = json.get("timePartitioning").filter(|t| !t.is_null());
        let filter = |json: &Json| json.get("requirePartitionFilter").and_then(Json::as_bool).unwrap_or_default();
        let table = Self {
            fields: json.get("schema").map(schema::parse_schema).transpose()?.unwrap_or_default(),
            partitioning: time.map(Partitioning::parse).transpose()?,
            clustering: clustering(json.get("clustering")),
            require_filter: filter(json) || time.is_some_and(filter),
            extras,
            rows: Vec::new(),
            created: now,
            modified: now,
            location: location.to_owned(),
            name,
        };
        table.check()?;
        Ok(table)
    }

    /// Whether partitioning and clustering name columns that are there.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        if let Some(partitioning) = self.partitioning.as_ref().filter(|_| !self.fields.is_empty()) {
            partitioning.check(&self.fields)?;
        }
        if self.clustering.len() > 4 {
            return Err(Refusal::invalid("Too many clustering fields; at most 4 are allowed."));
        }
        for name in &self.clustering {
            let field = schema::position(&self.fields, name).and_then(|i| self.fields.get(i));
            match field.map(|f| &f.ty) {
                None => {
                    return Err(Refusal::invalid(format!(
                        "The field specified for clustering cannot be found in the schema. Invalid field: {name}."
                    )));
                }
                Some(ty @ (Type::Float64 | Type::Bytes | Type::Json | Type::Struct(_) | Type::Array(_))) => {
                    return Err(Refusal::invalid(format!(
                        "Field {name} cannot be used for clustering: its type is {ty}."
                    )));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// The partition of each row, where the table has partitions.
    fn partition_ids<'a>(&'a self, rows: &'a [Row]) -> Option<impl Iterator<Item = String> + 'a> {
        let partitioning = self.partitioning.as_ref()?;
        let at = schema::position(&self.fields, partitioning.field.as_ref()?)?;
        Some(rows.iter().filter_map(move |row| row.get(at)).map(|value| partitioning.id(value)))
    }

    /// Refuses rows for more partitions than a job may touch. `what` is `load job` or `query`.
    pub(crate) fn check_partitions(&self, rows: &[Row], what: &str) -> Result<(), Refusal> {
        let Some(touched) = self.partition_ids(rows) else { return Ok(()) };
        let touched: HashSet<_> = touched.collect();
        if touched.len() > PARTITIONS_A_JOB {
            let message = format!(
                "Too many partitions produced by {what}, allowed {PARTITIONS_A_JOB}, {what} produces at least {} partitions",
                touched.len()
            );
            return Err(Refusal::new(if what == "query" { "invalidQuery" } else { "invalid" }, message));
        }
        let all = self.partition_ids(&self.rows).map(|ids| ids.chain(touched).collect::<HashSet<_>>().len());
        if all.is_some_and(|all| all > PARTITIONS_A_TABLE) {
            return Err(Refusal::new(
                "quotaExceeded",
                format!(
                    "Quota exceeded: Your table exceeded quota for Number of partitions of a table: {PARTITIONS_A_TABLE}."
                ),
            ));
        }
        Ok(())
    }

    /// Refuses another type of a column, or an array for a scalar.
    pub(crate) fn check_same_type(&self, old: &Field, new: &Field) -> Result<(), Refusal> {
        let mismatch = |what: String| {
            Refusal::invalid(format!(
                "Provided Schema does not match Table {}. Field {} has changed {what}",
                self.name, old.name
            ))
        };
        let (was, is) = (old.element(), new.element());
        if schema::api_name(was) != schema::api_name(is) {
            return Err(mismatch(format!("type from {} to {}", schema::api_name(was), schema::api_name(is))));
        }
        if (old.mode() == "REPEATED") != (new.mode() == "REPEATED") {
            return Err(mismatch(format!("mode from {} to {}", old.mode(), new.mode())));
        }
        if let (Type::Struct(was), Type::Struct(is)) = (was, is) {
            for old in was {
                match schema::position(is, &old.name).and_then(|i| is.get(i)) {
                    Some(new) => self.check_same_type(old, new)?,
                    None => {
                        return Err(Refusal::invalid(format!(
                            "Provided Schema does not match Table {}. Field {} is missing in new schema",
                            self.name, old.name
                        )));
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes a schema that only adds columns or makes them less strict; rows that are there get null in new columns.
    pub(crate) fn widen(&mut self, new: Vec<Field>) {
        let old = std::mem::take(&mut self.fields);
        let order: Vec<_> = new.iter().map(|f| schema::position(&old, &f.name)).collect();
        let struct_changed =
            new.iter().zip(&order).any(|(f, at)| at.and_then(|at| old.get(at)).is_some_and(|o| o.ty != f.ty));
        if struct_changed || order.iter().enumerate().any(|(i, at)| *at != Some(i)) {
            let was = |at: &Option<usize>| at.and_then(|at| old.get(at));
            let change = |row: &Row| {
                let values = new.iter().zip(&order).map(|(field, at)| match (was(at), at.and_then(|at| row.get(at))) {
                    (Some(old), Some(value)) => reshape(value, &old.ty, &field.ty),
                    _ => Value::Null,
                });
                values.collect::<Row>()
            };
            self.rows = self.rows.iter().map(change).collect();
        }
        self.fields = new;
    }

    /// Bytes of its rows.
    pub(crate) fn bytes(&self) -> u64 {
        self.rows.iter().flat_map(|r| r.iter()).map(Value::size).sum()
    }

    /// The `Table` resource. `base` is the address of the API.
    pub(crate) fn to_json(&self, base: &str) -> Json {
        let mut object = self.head();
        let (project, dataset) = (&self.name.dataset.project, &self.name.dataset.dataset);
        let link = format!("{base}/projects/{project}/datasets/{dataset}/tables/{}", self.name.table);
        object.insert("selfLink".into(), json!(link));
        object.extend(self.extras.clone());
        object.insert("schema".into(), schema::schema_json(&self.fields));
        object.insert("numRows".into(), json!(self.rows.len().to_string()));
        object.insert("numBytes".into(), json!(self.bytes().to_string()));
        object.insert("numLongTermBytes".into(), json!("0"));
        object.insert("numTotalLogicalBytes".into(), json!(self.bytes().to_string()));
        object.insert("lastModifiedTime".into(), json!(self.modified.to_string()));
        object.insert("location".into(), json!(self.location));
        object.insert("etag".into(), json!(self.etag()));
        Json::Object(object)
    }

    /// What a list of tables says of it.
    pub(crate) fn head(&self) -> Map<String, Json> {
        let name = &self.name;
        let mut object = Map::new();
        let mut put = |key: &str, value: Json| object.insert(key.to_owned(), value);
        put("kind", json!("bigquery#table"));
        put("id", json!(name.to_string()));
        put("tableReference", name.reference());
        put("type", json!("TABLE"));
        put("creationTime", json!(self.created.to_string()));
        if let Some(partitioning) = &self.partitioning {
            put("timePartitioning", partitioning.to_json());
        }
        if self.require_filter {
            put("requirePartitionFilter", json!(true));
        }
        if !self.clustering.is_empty() {
            put("clustering", json!({"fields": self.clustering}));
        }
        object
    }

    fn etag(&self) -> String {
        text::base64(format!("{} {} {}", self.name, self.modified, self.rows.len()).as_bytes())
    }
}

/// The fields of a `Clustering`.
pub(crate) fn clustering(json: Option<&Json>) -> Vec<String> {
    let fields = json.and_then(|c| c.get("fields")).and_then(Json::as_array);
    fields.into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
}

/// A value of a struct whose type has gained fields, or that has them in another order.
pub(crate) fn reshape(value: &Value, old: &Type, new: &Type) -> Value {
    match (value, old, new) {
        (Value::Struct(values), Type::Struct(old), Type::Struct(new)) => {
            let at = |field: &Field| schema::position(old, &field.name);
            let part = |field: &Field| match at(field).and_then(|at| Some((old.get(at)?, values.get(at)?))) {
                Some((old, value)) => reshape(value, &old.ty, &field.ty),
                None => Value::Null,
            };
            Value::Struct(new.iter().map(part).collect())
        }
        (Value::Array(values), Type::Array(old), Type::Array(new)) => {
            Value::Array(values.iter().map(|v| reshape(v, old, new)).collect())
        }
        (value, ..) => value.clone(),
    }
}
