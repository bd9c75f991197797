//! What becomes of the fields of a struct that is read from columns of a batch: a column each.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Index, Lifetime, LitStr, Type};

use crate::syntax::Named;

/// A type as the SDK reads it.
pub(crate) fn from_column(ty: &Type, life: &Lifetime) -> TokenStream {
    quote_spanned!(ty.span()=> <#ty as ::gristmill_sdk::__private::FromColumn<#life>>)
}

/// Code for all fields, in order. A tuple of opened columns is named `columns`, and the row `row`.
#[derive(Default)]
pub(crate) struct Readers {
    /// Types of opened columns.
    pub(crate) columns: Vec<TokenStream>,
    /// Opened columns of a batch that is named `batch`.
    pub(crate) opens: Vec<TokenStream>,
    /// Statements that return the name of a field whose value lacks a part.
    pub(crate) lacking: Vec<TokenStream>,
    /// Fields with their values.
    pub(crate) reads: Vec<TokenStream>,
}

impl Readers {
    /// Adds a field, with the name that it has outside of the code. Where a part is lacking the value is `None`, if `null`; else the row is not read.
    pub(crate) fn add(&mut self, field: &Named<'_>, name: &LitStr, life: &Lifetime, null: bool) {
        let (ty, member, at) = (field.ty, field.ident, self.columns.len());
        let (column, index) = (from_column(ty, life), Index::from(at));
        self.columns.push(quote!(#column::Column));
        self.opens.push(quote_spanned!(ty.span()=> ::gristmill_sdk::__private::open_column::<#ty>(batch, #at, #name)?));
        let lacks = quote!(#column::lacks(&columns.#index, row));
        let read = quote!(#column::read(&columns.#index, row));
        if null {
            self.reads.push(quote!(#member: if #lacks { ::std::option::Option::None } else { #read }));
        } else {
            self.lacking.push(quote!(if #lacks { return ::std::option::Option::Some(#name); }));
            self.reads.push(quote!(#member: #read));
        }
    }
}
