//! Tables as the plugin declares them, and as they are there.

use gristmill_record::{DataType, OutputColumn, Scalar, Table};

use super::address::Address;
use super::client::{Column, FoundTable, Mode, NewTable};
use crate::limits::ColumnLimit;
use crate::{Mismatch, SinkError};

/// Lists and objects in each other that a JSON column holds.
/// <https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#json_type>
const JSON_DEPTH: usize = 500;
/// Columns that a table is clustered by at most.
const CLUSTER_COLUMNS: usize = 4;
/// Beginnings of names that BigQuery keeps for itself, in capitals.
/// <https://cloud.google.com/bigquery/docs/schemas#column_names>
const RESERVED: [&str; 9] = [
    "_TABLE_",
    "_FILE_",
    "_PARTITION",
    "_ROW_TIMESTAMP",
    "__ROOT__",
    "_COLIDENTIFIER",
    "_CHANGE_SEQUENCE_NUMBER",
    "_CHANGE_TYPE",
    "_CHANGE_TIMESTAMP",
];

/// The type of a column that is created. A list or a struct is JSON: arrays of BigQuery hold no nulls, and are never null.
pub(super) fn sql_type(ty: &DataType) -> &'static str {
    match ty {
        DataType::Scalar(Scalar::Boolean) => "BOOL",
        DataType::Scalar(Scalar::Int64) => "INT64",
        DataType::Scalar(Scalar::Float64) => "FLOAT64",
        DataType::Scalar(Scalar::Timestamp) => "TIMESTAMP",
        DataType::Scalar(Scalar::Date) => "DATE",
        DataType::Scalar(Scalar::String | Scalar::Reference) => "STRING",
        DataType::Scalar(Scalar::Bytes) => "BYTES",
        DataType::Scalar(Scalar::Json) | DataType::List(_) | DataType::Struct(_) => "JSON",
    }
}

/// The columns that rows are staged in: JSON is text, which is what Parquet can bring.
pub(super) fn staged_columns(table: &Table) -> Vec<Column> {
    let staged = |c: &OutputColumn| match sql_type(&c.ty) {
        "JSON" => "STRING",
        ty => ty,
    };
    let column = |c: &OutputColumn| Column { name: c.name.clone(), ty: staged(c).to_owned(), ..Column::default() };
    table.columns().iter().map(column).collect()
}

/// A table of the plugin as it is created.
pub(super) fn new_table(name: &str, table: &Table) -> NewTable {
    let column = |c: &OutputColumn| Column {
        name: c.name.clone(),
        ty: sql_type(&c.ty).to_owned(),
        mode: if c.required { Mode::Required } else { Mode::Nullable },
        description: c.description.clone(),
        ..Column::default()
    };
    let declared = |i: &usize| table.columns().get(*i);
    let divides = table.partition_by().and_then(|i| declared(&i));
    let is_time = |c: &&OutputColumn| matches!(sql_type(&c.ty), "TIMESTAMP" | "DATE");
    // Text divides no table; next to each other its rows are all the same.
    let near = divides.into_iter().filter(|c| !is_time(c)).chain(table.cluster_by().iter().filter_map(declared));
    let mut cluster_by: Vec<String> = Vec::new();
    for column in near.filter(|c| !matches!(sql_type(&c.ty), "FLOAT64" | "BYTES" | "JSON")) {
        if cluster_by.len() < CLUSTER_COLUMNS && !cluster_by.contains(&column.name) {
            cluster_by.push(column.name.clone());
        }
    }
    NewTable {
        name: name.to_owned(),
        description: table.description().to_owned(),
        columns: table.columns().iter().map(column).collect(),
        partition_by: divides.filter(is_time).map(|c| c.name.clone()),
        cluster_by,
        expires: None,
    }
}

/// What a column that is there holds of a plugin's type; `None`: not every value as it is.
fn holds(found: &Column, ty: &DataType) -> Option<ColumnLimit> {
    let longest = |limit: fn(usize) -> ColumnLimit| found.longest.map_or(ColumnLimit::None, limit);
    match (sql_type(ty), found.ty.as_str()) {
        ("STRING", "STRING") => Some(longest(ColumnLimit::Characters)),
        ("BYTES", "BYTES") => Some(longest(ColumnLimit::Bytes)),
        ("JSON", "JSON") => Some(ColumnLimit::ExactJson(JSON_DEPTH)),
        // As the text that it is. With a length it could be cut.
        ("JSON", "STRING") if found.longest.is_none() => Some(ColumnLimit::None),
        ("STRING" | "BYTES" | "JSON", _) => None,
        (wanted, found) => (wanted == found).then_some(ColumnLimit::None),
    }
}

/// What columns of a table that is created cannot hold.
pub(super) fn limits_of_new(table: &Table) -> Vec<ColumnLimit> {
    let limit = |c: &OutputColumn| match sql_type(&c.ty) {
        "JSON" => ColumnLimit::ExactJson(JSON_DEPTH),
        _ => ColumnLimit::None,
    };
    table.columns().iter().map(limit).collect()
}

/// Compares tables of the plugin with BigQuery's rules and with what is there.
pub(super) struct Check<'a> {
    pub(super) address: &'a Address,
    pub(super) place: &'a str,
    /// The name of the table there.
    pub(super) name: &'a str,
    pub(super) table: &'a Table,
}

