//! `#[derive(Input)]`

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{DeriveInput, Error, LitStr, Result};

use crate::pattern;
use crate::readers::{Readers, from_column};
use crate::syntax::{self, Named};

/// Where an input comes from.
enum Origin {
    Capture(String),
    Field(Vec<String>),
    FieldType(Vec<String>),
    DocumentName,
    Document,
    CreateTime,
    UpdateTime,
}

/// What stands at a field.
struct Spec {
    name: LitStr,
    origin: Origin,
    null_on_mismatch: bool,
}

/// The steps of `a.b.c`.
fn steps(path: &LitStr) -> Result<Vec<String>> {
    let steps: Vec<String> = path.value().split('.').map(str::to_owned).collect();
    if steps.iter().any(String::is_empty) {
        return Err(Error::new_spanned(
            path,
            "a step of the field path is empty; a name with a dot in it is written `steps(\"a.b\", \"c\")`",
        ));
    }
    Ok(steps)
}

/// Steps that are written out.
fn literal_steps(all: &[LitStr]) -> Result<Vec<String>> {
    match all.iter().find(|s| s.value().is_empty()) {
        Some(empty) => Err(Error::new_spanned(empty, "a step of the field path is empty")),
        None => Ok(all.iter().map(LitStr::value).collect()),
    }
}

fn capture(name: &str, at: &dyn quote::ToTokens, captures: &[String]) -> Result<Origin> {
    if captures.iter().any(|c| c == name) {
        return Ok(Origin::Capture(name.to_owned()));
    }
    let known = if captures.is_empty() { "nothing".to_owned() } else { format!("`{}`", captures.join("`, `")) };
    Err(Error::new_spanned(at, format!("the pattern captures no `{name}`; it captures {known}")))
}

impl Spec {
    fn parse(field: &Named<'_>, captures: &[String]) -> Result<Self> {
        let ident = syntax::name_of(field.ident);
        let (mut name, mut origin, mut mismatch, mut required) = (None, None, None, None);
        syntax::items(field.attrs, "input", |meta| {
            let is = |what: &str| meta.path.is_ident(what);
            let found = if is("field") {
                Origin::Field(steps(&syntax::string(&meta)?)?)
            } else if is("steps") {
                Origin::Field(literal_steps(&syntax::strings(&meta)?)?)
            } else if is("type_of") {
                Origin::FieldType(if meta.input.peek(syn::Token![=]) {
                    steps(&syntax::string(&meta)?)?
                } else {
                    literal_steps(&syntax::strings(&meta)?)?
                })
            } else if is("capture") {
                if meta.input.peek(syn::Token![=]) {
                    let of = syntax::string(&meta)?;
                    capture(&of.value(), &of, captures)?
                } else {
                    capture(&ident, field.ident, captures)?
                }
            } else if is("document_name") {
                Origin::DocumentName
            } else if is("document") {
                Origin::Document
            } else if is("create_time") {
                Origin::CreateTime
            } else if is("update_time") {
                Origin::UpdateTime
            } else if is("mismatch") {
                let word = syntax::string(&meta)?;
                let null = match word.value().as_str() {
                    "null" => true,
                    "reject" => false,
                    _ => return Err(Error::new_spanned(word, "`mismatch` is \"null\" or \"reject\"")),
                };
                return syntax::once(&mut mismatch, null, &meta);
            } else if is("required") {
                if syntax::is_option(field.ty) {
                    return Err(meta.error("an `Option` may be null; for a required input write the type without it"));
                }
                return syntax::once(&mut required, (), &meta);
            } else if is("name") {
                return syntax::once(&mut name, syntax::string(&meta)?, &meta);
            } else {
                return Err(meta.error(
                    "not known here; known are field, steps, capture, type_of, document_name, document, create_time, \
                     update_time, mismatch, required, name",
                ));
            };
            if origin.replace(found).is_some() {
                return Err(meta.error(
                    "the input has an origin already; of field, steps, capture, type_of, document_name, document, \
                     create_time and update_time there is one",
                ));
            }
            Ok(())
        })?;
        let origin = origin.unwrap_or_else(|| Origin::Field(vec![ident.clone()]));
        if mismatch.is_some() && !matches!(origin, Origin::Field(_)) {
            return Err(Error::new_spanned(field.ident, "`mismatch` is for fields of the document only"));
        }
        if mismatch == Some(true) && !syntax::is_option(field.ty) {
            return Err(Error::new_spanned(field.ty, "`mismatch = \"null\"` needs an `Option` to be null in"));
        }
        let name = name.unwrap_or_else(|| LitStr::new(&ident, field.ident.span()));
        Ok(Self { name, origin, null_on_mismatch: mismatch == Some(true) })
    }
}

