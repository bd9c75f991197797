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
        let rows = made.rows.num_rows();
        let keep: Vec<bool> = (0..rows).map(|row| !refused.contains_key(&origin(made, row))).collect();
        let origins =
            (0..rows).map(|row| origin(made, row)).zip(&keep).filter_map(|(o, keep)| keep.then_some(o)).collect();
        made.rows = filter_record_batch(&made.rows, &BooleanArray::from(keep))
            .map_err(|e| RunError::Bug(format!("rows could not be filtered: {e}")))?;
        made.origins = Some(origins);
    }
    Ok(refused)
}

/// The input row that a row was made from.
fn origin(made: &TableRows, row: usize) -> u32 {
    match &made.origins {
        Some(origins) => origins.get(row).copied().unwrap_or_default(),
        None => u32::try_from(row).unwrap_or_default(),
    }
}
