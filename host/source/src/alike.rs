//! Of many objects whose names are alike only some are looked at before anything is read. The others are taken to be what those are, and looked at when
//! they are read: one that is not stops the run before anything counts.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::scan::is_output;
use crate::sniff::{Content, Sniffed, compression, content};
use crate::{Compression, Format, SourceError};

/// Objects of a class that must have been looked at.
const ENOUGH: usize = 16;
/// Bytes from which an object is always looked at: it may be read in parts, and one look costs little beside reading it.
const LARGE: u64 = 8 << 20;

/// What was seen so far, class by class.
#[derive(Debug, Default)]
pub(crate) struct Alike(HashMap<Class, Seen>);

/// A folder and the end of a name, which `output-N` of Firestore's exports has not.
type Class = (PathBuf, String);

#[derive(Debug, Clone, Copy)]
enum Seen {
    /// So many of them, which are all such.
    Same(Sniffed, usize),
    /// Unlike each other, or no data.
    Different,
}

fn class(path: &Path) -> Class {
    let suffix = |path: &Path| path.extension().map(|end| end.to_string_lossy().into_owned()).unwrap_or_default();
    let end = suffix(path);
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    match end.as_str() {
        _ if is_output(path) => (folder, format!("output.{end}")),
        "gz" | "zst" => (folder, format!("{}.{end}", suffix(Path::new(path.file_stem().unwrap_or_default())))),
        _ => (folder, end),
    }
}

impl Alike {
    /// Takes in what was seen of an object; nothing where it could not be seen.
    pub(crate) fn learn(&mut self, path: &Path, seen: Option<&Sniffed>) {
        let same = |a: &Sniffed, b: &Sniffed| (a.content, a.compression) == (b.content, b.compression);
        let next = match (seen, self.0.get(&class(path))) {
            // It may be among any others.
            (Some(Sniffed { content: Content::Empty, .. }), _) => return,
            (Some(new @ Sniffed { content: Content::Known(_), .. }), None) => Seen::Same(*new, 1),
            (Some(new), Some(Seen::Same(old, count))) if same(new, old) => {
                // Whether a file of lines can be cut is found out at every cut.
                let splittable = old.splittable || new.splittable;
                Seen::Same(Sniffed { splittable, ..*old }, count + 1)
            }
            _ => Seen::Different,
        };
        self.0.insert(class(path), next);
    }

    /// What an object of `size` bytes is taken for, where enough others are known.
    pub(crate) fn guess(&self, path: &Path, size: u64) -> Option<Sniffed> {
        match self.0.get(&class(path)) {
            Some(Seen::Same(seen, ENOUGH..)) if (1..LARGE).contains(&size) => Some(Sniffed { size, ..*seen }),
            _ => None,
        }
    }
}

/// Compares the first bytes of an object with what it was taken for.
pub(crate) fn check(path: &Path, guess: &Sniffed, head: &[u8]) -> Result<(), SourceError> {
    let packed = compression(head);
    let unlike = |found| SourceError::Unlike { path: path.to_owned(), taken: name(guess), found };
    if packed != guess.compression && !head.is_empty() {
        return Err(unlike(match packed {
            Compression::None => "is not compressed",
            Compression::Gzip => "is compressed with gzip",
            Compression::Zstd => "is compressed with zstd",
        }));
    }
    if packed != Compression::None {
        return Ok(());
    }
    match (content(head), guess.content) {
        (Content::Known(found), Content::Known(taken)) if found == taken => Ok(()),
        // Where the damage is, the decoder says.
        (Content::DamagedLog(_), Content::Known(Format::Log)) | (Content::Empty, _) => Ok(()),
        (Content::Known(Format::Log) | Content::DamagedLog(_), _) => Err(unlike("begins as a LevelDB log")),
        (Content::Known(Format::Json), _) => Err(unlike("begins as JSON")),
        (Content::Unknown, _) => Err(unlike("begins as neither a LevelDB log nor JSON")),
    }
}

