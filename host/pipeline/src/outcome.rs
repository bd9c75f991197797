//! What became of records, one by one: for dead letters, and for those who look at a mapping and load nothing.

use arrow_array::RecordBatch;
use gristmill_plugin::{Mapped, RecordFault, Rejection};
use gristmill_record::{Description, Origin, Refusal, Stage};

/// How a record ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It became these rows: index of the table, and a batch of one row.
    Rows(Vec<(usize, RecordBatch)>),
    /// The plugin made nothing of it.
    Filtered,
    /// It was refused.
    Refused(Refusal),
}

/// The refusal of a record on which the plugin failed.
pub(crate) fn of_fault(fault: RecordFault) -> Refusal {
    Refusal { stage: Stage::Transform, code: fault.code.to_owned(), field: None, message: fault.message }
}

/// The refusal of a record that the plugin rejected.
pub(crate) fn of_rejection(rejection: Rejection, description: &Description) -> Refusal {
    Refusal {
        stage: Stage::Transform,
        field: rejection.input.as_deref().map(|name| field_of(description, name)),
        code: rejection.code,
        message: rejection.message,
    }
}

/// The field path that an input reads, or the input's name where it reads no field.
fn field_of(description: &Description, input: &str) -> String {
    match description.inputs().iter().find(|i| i.name == input).map(|i| &i.origin) {
        Some(Origin::Field(steps) | Origin::FieldType(steps)) => steps.join("."),
        _ => input.to_owned(),
    }
}

/// What became of each row of a batch of `rows` records.
pub(crate) fn outcomes_of(mapped: Mapped, description: &Description, rows: usize) -> Vec<Outcome> {
    let mut outcomes = vec![Outcome::Filtered; rows];
    let mut set = |row: usize, outcome: Outcome| {
        if let Some(slot) = outcomes.get_mut(row) {
            *slot = outcome;
        }
    };
    for fault in mapped.faults {
        set(fault.row as usize, Outcome::Refused(of_fault(fault)));
    }
    for part in mapped.parts {
        let first = part.first_row as usize;
        let mut made: Vec<Vec<(usize, RecordBatch)>> = vec![Vec::new(); part.rows as usize];
        for (index, table) in part.tables.iter().enumerate() {
            for row in 0..table.rows.num_rows() {
                if let Some(rows) = made.get_mut(table.origin(row)) {
                    rows.push((index, table.rows.slice(row, 1)));
                }
            }
        }
        for (row, rows) in made.into_iter().enumerate().filter(|(_, rows)| !rows.is_empty()) {
            set(first + row, Outcome::Rows(rows));
        }
        for rejection in part.rejections {
            set(first + rejection.row as usize, Outcome::Refused(of_rejection(rejection, description)));
        }
    }
    outcomes
}

/// The path below `…/documents/` of a document in REST JSON; empty where it has none.
pub(crate) fn path_of(json: &[u8]) -> String {
    let value: Option<serde_json::Value> = serde_json::from_slice(json).ok();
    let name = value.as_ref().and_then(|v| v.get("name")).and_then(|n| n.as_str()).unwrap_or_default();
    name.split_once("/documents/").map_or("", |(_, path)| path).to_owned()
}
