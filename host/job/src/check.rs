//! What a job says against what a job can say.

use crate::suggest::nearest;
use crate::tree::{Node, Place, Table, Value};
use crate::{Field, Findings, Kind};

/// A field that a job says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The keys that lead to it: `["destination", "to"]`.
    pub path: Vec<String>,
    /// Its value as it would be typed on the command line, or its values. Of a switch that is on: one that is empty.
    pub values: Vec<String>,
}

/// Checks a job, and gives its settings in the order of the fields.
pub(crate) fn check(root: &Table, fields: &[Field], findings: &mut Findings) -> Vec<Setting> {
    let mut settings = Vec::new();
    Checker { root: fields, findings, settings: &mut settings }.table(root, None, fields, &[]);
    let mut sorted = Vec::with_capacity(settings.len());
    in_order(fields, &mut Vec::new(), &mut |path| {
        sorted.extend(settings.iter().find(|setting| setting.path == *path).cloned());
    });
    sorted
}

/// Visits every field that is no table.
pub(crate) fn in_order(fields: &[Field], path: &mut Vec<String>, visit: &mut dyn FnMut(&Vec<String>)) {
    for field in fields {
        path.push(field.name.clone());
        match &field.kind {
            Kind::Table(fields) => in_order(fields, path, visit),
            _ => visit(path),
        }
        path.pop();
    }
}

struct Checker<'a> {
    root: &'a [Field],
    findings: &'a mut Findings,
    settings: &'a mut Vec<Setting>,
}

