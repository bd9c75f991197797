//! What becomes of the fields of a struct that is written: a column each.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Index, Type};

use crate::syntax::Named;

/// A type as the SDK writes it.
pub(crate) fn as_column(ty: &Type) -> TokenStream {
    quote_spanned!(ty.span()=> <#ty as ::gristmill_sdk::__private::ToColumn>)
}

/// Code for all fields, in order. A tuple of builders is named `builder`, and the arrays of a batch `arrays`.
#[derive(Default)]
pub(crate) struct Writers {
    /// Types of builders.
    pub(crate) builders: Vec<TokenStream>,
    /// Builders with room for `rows` values.
    pub(crate) makes: Vec<TokenStream>,
    /// Statements that append the fields of `self`.
    pub(crate) pushes: Vec<TokenStream>,
    /// Statements that append what stands at a null.
    pub(crate) nothings: Vec<TokenStream>,
    /// Indexes of the finished arrays.
    pub(crate) ends: Vec<TokenStream>,
}

impl Writers {
    pub(crate) fn of(fields: &[Named<'_>]) -> Self {
        let mut all = Self::default();
        for (i, field) in fields.iter().enumerate() {
            let (column, member, index) = (as_column(field.ty), field.ident, Index::from(i));
            let sdk = quote!(::gristmill_sdk::__private);
            let builder = quote_spanned!(field.ty.span()=> <#column::Builder as #sdk::Builder>);
            all.builders.push(quote!(#column::Builder));
            all.makes.push(quote!(#builder::with_capacity(rows)));
            all.pushes.push(quote!(#column::write(self.#member, &mut builder.#index);));
            all.nothings.push(quote!(#builder::push_nothing(&mut builder.#index);));
            all.ends.push(quote!(#builder::finish(builder.#index, arrays)?));
        }
        all
    }
}
