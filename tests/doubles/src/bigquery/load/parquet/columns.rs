//! The columns of a file as BigQuery would make them.

use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::schema::types::Type as FileType;

use super::{Column, Node};
use crate::bigquery::schema::{Field, Type};

impl Column {
    /// A column, or a part of one.
    pub(super) fn of(file: &FileType, infer: bool) -> Result<Self, String> {
        let info = file.get_basic_info();
        let converted = match info.logical_type_ref() {
            Some(LogicalType::Timestamp(t)) if t.unit == TimeUnit::NANOS => {
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
        | (Physical::INT64, ConvertedType::NONE | ConvertedType::INT_64 | ConvertedType::UINT_64) => Type::Int64,
        (Physical::INT64, ConvertedType::TIMESTAMP_MILLIS | ConvertedType::TIMESTAMP_MICROS) | (Physical::INT96, _) => {
            Type::Timestamp
        }
        (Physical::FLOAT | Physical::DOUBLE, ConvertedType::NONE) => Type::Float64,
        (Physical::BYTE_ARRAY, ConvertedType::UTF8) => Type::String,
        (Physical::BYTE_ARRAY, ConvertedType::NONE | ConvertedType::ENUM)
        | (Physical::FIXED_LEN_BYTE_ARRAY, ConvertedType::NONE) => Type::Bytes,
        // Not in the table; seen by others to arrive as BYTES: decision 19 of <https://github.com/laughingman7743/flink-connector-gcp>.
        (Physical::BYTE_ARRAY, ConvertedType::JSON) => Type::Bytes,
        (_, other) => return Err(unsupported(file, &format!("{physical} with {other}"))),
    })
}
