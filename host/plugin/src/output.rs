//! What `transform` returned, checked entirely before any of it is used.

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;
use gristmill_record::outcome::{HOST_CODES, LONGEST_CODE, is_code};
use gristmill_record::{Description, Table};

use crate::arrays::{Arrays, Wanted};
use crate::bindings::{Output, Rejection as RawRejection, Rows};
use crate::transform::{Rejection, TableRows};

/// Bytes of the message of a rejection or violation, as the contract says.
pub(crate) const MESSAGE: usize = 4096;

/// What a call is checked against.
pub(crate) struct Promised<'a> {
    pub(crate) description: &'a Description,
    /// One for each table.
    pub(crate) schemas: &'a [SchemaRef],
    /// Rows of the batch that the plugin was handed.
    pub(crate) input_rows: u32,
    /// Most elements of a list column.
    pub(crate) max_elements: usize,
}

/// Checks the output; the error names the table and column and the rule.
pub(crate) fn check(output: Output, promised: &Promised<'_>) -> Result<(Vec<TableRows>, Vec<Rejection>), String> {
    let tables = promised.description.tables();
    if output.tables.len() != tables.len() {
        return Err(format!("it returned {} tables where {} are declared", output.tables.len(), tables.len()));
    }
    let rejections = check_rejections(output.rejections, promised)?;
    let rejected = rejected_rows(&rejections, promised.input_rows)?;
    let mut all = Vec::with_capacity(tables.len());
    for ((rows, table), schema) in output.tables.into_iter().zip(tables).zip(promised.schemas) {
        let in_table = |what: String| format!("table `{}`: {what}", table.name());
        all.push(check_rows(rows, table, schema, rejected.as_deref(), promised).map_err(in_table)?);
    }
    Ok((all, rejections))
}

fn check_rows(
    rows: Rows,
    table: &Table,
    schema: &SchemaRef,
    rejected: Option<&[bool]>,
    promised: &Promised<'_>,
) -> Result<TableRows, String> {
    let Rows { batch, origins } = rows;
    let length = batch.rows as usize;
    check_origins(origins.as_deref(), batch.rows, rejected, promised.input_rows)?;
    if batch.columns.len() != table.columns().len() {
        return Err(format!("it has {} columns where {} are declared", batch.columns.len(), table.columns().len()));
    }
    let mut arrays = Arrays::new(batch.arrays, promised.max_elements);
    let mut columns = Vec::with_capacity(batch.columns.len());
    for (index, column) in batch.columns.into_iter().zip(table.columns()) {
        let wanted = Wanted { ty: &column.ty, length, required: column.required };
        let array = arrays.take(index, None, wanted).map_err(|what| format!("column `{}`: {what}", column.name))?;
        columns.push(array);
    }
    if arrays.unused() > 0 {
        return Err(format!("{} arrays belong to no column", arrays.unused()));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(length));
    let rows = RecordBatch::try_new_with_options(SchemaRef::clone(schema), columns, &options)
        .map_err(|e| format!("its columns make no batch: {e}"))?;
    Ok(TableRows { rows, origins })
}

/// Origins name input rows in order, and none that was rejected.
fn check_origins(origins: Option<&[u32]>, rows: u32, rejected: Option<&[bool]>, input_rows: u32) -> Result<(), String> {
    let mapped_and_rejected = |row: u32| format!("input row {row} is rejected and has a row as well");
    let Some(origins) = origins else {
        if rows != input_rows {
            return Err(format!("it has {rows} rows, made from {input_rows} input rows, and no origins"));
        }
        return match rejected.and_then(|rejected| rejected.iter().position(|r| *r)) {
            Some(row) => Err(mapped_and_rejected(u32::try_from(row).unwrap_or(u32::MAX))),
            None => Ok(()),
        };
    };
    if origins.len() != rows as usize {
        return Err(format!("it has {} origins for {rows} rows", origins.len()));
    }
    if let Some(i) = origins.iter().zip(origins.get(1..).unwrap_or_default()).position(|(a, b)| a > b) {
        return Err(format!("origin {} is below the one before it", i.saturating_add(1)));
    }
    // They do not fall, so the last is the greatest.
    if origins.last().is_some_and(|last| *last >= input_rows) {
        return Err(format!("an origin names a row that the input, of {input_rows} rows, does not have"));
    }
    if let Some(rejected) = rejected
        && let Some(row) = origins.iter().find(|row| rejected.get(**row as usize).copied().unwrap_or_default())
    {
        return Err(mapped_and_rejected(*row));
    }
    Ok(())
}

fn check_rejections(rejections: Vec<RawRejection>, promised: &Promised<'_>) -> Result<Vec<Rejection>, String> {
    let inputs = promised.description.inputs();
    rejections
        .into_iter()
        .map(|r| {
            if r.row >= promised.input_rows {
                return Err(format!("a rejection names row {} of {}", r.row, promised.input_rows));
            }
            if !is_code(&r.code) {
                return Err(format!(
                    "the code of a rejection must have 1 to {LONGEST_CODE} lower-case letters, digits, `-` and `.`, and not begin with {}",
                    HOST_CODES.join(", ")
                ));
            }
            if r.input.as_ref().is_some_and(|name| !inputs.iter().any(|i| i.name == *name)) {
                return Err(format!("the rejection `{}` names an input that is not declared", r.code));
            }
            if r.message.len() > MESSAGE {
                return Err(format!(
                    "the message of the rejection `{}` has {} bytes, more than {MESSAGE}",
                    r.code,
                    r.message.len()
                ));
            }
            Ok(Rejection { row: r.row, code: r.code, input: r.input, message: r.message })
        })
        .collect()
}

/// For each input row whether it is rejected; none where no row is.
fn rejected_rows(rejections: &[Rejection], input_rows: u32) -> Result<Option<Vec<bool>>, String> {
    if rejections.is_empty() {
        return Ok(None);
    }
    let mut rejected = vec![false; input_rows as usize];
    for rejection in rejections {
        match rejected.get_mut(rejection.row as usize) {
            Some(place) if !*place => *place = true,
            _ => return Err(format!("row {} is rejected twice", rejection.row)),
        }
    }
    Ok(Some(rejected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins() {
        let rejected = [false, true, false];
        assert!(check_origins(Some(&[0, 0, 2]), 3, Some(&rejected), 3).is_ok());
        assert!(check_origins(None, 3, None, 3).is_ok());
        assert!(check_origins(Some(&[]), 0, Some(&rejected), 3).is_ok());
        for (origins, rows, words) in [
            (Some(&[0, 1][..]), 2, "input row 1 is rejected and"),
            (None, 3, "input row 1 is rejected and"),
            (None, 2, "2 rows, made from 3"),
            (Some(&[2, 0]), 2, "origin 1 is below"),
            (Some(&[0, 3]), 2, "names a row that the input"),
            (Some(&[0]), 2, "1 origins for 2 rows"),
        ] {
            let error = check_origins(origins, rows, Some(&rejected), 3).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
