//! A table in the contract's words, as a validator is told of it.

use gristmill_record::{DataType, Scalar, Table};

use crate::bindings::schema;

/// A table and the types of its columns, flat: a type comes after those that it refers to.
pub(crate) struct TableWords<'a> {
    table: &'a Table,
    types: Vec<Word<'a>>,
    /// The type of each column.
    columns: Vec<u32>,
}

enum Word<'a> {
    Scalar(Scalar),
    List(u32),
    Struct(Vec<(&'a str, u32)>),
}

impl<'a> TableWords<'a> {
    pub(crate) fn of(table: &'a Table) -> Self {
        let mut words = Self { table, types: Vec::new(), columns: Vec::new() };
        for column in table.columns() {
            let index = words.add(&column.ty);
            words.columns.push(index);
        }
        words
    }

    fn add(&mut self, ty: &'a DataType) -> u32 {
        let word = match ty {
            DataType::Scalar(scalar) => Word::Scalar(*scalar),
            DataType::List(element) => Word::List(self.add(element)),
            DataType::Struct(fields) => {
                Word::Struct(fields.iter().map(|f| (f.name.as_str(), self.add(&f.ty))).collect())
            }
        };
        // A description has far fewer than 2^32 types.
        let index = u32::try_from(self.types.len()).unwrap_or(u32::MAX);
        self.types.push(word);
        index
    }

    /// Calls `f` with the types and the table as the bindings take them.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&[schema::DataTypeParam<'_>], schema::TableParam<'_>) -> R) -> R {
        let fields: Vec<Vec<schema::StructFieldParam<'_>>> = self
            .types
            .iter()
            .map(|word| match word {
                Word::Struct(fields) => {
                    fields.iter().map(|(name, type_)| schema::StructFieldParam { name, type_: *type_ }).collect()
                }
                _ => Vec::new(),
            })
            .collect();
        let types: Vec<_> = (self.types.iter().zip(&fields))
            .map(|(word, fields)| match word {
                Word::Scalar(scalar) => schema::DataTypeParam::Scalar(raw(*scalar)),
                Word::List(element) => schema::DataTypeParam::List(*element),
                Word::Struct(_) => schema::DataTypeParam::Struct(fields),
            })
            .collect();
        let columns: Vec<_> = (self.table.columns().iter().zip(&self.columns))
            .map(|(column, type_)| schema::OutputColumnParam {
                name: &column.name,
                type_: *type_,
                required: column.required,
                description: &column.description,
            })
            .collect();
        let name = |i: usize| self.table.columns().get(i).map(|c| c.name.as_str());
        let key: Vec<&str> = self.table.key().iter().filter_map(|i| name(*i)).collect();
        let cluster_by: Vec<&str> = self.table.cluster_by().iter().filter_map(|i| name(*i)).collect();
        let table = schema::TableParam {
            name: self.table.name(),
            description: self.table.description(),
            columns: &columns,
            key: &key,
            latest_by: self.table.latest_by_name(),
            partition_by: self.table.partition_by().and_then(name),
            cluster_by: &cluster_by,
        };
        f(&types, table)
    }
}

fn raw(scalar: Scalar) -> schema::Scalar {
    match scalar {
        Scalar::Boolean => schema::Scalar::Boolean,
        Scalar::Int64 => schema::Scalar::Int64,
        Scalar::Float64 => schema::Scalar::Float64,
        Scalar::Timestamp => schema::Scalar::Timestamp,
        Scalar::Date => schema::Scalar::Date,
        Scalar::String => schema::Scalar::String,
        Scalar::Bytes => schema::Scalar::Bytes,
        Scalar::Json => schema::Scalar::Json,
        Scalar::Reference => schema::Scalar::Reference,
    }
}
