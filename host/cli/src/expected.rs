//! What is expected of a plugin, and where it differs from what the plugin makes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde_json::{Map, Value};

/// The outcomes of one document, or of one row: whose they are, and the lines.
pub(crate) type Outcomes = (String, Vec<Value>);

/// Outcomes by document or by row, in the order of their first line.
pub(crate) fn parse<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Vec<Outcomes>, String> {
    let mut all: Vec<Outcomes> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (i, line) in lines.enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let value: Value = serde_json::from_str(line).map_err(|e| format!("line {} is not JSON: {e}", i + 1))?;
        let document = value.get("document").and_then(Value::as_str).map(str::to_owned);
        let row = || value.get("line").and_then(Value::as_u64).map(line_name);
        let Some(subject) = document.or_else(row) else {
            return Err(format!("line {} has neither a `document` nor a `line`", i + 1));
        };
        let place = *places.entry(subject.clone()).or_insert(all.len());
        if place == all.len() {
            all.push((subject, Vec::new()));
        }
        if let Some((_, outcomes)) = all.get_mut(place) {
            outcomes.push(value);
        }
    }
    Ok(all)
}

/// The name of a row by its line in the file of rows.
pub(crate) fn line_name(line: u64) -> String {
    format!("line {line}")
}

/// What is red is expected and was not made, what is green was made.
pub(crate) fn minus() -> Style {
    AnsiColor::Red.on_default()
}

pub(crate) fn plus() -> Style {
    AnsiColor::Green.on_default()
}

/// Text about each document or row whose outcomes differ.
pub(crate) fn differences(expected: &[Outcomes], made: &[Outcomes]) -> Vec<String> {
    let find = |all: &[Outcomes], subject: &str| -> Vec<Value> {
        all.iter().find(|(name, _)| name == subject).map(|(_, outcomes)| outcomes.clone()).unwrap_or_default()
    };
    let gone = expected.iter().filter(|(subject, _)| find(made, subject).is_empty());
    let subjects = made.iter().chain(gone).map(|(subject, _)| subject);
    let mut texts = Vec::new();
    for subject in subjects {
        let (was, is) = (find(expected, subject), find(made, subject));
        if was == is {
            continue;
        }
        let name = if subject.is_empty() { "(a record that cannot be read)" } else { subject };
        let mut text = format!("{name}\n");
        let mut left = is.clone();
        for before in &was {
            // Lines that are the same are not shown; a row is set against the next one of its table.
            let same_table = |v: &Value| v.get("row").is_some() && v.get("table") == before.get("table");
            if let Some(at) = left.iter().position(|v| v == before) {
                left.remove(at);
            } else if let Some(at) =
                left.iter().position(|v| before.get("row").is_some() && same_table(v) && !was.contains(v))
            {
                let after = left.remove(at);
                text.push_str(&columns(before, &after));
            } else {
                let style = minus();
                let _ = writeln!(text, "  {style}- {}{style:#}", shown(before));
            }
        }
        for after in left {
            let style = plus();
            let _ = writeln!(text, "  {style}+ {}{style:#}", shown(&after));
        }
        texts.push(text);
    }
    texts
}

/// The columns in which two rows of a table differ.
fn columns(before: &Value, after: &Value) -> String {
    let empty = Map::new();
    let row = |v: &Value| v.get("row").and_then(Value::as_object).unwrap_or(&empty).clone();
    let (was, is) = (row(before), row(after));
    let table = before.get("table").and_then(Value::as_str).unwrap_or_default();
    let mut text = String::new();
    let names: std::collections::BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    for name in names.into_iter().filter(|name| was.get(*name) != is.get(*name)) {
        let value =
            |row: &Map<String, Value>| row.get(name).map_or_else(|| "(no such column)".to_owned(), Value::to_string);
        let (minus, plus) = (minus(), plus());
        let _ = writeln!(text, "  {table}.{name}: {minus}{}{minus:#} → {plus}{}{plus:#}", value(&was), value(&is));
    }
    text
}

/// An outcome on one line.
fn shown(outcome: &Value) -> String {
    let text = |name: &str| outcome.get(name).and_then(Value::as_str).unwrap_or_default();
    if let Some(row) = outcome.get("row") {
        return format!("a row of {}: {row}", text("table"));
    }
    let place = |name| if text(name).is_empty() { String::new() } else { format!(" at {}", text(name)) };
    // Of warnings, there is no message.
    let said = if text("message").is_empty() { String::new() } else { format!(": {}", text("message")) };
    for (kind, of) in [("refused", "field"), ("error", "column"), ("warning", "column")] {
        if outcome.get(kind).is_some() {
            return format!("{kind}: {}{}{said}", text(kind), place(of));
        }
    }
    let is = |name: &str| outcome.get(name).is_some();
    if is("passes") {
        "passes".to_owned()
    } else if is("judged") {
        "is not judged".to_owned()
    } else {
        "filtered".to_owned()
    }
}
