//! Partitions by time.

use serde_json::{Map, Value as Json, json};

use super::refusal::Refusal;
use super::schema::{self, Field, Type};
use super::text;
use super::value::Value;

/// How rows are divided by a time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Partitioning {
    pub(crate) by: Period,
    /// `None`: by the time of their arrival.
    pub(crate) field: Option<String>,
    /// What else was said of it: `expirationMs`.
    pub(crate) extras: Map<String, Json>,
}

/// How long a partition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Period {
    Hour,
    Day,
    Month,
    Year,
}

impl Period {
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        Ok(match text.to_ascii_uppercase().as_str() {
            "HOUR" => Self::Hour,
            "DAY" => Self::Day,
            "MONTH" => Self::Month,
            "YEAR" => Self::Year,
            other => return Err(Refusal::invalid(format!("Invalid value for type: {other} is not a valid value"))),
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Hour => "HOUR",
            Self::Day => "DAY",
            Self::Month => "MONTH",
            Self::Year => "YEAR",
        }
    }

    fn format(self) -> &'static str {
        match self {
            Self::Hour => "%Y%m%d%H",
            Self::Day => "%Y%m%d",
            Self::Month => "%Y%m",
            Self::Year => "%Y",
        }
    }
}

impl Partitioning {
    /// Reads a `TimePartitioning`.
    pub(crate) fn parse(json: &Json) -> Result<Self, Refusal> {
        let text = |key: &str| json.get(key).and_then(Json::as_str).filter(|t| !t.is_empty());
        let mut extras = json.as_object().cloned().unwrap_or_default();
        extras.retain(|key, _| !matches!(key.as_str(), "type" | "field" | "requirePartitionFilter"));
        Ok(Self { by: Period::parse(text("type").unwrap_or("DAY"))?, field: text("field").map(str::to_owned), extras })
    }

    pub(crate) fn to_json(&self) -> Json {
        let mut object = self.extras.clone();
        object.insert("type".into(), json!(self.by.name()));
        if let Some(field) = &self.field {
            object.insert("field".into(), json!(field));
        }
        Json::Object(object)
    }

    /// As messages describe it.
    pub(crate) fn describe(&self) -> String {
        let field = self.field.as_ref().map(|f| format!(",field:{f}")).unwrap_or_default();
        format!("interval(type:{}{field})", self.by.name().to_ascii_lowercase())
    }

    /// Whether the column is there and can divide rows.
    pub(crate) fn check(&self, fields: &[Field]) -> Result<(), Refusal> {
        let Some(name) = &self.field else { return Ok(()) };
        let field = schema::position(fields, name).and_then(|i| fields.get(i));
        match field.map(|f| &f.ty) {
            None => Err(Refusal::invalid(format!(
                "The field specified for partitioning cannot be found in the schema: {name}."
            ))),
            Some(Type::Date) if self.by == Period::Hour => Err(Refusal::invalid(
                "The field specified for hourly partitioning must be of type TIMESTAMP or DATETIME.",
            )),
            Some(Type::Date | Type::Timestamp | Type::Other("DATETIME")) => Ok(()),
            Some(other) => Err(Refusal::invalid(format!(
                "The field specified for partitioning can only be of type TIMESTAMP, DATE or DATETIME. The type found is: {}.",
                schema::api_name(other)
            ))),
        }
    }

    /// The id of a row's partition, as `20240101`.
    pub(crate) fn id(&self, value: &Value) -> String {
        match value {
            Value::Timestamp(micros) => text::civil(*micros).format(self.by.format()).to_string(),
            Value::Date(days) => text::day(*days).format(self.by.format()).to_string(),
            _ => "__NULL__".to_owned(),
        }
    }
}
