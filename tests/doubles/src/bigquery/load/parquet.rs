//! Parquet files to rows.
//!
//! Types are those of the table "Parquet conversions" in
//! <https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-parquet>; what it does not list is refused.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type,
};
use arrow_array::{Array, ArrowPrimitiveType, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::basic::{ConvertedType, LogicalType, Repetition, Type as Physical};
use parquet::schema::types::Type as FileType;

use crate::bigquery::schema::{self, Field, Type};
use crate::bigquery::table::reshape;
use crate::bigquery::text;
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

/// Why a column does not fit a field of the schema.
enum Unfit {
    Schema(String),
    Type(String),
}

impl Column {
    fn of(file: &FileType, infer: bool) -> Result<Self, String> {
        let info = file.get_basic_info();
        let converted = match info.logical_type_ref() {
            Some(LogicalType::Timestamp(t)) if t.unit == parquet::basic::TimeUnit::NANOS => {
                return Err(unsupported(file, "TIMESTAMP of nanoseconds"));
            }
            Some(logical) => ConvertedType::from(Some(logical.clone())),
            None => info.converted_type(),
        };
        // A field that is repeated without being a LIST is an array by itself.
        if info.has_repetition() && info.repetition() == Repetition::REPEATED {
            let item = Self::single(file, converted, infer)?;
            return Ok(item.into_array(true));
        }
        Self::single(file, converted, infer)
    }

    fn single(file: &FileType, converted: ConvertedType, infer: bool) -> Result<Self, String> {
        let required =
            file.get_basic_info().has_repetition() && file.get_basic_info().repetition() == Repetition::REQUIRED;
        let made = |ty: Type, physical: &str, node: Node| Self {
            field: Field { required, ..Field::nullable(file.name(), ty) },
            physical: physical.to_owned(),
            node,
        };
        if file.is_primitive() {
            let physical = file.get_physical_type();
            return Ok(made(scalar(file, physical, converted)?, &physical.to_string(), Node::Scalar));
        }
        match converted {
            ConvertedType::LIST => {
                let [repeated] = file.get_fields() else { return Err(unsupported(file, "LIST of another form")) };
                // The older form of two levels has the element itself repeated.
                let inner = if repeated.is_group() {
                    repeated.get_fields()
                } else {
                    return Ok(Self::of(repeated, infer)?.named(file.name()));
                };
                let [element] = inner else { return Err(unsupported(file, "LIST of another form")) };
                let item = Self::of(element, infer)?;
                if infer {
                    return Ok(item.into_array(true).named(file.name()));
                }
                let inside = Type::Struct(vec![item.field.clone()]);
                let repeated = Field::nullable(repeated.name(), Type::Array(Box::new(inside)));
                Ok(made(Type::Struct(vec![repeated]), "LIST", Node::List { item: Box::new(item), inferred: false }))
            }
            ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE => Err(unsupported(file, "MAP")),
            _ => {
                let parts = file.get_fields().iter().map(|f| Self::of(f, infer)).collect::<Result<Vec<_>, _>>()?;
                Ok(made(Type::Struct(parts.iter().map(|p| p.field.clone()).collect()), "GROUP", Node::Struct(parts)))
            }
        }
    }

    fn into_array(self, inferred: bool) -> Self {
        let field = Field::nullable(&self.field.name, Type::Array(Box::new(self.field.ty.clone())));
        Self { field, physical: self.physical.clone(), node: Node::List { item: Box::new(self), inferred } }
    }

    fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.field.name);
        self
    }

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

    /// The values of an array, one a row.
    fn values(&self, array: &dyn Array) -> Result<Vec<Value>, String> {
        match &self.node {
            Node::Scalar => self.scalars(array),
            Node::Struct(parts) => {
                let array = array.as_struct_opt().ok_or_else(|| self.odd(array))?;
                let parts =
                    parts.iter().zip(array.columns()).map(|(p, a)| p.values(a)).collect::<Result<Vec<_>, _>>()?;
                let mut parts: Vec<_> = parts.into_iter().map(Vec::into_iter).collect();
                let one = |i| {
                    let values: Arc<[Value]> = parts.iter_mut().map(|p| p.next().unwrap_or(Value::Null)).collect();
                    if array.is_null(i) { Value::Null } else { Value::Struct(values) }
                };
                Ok((0..array.len()).map(one).collect())
            }
            Node::List { item, inferred } => {
                let array = array.as_list_opt::<i32>().ok_or_else(|| self.odd(array))?;
                let one = |i| {
                    let values = if array.is_null(i) { Vec::new() } else { item.values(&array.value(i))? };
                    if *inferred {
                        // BigQuery's arrays hold no null. What it says of one in Parquet is not documented; these are its words for JSON.
                        if values.iter().any(Value::is_null) {
                            return Err(format!(
                                "Only optional fields can be set to NULL. Field: {}; Value: NULL",
                                self.field.name
                            ));
                        }
                        return Ok(Value::Array(values.into()));
                    }
                    if array.is_null(i) {
                        return Ok(Value::Null);
                    }
                    let elements = values.into_iter().map(|v| Value::Struct([v].into()));
                    Ok(Value::Struct([Value::Array(elements.collect())].into()))
                };
                (0..array.len()).map(one).collect()
            }
        }
    }

    fn odd(&self, array: &dyn Array) -> String {
        format!("Column '{}' was read as {}.", self.field.name, array.data_type())
    }

    fn scalars(&self, array: &dyn Array) -> Result<Vec<Value>, String> {
        let instant = |micros: Option<i64>| {
            let micros = micros.ok_or_else(|| format!("Invalid timestamp value in column '{}'.", self.field.name))?;
            text::timestamp(micros)
                .ok_or_else(|| format!("Invalid timestamp value {micros} in column '{}'.", self.field.name))
        };
        Ok(match array.data_type() {
            DataType::Boolean => array.as_boolean().iter().map(|v| v.map_or(Value::Null, Value::Bool)).collect(),
            DataType::Int8 => integers::<Int8Type>(array),
            DataType::Int16 => integers::<Int16Type>(array),
            DataType::Int32 => integers::<Int32Type>(array),
            DataType::Int64 => integers::<Int64Type>(array),
            DataType::UInt8 => integers::<UInt8Type>(array),
            DataType::UInt16 => integers::<UInt16Type>(array),
            DataType::UInt32 => integers::<UInt32Type>(array),
            DataType::Float32 => {
                primitives::<Float32Type>(array).map(|v| v.map_or(Value::Null, |f| Value::Float(f.into()))).collect()
            }
            DataType::Float64 => {
                primitives::<Float64Type>(array).map(|v| v.map_or(Value::Null, Value::Float)).collect()
            }
            DataType::Date32 => primitives::<Date32Type>(array)
                .map(|v| {
                    let days = |d: i32| text::days(text::day(d)).filter(|day| *day == d).map(Value::Date);
                    v.map_or(Ok(Value::Null), |d| {
                        days(d).ok_or_else(|| format!("Invalid date value {d} in column '{}'.", self.field.name))
                    })
                })
                .collect::<Result<_, _>>()?,
            DataType::Timestamp(TimeUnit::Microsecond, _) => primitives::<TimestampMicrosecondType>(array)
                .map(|v| v.map_or(Ok(Value::Null), |t| instant(Some(t))))
                .collect::<Result<_, _>>()?,
            DataType::Timestamp(TimeUnit::Millisecond, _) => primitives::<TimestampMillisecondType>(array)
                .map(|v| v.map_or(Ok(Value::Null), |t| instant(t.checked_mul(1000))))
                .collect::<Result<_, _>>()?,
            // INT96.
            DataType::Timestamp(TimeUnit::Nanosecond, _) => primitives::<TimestampNanosecondType>(array)
                .map(|v| v.map_or(Ok(Value::Null), |t| instant(Some(t.div_euclid(1000)))))
                .collect::<Result<_, _>>()?,
            DataType::Utf8 => array.as_string::<i32>().iter().map(|v| v.map_or(Value::Null, Value::string)).collect(),
            DataType::Binary => {
                array.as_binary::<i32>().iter().map(|v| v.map_or(Value::Null, |b| Value::Bytes(b.into()))).collect()
            }
            DataType::FixedSizeBinary(_) => {
                array.as_fixed_size_binary().iter().map(|v| v.map_or(Value::Null, |b| Value::Bytes(b.into()))).collect()
            }
            _ => return Err(self.odd(array)),
        })
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

fn primitives<T: ArrowPrimitiveType>(array: &dyn Array) -> impl Iterator<Item = Option<T::Native>> + '_ {
    array.as_primitive::<T>().iter()
}