fn name(sniffed: &Sniffed) -> String {
    let content = if sniffed.content == Content::Known(Format::Log) { "LevelDB logs" } else { "JSON" };
    match sniffed.compression {
        Compression::None => content.to_owned(),
        packed => format!("{content} in {}", packed.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: Sniffed =
        Sniffed { content: Content::Known(Format::Json), compression: Compression::None, splittable: false, size: 7 };

    fn learned(name: &str, count: usize, seen: Sniffed) -> Alike {
        let mut alike = Alike::default();
        for _ in 0..count {
            alike.learn(Path::new(name), Some(&seen));
        }
        alike
    }

    #[test]
    fn names_are_alike_in_their_folder_and_their_end() {
        let log = Sniffed { content: Content::Known(Format::Log), ..JSON };
        for (known, asked, expected) in [
            ("gs://b/a/x-1.json", "gs://b/a/x-2.json", true),
            ("gs://b/a/x-1.json", "gs://b/a/x-2.ndjson", false),
            ("gs://b/a/x-1.json", "gs://b/a/b/x-2.json", false),
            ("gs://b/a/x.1.json.gz", "gs://b/a/x.2.json.gz", true),
            ("gs://b/a/x.json.gz", "gs://b/a/y.txt.gz", false),
            ("gs://b/a/kind_x/output-0", "gs://b/a/kind_x/output-17", true),
            ("gs://b/a/kind_x/output-0", "gs://b/a/kind_y/output-17", false),
            ("gs://b/a/kind_x/output-0", "gs://b/a/kind_x/output-17.gz", false),
            ("gs://b/a/kind_x/output-0", "gs://b/a/kind_x/output", false),
        ] {
            let seen = if known.contains("output") { log } else { JSON };
            let guess = learned(known, ENOUGH, seen).guess(Path::new(asked), 100);
            assert_eq!(guess, expected.then_some(Sniffed { size: 100, ..seen }), "{known}, {asked}");
        }
    }

    #[test]
    fn nothing_is_guessed_from_few_or_from_different_ones() {
        let (path, other) = (Path::new("a/x.json"), Path::new("a/y.json"));
        assert_eq!(learned("a/x.json", ENOUGH - 1, JSON).guess(other, 9), None);
        let alike = || learned("a/x.json", ENOUGH, JSON);
        assert_eq!(alike().guess(other, 0), None, "it is empty");
        assert_eq!(alike().guess(other, LARGE), None, "it may be cut");
        for seen in [
            None,
            Some(Sniffed { content: Content::Unknown, ..JSON }),
            Some(Sniffed { content: Content::Known(Format::Log), ..JSON }),
            Some(Sniffed { compression: Compression::Gzip, ..JSON }),
        ] {
            let mut alike = alike();
            alike.learn(path, seen.as_ref());
            alike.learn(path, Some(&JSON));
            assert_eq!(alike.guess(other, 9), None, "{seen:?}");
        }
        let mut alike = alike();
        alike.learn(path, Some(&Sniffed { content: Content::Empty, ..JSON }));
        alike.learn(path, Some(&Sniffed { splittable: true, ..JSON }));
        assert_eq!(alike.guess(other, 9), Some(Sniffed { splittable: true, size: 9, ..JSON }));
    }

    #[test]
    fn what_is_not_what_it_was_taken_for_is_told() {
        let log = Sniffed { content: Content::Known(Format::Log), ..JSON };
        let packed = Sniffed { compression: Compression::Gzip, ..JSON };
        let gzip = b"\x1f\x8b\x08...".as_slice();
        for (guess, head, told) in [
            (JSON, b"{\"a\": 1}".as_slice(), None),
            (JSON, b"", None),
            (JSON, b"\n", None),
            (JSON, b"<html>", Some("JSON, but this one begins as neither a LevelDB log nor JSON")),
            (JSON, gzip, Some("JSON, but this one is compressed with gzip")),
            (log, b"{}", Some("LevelDB logs, but this one begins as JSON")),
            (log, b"\xb8\x6d\x44\x4e\x01\x00\x014", None),
            (JSON, b"\xb8\x6d\x44\x4e\x01\x00\x013", Some("JSON, but this one begins as a LevelDB log")),
            (packed, gzip, None),
            (packed, b"{}", Some("JSON in gzip, but this one is not compressed")),
        ] {
            let error = check(Path::new("a/x"), &guess, head).err().map(|error| error.to_string());
            let ends_as_told = |(error, told): (&String, &str)| error.ends_with(told);
            assert!(error.as_ref().zip(told).is_none_or(ends_as_told), "{error:?}, {told:?}");
            assert_eq!(error.is_some(), told.is_some(), "{error:?}, {told:?}");
        }
    }
}
