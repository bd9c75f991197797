//! A cursor over JSON text (RFC 8259): one pass, no allocation, no recursion.
//!
//! Whether strings are UTF-8 is not its concern: the bytes that it looks at are ASCII, and a whole document is checked at once.

use crate::value::Halt;

/// A place in JSON text.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    pub(crate) at: usize,
    /// What was expected where a syntax error is.
    pub(crate) expected: &'static str,
    /// Of the value that was last skipped, how deeply it nests.
    pub(crate) depth: usize,
}

/// A string between its quotes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'a> {
    /// As it is written.
    pub(crate) written: &'a [u8],
    pub(crate) has_escapes: bool,
}

/// A number as it is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number<'a> {
    pub(crate) written: &'a [u8],
    pub(crate) is_integer: bool,
    /// The digits without sign and point, where they are at most 19, and the power of ten that they are to be multiplied by.
    parts: Option<(u64, i32)>,
    is_negative: bool,
}

impl Number<'_> {
    /// As an integer of 64 bits.
    pub(crate) fn integer(&self) -> Option<i64> {
        match self.parts {
            Some((digits, 0)) if self.is_integer => {
                let value = i128::from(digits);
                i64::try_from(if self.is_negative { -value } else { value }).ok()
            }
            _ if self.is_integer => std::str::from_utf8(self.written).ok()?.parse().ok(),
            _ => None,
        }
    }

    /// The double nearest to it; `None` beyond the doubles.
    #[inline]
    pub(crate) fn double(&self) -> Option<f64> {
        /// The powers of ten that doubles hold exactly.
        const POWERS: [f64; 23] = [
            1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
            1e19, 1e20, 1e21, 1e22,
        ];
        if let Some((digits, power)) = self.parts
            && digits < 1 << 53
            && let Some(factor) = usize::try_from(power.unsigned_abs()).ok().and_then(|p| POWERS.get(p))
        {
            // Both are exact, so the one operation rounds once, and correctly (Clinger 1990).
            #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
            let digits = digits as f64;
            let value = if power < 0 { digits / factor } else { digits * factor };
            return Some(if self.is_negative { -value } else { value });
        }
        let value: f64 = std::str::from_utf8(self.written).ok()?.parse().ok()?;
        value.is_finite().then_some(value)
    }
}