impl Checker<'_> {
    fn table(&mut self, table: &Table, place: Option<&Place>, fields: &[Field], path: &[&str]) {
        for entry in &table.entries {
            let path = [path, &[entry.name.as_str()]].concat();
            match fields.iter().find(|field| field.name == entry.name) {
                Some(field) => self.field(field, &entry.node, &path),
                None => self.unknown(&entry.name, &entry.place, fields, &path),
            }
        }
        for field in fields.iter().filter(|field| table.get(&field.name).is_none()) {
            let path = [path, &[field.name.as_str()]].concat();
            match &field.kind {
                // What it lacks is told with its own name.
                Kind::Table(fields) => self.table(&Table::default(), place, fields, &path),
                _ if field.required => {
                    let of = path.split_last().map(|(_, of)| of.join(".")).unwrap_or_default();
                    let what = format!("`{}` is missing from [{of}]", field.name);
                    let finding = self.findings.add("job.missing-field", place.cloned(), &path, what);
                    finding.hint(format!("write {} = … below [{of}]", field.name));
                }
                _ => {}
            }
        }
    }

    fn unknown(&mut self, name: &str, place: &Place, fields: &[Field], path: &[&str]) {
        let of = path.split_last().map(|(_, of)| of.join(".")).unwrap_or_default();
        let what =
            if of.is_empty() { format!("a job has no `{name}`") } else { format!("there is no `{name}` in [{of}]") };
        let names = fields.iter().map(|field| field.name.as_str());
        let elsewhere = self.root.iter().find(|table| table.fields().iter().any(|field| field.name == name));
        let hint = match (nearest(name, names), elsewhere) {
            (_, Some(table)) => format!("`{name}` stands in [{}]", table.name),
            (Some(near), None) => format!("did you mean `{near}`?"),
            (None, None) => {
                let all: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
                format!("there are {}", all.join(", "))
            }
        };
        self.findings.add("job.unknown-field", Some(place.clone()), path, what).hint(hint);
    }

    fn field(&mut self, field: &Field, node: &Node, path: &[&str]) {
        let values = match (&field.kind, &node.value) {
            (Kind::Table(fields), Value::Table(table)) => {
                return self.table(table, Some(&node.place), fields, path);
            }
            // A parameter without a value: of what is only looked at, or told already.
            (_, Value::Unset) => return,
            (Kind::Text, Value::Text(text) | Value::Time(text)) => self.one(field, &node.place, path, text, false),
            (Kind::Number, value @ (Value::Text(_) | Value::Integer(_) | Value::Float(_))) => {
                let text = value.typed().unwrap_or_default();
                self.one(field, &node.place, path, &text, false)
            }
            (Kind::Switch, Value::Switch(false)) => return,
            (Kind::Switch, Value::Switch(true)) => vec![String::new()],
            (Kind::Texts, Value::Text(text)) => self.one(field, &node.place, path, text, false),
            (Kind::Texts | Kind::Map | Kind::Maps, Value::List(all)) => {
                let mut values = Vec::new();
                for (i, node) in all.iter().enumerate() {
                    let index = i.to_string();
                    let path = [path, &[index.as_str()]].concat();
                    match &node.value {
                        Value::Text(text) => values.extend(self.one(field, &node.place, &path, text, false)),
                        Value::Unset => {}
                        other => self.wrong_type(field, other, node, &path, "a string"),
                    }
                }
                values
            }
            (Kind::Map, Value::Table(table)) => self.map(field, table, "", path),
            (Kind::Maps, Value::Table(table)) => {
                let mut values = Vec::new();
                for entry in &table.entries {
                    let path = [path, &[entry.name.as_str()]].concat();
                    match &entry.node.value {
                        Value::Table(inner) => {
                            values.extend(self.map(field, inner, &format!("{}.", entry.name), &path));
                        }
                        Value::Unset => {}
                        other => self.wrong_type(field, other, &entry.node, &path, "a table"),
                    }
                }
                values
            }
            (kind, value) => return self.wrong_type(field, value, node, path, &kind.to_string()),
        };
        let path = path.iter().map(|key| (*key).to_owned()).collect();
        self.settings.push(Setting { path, values });
    }

    /// `NAME=VALUE` of each entry.
    fn map(&mut self, field: &Field, table: &Table, before: &str, path: &[&str]) -> Vec<String> {
        let mut values = Vec::new();
        for entry in &table.entries {
            let path = [path, &[entry.name.as_str()]].concat();
            match entry.node.value.typed() {
                Some(value) => {
                    let text = format!("{before}{}={value}", entry.name);
                    let is_table = matches!(entry.node.value, Value::Table(_));
                    values.extend(self.one(field, &entry.node.place, &path, &text, is_table));
                }
                None if matches!(entry.node.value, Value::Unset) => {}
                None => self.wrong_type(field, &entry.node.value, &entry.node, &path, "a value that JSON has"),
            }
        }
        values
    }

    fn wrong_type(&mut self, field: &Field, value: &Value, node: &Node, path: &[&str], takes: &str) {
        let name = name_of(path);
        let what = format!("`{name}` takes {takes}, not {}", value.kind());
        let finding = self.findings.add("job.type", Some(node.place.clone()), path, what);
        if field.is_secret {
            finding.secret();
        } else if matches!(field.kind, Kind::Text)
            && matches!(value, Value::Integer(_) | Value::Float(_) | Value::Switch(_))
        {
            finding.hint("write it between quotes");
        }
    }

    /// A value, if it will do.
    fn one(&mut self, field: &Field, place: &Place, path: &[&str], text: &str, is_table: bool) -> Vec<String> {
        let names = || field.choices.iter().map(|choice| choice.name.as_str());
        let why = if !field.choices.is_empty() && !names().any(|name| name == text) {
            let all: Vec<_> = names().collect();
            Some(format!("`{text}` is none of {}", all.join(", ")))
        } else {
            field.check.as_ref().and_then(|check| check(text).err())
        };
        let Some(why) = why else { return vec![text.to_owned()] };
        let name = name_of(path);
        let finding = self.findings.add("job.value", Some(place.clone()), path, format!("`{name}`: {why}"));
        if field.is_secret {
            finding.secret();
        } else if let Some(near) = nearest(text, names()) {
            finding.hint(format!("did you mean `{near}`?"));
        } else if is_table {
            finding.hint(format!("a name with dots in it stands between quotes: \"{name}.…\""));
        }
        Vec::new()
    }
}

/// The last key of a path that is no place in a list.
fn name_of<'a>(path: &[&'a str]) -> &'a str {
    path.iter().rev().find(|key| key.parse::<usize>().is_err()).copied().unwrap_or_default()
}
