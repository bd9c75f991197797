//! The JSON Schema of a job file, for editors.

use serde_json::{Map, Value, json};

use crate::field::{DESCRIPTION, INCLUDE, PARAMETERS};
use crate::{Field, Kind, ParameterType};

/// What stands where a parameter may.
const PARAMETER: &str = "^[^$]*\\$\\{[A-Za-z0-9_-]+\\}.*$";

/// The schema of a job file with these fields.
pub fn schema(fields: &[Field], title: &str) -> Value {
    let mut properties = Map::new();
    properties.insert(DESCRIPTION.to_owned(), json!({ "type": "string", "description": DESCRIPTION_HELP }));
    properties.insert(
        INCLUDE.to_owned(),
        json!({ "type": ["string", "array"], "items": { "type": "string" }, "description": INCLUDE_HELP }),
    );
    properties.insert(PARAMETERS.to_owned(), parameters());
    for field in fields {
        properties.insert(field.name.clone(), of_field(field));
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

pub(crate) const DESCRIPTION_HELP: &str = "What the job is for; `gristmill job check` shows it";
pub(crate) const INCLUDE_HELP: &str = "Files that this one builds on, by paths from its own folder or gs:// addresses; what it says itself goes first, and a later one goes before an earlier one";
pub(crate) const PARAMETERS_HELP: &str = "What `--set NAME=VALUE` gives, by name; `${NAME}` in a value stands for it, and `${folder}` for the folder of the file";

fn parameters() -> Value {
    let types = ParameterType::ALL.map(ParameterType::name);
    json!({
        "type": "object",
        "description": PARAMETERS_HELP,
        "propertyNames": { "pattern": "^[A-Za-z0-9_-]+$" },
        "additionalProperties": {
            "type": "object",
            "properties": {
                "type": { "enum": types, "default": "text" },
                "default": { "type": ["string", "number", "boolean"] },
                "required": { "type": "boolean" },
                "help": { "type": "string" },
            },
            "additionalProperties": false,
        },
    })
}

fn of_field(field: &Field) -> Value {
    let mut schema = match &field.kind {
        Kind::Table(fields) => {
            let properties: Map<_, _> = fields.iter().map(|field| (field.name.clone(), of_field(field))).collect();
            json!({ "type": "object", "properties": properties, "additionalProperties": false })
        }
        Kind::Text if !field.choices.is_empty() => {
            let names: Vec<_> = field.choices.iter().map(|choice| choice.name.as_str()).collect();
            json!({ "anyOf": [{ "enum": names }, { "type": "string", "pattern": PARAMETER }] })
        }
        Kind::Text => json!({ "type": "string" }),
        Kind::Number => json!({ "type": ["number", "string"] }),
        Kind::Switch => json!({ "anyOf": [{ "type": "boolean" }, { "type": "string", "pattern": PARAMETER }] }),
        Kind::Texts => json!({ "type": ["string", "array"], "items": { "type": "string" } }),
        Kind::Map => json!({ "type": ["object", "array"], "items": { "type": "string" } }),
        Kind::Maps => json!({
            "type": ["object", "array"], "additionalProperties": { "type": "object" }, "items": { "type": "string" },
        }),
    };
    if let Some(object) = schema.as_object_mut() {
        object.insert("description".to_owned(), field.help.clone().into());
        if let Some(default) = &field.default {
            object.insert("default".to_owned(), default.clone().into());
        }
    }
    schema
}
