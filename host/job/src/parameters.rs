//! Parameters: declared in `[parameters.NAME]`, given by `--set NAME=VALUE`, put in the place of `${NAME}`.

use crate::field::PARAMETERS;
use crate::finding::COMMAND_LINE;
use crate::include::folder;
use crate::suggest::nearest;
use crate::tree::{Entry, Node, Place, Table, Value};
use crate::{Findings, Purpose};

/// What stands for the folder of the file that it stands in.
const FOLDER: &str = "folder";

/// What is declared of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Letters, digits, `-` and `_`.
    pub name: String,
    /// What its value is.
    pub ty: ParameterType,
    /// For people; may be empty.
    pub help: String,
    /// Whether a run must be given a value.
    pub required: bool,
    /// What goes where none is given, as it would be typed.
    pub default: Option<String>,
}

/// What the value of a parameter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterType {
    /// Any string.
    Text,
    /// A whole number of 64 bits.
    Integer,
    /// Any number.
    Number,
    /// `true` or `false`.
    Boolean,
}

impl ParameterType {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Text, Self::Integer, Self::Number, Self::Boolean];

    /// As it is declared.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }

    /// A value as it is typed.
    fn read(self, text: &str) -> Option<Value> {
        Some(match self {
            Self::Text => Value::Text(text.to_owned()),
            Self::Integer => Value::Integer(text.parse().ok()?),
            Self::Number => {
                text.parse::<f64>().ok().filter(|number| number.is_finite())?;
                Value::Float(text.to_owned())
            }
            Self::Boolean => Value::Switch(text.parse().ok()?),
        })
    }

    fn takes(self, value: &Value) -> bool {
        matches!(
            (self, value),
            (Self::Text, Value::Text(_))
                | (Self::Integer | Self::Number, Value::Integer(_))
                | (Self::Number, Value::Float(_))
                | (Self::Boolean, Value::Switch(_))
        )
    }
}

/// A parameter, and what it stands for.
struct Known {
    parameter: Parameter,
    place: Place,
    value: Option<Value>,
    is_used: bool,
}

