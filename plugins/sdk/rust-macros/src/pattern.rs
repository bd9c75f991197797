//! The document pattern, checked as the host checks it, so that a mistake is a compile error.

use syn::{Error, LitStr, Result};

/// The captures of a pattern, from the root.
pub(crate) fn captures(pattern: &LitStr) -> Result<Vec<String>> {
    let text = pattern.value();
    let fail = |what: String| {
        Err(Error::new_spanned(pattern, format!("{what}; a pattern is like `teams/{{team}}/reports/*`")))
    };
    let mut captures = Vec::new();
    for segment in text.split('/') {
        if segment.is_empty() {
            return fail("the pattern has an empty segment".into());
        }
        if let Some(name) = segment.strip_prefix('{').and_then(|s| s.strip_suffix('}')) {
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
                return fail(format!("`{segment}` is not a capture: a name has letters, digits, `_` and `-`"));
            }
            if captures.iter().any(|c| c == name) {
                return fail(format!("the pattern captures `{name}` twice"));
            }
            captures.push(name.to_owned());
        } else if segment != "*" && segment.contains(['{', '}', '*']) {
            return fail(format!("`{segment}` mixes text with a wildcard; a segment is one or the other"));
        }
    }
    if !text.split('/').count().is_multiple_of(2) {
        return fail("the pattern ends with a collection, not with a document".into());
    }
    Ok(captures)
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;

    use super::*;

    fn of(text: &str) -> std::result::Result<Vec<String>, String> {
        captures(&LitStr::new(text, Span::call_site())).map_err(|e| e.to_string())
    }

    #[test]
    fn reads_captures() {
        assert_eq!(of("teams/{team}/x/*/reports/{report-id}"), Ok(vec!["team".to_owned(), "report-id".to_owned()]));
        assert_eq!(of("config/main"), Ok(Vec::new()));
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, part) in [
            ("teams", "ends with a collection"),
            ("teams//a/b", "empty segment"),
            ("teams/a*", "mixes"),
            ("teams/a{b}", "mixes"),
            ("a/{x}/b/{x}", "captures `x` twice"),
            ("a/{}", "not a capture"),
            ("a/{x y}", "not a capture"),
        ] {
            let error = of(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
