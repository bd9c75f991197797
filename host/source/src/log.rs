//! The LevelDB log of an overall metadata file, and the first header of a data file.
//!
//! Blocks of 32,768 bytes; a fragment is a header (masked CRC32C, u16 length, type, all little endian) and data, and never
//! crosses a block. Source: <https://github.com/google/leveldb/blob/main/doc/log_format.md>.

use crate::protobuf::Broken;

/// Bytes of a block.
pub(crate) const BLOCK: usize = 32_768;
/// Bytes of a fragment's header.
pub(crate) const HEADER: usize = 7;

const FULL: u8 = 1;
const FIRST: u8 = 2;
const MIDDLE: u8 = 3;
const LAST: u8 = 4;

/// A fragment as it stands in the log.
struct Fragment<'a> {
    kind: u8,
    data: &'a [u8],
}

/// LevelDB's mask: the checksum of data that holds checksums is weak, so the stored one is altered.
pub(crate) fn masked_crc(kind: u8, data: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&[kind]), data).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The fragment at the front of `block`, the rest of a block. `None`: padding up to the end of the block.
fn fragment(block: &[u8]) -> Result<Option<Fragment<'_>>, &'static str> {
    let Some((header, rest)) = block.split_at_checked(HEADER) else {
        return if block.iter().all(|b| *b == 0) { Ok(None) } else { Err("it ends within a record's header") };
    };
    let [c0, c1, c2, c3, l0, l1, kind] = *header else { return Err("it ends within a record's header") };
    if header.iter().all(|b| *b == 0) {
        return Ok(None);
    }
    if !(FULL..=LAST).contains(&kind) {
        return Err("a record has an unknown type");
    }
    let data = rest.get(..usize::from(u16::from_le_bytes([l0, l1]))).ok_or("it ends within a record")?;
    if u32::from_le_bytes([c0, c1, c2, c3]) != masked_crc(kind, data) {
        return Err("the checksum of a record is wrong");
    }
    Ok(Some(Fragment { kind, data }))
}

/// The records of a small log, each with the offset of its first data byte.
pub(crate) fn records(bytes: &[u8]) -> Result<Vec<(u64, Vec<u8>)>, Broken> {
    let mut records: Vec<(u64, Vec<u8>)> = Vec::new();
    let mut open: Option<(u64, Vec<u8>)> = None;
    let mut offset = 0_u64;
    for mut block in bytes.chunks(BLOCK) {
        while !block.is_empty() {
            let broken = |what| Broken { offset, what };
            let Some(Fragment { kind, data }) = fragment(block).map_err(broken)? else {
                offset += u64::try_from(block.len()).unwrap_or_default();
                break;
            };
            match (kind, open.take()) {
                (FULL, None) => records.push((offset + HEADER as u64, data.to_vec())),
                (FIRST, None) => open = Some((offset + HEADER as u64, data.to_vec())),
                (MIDDLE, Some((begin, mut record))) => {
                    record.extend_from_slice(data);
                    open = Some((begin, record));
                }
                (LAST, Some((begin, mut record))) => {
                    record.extend_from_slice(data);
                    records.push((begin, record));
                }
                (_, None) => return Err(broken("a record begins in its middle")),
                (_, Some(_)) => return Err(broken("a record begins before the one before it has ended")),
            }
            let length = HEADER + data.len();
            block = block.get(length..).unwrap_or_default();
            offset += u64::try_from(length).unwrap_or_default();
        }
    }
    match open {
        None => Ok(records),
        Some(_) => Err(Broken { offset, what: "it ends within a record" }),
    }
}

/// What the first bytes of a file say of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstHeader {
    /// A log: the first fragment is whole and its checksum right, or the first block is padding.
    Valid,
    /// It looks like a log, but the first fragment is not right.
    Damaged(&'static str),
    /// No log.
    No,
}

/// Judges the first bytes of a file; `head` has at least a block unless the file is smaller.
pub(crate) fn first_header(head: &[u8]) -> FirstHeader {
    let block = head.get(..BLOCK).unwrap_or(head);
    match fragment(block) {
        Ok(Some(f)) if matches!(f.kind, FULL | FIRST) => FirstHeader::Valid,
        Ok(Some(_)) => FirstHeader::Damaged("it begins within a record of a LevelDB log"),
        Ok(None) if block.iter().all(|b| *b == 0) => FirstHeader::Valid,
        Ok(None) => FirstHeader::No,
        Err(_) => match block.get(4..HEADER) {
            Some([l0, l1, kind]) => {
                let length = usize::from(u16::from_le_bytes([*l0, *l1]));
                // A kind byte and a length that fits are weak evidence alone: text has neither of these control bytes there.
                if matches!(*kind, FULL | FIRST) && length > 0 && length <= BLOCK - HEADER {
                    if block.len() < HEADER + length {
                        FirstHeader::Damaged("it ends within its first record")
                    } else {
                        FirstHeader::Damaged("the checksum of its first record is wrong")
                    }
                } else {
                    FirstHeader::No
                }
            }
            _ => FirstHeader::No,
        },
    }
}

#[cfg(test)]
mod tests {
    use gristmill_generator::LogWriter;
    use proptest::prelude::*;

    use super::*;

    fn log(records: &[Vec<u8>]) -> Vec<u8> {
        let mut writer = LogWriter::new(Vec::new());
        for record in records {
            writer.record(record).unwrap();
        }
        writer.finish(false).unwrap()
    }

    #[test]
    fn refuses_what_is_damaged() {
        let whole = log(&[b"3".to_vec(), vec![7; 100]]);
        assert_eq!(records(&whole).unwrap().len(), 2);
        assert_eq!(records(&whole).unwrap()[1].0, 15);
        assert_eq!(records(&whole[..50]).unwrap_err(), Broken { offset: 8, what: "it ends within a record" });
        let mut flipped = whole.clone();
        flipped[40] ^= 1;
        assert_eq!(records(&flipped).unwrap_err().what, "the checksum of a record is wrong");
        assert_eq!(first_header(&whole), FirstHeader::Valid);
        assert_eq!(first_header(&whole[8..50]), FirstHeader::Damaged("it ends within its first record"));
        assert_eq!(first_header(b"{\"documents\":[]}"), FirstHeader::No);
        assert_eq!(first_header(b"\0\0\0\0\0\0\0text"), FirstHeader::No);
        assert_eq!(first_header(&[0; BLOCK]), FirstHeader::Valid);
    }

    proptest! {
        #[test]
        fn round_trips(sizes in proptest::collection::vec(0_usize..40_000, 0..6)) {
            let written: Vec<Vec<u8>> = sizes.iter().map(|n| vec![b'x'; *n]).collect();
            let read: Vec<Vec<u8>> = records(&log(&written)).unwrap().into_iter().map(|r| r.1).collect();
            prop_assert_eq!(read, written);
        }

        #[test]
        fn is_total(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = records(&bytes);
            let _ = first_header(&bytes);
        }
    }
}
