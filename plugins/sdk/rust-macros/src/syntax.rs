//! What the derives have in common: fields, names, descriptions, lists of strings.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::parse::Parse;
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Data, DeriveInput, Error, Expr, Field, Fields, GenericParam, Ident, Lifetime, Lit, LitStr, Meta, Result,
    Token, Type,
};

/// A field with a name.
pub(crate) struct Named<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) ty: &'a Type,
    pub(crate) attrs: &'a [Attribute],
}

/// The fields of a struct that has at least one, each with a name.
pub(crate) fn fields<'a>(item: &'a DeriveInput, derive: &str) -> Result<Vec<Named<'a>>> {
    let Data::Struct(data) = &item.data else {
        return Err(Error::new_spanned(&item.ident, format!("`{derive}` is derived for structs")));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(Error::new_spanned(&item.ident, format!("`{derive}` needs a struct whose fields have names")));
    };
    let named = |field: &'a Field| {
        field.ident.as_ref().map(|ident| Named { ident, ty: &field.ty, attrs: field.attrs.as_slice() })
    };
    Ok(fields.named.iter().filter_map(named).collect())
}

/// The lifetime of what a struct borrows, and the struct's arguments with it; `what` says that it has no other parameters.
pub(crate) fn lifetime(item: &DeriveInput, what: &str) -> Result<(Lifetime, TokenStream)> {
    let mut params = item.generics.params.iter();
    match (params.next(), params.next()) {
        (None, _) => Ok((Lifetime::new("'gristmill", Span::call_site()), TokenStream::new())),
        (Some(GenericParam::Lifetime(one)), None) => {
            let lifetime = &one.lifetime;
            Ok((lifetime.clone(), quote!(<#lifetime>)))
        }
        (Some(first), second) => Err(Error::new_spanned(second.unwrap_or(first), what)),
    }
}

/// The name of a field as it is written in text: `r#type` is `type`.
pub(crate) fn name_of(ident: &Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").map(str::to_owned).unwrap_or(name)
}

/// Calls `each` for every item of the attributes named `name`.
pub(crate) fn items(
    attrs: &[Attribute],
    name: &str,
    mut each: impl FnMut(ParseNestedMeta<'_>) -> Result<()>,
) -> Result<()> {
    attrs.iter().filter(|a| a.path().is_ident(name)).try_for_each(|a| a.parse_nested_meta(&mut each))
}

/// `= "text"`
pub(crate) fn string(meta: &ParseNestedMeta<'_>) -> Result<LitStr> {
    meta.value()?.parse()
}

/// `("a", "b")`, at least one.
pub(crate) fn strings(meta: &ParseNestedMeta<'_>) -> Result<Vec<LitStr>> {
    let content;
    syn::parenthesized!(content in meta.input);
    let all = Punctuated::<LitStr, Token![,]>::parse_terminated_with(&content, <LitStr as Parse>::parse)?;
    if all.is_empty() { Err(meta.error("names nothing")) } else { Ok(all.into_iter().collect()) }
}

/// `= "a"` or `("a", "b")`
pub(crate) fn one_or_more(meta: &ParseNestedMeta<'_>) -> Result<Vec<LitStr>> {
    if meta.input.peek(Token![=]) { string(meta).map(|one| vec![one]) } else { strings(meta) }
}

/// Sets what may be said once.
pub(crate) fn once<T>(slot: &mut Option<T>, value: T, meta: &ParseNestedMeta<'_>) -> Result<()> {
    if slot.replace(value).is_some() { Err(meta.error("said twice")) } else { Ok(()) }
}

/// The doc comment in one line.
pub(crate) fn docs(attrs: &[Attribute]) -> String {
    let lines = attrs.iter().filter_map(|attr| match &attr.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(lit) => match &lit.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    lines.map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The last name of a type's path: `Option` of `std::option::Option<i64>`.
pub(crate) fn type_name(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|s| s.ident.to_string()),
        _ => None,
    }
}

/// Whether a type is an `Option`.
pub(crate) fn is_option(ty: &Type) -> bool {
    type_name(ty).is_some_and(|name| name == "Option")
}

#[cfg(test)]
pub(crate) mod tests {
    use proc_macro2::TokenStream;
    use syn::DeriveInput;

    pub(crate) type Expand = fn(&DeriveInput) -> syn::Result<TokenStream>;

    /// What `expand` says of an item that it refuses.
    pub(crate) fn refusal(expand: Expand, item: &str) -> String {
        let item = syn::parse_str(item).unwrap();
        expand(&item).map_or_else(|e| e.to_string(), |tokens| panic!("accepted: {tokens}"))
    }

    /// The tokens that `expand` makes, one space between two.
    pub(crate) fn tokens(expand: Expand, item: &str) -> String {
        let item = syn::parse_str(item).unwrap();
        expand(&item).unwrap().to_string().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The source text that a refusal points at.
    pub(crate) fn place(expand: Expand, item: &str) -> String {
        let parsed = syn::parse_str(item).unwrap();
        expand(&parsed).unwrap_err().span().source_text().unwrap()
    }
}