fn integers<T: ArrowPrimitiveType>(array: &dyn Array) -> Vec<Value>
where
    T::Native: Into<i64>,
{
    primitives::<T>(array).map(|v| v.map_or(Value::Null, |i| Value::Int(i.into()))).collect()
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

fn unsupported(file: &FileType, what: &str) -> String {
    format!("Unsupported type of Parquet column '{}': {what}.", file.name())
}

/// The type of BigQuery for a primitive type of Parquet.
fn scalar(file: &FileType, physical: Physical, converted: ConvertedType) -> Result<Type, String> {
    Ok(match (physical, converted) {
        (Physical::BOOLEAN, ConvertedType::NONE) => Type::Bool,
        (Physical::INT32, ConvertedType::DATE) => Type::Date,
        (
            Physical::INT32,
            ConvertedType::NONE
            | ConvertedType::INT_8
            | ConvertedType::INT_16
            | ConvertedType::INT_32
            | ConvertedType::UINT_8
            | ConvertedType::UINT_16
            | ConvertedType::UINT_32,
        )
        | (Physical::INT64, ConvertedType::NONE | ConvertedType::INT_64) => Type::Int64,
        (Physical::INT64, ConvertedType::TIMESTAMP_MILLIS | ConvertedType::TIMESTAMP_MICROS) | (Physical::INT96, _) => {
            Type::Timestamp
        }
        (Physical::FLOAT | Physical::DOUBLE, ConvertedType::NONE) => Type::Float64,
        (Physical::BYTE_ARRAY, ConvertedType::UTF8) => Type::String,
        (Physical::BYTE_ARRAY, ConvertedType::NONE | ConvertedType::ENUM)
        | (Physical::FIXED_LEN_BYTE_ARRAY, ConvertedType::NONE) => Type::Bytes,
        // Not in the table, which ends with "other combinations are not supported"; text of a column is read all the same.
        (Physical::BYTE_ARRAY, ConvertedType::JSON) => Type::Bytes,
        (_, other) => return Err(unsupported(file, &format!("{physical} with {other}"))),
    })
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
