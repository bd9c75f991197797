//! Types as statements write them.

use sqlparser::ast::{ArrayElemTypeDef, DataType, TimezoneInfo};

use crate::bigquery::refusal::Refusal;
use crate::bigquery::schema::{self, Field, Type};

/// The type that a statement names.
pub(super) fn of(ast: &DataType) -> Result<Type, Refusal> {
    let named = |name: &str| schema::scalar(&name.to_ascii_uppercase());
    let found = match ast {
        DataType::Array(ArrayElemTypeDef::AngleBracket(item)) => Some(Type::Array(Box::new(of(item)?))),
        DataType::Struct(fields, _) => {
            let field = |f: &sqlparser::ast::StructField| {
                let name = f.field_name.as_ref().map(|n| n.value.clone()).unwrap_or_default();
                Ok(Field::nullable(name, of(&f.field_type)?))
            };
            Some(Type::Struct(fields.iter().map(field).collect::<Result<_, Refusal>>()?))
        }
        // Those that BigQuery gives a length or precision stay out: the double would not hold to it.
        DataType::Timestamp(None, TimezoneInfo::None) => Some(Type::Timestamp),
        DataType::Datetime(None) => named("DATETIME"),
        other => named(&other.to_string()),
    };
    found.ok_or_else(|| Refusal::invalid_query(format!("Type not found: {ast}")))
}

/// Whether CAST knows a way.
pub(super) fn castable(from: &Type, to: &Type) -> bool {
    use Type::{Bool, Bytes, Date, Float64, Int64, String, Timestamp};
    super::cast::same(from, to)
        || matches!(
            (from, to),
            (Int64, Float64 | String | Bool)
                | (Float64, Int64 | String)
                | (Bool, Int64 | String)
                | (String, Int64 | Float64 | Bool | Timestamp | Date | Bytes)
                | (Bytes, String)
                | (Timestamp, String | Date)
                | (Date, String | Timestamp)
        )
        || match (from, to) {
            (Type::Struct(have), Type::Struct(want)) => {
                have.len() == want.len() && have.iter().zip(want).all(|(a, b)| castable(&a.ty, &b.ty))
            }
            _ => false,
        }
}
