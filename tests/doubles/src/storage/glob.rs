//! Globs of a listing: `*` stays between two slashes, `**` does not.

use regex::Regex;

use super::refusal::Refusal;

/// A glob as `matchGlob` takes it: `*`, `**`, `?`, `[a-c]`, `[!a]`, `{one,two}`, `\` before a character that stands for
/// itself. Source: <https://cloud.google.com/storage/docs/json_api/v1/objects/list#list-object-glob>.
#[derive(Debug, Clone)]
pub(crate) struct Glob(Option<Regex>);

impl Glob {
    /// An empty pattern matches everything.
    pub(crate) fn new(pattern: &str) -> Result<Self, Refusal> {
        if pattern.is_empty() {
            return Ok(Self(None));
        }
        let refused = |why: &str| Refusal::invalid(format!("Invalid glob pattern `{pattern}`: {why}."));
        let text = translate(pattern).map_err(refused)?;
        Regex::new(&text).map(|regex| Self(Some(regex))).map_err(|_| refused("a range or class is not valid"))
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        self.0.as_ref().is_none_or(|regex| regex.is_match(name))
    }
}

fn translate(pattern: &str) -> Result<String, &'static str> {
    let mut text = String::from(r"\A(?s:");
    let mut depth = 0_usize;
    let mut rest = pattern.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '*' if rest.next_if_eq(&'*').is_some() => text.push_str(".*"),
            '*' => text.push_str("[^/]*"),
            '?' => text.push_str("[^/]"),
            '[' => {
                let negated = rest.next_if(|c| matches!(c, '!' | '^')).is_some();
                text.push_str(if negated { "[^/" } else { "[" });
                let mut is_first = true;
                loop {
                    match rest.next().ok_or("a `[` has no `]`")? {
                        ']' if !is_first => break,
                        '-' => text.push('-'),
                        c => text.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
                    }
                    is_first = false;
                }
                text.push(']');
            }
            '{' => {
                depth += 1;
                text.push_str("(?:");
            }
            '}' if depth > 0 => {
                depth -= 1;
                text.push(')');
            }
            ',' if depth > 0 => text.push('|'),
            '\\' => {
                let escaped = rest.next().ok_or("it ends in `\\`")?;
                text.push_str(&regex::escape(escaped.encode_utf8(&mut [0; 4])));
            }
            c => text.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    if depth > 0 {
        return Err("a `{` has no `}`");
    }
    text.push_str(r")\z");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_star_stays_between_slashes_and_two_do_not() {
        for (pattern, name, expected) in [
            ("exports/*.ndjson", "exports/a.ndjson", true),
            ("exports/*.ndjson", "exports/x/a.ndjson", false),
            ("exports/**.ndjson", "exports/x/a.ndjson", true),
            ("exports/**/*.ndjson", "exports/x/y/a.ndjson", true),
            ("**", "a/b\nc", true),
            ("?", "/", false),
            ("[a-c]?", "bz", true),
            ("[!a-c]?", "bz", false),
            ("[!a]b", "/b", false),
            ("*.{json,ndjson}", "x.ndjson", true),
            ("*.{json,ndjson}", "x.parquet", false),
            (r"a\*", "a*", true),
            (r"a\*", "ab", false),
            ("a.b", "axb", false),
            ("a,b", "a,b", true),
            ("", "anything/at/all", true),
        ] {
            assert_eq!(Glob::new(pattern).unwrap().matches(name), expected, "{pattern} of {name}");
        }
    }

    #[test]
    fn what_is_no_glob_is_refused() {
        for pattern in ["[a", "{a", "a\\", "[z-a]"] {
            assert_eq!(Glob::new(pattern).unwrap_err().status, 400, "{pattern}");
        }
    }
}
