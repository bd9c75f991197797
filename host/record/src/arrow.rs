//! The Arrow types that stand for the contract's types, the same on every side of every boundary.

use std::sync::Arc;

use arrow_schema::{DataType as ArrowType, Field as ArrowField, Fields, Schema, SchemaRef, TimeUnit};

use crate::{DataType, Description, OutputColumn, Scalar, Table};

/// Key of the field metadata that tells JSON text from other strings: Arrow's canonical extension type `arrow.json`.
pub const EXTENSION_KEY: &str = "ARROW:extension:name";
/// Value of [`EXTENSION_KEY`] for JSON text.
pub const JSON_EXTENSION: &str = "arrow.json";

/// The Arrow type of a declared type. Timestamps are in microseconds with the zone `UTC`; JSON and references are UTF-8.
pub fn arrow_type(ty: &DataType) -> ArrowType {
    match ty {
        DataType::Scalar(s) => match s {
            Scalar::Boolean => ArrowType::Boolean,
            Scalar::Int64 => ArrowType::Int64,
            Scalar::Float64 => ArrowType::Float64,
            Scalar::Timestamp => ArrowType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Scalar::Date => ArrowType::Date32,
            Scalar::String | Scalar::Json | Scalar::Reference => ArrowType::Utf8,
            Scalar::Bytes => ArrowType::Binary,
        },
        DataType::List(e) => ArrowType::List(Arc::new(arrow_field("item", e, true))),
        DataType::Struct(fields) => {
            ArrowType::Struct(fields.iter().map(|f| arrow_field(&f.name, &f.ty, true)).collect::<Fields>())
        }
    }
}

/// An Arrow field of a declared type; JSON carries the extension type `arrow.json`.
pub fn arrow_field(name: &str, ty: &DataType, nullable: bool) -> ArrowField {
    let field = ArrowField::new(name, arrow_type(ty), nullable);
    if matches!(ty, DataType::Scalar(Scalar::Json)) {
        field.with_metadata([(EXTENSION_KEY.to_owned(), JSON_EXTENSION.to_owned())])
    } else {
        field
    }
}

/// The schema of the batches that a plugin with this description is handed: one field an input, in order.
/// Every field is nullable: a required input is checked when the record is decoded.
pub fn input_schema(description: &Description) -> SchemaRef {
    Arc::new(Schema::new(description.inputs().iter().map(|i| arrow_field(&i.name, &i.ty, true)).collect::<Vec<_>>()))
}

/// The schema of a table's rows: one field a column, in order, not nullable where the column is required.
pub fn table_schema(table: &Table) -> SchemaRef {
    let column = |c: &OutputColumn| arrow_field(&c.name, &c.ty, !c.required);
    Arc::new(Schema::new(table.columns().iter().map(column).collect::<Vec<_>>()))
}
