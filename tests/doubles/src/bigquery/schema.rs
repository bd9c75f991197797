//! Types, fields and schemas, and their form in JSON (`TableSchema` of the API).

use std::fmt;

use serde_json::{Map, Value as Json, json};

use super::refusal::Refusal;

/// A type of GoogleSQL.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Type {
    Bool,
    Int64,
    Float64,
    String,
    Bytes,
    Timestamp,
    Date,
    Json,
    /// A type whose values this double cannot hold; columns of it are null.
    Other(&'static str),
    Struct(Vec<Field>),
    Array(Box<Type>),
}

impl Type {
    /// Whether its values can be compared with `=`. Structs can in BigQuery, but not here.
    pub(crate) fn is_comparable(&self) -> bool {
        !matches!(self, Self::Json | Self::Struct(_) | Self::Array(_) | Self::Other(_))
    }
}

/// As GoogleSQL writes it.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("BOOL"),
            Self::Int64 => f.write_str("INT64"),
            Self::Float64 => f.write_str("FLOAT64"),
            Self::String => f.write_str("STRING"),
            Self::Bytes => f.write_str("BYTES"),
            Self::Timestamp => f.write_str("TIMESTAMP"),
            Self::Date => f.write_str("DATE"),
            Self::Json => f.write_str("JSON"),
            Self::Other(name) => f.write_str(name),
            Self::Array(item) => write!(f, "ARRAY<{item}>"),
            Self::Struct(fields) => {
                f.write_str("STRUCT<")?;
                for (i, field) in fields.iter().enumerate() {
                    write!(f, "{}{} {}", if i > 0 { ", " } else { "" }, field.name, field.ty)?;
                }
                f.write_str(">")
            }
        }
    }
}

/// A column, or a field of a struct.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    pub(crate) name: String,
    /// An array where the mode is REPEATED.
    pub(crate) ty: Type,
    pub(crate) required: bool,
    /// What else was said of it: description, policy tags, and the mode where it was given.
    pub(crate) extras: Map<String, Json>,
}

impl Field {
    pub(crate) fn nullable(name: impl Into<String>, ty: Type) -> Self {
        Self { name: name.into(), ty, required: false, extras: Map::new() }
    }

    /// Reads a `TableFieldSchema`.
    pub(crate) fn parse(json: &Json) -> Result<Self, Refusal> {
        let object = json.as_object().ok_or_else(|| Refusal::invalid("Invalid schema: a field is not an object."))?;
        let text = |key: &str| object.get(key).and_then(Json::as_str);
        let name = text("name").unwrap_or_default();
        if !is_column_name(name) {
            return Err(Refusal::invalid(format!(
                "Invalid field name \"{name}\". Fields must contain the allowed characters, and be at most 300 characters long. \
                 For allowed characters, please refer to https://cloud.google.com/bigquery/docs/schemas#column_names"
            )));
        }
        let declared = text("type").unwrap_or_default().to_ascii_uppercase();
        let element = match declared.as_str() {
            "RECORD" | "STRUCT" => {
                let fields = object.get("fields").and_then(Json::as_array).filter(|f| !f.is_empty());
                let fields =
                    fields.ok_or_else(|| Refusal::invalid(format!("Field {name} is type RECORD but has no schema")))?;
                Type::Struct(parse_fields(fields)?)
            }
            other => scalar(other)
                .ok_or_else(|| Refusal::invalid(format!("Invalid value for type: {other} is not a valid value")))?,
        };
        let (ty, required) = match text("mode").unwrap_or("NULLABLE").to_ascii_uppercase().as_str() {
            "NULLABLE" | "" => (element, false),
            "REQUIRED" => (element, true),
            "REPEATED" => (Type::Array(Box::new(element)), false),
            other => return Err(Refusal::invalid(format!("Invalid value for mode: {other} is not a valid value"))),
        };
        let mut extras = object.clone();
        extras.retain(|key, _| !matches!(key.as_str(), "name" | "type" | "fields"));
        Ok(Self { name: name.to_owned(), ty, required, extras })
    }

