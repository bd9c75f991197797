//! `#[derive(Tables)]`

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{DeriveInput, Error, Result};

use crate::syntax;

/// The expansion.
pub(crate) fn expand(item: &DeriveInput) -> Result<TokenStream> {
    let fields = syntax::fields(item, "Tables")?;
    if fields.is_empty() {
        return Err(Error::new_spanned(&item.ident, "a plugin writes something: the struct needs at least one table"));
    }
    if let Some(field) = fields.iter().find(|f| syntax::type_name(f.ty).as_deref() == Some("Result")) {
        let what = "a record is refused as a whole: the mapping returns a `Result` of the struct, no table is one";
        return Err(Error::new_spanned(field.ty, what));
    }

    let sdk = quote!(::gristmill_sdk::__private);
    // Pairs of a table and those after it: `(a, (b, c))`.
    let mut builder: Option<TokenStream> = None;
    let mut pushes = Vec::new();
    for (i, field) in fields.iter().enumerate().rev() {
        let (ty, member) = (field.ty, field.ident);
        let rows = quote_spanned!(ty.span()=> <#ty as #sdk::Tables>);
        builder = Some(match builder {
            None => quote!(#rows::Builder),
            Some(after) => quote!((#rows::Builder, #after)),
        });
        let before = std::iter::repeat_n(quote!(.1), i);
        let first = (i + 1 < fields.len()).then(|| quote!(.0));
        pushes.push(quote!(#rows::push(self.#member, origin, &mut builder #(#before)* #first);));
    }
    pushes.reverse();
    let ident = &item.ident;
    let (generics, args, bounds) = item.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #generics ::gristmill_sdk::Tables for #ident #args #bounds {
            type Builder = #builder;
            #[inline]
            fn push(self, origin: u32, builder: &mut Self::Builder) {
                #(#pushes)*
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::expand;
    use crate::syntax::tests::{place, refusal, tokens};

    #[test]
    fn tables_in_order() {
        let made = tokens(expand, "struct S<'a> { a: A<'a>, b: Vec<B>, c: Option<C> }");
        let of = |ty: &str| format!("< {ty} as :: gristmill_sdk :: __private :: Tables >");
        let (a, b, c) = (of("A < 'a >"), of("Vec < B >"), of("Option < C >"));
        for part in [
            format!("type Builder = ({a} :: Builder , ({b} :: Builder , {c} :: Builder)) ;"),
            format!("{a} :: push (self . a , origin , & mut builder . 0) ; {b} ::"),
            format!("{b} :: push (self . b , origin , & mut builder . 1 . 0) ; {c} ::"),
            format!("{c} :: push (self . c , origin , & mut builder . 1 . 1) ;"),
        ] {
            assert!(made.contains(&part), "no {part} in {made}");
        }
        let one = tokens(expand, "struct S { a: A }");
        assert!(one.contains("push (self . a , origin , & mut builder)"), "{one}");
    }

    #[test]
    fn what_is_wrong_and_where() {
        for (item, says, at) in [
            ("struct S {}", "at least one table", "S"),
            ("struct S(A);", "fields have names", "S"),
            ("enum S { A }", "derived for structs", "S"),
            ("struct S { a: A, b: Result<B, Rejection> }", "refused as a whole", "Result<B, Rejection>"),
        ] {
            let error = refusal(expand, item);
            assert!(error.contains(says), "{item}: {error}");
            assert_eq!(place(expand, item), at, "{item}");
        }
    }
}