/// Takes the declarations out of a job, and puts values in the place of parameters.
pub(crate) fn fill_in(root: &mut Table, set: &[String], purpose: Purpose, findings: &mut Findings) -> Vec<Parameter> {
    let mut known = Vec::new();
    match root.take(PARAMETERS).map(|entry| entry.node) {
        None => {}
        Some(Node { value: Value::Table(table), .. }) => {
            known.extend(table.entries.into_iter().filter_map(|entry| declared(entry, findings)));
        }
        Some(Node { place, value }) => {
            let what = format!("`{PARAMETERS}` is a table with a table for each parameter, not {}", value.kind());
            findings.add("job.type", Some(place), &[PARAMETERS], what);
        }
    }
    give(&mut known, set, findings);
    if purpose == Purpose::Run {
        for known in known.iter().filter(|known| known.parameter.required && known.value.is_none()) {
            let name = &known.parameter.name;
            let what = format!("the parameter `{name}` has no value");
            let finding = findings.add("job.parameter-missing", Some(known.place.clone()), &[PARAMETERS, name], what);
            finding.hint(format!("give one: --set {name}=VALUE"));
        }
    }
    fill_table(root, &mut known, &mut Vec::new(), findings);
    // What an included file makes of its own parameters may be overridden.
    for known in known.iter().filter(|known| !known.is_used && known.place.text == 0) {
        let name = &known.parameter.name;
        let what = format!("the parameter `{name}` is used nowhere");
        let finding = findings.add("job.parameter-unused", Some(known.place.clone()), &[PARAMETERS, name], what);
        finding.hint(format!("write ${{{name}}} in a value, or remove it"));
    }
    known.into_iter().map(|known| known.parameter).collect()
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// A declaration. One that is wrong is told, and known all the same, so that it is not told again wherever it is used.
fn declared(entry: Entry, findings: &mut Findings) -> Option<Known> {
    const KEYS: [&str; 4] = ["type", "default", "required", "help"];
    let Entry { name, place, node } = entry;
    let pointer = [PARAMETERS, name.as_str()];
    if !is_name(&name) || name == FOLDER {
        let what = if name == FOLDER {
            format!("`{FOLDER}` is no name of a parameter: ${{{FOLDER}}} is the folder of the file")
        } else {
            format!("`{name}` is no name of a parameter: it has letters, digits, `-` and `_`")
        };
        findings.add("job.parameter-name", Some(place), &pointer, what);
        return None;
    }
    let Value::Table(table) = node.value else {
        let what = format!("a parameter is a table, not {}", node.value.kind());
        findings.add("job.type", Some(node.place), &pointer, what).hint("such as { type = \"text\", required = true }");
        return None;
    };
    let mut parameter =
        Parameter { name: name.clone(), ty: ParameterType::Text, help: String::new(), required: true, default: None };
    let (mut value, mut required) = (None, None);
    for Entry { name: key, place, node } in table.entries {
        let pointer = [PARAMETERS, name.as_str(), key.as_str()];
        let mut wrong = |takes: &str| {
            let what = format!("`{key}` takes {takes}, not {}", node.value.kind());
            findings.add("job.type", Some(node.place.clone()), &pointer, what);
        };
        match (key.as_str(), &node.value) {
            ("type", Value::Text(text)) => {
                if let Some(ty) = ParameterType::ALL.into_iter().find(|ty| ty.name() == text) {
                    parameter.ty = ty;
                } else {
                    let names = ParameterType::ALL.map(ParameterType::name);
                    let what = format!("there is no type `{text}`; the types are {}", names.join(", "));
                    let finding = findings.add("job.value", Some(node.place), &pointer, what);
                    finding.hint(nearest(text, names).map_or(String::new(), |name| format!("did you mean `{name}`?")));
                }
            }
            ("help", Value::Text(text)) => parameter.help.clone_from(text),
            ("type" | "help", _) => wrong("a string"),
            ("required", Value::Switch(on)) => required = Some((*on, node.place)),
            ("required", _) => wrong("`true` or `false`"),
            ("default", _) => value = Some(node),
            _ => {
                let what = format!("a parameter has no `{key}`; it has {}", KEYS.join(", "));
                let finding = findings.add("job.unknown-field", Some(place), &pointer, what);
                finding.hint(nearest(&key, KEYS).map_or(String::new(), |name| format!("did you mean `{name}`?")));
            }
        }
    }
    if let Some(node) = &value
        && !parameter.ty.takes(&node.value)
    {
        let what = format!("`{name}` is of type {}, and its default is {}", parameter.ty.name(), node.value.kind());
        findings.add("job.parameter-type", Some(node.place.clone()), &[PARAMETERS, &name, "default"], what);
    }
    match required {
        Some((true, place)) if value.is_some() => {
            let what = format!("`{name}` is required, and has a default");
            let finding = findings.add("job.parameter-type", Some(place), &[PARAMETERS, &name, "required"], what);
            finding.hint("leave one of them out");
        }
        // Not given, it is nothing.
        Some((false, _)) if value.is_none() => parameter.required = false,
        _ => parameter.required = value.is_none(),
    }
    let value = value.map(|node| node.value);
    parameter.default = value.as_ref().and_then(Value::typed);
    Some(Known { parameter, place, value, is_used: false })
}

/// Takes the values of `--set`. What is wrong with them is told without the value, which may be nobody's business.
fn give(known: &mut [Known], set: &[String], findings: &mut Findings) {
    for given in set {
        let (name, value) = given.split_once('=').map_or((given.as_str(), None), |(name, value)| (name, Some(value)));
        let shown = if value.is_some() { format!("--set {name}=…") } else { format!("--set {name}") };
        let place = |findings: &mut Findings| {
            let text = findings.add_text(COMMAND_LINE, shown.clone());
            Some(Place { text, span: 6..6 + name.len() })
        };
        let Some(value) = value else {
            let place = place(findings);
            findings.add("job.parameter-type", place, &[], format!("`--set {name}` is not NAME=VALUE"));
            continue;
        };
        let names: Vec<_> = known.iter().map(|known| known.parameter.name.clone()).collect();
        let Some(known) = known.iter_mut().find(|known| known.parameter.name == name) else {
            let there_are =
                if names.is_empty() { "there are none".to_owned() } else { format!("there are {}", names.join(", ")) };
            let place = place(findings);
            let what = format!("there is no parameter `{name}`; {there_are}");
            let finding = findings.add("job.parameter-unknown", place, &[], what);
            let near = nearest(name, names.iter().map(String::as_str));
            finding.hint(near.map_or(String::new(), |name| format!("did you mean `{name}`?")));
            continue;
        };
        match known.parameter.ty.read(value) {
            Some(value) => known.value = Some(value),
            None => {
                let place = place(findings);
                let what = format!("the parameter `{name}` takes a value of type {}", known.parameter.ty.name());
                findings.add("job.parameter-type", place, &[], what);
                known.value = Some(Value::Unset);
            }
        }
    }
}

fn fill_table(table: &mut Table, known: &mut [Known], pointer: &mut Vec<String>, findings: &mut Findings) {
    for entry in &mut table.entries {
        pointer.push(entry.name.clone());
        fill(&mut entry.node, known, pointer, findings);
        pointer.pop();
    }
}

fn fill(node: &mut Node, known: &mut [Known], pointer: &mut Vec<String>, findings: &mut Findings) {
    match &mut node.value {
        Value::Table(table) => fill_table(table, known, pointer, findings),
        Value::List(all) => all.iter_mut().for_each(|node| fill(node, known, pointer, findings)),
        Value::Text(text) if text.contains("${") => {
            let text = std::mem::take(text);
            node.value = filled(&text, &node.place, known, pointer, findings);
        }
        _ => {}
    }
}

/// A string with values in the place of parameters. One that is a parameter and nothing else has the parameter's type. `$${` stands for `${`.
fn filled(text: &str, place: &Place, known: &mut [Known], pointer: &[String], findings: &mut Findings) -> Value {
    let mut out = String::new();
    let mut rest = text;
    let mut is_unset = false;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = after;
            continue;
        }
        out.push_str(before);
        let pointer: Vec<&str> = pointer.iter().map(String::as_str).collect();
        let Some((name, after)) = after.split_once('}') else {
            let what = "after `${` comes the name of a parameter and `}`".to_owned();
            findings.add("job.parameter-unknown", Some(place.clone()), &pointer, what).hint("write $${ for ${ itself");
            return Value::Unset;
        };
        let names: Vec<_> = known.iter().map(|known| known.parameter.name.clone()).collect();
        match known.iter_mut().find(|known| known.parameter.name == name) {
            _ if name == FOLDER => out.push_str(folder(findings.name(place.text))),
            Some(known) => {
                known.is_used = true;
                match &known.value {
                    Some(value) if text.len() == name.len() + 3 => return value.clone(),
                    Some(value) => match value.typed() {
                        Some(value) => out.push_str(&value),
                        None => is_unset = true,
                    },
                    // As a part of something it is empty; by itself it is nothing.
                    None if !known.parameter.required && text.len() != name.len() + 3 => {}
                    None => is_unset = true,
                }
            }
            None => {
                is_unset = true;
                let what = format!("there is no parameter `{name}`");
                let finding = findings.add("job.parameter-unknown", Some(place.clone()), &pointer, what);
                let near = nearest(name, names.iter().map(String::as_str));
                // What is meant is used.
                known
                    .iter_mut()
                    .filter(|known| Some(known.parameter.name.as_str()) == near)
                    .for_each(|k| k.is_used = true);
                finding.hint(match near {
                    Some(near) => format!("did you mean `${{{near}}}`?"),
                    None => format!("declare it: [{PARAMETERS}.{name}]"),
                });
            }
        }
        rest = after;
    }
    out.push_str(rest);
    if is_unset { Value::Unset } else { Value::Text(out) }
}
