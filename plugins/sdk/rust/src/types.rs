//! Types as derive macros know them, and the list of them that a description has.

use crate::__private::{Scalar, schema};

/// A type of an input or a column.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TypeSpec {
    /// Without parts.
    Scalar(Scalar),
    /// A list of elements of one type.
    List(&'static TypeSpec),
    /// A struct, its fields in order.
    Struct(&'static [FieldSpec]),
}

/// A field of a struct.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FieldSpec {
    /// Unique in its struct.
    pub name: &'static str,
    /// What it holds.
    pub ty: TypeSpec,
}

/// The types that a description refers to, each once, and each after those that it refers to itself.
#[derive(Default)]
pub(crate) struct Types {
    known: Vec<TypeSpec>,
    declared: Vec<schema::DataType>,
}

impl Types {
    /// The index of a type, which is added where it is new.
    pub(crate) fn index(&mut self, ty: TypeSpec) -> u32 {
        let index = self.known.iter().position(|known| *known == ty).unwrap_or_else(|| {
            let declared = match ty {
                TypeSpec::Scalar(scalar) => schema::DataType::Scalar(scalar),
                TypeSpec::List(element) => schema::DataType::List(self.index(*element)),
                TypeSpec::Struct(fields) => schema::DataType::Struct(
                    fields
                        .iter()
                        .map(|field| schema::StructField { name: field.name.to_owned(), type_: self.index(field.ty) })
                        .collect(),
                ),
            };
            self.known.push(ty);
            self.declared.push(declared);
            self.known.len() - 1
        });
        // There are as many as are written out in the source of a plugin.
        u32::try_from(index).unwrap_or(u32::MAX)
    }

    /// The list, as it is declared.
    pub(crate) fn into_declared(self) -> Vec<schema::DataType> {
        self.declared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INT: TypeSpec = TypeSpec::Scalar(Scalar::Int64);
    const INTS: TypeSpec = TypeSpec::List(&INT);
    const PAIR: TypeSpec =
        TypeSpec::Struct(&[FieldSpec { name: "n", ty: INT }, FieldSpec { name: "all", ty: TypeSpec::List(&INTS) }]);

    #[test]
    fn each_type_is_there_once_and_after_its_parts() {
        let mut types = Types::default();
        // Int64, its list, the list of that, the pair.
        assert_eq!(types.index(PAIR), 3);
        assert_eq!([types.index(INT), types.index(INTS), types.index(PAIR)], [0, 1, 3]);
        assert_eq!(types.index(TypeSpec::List(&PAIR)), 4);
        let declared = types.into_declared();
        assert!(matches!(declared[2], schema::DataType::List(1)));
        let schema::DataType::Struct(fields) = &declared[3] else { panic!("{declared:?}") };
        let fields: Vec<_> = fields.iter().map(|f| (f.name.as_str(), f.type_)).collect();
        assert_eq!(fields, [("n", 0), ("all", 2)]);
        assert!(matches!(declared[4], schema::DataType::List(3)));
    }
}
