//! JSON text: layouts of whole files, and the small pieces of a document.

/// How documents are laid out in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// One object: `{"documents":[…]}`.
    #[default]
    Documents,
    /// One array.
    Array,
    /// One document a line.
    Lines,
}

/// How [`write_json`](crate::write_json) writes; the default is what `{"documents":[…]}` exports look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// Layout of a file.
    pub layout: Layout,
    /// Indented, over many lines; lines of [`Layout::Lines`] become documents one after the other.
    pub pretty: bool,
    /// Whether documents have an `updateTime`. A binary export has none.
    pub update_time: bool,
    /// Whether an `integerValue` is a string, as in the REST API, or a number, as people write it.
    pub integer_strings: bool,
}

impl Default for Form {
    fn default() -> Self {
        Self { layout: Layout::Documents, pretty: false, update_time: true, integer_strings: false }
    }
}

impl From<Layout> for Form {
    fn from(layout: Layout) -> Self {
        Self { layout, ..Self::default() }
    }
}

/// Appends a JSON string.
pub(crate) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A double as Firestore's REST API has it: a number, or one of three strings.
pub(crate) fn double(value: f64) -> String {
    if value.is_nan() {
        "\"NaN\"".to_owned()
    } else if value.is_infinite() {
        format!("\"{}Infinity\"", if value < 0.0 { "-" } else { "" })
    } else {
        format!("{value:?}")
    }
}

/// Base64 with padding (RFC 4648, section 4).
pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let index = usize::try_from(group >> (18 - 6 * place) & 63).unwrap_or_default();
            let letter = ALPHABET.get(index).copied().unwrap_or(b'=');
            out.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

/// JSON of one line over many, indented by two spaces from `level` on. For valid JSON only.
pub fn pretty(json: &[u8], level: usize, out: &mut Vec<u8>) {
    let mut level = level;
    let mut in_string = false;
    let mut escaped = false;
    let mut bytes = json.iter().copied().peekable();
    let line = |out: &mut Vec<u8>, level: usize| {
        out.push(b'\n');
        out.resize(out.len() + 2 * level, b' ');
    };
    while let Some(byte) = bytes.next() {
        if in_string {
            out.push(byte);
            in_string = byte != b'"' || escaped;
            escaped = byte == b'\\' && !escaped;
            continue;
        }
        match byte {
            b'{' | b'[' => {
                out.push(byte);
                if let Some(close) = bytes.next_if(|b| matches!(b, b'}' | b']')) {
                    out.push(close);
                } else {
                    level += 1;
                    line(out, level);
                }
            }
            b'}' | b']' => {
                level = level.saturating_sub(1);
                line(out, level);
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                line(out, level);
            }
            b':' => out.extend_from_slice(b": "),
            b' ' | b'\n' | b'\t' | b'\r' => {}
            _ => {
                in_string = byte == b'"';
                out.push(byte);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pretty_keeps_the_value() {
        let json = r#"{"a b":[1,{"x":"q\"{,\\"},[],{}],"c":null}"#;
        let mut out = Vec::new();
        pretty(json.as_bytes(), 0, &mut out);
        let parse = |b: &[u8]| serde_json::from_slice::<serde_json::Value>(b).unwrap();
        assert_eq!(parse(&out), parse(json.as_bytes()));
        assert_eq!(out.iter().filter(|b| **b == b'\n').count(), 10);
    }

    #[test]
    fn base64_pads() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
