//! What a plugin declares to read and write, from the contract's words to the host's.

use gristmill_record::types::MAX_DEPTH;
use gristmill_record::{DataType, Description, Field, Input, OnMismatch, Origin, OutputColumn, Scalar, TableDraft};

use crate::PluginError;
use crate::bindings::schema;
use crate::text::is_unsafe;

/// Scalars, lists and structs of one type, counted as often as they occur in it. A type may use another twice, and that one a third
/// twice: without a ceiling 32 levels would make two thousand million parts.
const MAX_PARTS: usize = 10_000;

/// Checks what `open` returned.
pub(crate) fn check(plugin: &str, description: schema::Description) -> Result<Description, PluginError> {
    if let Some(what) = untamed(&description) {
        return Err(PluginError::Types { plugin: plugin.to_owned(), what: format!("{what} has a control character") });
    }
    let types =
        Types::new(&description.types).map_err(|what| PluginError::Types { plugin: plugin.to_owned(), what })?;
    let find = |what: &str, name: &str, index: u32| {
        types
            .get(index)
            .map_err(|why| PluginError::Types { plugin: plugin.to_owned(), what: format!("{what} `{name}`: {why}") })
    };
    let mut inputs = Vec::with_capacity(description.inputs.len());
    for input in description.inputs {
        inputs.push(Input {
            ty: find("input", &input.name, input.type_)?,
            name: input.name,
            origin: origin(input.origin),
            required: input.required,
            on_mismatch: match input.on_mismatch {
                schema::OnMismatch::Reject => OnMismatch::Reject,
                schema::OnMismatch::Null => OnMismatch::Null,
            },
        });
    }
    let mut tables = Vec::with_capacity(description.tables.len());
    for table in description.tables {
        let mut columns = Vec::with_capacity(table.columns.len());
        for column in table.columns {
            let ty = find("table", &format!("{}`, column `{}", table.name, column.name), column.type_)?;
            columns.push(OutputColumn {
                name: column.name,
                ty,
                required: column.required,
                description: column.description,
            });
        }
        tables.push(TableDraft {
            name: table.name,
            description: table.description,
            columns,
            key: table.key,
            latest_by: table.latest_by,
            partition_by: table.partition_by,
            cluster_by: table.cluster_by,
        });
    }
    Description::new(&description.documents, inputs, tables)
        .map_err(|source| PluginError::Description { plugin: plugin.to_owned(), source })
}

/// What bears a name that could not be shown as it is. It goes into messages and column headings.
fn untamed(description: &schema::Description) -> Option<String> {
    if description.documents.contains(is_unsafe) {
        return Some("the document pattern".into());
    }
    if let Some(i) = description.inputs.iter().position(|i| i.name.contains(is_unsafe)) {
        return Some(format!("the name of input {i}"));
    }
    for (i, table) in description.tables.iter().enumerate() {
        if table.name.contains(is_unsafe) || table.columns.iter().any(|c| c.name.contains(is_unsafe)) {
            return Some(format!("the name of table {i}, or of a column of it,"));
        }
    }
    let is_untamed_struct = |ty: &schema::DataTypeResult| match ty {
        schema::DataTypeResult::Struct(fields) => fields.iter().any(|f| f.name.contains(is_unsafe)),
        _ => false,
    };
    description.types.iter().position(is_untamed_struct).map(|i| format!("a field of type {i}"))
}

pub(crate) fn scalar(scalar: schema::Scalar) -> Scalar {
    match scalar {
        schema::Scalar::Boolean => Scalar::Boolean,
        schema::Scalar::Int64 => Scalar::Int64,
        schema::Scalar::Float64 => Scalar::Float64,
        schema::Scalar::Timestamp => Scalar::Timestamp,
        schema::Scalar::Date => Scalar::Date,
        schema::Scalar::String => Scalar::String,
        schema::Scalar::Bytes => Scalar::Bytes,
        schema::Scalar::Json => Scalar::Json,
        schema::Scalar::Reference => Scalar::Reference,
    }
}

