//! Two hashes for each row: of its key, and of all its values. They are the same in every run and on every machine.

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use gristmill_record::Table;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::error::RunError;

/// Odd numbers without a pattern: digits of the golden ratio, and of the roots of 2, 3 and 5.
const MIX: [u64; 4] = [0x9e37_79b9_7f4a_7c15, 0x6a09_e667_f3bc_c909, 0xbb67_ae85_84ca_a73b, 0x3c6e_f372_fe94_f82b];

/// What is a run's own, and so differs in every run of the same job: a value that equals it counts as the same as the other run's.
#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) run_id: String,
    /// The one time that the run knows, microseconds since the Unix epoch.
    pub(crate) started_at: i64,
}

/// Hashes the rows of a table, batch by batch. Columns are known by name and type, so that their order is no difference, nor is one that is always null.
#[derive(Debug)]
pub(crate) struct RowHasher {
    own: Own,
    /// For each column its seed, and whether it is of the key.
    columns: Vec<(u64, bool)>,
    has_key: bool,
    values: Vec<u64>,
    keys: Vec<u64>,
    rows: Vec<u64>,
}

impl RowHasher {
    pub(crate) fn new(table: &Table, own: Own) -> Self {
        let columns = table.columns().iter().enumerate().map(|(index, column)| {
            (xxh3_64(format!("{}\0{}", column.name, column.ty).as_bytes()), table.key().contains(&index))
        });
        Self {
            own,
            columns: columns.collect(),
            has_key: !table.key().is_empty(),
            values: Vec::new(),
            keys: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Hashes a batch; [`Self::rows`] has the hashes then. `each` is shown the hashes of the values of each column; null has 0.
    pub(crate) fn hash(&mut self, batch: &RecordBatch, mut each: impl FnMut(usize, &[u64])) -> Result<(), RunError> {
        let Self { own, columns, has_key, values, keys, rows } = self;
        let add = |to: &mut Vec<u64>, values: &[u64]| {
            to.iter_mut().zip(values).for_each(|(sum, value)| *sum = sum.wrapping_add(*value));
        };
        for hashes in [&mut *rows, &mut *keys] {
            hashes.clear();
            hashes.resize(batch.num_rows(), 0);
        }
        for (index, (array, (seed, is_key))) in batch.columns().iter().zip(&*columns).enumerate() {
            hash_values(array, *seed, own, values)?;
            add(rows, values);
            if *is_key {
                add(keys, values);
            }
            each(index, values);
        }
        let [a, b, c, d] = MIX;
        if *has_key {
            keys.iter_mut().for_each(|key| *key = fold(fold(*key ^ a, b), c));
        } else {
            // A row without a key is known by all its values.
            keys.iter_mut().zip(&*rows).for_each(|(key, row)| *key = fold(fold(*row ^ a, b), c));
        }
        rows.iter_mut().for_each(|row| *row = fold(fold(*row ^ d, c), a));
        Ok(())
    }

    /// The hash of the key and that of all values, for each row of the last batch.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (u64, u64)> {
        self.keys.iter().copied().zip(self.rows.iter().copied())
    }
}

/// Both halves of the product, one over the other.
#[expect(clippy::cast_possible_truncation, reason = "the two halves")]
pub(super) fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

fn number(value: u64, seed: u64) -> u64 {
    let [a, b, ..] = MIX;
    fold(fold(value ^ seed, a) ^ seed, b)
}

/// A hash for each value of an array; null has 0.
fn hash_values(array: &dyn Array, seed: u64, own: &Own, out: &mut Vec<u64>) -> Result<(), RunError> {
    out.clear();
    // Of what is the run's own, whatever it is.
    let the_run_itself = number(1, !seed);
    match array.data_type() {
        DataType::Int64 => {
            let values = array.as_primitive::<Int64Type>().values();
            out.extend(values.iter().map(|v| number(v.cast_unsigned(), seed)));
        }
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>().values();
            out.extend(values.iter().map(|v| number(v.to_bits(), seed)));
        }
        DataType::Timestamp(..) => {
            let hash = |v: &i64| if *v == own.started_at { the_run_itself } else { number(v.cast_unsigned(), seed) };
            out.extend(array.as_primitive::<TimestampMicrosecondType>().values().iter().map(hash));
        }
        DataType::Date32 => {
            let values = array.as_primitive::<Date32Type>().values();
            out.extend(values.iter().map(|v| number(i64::from(*v).cast_unsigned(), seed)));
        }
        DataType::Boolean => {
            let values = array.as_boolean().values();
            out.extend(values.iter().map(|v| number(u64::from(v), seed)));
        }
        DataType::Utf8 => {
            let hash = |text: &str| match text == own.run_id {
                true => the_run_itself,
                false => xxh3_64_with_seed(text.as_bytes(), seed),
            };
            out.extend(array.as_string::<i32>().iter().map(|text| text.map_or(0, hash)));
        }
        DataType::Binary => {
            let hash = |bytes: &[u8]| xxh3_64_with_seed(bytes, seed);
            out.extend(array.as_binary::<i32>().iter().map(|bytes| bytes.map_or(0, hash)));
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let mut elements = Vec::new();
            hash_values(list.values(), seed, own, &mut elements)?;
            let bounds = list.value_offsets().windows(2);
            out.extend(bounds.map(|bounds| {
                let [first, end] = [bounds.first(), bounds.last()]
                    .map(|at| at.and_then(|at| usize::try_from(*at).ok()).unwrap_or_default());
                let of_row = elements.get(first..end).unwrap_or_default();
                of_row.iter().fold(number(of_row.len() as u64, seed), |hash, element| number(hash ^ element, seed))
            }));
        }
        DataType::Struct(fields) => {
            out.resize(array.len(), number(2, seed));
            let mut values = Vec::new();
            for (field, part) in fields.iter().zip(array.as_struct().columns()) {
                hash_values(part, xxh3_64_with_seed(field.name().as_bytes(), seed), own, &mut values)?;
                out.iter_mut().zip(&values).for_each(|(sum, value)| *sum = sum.wrapping_add(*value));
            }
        }
        other => return Err(RunError::Bug(format!("a column of rows has the type {other}"))),
    }
    if let Some(nulls) = array.nulls().filter(|nulls| nulls.null_count() > 0) {
        out.iter_mut().zip(nulls).filter(|(_, valid)| !valid).for_each(|(hash, _)| *hash = 0);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Float64Array, Int64Array, ListArray, StringArray, TimestampMicrosecondArray};
    use gristmill_record::{OutputColumn, TableDraft};

