//! Settings as a job file.

use std::fmt::Write as _;

use toml::Value;

use crate::{Field, Kind, Setting};

/// The job file that says these settings and nothing else.
pub fn print(settings: &[Setting], fields: &[Field]) -> String {
    let mut out = String::new();
    table(settings, fields, &mut Vec::new(), &mut out);
    out.trim_start().to_owned()
}

fn table(settings: &[Setting], fields: &[Field], path: &mut Vec<String>, out: &mut String) {
    let (mut lines, mut tables) = (String::new(), String::new());
    for field in fields {
        path.push(field.name.clone());
        match &field.kind {
            Kind::Table(fields) => table(settings, fields, path, &mut tables),
            kind => {
                if let Some(setting) = settings.iter().find(|setting| setting.path == *path) {
                    value(kind, &field.name, path, &setting.values, &mut lines, &mut tables);
                }
            }
        }
        path.pop();
    }
    if !lines.is_empty() {
        header(path, out);
        out.push_str(&lines);
    }
    out.push_str(&tables);
}

fn header(path: &[String], out: &mut String) {
    if path.is_empty() {
        return;
    }
    let keys: Vec<_> = path.iter().map(|name| key(name)).collect();
    let _ = writeln!(out, "\n[{}]", keys.join("."));
}

fn value(kind: &Kind, name: &str, path: &[String], values: &[String], lines: &mut String, tables: &mut String) {
    let list = || Value::Array(values.iter().map(|value| string(value)).collect()).to_string();
    let first = values.first().cloned().unwrap_or_default();
    // Writing to a string cannot fail.
    let _ = match kind {
        Kind::Switch => writeln!(lines, "{name} = true"),
        Kind::Text => writeln!(lines, "{name} = {}", string(&first)),
        Kind::Number => writeln!(lines, "{name} = {}", bare(&first)),
        Kind::Texts => writeln!(lines, "{name} = {}", list()),
        Kind::Map | Kind::Maps => match entries(kind, values) {
            Some(entries) => {
                let mut of = None;
                for (before, name, value) in entries {
                    if of.as_ref() != Some(&before) {
                        let inner = before.iter().map(|name| (*name).to_owned());
                        header(&path.iter().cloned().chain(inner).collect::<Vec<_>>(), tables);
                        of = Some(before);
                    }
                    let _ = writeln!(tables, "{} = {}", key(name), bare(value));
                }
                Ok(())
            }
            None => writeln!(lines, "{name} = {}", list()),
        },
        Kind::Table(_) => Ok(()),
    };
}

/// Tables that entries stand in, their names and their values. None: they can only be said as they are typed, since one is a file of them, or is said twice.
fn entries<'a>(kind: &Kind, values: &'a [String]) -> Option<Vec<(Option<&'a str>, &'a str, &'a str)>> {
    let mut entries = Vec::new();
    for value in values {
        let (name, value) = value.split_once('=').filter(|(name, _)| !name.starts_with('@'))?;
        let (before, name) = match kind {
            Kind::Maps => name.split_once('.').map(|(before, name)| (Some(before), name))?,
            _ => (None, name),
        };
        if entries.iter().any(|(other, known, _)| (*other, *known) == (before, name)) {
            return None;
        }
        entries.push((before, name, value));
    }
    // One table after the other; within one, as they were said.
    entries.sort_by_key(|(before, ..)| *before);
    Some(entries)
}

/// A key, in quotes where it needs them.
fn key(name: &str) -> String {
    let is_bare = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if is_bare { name.to_owned() } else { Value::String(name.to_owned()).to_string() }
}

/// A value without quotes where it reads back as the same text.
fn bare(text: &str) -> String {
    let is_number = text.parse::<i64>().is_ok_and(|number| number.to_string() == text)
        || serde_json::from_str::<serde_json::Number>(text)
            .is_ok_and(|number| number.to_string() == text && text.contains('.') && !text.contains(['e', 'E']));
    if is_number || ["true", "false"].contains(&text) { text.to_owned() } else { string(text).to_string() }
}

/// A string in which nothing is a parameter.
fn string(text: &str) -> Value {
    Value::String(text.replace("${", "$${"))
}