/// Whether a byte may stand in a string as itself and does not end it.
pub(crate) const fn is_plain(byte: u8) -> bool {
    byte >= 0x20 && byte != b'"' && byte != b'\\'
}

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The high bit of each byte that does not stand for itself in a string; above the lowest such byte there may be more than there are.
#[inline]
const fn specials(word: u64) -> u64 {
    let quote = word ^ (LOW * b'"' as u64);
    let backslash = word ^ (LOW * b'\\' as u64);
    let zero_in_quote = quote.wrapping_sub(LOW) & !quote;
    let zero_in_backslash = backslash.wrapping_sub(LOW) & !backslash;
    let below_space = word.wrapping_sub(LOW * 0x20) & !word;
    (zero_in_quote | zero_in_backslash | below_space) & HIGH
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, expected: "", depth: 0 }
    }

    /// The bytes between two places.
    pub(crate) fn slice(&self, from: usize, to: usize) -> &'a [u8] {
        self.bytes.get(from..to).unwrap_or_default()
    }

    #[cold]
    pub(crate) fn fail<T>(&mut self, expected: &'static str) -> Result<T, Halt> {
        self.expected = expected;
        Err(Halt::Syntax)
    }

    /// The byte here.
    #[inline]
    pub(crate) fn peek(&self) -> Result<u8, Halt> {
        self.bytes.get(self.at).copied().ok_or(Halt::Incomplete)
    }

    /// Passes over this text, if it is what comes. For the spelling that nearly everything has; the general way must follow.
    #[inline(always)]
    pub(crate) fn eat(&mut self, text: &[u8]) -> bool {
        let is_next = self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(text));
        if is_next {
            self.at += text.len();
        }
        is_next
    }

    /// The byte so many places ahead.
    #[inline(always)]
    pub(crate) fn ahead(&self, places: usize) -> Option<u8> {
        self.bytes.get(self.at + places).copied()
    }

    /// Passes over this key, its quotes and its colon, if it is what comes. `key` must be [plain](is_plain).
    #[inline(always)]
    pub(crate) fn eat_key(&mut self, key: &[u8]) -> bool {
        let Some(rest) = self.bytes.get(self.at..) else { return false };
        let is_next = rest.first() == Some(&b'"')
            && rest.get(key.len() + 1) == Some(&b'"')
            && rest.get(key.len() + 2) == Some(&b':')
            && rest.get(1..key.len() + 1) == Some(key);
        if is_next {
            self.at += key.len() + 3;
        }
        is_next
    }

    /// Passes over white space, and says which byte comes.
    #[inline]
    pub(crate) fn token(&mut self) -> Result<u8, Halt> {
        let byte = self.peek()?;
        if byte > b' ' {
            return Ok(byte);
        }
        self.token_after_space()
    }

    fn token_after_space(&mut self) -> Result<u8, Halt> {
        loop {
            match self.peek()? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Ok(byte),
            }
        }
    }

    /// Passes over white space and this byte.
    #[inline]
    pub(crate) fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), Halt> {
        if self.token()? == byte {
            self.at += 1;
            Ok(())
        } else {
            self.fail(expected)
        }
    }

    /// After an entry of an object or an element of an array: whether another comes. `close` is what ends it.
    #[inline]
    pub(crate) fn more(&mut self, close: u8, expected: &'static str) -> Result<bool, Halt> {
        match self.token()? {
            b',' => {
                self.at += 1;
                Ok(true)
            }
            byte if byte == close => {
                self.at += 1;
                Ok(false)
            }
            _ => self.fail(expected),
        }
    }

    /// The start of an object: whether it has an entry.
    #[inline]
    pub(crate) fn begin_object(&mut self, expected: &'static str) -> Result<bool, Halt> {
        self.expect(b'{', expected)?;
        if self.token()? == b'}' {
            self.at += 1;
            return Ok(false);
        }
        Ok(true)
    }

    /// A key and the colon after it.
    #[inline]
    pub(crate) fn key(&mut self) -> Result<Text<'a>, Halt> {
        self.expect(b'"', "`\"`, the start of a key")?;
        let text = self.rest_of_string()?;
        self.expect(b':', "`:` after a key")?;
        Ok(text)
    }

    /// A string.
    #[inline]
    pub(crate) fn string(&mut self, expected: &'static str) -> Result<Text<'a>, Halt> {
        self.expect(b'"', expected)?;
        self.rest_of_string()
    }

    /// A string whose opening quote has been read.
    #[inline]
    pub(crate) fn rest_of_string(&mut self) -> Result<Text<'a>, Halt> {
        let from = self.at;
        let mut has_escapes = false;
        loop {
            // Eight bytes at a time, as far as they go.
            while let Some(word) = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk::<8>) {
                let found = specials(u64::from_le_bytes(*word));
                if found != 0 {
                    self.at += (found.trailing_zeros() / 8) as usize;
                    break;
                }
                self.at += 8;
            }
            match self.peek()? {
                b'"' => {
                    let text = Text { written: self.slice(from, self.at), has_escapes };
                    self.at += 1;
                    return Ok(text);
                }
                b'\\' => {
                    has_escapes = true;
                    self.escape()?;
                }
                byte if is_plain(byte) => self.at += 1,
                _ => return self.fail("no control character in a string; it is written as an escape"),
            }
        }
    }

    fn hex(&mut self) -> Result<u32, Halt> {
        let mut value = 0;
        for _ in 0..4 {
            let Some(digit) = char::from(self.peek()?).to_digit(16) else {
                return self.fail("four hexadecimal digits after `\\u`");
            };
            value = value * 16 + digit;
            self.at += 1;
        }
        Ok(value)
    }

    /// Passes over an escape, a pair of surrogates included.
    fn escape(&mut self) -> Result<(), Halt> {
        let from = self.at;
        self.at += 1;
        match self.peek()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
            b'u' => {
                self.at += 1;
                let unit = self.hex()?;
                if (0xdc00..0xe000).contains(&unit) {
                    self.at = from;
                    return self.fail("no lone surrogate: a low one follows a high one");
                }
                if (0xd800..0xdc00).contains(&unit) {
                    for byte in *b"\\u" {
                        if self.peek()? != byte {
                            self.at = from;
                            return self.fail("no lone surrogate: a low one follows a high one");
                        }
                        self.at += 1;
                    }
                    if !(0xdc00..0xe000).contains(&self.hex()?) {
                        self.at = from;
                        return self.fail("no lone surrogate: a low one follows a high one");
                    }
                }
            }
            _ => return self.fail("an escape that JSON has"),
        }
        Ok(())
    }

    /// A number; it ends where what follows cannot belong to it.
    #[inline]
    pub(crate) fn number(&mut self) -> Result<Number<'a>, Halt> {
        let from = self.at;
        let is_negative = self.peek()? == b'-';
        if is_negative {
            self.at += 1;
        }
        let mut digits = 0_u64;
        let mut count = 0_u32;
        let first = self.at;
        loop {
            let byte = self.peek()?;
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            digits = digits.wrapping_mul(10).wrapping_add(u64::from(digit));
            count += u32::from(digits != 0);
            self.at += 1;
        }
        match self.at - first {
            0 => return self.fail("a digit"),
            1 => {}
            _ if self.bytes.get(first) == Some(&b'0') => {
                self.at = first + 1;
                return self.fail("no digit after a leading zero");
            }
            _ => {}
        }
        let mut is_integer = true;
        let mut power = 0_i32;
        if self.peek()? == b'.' {
            is_integer = false;
            self.at += 1;
            let first = self.at;
            loop {
                let byte = self.peek()?;
                let digit = byte.wrapping_sub(b'0');
                if digit > 9 {
                    break;
                }
                digits = digits.wrapping_mul(10).wrapping_add(u64::from(digit));
                count += u32::from(digits != 0);
                self.at += 1;
            }
            if self.at == first {
                return self.fail("a digit after the decimal point");
            }
            power = i32::try_from(self.at - first).map_or(i32::MIN, |n| -n);
        }
        if matches!(self.peek()?, b'e' | b'E') {
            is_integer = false;
            power = power.saturating_add(self.exponent()?);
        }
        let parts = (count <= 19).then_some((digits, power));
        Ok(Number { written: self.slice(from, self.at), is_integer, parts, is_negative })
    }

    fn exponent(&mut self) -> Result<i32, Halt> {
        self.at += 1;
        let is_negative = self.peek()? == b'-';
        if matches!(self.peek()?, b'-' | b'+') {
            self.at += 1;
        }
        let first = self.at;
        let mut value = 0_i32;
        while self.peek()?.is_ascii_digit() {
            value = value.saturating_mul(10).saturating_add(i32::from(self.peek()? - b'0'));
            self.at += 1;
        }
        if self.at == first {
            return self.fail("a digit of an exponent");
        }
        Ok(if is_negative { -value } else { value })
    }

    /// `true`, `false` or `null`.
    pub(crate) fn literal(&mut self, literal: &'static [u8]) -> Result<(), Halt> {
        for byte in literal {
            if self.peek()? != *byte {
                return self.fail("a value");
            }
            self.at += 1;
        }
        // What could belong to a longer word is an error of the word, not of what follows.
        if self.bytes.get(self.at).is_some_and(u8::is_ascii_alphanumeric) {
            return self.fail("the end of `true`, `false` or `null`");
        }
        Ok(())
    }

    /// Passes over a value that has no parts, of which `first` is the first byte.
    #[inline]
    fn skip_plain(&mut self, first: u8) -> Result<(), Halt> {
        match first {
            b'"' => {
                self.at += 1;
                self.rest_of_string().map(drop)
            }
            b'-' | b'0'..=b'9' => self.number().map(drop),
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            _ => self.fail("a value"),
        }
    }

    /// Passes over a value, however deeply it nests; [`Self::depth`] says how deeply. `open` is a buffer.
    pub(crate) fn skip(&mut self, open: &mut Vec<u8>) -> Result<(), Halt> {
        open.clear();
        self.depth = 0;
        loop {
            // Here a value begins.
            match self.token()? {
                first @ (b'{' | b'[') => {
                    self.at += 1;
                    // The byte that closes it: `}` and `]` are two after what opens them.
                    let close = first + 2;
                    if self.token()? == close {
                        self.at += 1;
                    } else {
                        open.push(close);
                        self.depth = self.depth.max(open.len());
                        if close == b'}' {
                            self.key()?;
                        }
                        continue;
                    }
                }
                first => self.skip_plain(first)?,
            }
            // Here one has ended.
            loop {
                let Some(close) = open.last() else { return Ok(()) };
                if *close == b'}' {
                    if self.more(b'}', "`,` or `}` after an entry of an object")? {
                        self.key()?;
                        break;
                    }
                } else if self.more(b']', "`,` or `]` after an element of an array")? {
                    break;
                }
                open.pop();
            }
        }
    }
}

