//! `#[derive(Columns)]`

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Error, LitStr, Result};

use crate::readers::{Readers, from_column};
use crate::syntax;

/// The expansion.
pub(crate) fn expand(item: &DeriveInput) -> Result<TokenStream> {
    let mut table: Option<LitStr> = None;
    syntax::items(&item.attrs, "columns", |meta| {
        if meta.path.is_ident("table") {
            syntax::once(&mut table, syntax::string(&meta)?, &meta)
        } else {
            Err(meta.error("not known here; known is table"))
        }
    })?;
    let fields = syntax::fields(item, "Columns")?;
    if fields.is_empty() {
        return Err(Error::new_spanned(
            &item.ident,
            "a validator reads something: the struct needs at least one field",
        ));
    }
    let what = "what a validator reads has no parameters but one lifetime, that of the batch which it borrows from";
    let (life, args) = syntax::lifetime(item, what)?;
    let sdk = quote!(::gristmill_sdk::__private);
    let mut seen = std::collections::HashSet::new();
    let (mut specs, mut readers) = (Vec::new(), Readers::default());
    for field in &fields {
        let mut name: Option<LitStr> = None;
        syntax::items(field.attrs, "columns", |meta| {
            if meta.path.is_ident("name") {
                syntax::once(&mut name, syntax::string(&meta)?, &meta)
            } else {
                Err(meta.error("not known here; known is name"))
            }
        })?;
        let name = name.unwrap_or_else(|| LitStr::new(&syntax::name_of(field.ident), field.ident.span()));
        if !seen.insert(name.value()) {
            return Err(Error::new_spanned(&name, format!("there are two columns `{}`", name.value())));
        }
        let column = from_column(field.ty, &life);
        specs.push(quote!(#sdk::ColumnRead { name: #name, ty: #column::TYPE, nullable: #column::NULLABLE }));
        readers.add(field, &name, &life, false);
    }
    let Readers { columns: opened, opens, lacking, reads } = readers;
    let table = match &table {
        Some(table) => quote!(::std::option::Option::Some(#table)),
        None => quote!(::std::option::Option::None),
    };
    let ident = &item.ident;
    Ok(quote! {
        #[automatically_derived]
        impl<#life> ::gristmill_sdk::Columns<#life> for #ident #args {
            const TABLE: ::std::option::Option<&'static str> = #table;
            const COLUMNS: &'static [#sdk::ColumnRead] = &[#(#specs),*];
            type Opened = (#(#opened,)*);
            fn open(batch: &#life #sdk::Batch) -> ::std::result::Result<Self::Opened, ::std::string::String> {
                ::std::result::Result::Ok((#(#opens,)*))
            }
            #[inline]
            fn lacking(columns: &Self::Opened, row: usize) -> ::std::option::Option<&'static str> {
                #(#lacking)*
                ::std::option::Option::None
            }
            #[inline]
            fn read(columns: &Self::Opened, row: usize) -> Self {
                Self { #(#reads),* }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::expand;
    use crate::syntax::tests::{place, refusal, tokens};

    #[test]
    fn columns_and_table() {
        let made = tokens(
            expand,
            "#[columns(table = \"t\")] struct S<'a> { id: &'a str, #[columns(name = \"overallScore\")] score: Option<f64> }",
        );
        for part in [
            "Option :: Some (\"t\")",
            "name : \"id\" , ty : < & 'a str as :: gristmill_sdk :: __private :: FromColumn < 'a >> :: TYPE",
            "name : \"overallScore\" ,",
        ] {
            assert!(made.contains(part), "no {part} in {made}");
        }
        assert!(tokens(expand, "struct S { n: i64 }").contains("Option :: None ; const COLUMNS"));
    }

    #[test]
    fn what_is_wrong_and_where() {
        for (item, says, at) in [
            ("struct S {}", "at least one field", "S"),
            ("#[columns(tabel = \"t\")] struct S { x: i64 }", "known is table", "tabel"),
            ("struct S { #[columns(nam = \"y\")] x: i64 }", "known is name", "nam"),
            ("struct S { #[columns(name = \"y\")] x: i64, y: i64 }", "two columns `y`", "y"),
            ("struct S<T> { x: T }", "no parameters but one lifetime", "T"),
        ] {
            let error = refusal(expand, item);
            assert!(error.contains(says), "{item}: {error}");
            assert_eq!(place(expand, item), at, "{item}");
        }
    }
}
