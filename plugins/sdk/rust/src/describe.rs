//! What derive macros say of a plugin, and the description that the host is given of it.

use crate::__private::{Batch, OnMismatch, schema};
use crate::config::SettingSpec;
use crate::tables::TablesBuilder;
use crate::types::{TypeSpec, Types};

/// What a plugin reads, by `#[derive(Input)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the input of a plugin",
    note = "add `#[derive(Input)]` and `#[input(documents = \"…\")]` to the struct"
)]
pub trait Input<'a>: Sized {
    /// The pattern of the documents.
    #[doc(hidden)]
    const DOCUMENTS: &'static str;
    /// The declared inputs, in the order of the fields.
    #[doc(hidden)]
    const INPUTS: &'static [InputSpec];
    /// The opened columns.
    #[doc(hidden)]
    type Columns;
    /// Opens the columns of a batch.
    #[doc(hidden)]
    fn open(batch: &'a Batch) -> Result<Self::Columns, String>;
    /// The first input of a row with a part that is null and may not be. Such a row is not read.
    #[doc(hidden)]
    fn lacking(columns: &Self::Columns, row: usize) -> Option<&'static str>;
    /// The values of a row.
    #[doc(hidden)]
    fn read(columns: &Self::Columns, row: usize) -> Self;
}

/// What a plugin writes, by `#[derive(Row)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the row of a table",
    note = "add `#[derive(Row)]` and `#[row(table = \"…\")]` to the struct"
)]
pub trait Row: Sized {
    /// The table.
    #[doc(hidden)]
    const TABLE: TableSpec;
    /// The columns while they are written.
    #[doc(hidden)]
    type Builder;
    /// Columns with room for this many rows.
    #[doc(hidden)]
    fn builder(rows: usize) -> Self::Builder;
    /// Appends this row.
    #[doc(hidden)]
    fn push(self, builder: &mut Self::Builder);
    /// The columns as a batch of that many rows.
    #[doc(hidden)]
    fn finish(builder: Self::Builder, rows: u32) -> Result<Batch, String>;
}

/// A declared input.
#[doc(hidden)]
#[derive(Debug)]
pub struct InputSpec {
    pub name: &'static str,
    pub origin: OriginSpec,
    pub ty: TypeSpec,
    pub required: bool,
    pub null_on_mismatch: bool,
}

/// Where an input comes from.
#[doc(hidden)]
#[derive(Debug)]
pub enum OriginSpec {
    Capture(&'static str),
    Field(&'static [&'static str]),
    FieldType(&'static [&'static str]),
    DocumentName,
    Document,
    CreateTime,
    UpdateTime,
}

/// A declared table.
#[doc(hidden)]
#[derive(Debug)]
pub struct TableSpec {
    pub name: &'static str,
    pub description: &'static str,
    pub columns: &'static [ColumnSpec],
    pub key: &'static [&'static str],
    pub latest_by: Option<&'static str>,
    pub partition_by: Option<&'static str>,
    pub cluster_by: &'static [&'static str],
}

/// A declared column.
#[doc(hidden)]
#[derive(Debug)]
pub struct ColumnSpec {
    pub name: &'static str,
    pub ty: TypeSpec,
    pub required: bool,
    pub description: &'static str,
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// The description of a plugin that reads `I` and writes `T`.
pub(crate) fn description<'a, I: Input<'a>, T: TablesBuilder>() -> schema::Description {
    let mut types = Types::default();
    let inputs = I::INPUTS.iter().map(|spec| schema::Input {
        name: spec.name.to_owned(),
        origin: match &spec.origin {
            OriginSpec::Capture(name) => schema::Origin::PathCapture((*name).to_owned()),
            OriginSpec::Field(steps) => schema::Origin::Field(owned(steps)),
            OriginSpec::FieldType(steps) => schema::Origin::FieldType(owned(steps)),
            OriginSpec::DocumentName => schema::Origin::DocumentName,
            OriginSpec::Document => schema::Origin::Document,
            OriginSpec::CreateTime => schema::Origin::CreateTime,
            OriginSpec::UpdateTime => schema::Origin::UpdateTime,
        },
        type_: types.index(spec.ty),
        required: spec.required,
        on_mismatch: if spec.null_on_mismatch { OnMismatch::Null } else { OnMismatch::Reject },
    });
    let inputs = inputs.collect();
    let tables = T::specs().into_iter().map(|spec| table(spec, &mut types)).collect();
    schema::Description { documents: I::DOCUMENTS.to_owned(), types: types.into_declared(), inputs, tables }
}

fn table(spec: TableSpec, types: &mut Types) -> schema::Table {
    let columns = spec.columns.iter().map(|spec| schema::OutputColumn {
        name: spec.name.to_owned(),
        type_: types.index(spec.ty),
        required: spec.required,
        description: spec.description.to_owned(),
    });
    schema::Table {
        name: spec.name.to_owned(),
        description: spec.description.to_owned(),
        columns: columns.collect(),
        key: owned(spec.key),
        latest_by: spec.latest_by.map(str::to_owned),
        partition_by: spec.partition_by.map(str::to_owned),
        cluster_by: owned(spec.cluster_by),
    }
}

/// What a person is told of a plugin.
#[doc(hidden)]
pub fn about(name: &str, version: &str, summary: &str, settings: &[SettingSpec]) -> schema::About {
    let config = settings.iter().map(|spec| schema::ConfigField {
        name: spec.name.to_owned(),
        type_: spec.scalar,
        default: spec.default.map(str::to_owned),
        description: spec.description.to_owned(),
    });
    schema::About {
        name: name.to_owned(),
        version: version.to_owned(),
        summary: summary.to_owned(),
        config: config.collect(),
    }
}
