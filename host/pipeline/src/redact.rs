//! Fields that are left out of dead letters.

use gristmill_record::Grant;
use serde_json::{Map, Value, json};

/// What stands in the place of a value that was left out.
const MARK: &str = "(redacted)";

/// What has to be left out of a record.
pub(crate) enum Redaction {
    /// It has none of the fields: it is kept as it is, byte for byte.
    Nothing,
    /// Fields of a document.
    Part(Redacted),
    /// All of it, since nobody knows where in its bytes the fields are.
    All,
}

/// A document without the fields that nobody is to see.
pub(crate) struct Redacted {
    /// In the form of the REST API.
    pub(crate) document: Vec<u8>,
    /// The fields that were left out, steps joined by `.`.
    pub(crate) fields: Vec<String>,
    values: Vec<String>,
}

impl Redaction {
    /// What has to be left out of a document.
    pub(crate) fn of(document: &[u8], fields: &Grant) -> Self {
        // Too deep for this reader, or no JSON at all.
        let Ok(mut value) = serde_json::from_slice::<Value>(document) else { return Self::All };
        // Bytes of a record that could not be written as a document (see `Letter::is_whole`).
        if value.get("raw").is_some() {
            return Self::All;
        }
        let mut redacted = Redacted { document: Vec::new(), fields: Vec::new(), values: Vec::new() };
        if let Some(map) = value.get_mut("fields").and_then(Value::as_object_mut) {
            redacted.map(map, &mut Vec::new(), fields);
        }
        if redacted.fields.is_empty() {
            return Self::Nothing;
        }
        // As long texts may have short ones in them.
        redacted.values.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        redacted.document = value.to_string().into_bytes();
        Self::Part(redacted)
    }
}

impl Redacted {
    /// A message without the values that were left out, as far as they stand in it as words of their own.
    pub(crate) fn message(&self, message: &str) -> String {
        self.values.iter().fold(message.to_owned(), |text, value| without(&text, value))
    }

    fn map(&mut self, map: &mut Map<String, Value>, steps: &mut Vec<String>, fields: &Grant) {
        for (name, value) in map {
            steps.push(name.clone());
            if fields.covers(steps) {
                self.values_of(value);
                *value = json!({ "stringValue": MARK });
                let path = steps.join(".");
                if !self.fields.contains(&path) {
                    self.fields.push(path);
                }
            } else {
                self.value(value, steps, fields);
            }
            steps.pop();
        }
    }

    /// Looks into maps, and into those in arrays: their fields have the path of the array.
    fn value(&mut self, value: &mut Value, steps: &mut Vec<String>, fields: &Grant) {
        if let Some(map) = value.pointer_mut("/mapValue/fields").and_then(Value::as_object_mut) {
            self.map(map, steps, fields);
        } else if let Some(elements) = value.pointer_mut("/arrayValue/values").and_then(Value::as_array_mut) {
            elements.iter_mut().for_each(|element| self.value(element, steps, fields));
        }
    }

    /// Keeps the texts of a value, so that they can be found in a message.
    fn values_of(&mut self, value: &Value) {
        match value {
            Value::String(text) if !text.is_empty() => self.values.push(text.clone()),
            Value::Number(number) => self.values.push(number.to_string()),
            Value::Array(all) => all.iter().for_each(|value| self.values_of(value)),
            Value::Object(map) => map.values().for_each(|value| self.values_of(value)),
            _ => {}
        }
    }
}

/// A text with the mark in the place of every word that is the value. Parts of longer words stay: else a value such as 1 would tear numbers apart.
fn without(text: &str, value: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(value) {
        let (before, found) = rest.split_at(at);
        let after = found.get(value.len()..).unwrap_or_default();
        out.push_str(before);
        let is_inside = out.chars().next_back().is_some_and(char::is_alphanumeric)
            || after.chars().next().is_some_and(char::is_alphanumeric);
        out.push_str(if is_inside { value } else { MARK });
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(document: &Value, fields: &str) -> Option<Redacted> {
        match Redaction::of(document.to_string().as_bytes(), &fields.parse().unwrap()) {
            Redaction::Part(redacted) => Some(redacted),
            Redaction::Nothing => None,
            Redaction::All => panic!("all of {document}"),
        }
    }

    /// Where the fields cannot be found, nothing is kept: a document that is too deep, bytes that are no document, no JSON.
    #[test]
    fn what_cannot_be_looked_into_goes_as_a_whole() {
        let deep = format!(
            "{}{{\"stringValue\":\"secret\"}}{}",
            r#"{"mapValue":{"fields":{"a":"#.repeat(45),
            "}}}".repeat(45)
        );
        let deep = format!(r#"{{"name":"p/1","fields":{{"a":{deep}}}}}"#);
        assert!(serde_json::from_str::<&serde_json::value::RawValue>(&deep).is_ok(), "it is JSON");
        for document in [deep.as_str(), r#"{"name":"p/1","raw":"c2VjcmV0"}"#, "secret"] {
            assert!(
                matches!(Redaction::of(document.as_bytes(), &"mail".parse().unwrap()), Redaction::All),
                "{document}"
            );
        }
    }

    #[test]
    fn named_fields_go_wherever_they_are() {
        let document = json!({ "name": "p/1", "fields": {
            "mail": { "stringValue": "a@example.org" },
            "who": { "mapValue": { "fields": { "age": { "integerValue": "41" }, "city": { "stringValue": "Ulm" } } } },
            "all": { "arrayValue": { "values": [
                { "mapValue": { "fields": { "pin": { "integerValue": 7 }, "n": { "nullValue": null } } } },
                { "stringValue": "pin" },
            ] } },
        } });
        let got = redacted(&document, "mail,who.*,all.pin").unwrap();
        assert_eq!(got.fields, ["all.pin", "mail", "who.age", "who.city"]);
        let text = String::from_utf8(got.document.clone()).unwrap();
        for gone in ["example.org", "41", "Ulm", "7"] {
            assert!(!text.contains(gone), "{gone}: {text}");
        }
        assert!(text.contains(r#""n":{"nullValue":null}"#) && text.contains(r#"{"stringValue":"pin"}"#), "{text}");
        assert_eq!(
            got.message("mail `a@example.org` of 41 in Ulm (7) is not Ulmer, 417"),
            "mail `(redacted)` of (redacted) in (redacted) ((redacted)) is not Ulmer, 417"
        );
    }

    #[test]
    fn a_document_without_them_is_kept_as_it_is() {
        let document = json!({ "name": "p/1", "fields": { "mail": { "mapValue": {} } } });
        assert!(redacted(&document, "mail.x,other").is_none());
        assert!(redacted(&json!({ "name": "p/1" }), "*").is_none());
        assert_eq!(redacted(&document, "*").unwrap().fields, ["mail"]);
    }
}