fn origin(origin: schema::Origin) -> Origin {
    match origin {
        schema::Origin::PathCapture(name) => Origin::PathCapture(name),
        schema::Origin::Field(steps) => Origin::Field(steps),
        schema::Origin::FieldType(steps) => Origin::FieldType(steps),
        schema::Origin::DocumentName => Origin::DocumentName,
        schema::Origin::Document => Origin::Document,
        schema::Origin::CreateTime => Origin::CreateTime,
        schema::Origin::UpdateTime => Origin::UpdateTime,
    }
}

/// The list of types, with depth and size of each known, so that none is built that is too large.
struct Types<'a> {
    types: &'a [schema::DataTypeResult],
    sizes: Vec<Size>,
}

#[derive(Clone, Copy)]
struct Size {
    depth: usize,
    parts: usize,
}

impl<'a> Types<'a> {
    fn new(types: &'a [schema::DataTypeResult]) -> Result<Self, String> {
        let mut sizes: Vec<Size> = Vec::with_capacity(types.len());
        for (i, ty) in types.iter().enumerate() {
            // Only types before this one are measured, so one that is not found is not lower.
            let part = |index: u32| {
                sizes
                    .get(index as usize)
                    .copied()
                    .ok_or_else(|| format!("type {i} refers to type {index}; a type refers to types before it only"))
            };
            let mut size = Size { depth: 1, parts: 1 };
            let mut add = |part: Size| {
                size.depth = size.depth.max(part.depth.saturating_add(1));
                size.parts = size.parts.saturating_add(part.parts);
            };
            match ty {
                schema::DataTypeResult::Scalar(_) => {}
                schema::DataTypeResult::List(element) => add(part(*element)?),
                schema::DataTypeResult::Struct(fields) => {
                    for field in fields {
                        add(part(field.type_)?);
                    }
                }
            }
            if size.depth > MAX_DEPTH {
                return Err(format!("type {i} nests deeper than {MAX_DEPTH} levels"));
            }
            if size.parts > MAX_PARTS {
                return Err(format!("type {i} has more than {MAX_PARTS} parts"));
            }
            sizes.push(size);
        }
        Ok(Self { types, sizes })
    }

    fn get(&self, index: u32) -> Result<DataType, String> {
        let ty = self
            .types
            .get(index as usize)
            .ok_or_else(|| format!("its type is number {index}, and the list has {}", self.sizes.len()))?;
        Ok(match ty {
            schema::DataTypeResult::Scalar(s) => scalar(*s).into(),
            schema::DataTypeResult::List(element) => DataType::List(Box::new(self.get(*element)?)),
            schema::DataTypeResult::Struct(fields) => DataType::Struct(
                fields
                    .iter()
                    .map(|f| Ok(Field { name: f.name.clone(), ty: self.get(f.type_)? }))
                    .collect::<Result<_, String>>()?,
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INT: schema::DataTypeResult = schema::DataTypeResult::Scalar(schema::Scalar::Int64);

    fn pair(index: u32) -> schema::DataTypeResult {
        let field = |name: &str| schema::StructFieldResult { name: name.into(), type_: index };
        schema::DataTypeResult::Struct(vec![field("a"), field("b")])
    }

    #[test]
    fn resolves_indexes() {
        let list = [INT, schema::DataTypeResult::List(0), pair(1)];
        let ty = Types::new(&list).unwrap().get(2).unwrap();
        assert_eq!(ty.to_string(), "struct{a: list<int64>, b: list<int64>}");
    }

    #[test]
    fn refuses_what_is_not_before_or_too_large() {
        let refuse = |list: &[schema::DataTypeResult]| Types::new(list).err().unwrap();
        assert!(refuse(&[schema::DataTypeResult::List(0)]).contains("type 0 refers to type 0"));
        assert!(refuse(&[INT, pair(2), INT]).contains("type 1 refers to type 2"));
        let deep: Vec<_> = std::iter::once(INT).chain((0..40).map(schema::DataTypeResult::List)).collect();
        assert!(refuse(&deep).contains("type 32 nests deeper"));
        let bushy: Vec<_> = std::iter::once(INT).chain((0..31).map(pair)).collect();
        assert!(refuse(&bushy).contains("parts"));
    }
}
