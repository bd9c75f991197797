//! A run as a row: a column for each field of [`RunRecord`], in which lists and objects are JSON.

use std::sync::LazyLock;

use rusqlite::types::{Value as Cell, ValueRef};
use rusqlite::{Row, ToSql};
use serde_json::{Map, Value};

use crate::{RunRecord, StateError};

/// The columns, in the order of the table, and which of them hold JSON.
const COLUMNS: [(&str, bool); 30] = [
    ("id", false),
    ("job", false),
    ("state", false),
    ("resumable", false),
    ("work", false),
    ("attempts", false),
    ("started_at", false),
    ("begun_at", false),
    ("ended_at", false),
    ("seconds", false),
    ("program", false),
    ("contract", false),
    ("command", true),
    ("input", true),
    ("destination", false),
    ("plugin", true),
    ("validators", true),
    ("facts", true),
    ("seed", false),
    ("split_bytes", false),
    ("splits", false),
    ("splits_taken_over", false),
    ("ledger", true),
    ("refusals", true),
    ("dead_letters", false),
    ("shuffled_bytes", false),
    ("peak_memory", false),
    ("error", true),
    ("exit_code", false),
    ("details", true),
];

/// `id, job, …`
pub(crate) static NAMES: LazyLock<String> = LazyLock::new(|| COLUMNS.map(|(name, _)| name).join(", "));

/// Inserts a run with all its columns.
pub(crate) static INSERT: LazyLock<String> = LazyLock::new(|| {
    let marks = vec!["?"; COLUMNS.len()].join(", ");
    format!("INSERT INTO runs ({}) VALUES ({marks})", *NAMES)
});

/// Replaces all columns of a run; its parameters are those of [`INSERT`], of which the first is the id.
pub(crate) static UPDATE: LazyLock<String> = LazyLock::new(|| {
    let set: Vec<String> = (1..=COLUMNS.len()).zip(COLUMNS).map(|(i, (name, _))| format!("{name} = ?{i}")).collect();
    format!("UPDATE runs SET {} WHERE id = ?1", set.join(", "))
});

/// The values of a run, in the order of the columns.
pub(crate) fn cells(record: &RunRecord) -> Result<Vec<Cell>, StateError> {
    let bug = |what: &str| StateError::Bug(format!("the run cannot be recorded: {what}"));
    let Value::Object(mut fields) = serde_json::to_value(record).map_err(|e| bug(&e.to_string()))? else {
        return Err(bug("it is no object"));
    };
    let cell = |(name, is_json): (&str, bool)| {
        Ok(match fields.remove(name).unwrap_or_default() {
            Value::Null => Cell::Null,
            value if is_json => Cell::Text(value.to_string()),
            Value::String(text) => Cell::Text(text),
            Value::Bool(yes) => Cell::Integer(yes.into()),
            Value::Number(n) => match (n.as_i64(), n.as_f64()) {
                (Some(n), _) => Cell::Integer(n),
                (None, Some(n)) => Cell::Real(n),
                (None, None) => return Err(bug(name)),
            },
            _ => return Err(bug(name)),
        })
    };
    COLUMNS.into_iter().map(cell).collect()
}

pub(crate) fn parameters(cells: &[Cell]) -> Vec<&dyn ToSql> {
    cells.iter().map(|cell| cell as &dyn ToSql).collect()
}

/// The run of a row of [`NAMES`]; the error says which column is at fault.
pub(crate) fn record(row: &Row<'_>) -> Result<RunRecord, String> {
    let mut fields = Map::new();
    for (index, (name, is_json)) in COLUMNS.into_iter().enumerate() {
        let fail = |what: &str| format!("column {name} of a run: {what}");
        let value = match row.get_ref(index).map_err(|e| fail(&e.to_string()))? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(n) if name == "resumable" => Value::Bool(n != 0),
            ValueRef::Integer(n) => n.into(),
            ValueRef::Real(n) => n.into(),
            ValueRef::Text(text) if is_json => serde_json::from_slice(text).map_err(|e| fail(&e.to_string()))?,
            ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
            ValueRef::Blob(_) => return Err(fail("it holds bytes")),
        };
        fields.insert(name.to_owned(), value);
    }
    serde_json::from_value(Value::Object(fields)).map_err(|e| format!("a run: {e}"))
}
