//! `#[derive(Record)]`

use std::collections::HashSet;

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{DeriveInput, Error, LitStr, Result};

use crate::syntax::{self, Named};
use crate::writers::{Writers, as_column};

/// Whether a struct is read, written, or both.
#[derive(Clone, Copy, PartialEq)]
enum Only {
    Read,
    Write,
}

fn only(item: &DeriveInput) -> Result<Option<Only>> {
    let mut only = None;
    syntax::items(&item.attrs, "record", |meta| {
        let found = if meta.path.is_ident("read") {
            Only::Read
        } else if meta.path.is_ident("write") {
            Only::Write
        } else {
            return Err(meta.error("not known here; known are read, write; without either it is both"));
        };
        if only.replace(found).is_some() {
            return Err(meta.error("each of read and write leaves out the other; for both leave out the attribute"));
        }
        Ok(())
    })?;
    Ok(only)
}

/// The name of a field in the document or the table.
fn name(field: &Named<'_>) -> Result<LitStr> {
    let mut name = None;
    syntax::items(field.attrs, "record", |meta| {
        if meta.path.is_ident("name") {
            syntax::once(&mut name, syntax::string(&meta)?, &meta)
        } else {
            Err(meta.error("not known here; known is name"))
        }
    })?;
    Ok(name.unwrap_or_else(|| LitStr::new(&syntax::name_of(field.ident), field.ident.span())))
}

