//! The reference page of job files.

use std::fmt::Write as _;

use crate::field::{DESCRIPTION, INCLUDE, PARAMETERS};
use crate::schema::{DESCRIPTION_HELP, INCLUDE_HELP, PARAMETERS_HELP};
use crate::{Field, Kind, ParameterType};

/// A table of fields for each table of a job, in Markdown.
pub fn page(fields: &[Field]) -> String {
    let mut out = "\n## At the top\n\n| field | value | what it is |\n| --- | --- | --- |\n".to_owned();
    for (name, value, help) in [
        (DESCRIPTION, "a string", DESCRIPTION_HELP),
        (INCLUDE, "a string, or a list of them", INCLUDE_HELP),
        (PARAMETERS, "a table of tables", PARAMETERS_HELP),
    ] {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "| `{name}` | {value} | {help}. |");
    }
    let _ = write!(
        out,
        "\n## `[{PARAMETERS}.NAME]`\n\n| field | value | what it is |\n| --- | --- | --- |\n| `type` | {} | What its values are; `text` where nothing is said. |\n",
        ParameterType::ALL.map(|ty| format!("`{}`", ty.name())).join(", ")
    );
    out.push_str("| `default` | a value of the type | What goes where none is given. |\n");
    out.push_str("| `required` | `true` or `false` | Whether one must be given; without a default it must, unless this says `false`. One that need not be given, and is not, is empty, and a field that is nothing but it is not said. |\n");
    out.push_str("| `help` | a string | What it is, for people. |\n");
    for field in fields {
        section(field, &field.name, &mut out);
    }
    out
}

fn section(field: &Field, path: &str, out: &mut String) {
    let _ = write!(
        out,
        "\n## `[{path}]`\n\n{}.\n\n| field | value | command line | what it is |\n| --- | --- | --- | --- |\n",
        field.help
    );
    for field in field.fields() {
        let value = if field.choices.is_empty() {
            field.kind.to_string()
        } else {
            field.choices.iter().map(|choice| format!("`{}`", choice.name)).collect::<Vec<_>>().join(", ")
        };
        let mut help = format!("{}.", field.help.replace('|', "\\|"));
        for choice in field.choices.iter().filter(|choice| !choice.help.is_empty()) {
            let _ = write!(help, " `{}`: {}.", choice.name, choice.help);
        }
        if let Some(default) = &field.default {
            let _ = write!(help, " Default: `{default}`.");
        }
        if field.required {
            help.push_str(" Must be said.");
        }
        let flag = if field.flag.is_empty() { String::new() } else { format!("`{}`", field.flag.replace('|', "\\|")) };
        let _ = writeln!(out, "| `{}` | {value} | {flag} | {help} |", field.name);
    }
    for field in field.fields().iter().filter(|field| matches!(field.kind, Kind::Table(_))) {
        section(field, &format!("{path}.{}", field.name), out);
    }
}
