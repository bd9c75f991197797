//! The framing of a LevelDB log: blocks of 32 KiB that hold fragments of records.
//!
//! A fragment is a header of seven bytes and its data: masked CRC32C of the type and the data (u32, little endian), length (u16, little
//! endian), type. A fragment never crosses a block.

use crate::DecodeError;

/// Bytes of a block.
pub(crate) const BLOCK: u64 = 32_768;
/// Bytes of a fragment's header.
const HEADER: usize = 7;

/// What the reader finds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A record in one fragment: offset of the fragment in the file; its payload is `buffer[from..to]`.
    Whole { offset: u64, from: usize, to: usize },
    /// A record in several fragments, joined: offset of the first; its payload is `joined[from..]`.
    Joined { offset: u64, from: usize },
    /// A record of so many bytes, more than the limit: passed over, not held.
    TooLarge { offset: u64, len: u64 },
    /// More bytes are needed.
    More,
    /// The range has been read, or the input has ended.
    Done,
}

/// Reads the records that begin in a range of a log.
#[derive(Debug)]
pub(crate) struct Log {
    end: Option<u64>,
    max_record: usize,
    /// Fragments of a record that begins before the range may come first.
    may_continue: bool,
    open: Option<Open>,
}

/// A record of which a first fragment has been read.
#[derive(Debug, Clone, Copy)]
struct Open {
    offset: u64,
    /// Where it begins among the joined bytes.
    from: usize,
    len: u64,
}

/// The stored form of a checksum: so that a log within a log is not checked with its own checksums.
fn mask(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

impl Log {
    pub(crate) fn new(start: u64, end: Option<u64>, max_record: usize) -> Self {
        Self { end, max_record, may_continue: start > 0, open: None }
    }

    fn is_past(&self, offset: u64) -> bool {
        self.end.is_some_and(|end| offset >= end)
    }

    /// The next record. `buffer[*at]` is the byte at offset `base + *at` of the file, and `is_all` says that no more will come. A joined
    /// record is appended to `joined`; after an error or [`Next::Done`] there is nothing more to ask for.
    pub(crate) fn next(
        &mut self,
        buffer: &[u8],
        base: u64,
        at: &mut usize,
        is_all: bool,
        joined: &mut Vec<u8>,
    ) -> Result<Next, DecodeError> {
        loop {
            let offset = base + *at as u64;
            if self.open.is_none() && self.is_past(offset) {
                return Ok(Next::Done);
            }
            let fail = |what| Err(DecodeError::Frame { offset, block: offset / BLOCK, what });
            let rest = buffer.get(*at..).unwrap_or_default();
            // Below BLOCK, so it fits.
            let left = usize::try_from(BLOCK - offset % BLOCK).unwrap_or(usize::MAX);
            if left < HEADER || (is_all && rest.len() < HEADER && rest.iter().all(|b| *b == 0)) {
                let padding = rest.get(..left.min(rest.len())).unwrap_or_default();
                if padding.iter().any(|b| *b != 0) {
                    return fail("the padding at the end of the block is not zero");
                }
                *at += padding.len();
                if padding.len() < left {
                    return self.out_of_bytes(base + *at as u64, is_all);
                }
                continue;
            }
            let Some((header, body)) = rest.split_first_chunk::<HEADER>() else {
                if is_all {
                    return self.truncated(offset, base + buffer.len() as u64);
                }
                return Ok(Next::More);
            };
            let [c0, c1, c2, c3, l0, l1, kind] = *header;
            let crc = u32::from_le_bytes([c0, c1, c2, c3]);
            let len = usize::from(u16::from_le_bytes([l0, l1]));
            if (crc, len, kind) == (0, 0, 0) {
                // Nothing more in this block: files are filled up with zeros.
                let tail = rest.get(..left.min(rest.len())).unwrap_or_default();
                if tail.iter().any(|b| *b != 0) {
                    return fail("the block is ended by zeros, and after them come other bytes");
                }
                if tail.len() < left && !is_all {
                    return Ok(Next::More);
                }
                *at += tail.len();
                if tail.len() < left {
                    return self.out_of_bytes(base + *at as u64, is_all);
                }
                continue;
            }
            if HEADER + len > left {
                return fail("the length of the fragment is wrong: it reaches beyond the end of its block");
            }
            let Some(data) = body.get(..len) else {
                if is_all {
                    return self.truncated(offset, base + buffer.len() as u64);
                }
                return Ok(Next::More);
            };
            // The type stands before the data.
            if mask(crc_fast::crc32_iscsi(rest.get(HEADER - 1..HEADER + len).unwrap_or_default())) != crc {
                return fail("the checksum of the fragment is wrong: its bytes are not those that were written");
            }
            let (from, to) = (*at + HEADER, *at + HEADER + len);
            if matches!(kind, 1 | 2) {
                // Early writers left an empty first fragment at the end of a block and began anew in the next.
                if self.open.is_some_and(|open| open.len > 0) {
                    return fail("a record begins before the one before it has ended");
                }
                self.open = None;
                if self.is_past(offset) {
                    return Ok(Next::Done);
                }
            }
            *at = to;
            match kind {
                1 => {
                    self.may_continue = false;
                    if len > self.max_record {
                        return Ok(Next::TooLarge { offset, len: len as u64 });
                    }
                    return Ok(Next::Whole { offset, from, to });
                }
                2 => {
                    self.may_continue = false;
                    self.open = Some(Open { offset, from: joined.len(), len: 0 });
                    self.append(data, joined);
                }
                3 | 4 => match self.open {
                    Some(_) => {
                        self.append(data, joined);
                        if let Some(open) = self.open.take_if(|_| kind == 4) {
                            if open.len > self.max_record as u64 {
                                joined.truncate(open.from);
                                return Ok(Next::TooLarge { offset: open.offset, len: open.len });
                            }
                            return Ok(Next::Joined { offset: open.offset, from: open.from });
                        }
                    }
                    None if self.may_continue => self.may_continue = kind == 3,
                    None => {
                        *at -= HEADER + len;
                        return fail("a fragment continues a record that was not begun");
                    }
                },
                _ => {
                    *at -= HEADER + len;
                    return fail("the type of the fragment is unknown");
                }
            }
        }
    }

    fn append(&mut self, data: &[u8], joined: &mut Vec<u8>) {
        if let Some(open) = &mut self.open {
            open.len += data.len() as u64;
            if open.len > self.max_record as u64 {
                joined.truncate(open.from);
            } else {
                joined.extend_from_slice(data);
            }
        }
    }

    /// The bytes end between two fragments.
    fn out_of_bytes(&self, end: u64, is_all: bool) -> Result<Next, DecodeError> {
        match self.open {
            _ if !is_all => Ok(Next::More),
            Some(open) => Err(DecodeError::Truncated { offset: open.offset, end, what: "record" }),
            None => Ok(Next::Done),
        }
    }

    fn truncated(&self, offset: u64, end: u64) -> Result<Next, DecodeError> {
        Err(DecodeError::Truncated { offset: self.open.map_or(offset, |open| open.offset), end, what: "record" })
    }
}
