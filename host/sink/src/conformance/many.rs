//! Many rows: what takes a while, and so is not among the cases.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use gristmill_record::arrow::table_schema;
use gristmill_record::{OutputColumn, Scalar, Table, TableDraft};

use super::cases::{commit, load, tables};
use super::{Failure, Subject};
use crate::{OnConflict, TableCount};

/// Rows of a batch.
const BATCH: u64 = 10_000;

/// Loads so many rows, with keys in no order, and the same again as another job: every row is there once, and the counts say so.
///
/// # Errors
/// What was found instead.
pub async fn run(subject: &dyn Subject, rows: u64) -> Result<(), Failure> {
    let failure = |what: String| Failure { case: "many rows", what };
    let table = table().map_err(failure)?;
    let batches = batches(&table, rows).map_err(failure)?;
    let all = TableCount { inserted: rows, ..TableCount::default() };
    let none = if subject.ways().merges { TableCount { already: rows, ..TableCount::default() } } else { all };
    for (run, job, expected) in [("run-1", "one", all), ("run-2", "two", none)] {
        let load = load(run, job, OnConflict::Keep, &[&table]);
        let counts = commit(subject.sink().as_mut(), &load, &batches).await.map_err(failure)?;
        let there = subject.count(&table).map_err(failure)?;
        if counts != [expected] || there != rows {
            return Err(failure(format!("{run}: the counts are {counts:?}, and {there} rows are there")));
        }
    }
    Ok(())
}

fn table() -> Result<Table, String> {
    let column = |name: &str, scalar: Scalar| OutputColumn {
        name: name.into(),
        ty: scalar.into(),
        required: true,
        description: String::new(),
    };
    let draft = TableDraft {
        name: "many".into(),
        columns: vec![column("id", Scalar::String), column("n", Scalar::Int64)],
        key: vec!["id".into()],
        ..TableDraft::default()
    };
    tables(vec![draft])?.pop().ok_or_else(|| "the description lost its table".to_owned())
}

fn batches(table: &Table, rows: u64) -> Result<Vec<(usize, RecordBatch)>, String> {
    // An odd factor makes another order of the numbers of 64 bits, and no two of them equal.
    let id = |n: u64| format!("{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let batch = |first: u64| {
        let numbers = first..rows.min(first + BATCH);
        let ids: ArrayRef = Arc::new(StringArray::from_iter_values(numbers.clone().map(id)));
        let values: ArrayRef = Arc::new(Int64Array::from_iter_values(numbers.map(u64::cast_signed)));
        RecordBatch::try_new(table_schema(table), vec![ids, values]).map(|rows| (0, rows)).map_err(|e| e.to_string())
    };
    (0..rows.div_ceil(BATCH)).map(|n| batch(n * BATCH)).collect()
}
