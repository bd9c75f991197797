//! Records of which a row holds what the destination cannot: they are refused before anything is loaded (invariant 5).

use std::collections::BTreeMap;

use arrow_array::BooleanArray;
use arrow_select::filter::filter_record_batch;
use gristmill_plugin::{Part, TableRows};
use gristmill_record::{Refusal, Stage, Table};
use gristmill_sink::ValueLimits;

use crate::error::RunError;

/// Takes the records out of a part of which any row breaches the limits, with all their rows, and gives one refusal for each, by
/// the record's row in the part.
pub(crate) fn take_unstorable(
    limits: &ValueLimits,
    tables: &[Table],
    part: &mut Part,
) -> Result<BTreeMap<u32, Refusal>, RunError> {
    let mut refused = BTreeMap::new();
    if *limits == ValueLimits::default() {
        return Ok(refused);
    }
    for (table, made) in tables.iter().zip(&part.tables) {
        for breach in limits.breaches(table, &made.rows) {
            refused.entry(origin(made, breach.row)).or_insert_with(|| Refusal {
                stage: Stage::Transform,
                code: "sink.unstorable".to_owned(),
                field: Some(format!("{}.{}", table.name(), breach.column)),
                message: format!("the column would hold {}, which the destination cannot store", breach.what),
            });
        }
    }
    if refused.is_empty() {
        return Ok(refused);
    }
    for made in &mut part.tables {
        let keep: Vec<bool> = (0..made.rows.num_rows()).map(|row| !refused.contains_key(&origin(made, row))).collect();
        retain(made, &keep)?;
    }
    Ok(refused)
}

/// The input row that a row was made from.
fn origin(made: &TableRows, row: usize) -> u32 {
    // As many as rows of a batch, whose number is a u32.
    u32::try_from(made.origin(row)).unwrap_or(u32::MAX)
}

/// Takes rows out, with their origins.
pub(crate) fn retain(made: &mut TableRows, keep: &[bool]) -> Result<(), RunError> {
    let kept = keep.iter().enumerate().filter(|(_, keep)| **keep);
    made.origins = Some(kept.map(|(row, _)| origin(made, row)).collect());
    made.rows = filter_record_batch(&made.rows, &BooleanArray::from(keep.to_vec()))
        .map_err(|e| RunError::Bug(format!("rows could not be filtered: {e}")))?;
    Ok(())
}