/// The expansion.
pub(crate) fn expand(item: &DeriveInput) -> Result<TokenStream> {
    let only = only(item)?;
    let fields = syntax::fields(item, "Record")?;
    if fields.is_empty() {
        return Err(Error::new_spanned(&item.ident, "a record has fields: the struct needs at least one"));
    }
    let names = fields.iter().map(name).collect::<Result<Vec<_>>>()?;
    let mut seen = HashSet::new();
    if let Some(twice) = names.iter().find(|n| !seen.insert(n.value())) {
        return Err(Error::new_spanned(twice, format!("there are two fields `{}`", twice.value())));
    }
    let read = if only == Some(Only::Write) { None } else { Some(reads(item, &fields, &names)?) };
    let write = (only != Some(Only::Read)).then(|| writes(item, &fields, &names));
    Ok(quote!(#read #write))
}

fn reads(item: &DeriveInput, fields: &[Named<'_>], names: &[LitStr]) -> Result<TokenStream> {
    let what = "a record that is read has no parameters but one lifetime, that of the batch which it borrows from; \
                for one that is only written add `#[record(write)]`";
    let (life, args) = syntax::lifetime(item, what)?;
    let sdk = quote!(::gristmill_sdk::__private);
    let (mut specs, mut parts, mut indexes, mut opens) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut lacks, mut reads) = (Vec::new(), Vec::new());
    for (i, (field, name)) in fields.iter().zip(names).enumerate() {
        let (ty, span, member, index) = (field.ty, field.ty.span(), field.ident, syn::Index::from(i));
        specs.push(quote_spanned!(span=> #sdk::FieldSpec { name: #name, ty: <#ty as #sdk::FromColumn<#life>>::TYPE }));
        let part = quote_spanned!(span=> #sdk::Part<#life, #ty>);
        let at = format_ident!("field{i}");
        opens.push(quote_spanned!(span=> <#part>::open(place, #at, rows)?));
        indexes.push(at);
        parts.push(part);
        lacks.push(quote!(column.#index.lacks(row)));
        reads.push(quote!(#member: column.#index.read(row)));
    }
    let ident = &item.ident;
    Ok(quote! {
        #[automatically_derived]
        impl<#life> #sdk::FromColumn<#life> for #ident #args {
            const TYPE: #sdk::TypeSpec = #sdk::TypeSpec::Struct(&[#(#specs),*]);
            type Column = (#(#parts,)*);
            fn open(place: #sdk::Place<#life>, rows: usize) -> ::std::result::Result<Self::Column, &'static str> {
                let [#(#indexes),*] = place.fields(rows)?;
                ::std::result::Result::Ok((#(#opens,)*))
            }
            #[inline]
            fn lacks(column: &Self::Column, row: usize) -> bool {
                #(#lacks)||*
            }
            #[inline]
            fn read(column: &Self::Column, row: usize) -> Self {
                Self { #(#reads),* }
            }
        }
    })
}

fn writes(item: &DeriveInput, fields: &[Named<'_>], names: &[LitStr]) -> TokenStream {
    let sdk = quote!(::gristmill_sdk::__private);
    let specs = fields.iter().zip(names).map(|(field, name)| {
        let column = as_column(field.ty);
        quote!(#sdk::FieldSpec { name: #name, ty: #column::TYPE })
    });
    let Writers { builders, makes, pushes, nothings, ends } = Writers::of(fields);
    let ident = &item.ident;
    let (generics, args, bounds) = item.generics.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #generics #sdk::Fields for #ident #args #bounds {
            const FIELDS: &'static [#sdk::FieldSpec] = &[#(#specs),*];
            type Builders = (#(#builders,)*);
            fn builders(rows: usize) -> Self::Builders {
                (#(#makes,)*)
            }
            #[inline]
            fn push(self, builder: &mut Self::Builders) {
                #(#pushes)*
            }
            #[inline]
            fn push_nothing(builder: &mut Self::Builders) {
                #(#nothings)*
            }
            fn finish(
                builder: Self::Builders,
                arrays: &mut #sdk::Arrays,
            ) -> ::std::result::Result<::std::vec::Vec<u32>, ::std::string::String> {
                ::std::result::Result::Ok(::std::vec![#(#ends),*])
            }
        }

        #[automatically_derived]
        impl #generics #sdk::ToColumn for #ident #args #bounds {
            const TYPE: #sdk::TypeSpec = #sdk::TypeSpec::Struct(<Self as #sdk::Fields>::FIELDS);
            type Builder = #sdk::Structs<Self>;
            #[inline]
            fn write(self, builder: &mut Self::Builder) {
                builder.push(self);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::expand;
    use crate::syntax::tests::{place, refusal, tokens};

    const READ: &str = "FromColumn < 'a > for S < 'a >";
    const WRITTEN: &str = "ToColumn for S < 'a >";

    #[test]
    fn fields_in_order() {
        let made = tokens(expand, "struct S<'a> { #[record(name = \"N\")] name: &'a str, r#type: Option<i64> }");
        for part in [
            READ,
            WRITTEN,
            "FieldSpec { name : \"N\" , ty : < & 'a str as :: gristmill_sdk :: __private :: FromColumn < 'a >> :: TYPE }",
            "FieldSpec { name : \"type\" , ty : < Option < i64 > as :: gristmill_sdk :: __private :: ToColumn > :: TYPE }",
            "column . 0 . lacks (row) || column . 1 . lacks (row)",
            "name : column . 0 . read (row) , r#type : column . 1 . read (row)",
        ] {
            assert!(made.contains(part), "no {part} in {made}");
        }
    }

    #[test]
    fn one_way_only() {
        let made = tokens(expand, "#[record(read)] struct S<'a> { x: &'a str }");
        assert!(made.contains(READ) && !made.contains(WRITTEN), "{made}");
        let made = tokens(expand, "#[record(write)] struct S<'a> { x: &'a str }");
        assert!(made.contains(WRITTEN) && !made.contains(READ), "{made}");
        assert!(tokens(expand, "#[record(write)] struct S<T: ToColumn> { x: T }").contains("for S < T >"));
    }

    #[test]
    fn what_is_wrong_and_where() {
        for (item, says, at) in [
            ("struct S {}", "at least one", "S"),
            ("struct S(i64);", "fields have names", "S"),
            ("enum S { A }", "derived for structs", "S"),
            ("struct S<T> { x: T }", "no parameters but one lifetime", "T"),
            ("#[record(read, write)] struct S { x: i64 }", "leaves out the other", "write"),
            ("#[record(table = \"t\")] struct S { x: i64 }", "known are read, write", "table"),
            ("struct S { #[record(field = \"a\")] x: i64 }", "known is name", "field"),
            ("struct S { x: i64, #[record(name = \"x\")] y: i64 }", "two fields `x`", "\"x\""),
        ] {
            let error = refusal(expand, item);
            assert!(error.contains(says), "{item}: {error}");
            assert_eq!(place(expand, item), at, "{item}");
        }
    }
}
