//! `#[derive(Config)]`

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{DeriveInput, Error, Lit, LitStr, Result, Token, Type};

use crate::syntax::{self, Named};

/// What stands at a field.
struct Spec {
    name: String,
    default: Option<String>,
    description: String,
}

/// A string as JSON.
fn json_string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The JSON text of a default, which must be of the setting's type.
fn default(meta: &ParseNestedMeta<'_>, ty: &Type) -> Result<String> {
    let input = meta.value()?;
    let minus = input.parse::<Option<Token![-]>>()?;
    let lit: Lit = input.parse()?;
    let sign = if minus.is_some() { "-" } else { "" };
    let fail = |what: &str| Err(Error::new_spanned(&lit, what));
    match syntax::type_name(ty).as_deref() {
        Some("bool") => match &lit {
            Lit::Bool(b) if minus.is_none() => Ok(b.value.to_string()),
            _ => fail("the default of a bool is true or false"),
        },
        Some("i64") => match &lit {
            Lit::Int(n) if format!("{sign}{}", n.base10_digits()).parse::<i64>().is_ok() && n.suffix().is_empty() => {
                Ok(format!("{sign}{}", n.base10_digits()))
            }
            _ => fail("the default of an i64 is a whole number that it can hold, such as 10"),
        },
        Some("f64") => {
            let (digits, suffix) = match &lit {
                Lit::Float(n) => (n.base10_digits(), n.suffix()),
                Lit::Int(n) => (n.base10_digits(), n.suffix()),
                _ => return fail("the default of an f64 is a number, such as 1.0"),
            };
            // Written anew: `1.` and `1_000.0` are numbers of Rust and none of JSON.
            match digits.parse::<f64>() {
                Ok(value) if suffix.is_empty() && value.is_finite() => Ok(format!("{sign}{value:?}")),
                _ => fail("the default of an f64 is a number that it can hold, without a suffix, such as 1.0"),
            }
        }
        Some("String") => match &lit {
            Lit::Str(text) if minus.is_none() => Ok(json_string(&text.value())),
            _ => fail("the default of a String is a string, such as \"all\""),
        },
        _ => match &lit {
            Lit::Str(text) if minus.is_none() => Ok(text.value()),
            _ => fail("the default of a Json<String> is a string with a JSON text in it, such as \"[1, 2]\""),
        },
    }
}

impl Spec {
    fn parse(field: &Named<'_>) -> Result<Self> {
        let (mut name, mut value, mut description) = (None, None, None);
        syntax::items(field.attrs, "config", |meta| {
            if meta.path.is_ident("default") {
                syntax::once(&mut value, default(&meta, field.ty)?, &meta)
            } else if meta.path.is_ident("name") {
                syntax::once(&mut name, syntax::string(&meta)?, &meta)
            } else if meta.path.is_ident("description") {
                syntax::once(&mut description, syntax::string(&meta)?, &meta)
            } else {
                Err(meta.error("not known here; known are default, name, description"))
            }
        })?;
        Ok(Self {
            name: name.map_or_else(|| syntax::name_of(field.ident).replace('_', "-"), |n: LitStr| n.value()),
            default: value,
            description: description.map_or_else(|| syntax::docs(field.attrs), |d: LitStr| d.value()),
        })
    }
}

/// The expansion.
pub(crate) fn expand(item: &DeriveInput) -> Result<TokenStream> {
    if let Some(first) = item.generics.params.first() {
        return Err(Error::new_spanned(first, "settings own what they hold: the struct has no parameters"));
    }
    let fields = syntax::fields(item, "Config")?;
    let sdk = quote!(::gristmill_sdk::__private);
    let mut seen = std::collections::HashSet::new();
    let (mut specs, mut reads) = (Vec::new(), Vec::new());
    for (i, field) in fields.iter().enumerate() {
        let spec = Spec::parse(field)?;
        let Spec { name, description, .. } = &spec;
        if !seen.insert(name.clone()) {
            return Err(Error::new_spanned(field.ident, format!("there are two settings `{name}`")));
        }
        let (ty, member) = (field.ty, field.ident);
        let setting = quote_spanned!(ty.span()=> <#ty as #sdk::Setting>);
        let default = match &spec.default {
            Some(text) => quote!(::std::option::Option::Some(#text)),
            None => quote!(::std::option::Option::None),
        };
        specs.push(quote!(#sdk::SettingSpec {
            name: #name,
            scalar: #setting::SCALAR,
            default: #default,
            description: #description,
        }));
        reads.push(quote_spanned!(ty.span()=> #member: settings.get::<#ty>(Self::FIELDS, #i)?));
    }
    let ident = &item.ident;
    Ok(quote! {
        #[automatically_derived]
        impl ::gristmill_sdk::Config for #ident {
            const FIELDS: &'static [#sdk::SettingSpec] = &[#(#specs),*];
            fn read(settings: &#sdk::Settings<'_>) -> ::std::result::Result<Self, ::std::string::String> {
                ::std::result::Result::Ok(Self { #(#reads),* })
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::expand;
    use crate::syntax::tests::{place, refusal, tokens};

    #[test]
    fn defaults_are_json() {
        for (text, json) in [
            ("#[config(default = 1.0)] a_b: f64", "1.0"),
            ("#[config(default = 1)] a_b: f64", "1.0"),
            ("#[config(default = 1_000.)] a_b: f64", "1000.0"),
            ("#[config(default = -0.5)] a_b: f64", "-0.5"),
            ("#[config(default = 1e300)] a_b: f64", "1e300"),
            ("#[config(default = -9223372036854775808)] a_b: i64", "-9223372036854775808"),
            ("#[config(default = true)] a_b: bool", "true"),
            ("#[config(default = \"a\\\"\\n\")] a_b: String", "\\\"a\\\\\\\"\\\\u000a\\\""),
            ("#[config(default = \"[1]\")] a_b: Json<String>", "[1]"),
        ] {
            let made = tokens(expand, &format!("struct S {{ {text} }}"));
            let want = format!("Some (\"{json}\")");
            assert!(made.contains(&want), "{text}: no {want} in {made}");
            assert!(made.contains("name : \"a-b\""), "{made}");
        }
        let made = tokens(expand, "struct S { /// How many.\n #[config(name = \"N\")] n: i64 }");
        assert!(made.contains("name : \"N\"") && made.contains("None") && made.contains("\"How many.\""), "{made}");
    }

    #[test]
    fn what_is_wrong_and_where() {
        for (text, says, at) in [
            ("#[config(default = \"x\")] a: f64", "a number, such as 1.0", "\"x\""),
            ("#[config(default = 1.0f64)] a: f64", "without a suffix", "1.0f64"),
            ("#[config(default = 1e999)] a: f64", "that it can hold", "1e999"),
            ("#[config(default = 9223372036854775808)] a: i64", "that it can hold", "9223372036854775808"),
            ("#[config(default = 1)] a: bool", "true or false", "1"),
            ("#[config(default = 1)] a: String", "a string, such as", "1"),
            ("#[config(default = 1)] a: Json<String>", "a JSON text in it", "1"),
            ("#[config(value = 1)] a: i64", "known are default", "value"),
            ("a_b: i64, #[config(name = \"a-b\")] c: i64", "two settings `a-b`", "c"),
        ] {
            let item = format!("struct S {{ {text} }}");
            let error = refusal(expand, &item);
            assert!(error.contains(says), "{text}: {error}");
            assert_eq!(place(expand, &item), at, "{text}");
        }
        assert!(refusal(expand, "struct S<'a> { a: i64 }").contains("no parameters"));
    }
}
