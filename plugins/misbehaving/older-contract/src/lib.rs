//! Maps and judges by version 0.0.1 of the contract, which only the tests of the host speak. It behaves: a row of `things` for each document
//! `things/{x}`, with its `n`, refused where that is -1; of rows, 290 and above is an error.

wit_bindgen::generate!({ path: "../../../host/plugin/tests/contract", world: "plugin" });

use exports::gristmill::plugin::transform::{Guest as Maps, Output, Rejection, Rows};
use exports::gristmill::plugin::validate::{Guest as Judges, Severity, Violation};
use gristmill::plugin::columns::{Array, Batch, Values};
use gristmill::plugin::log::{Level, log};
use gristmill::plugin::schema::{
    About, Context, DataType, Description, Input, OnMismatch, Origin, OutputColumn, Scalar, Table,
};

struct Older;

fn about() -> About {
    About { name: "older".into(), version: "1.0.0".into(), summary: "Of its time.".into(), config: Vec::new() }
}

fn numbers(batch: &Batch) -> Result<&[i64], String> {
    match batch.arrays.first().map(|array| &array.values) {
        Some(Values::Int64s(numbers)) => Ok(numbers),
        _ => Err("the batch has no column n".into()),
    }
}

impl Maps for Older {
    fn identify() -> About {
        about()
    }

    fn open(_: String, context: Context) -> Result<Description, String> {
        log(Level::Info, &format!("started at {}", context.started_at));
        let input = Input {
            name: "n".into(),
            origin: Origin::Field(vec!["n".into()]),
            type_: 0,
            required: true,
            on_mismatch: OnMismatch::Reject,
        };
        let column = OutputColumn { name: "n".into(), type_: 0, required: true, description: String::new() };
        let table = Table {
            name: "things".into(),
            description: String::new(),
            columns: vec![column],
            key: vec!["n".into()],
            latest_by: None,
            partition_by: None,
            cluster_by: Vec::new(),
        };
        let types = vec![DataType::Scalar(Scalar::Int64)];
        Ok(Description { documents: "things/{x}".into(), types, inputs: vec![input], tables: vec![table] })
    }

    fn transform(input: Batch) -> Result<Output, String> {
        let mut output = Output { tables: Vec::new(), rejections: Vec::new() };
        let (mut rows, mut origins) = (Vec::new(), Vec::new());
        for (row, n) in (0..).zip(numbers(&input)?) {
            if *n == -1 {
                let (code, message) = ("marked".into(), "it is marked".into());
                output.rejections.push(Rejection { row, code, input: Some("n".into()), message });
            } else {
                rows.push(*n);
                origins.push(row);
            }
        }
        let (count, array) = (rows.len() as u32, Array { values: Values::Int64s(rows), validity: None });
        let batch = Batch { rows: count, arrays: vec![array], columns: vec![0] };
        output.tables.push(Rows { batch, origins: Some(origins) });
        Ok(output)
    }
}

impl Judges for Older {
    fn identify() -> About {
        about()
    }

    fn open(_: String, _: Context, _: Vec<DataType>, table: Table) -> Result<Vec<String>, String> {
        let is_there = table.columns.iter().any(|column| column.name == "n");
        is_there.then(|| vec!["n".into()]).ok_or_else(|| "it has no column n".into())
    }

    fn validate(rows: Batch) -> Result<Vec<Violation>, String> {
        let too_big = |(row, n): (u32, &i64)| {
            let (rule, message) = ("too-big".into(), "it is too big".into());
            (*n >= 290).then(|| Violation { row, rule, column: Some("n".into()), severity: Severity::Error, message })
        };
        Ok((0..).zip(numbers(&rows)?).filter_map(too_big).collect())
    }
}

export!(Older);
