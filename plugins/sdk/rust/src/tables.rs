//! What a mapping may return, and the tables while they are written.

use crate::__private::Rows;
use crate::Rejection;
use crate::describe::{Row, TableSpec};

/// The rows that a mapping makes of a record: a row; `Option` of it, `None` where the record is none of the table's (it is counted as
/// filtered); `Vec` of it, as many rows as there are; or a struct with `#[derive(Tables)]`, which has such a field for each table.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a row nor several",
    label = "not the rows of a table",
    note = "each field of a struct with `#[derive(Tables)]` is a struct with `#[derive(Row)]`, or an Option or a Vec of it"
)]
pub trait Tables {
    /// The tables while they are written.
    #[doc(hidden)]
    type Builder: TablesBuilder;
    /// Appends what was made of an input row.
    #[doc(hidden)]
    fn push(self, origin: u32, builder: &mut Self::Builder);
}

/// What a mapping may return: [rows](Tables), or a `Result` of them with a [`Rejection`].
#[diagnostic::on_unimplemented(
    message = "a mapping cannot return `{Self}`",
    note = "return a struct with `#[derive(Row)]`, an Option or a Vec of it, a struct with `#[derive(Tables)]`, or a Result of one of these with a Rejection"
)]
pub trait Outcome {
    /// The tables while they are written.
    #[doc(hidden)]
    type Builder: TablesBuilder;
    /// Appends what was made of an input row; nothing of one that is refused.
    #[doc(hidden)]
    fn outcome(self, origin: u32, builder: &mut Self::Builder) -> Result<(), Rejection>;
}

impl<T: Tables> Outcome for T {
    type Builder = T::Builder;
    #[inline]
    fn outcome(self, origin: u32, builder: &mut T::Builder) -> Result<(), Rejection> {
        self.push(origin, builder);
        Ok(())
    }
}

impl<O: Outcome> Outcome for Result<O, Rejection> {
    type Builder = O::Builder;
    #[inline]
    fn outcome(self, origin: u32, builder: &mut O::Builder) -> Result<(), Rejection> {
        self?.outcome(origin, builder)
    }
}

impl<T: Tables> Tables for Option<T> {
    type Builder = T::Builder;
    #[inline]
    fn push(self, origin: u32, builder: &mut T::Builder) {
        match self {
            Some(rows) => rows.push(origin, builder),
            None => builder.left_out(origin),
        }
    }
}

impl<R: Row> Tables for Vec<R> {
    type Builder = Table<R>;
    #[inline]
    fn push(self, origin: u32, builder: &mut Table<R>) {
        if self.len() != 1 {
            builder.origins.list(origin);
        }
        for row in self {
            builder.push(row, origin);
        }
    }
}

/// Tables while they are written.
#[doc(hidden)]
pub trait TablesBuilder {
    /// What is declared of them, in order.
    fn specs() -> Vec<TableSpec>;
    /// Tables with room for a row of each of this many records.
    fn with_capacity(rows: usize) -> Self;
    /// Of an input row no row is made.
    fn left_out(&mut self, origin: u32);
    /// The rows of each, in order.
    fn finish(self) -> Result<Vec<Rows>, String>;
}

/// A table while it is written.
#[doc(hidden)]
pub struct Table<R: Row> {
    columns: R::Builder,
    made: usize,
    origins: Origins,
}

impl<R: Row> Table<R> {
    /// Appends a row. Where it is not the only one of its origin, origins are listed already.
    #[inline]
    pub fn push(&mut self, row: R, origin: u32) {
        row.push(&mut self.columns);
        self.made += 1;
        self.origins.made(origin);
    }
}

impl<R: Row> TablesBuilder for Table<R> {
    fn specs() -> Vec<TableSpec> {
        vec![R::TABLE]
    }
    fn with_capacity(rows: usize) -> Self {
        Self { columns: R::builder(rows), made: 0, origins: Origins(None) }
    }
    #[inline]
    fn left_out(&mut self, origin: u32) {
        self.origins.list(origin);
    }
    fn finish(self) -> Result<Vec<Rows>, String> {
        let made = u32::try_from(self.made)
            .map_err(|_| "a table has more rows than can be counted; run with fewer rows a batch")?;
        Ok(vec![Rows { batch: R::finish(self.columns, made)?, origins: self.origins.0 }])
    }
}

/// Tables and those after them: of two such pairs a derived set of any number is made.
impl<A: TablesBuilder, B: TablesBuilder> TablesBuilder for (A, B) {
    fn specs() -> Vec<TableSpec> {
        let mut specs = A::specs();
        specs.extend(B::specs());
        specs
    }
    fn with_capacity(rows: usize) -> Self {
        (A::with_capacity(rows), B::with_capacity(rows))
    }
    #[inline]
    fn left_out(&mut self, origin: u32) {
        self.0.left_out(origin);
        self.1.left_out(origin);
    }
    fn finish(self) -> Result<Vec<Rows>, String> {
        let mut rows = self.0.finish()?;
        rows.extend(self.1.finish()?);
        Ok(rows)
    }
}

/// The input row of each row, from the first input row on of which there is not exactly one.
struct Origins(Option<Vec<u32>>);

impl Origins {
    #[inline]
    fn made(&mut self, row: u32) {
        if let Some(rows) = &mut self.0 {
            rows.push(row);
        }
    }

    /// From this input row on rows are not one for one.
    #[inline]
    fn list(&mut self, row: u32) {
        if self.0.is_none() {
            self.0 = Some((0..row).collect());
        }
    }
}
