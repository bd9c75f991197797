//! Several rows of a record, and several tables.

#![allow(missing_docs)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on says where it stands"
)]

use gristmill_sdk::native::{Array, Batch, Output, Rows, Values};

/// As many rows as the number says; a number below 0 is refused.
mod many {
    use gristmill_sdk::prelude::*;

    #[derive(Input)]
    #[input(documents = "a/*")]
    pub(super) struct Number {
        pub(super) n: i64,
    }

    #[derive(Row)]
    #[row(table = "numbers")]
    pub(super) struct NumberRow {
        pub(super) n: i64,
    }

    pub(super) fn up_to(n: i64) -> Vec<NumberRow> {
        (0..n).map(|n| NumberRow { n }).collect()
    }

    fn map(number: Number, _: &Context) -> Result<Vec<NumberRow>, Rejection> {
        if number.n < 0 { Err(Rejection::new("negative", "no")) } else { Ok(up_to(number.n)) }
    }

    gristmill_sdk::plugin! { map: map }
}

/// A table of each kind; 0 makes nothing at all.
mod several {
    use gristmill_sdk::prelude::*;

    use super::many::{Number, NumberRow, up_to};

    #[derive(Row)]
    #[row(table = "each")]
    struct Each {
        n: i64,
    }

    #[derive(Row)]
    #[row(table = "even")]
    struct Even {
        n: i64,
    }

    #[derive(Tables)]
    struct All {
        each: Each,
        all: Vec<NumberRow>,
        even: Option<Even>,
    }

    fn map(number: Number, _: &Context) -> Result<Option<All>, Rejection> {
        let n = number.n;
        if n < 0 {
            return Err(Rejection::new("negative", "no"));
        }
        Ok((n > 0).then(|| All { each: Each { n }, all: up_to(n), even: (n % 2 == 0).then_some(Even { n }) }))
    }

    gristmill_sdk::plugin! { map: map }
}

fn batch(numbers: &[i64]) -> Batch {
    Batch {
        rows: u32::try_from(numbers.len()).unwrap(),
        columns: vec![0],
        arrays: vec![Array { values: Values::Int64s(numbers.to_vec()), validity: None }],
    }
}

/// The numbers of a table, and where they come from.
fn table(rows: &Rows) -> (Vec<i64>, Option<Vec<u32>>) {
    let Values::Int64s(numbers) = &rows.batch.arrays[0].values else { panic!("{rows:?}") };
    assert_eq!(rows.batch.rows as usize, numbers.len());
    (numbers.clone(), rows.origins.clone())
}

fn refused(output: &Output) -> Vec<u32> {
    output.rejections.iter().map(|r| r.row).collect()
}

#[test]
fn a_record_has_as_many_rows_as_it_is_given() {
    let (_, mut transform) = many::native::open("{}", "run", 0).unwrap();
    let mut rows = |numbers: &[i64]| {
        let output = transform.transform(batch(numbers)).unwrap();
        (table(&output.tables[0]), refused(&output))
    };
    // One for one there are no origins.
    assert_eq!(rows(&[1, 1]), ((vec![0, 0], None), vec![]));
    assert_eq!(rows(&[1, 3, 1]), ((vec![0, 0, 1, 2, 0], Some(vec![0, 1, 1, 1, 2])), vec![]));
    assert_eq!(rows(&[2, 0, -1, 1]), ((vec![0, 1, 0], Some(vec![0, 0, 3])), vec![2]));
    assert_eq!(rows(&[1, 0]), ((vec![0], Some(vec![0])), vec![]));
    assert_eq!(rows(&[0]), ((vec![], Some(vec![])), vec![]));
    // As many rows as records, and not one of each.
    assert_eq!(rows(&[0, 2]), ((vec![0, 1], Some(vec![1, 1])), vec![]));
    assert_eq!(rows(&[2, 0]), ((vec![0, 1], Some(vec![0, 0])), vec![]));
}

#[test]
fn each_table_has_rows_and_origins_of_its_own() {
    let (description, mut transform) = several::native::open("{}", "run", 0).unwrap();
    let names: Vec<_> = description.tables.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["each", "numbers", "even"]);
    assert_eq!(description.types.len(), 1);

    let output = transform.transform(batch(&[1, 2, -1, 0, 1])).unwrap();
    let tables: Vec<_> = output.tables.iter().map(table).collect();
    assert_eq!(
        tables,
        [(vec![1, 2, 1], Some(vec![0, 1, 4])), (vec![0, 0, 1, 0], Some(vec![0, 1, 1, 4])), (vec![2], Some(vec![1])),]
    );
    assert_eq!(refused(&output), [2]);

    let output = transform.transform(batch(&[1, 2])).unwrap();
    let tables: Vec<_> = output.tables.iter().map(table).collect();
    assert_eq!(tables, [(vec![1, 2], None), (vec![0, 0, 1], Some(vec![0, 1, 1])), (vec![2], Some(vec![1]))]);
}
