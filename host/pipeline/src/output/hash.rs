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

    /// Hashes a batch; [`Self::rows`] has the hashes then. `each`, where there is one, is shown the hashes of the values of each column; null has 0.
    pub(crate) fn hash(
        &mut self,
        batch: &RecordBatch,
        mut each: Option<impl FnMut(usize, &[u64])>,
    ) -> Result<(), RunError> {
        let Self { own, columns, has_key, values, keys, rows } = self;
        for hashes in [&mut *rows, &mut *keys] {
            hashes.clear();
            hashes.resize(batch.num_rows(), 0);
        }
        let add = |to: &mut Vec<u64>, row: usize, hash: u64| {
            if let Some(sum) = to.get_mut(row) {
                *sum = sum.wrapping_add(hash);
            }
        };
        for (index, (array, (seed, is_key))) in batch.columns().iter().zip(&*columns).enumerate() {
            if let Some(each) = &mut each {
                hash_values(array, *seed, own, values)?;
                values.iter().enumerate().for_each(|(row, hash)| add(rows, row, *hash));
                each(index, values);
            } else {
                each_hash(array, *seed, own, |row, hash| add(rows, row, hash))?;
            }
            if *is_key {
                each_hash(array, *seed, own, |row, hash| add(keys, row, hash))?;
            }
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

fn bytes_hash(bytes: &[u8], seed: u64) -> u64 {
    let [a, b, ..] = MIX;
    match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        // Ids and words, most of all text: two loads that may overlap.
        (Some(first), Some(last)) if bytes.len() <= 16 => {
            let (first, last) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
            fold(fold(first ^ seed, last ^ a) ^ bytes.len() as u64, b)
        }
        _ => xxh3_64_with_seed(bytes, seed),
    }
}

/// A hash for each value of an array; null has 0.
fn hash_values(array: &dyn Array, seed: u64, own: &Own, out: &mut Vec<u64>) -> Result<(), RunError> {
    out.clear();
    out.resize(array.len(), 0);
    each_hash(array, seed, own, |index, hash| {
        if let Some(slot) = out.get_mut(index) {
            *slot = hash;
        }
    })
}

/// Gives the hash of each value of an array that is not null.
fn each_hash(array: &dyn Array, seed: u64, own: &Own, mut put: impl FnMut(usize, u64)) -> Result<(), RunError> {
    // Of what is the run's own, whatever it is.
    let the_run_itself = number(1, !seed);
    let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
    let is_valid = |index: usize| nulls.is_none_or(|nulls| nulls.is_valid(index));
    let mut numbers = |values: &mut dyn Iterator<Item = u64>| {
        for (index, value) in values.enumerate() {
            if is_valid(index) {
                put(index, number(value, seed));
            }
        }
    };
    match array.data_type() {
        DataType::Boolean => numbers(&mut array.as_boolean().values().iter().map(u64::from)),
        DataType::Date32 => {
            let values = array.as_primitive::<Date32Type>().values();
            numbers(&mut values.iter().map(|v| i64::from(*v).cast_unsigned()));
        }
        DataType::Int64 => {
            for (index, value) in array.as_primitive::<Int64Type>().values().iter().enumerate() {
                if is_valid(index) {
                    put(index, number(value.cast_unsigned(), seed));
                }
            }
        }
        DataType::Float64 => {
            for (index, value) in array.as_primitive::<Float64Type>().values().iter().enumerate() {
                if is_valid(index) {
                    put(index, number(value.to_bits(), seed));
                }
            }
        }
        DataType::Timestamp(..) => {
            for (index, value) in array.as_primitive::<TimestampMicrosecondType>().values().iter().enumerate() {
                if is_valid(index) {
                    let is_own = *value == own.started_at;
                    put(index, if is_own { the_run_itself } else { number(value.cast_unsigned(), seed) });
                }
            }
        }
        DataType::Utf8 => {
            let texts = array.as_string::<i32>();
            each_part(texts.value_offsets(), texts.value_data(), |index, bytes| {
                if is_valid(index) {
                    let is_own = bytes.len() == own.run_id.len() && bytes == own.run_id.as_bytes();
                    put(index, if is_own { the_run_itself } else { bytes_hash(bytes, seed) });
                }
            });
        }
        DataType::Binary => {
            let values = array.as_binary::<i32>();
            each_part(values.value_offsets(), values.value_data(), |index, bytes| {
                if is_valid(index) {
                    put(index, bytes_hash(bytes, seed));
                }
            });
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let mut elements = Vec::new();
            hash_values(list.values(), seed, own, &mut elements)?;
            each_part(list.value_offsets(), &elements, |index, of_row| {
                if is_valid(index) {
                    let start = number(of_row.len() as u64, seed);
                    put(index, of_row.iter().fold(start, |hash, element| number(hash ^ element, seed)));
                }
            });
        }
        DataType::Struct(fields) => {
            let mut sums = vec![number(2, seed); array.len()];
            for (field, part) in fields.iter().zip(array.as_struct().columns()) {
                let seed = xxh3_64_with_seed(field.name().as_bytes(), seed);
                each_hash_of_part(part, seed, own, &mut sums)?;
            }
            sums.into_iter().enumerate().filter(|(index, _)| is_valid(*index)).for_each(|(index, sum)| put(index, sum));
        }
        other => return Err(RunError::Bug(format!("a column of rows has the type {other}"))),
    }
    Ok(())
}

fn each_hash_of_part(part: &dyn Array, seed: u64, own: &Own, sums: &mut [u64]) -> Result<(), RunError> {
    let mut values = Vec::new();
    hash_values(part, seed, own, &mut values)?;
    sums.iter_mut().zip(&values).for_each(|(sum, value)| *sum = sum.wrapping_add(*value));
    Ok(())
}

/// The parts of some values that offsets cut out of them.
fn each_part<T>(offsets: &[i32], values: &[T], mut each: impl FnMut(usize, &[T])) {
    let at = |offset: &i32| usize::try_from(*offset).unwrap_or_default();
    let mut start = offsets.first().map(at).unwrap_or_default();
    for (index, offset) in offsets.iter().skip(1).enumerate() {
        let end = at(offset);
        each(index, values.get(start..end).unwrap_or_default());
        start = end;
    }
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
            required: key.contains(name),
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
        hasher.hash(&batch.unwrap(), None::<fn(usize, &[u64])>).unwrap();
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
