//! Words of a plugin on their way to people: short, on one line, without control characters, so that a terminal or a log cannot be
//! made to show what is not there.

/// `text` with control characters escaped, and cut with `…` where it is longer than `limit` bytes.
pub(crate) fn tame(text: &str, limit: usize) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let before = out.len();
        if is_unsafe(c) {
            out.extend(c.escape_default())
        } else {
            out.push(c)
        }
        if out.len() > limit {
            out.truncate(before);
            out.push('…');
            break;
        }
    }
    out
}

/// Control characters, and those that turn the direction of what follows.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_cuts() {
        assert_eq!(tame("plain ü", 100), "plain ü");
        assert_eq!(tame("a\nb\u{1b}[31m\u{202e}", 100), "a\\nb\\u{1b}[31m\\u{202e}");
        assert_eq!(tame("ääää", 5), "ää…");
        assert_eq!(tame("ab\n", 3), "ab…");
    }
}
