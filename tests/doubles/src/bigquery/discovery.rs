//! The discovery document of the API: what fields and types requests and answers may have.
//!
//! It comes with Google's Cloud SDK and is read from there; it is no part of this project.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::record::RequestRecord;

/// The document, read.
#[derive(Debug)]
pub struct Discovery {
    document: Json,
}

impl Discovery {
    /// Reads the document of the SDK whose `bq` is on the path. `None`: there is none.
    pub fn installed() -> Option<Self> {
        let document = serde_json::from_slice(&std::fs::read(document()?).ok()?).ok()?;
        Some(Self { document })
    }

    /// What is wrong with a value of a type: fields that the type does not have, values of another kind. Empty: nothing.
    pub fn check(&self, schema: &str, value: &Json) -> Vec<String> {
        let mut wrong = Vec::new();
        match self.document.get("schemas").and_then(|s| s.get(schema)) {
            Some(found) => self.compare(found, value, schema, &mut wrong),
            None => wrong.push(format!("the API has no type {schema}")),
        }
        wrong
    }

    /// What is wrong with the body of a request.
    pub fn check_request(&self, request: &RequestRecord) -> Vec<String> {
        let (Some(body), Some(schema)) = (&request.body, self.request_schema(&request.method)) else {
            return Vec::new();
        };
        self.check(schema, body)
    }

    /// The type of the body of a method's requests.
    fn request_schema(&self, method: &str) -> Option<&str> {
        let (resource, name) = method.split_once('.')?;
        let method = self.document.get("resources")?.get(resource)?.get("methods")?.get(name)?;
        method.get("request")?.get("$ref")?.as_str()
    }

    fn compare(&self, schema: &Json, value: &Json, path: &str, wrong: &mut Vec<String>) {
        let text = |key: &str| schema.get(key).and_then(Json::as_str);
        // Null is as good as nothing.
        if value.is_null() {
            return;
        }
        if let Some(name) = text("$ref") {
            match self.document.get("schemas").and_then(|s| s.get(name)) {
                Some(found) => self.compare(found, value, path, wrong),
                None => wrong.push(format!("{path}: the API has no type {name}")),
            }
            return;
        }
        let kind = text("type").unwrap_or("any");
        let fits = match kind {
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            _ => true,
        };
        let number = matches!(text("format"), Some("int64" | "uint64"));
        if !fits {
            wrong.push(format!("{path}: {value} is no {kind}"));
        } else if number && value.as_str().is_some_and(|v| v.parse::<i128>().is_err()) {
            wrong.push(format!("{path}: {value} is no number"));
        }
        if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
            for (i, value) in values.iter().enumerate() {
                self.compare(items, value, &format!("{path}[{i}]"), wrong);
            }
        }
        let Some(object) = value.as_object().filter(|_| kind == "object") else { return };
        for (name, value) in object {
            let path = format!("{path}.{name}");
            let known =
                schema.get("properties").and_then(|p| p.get(name)).or_else(|| schema.get("additionalProperties"));
            match known {
                Some(known) => self.compare(known, value, &path, wrong),
                None => wrong.push(format!("{path}: the API has no such field")),
            }
        }
    }
}

/// Where the document lies in the SDK whose `bq` is on the path.
pub(crate) fn document() -> Option<PathBuf> {
    let bq = std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join("bq")).find(|p| p.is_file())?;
    let sdk: &Path = &bq.canonicalize().ok()?;
    let file = sdk.parent()?.parent()?.join("platform/bq/discovery_next/bigquery.json");
    Some(file).filter(|p| p.is_file())
}
