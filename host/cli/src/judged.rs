//! A case for what judges: rows, and what is said of each.

use std::fmt::Write as _;
use std::path::Path;

use gristmill_pipeline::judging::SampleRows;
use gristmill_plugin::{Engine, Plugin, Severity, Validate, Violation};
use gristmill_record::Table;
use gristmill_sink::rows_from_json;
use serde_json::Value;

use crate::case::Case;
use crate::cases::{ALL_AT_ONCE, Tried, is_fault};
use crate::error::CliError;
use crate::expected::line_name;
use crate::job::file_error;
use crate::tables::own_tables;

/// A line of the file of rows.
struct Line {
    /// From 1.
    number: u64,
    /// Index of the table.
    table: usize,
    row: Value,
}

/// Judges the rows of a case in every way in which they may be handed over.
pub(crate) fn try_rows(engine: &Engine, plugin: &Plugin, case: &Case<'_>, path: &Path) -> Result<Tried, CliError> {
    let tables = match &case.file.tables {
        Some(part) => part.tables(engine, &case.path())?,
        // Rows of its own.
        None if plugin.maps() => own_tables(plugin, &case.file.config, case.context())?,
        None => {
            let what = "it has rows, and nothing says what tables they are of".to_owned();
            return Err(CliError::Tables { from: case.path().display().to_string(), what });
        }
    };
    let validator = plugin.configure_validator(&case.file.config, case.context(), &tables)?;
    let lines = read(path, &tables).map_err(|e| e.at(case, path))?;
    let rows = sample(&lines, &tables).map_err(|what| case.fail(what))?;
    let judged = rows.judge(&validator, ALL_AT_ONCE)?;
    let mut broken = Vec::new();
    for (property, calls) in gristmill_pipeline::trial::PROPERTIES {
        let again = rows.judge(&validator, calls)?;
        let differing = lines.iter().zip(judged.iter().zip(&again)).find(|(_, (a, b))| a != b);
        broken.extend(differing.map(|(line, _)| (property, line_name(line.number))));
    }
    let is_judged = |table: usize| validator.is_about("", table);
    let text = lines.iter().zip(&judged).flat_map(|(line, found)| {
        let table = tables.get(line.table).map(Table::name).unwrap_or_default();
        lines_of(line.number, table, is_judged(line.table), found)
    });
    Ok(Tried {
        what: "row",
        count: lines.len(),
        nothing: (!lines.iter().any(|line| is_judged(line.table)))
            .then_some("the validator judges none of its tables, or there are no rows"),
        lines: text.collect(),
        broken,
        faults: judged.iter().filter(|found| found.iter().any(|v| is_fault(&v.rule))).count(),
    })
}

/// Why the rows cannot be read.
enum Unread {
    File(std::io::Error),
    /// What is wrong, with the line.
    Line(String),
}

impl Unread {
    fn at(self, case: &Case<'_>, path: &Path) -> CliError {
        match self {
            Self::File(e) => file_error(path, e),
            Self::Line(what) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                case.fail(format!("{name}, {what}"))
            }
        }
    }
}

/// The rows, each checked against its table.
fn read(path: &Path, tables: &[Table]) -> Result<Vec<Line>, Unread> {
    let text = std::fs::read_to_string(path).map_err(Unread::File)?;
    let mut all = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let read = read_line(line, tables).map_err(|what| Unread::Line(format!("{}: {what}", line_name(number))))?;
        all.extend(read.map(|(table, row)| Line { number, table, row }));
    }
    Ok(all)
}

/// The index of the table, and the row. None for what is expected of a plugin that maps, and is no row: its file may be taken as it is.
fn read_line(line: &str, tables: &[Table]) -> Result<Option<(usize, Value)>, String> {
    let value: Value = serde_json::from_str(line).map_err(|e| format!("it is not JSON: {e}"))?;
    if value.get("refused").or(value.get("filtered")).is_some() {
        return Ok(None);
    }
    let name = value.get("table").and_then(Value::as_str).ok_or("it has no `table`")?;
    let index = tables.iter().position(|table| table.name() == name).ok_or_else(|| {
        let names: Vec<_> = tables.iter().map(Table::name).collect();
        format!("there is no table `{name}`, but {}", names.join(", "))
    })?;
    let row = value.get("row").ok_or("it has no `row`")?;
    let object = row.as_object().ok_or("its `row` is no object with columns")?;
    let Some(table) = tables.get(index) else { return Ok(None) };
    if let Some(column) = object.keys().find(|column| !table.columns().iter().any(|c| c.name == **column)) {
        return Err(format!("the table `{name}` has no column `{column}`"));
    }
    let is_null = |column: &str| object.get(column).is_none_or(Value::is_null);
    if let Some(column) = table.columns().iter().find(|c| c.required && is_null(&c.name)) {
        return Err(format!("the column `{}` is required, and has no value", column.name));
    }
    rows_from_json(table, std::slice::from_ref(row)).map_err(|e| e.to_string())?;
    Ok(Some((index, row.clone())))
}

fn sample(lines: &[Line], tables: &[Table]) -> Result<SampleRows, String> {
    let batch = |(index, table): (usize, &Table)| {
        let rows: Vec<Value> = lines.iter().filter(|line| line.table == index).map(|line| line.row.clone()).collect();
        rows_from_json(table, &rows).map_err(|e| e.to_string())
    };
    let batches = tables.iter().enumerate().map(batch).collect::<Result<_, _>>()?;
    Ok(SampleRows::new(batches, lines.iter().map(|line| line.table)))
}

/// What is said of a row, a line each.
fn lines_of(number: u64, table: &str, is_judged: bool, found: &[Violation]) -> Vec<String> {
    let start = format!(r#"{{"line":{number},"table":{}"#, Value::from(table));
    if !is_judged {
        return vec![format!(r#"{start},"judged":false}}"#)];
    }
    if found.is_empty() {
        return vec![format!(r#"{start},"passes":true}}"#)];
    }
    let line = |violation: &Violation| {
        let severity = match violation.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let mut line = format!(r#"{start},"{severity}":{}"#, Value::from(violation.rule.as_str()));
        if let Some(column) = &violation.column {
            let _ = write!(line, r#","column":{}"#, Value::from(column.as_str()));
        }
        // What a warning says is shown to nobody: it is counted.
        if violation.severity == Severity::Error {
            let _ = write!(line, r#","message":{}"#, Value::from(violation.message.as_str()));
        }
        line + "}"
    };
    found.iter().map(line).collect()
}
