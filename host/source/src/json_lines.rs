//! Whether plain JSON can be read from the middle: where a line break surely is the end of a document.
//!
//! A line break at byte `n` is one if the line that it ends is one complete JSON object, that object begins the line, and the next
//! line that is not blank begins with `{` or is missing. In valid JSON a value is followed directly by `{` only at the
//! outermost level (elsewhere a comma, a colon or a bracket stands between), and no token holds a raw line break, so
//! such a break cannot lie within a document, however the rest of the file is laid out. An object that has
//! `documents` holds documents itself, and does not count.

use std::io;
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::store::Store;

/// A line longer than this (four times Firestore's ceiling for a document, of 1 MiB) is not looked at.
const MAX_LINE: u64 = 4 << 20;
const CHUNK: u64 = 64 << 10;

#[derive(Deserialize)]
struct Line {
    documents: Option<IgnoredAny>,
}

fn is_document(line: &[u8]) -> bool {
    line.first() == Some(&b'{') && serde_json::from_slice::<Line>(line).is_ok_and(|l| l.documents.is_none())
}

/// Whether the first line of a file is a document, and another follows. `head`: its first bytes, where they are known.
pub(crate) fn begins_with_lines(store: &Store, path: &Path, size: u64, head: &[u8]) -> io::Result<bool> {
    let mut text = Text { store, path, size, start: 0, known: head.to_vec() };
    let bom = if text.from(0, CHUNK)?.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    match text.from(bom, CHUNK)? {
        // Most files that are no lines say so at once, and may have no line break at all.
        [b'{', rest @ ..] if !rest.trim_ascii_start().starts_with(b"\"documents\"") => {}
        _ => return Ok(false),
    }
    match text.find_forward(bom)? {
        Some(end) if end + 1 < size => text.ends_document(bom, end),
        _ => Ok(false),
    }
}

/// Whether a file can be split at this offset, above 0 and below `size`: a reader that skips from the byte before the offset to the first line break
/// is then at the beginning of a document, and the document that holds the byte before the offset began before the offset.
pub(crate) fn is_sound(store: &Store, path: &Path, size: u64, offset: u64) -> io::Result<bool> {
    let mut text = Text { store, path, size, start: 0, known: Vec::new() };
    let inside = offset.saturating_sub(1);
    // As a rule this is all that is asked of it.
    text.load(inside.saturating_sub(CHUNK), 3 * CHUNK)?;
    let Some(begin) = text.line_begin(inside)? else { return Ok(false) };
    let Some(end) = text.find_forward(inside)? else { return Ok(false) };
    text.ends_document(begin, end)
}

struct Text<'a> {
    store: &'a Store,
    path: &'a Path,
    size: u64,
    /// Where the bytes begin that were read last.
    start: u64,
    known: Vec<u8>,
}

