//! Types as people write them, which is how gristmill shows them: `list<struct{name: string, score: float64}>`.

use std::str::FromStr;

use crate::types::MAX_DEPTH;
use crate::{DataType, Field, Scalar};

/// All scalars, as the contract names them.
const SCALARS: [Scalar; 9] = [
    Scalar::Boolean,
    Scalar::Int64,
    Scalar::Float64,
    Scalar::Timestamp,
    Scalar::Date,
    Scalar::String,
    Scalar::Bytes,
    Scalar::Json,
    Scalar::Reference,
];

impl FromStr for DataType {
    /// What is wrong with the text.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (ty, rest) = read(text, MAX_DEPTH)?;
        if rest.is_empty() { Ok(ty) } else { Err(format!("`{rest}` stands behind the type")) }
    }
}

/// The type at the beginning of a text, and what is behind it.
fn read(text: &str, levels: usize) -> Result<(DataType, &str), String> {
    let Some(levels) = levels.checked_sub(1) else { return Err(format!("it nests deeper than {MAX_DEPTH} levels")) };
    let text = text.trim_start();
    if let Some(inner) = text.strip_prefix("list<") {
        let (element, rest) = read(inner, levels)?;
        let rest = rest.strip_prefix('>').ok_or("a `list<` has no `>`")?;
        return Ok((DataType::List(Box::new(element)), rest.trim_start()));
    }
    if let Some(inner) = text.strip_prefix("struct{") {
        return read_fields(inner, levels);
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let scalar = SCALARS.into_iter().find(|scalar| scalar.name() == word);
    let scalar = scalar.ok_or_else(|| {
        let names = SCALARS.map(Scalar::name).join(", ");
        format!("`{word}` is no type; there are {names}, list<…> and struct{{name: …}}")
    })?;
    Ok((scalar.into(), rest.trim_start()))
}

/// The fields of a struct, behind its `{`.
fn read_fields(text: &str, levels: usize) -> Result<(DataType, &str), String> {
    const OPEN: &str = "a `struct{` has no `}`";
    let mut fields = Vec::new();
    let mut text = text.trim_start();
    loop {
        if let Some(rest) = text.strip_prefix('}') {
            return Ok((DataType::Struct(fields), rest.trim_start()));
        }
        let (name, rest) = text.split_once(':').ok_or(OPEN)?;
        let (ty, rest) = read(rest, levels)?;
        fields.push(Field { name: name.trim().to_owned(), ty });
        text = match rest.strip_prefix(',') {
            Some(rest) => rest.trim_start(),
            None if rest.starts_with('}') => rest,
            None => return Err(OPEN.to_owned()),
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn types() -> impl Strategy<Value = DataType> {
        let leaf = prop::sample::select(SCALARS.to_vec()).prop_map(DataType::from);
        leaf.prop_recursive(4, 16, 4, |inner| {
            let field = ("[a-zA-Z_ü][a-z0-9 _.]{0,6}[a-z]", inner.clone()).prop_map(|(name, ty)| Field { name, ty });
            prop_oneof![
                inner.prop_map(|element| DataType::List(Box::new(element))),
                prop::collection::vec(field, 0..4).prop_map(DataType::Struct),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read(ty in types()) {
            prop_assert_eq!(ty.to_string().parse::<DataType>(), Ok(ty));
        }

        #[test]
        fn any_text_is_a_type_or_not(text in "[a-z0-9<>{}:, ]{0,40}") {
            let _ = text.parse::<DataType>();
        }
    }

    #[test]
    fn what_is_no_type() {
        for (text, what) in [
            ("", "`` is no type; there are boolean, int64"),
            ("text", "`text` is no type"),
            ("string?", "`?` stands behind"),
            ("list<string", "no `>`"),
            ("struct{a: string", "no `}`"),
            ("struct{a}", "no `}`"),
            ("struct{a: string b: string}", "no `}`"),
            (&format!("{}string{}", "list<".repeat(40), ">".repeat(40)), "deeper than 32"),
        ] {
            let error = text.parse::<DataType>().unwrap_err();
            assert!(error.contains(what), "{text}: {error}");
        }
        assert_eq!(" list< int64 > ".parse::<DataType>(), Ok(DataType::List(Box::new(Scalar::Int64.into()))));
    }
}
