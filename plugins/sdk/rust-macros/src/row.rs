//! `#[derive(Row)]`

use std::collections::HashSet;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Error, LitStr, Result};

use crate::syntax::{self, Named};
use crate::writers::{Writers, as_column};

/// What stands at the struct.
#[derive(Default)]
struct Table {
    name: Option<LitStr>,
    description: Option<LitStr>,
    key: Option<Vec<LitStr>>,
    latest_by: Option<LitStr>,
    partition_by: Option<LitStr>,
    cluster_by: Option<Vec<LitStr>>,
}

impl Table {
    fn parse(item: &DeriveInput) -> Result<Self> {
        let mut table = Self::default();
        syntax::items(&item.attrs, "row", |meta| {
            let is = |what: &str| meta.path.is_ident(what);
            if is("table") {
                syntax::once(&mut table.name, syntax::string(&meta)?, &meta)
            } else if is("description") {
                syntax::once(&mut table.description, syntax::string(&meta)?, &meta)
            } else if is("key") {
                syntax::once(&mut table.key, syntax::one_or_more(&meta)?, &meta)
            } else if is("latest_by") {
                syntax::once(&mut table.latest_by, syntax::string(&meta)?, &meta)
            } else if is("partition_by") {
                syntax::once(&mut table.partition_by, syntax::string(&meta)?, &meta)
            } else if is("cluster_by") {
                syntax::once(&mut table.cluster_by, syntax::one_or_more(&meta)?, &meta)
            } else {
                Err(meta
                    .error("not known here; known are table, key, latest_by, partition_by, cluster_by, description"))
            }
        })?;
        Ok(table)
    }
}

/// What stands at a field.
struct Column<'a> {
    field: &'a Named<'a>,
    name: LitStr,
    description: String,
}

impl<'a> Column<'a> {
    fn parse(field: &'a Named<'a>) -> Result<Self> {
        let (mut name, mut description) = (None, None);
        syntax::items(field.attrs, "row", |meta| {
            if meta.path.is_ident("name") {
                syntax::once(&mut name, syntax::string(&meta)?, &meta)
            } else if meta.path.is_ident("description") {
                syntax::once(&mut description, syntax::string(&meta)?, &meta)
            } else {
                Err(meta.error("not known here; known are name, description; key and the like stand at the struct"))
            }
        })?;
        Ok(Self {
            field,
            name: name.unwrap_or_else(|| LitStr::new(&syntax::name_of(field.ident), field.ident.span())),
            description: description.map_or_else(|| syntax::docs(field.attrs), |d: LitStr| d.value()),
        })
    }
}

fn find<'a>(columns: &'a [Column<'a>], name: &LitStr) -> Result<&'a Column<'a>> {
    columns.iter().find(|c| c.name.value() == name.value()).ok_or_else(|| {
        let known: Vec<_> = columns.iter().map(|c| c.name.value()).collect();
        let what = format!("the table has no column `{}`; it has `{}`", name.value(), known.join("`, `"));
        Error::new_spanned(name, what)
    })
}

