//! What the guest declares, with or without a fault.

use crate::gristmill::plugin::schema::{
    DataType, Description, Input, OnMismatch, Origin, OutputColumn, Scalar, StructField, Table,
};

fn honest() -> Description {
    let input = |name: &str, origin: Origin, type_: u32| Input {
        name: name.into(),
        origin,
        type_,
        required: true,
        on_mismatch: OnMismatch::Reject,
    };
    let column = |name: &str, type_: u32, required: bool| OutputColumn {
        name: name.into(),
        type_,
        required,
        description: String::new(),
    };
    Description {
        documents: "things/{x}".into(),
        types: vec![
            DataType::Scalar(Scalar::String),
            DataType::Scalar(Scalar::Int64),
            DataType::Scalar(Scalar::Timestamp),
        ],
        inputs: vec![input("x", Origin::PathCapture("x".into()), 0), input("n", Origin::Field(vec!["n".into()]), 1)],
        tables: vec![Table {
            name: "things".into(),
            description: String::new(),
            columns: vec![column("x", 0, true), column("n", 1, false), column("at", 2, false)],
            key: vec!["x".into()],
            latest_by: None,
            partition_by: None,
            cluster_by: Vec::new(),
        }],
    }
}

/// The description of a mode; a fault in it is what a mode `bad-description-…` names.
pub fn of(mode: &str) -> Description {
    let mut d = honest();
    match mode.strip_prefix("bad-description-").unwrap_or_default() {
        "type-cycle" => {
            d.types.push(DataType::List(3));
            d.inputs[1].type_ = 3;
        }
        "type-forward" => d.types.insert(0, DataType::Struct(vec![StructField { name: "a".into(), type_: 2 }])),
        "type-out-of-range" => d.inputs[1].type_ = 99,
        "column-type-out-of-range" => d.tables[0].columns[1].type_ = u32::MAX,
        "deep-type" => {
            (2..40).for_each(|i| d.types.push(DataType::List(i)));
            d.inputs[1].type_ = 40;
        }
        // Each type has the one before it twice: as a tree it would have 2^100 nodes.
        "wide-type" => {
            let field = |name: &str, type_: u32| StructField { name: name.into(), type_ };
            (2..102).for_each(|i| d.types.push(DataType::Struct(vec![field("a", i), field("b", i)])));
            d.inputs[1].type_ = 102;
        }
        // The same below the limit of depth.
        "bushy-type" => {
            let field = |name: &str, type_: u32| StructField { name: name.into(), type_ };
            (2..32).for_each(|i| d.types.push(DataType::Struct(vec![field("a", i), field("b", i)])));
            d.inputs[1].type_ = 32;
        }
        "duplicate-input" => d.inputs[1].name = "x".into(),
        "no-tables" => d.tables.clear(),
        "unknown-key" => d.tables[0].key = vec!["y".into()],
        "unknown-capture" => d.inputs[0].origin = Origin::PathCapture("y".into()),
        "date-input" => d.types[1] = DataType::Scalar(Scalar::Date),
        "pattern" => d.documents = "things".into(),
        _ => {}
    }
    d
}
