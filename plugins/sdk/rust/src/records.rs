//! Structs of the contract, by `#[derive(Record)]`: what is written of one. Reading one is all in the macro.

use crate::__private::{StructFields, Values};
use crate::parts::Arrays;
use crate::types::FieldSpec;
use crate::write::Builder;

/// What `#[derive(Record)]` makes of a struct that is written.
#[doc(hidden)]
pub trait Fields: Sized {
    /// The fields, in order.
    const FIELDS: &'static [FieldSpec];
    /// The columns of the fields while they are written.
    type Builders;
    /// Columns with room for this many values.
    fn builders(rows: usize) -> Self::Builders;
    /// Appends this value.
    fn push(self, builders: &mut Self::Builders);
    /// Appends what stands at a null.
    fn push_nothing(builders: &mut Self::Builders);
    /// Adds the columns, and gives the index of each.
    fn finish(builders: Self::Builders, arrays: &mut Arrays) -> Result<Vec<u32>, String>;
}

/// A column of structs while it is written.
#[doc(hidden)]
pub struct Structs<R: Fields> {
    length: usize,
    fields: R::Builders,
}

impl<R: Fields> Structs<R> {
    /// Appends a value.
    #[inline]
    pub fn push(&mut self, value: R) {
        value.push(&mut self.fields);
        self.length += 1;
    }
}

impl<R: Fields> Builder for Structs<R> {
    fn with_capacity(rows: usize) -> Self {
        Self { length: 0, fields: R::builders(rows) }
    }
    #[inline]
    fn push_nothing(&mut self) {
        R::push_nothing(&mut self.fields);
        self.length += 1;
    }
    fn rows(&self) -> usize {
        self.length
    }
    fn finish(self, arrays: &mut Arrays) -> Result<u32, String> {
        let length = u32::try_from(self.length)
            .map_err(|_| "a column has more structs than can be counted; run with fewer rows a batch")?;
        arrays.add_holder(|arrays| {
            let children = R::finish(self.fields, arrays)?;
            Ok(Values::Structs(StructFields { length, children }))
        })
    }
}
