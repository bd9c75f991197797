//! Parquet files to rows.
//!
//! Types are those of the table "Parquet conversions" in
//! <https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-parquet>; what it does not list is refused.

mod columns;
mod values;

use arrow_array::RecordBatch;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::basic::Compression;

use crate::bigquery::schema::{self, Field, Type};
use crate::bigquery::table::reshape;
use crate::bigquery::value::{Row, Value};

/// An opened file.
pub(super) struct ParquetFile {
    /// Its columns as BigQuery would make them.
    pub(super) fields: Vec<Field>,
    columns: Vec<Column>,
    reader: ParquetRecordBatchReaderBuilder<Bytes>,
}

/// A column of a file, or a part of one.
struct Column {
    field: Field,
    /// As messages call it.
    physical: String,
    node: Node,
}

/// How a column is put together.
enum Node {
    Scalar,
    Struct(Vec<Column>),
    /// A list: what BigQuery makes of it is an array, or, without inference, a struct of a repeated struct.
    List {
        item: Box<Column>,
        inferred: bool,
    },
}

impl ParquetFile {
    /// Reads the schema. Only Parquet's own types count, not what Arrow wrote beside them.
    pub(super) fn open(bytes: Vec<u8>, list_inference: bool) -> Result<Self, String> {
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(Bytes::from(bytes), options)
            .map_err(|e| format!("Input file is not in Parquet format. {e}"))?;
        let chunks = reader.metadata().row_groups().iter().flat_map(|g| g.columns());
        if let Some(chunk) = chunks.into_iter().find(|c| !is_supported(c.compression())) {
            return Err(format!(
                "Unsupported compression codec of column {}: {}.",
                chunk.column_path(),
                chunk.compression()
            ));
        }
        let root = reader.parquet_schema().root_schema();
        let columns = root.get_fields().iter().map(|t| Column::of(t, list_inference)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { fields: columns.iter().map(|c| c.field.clone()).collect(), columns, reader })
    }

    /// The rows, for a table with these columns. Messages name `file`.
    pub(super) fn rows(self, fields: &[Field], ignore_unknown: bool, file: &str) -> Result<Vec<Row>, String> {
        let incompatible = |what: String| format!("Provided schema is not compatible with the file '{file}'. {what}");
        let found: Vec<_> = fields.iter().map(|f| schema::position(&self.fields, &f.name)).collect();
        if let Some(extra) =
            self.fields.iter().find(|f| schema::position(fields, &f.name).is_none()).filter(|_| !ignore_unknown)
        {
            return Err(incompatible(format!("Field '{}' of the file is not in the schema.", extra.name)));
        }
        for (field, at) in fields.iter().zip(&found) {
            match at.and_then(|at| self.columns.get(at)) {
                Some(column) => column.check(field).map_err(|e| match e {
                    Unfit::Schema(what) => incompatible(what),
                    Unfit::Type(what) => format!("{what} File: {file}"),
                })?,
                None if field.required => {
                    return Err(incompatible(format!(
                        "Field '{}' is specified as REQUIRED in provided schema and is missing in the file.",
                        field.name
                    )));
                }
                None => {}
            }
        }
        let columns = self.columns;
        let reader = self.reader.build().map_err(|e| e.to_string())?;
        let mut rows = Vec::new();
        for batch in reader {
            let batch: RecordBatch = batch.map_err(|e| format!("{e} File: {file}"))?;
            let value = |(field, at): (&Field, &Option<usize>)| match at
                .and_then(|at| Some((columns.get(at)?, batch.columns().get(at)?)))
            {
                None => Ok(vec![absent(field); batch.num_rows()]),
                Some((column, array)) => {
                    let values = column.values(array)?;
                    values
                        .into_iter()
                        .map(|v| fit(reshape(&v, &column.field.ty, &field.ty), field))
                        .collect::<Result<Vec<_>, _>>()
                }
            };
            let read = fields
                .iter()
                .zip(&found)
                .map(value)
                .collect::<Result<Vec<_>, _>>()
                .map_err(|e| format!("{e} File: {file}"))?;
            let mut read: Vec<_> = read.into_iter().map(Vec::into_iter).collect();
            rows.extend(
                (0..batch.num_rows())
                    .map(|_| read.iter_mut().map(|c| c.next().unwrap_or(Value::Null)).collect::<Row>()),
            );
        }
        Ok(rows)
    }
}

