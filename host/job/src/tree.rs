//! What a file says, with the place of each part.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use crate::Findings;
use crate::finding::SYNTAX;

/// Where something stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Index of the text among those of [`Findings`].
    pub(crate) text: usize,
    /// Bytes of it.
    pub(crate) span: Range<usize>,
}

/// A value and its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    Text(String),
    Integer(i64),
    /// As it is written.
    Float(String),
    Switch(bool),
    Time(String),
    List(Vec<Node>),
    Table(Table),
    /// What a parameter stands for that has no value.
    Unset,
}

/// Entries in the order of the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// Of the name.
    pub(crate) place: Place,
    pub(crate) node: Node,
}

impl Table {
    pub(crate) fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<Entry> {
        let at = self.entries.iter().position(|entry| entry.name == name)?;
        Some(self.entries.remove(at))
    }

    /// Takes over what another says; tables part by part, of everything else the other's.
    pub(crate) fn override_by(&mut self, other: Self) {
        for theirs in other.entries {
            let Some(ours) = self.entries.iter_mut().find(|ours| ours.name == theirs.name) else {
                self.entries.push(theirs);
                continue;
            };
            match (&mut ours.node.value, theirs.node.value) {
                (Value::Table(ours), Value::Table(theirs)) => ours.override_by(theirs),
                (_, value) => {
                    ours.place = theirs.place;
                    ours.node = Node { place: theirs.node.place, value };
                }
            }
        }
    }
}

impl Value {
    /// For messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a number with a point",
            Self::Switch(_) => "a boolean",
            Self::Time(_) => "a time",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Unset => "a parameter",
        }
    }

    /// As it would be typed on the command line: strings as they are, lists and tables as JSON. None: it is not known.
    pub(crate) fn typed(&self) -> Option<String> {
        Some(match self {
            Self::Text(text) | Self::Time(text) => text.clone(),
            other => other.json()?.to_string(),
        })
    }

    fn json(&self) -> Option<serde_json::Value> {
        Some(match self {
            Self::Text(text) | Self::Time(text) => text.clone().into(),
            Self::Integer(number) => (*number).into(),
            Self::Float(text) => text.replace('_', "").trim_start_matches('+').parse::<f64>().ok()?.into(),
            Self::Switch(on) => (*on).into(),
            Self::List(all) => all.iter().map(|node| node.value.json()).collect::<Option<Vec<_>>>()?.into(),
            Self::Table(table) => {
                let entry = |entry: &Entry| Some((entry.name.clone(), entry.node.value.json()?));
                let map: Option<serde_json::Map<_, _>> = table.entries.iter().map(entry).collect();
                map?.into()
            }
            Self::Unset => return None,
        })
    }
}

/// Reads the text of that index. What is no TOML is a finding, and the rest is read all the same.
pub(crate) fn parse(text: usize, findings: &mut Findings) -> Table {
    let content = findings.text(text).to_owned();
    let (table, errors) = DeTable::parse_recoverable(&content);
    for error in errors {
        let place = Place { text, span: error.span().unwrap_or_default() };
        findings.add(SYNTAX, Some(place), &[], error.message().to_owned());
    }
    of_table(table.get_ref(), text)
}

fn of_table(table: &DeTable<'_>, text: usize) -> Table {
    let entry = |(name, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| Entry {
        name: AsRef::<str>::as_ref(name.get_ref()).to_owned(),
        place: Place { text, span: name.span() },
        node: of_value(value, text),
    };
    Table { entries: table.iter().map(entry).collect() }
}

fn of_value(value: &toml::Spanned<DeValue<'_>>, text: usize) -> Node {
    let place = Place { text, span: value.span() };
    let value = match value.get_ref() {
        DeValue::String(string) => Value::Text(string.to_string()),
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) => Value::Integer(number),
            // No field takes one; the message then names what it takes.
            Err(_) => Value::Float(integer.to_string()),
        },
        DeValue::Float(float) => Value::Float(float.as_str().to_owned()),
        DeValue::Boolean(on) => Value::Switch(*on),
        DeValue::Datetime(time) => Value::Time(time.to_string()),
        DeValue::Array(all) => Value::List(all.iter().map(|value| of_value(value, text)).collect()),
        DeValue::Table(table) => Value::Table(of_table(table, text)),
    };
    Node { place, value }
}

/// Takes a string out of a table; empty where it is not there.
pub(crate) fn take_text(table: &mut Table, name: &str, findings: &mut Findings) -> String {
    match table.take(name).map(|entry| entry.node) {
        None => String::new(),
        Some(Node { value: Value::Text(text), .. }) => text,
        Some(Node { place, value }) => {
            let what = format!("`{name}` takes a string, not {}", value.kind());
            findings.add("job.type", Some(place), &[name], what);
            String::new()
        }
    }
}
