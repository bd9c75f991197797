//! The derive macros of `gristmill-sdk`. Depend on that crate, which exports them.

mod config;
mod input;
mod pattern;
mod row;
mod syntax;

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
/// Doc comments are descriptions, where there is no `description`.
#[proc_macro_derive(Row, attributes(row))]
pub fn derive_row(item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as DeriveInput);
    row::expand(&item).unwrap_or_else(syn::Error::into_compile_error).into()
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