/// The codecs that the page lists under "Parquet compression"; of LZO there is no reader here.
fn is_supported(codec: Compression) -> bool {
    matches!(
        codec,
        Compression::UNCOMPRESSED
            | Compression::GZIP(_)
            | Compression::LZ4_RAW
            | Compression::SNAPPY
            | Compression::ZSTD(_)
    )
}

/// Why a column does not fit a field of the schema.
enum Unfit {
    Schema(String),
    Type(String),
}

impl Column {
    /// Whether the column can be loaded into a field.
    fn check(&self, field: &Field) -> Result<(), Unfit> {
        let (have, want) = (self.field.mode(), field.mode());
        if (have == "REPEATED") != (want == "REPEATED") {
            return Err(Unfit::Schema(format!(
                "Field '{}' is specified as {want} in provided schema which does not match {have} as specified in the file.",
                field.name
            )));
        }
        match (self.field.element(), field.element()) {
            (Type::Struct(_), Type::Struct(wanted)) => {
                let Node::Struct(parts) = self.element() else {
                    let Type::Struct(have) = self.field.element() else { return Ok(()) };
                    // The struct that a list is without inference.
                    return if same(have, wanted) {
                        Ok(())
                    } else {
                        Err(Unfit::Schema(format!("Field '{}' is of another type in the file.", field.name)))
                    };
                };
                for part in wanted {
                    match parts.iter().find(|p| p.field.name.eq_ignore_ascii_case(&part.name)) {
                        Some(column) => column.check(part)?,
                        None if part.required => {
                            return Err(Unfit::Schema(format!(
                                "Field '{}.{}' is missing in the file.",
                                field.name, part.name
                            )));
                        }
                        None => {}
                    }
                }
                Ok(())
            }
            (have, want) if have == want => Ok(()),
            (Type::Bytes, Type::String) | (Type::String, Type::Bytes) => Ok(()),
            (_, want) => Err(Unfit::Type(format!(
                "Parquet column '{}' has type {} which does not match the target cpp_type {}.",
                self.field.name,
                self.physical,
                cpp_type(want)
            ))),
        }
    }

    /// The node of an element where the column is an array.
    fn element(&self) -> &Node {
        match &self.node {
            Node::List { item, inferred: true } => item.element(),
            node => node,
        }
    }
}

/// Whether two structs are of one type, whatever else was said of their fields.
fn same(a: &[Field], b: &[Field]) -> bool {
    let one = |(a, b): (&Field, &Field)| {
        let inside = match (a.element(), b.element()) {
            (Type::Struct(a), Type::Struct(b)) => same(a, b),
            (a, b) => a == b,
        };
        inside && a.name.eq_ignore_ascii_case(&b.name) && (a.mode() == "REPEATED") == (b.mode() == "REPEATED")
    };
    a.len() == b.len() && a.iter().zip(b).all(one)
}

/// What stands in a column that the file does not have.
fn absent(field: &Field) -> Value {
    if matches!(field.ty, Type::Array(_)) { Value::Array([].into()) } else { Value::Null }
}

/// The value for a column: text and bytes become each other, and null stays only where it may.
fn fit(value: Value, field: &Field) -> Result<Value, String> {
    match (value, &field.ty) {
        // What BigQuery says of this one in Parquet is not documented.
        (Value::Null, _) if field.required => Err(format!("Required field '{}' cannot be null.", field.name)),
        (Value::Bytes(bytes), Type::String) => {
            let text = std::str::from_utf8(&bytes).map(Value::string);
            text.map_err(|_| format!("Invalid UTF-8 in column '{}'.", field.name))
        }
        (Value::String(text), Type::Bytes) => Ok(Value::Bytes(text.as_bytes().into())),
        (Value::Struct(values), Type::Struct(fields)) => {
            let values = fields.iter().zip(values.iter()).map(|(f, v)| fit(v.clone(), f));
            Ok(Value::Struct(values.collect::<Result<_, _>>()?))
        }
        (Value::Array(values), Type::Array(item)) => {
            let item = Field::nullable(&field.name, (**item).clone());
            Ok(Value::Array(values.iter().map(|v| fit(v.clone(), &item)).collect::<Result<_, _>>()?))
        }
        (value, _) => Ok(value),
    }
}

/// As BigQuery's messages call what a column is read into.
fn cpp_type(ty: &Type) -> &'static str {
    match ty {
        Type::Bool => "BOOL",
        Type::Int64 | Type::Timestamp => "INT64",
        Type::Date => "INT32",
        Type::Float64 => "DOUBLE",
        Type::String | Type::Bytes | Type::Json => "STRING",
        Type::Struct(_) | Type::Array(_) => "MESSAGE",
        Type::Other(name) => name,
    }
}
