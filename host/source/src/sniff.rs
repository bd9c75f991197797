//! What a file is, told by its first bytes.

use std::io::{self, Cursor, Read};
use std::path::Path;

use crate::log::{BLOCK, FirstHeader, first_header};
use crate::store::{Entry, Store};
use crate::{Compression, Format, SourceError, json_lines, open};

/// Bytes that are looked at first: they tell what most files are.
pub(crate) const LOOK: usize = 8 << 10;
/// Bytes that are looked at where those do not: enough for the first fragment of a log.
pub(crate) const HEAD: usize = 2 * BLOCK;

/// What the first bytes of a file say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sniffed {
    pub(crate) content: Content,
    pub(crate) compression: Compression,
    /// See [`crate::InputFile::splittable`].
    pub(crate) splittable: bool,
    /// Bytes on disk.
    pub(crate) size: u64,
}

/// What is in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Known(Format),
    /// No bytes, or nothing but white space.
    Empty,
    /// A log whose first record is not sound.
    DamagedLog(&'static str),
    Unknown,
}

/// The compression that a file's first bytes name.
pub(crate) fn compression(head: &[u8]) -> Compression {
    match head {
        [0x1f, 0x8b, 0x08, ..] => Compression::Gzip,
        // A frame, or a skippable frame (RFC 8878, sections 3.1.1 and 3.1.2).
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
        _ => Compression::None,
    }
}

/// Looks at a file's beginning.
pub(crate) fn sniff(store: &Store, path: &Path) -> Result<Sniffed, SourceError> {
    let unreadable = |e| SourceError::unreadable(path, e);
    let size = match store.entry(path).map_err(unreadable)? {
        Entry::File(size) => size,
        Entry::Folder | Entry::Other => 0,
    };
    let mut head = store.head(path, LOOK as u64).map_err(unreadable)?;
    if !tells(&head, size) {
        head = store.head(path, HEAD as u64).map_err(unreadable)?;
    }
    let compression = compression(&head);
    if compression != Compression::None {
        head = unpack(store, path, compression, head, size)?;
    }
    let content = content(&head);
    let splittable = compression == Compression::None
        && match content {
            Content::Known(Format::Log) => true,
            Content::Known(Format::Json) => {
                json_lines::begins_with_lines(store, path, size, &head).map_err(unreadable)?
            }
            _ => false,
        };
    Ok(Sniffed { content, compression, splittable, size })
}

/// Whether a file's first bytes are enough to judge it by.
pub(crate) fn tells(head: &[u8], size: u64) -> bool {
    let is_whole = head.len() as u64 >= size;
    is_whole
        || (compression(head) == Compression::None
            && match content(head) {
                Content::Known(Format::Log) => head.iter().any(|b| *b != 0),
                // Its first line, and what comes behind it.
                Content::Known(Format::Json) => {
                    let rest = memchr::memchr(b'\n', head).and_then(|at| head.get(at + 1..)).unwrap_or_default();
                    !rest.trim_ascii().is_empty()
                }
                _ => false,
            })
}

/// What the first bytes of a compressed file become.
fn unpack(
    store: &Store,
    path: &Path,
    compression: Compression,
    packed: Vec<u8>,
    size: u64,
) -> Result<Vec<u8>, SourceError> {
    let is_whole = packed.len() as u64 >= size;
    let mut head = Vec::new();
    let first = open::unpacked(path, compression, Box::new(Cursor::new(packed)));
    let read = first.map(|mut reader| read_up_to(&mut reader, HEAD, &mut head));
    if is_whole && matches!(read, Ok(Ok(()))) || matches!(content(&head), Content::Known(_)) {
        return Ok(head);
    }
    head.clear();
    let mut reader = open::decompress(store, path, compression)?;
    // A file that was cut off may still say what it is; whoever reads it all meets the error.
    match read_up_to(&mut reader, HEAD, &mut head) {
        Err(error) if head.is_empty() => Err(SourceError::from_read(path, error)),
        _ => Ok(head),
    }
}

