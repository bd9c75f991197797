//! The derive macros of `gristmill-sdk`. Depend on that crate, which exports them.

mod columns;
mod config;
mod input;
mod pattern;
mod readers;
mod record;
mod row;
mod syntax;
mod tables;
mod writers;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// A struct of what a plugin reads of a document.
///
/// On the struct: `#[input(documents = "teams/{team}/reports/{report}")]`, which documents the plugin takes.
///
/// On a field, at most one of
/// * nothing: the document's field of the same name;
/// * `field = "contact.email"`: a field, its steps with dots between;
/// * `steps("a.b", "c")`: a field, its steps as they are, for names with dots in them;
/// * `capture`, or `capture = "team"`: what the pattern's `{field's name}`, or `{team}`, stands for;
/// * `type_of = "a.b"`, or `type_of("a.b", "c")`: the name of the type that the field holds;
/// * `document_name`, `document`, `create_time`, `update_time`;
///
/// and of
/// * `mismatch = "null"`: where the document's field has another type the value is null, not the record refused
///   (`"reject"`, which is the default);
/// * `required`: says what a type other than `Option` says by itself;
/// * `name = "…"`: the input's name, where it is not to be that of the field.
///
/// An array is a `Vec`, a map a struct with [`Record`]. A null within them, where the type is no `Option`, is a mismatch, too.
#[proc_macro_derive(Input, attributes(input))]
pub fn derive_input(item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as DeriveInput);
    input::expand(&item).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// A struct of a table's row.
///
/// On the struct: `#[row(table = "users", key = "user")]`, and of `key("a", "b")`, `latest_by = "input"`,
/// `partition_by = "column"`, `cluster_by = "column"` or `cluster_by("a", "b")`, `description = "…"`. Columns are named as in the table.
///
/// On a field: `#[row(name = "overallScore")]`, where the column's name is not that of the field, and `description = "…"`.
///
/// Doc comments are descriptions, where there is no `description`. A list is a `Vec`, a struct a struct with [`Record`].
#[proc_macro_derive(Row, attributes(row))]
pub fn derive_row(item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as DeriveInput);
    row::expand(&item).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// A struct that is a field of an [`Input`] or a [`Row`], or an element of a list in one: a `struct` of the contract, which is a map of
/// Firestore, and a column with columns of its own in a table. The contract's word is a keyword of Rust, so the derive has that
/// which BigQuery and others use for such a column.
///
/// The struct is read and written; a field then needs a type that is both. With `#[record(read)]` or `#[record(write)]` on the struct it
/// is only one of the two, and takes types that are not the other, such as `Join`.
///
/// On a field: `#[record(name = "overallScore")]`, where its name in the document and the table is not that of the field.
///
/// In a map that is read, fields which are not declared are skipped; one that is missing or null is `None` of an `Option`. Where the type is no
/// `Option`, the record is refused with the code `missing-part`; an input with `mismatch = "null"` is `None` instead.
#[proc_macro_derive(Record, attributes(record))]
pub fn derive_record(item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as DeriveInput);
    record::expand(&item).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// A struct of the tables that a plugin writes: each field is a [`Row`] of one table, an `Option` or a `Vec` of it.
///
/// A mapping returns the struct, and makes with it any number of rows of each table of a record. Tables are declared in the order of
/// the fields; the fields' names mean nothing.
#[proc_macro_derive(Tables)]
pub fn derive_tables(item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as DeriveInput);
    tables::expand(&item).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// A struct of what a validator reads of a row.
///
/// On the struct: `#[columns(table = "users")]`, where rows of one table are judged; without it the validator judges every table of a job, and
/// one that lacks a column ends the run before it begins.
///
/// On a field: `#[columns(name = "overallScore")]`, where the column's name is not that of the field. A column that may be null is an `Option`.
#[proc_macro_derive(Columns, attributes(columns))]
pub fn derive_columns(item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as DeriveInput);
    columns::expand(&item).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// A struct of a plugin's settings.
///
/// On a field: `#[config(default = 1.0)]`, without which whoever runs the plugin must give a value; `name = "…"`, where it is not to be
/// the field's name in kebab case; `description = "…"`, where it is not to be the doc comment.
#[proc_macro_derive(Config, attributes(config))]
pub fn derive_config(item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as DeriveInput);
    config::expand(&item).unwrap_or_else(syn::Error::into_compile_error).into()
}
