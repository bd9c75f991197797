//! The wire format of Protocol Buffers, with groups (proto2).

use crate::value::Halt;

/// How deeply unknown groups may nest; the groups of an entity nest one level.
const MAX_GROUPS: usize = 32;

/// A part of a record: first byte, byte after the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    pub(crate) from: u32,
    pub(crate) to: u32,
}

impl Span {
    pub(crate) fn new(from: usize, to: usize) -> Option<Self> {
        Some(Self { from: u32::try_from(from).ok()?, to: u32::try_from(to).ok()? })
    }

    #[inline]
    pub(crate) fn of(self, record: &[u8]) -> &[u8] {
        record.get(self.from as usize..self.to as usize).unwrap_or_default()
    }

    pub(crate) fn is_empty(self) -> bool {
        self.from == self.to
    }
}

/// A refusal for bytes that are no entity. `what` names the part.
#[cold]
pub(crate) fn broken(what: &str) -> Halt {
    Halt::refuse("decode.entity", None, format!("the record is not an entity: {what}"))
}

/// What is wrong with a field. Small, so that the results of the steps are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    CutNumber,
    LongNumber,
    FieldNumber,
    Length,
    Groups,
    WireType,
}

impl From<Broken> for Halt {
    #[cold]
    fn from(what: Broken) -> Self {
        broken(match what {
            Broken::CutNumber => "a number is cut",
            Broken::LongNumber => "a number has more than 64 bits",
            Broken::FieldNumber => "a field has the number 0, or one that is too large",
            Broken::Length => "a field is longer than what it is part of",
            Broken::Groups => "groups nest too deeply",
            Broken::WireType => "a field has an unknown wire type, or a group ends that is not open",
        })
    }
}

/// Reads fields one after another, in a part of a record.
#[derive(Debug)]
pub(crate) struct Wire<'a> {
    /// The record up to the end of the part.
    bytes: &'a [u8],
    at: usize,
}

/// Wire types.
pub(crate) const VARINT: u32 = 0;
pub(crate) const FIXED64: u32 = 1;
pub(crate) const BYTES: u32 = 2;
pub(crate) const GROUP: u32 = 3;
pub(crate) const GROUP_END: u32 = 4;
const FIXED32: u32 = 5;

impl<'a> Wire<'a> {
    #[inline]
    pub(crate) fn new(record: &'a [u8], part: Span) -> Self {
        Self { bytes: record.get(..part.to as usize).unwrap_or_default(), at: part.from as usize }
    }

    #[inline]
    pub(crate) fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// A varint of up to ten bytes; what exceeds 64 bits is an error.
    #[inline(always)]
    pub(crate) fn varint(&mut self) -> Result<u64, Broken> {
        match self.bytes.get(self.at) {
            Some(byte) if *byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, Broken> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let Some(byte) = self.bytes.get(self.at) else { return Err(Broken::CutNumber) };
            self.at += 1;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if *byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Broken::LongNumber)
    }

    /// Passes over the tag of a field of this number and wire type, where that is what comes next. For what writers write in one order: the numbers are
    /// below 16, so that a tag is one byte.
    #[inline(always)]
    pub(crate) fn eat(&mut self, number: u8, wire_type: u32) -> bool {
        let found = self.bytes.get(self.at).is_some_and(|byte| u32::from(*byte) == u32::from(number) << 3 | wire_type);
        self.at += usize::from(found);
        found
    }

    /// The number and wire type of the next field.
    #[inline(always)]
    pub(crate) fn tag(&mut self) -> Result<(u32, u32), Broken> {
        match u32::try_from(self.varint()?) {
            Ok(tag) if tag >= 8 => Ok((tag >> 3, tag & 7)),
            _ => Err(Broken::FieldNumber),
        }
    }

    /// Eight bytes.
    #[inline(always)]
    pub(crate) fn fixed64(&mut self) -> Result<u64, Broken> {
        let bytes = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk::<8>);
        let Some(bytes) = bytes else { return Err(Broken::CutNumber) };
        self.at += 8;
        Ok(u64::from_le_bytes(*bytes))
    }

    /// A field with a length.
    #[inline(always)]
    pub(crate) fn part(&mut self) -> Result<Span, Broken> {
        let len = self.varint()?;
        let end = usize::try_from(len).ok().and_then(|len| self.at.checked_add(len));
        match end.filter(|end| *end <= self.bytes.len()).and_then(|end| Span::new(self.at, end)) {
            Some(span) => {
                self.at = span.to as usize;
                Ok(span)
            }
            None => Err(Broken::Length),
        }
    }

    /// Passes over the content of a field whose tag has been read; for a group up to its end.
    pub(crate) fn skip(&mut self, number: u32, wire_type: u32) -> Result<(), Broken> {
        let mut open = [0; MAX_GROUPS];
        let mut depth = 0;
        let (mut number, mut wire_type) = (number, wire_type);
        loop {
            match wire_type {
                VARINT => {
                    self.varint()?;
                }
                FIXED64 => {
                    self.fixed64()?;
                }
                BYTES => {
                    self.part()?;
                }
                GROUP => {
                    let Some(place) = open.get_mut(depth) else { return Err(Broken::Groups) };
                    *place = number;
                    depth += 1;
                }
                GROUP_END if depth > 0 && open.get(depth - 1) == Some(&number) => depth -= 1,
                FIXED32 if self.at + 4 <= self.bytes.len() => self.at += 4,
                FIXED32 => return Err(Broken::CutNumber),
                _ => return Err(Broken::WireType),
            }
            if depth == 0 {
                return Ok(());
            }
            (number, wire_type) = self.tag()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(bytes: &[u8]) -> Wire<'_> {
        Wire::new(bytes, Span::new(0, bytes.len()).unwrap())
    }

    #[test]
    fn varints_have_at_most_64_bits() {
        assert_eq!(wire(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]).varint().unwrap(), u64::MAX);
        assert!(wire(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]).varint().is_err());
        assert!(wire(&[0x80; 11]).varint().is_err());
        assert!(wire(&[0x80]).varint().is_err());
        assert_eq!(wire(&[0xac, 0x02]).varint().unwrap(), 300);
    }

    #[test]
    fn a_tag_is_eaten_or_left() {
        let mut w = wire(&[3 << 3 | 2, 1, 42, 3 << 3]);
        assert!(!w.eat(3, VARINT) && !w.eat(4, BYTES) && w.eat(3, BYTES));
        assert_eq!(w.part().unwrap(), Span { from: 2, to: 3 });
        assert!(w.eat(3, VARINT) && w.is_at_end() && !w.eat(0, VARINT));
    }

    #[test]
    fn skips_groups_to_their_own_end() {
        // Group 5 with a varint and an inner group 6, then the byte 42.
        let bytes = [5 << 3 | 3, 1 << 3, 7, 6 << 3 | 3, 6 << 3 | 4, 5 << 3 | 4, 42];
        let mut w = wire(&bytes);
        let (number, wire_type) = w.tag().unwrap();
        w.skip(number, wire_type).unwrap();
        assert_eq!(w.varint().unwrap(), 42);
        let mut w = wire(&[6 << 3 | 4]);
        w.tag().unwrap();
        assert!(w.skip(5, GROUP).is_err());
        assert!(wire(&[5 << 3 | 3; 100]).skip(5, GROUP).is_err());
    }
}