/// The expansion.
pub(crate) fn expand(item: &DeriveInput) -> Result<TokenStream> {
    let mut documents: Option<LitStr> = None;
    syntax::items(&item.attrs, "input", |meta| {
        if meta.path.is_ident("documents") {
            let pattern = syntax::string(&meta)?;
            syntax::once(&mut documents, pattern, &meta)
        } else {
            Err(meta.error("not known here; known is documents"))
        }
    })?;
    let Some(documents) = documents else {
        let what = "which documents? Add `#[input(documents = \"teams/{team}/reports/{report}\")]` to the struct";
        return Err(Error::new_spanned(&item.ident, what));
    };
    let captures = pattern::captures(&documents)?;
    let fields = syntax::fields(item, "Input")?;
    if fields.is_empty() {
        return Err(Error::new_spanned(&item.ident, "an input reads something: the struct needs at least one field"));
    }
    let specs = fields.iter().map(|f| Spec::parse(f, &captures)).collect::<Result<Vec<_>>>()?;
    let mut seen = std::collections::HashSet::new();
    if let Some(twice) = specs.iter().find(|s| !seen.insert(s.name.value())) {
        return Err(Error::new_spanned(&twice.name, format!("there are two inputs `{}`", twice.name.value())));
    }

    let what = "an input has no parameters but one lifetime, that of the batch which it borrows from";
    let (life, args) = syntax::lifetime(item, what)?;
    let ident = &item.ident;
    let sdk = quote!(::gristmill_sdk::__private);
    let (mut inputs, mut checks, mut readers) = (Vec::new(), Vec::new(), Readers::default());
    for (field, spec) in fields.iter().zip(&specs) {
        let (ty, span, name) = (field.ty, field.ty.span(), &spec.name);
        let (origin, check) = match &spec.origin {
            Origin::Capture(of) => (quote!(Capture(#of)), Some(quote!(IsString))),
            Origin::Field(steps) => (quote!(Field(&[#(#steps),*])), None),
            Origin::FieldType(steps) => (quote!(FieldType(&[#(#steps),*])), Some(quote!(IsString))),
            Origin::DocumentName => (quote!(DocumentName), Some(quote!(IsString))),
            Origin::Document => (quote!(Document), Some(quote!(IsJson))),
            Origin::CreateTime => (quote!(CreateTime), Some(quote!(IsTimestamp))),
            Origin::UpdateTime => (quote!(UpdateTime), Some(quote!(IsTimestamp))),
        };
        if let Some(marker) = check {
            checks.push(quote_spanned!(span=> { fn is<T: #sdk::#marker>() {} is::<#ty>(); }));
        }
        let column = from_column(ty, &life);
        let null = spec.null_on_mismatch;
        inputs.push(quote!(#sdk::InputSpec {
            name: #name,
            origin: #sdk::OriginSpec::#origin,
            ty: #column::TYPE,
            required: !#column::NULLABLE,
            null_on_mismatch: #null,
        }));
        readers.add(field, name, &life, null);
    }
    let Readers { columns, opens, lacking, reads } = readers;
    Ok(quote! {
        #[automatically_derived]
        impl<#life> ::gristmill_sdk::Input<#life> for #ident #args {
            const DOCUMENTS: &'static str = #documents;
            const INPUTS: &'static [#sdk::InputSpec] = &[#(#inputs),*];
            type Columns = (#(#columns,)*);
            fn open(batch: &#life #sdk::Batch) -> ::std::result::Result<Self::Columns, ::std::string::String> {
                #(#checks)*
                ::std::result::Result::Ok((#(#opens,)*))
            }
            #[inline]
            fn lacking(columns: &Self::Columns, row: usize) -> ::std::option::Option<&'static str> {
                #(#lacking)*
                ::std::option::Option::None
            }
            #[inline]
            fn read(columns: &Self::Columns, row: usize) -> Self {
                Self { #(#reads),* }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::expand;
    use crate::syntax::tests::{place, refusal, tokens};

    fn field(text: &str) -> String {
        format!("#[input(documents = \"teams/{{team}}/reports/{{report}}\")] struct S<'a> {{ {text} }}")
    }

    #[test]
    fn origins() {
        for (text, origin) in [
            ("name: Option<&'a str>", "Field (& [\"name\"])"),
            ("r#type: Option<&'a str>", "Field (& [\"type\"])"),
            ("#[input(field = \"a.b\")] x: i64", "Field (& [\"a\" , \"b\"])"),
            ("#[input(steps(\"a.b\", \"c\"))] x: i64", "Field (& [\"a.b\" , \"c\"])"),
            ("#[input(capture)] team: &'a str", "Capture (\"team\")"),
            ("#[input(capture = \"report\")] x: &'a str", "Capture (\"report\")"),
            ("#[input(type_of = \"a.b\")] x: &'a str", "FieldType (& [\"a\" , \"b\"])"),
            ("#[input(type_of(\"a.b\"))] x: &'a str", "FieldType (& [\"a.b\"])"),
            ("#[input(document_name)] x: &'a str", "DocumentName"),
            ("#[input(document)] x: Json<&'a str>", "Document"),
            ("#[input(create_time)] x: Option<Timestamp>", "CreateTime"),
            ("#[input(update_time)] x: Option<Timestamp>", "UpdateTime"),
        ] {
            let made = tokens(expand, &field(text));
            let want = format!("OriginSpec :: {origin}");
            assert!(made.contains(&want), "{text}: no {want} in {made}");
        }
    }

    #[test]
    fn names_and_mismatches() {
        let made = tokens(expand, &field("#[input(mismatch = \"null\", name = \"n\")] x: Option<i64>"));
        assert!(made.contains("name : \"n\"") && made.contains("null_on_mismatch : true"), "{made}");
        let made = tokens(expand, &field("#[input(required, mismatch = \"reject\")] x: i64"));
        assert!(made.contains("name : \"x\"") && made.contains("null_on_mismatch : false"), "{made}");
    }

    #[test]
    fn what_lacks_a_part_is_refused_or_null() {
        let lacks = "FromColumn < 'a >> :: lacks (& columns . 0 , row) {";
        let made = tokens(expand, &field("#[input(name = \"n\")] x: Option<Vec<i64>>"));
        assert!(made.contains(&format!("{lacks} return :: std :: option :: Option :: Some (\"n\") ; }}")), "{made}");
        let made = tokens(expand, &field("#[input(mismatch = \"null\")] x: Option<Vec<i64>>"));
        assert!(made.contains(&format!("{lacks} :: std :: option :: Option :: None }} else {{")), "{made}");
        assert!(!made.contains("return"), "{made}");
    }

    #[test]
    fn what_is_wrong_and_where() {
        for (text, says, at) in [
            ("#[input(capture)] usr: &'a str", "captures no `usr`; it captures `team`, `report`", "usr"),
            ("#[input(capture = \"x\")] y: &'a str", "captures no `x`", "\"x\""),
            ("#[input(field = \"a..b\")] x: i64", "a step of the field path is empty", "\"a..b\""),
            ("#[input(steps(\"\"))] x: i64", "a step of the field path is empty", "\"\""),
            ("#[input(mismatch = \"skip\")] x: i64", "is \"null\" or \"reject\"", "\"skip\""),
            ("#[input(mismatch = \"null\")] x: i64", "needs an `Option`", "i64"),
            ("#[input(capture, mismatch = \"null\")] team: Option<&'a str>", "fields of the document only", "team"),
            ("#[input(required)] x: Option<i64>", "write the type without it", "required"),
            ("#[input(feild = \"a\")] x: i64", "not known here; known are field, steps", "feild"),
            ("#[input(field = \"a\", document)] x: i64", "has an origin already", "document"),
            ("#[input(name = \"y\")] x: i64, y: i64", "two inputs `y`", "y"),
        ] {
            let item = field(text);
            let error = refusal(expand, &item);
            assert!(error.contains(says), "{text}: {error}");
            assert_eq!(place(expand, &item), at, "{text}");
        }
    }

    #[test]
    fn structs_that_are_no_inputs() {
        for (item, says) in [
            ("struct S { x: i64 }", "which documents?"),
            ("#[input(documents = \"a\")] struct S { x: i64 }", "ends with a collection"),
            ("#[input(documents = \"a/b\")] struct S {}", "at least one field"),
            ("#[input(documents = \"a/b\")] struct S(i64);", "fields have names"),
            ("#[input(documents = \"a/b\")] enum S { A }", "derived for structs"),
            ("#[input(documents = \"a/b\")] struct S<T> { x: T }", "no parameters but one lifetime"),
            (
                "#[input(documents = \"a/b\")] struct S<'a, 'b> { x: &'a str, y: &'b str }",
                "no parameters but one lifetime",
            ),
            ("#[input(documents = \"a/b\", documents = \"c/d\")] struct S { x: i64 }", "said twice"),
            ("#[input(table = \"a\")] struct S { x: i64 }", "known is documents"),
        ] {
            let error = refusal(expand, item);
            assert!(error.contains(says), "{item}: {error}");
        }
    }
}
