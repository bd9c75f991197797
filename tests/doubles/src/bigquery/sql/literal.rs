//! Literals.

use sqlparser::ast::Value as Ast;
use sqlparser::tokenizer::Span;

use super::context::place;
use super::expr::Typed;
use crate::bigquery::refusal::Refusal;
use crate::bigquery::schema::Type;
use crate::bigquery::value::Value;

/// The value of a literal. The parser hands on what stands between the quotes, with its backslashes.
pub(super) fn value(ast: &Ast, span: Span) -> Result<Typed, Refusal> {
    let text = |raw: &str, quote: Option<char>| {
        let bytes = unescape(raw, quote, false).ok_or_else(|| bad(raw, span))?;
        let text = String::from_utf8(bytes).map_err(|_| bad(raw, span))?;
        Ok(Typed::literal(Value::string(text), Type::String))
    };
    let bytes = |raw: &str, quote: Option<char>| {
        let bytes = unescape(raw, quote, true).ok_or_else(|| bad(raw, span))?;
        Ok(Typed::literal(Value::Bytes(bytes.into()), Type::Bytes))
    };
    match ast {
        Ast::Number(digits, false) => number(digits, span),
        Ast::Boolean(b) => Ok(Typed::literal(Value::Bool(*b), Type::Bool)),
        Ast::Null => Ok(Typed::null()),
        Ast::SingleQuotedString(raw) => text(raw, Some('\'')),
        Ast::DoubleQuotedString(raw) => text(raw, Some('"')),
        Ast::TripleSingleQuotedString(raw) | Ast::TripleDoubleQuotedString(raw) => text(raw, None),
        Ast::SingleQuotedRawStringLiteral(raw)
        | Ast::DoubleQuotedRawStringLiteral(raw)
        | Ast::TripleSingleQuotedRawStringLiteral(raw)
        | Ast::TripleDoubleQuotedRawStringLiteral(raw) => Ok(Typed::literal(Value::string(raw), Type::String)),
        Ast::SingleQuotedByteStringLiteral(raw) => bytes(raw, Some('\'')),
        Ast::DoubleQuotedByteStringLiteral(raw) => bytes(raw, Some('"')),
        Ast::TripleSingleQuotedByteStringLiteral(raw) | Ast::TripleDoubleQuotedByteStringLiteral(raw) => {
            bytes(raw, None)
        }
        other => Err(Refusal::unsupported(format!("the literal {other}{}", place(span)))),
    }
}

/// An INT64 where it is whole, else a FLOAT64.
pub(super) fn number(digits: &str, span: Span) -> Result<Typed, Refusal> {
    if !digits.contains(['.', 'e', 'E']) {
        return match digits.parse() {
            Ok(i) => Ok(Typed::literal(Value::Int(i), Type::Int64)),
            Err(_) => Err(Refusal::invalid_query(format!("Invalid integer literal: {digits}{}", place(span)))),
        };
    }
    match digits.parse::<f64>() {
        Ok(f) if f.is_finite() => Ok(Typed::literal(Value::Float(f), Type::Float64)),
        _ => Err(Refusal::invalid_query(format!("Invalid floating point literal: {digits}{}", place(span)))),
    }
}

fn bad(raw: &str, span: Span) -> Refusal {
    Refusal::invalid_query(format!("Syntax error: Illegal escape sequence or quote in {raw}{}", place(span)))
}

/// The escapes of <https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical#escape_sequences>. `None`: it is no literal.
///
/// Two quotes in a row stand for one in the SQL of others, not in GoogleSQL.
fn unescape(raw: &str, quote: Option<char>, bytes: bool) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw.chars();
    while let Some(c) = rest.next() {
        if Some(c) == quote {
            return None;
        }
        let c = if c == '\\' { escape(&mut rest, bytes)? } else { Escaped::Char(c) };
        match c {
            Escaped::Byte(byte) => out.push(byte),
            Escaped::Char(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Some(out)
}

enum Escaped {
    Byte(u8),
    Char(char),
}

/// What stands behind a backslash.
fn escape(rest: &mut std::str::Chars<'_>, bytes: bool) -> Option<Escaped> {
    let first = rest.next()?;
    let mut number = |before: Option<char>, count: usize, radix: u32| {
        let text: String = before.into_iter().chain(rest.by_ref().take(count)).collect();
        let whole = text.chars().count() == count + usize::from(before.is_some());
        u32::from_str_radix(&text, radix).ok().filter(|_| whole)
    };
    let code = match first {
        'a' => 0x07,
        'b' => 0x08,
        'f' => 0x0c,
        'n' => 0x0a,
        'r' => 0x0d,
        't' => 0x09,
        'v' => 0x0b,
        '\\' | '?' | '"' | '\'' | '`' => u32::from(first),
        'x' | 'X' => number(None, 2, 16)?,
        '0'..='3' => number(Some(first), 2, 8)?,
        'u' if !bytes => number(None, 4, 16)?,
        'U' if !bytes => number(None, 8, 16)?,
        _ => return None,
    };
    // In a literal of bytes it is a byte, else a character.
    if bytes { u8::try_from(code).ok().map(Escaped::Byte) } else { char::from_u32(code).map(Escaped::Char) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_those_of_the_manual() {
        let text = |raw: &str| unescape(raw, Some('\''), false).and_then(|b| String::from_utf8(b).ok());
        assert_eq!(text(r#"a\n\\\'\"\x41\u00e9\101\v"#), Some("a\n\\'\"A\u{e9}A\u{b}".to_owned()));
        for wrong in [r"\q", r"\x4", r"\u12", "it''s", "\\"] {
            assert_eq!(text(wrong), None, "{wrong}");
        }
        assert_eq!(unescape(r"\xff\x00", None, true), Some(vec![0xff, 0]));
    }
}
