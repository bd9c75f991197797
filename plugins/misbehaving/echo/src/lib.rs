//! Returns the columns that it is handed, whatever they are: the setting `types` lists them, as `{"name": "type", …}` with types like
//! `int64`, `list<string>` or `struct{a: int64, b: list<bytes>}`. What the tests and benchmarks of the boundary use.

wit_bindgen::generate!({ path: "../../../wit", world: "transformer" });

use exports::gristmill::plugin::transform::{Guest, Output, Rows};
use gristmill::plugin::columns::Batch;
use gristmill::plugin::schema::{
    About, ConfigField, Context, DataType, Description, Input, OnMismatch, Origin, OutputColumn, Scalar, StructField,
    Table,
};

struct Echo;

/// Reads one type at the start of `text`, adds it and its parts to `types`, gives its index and the rest of the text.
fn parse<'a>(text: &'a str, types: &mut Vec<DataType>) -> Result<(u32, &'a str), String> {
    let text = text.trim_start();
    let (ty, rest) = if let Some(inner) = text.strip_prefix("list<") {
        let (element, rest) = parse(inner, types)?;
        (DataType::List(element), rest.trim_start().strip_prefix('>').ok_or("no > after list<")?)
    } else if let Some(mut inner) = text.strip_prefix("struct{") {
        let mut fields = Vec::new();
        loop {
            let (name, after) = inner.split_once(':').ok_or("no : in struct{")?;
            let (index, rest) = parse(after, types)?;
            fields.push(StructField { name: name.trim().to_owned(), type_: index });
            if let Some(rest) = rest.strip_prefix('}') {
                break (DataType::Struct(fields), rest);
            }
            inner = rest.strip_prefix(',').ok_or("no , in struct{")?;
        }
    } else {
        let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
        let scalar = match &text[..end] {
            "boolean" => Scalar::Boolean,
            "int64" => Scalar::Int64,
            "float64" => Scalar::Float64,
            "timestamp" => Scalar::Timestamp,
            "string" => Scalar::String,
            "bytes" => Scalar::Bytes,
            "json" => Scalar::Json,
            other => return Err(format!("no type {other}")),
        };
        (DataType::Scalar(scalar), &text[end..])
    };
    types.push(ty);
    Ok((types.len() as u32 - 1, rest))
}

impl Guest for Echo {
    fn identify() -> About {
        About {
            name: "echo".into(),
            version: "1.0.0".into(),
            summary: "Returns what it is handed.".into(),
            config: vec![ConfigField {
                name: "types".into(),
                type_: Scalar::String,
                default: None,
                description: "The columns, a `name=type` each, separated by `;`.".into(),
            }],
        }
    }

    fn open(config: String, _: Context) -> Result<Description, String> {
        // The host has checked that the configuration is an object with one string; names and types need no escapes.
        let list = config.split('"').nth(3).ok_or("no types")?;
        let mut types = Vec::new();
        let (mut inputs, mut columns) = (Vec::new(), Vec::new());
        for item in list.split(';') {
            let (name, ty) = item.split_once('=').ok_or("no = in types")?;
            let (index, _) = parse(ty, &mut types)?;
            inputs.push(Input {
                name: name.into(),
                origin: Origin::Field(vec![name.into()]),
                type_: index,
                required: false,
                on_mismatch: OnMismatch::Null,
            });
            columns.push(OutputColumn { name: name.into(), type_: index, required: false, description: String::new() });
        }
        let table = Table {
            name: "echo".into(),
            description: String::new(),
            columns,
            key: Vec::new(),
            latest_by: None,
            partition_by: None,
            cluster_by: Vec::new(),
        };
        Ok(Description { documents: "things/{x}".into(), types, inputs, tables: vec![table] })
    }

    fn transform(input: Batch) -> Result<Output, String> {
        Ok(Output { tables: vec![Rows { batch: input, origins: None }], rejections: Vec::new() })
    }
}

export!(Echo);
