//! A reader for configurations: one JSON object, whose values are taken one by one as text.
//!
//! The host has parsed the object and checked the types before it hands it over. A JSON library would make up most of a small
//! component, so this reads no more than what is needed to find the values.

/// The members of an object, in order: names as text, values as JSON texts.
///
/// What is inside nested values is skipped by its brackets and strings, not checked.
pub(crate) fn members(text: &str) -> Option<Vec<(String, &str)>> {
    let mut rest = text.trim().strip_prefix('{')?.trim_start();
    let mut members = Vec::new();
    if let Some(after) = rest.strip_prefix('}') {
        return after.is_empty().then_some(members);
    }
    loop {
        let (name, after) = rest.split_at_checked(string_len(rest)?)?;
        rest = after.trim_start().strip_prefix(':')?.trim_start();
        let (value, after) = rest.split_at_checked(value_len(rest)?)?;
        members.push((string(name)?, value.trim_end()));
        rest = after.trim_start();
        if let Some(after) = rest.strip_prefix(',') {
            rest = after.trim_start();
        } else {
            return (rest == "}").then_some(members);
        }
    }
}

/// The bytes of the string that the text begins with, quotes included.
fn string_len(text: &str) -> Option<usize> {
    let mut bytes = text.bytes().enumerate();
    bytes.next().filter(|(_, b)| *b == b'"')?;
    while let Some((i, b)) = bytes.next() {
        match b {
            b'"' => return Some(i + 1),
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
    None
}

/// The bytes of the value that the text begins with.
fn value_len(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    loop {
        let rest = text.get(at..)?;
        match rest.bytes().next()? {
            b'"' => {
                at += string_len(rest)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b',' | b'}' | b']' if depth == 0 => return (at > 0).then_some(at),
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += rest.chars().next()?.len_utf8();
    }
}

/// The text of a JSON string.
pub(crate) fn string(json: &str) -> Option<String> {
    let mut rest = json.strip_prefix('"')?.strip_suffix('"')?;
    let mut text = String::with_capacity(rest.len());
    while let Some((plain, escaped)) = rest.split_once('\\') {
        text.push_str(plain);
        let kind = escaped.chars().next()?;
        rest = escaped.get(1..)?;
        text.push(match kind {
            '"' | '\\' | '/' => kind,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => unicode(&mut rest)?,
            _ => return None,
        });
    }
    text.push_str(rest);
    Some(text)
}

/// Takes four hexadecimal digits from the front.
fn unit(rest: &mut &str) -> Option<u32> {
    let (digits, after) = rest.split_at_checked(4)?;
    *rest = after;
    if digits.bytes().all(|b| b.is_ascii_hexdigit()) { u32::from_str_radix(digits, 16).ok() } else { None }
}

/// The character of `XXXX`, or of `XXXX\uXXXX`, where two stand for one.
fn unicode(rest: &mut &str) -> Option<char> {
    let first = unit(rest)?;
    if !(0xd800..0xdc00).contains(&first) {
        return char::from_u32(first);
    }
    *rest = rest.strip_prefix("\\u")?;
    let second = unit(rest)?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + second)
}

/// A number; `None` also for what only Rust takes for one, such as `inf`.
pub(crate) fn number<T: std::str::FromStr>(json: &str) -> Option<T> {
    let is_number = json.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b)) && !json.starts_with(['+', '.']);
    if is_number { json.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Option<Vec<(String, &str)>> {
        members(text)
    }

    #[test]
    fn finds_members() {
        assert_eq!(all("{}"), Some(vec![]));
        assert_eq!(all(" { } "), Some(vec![]));
        let text = r#" {"a":1.5 , "b\"c" : "x,}\"" ,"d":{"e":[1,"]"],"é":"é"}, "f":null} "#;
        let want = [("a", "1.5"), ("b\"c", r#""x,}\"""#), ("d", r#"{"e":[1,"]"],"é":"é"}"#), ("f", "null")];
        assert_eq!(all(text), Some(want.map(|(name, value)| (name.to_owned(), value)).to_vec()));
    }

    #[test]
    fn refuses_what_is_no_object() {
        for text in [
            "",
            "[]",
            "{",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1",
            "{\"a\":1,}",
            "{\"a\":1} x",
            "{a:1}",
            "{\"a\":[1}",
            "{\"a:1}",
        ] {
            assert_eq!(all(text), None, "{text}");
        }
    }

    #[test]
    fn strings_have_escapes() {
        for (json, text) in
            [(r#""""#, ""), (r#""é\n\"\\\/\t\r\b\f""#, "é\n\"\\/\t\r\u{8}\u{c}"), (r#""\u00e9\ud83d\ude00!""#, "é😀!")]
        {
            assert_eq!(string(json).as_deref(), Some(text), "{json}");
        }
        for json in [r#""\x""#, r#""\u12""#, r#""\ud800""#, r#""\ud800\u0041""#, r#""\udc00""#, r#""\u+123""#, "7"] {
            assert_eq!(string(json), None, "{json}");
        }
    }

    #[test]
    fn numbers() {
        assert_eq!(number::<f64>("-1.5e3"), Some(-1500.0));
        assert_eq!(number::<f64>("7"), Some(7.0));
        assert_eq!(number::<i64>("-9223372036854775808"), Some(i64::MIN));
        assert_eq!(number::<i64>("7.0"), None);
        for json in ["inf", "nan", "-inf", "+1", ".5", "\"1\"", "null", ""] {
            assert_eq!(number::<f64>(json), None, "{json}");
        }
    }
}