    use super::*;

    fn table(columns: &[(&str, &str)], key: &[&str]) -> Table {
        let column = |(name, ty): &(&str, &str)| OutputColumn {
            name: (*name).to_owned(),
            ty: ty.parse().unwrap(),
            required: false,
            description: String::new(),
        };
        Table::new(TableDraft {
            name: "t".into(),
            columns: columns.iter().map(column).collect(),
            key: key.iter().map(|k| (*k).to_owned()).collect(),
            ..TableDraft::default()
        })
        .unwrap()
    }

    fn hashes(columns: &[(&str, &str, ArrayRef)], key: &[&str], started_at: i64, run_id: &str) -> Vec<(u64, u64)> {
        let declared: Vec<_> = columns.iter().map(|(name, ty, _)| (*name, *ty)).collect();
        let own = Own { run_id: run_id.into(), started_at };
        let mut hasher = RowHasher::new(&table(&declared, key), own);
        let batch = RecordBatch::try_from_iter_with_nullable(columns.iter().map(|(n, _, a)| (*n, a.clone(), true)));
        hasher.hash(&batch.unwrap(), |_, _| ()).unwrap();
        hasher.rows().collect()
    }

    fn strings(values: &[Option<&str>]) -> ArrayRef {
        Arc::new(StringArray::from(values.to_vec()))
    }

    #[test]
    fn any_value_counts_and_the_runs_own_do_not() {
        let ints = |values: &[Option<i64>]| -> ArrayRef { Arc::new(Int64Array::from(values.to_vec())) };
        let times = |v: i64| -> ArrayRef { Arc::new(TimestampMicrosecondArray::from(vec![v; 2]).with_timezone("UTC")) };
        let (k, n) = (strings(&[Some("a"), Some("b")]), ints(&[Some(1), None]));
        let of = |k: &ArrayRef, n: &ArrayRef, time: i64, id: &str, now: i64, run: &str| {
            let id = strings(&[Some(id), Some("x")]);
            hashes(
                &[
                    ("k", "string", k.clone()),
                    ("n", "int64", n.clone()),
                    ("t", "timestamp", times(time)),
                    ("r", "string", id),
                ],
                &["k"],
                now,
                run,
            )
        };
        let one = of(&k, &n, 7, "run-1", 7, "run-1");
        assert_eq!(one, of(&k, &n, 8, "run-2", 8, "run-2"), "the time and the id of the run");
        let keys = |rows: &[(u64, u64)]| rows.iter().map(|r| r.0).collect::<Vec<_>>();
        for other in [
            of(&k, &n, 8, "run-2", 9, "run-2"),
            of(&k, &n, 7, "run-2", 7, "run-1"),
            of(&k, &ints(&[Some(2), None]), 7, "run-1", 7, "run-1"),
            of(&k, &ints(&[None, None]), 7, "run-1", 7, "run-1"),
        ] {
            assert_eq!(keys(&one), keys(&other));
            assert_ne!(one[0].1, other[0].1);
        }
        assert_ne!(one[0].0, of(&strings(&[None, Some("b")]), &n, 7, "run-1", 7, "run-1")[0].0);
        // Another order of columns, and one more that is null.
        let swapped = hashes(
            &[
                ("r", "string", strings(&[Some("run-1"), Some("x")])),
                ("t", "timestamp", times(7)),
                ("z", "string", strings(&[None, None])),
                ("n", "int64", n.clone()),
                ("k", "string", k.clone()),
            ],
            &["k"],
            7,
            "run-1",
        );
        assert_eq!(one, swapped);
    }

    #[test]
    fn lists_and_zeros() {
        let list = |lists: Vec<Option<Vec<Option<f64>>>>| -> Vec<(u64, u64)> {
            let array = ListArray::from_iter_primitive::<Float64Type, _, _>(lists);
            hashes(&[("l", "list<float64>", Arc::new(array))], &[], 0, "r")
        };
        let rows = list(vec![
            None,
            Some(vec![]),
            Some(vec![None]),
            Some(vec![Some(1.0), Some(2.0)]),
            Some(vec![Some(2.0), Some(1.0)]),
            Some(vec![Some(1.0)]),
        ]);
        let zeros: ArrayRef = Arc::new(Float64Array::from(vec![0.0, -0.0]));
        let rows: Vec<_> = rows.into_iter().chain(hashes(&[("f", "float64", zeros)], &[], 0, "r")).collect();
        let different: std::collections::HashSet<_> = rows.iter().flat_map(|(key, row)| [key, row]).collect();
        assert_eq!(different.len(), 2 * rows.len());
    }
}