impl<'a> Text<'a> {
    /// The text that it stands for; `room` takes it where it has escapes.
    #[inline]
    pub(crate) fn read<'b>(&self, room: &'b mut Vec<u8>) -> &'b [u8]
    where
        'a: 'b,
    {
        if !self.has_escapes {
            return self.written;
        }
        room.clear();
        unescape(self.written, room);
        room
    }

    /// Whether it stands for `text`, which has no character that could only be written as an escape.
    #[inline]
    pub(crate) fn is(&self, text: &[u8], room: &mut Vec<u8>) -> bool {
        if self.has_escapes { self.read(room) == text } else { self.written == text }
    }
}

/// Appends the text that a string stands for. Its escapes have been checked.
fn unescape(written: &[u8], out: &mut Vec<u8>) {
    let mut rest = written;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (before, after) = rest.split_at(at);
        out.extend_from_slice(before);
        let kind = after.get(1).copied().unwrap_or(b'\\');
        let mut taken = 2;
        match kind {
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let unit = |from: usize| {
                    after
                        .get(from..from + 4)
                        .and_then(|d| std::str::from_utf8(d).ok())
                        .and_then(|d| u32::from_str_radix(d, 16).ok())
                };
                let mut code = unit(2).unwrap_or(0);
                taken = 6;
                if (0xd800..0xdc00).contains(&code) {
                    code = 0x10000 + ((code - 0xd800) << 10) + unit(8).unwrap_or(0xdc00).saturating_sub(0xdc00);
                    taken = 12;
                }
                let mut buffer = [0; 4];
                let text = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER).encode_utf8(&mut buffer);
                out.extend_from_slice(text.as_bytes());
            }
            byte => out.push(byte),
        }
        rest = after.get(taken..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}
