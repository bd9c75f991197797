//! The honest output, and each way to break it.

use std::hint::black_box;

use crate::exports::gristmill::plugin::transform::{Output, Rejection, Rows};
use crate::gristmill::plugin::columns::{Array, Batch, Values, Varlen};

/// The input's two columns and a column of nulls.
pub fn honest(input: Batch) -> Output {
    let rows = input.rows;
    let mut arrays = input.arrays;
    arrays.push(Array {
        values: Values::Timestamps(vec![0; rows as usize]),
        validity: Some(vec![0; rows.div_ceil(8) as usize]),
    });
    Output {
        tables: vec![Rows { batch: Batch { rows, arrays, columns: vec![0, 1, 2] }, origins: None }],
        rejections: Vec::new(),
    }
}

/// Rows that depend on what the instance was handed before.
pub fn remembering(mut output: Output, seen: u64) -> Output {
    if let Values::Int64s(numbers) = &mut output.tables[0].batch.arrays[1].values {
        numbers.fill(seen.cast_signed());
    }
    output
}

pub fn run_for_ever() -> ! {
    loop {
        black_box(());
    }
}

pub fn trap() -> ! {
    std::process::abort()
}

pub fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 16]);
    if black_box(true) { recurse(depth + 1) + frame[3] } else { 0 }
}

pub fn take_memory() -> ! {
    let mut all = Vec::new();
    loop {
        all.push(black_box(vec![1_u8; 1 << 20]));
    }
}

/// Forgets a mebibyte.
pub fn leak() {
    black_box(vec![1_u8; 1 << 20].leak());
}

fn rejection(row: u32) -> Rejection {
    Rejection { row, code: "refused".into(), input: None, message: "for the test".into() }
}

fn strings(offsets: Vec<u32>, data: Vec<u8>) -> Values {
    Values::Strings(Varlen { offsets, data })
}

fn text(array: &mut Array) -> &mut Varlen {
    match &mut array.values {
        Values::Strings(v) => v,
        _ => trap(),
    }
}

/// Rows that take the place of all others, each made from input row 0.
fn only(x: Values, rows: u32, origins: Vec<u32>) -> Output {
    let arrays = vec![
        Array { values: x, validity: None },
        Array { values: Values::Int64s(vec![0; rows as usize]), validity: None },
        Array { values: Values::Timestamps(vec![0; rows as usize]), validity: None },
    ];
    Output {
        tables: vec![Rows { batch: Batch { rows, arrays, columns: vec![0, 1, 2] }, origins: Some(origins) }],
        rejections: Vec::new(),
    }
}

/// `output`, which is made from `rows` records, with the fault that `mode` names; unchanged where it names none.
pub fn broken(mode: &str, mut output: Output, rows: u32) -> Output {
    let table = &mut output.tables[0];
    let batch = &mut table.batch;
    match mode {
        "offsets-backwards" => return only(strings(vec![0, 2, 1, 3], b"abc".to_vec()), 3, vec![0, 0, 0]),
        "offsets-first" => text(&mut batch.arrays[0]).offsets[0] = 1,
        "offsets-last" => text(&mut batch.arrays[0]).data.push(b'x'),
        "offsets-beyond" => *text(&mut batch.arrays[0]).offsets.last_mut().unwrap_or_else(|| trap()) = u32::MAX,
        "offsets-missing" => drop(text(&mut batch.arrays[0]).offsets.pop()),
        "wrong-lengths" => batch.arrays[1].values = Values::Int64s(vec![0; rows as usize - 1]),
        "wrong-rows" => batch.rows += 1,
        "invalid-utf8" => {
            let text = text(&mut batch.arrays[0]);
            text.data.push(0xff);
            *text.offsets.last_mut().unwrap_or_else(|| trap()) += 1;
        }
        // Valid as a whole, cut in the middle of a character.
        "split-character" => return only(strings(vec![0, 1, 2], "é".as_bytes().to_vec()), 2, vec![0, 0]),
        "validity-length" => batch.arrays[1].validity = Some(vec![0xff; rows.div_ceil(8) as usize + 1]),
        "wrong-type" => batch.arrays[1].values = Values::Float64s(vec![0.0; rows as usize]),
        "null-in-required" => batch.arrays[0].validity = Some(vec![0xfe; rows.div_ceil(8) as usize]),
        "timestamp-out-of-range" => {
            batch.arrays[2] = Array { values: Values::Timestamps(vec![i64::MAX; rows as usize]), validity: None };
        }
        "array-unused" => batch.arrays.push(Array { values: Values::Booleans(Vec::new()), validity: None }),
        "array-twice" => batch.columns = vec![0, 1, 1],
        "array-out-of-range" => batch.columns[2] = 99,
        "columns-missing" => drop(batch.columns.pop()),
        "tables-missing" => output.tables.clear(),
        "tables-extra" => {
            let more = Rows { batch: Batch { rows: 0, arrays: Vec::new(), columns: Vec::new() }, origins: None };
            output.tables.push(more);
        }
        "origin-out-of-range" => table.origins = Some((1..=rows).collect()),
        "origins-backwards" => return only(strings(vec![0; 3], Vec::new()), 2, vec![1, 0]),
        "origins-length" => table.origins = Some(vec![0; rows as usize - 1]),
        "origins-absent" => {
            let rows = rows + 1;
            let mut output = only(strings(vec![0; rows as usize + 1], Vec::new()), rows, Vec::new());
            output.tables[0].origins = None;
            return output;
        }
        "rejection-out-of-range" => output.rejections.push(rejection(rows)),
        "rejected-and-mapped" => output.rejections.push(rejection(0)),
        "rejected-twice" => {
            let mut output = only(strings(vec![0], Vec::new()), 0, Vec::new());
            output.rejections = vec![rejection(0), rejection(0)];
            return output;
        }
        "rejection-code" | "rejection-message" | "rejection-input" => {
            let mut output = only(strings(vec![0], Vec::new()), 0, Vec::new());
            let mut rejection = rejection(0);
            match mode {
                "rejection-code" => rejection.code = "Not A Code".into(),
                "rejection-message" => rejection.message = "x".repeat(5_000),
                _ => rejection.input = Some("undeclared".into()),
            }
            output.rejections.push(rejection);
            return output;
        }
        // Refuses every record, which is no fault.
        "reject-all" => {
            let mut output = only(strings(vec![0], Vec::new()), 0, Vec::new());
            output.rejections = (0..rows).rev().map(rejection).collect();
            return output;
        }
        "output-flood" => {
            let mut data = Vec::new();
            // More than the default ceiling; less where the ceiling on memory is low, and then that on output is expected to be as well.
            if data.try_reserve_exact(80 << 20).is_err() {
                data.reserve_exact(12 << 20);
            }
            data.resize(data.capacity(), b'x');
            return only(strings(vec![0, data.len() as u32], data), 1, vec![0]);
        }
        _ => {}
    }
    output
}
