//! A reader of protobuf messages for the metadata files: total, and every error has its offset.

/// What is wrong in a message, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// Bytes from the start of the outermost buffer.
    pub(crate) offset: u64,
    pub(crate) what: &'static str,
}

/// The fields of one message, in order.
#[derive(Debug, Clone)]
pub(crate) struct Message<'a> {
    rest: &'a [u8],
    offset: u64,
}

/// The value of a field.
#[derive(Debug)]
pub(crate) enum Value<'a> {
    Varint(u64),
    Bytes(Message<'a>),
    /// Fixed width: nothing that is read here has it.
    Other,
}

impl<'a> Message<'a> {
    /// A message that begins `offset` bytes into the file.
    pub(crate) fn new(bytes: &'a [u8], offset: u64) -> Self {
        Self { rest: bytes, offset }
    }

    /// The next field: its number, its value, and where it begins.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Value<'a>, u64)>, Broken> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let begin = self.offset;
        let key = self.varint()?;
        let number = key >> 3;
        if number == 0 {
            return Err(Broken { offset: begin, what: "a field has the number 0" });
        }
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => self.take(8).map(|_| Value::Other)?,
            2 => {
                let length = self.varint()?;
                let offset = self.offset;
                Value::Bytes(Message { rest: self.take(length)?, offset })
            }
            5 => self.take(4).map(|_| Value::Other)?,
            _ => return Err(Broken { offset: begin, what: "a field has a wire type that metadata does not use" }),
        };
        Ok(Some((number, value, begin)))
    }

    /// The bytes as text.
    pub(crate) fn text(&self) -> Result<String, Broken> {
        std::str::from_utf8(self.rest)
            .map(str::to_owned)
            .map_err(|_| Broken { offset: self.offset, what: "a name is not UTF-8" })
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Broken> {
        let parts = usize::try_from(length).ok().and_then(|n| self.rest.split_at_checked(n));
        let (taken, rest) = parts.ok_or(Broken { offset: self.offset, what: "it ends within a field" })?;
        self.rest = rest;
        self.offset += length;
        Ok(taken)
    }

    fn varint(&mut self) -> Result<u64, Broken> {
        let begin = self.offset;
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) =
                self.rest.split_first().ok_or(Broken { offset: begin, what: "it ends within a number" })?;
            self.rest = rest;
            self.offset += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Broken { offset: begin, what: "a number is longer than ten bytes" })
    }
}

impl Value<'_> {
    /// A count: an int64 that is not negative.
    pub(crate) fn count(&self, offset: u64) -> Result<u64, Broken> {
        match self {
            Self::Varint(n) if i64::try_from(*n).is_ok() => Ok(*n),
            Self::Varint(_) => Err(Broken { offset, what: "a count is negative" }),
            _ => Err(Broken { offset, what: "a number was expected" }),
        }
    }
}

impl<'a> Value<'a> {
    /// An embedded message or a string.
    pub(crate) fn bytes(self, offset: u64) -> Result<Message<'a>, Broken> {
        match self {
            Self::Bytes(message) => Ok(message),
            _ => Err(Broken { offset, what: "a string or a message was expected" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn says_where_it_is_broken() {
        let mut message = Message::new(&[0x18, 0x05, 0x12, 0x03, b'a'], 100);
        assert!(matches!(message.next(), Ok(Some((3, Value::Varint(5), 100)))));
        assert_eq!(message.next().err(), Some(Broken { offset: 104, what: "it ends within a field" }));
        assert!(Message::new(&[0x80; 11], 0).next().is_err());
        assert!(Message::new(&[0x00, 0x00], 0).next().is_err());
    }

    proptest! {
        #[test]
        fn is_total(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut message = Message::new(&bytes, 0);
            let mut fields = 0;
            while let Ok(Some((_, _, offset))) = message.next() {
                prop_assert!(offset < 64);
                fields += 1;
            }
            prop_assert!(fields <= bytes.len());
        }
    }
}