impl Check<'_> {
    fn mismatch(&self, column: Option<&str>, found: String, expected: String, remedy: String) -> SinkError {
        let (place, table, column) = (self.place.to_owned(), self.name.to_owned(), column.map(str::to_owned));
        SinkError::from(Mismatch { place, table, column, found, expected, remedy })
    }

    /// Whether BigQuery can have such a table at all.
    pub(super) fn declared(&self) -> Result<(), SinkError> {
        for (index, column) in self.table.columns().iter().enumerate() {
            let named = Some(column.name.as_str());
            if !is_column_name(&column.name) {
                let expected = "letters A to Z, digits and `_`, 300 at most, not beginning with a digit, and no name that BigQuery keeps for itself, such as _PARTITION…";
                let remedy = "Rename the column in the plugin.".to_owned();
                return Err(self.mismatch(named, "this name".into(), expected.into(), remedy));
            }
            if self.table.key().contains(&index) && sql_type(&column.ty) == "JSON" {
                let remedy = "Make another column the key in the plugin.".to_owned();
                return Err(self.mismatch(named, "a key of JSON".into(), "a key that can be compared".into(), remedy));
            }
        }
        Ok(())
    }

    /// Whether a table that is there fits; one limit a column.
    pub(super) fn found(&self, found: &FoundTable) -> Result<Vec<ColumnLimit>, SinkError> {
        let elsewhere = "load into another dataset or table";
        let target = self.address.quoted(self.name);
        if found.kind != "TABLE" {
            let kind = found.kind.to_lowercase().replace('_', " ");
            let remedy = "Name another table, or another dataset.".to_owned();
            return Err(self.mismatch(None, format!("a {kind}"), "a table".into(), remedy));
        }
        let mut limits = Vec::new();
        for column in self.table.columns() {
            let named = Some(column.name.as_str());
            let wanted = sql_type(&column.ty);
            let expected = || format!("{wanted} for {}", column.ty);
            let Some(there) = found.column(&column.name) else {
                let add = format!("ALTER TABLE {target} ADD COLUMN `{}` {wanted}", column.name);
                let remedy = format!("Add it ({add}), or {elsewhere}.");
                return Err(self.mismatch(named, "no such column".into(), expected(), remedy));
            };
            let shown = match there.longest {
                Some(longest) => format!("{}({longest})", there.ty),
                None => there.ty.clone(),
            };
            if there.mode == Mode::Repeated {
                let found = format!("an array of {shown}");
                return Err(self.mismatch(
                    named,
                    found,
                    expected(),
                    format!("Have another column for it, or {elsewhere}."),
                ));
            }
            let Some(limit) = holds(there, &column.ty) else {
                let remedy = format!(
                    "Have the plugin write {}, or {elsewhere}; BigQuery does not change types of columns.",
                    there.ty
                );
                return Err(self.mismatch(named, shown, expected(), remedy));
            };
            if there.mode == Mode::Required && !column.required {
                let alter = format!("ALTER TABLE {target} ALTER COLUMN `{}` DROP NOT NULL", there.name);
                let remedy = format!("Allow NULL in it ({alter}), have the plugin require it, or {elsewhere}.");
                return Err(self.mismatch(named, "REQUIRED".into(), "a column that may be NULL".into(), remedy));
            }
            limits.push(limit);
        }
        let is_written = |c: &Column| self.table.columns().iter().any(|t| t.name.eq_ignore_ascii_case(&c.name));
        let needed = |c: &&Column| c.mode == Mode::Required && !c.has_default && !is_written(c);
        if let Some(extra) = found.columns.iter().find(needed) {
            let alter = format!("ALTER TABLE {target} ALTER COLUMN `{}` DROP NOT NULL", extra.name);
            let found = "REQUIRED without a default, and the plugin does not write it".to_owned();
            let remedy = format!("Allow NULL in it ({alter}), give it a default, or {elsewhere}.");
            return Err(self.mismatch(
                Some(&extra.name),
                found,
                "no such column, or one that may be NULL".into(),
                remedy,
            ));
        }
        Ok(limits)
    }
}

/// Names with other letters are a matter of a table's settings in BigQuery; these are taken everywhere.
fn is_column_name(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let first = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    first
        && name.len() <= 300
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !RESERVED.iter().any(|reserved| upper.starts_with(reserved))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_that_would_change_a_value_are_refused() {
        let column = |ty: &str, longest| Column { ty: ty.into(), longest, ..Column::default() };
        let held = |ty: &str, longest, scalar: Scalar| holds(&column(ty, longest), &scalar.into());
        assert_eq!(held("STRING", None, Scalar::String), Some(ColumnLimit::None));
        assert_eq!(held("STRING", Some(64), Scalar::String), Some(ColumnLimit::Characters(64)));
        assert_eq!(held("BYTES", Some(8), Scalar::Bytes), Some(ColumnLimit::Bytes(8)));
        assert_eq!(held("STRING", Some(64), Scalar::Json), None);
        for (ty, scalar) in [
            ("FLOAT64", Scalar::Int64),
            ("INT64", Scalar::Float64),
            ("NUMERIC", Scalar::Int64),
            ("DATETIME", Scalar::Timestamp),
            ("TIMESTAMP", Scalar::Date),
            ("BYTES", Scalar::String),
        ] {
            assert_eq!(held(ty, None, scalar), None, "{ty}");
        }
    }

    #[test]
    fn names_that_bigquery_keeps_are_none_for_columns() {
        for name in ["_partitiondate", "1a", "a b", "a-b", "ä", "", "_TABLE_SUFFIX"] {
            assert!(!is_column_name(name), "{name}");
        }
        for name in ["_a", "overallScore", "a1", "__"] {
            assert!(is_column_name(name), "{name}");
        }
    }
}