/// What a file's first bytes say it is.
pub(crate) fn content(head: &[u8]) -> Content {
    match first_header(head) {
        FirstHeader::Valid if !head.is_empty() => return Content::Known(Format::Log),
        FirstHeader::Damaged(what) => return Content::DamagedLog(what),
        _ => {}
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    match text.iter().find(|b| !matches!(b, b' ' | b'\t' | b'\r' | b'\n')) {
        None if head.len() < HEAD => Content::Empty,
        Some(b'{' | b'[') => Content::Known(Format::Json),
        _ => Content::Unknown,
    }
}

fn read_up_to(reader: &mut impl Read, limit: usize, into: &mut Vec<u8>) -> io::Result<()> {
    reader.take(limit as u64).read_to_end(into).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_told_by_content() {
        for (head, expected) in [
            (&b"\xef\xbb\xbf \r\n{\"documents\": []}"[..], Content::Known(Format::Json)),
            (b"[", Content::Known(Format::Json)),
            (b"\n\n", Content::Empty),
            (b"", Content::Empty),
            (b"name,score\n", Content::Unknown),
            (b"\xb8\x6d\x44\x4e\x01\x00\x013", Content::Known(Format::Log)),
            (b"\xb8\x6d\x44\x4e\x01\x00\x014", Content::DamagedLog("the checksum of its first record is wrong")),
        ] {
            assert_eq!(content(head), expected, "{}", head.escape_ascii());
        }
    }

    /// A file with these bytes, as it is and packed, judged in a folder.
    fn judged(bytes: &[u8]) -> Vec<Sniffed> {
        let dir = tempfile::tempdir().unwrap();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gzip, bytes).unwrap();
        let forms = [bytes.to_vec(), gzip.finish().unwrap(), zstd::encode_all(bytes, 1).unwrap()];
        let judge = |form: Vec<u8>| {
            let path = dir.path().join("x");
            std::fs::write(&path, form).unwrap();
            sniff(&Store::Local, &path).unwrap()
        };
        forms.into_iter().map(judge).collect()
    }

    #[test]
    fn a_few_bytes_do_where_they_tell_and_more_are_asked_for_where_not() {
        use Content::{DamagedLog, Empty, Known, Unknown};
        let log = |length: usize| {
            let mut writer = gristmill_generator::LogWriter::new(Vec::new());
            // Not to be packed into nothing.
            let noise = (0..length as u64).map(|n| n.wrapping_mul(n).wrapping_mul(0x9e37_79b9).to_be_bytes()[5]);
            writer.record(&noise.collect::<Vec<_>>()).unwrap();
            writer.finish(false).unwrap()
        };
        let line = |length: usize| format!("{{\"a\":\"{}\"}}\n", "x".repeat(length));
        let cut = |length: usize| log(length).get(..length).unwrap().to_vec();
        for (bytes, content, splittable) in [
            (log(10), Known(Format::Log), true),
            (log(LOOK + 1), Known(Format::Log), true),
            (log(BLOCK), Known(Format::Log), true),
            (log(10 * BLOCK), Known(Format::Log), true),
            (cut(LOOK), DamagedLog("it ends within its first record"), false),
            (cut(LOOK + 100), DamagedLog("it ends within its first record"), false),
            (line(10).repeat(10_000).into_bytes(), Known(Format::Json), true),
            (line(LOOK).repeat(3).into_bytes(), Known(Format::Json), true),
            (line(HEAD).repeat(3).into_bytes(), Known(Format::Json), true),
            (line(5 * HEAD).repeat(3).into_bytes(), Known(Format::Json), true),
            (line(HEAD).into_bytes(), Known(Format::Json), false),
            (format!("{{\"documents\":[{}]}}", line(HEAD)).into_bytes(), Known(Format::Json), false),
            (format!("[{}]", line(10)).repeat(10_000).into_bytes(), Known(Format::Json), false),
            (format!("{}{{}}", " ".repeat(LOOK)).into_bytes(), Known(Format::Json), false),
            (vec![b'\n'; LOOK], Empty, false),
            (vec![b'\n'; HEAD - 1], Empty, false),
            (b"name,score\n".repeat(10_000), Unknown, false),
        ] {
            let judged = judged(&bytes);
            let plain = judged[0];
            let start = bytes.iter().take(20).map(|b| b.escape_ascii().to_string()).collect::<String>();
            assert_eq!((plain.content, plain.splittable), (content, splittable), "{start} of {}", bytes.len());
            for packed in &judged[1..] {
                assert_eq!((packed.content, packed.splittable), (content, false), "{start} of {}", bytes.len());
            }
        }
    }
}