fn check(table: &Table, columns: &[Column<'_>]) -> Result<()> {
    let mut seen = HashSet::new();
    if let Some(twice) = columns.iter().find(|c| !seen.insert(c.name.value().to_lowercase())) {
        let what = format!("there are two columns `{}`, regardless of case", twice.name.value());
        return Err(Error::new_spanned(&twice.name, what));
    }
    for name in table.key.iter().flatten() {
        let column = find(columns, name)?;
        if syntax::is_option(column.field.ty) {
            return Err(Error::new_spanned(
                column.field.ty,
                format!("`{}` is of the key, which is never null: write the type without `Option`", name.value()),
            ));
        }
    }
    table.partition_by.iter().chain(table.cluster_by.iter().flatten()).try_for_each(|n| find(columns, n).map(|_| ()))
}

/// The expansion.
pub(crate) fn expand(item: &DeriveInput) -> Result<TokenStream> {
    let table = Table::parse(item)?;
    let Some(table_name) = &table.name else {
        let what = "which table? Add `#[row(table = \"users\", key = \"user\")]` to the struct";
        return Err(Error::new_spanned(&item.ident, what));
    };
    let text = table_name.value();
    if text.is_empty()
        || text.starts_with(|c: char| c.is_ascii_digit())
        || !text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    {
        let what = "a table name has letters, digits and `_`, and does not begin with a digit";
        return Err(Error::new_spanned(table_name, what));
    }
    let fields = syntax::fields(item, "Row")?;
    if fields.is_empty() {
        return Err(Error::new_spanned(&item.ident, "a row has columns: the struct needs at least one field"));
    }
    let columns = fields.iter().map(Column::parse).collect::<Result<Vec<_>>>()?;
    check(&table, &columns)?;

    let sdk = quote!(::gristmill_sdk::__private);
    let specs = columns.iter().map(|column| {
        let (as_column, name, description) = (as_column(column.field.ty), &column.name, &column.description);
        quote!(#sdk::ColumnSpec {
            name: #name,
            ty: #as_column::TYPE,
            required: !#as_column::NULLABLE,
            description: #description,
        })
    });
    let Writers { builders, makes, pushes, ends, .. } = Writers::of(&fields);
    let description = table.description.as_ref().map_or_else(|| syntax::docs(&item.attrs), LitStr::value);
    let option = |name: &Option<LitStr>| match name {
        Some(name) => quote!(::std::option::Option::Some(#name)),
        None => quote!(::std::option::Option::None),
    };
    let (latest_by, partition_by) = (option(&table.latest_by), option(&table.partition_by));
    let (key, cluster_by) = (table.key.iter().flatten(), table.cluster_by.iter().flatten());
    let ident = &item.ident;
    let (generics, args, bounds) = item.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #generics ::gristmill_sdk::Row for #ident #args #bounds {
            const TABLE: #sdk::TableSpec = #sdk::TableSpec {
                name: #table_name,
                description: #description,
                columns: &[#(#specs),*],
                key: &[#(#key),*],
                latest_by: #latest_by,
                partition_by: #partition_by,
                cluster_by: &[#(#cluster_by),*],
            };
            type Builder = (#(#builders,)*);
            fn builder(rows: usize) -> Self::Builder {
                (#(#makes,)*)
            }
            #[inline]
            fn push(self, builder: &mut Self::Builder) {
                #(#pushes)*
            }
            fn finish(
                builder: Self::Builder,
                rows: u32,
            ) -> ::std::result::Result<#sdk::Batch, ::std::string::String> {
                let mut finished = #sdk::Arrays::default();
                let arrays = &mut finished;
                let columns = [#(#ends),*];
                ::std::result::Result::Ok(finished.into_batch(columns, rows))
            }
        }

        #[automatically_derived]
        impl #generics ::gristmill_sdk::Tables for #ident #args #bounds {
            type Builder = #sdk::Table<Self>;
            #[inline]
            fn push(self, origin: u32, builder: &mut Self::Builder) {
                builder.push(self, origin);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::expand;
    use crate::syntax::tests::{place, refusal, tokens};

    #[test]
    fn table_and_columns() {
        let made = tokens(
            expand,
            "/// Rows of\n/// reports.\n
            #[row(table = \"t\", key(\"id\", \"N\"), latest_by = \"at\", partition_by = \"id\", cluster_by = \"id\")]
            struct S<'a> { /// Who.\n id: &'a str, #[row(name = \"N\", description = \"d\")] n: i64, x: Option<f64> }",
        );
        for part in [
            "name : \"t\" , description : \"Rows of reports.\"",
            "name : \"id\" , ty : < & 'a str as :: gristmill_sdk :: __private :: ToColumn > :: TYPE , required :",
            "description : \"Who.\"",
            "name : \"N\" ,",
            "description : \"d\"",
            "key : & [\"id\" , \"N\"] , latest_by : :: std :: option :: Option :: Some (\"at\")",
            "cluster_by : & [\"id\"]",
        ] {
            assert!(made.contains(part), "no {part} in {made}");
        }
    }

    #[test]
    fn what_is_wrong_and_where() {
        for (item, says, at) in [
            ("struct S { x: i64 }", "which table?", "S"),
            ("#[row(table = \"1t\")] struct S { x: i64 }", "does not begin with a digit", "\"1t\""),
            ("#[row(table = \"t\")] struct S {}", "at least one field", "S"),
            ("#[row(table = \"t\", key = \"y\")] struct S { x: i64 }", "no column `y`; it has `x`", "\"y\""),
            ("#[row(table = \"t\", key())] struct S { x: i64 }", "names nothing", "key()"),
            ("#[row(table = \"t\", key = \"x\")] struct S { x: Option<i64> }", "is of the key", "Option<i64>"),
            ("#[row(table = \"t\", cluster_by(\"x\", \"z\"))] struct S { x: i64 }", "no column `z`", "\"z\""),
            ("#[row(table = \"t\")] struct S { x: i64, #[row(name = \"X\")] y: i64 }", "two columns `X`", "\"X\""),
            ("#[row(table = \"t\")] struct S { #[row(key)] x: i64 }", "stand at the struct", "key"),
            ("#[row(table = \"t\", order = \"x\")] struct S { x: i64 }", "known are table, key", "order"),
        ] {
            let error = refusal(expand, item);
            assert!(error.contains(says), "{item}: {error}");
            assert_eq!(place(expand, item), at, "{item}");
        }
    }
}
