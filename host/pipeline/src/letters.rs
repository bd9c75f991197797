//! Dead letters read back.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;

use gristmill_record::Stage;
use gristmill_storage::Storage;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::RunError;
use crate::letterbox::LetterBox;

/// A dead letter.
#[derive(Debug, Clone, Deserialize)]
pub struct Letter {
    /// The run that refused the record.
    pub run: String,
    /// Its name, relative to the input.
    pub file: String,
    /// Where the record begins, in bytes of the decompressed file.
    pub offset: u64,
    /// Who refused it.
    pub stage: Stage,
    /// Why, in a word.
    pub code: String,
    /// The field at fault, where it is one.
    #[serde(default)]
    pub field: Option<String>,
    /// For people.
    pub message: String,
    /// `name@version` of what mapped it.
    pub plugin: String,
    /// SHA-256 of that, hexadecimal.
    pub plugin_digest: String,
    /// Who refused a row of it, where it was a validator.
    #[serde(default)]
    pub validator: Option<String>,
    /// The document in the form of the REST API.
    #[serde(default)]
    pub document: Option<Box<RawValue>>,
    /// Fields that were left out of the document; `*` where the bytes of a record that is no document were.
    #[serde(default)]
    pub redacted: Vec<String>,
    /// Bytes that are text, of a record that cannot be read as a document.
    #[serde(default)]
    pub raw: Option<String>,
    /// Other bytes of one, hexadecimal.
    #[serde(default)]
    pub raw_hex: Option<String>,
}

impl Letter {
    /// Whether its document is all of the record: nothing was left out of it, and it could be written as a document. Where a part that nobody had
    /// asked for is broken, the document has the bytes of the record as `raw` in the place of its fields.
    pub fn is_whole(&self) -> bool {
        #[derive(Deserialize)]
        struct Part {
            raw: Option<serde::de::IgnoredAny>,
        }
        let is_document =
            |document: &RawValue| serde_json::from_str::<Part>(document.get()).is_ok_and(|p| p.raw.is_none());
        self.redacted.is_empty() && self.document.as_ref().is_none_or(|document| is_document(document))
    }

    /// The path of its document below `documents/`, where it has one.
    pub fn path(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Named {
            name: String,
        }
        let named: Named = serde_json::from_str(self.document.as_ref()?.get()).ok()?;
        Some(named.name.split_once("/documents/").map_or(named.name.as_str(), |(_, path)| path).to_owned())
    }
}

/// What a file of dead letters that is full says at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Letters that it has no room for.
    pub letters: u64,
    /// What it may have, in bytes.
    pub max_bytes: u64,
}

/// The last line of a file that is full.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Full<'a> {
    pub(crate) run: &'a str,
    pub(crate) left_out: LeftOut,
}

/// A line of a file of dead letters.
#[derive(Debug, Clone)]
pub enum Line {
    /// A letter, and the line as it stands there.
    Letter(Box<Letter>, String),
    /// The end of a file that is full.
    LeftOut(LeftOut),
}

/// The lines of a file of dead letters.
pub struct Letters {
    input: Box<dyn BufRead + Send>,
    path: PathBuf,
    line: u64,
    is_over: bool,
}

impl LetterBox {
    /// Begins to read the letters that lie there.
    ///
    /// # Errors
    /// When there are none, or they cannot be read.
    pub fn read(&self) -> Result<Letters, RunError> {
        let path = PathBuf::from(self.to_string());
        let input: Box<dyn Read + Send> = match self {
            Self::File(file) => {
                Box::new(std::fs::File::open(file).map_err(|e| RunError::NoLetters { path: path.clone(), source: e })?)
            }
            Self::Object { address, credentials } => {
                let storage = Storage::connect(credentials)?;
                let gone = || std::io::Error::new(std::io::ErrorKind::NotFound, "there is no such object");
                let found = storage.find(address)?;
                let found = found.ok_or_else(|| RunError::NoLetters { path: path.clone(), source: gone() })?;
                Box::new(storage.open(&found, 0))
            }
        };
        Ok(Letters { input: Box::new(BufReader::with_capacity(1 << 18, input)), path, line: 0, is_over: false })
    }
}

impl Letters {
    fn next_line(&mut self) -> Result<Option<Line>, RunError> {
        let mut text = String::new();
        let fail = |source| RunError::NoLetters { path: self.path.clone(), source };
        if self.input.read_line(&mut text).map_err(fail)? == 0 {
            return Ok(None);
        }
        self.line += 1;
        text.truncate(text.trim_end_matches(['\n', '\r']).len());
        match serde_json::from_str::<Letter>(&text) {
            Ok(letter) => Ok(Some(Line::Letter(Box::new(letter), text))),
            Err(error) => match serde_json::from_str::<Full<'_>>(&text) {
                Ok(full) => Ok(Some(Line::LeftOut(full.left_out))),
                Err(_) => {
                    Err(RunError::BadLetter { path: self.path.clone(), line: self.line, what: error.to_string() })
                }
            },
        }
    }
}

impl Iterator for Letters {
    type Item = Result<Line, RunError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let line = self.next_line().transpose();
        self.is_over = !matches!(line, Some(Ok(_)));
        line
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn read(text: &str) -> Vec<Result<Line, RunError>> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        LetterBox::File(file.path().to_owned()).read().unwrap().collect()
    }

    const LETTER: &str = r#"{"run":"r","file":"f","offset":7,"stage":"decode","code":"c","message":"m","plugin":"p@1","plugin_digest":"d","config_digest":"e","document":{"name":"projects/p/databases/d/documents/a/b"}}"#;

    #[test]
    fn letters_come_back_as_they_were_written() {
        let lines = read(&format!("{LETTER}\n{}\n", r#"{"run":"r","left_out":{"letters":3,"max_bytes":100}}"#));
        assert_eq!(lines.len(), 2);
        let Ok(Line::Letter(letter, text)) = &lines[0] else { panic!("{lines:?}") };
        assert_eq!((letter.offset, letter.path().as_deref(), text.as_str()), (7, Some("a/b"), LETTER));
        assert!(matches!(&lines[1], Ok(Line::LeftOut(LeftOut { letters: 3, max_bytes: 100 }))));
    }

    #[test]
    fn what_is_no_letter_is_told_with_its_line() {
        let lines = read(&format!("{LETTER}\n{{\"run\":\"r\"}}\n{LETTER}\n"));
        assert_eq!(lines.len(), 2, "nothing is read beyond it");
        assert!(matches!(&lines[1], Err(RunError::BadLetter { line: 2, .. })), "{lines:?}");
    }
}