    /// NULLABLE, REQUIRED or REPEATED.
    pub(crate) fn mode(&self) -> &'static str {
        match (&self.ty, self.required) {
            (Type::Array(_), _) => "REPEATED",
            (_, true) => "REQUIRED",
            (_, false) => "NULLABLE",
        }
    }

    /// The type of its elements where it is repeated, else its type.
    pub(crate) fn element(&self) -> &Type {
        match &self.ty {
            Type::Array(item) => item,
            other => other,
        }
    }

    /// The `TableFieldSchema`: types by their legacy names, as the API answers; the mode where it was given or matters.
    pub(crate) fn to_json(&self) -> Json {
        let mut object = self.extras.clone();
        object.insert("name".into(), json!(self.name));
        object.insert("type".into(), json!(api_name(self.element())));
        if self.mode() != "NULLABLE" || object.contains_key("mode") {
            object.insert("mode".into(), json!(self.mode()));
        }
        if let Type::Struct(fields) = self.element() {
            object.insert("fields".into(), fields.iter().map(Field::to_json).collect());
        }
        Json::Object(object)
    }
}

/// Reads the fields of a `TableSchema`.
pub(crate) fn parse_schema(json: &Json) -> Result<Vec<Field>, Refusal> {
    parse_fields(json.get("fields").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default())
}

fn parse_fields(fields: &[Json]) -> Result<Vec<Field>, Refusal> {
    let fields = fields.iter().map(Field::parse).collect::<Result<Vec<_>, _>>()?;
    for (i, field) in fields.iter().enumerate() {
        if fields.iter().take(i).any(|f| f.name.eq_ignore_ascii_case(&field.name)) {
            return Err(Refusal::invalid(format!("Duplicate field name in schema: {}", field.name)));
        }
    }
    Ok(fields)
}

/// The `TableSchema`.
pub(crate) fn schema_json(fields: &[Field]) -> Json {
    json!({"fields": fields.iter().map(Field::to_json).collect::<Vec<_>>()})
}

/// The place of a column. Names of columns do not differ by case alone.
pub(crate) fn position(fields: &[Field], name: &str) -> Option<usize> {
    fields.iter().position(|f| f.name.eq_ignore_ascii_case(name))
}

/// Beginnings that BigQuery keeps for itself.
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

/// Letters, digits and underscores, not beginning with a digit, at most 300. Flexible names are not known here.
fn is_column_name(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    if RESERVED.iter().any(|r| upper.starts_with(r)) {
        return false;
    }
    let first = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    first && name.len() <= 300 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The type by its name in the API or in GoogleSQL.
pub(crate) fn scalar(name: &str) -> Option<Type> {
    Some(match name {
        "BOOL" | "BOOLEAN" => Type::Bool,
        "INT64" | "INTEGER" | "INT" | "SMALLINT" | "BIGINT" | "TINYINT" | "BYTEINT" => Type::Int64,
        "FLOAT64" | "FLOAT" => Type::Float64,
        "STRING" => Type::String,
        "BYTES" => Type::Bytes,
        "TIMESTAMP" => Type::Timestamp,
        "DATE" => Type::Date,
        "JSON" => Type::Json,
        "DATETIME" => Type::Other("DATETIME"),
        "TIME" => Type::Other("TIME"),
        "NUMERIC" | "DECIMAL" => Type::Other("NUMERIC"),
        "BIGNUMERIC" | "BIGDECIMAL" => Type::Other("BIGNUMERIC"),
        "GEOGRAPHY" => Type::Other("GEOGRAPHY"),
        "INTERVAL" => Type::Other("INTERVAL"),
        _ => return None,
    })
}

/// The name in answers of the API.
pub(crate) fn api_name(ty: &Type) -> &'static str {
    match ty {
        Type::Bool => "BOOLEAN",
        Type::Int64 => "INTEGER",
        Type::Float64 => "FLOAT",
        Type::String => "STRING",
        Type::Bytes => "BYTES",
        Type::Timestamp => "TIMESTAMP",
        Type::Date => "DATE",
        Type::Json => "JSON",
        Type::Other(name) => name,
        Type::Struct(_) => "RECORD",
        // A field's element is never an array.
        Type::Array(_) => "ARRAY",
    }
}