impl Text<'_> {
    fn load(&mut self, begin: u64, length: u64) -> io::Result<()> {
        self.known = self.store.range(self.path, begin, length)?;
        self.start = begin;
        Ok(())
    }

    /// What is known from `begin` on, after so many bytes were read where nothing was; none only where the file ends.
    fn from(&mut self, begin: u64, length: u64) -> io::Result<&[u8]> {
        let is_known = (self.start..self.start + self.known.len() as u64).contains(&begin);
        if !is_known {
            self.load(begin, length)?;
        }
        Ok(self.known.get(place(begin - self.start)..).unwrap_or_default())
    }

    fn bytes(&mut self, begin: u64, end: u64) -> io::Result<&[u8]> {
        if begin < self.start || self.start + (self.known.len() as u64) < end {
            self.load(begin, end.saturating_sub(begin))?;
        }
        let known = self.known.get(place(begin - self.start)..).unwrap_or_default();
        Ok(known.get(..place(end.saturating_sub(begin))).unwrap_or(known))
    }

    /// The first line break at or after `from`; `None` where there is none, or none near.
    fn find_forward(&mut self, from: u64) -> io::Result<Option<u64>> {
        let mut at = from;
        while at < self.size && at - from < MAX_LINE {
            // Each piece costs a way to the bucket and back.
            let chunk = self.from(at, CHUNK.max(at - from).min(MAX_LINE - (at - from)))?;
            if chunk.is_empty() {
                break;
            }
            if let Some(found) = memchr::memchr(b'\n', chunk) {
                return Ok(Some(at + found as u64));
            }
            at += chunk.len() as u64;
        }
        Ok(None)
    }

    /// Where the line begins that holds the byte `inside`; `None` where that is not near.
    fn line_begin(&mut self, inside: u64) -> io::Result<Option<u64>> {
        let mut end = inside;
        while end > 0 && inside - end < MAX_LINE {
            let begin = end.saturating_sub(CHUNK.max(inside - end).min(MAX_LINE - (inside - end)));
            if let Some(found) = memchr::memrchr(b'\n', self.bytes(begin, end)?) {
                return Ok(Some(begin + found as u64 + 1));
            }
            end = begin;
        }
        Ok((end == 0).then_some(0))
    }

    /// Whether the line `begin..end` is a document and what follows the line break at `end` begins another, or nothing does.
    fn ends_document(&mut self, begin: u64, end: u64) -> io::Result<bool> {
        let mut at = end + 1;
        let follower = loop {
            let chunk = self.from(at, CHUNK)?;
            match chunk.iter().find(|b| !b.is_ascii_whitespace()) {
                Some(byte) => break Some(*byte),
                None if chunk.is_empty() => break None,
                None => at += chunk.len() as u64,
            }
        };
        Ok(matches!(follower, None | Some(b'{')) && is_document(self.bytes(begin, end)?))
    }
}

fn place(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(text: &str) -> Vec<u64> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        std::fs::write(&path, text).unwrap();
        let size = text.len() as u64;
        (1..size).filter(|offset| is_sound(&Store::Local, &path, size, *offset).unwrap()).collect()
    }

    #[test]
    fn every_offset_of_one_document_a_line_is_sound() {
        let text = "{\"name\":1}\n{\"name\":2}\r\n\n{\"name\":3}\n";
        // Not in the blank line: its break ends no document.
        assert_eq!(sound(text), (1..text.len() as u64).filter(|n| *n != 24).collect::<Vec<_>>());
    }

    #[test]
    fn no_offset_is_sound_within_other_layouts() {
        for text in [
            "{\n \"name\": 1\n}\n{\n \"name\": 2\n}\n",
            "[\n{\"name\":1},\n{\"name\":2}\n]\n",
            "{\"documents\":[\n{\"name\":1},\n{\"name\":2}\n]}\n",
            "{\"documents\":[{\"name\":1}]}\n{\"documents\":[{\"name\":2}]}\n",
            "{\"name\":1}{\"name\":2}\n{\"name\":1}{\"name\":2}\n",
            " {\"name\":1}\n {\"name\":2}\n",
            "{\"a\":[\n{\"b\":1}\n]}\n",
        ] {
            assert_eq!(sound(text), Vec::<u64>::new(), "{text}");
        }
    }

    #[test]
    fn the_beginning_says_whether_to_look_further() {
        let dir = tempfile::tempdir().unwrap();
        for (text, expected) in [
            ("{\"name\":1}\n{\"name\":2}", true),
            ("\u{feff}{\"name\":1}\n\n{\"name\":2}\n", true),
            ("{\"name\":1}\n", false),
            ("{\"name\":1}", false),
            ("{\"name\":1}\n[", false),
            ("{\"documents\":[]}\n{\"documents\":[]}\n", false),
            ("{\n\"name\":1}\n{}", false),
        ] {
            let path = dir.path().join("x");
            std::fs::write(&path, text).unwrap();
            let head = text.as_bytes();
            for head in [head, &[]] {
                let found = begins_with_lines(&Store::Local, &path, text.len() as u64, head).unwrap();
                assert_eq!(found, expected, "{text}");
            }
        }
    }
}
