//! Lines of CSV to rows.

use serde_json::Value as Json;

use super::json::{from_text, no_conversion};
use crate::bigquery::refusal::Refusal;
use crate::bigquery::schema::{Field, Type};
use crate::bigquery::value::{Row, Value};

/// How a CSV file is written.
#[derive(Debug)]
pub(super) struct CsvOptions {
    pub(super) skip_rows: usize,
    pub(super) delimiter: u8,
    quote: Option<u8>,
    null_marker: String,
    jagged: bool,
}

impl CsvOptions {
    pub(super) fn parse(config: &Json) -> Result<Self, Refusal> {
        let text = |key: &str| config.get(key).and_then(Json::as_str);
        let delimiter = match text("fieldDelimiter").filter(|t| !t.is_empty()).unwrap_or(",") {
            "\\t" | "tab" | "\t" => b'\t',
            other => single(other, "fieldDelimiter")?,
        };
        let quote = match text("quote") {
            None => Some(b'"'),
            Some("") => None,
            Some(other) => Some(single(other, "quote")?),
        };
        let skip = config.get("skipLeadingRows");
        let skip = skip.and_then(|s| s.as_u64().or_else(|| s.as_str()?.parse().ok())).unwrap_or_default();
        Ok(Self {
            skip_rows: usize::try_from(skip).unwrap_or(usize::MAX),
            delimiter,
            quote,
            null_marker: text("nullMarker").unwrap_or_default().to_owned(),
            jagged: config.get("allowJaggedRows").and_then(Json::as_bool).unwrap_or_default(),
        })
    }

    /// The records of a file: fields as text, and where each record begins.
    pub(super) fn reader<'a>(&self, bytes: &'a [u8]) -> csv::Reader<&'a [u8]> {
        let mut builder = csv::ReaderBuilder::new();
        builder.has_headers(false).flexible(true).delimiter(self.delimiter);
        match self.quote {
            Some(quote) => builder.quote(quote),
            None => builder.quoting(false),
        };
        builder.from_reader(bytes)
    }

    /// One record to a row.
    pub(super) fn row(
        &self,
        record: &csv::StringRecord,
        fields: &[Field],
        ignore_unknown: bool,
    ) -> Result<Row, String> {
        let position = record.position().map(csv::Position::byte).unwrap_or_default();
        if record.len() > fields.len() && !ignore_unknown {
            return Err(format!(
                "Too many values in row starting at position: {position}. Found {} column(s) while expected {}.",
                record.len(),
                fields.len()
            ));
        }
        let value = |(i, field): (usize, &Field)| match (record.get(i), &field.ty) {
            (_, Type::Array(_) | Type::Struct(_)) => {
                Err(format!("Nested field {} cannot be read from CSV.", field.name))
            }
            // The empty text is null unless the column holds text, or null is written in another way.
            (Some(text), ty)
                if text == self.null_marker && (!text.is_empty() || !matches!(ty, Type::String | Type::Bytes)) =>
            {
                null(field, i, position)
            }
            (Some(text), ty) => from_text(text, ty).ok_or_else(|| no_conversion(ty, &field.name, text)),
            (None, _) if self.jagged => null(field, i, position),
            (None, _) => Err(format!(
                "CSV table references column position {i}, but line starting at position:{position} contains only {} columns.",
                record.len()
            )),
        };
        fields.iter().enumerate().map(value).collect()
    }
}

fn null(field: &Field, i: usize, position: u64) -> Result<Value, String> {
    if field.required {
        return Err(format!(
            "Required column value for column index: {i} is missing in row starting at position: {position}"
        ));
    }
    Ok(Value::Null)
}

fn single(text: &str, key: &str) -> Result<u8, Refusal> {
    match text.as_bytes() {
        [one] => Ok(*one),
        _ => Err(Refusal::invalid(format!("Invalid value for {key}: the double of BigQuery takes one byte."))),
    }
}
