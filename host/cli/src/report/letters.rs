//! Samples of the dead letters of a run, where they still are.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use gristmill_pipeline::letters::LeftOut;
use gristmill_source::Credentials;
use gristmill_state::RunRecord;
use gristmill_storage::{Address, Storage};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::CliError;
use crate::files;
use crate::text::count;

/// Bytes of letters that are looked through on this machine at most.
const LOCAL: u64 = 1 << 30;
/// Bytes of letters that are fetched from a bucket at most.
const REMOTE: u64 = 8 << 20;
/// Bytes of a letter that is looked at: a larger one ends the search.
const LETTER: u64 = 256 << 20;
/// Codes of which samples are kept.
const CODES: usize = 50;
/// Characters of a document that are shown.
const SHOWN: usize = 2_000;

/// A letter, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Written<'a> {
    run: String,
    #[serde(default)]
    file: String,
    #[serde(default)]
    offset: Option<u64>,
    #[serde(default)]
    stage: String,
    code: String,
    #[serde(default)]
    field: Option<String>,
    #[serde(default)]
    message: String,
    #[serde(default)]
    validator: Option<String>,
    #[serde(borrow, default)]
    document: Option<&'a RawValue>,
    /// What was left out of the document: paths of fields, or `*`.
    #[serde(default)]
    redacted: Vec<String>,
    #[serde(default)]
    raw: Option<String>,
    #[serde(default)]
    raw_hex: Option<String>,
}

/// What stands at the end of a file that is full.
#[derive(Debug, Deserialize)]
struct Full {
    left_out: LeftOut,
}

/// A sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) file: String,
    pub(crate) offset: Option<u64>,
    pub(crate) stage: String,
    pub(crate) field: Option<String>,
    pub(crate) message: String,
    pub(crate) validator: Option<String>,
    /// What was left out of it: paths of fields, or `*`.
    pub(crate) redacted: Vec<String>,
    /// What can be shown of it; none where the letter has none.
    pub(crate) document: Option<String>,
}

/// Samples by code, and what has to be said of them.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    pub(crate) by_code: BTreeMap<String, Vec<Letter>>,
    pub(crate) note: Option<String>,
    /// Whether anything of documents is to be on the page.
    pub(crate) are_wanted: bool,
}

/// Looks through the dead letters of a run for so many of each code. What goes wrong is said, and no error: the letters are somebody's to keep or remove.
pub(crate) fn samples(run: &RunRecord, each: usize, google: &Credentials) -> Samples {
    let Some(letters) = run.dead_letters.as_ref().filter(|_| each > 0) else { return Samples::default() };
    let missing = |why: String| Samples { note: Some(why), ..Samples::default() };
    match files::address(Path::new(letters)) {
        Some(address) => match fetch(address, google) {
            Ok(Some(bytes)) => {
                let is_all = (bytes.len() as u64) < REMOTE;
                let mut found = read(&run.id, each, &run.refusals, bytes.as_slice(), REMOTE);
                if !is_all && found.note.is_none() {
                    found.note = Some("They were looked for in the first 8 MiB of the dead letters.".to_owned());
                }
                found
            }
            Ok(None) => missing(format!("The dead letters are not at {letters} any more.")),
            Err(error) => missing(format!("The dead letters at {letters} could not be read: {error}")),
        },
        None => {
            // It may be relative to where the run was begun.
            let path = run.command.folder.join(letters);
            match File::open(&path) {
                Ok(file) if file.metadata().is_ok_and(|m| m.is_file()) => {
                    read(&run.id, each, &run.refusals, BufReader::new(file), LOCAL)
                }
                Ok(_) => missing(format!("The dead letters went to {letters}, which is no file.")),
                Err(_) => missing(format!("The dead letters are not at {} any more.", path.display())),
            }
        }
    }
}

fn fetch(address: &str, google: &Credentials) -> Result<Option<Vec<u8>>, CliError> {
    let address: Address = files::parse(address)?;
    let storage = Storage::connect(google)?;
    let Some(object) = storage.find(&address)? else { return Ok(None) };
    Ok(Some(storage.head(&object, REMOTE)?))
}

fn read(run: &str, each: usize, refusals: &BTreeMap<String, u64>, mut from: impl BufRead, most: u64) -> Samples {
    let mut samples = Samples::default();
    let is_enough = |samples: &Samples, code: &str, n: u64| {
        samples.by_code.get(code).map_or(0, Vec::len) as u64 >= n.min(each as u64)
    };
    let (mut line, mut seen) = (Vec::new(), 0);
    loop {
        line.clear();
        let Ok(length) = from.by_ref().take(LETTER).read_until(b'\n', &mut line) else { break };
        seen += length as u64;
        if length == 0 {
            break;
        }
        let Ok(letter) = serde_json::from_slice::<Written<'_>>(&line) else {
            if let Ok(full) = serde_json::from_slice::<Full>(&line) {
                let n = full.left_out.letters;
                samples.note = Some(format!("{} more had no room in the file of dead letters.", count(n)));
                continue;
            }
            // The last one of a part is cut.
            if line.last() == Some(&b'\n') {
                samples.note = Some("Some lines of the dead letters are no letters.".to_owned());
            }
            continue;
        };
        if letter.run != run {
            samples.note = Some("The dead letters there are those of another run by now.".to_owned());
            break;
        }
        let known = samples.by_code.len();
        let of_code = match samples.by_code.get_mut(&letter.code) {
            Some(of_code) => of_code,
            None if known >= CODES => continue,
            None => samples.by_code.entry(letter.code.clone()).or_default(),
        };
        if of_code.len() < each {
            of_code.push(shown(letter));
            if refusals.iter().all(|(code, n)| is_enough(&samples, code, *n)) {
                break;
            }
        }
        if seen >= most {
            break;
        }
    }
    samples
}

fn shown(letter: Written<'_>) -> Letter {
    let pretty = |document: &RawValue| {
        let value: serde_json::Value = serde_json::from_str(document.get()).ok()?;
        (!value.is_null()).then(|| serde_json::to_string_pretty(&value).ok())?
    };
    let document = match (letter.document, letter.raw, letter.raw_hex) {
        (Some(document), ..) => pretty(document),
        (None, Some(raw), _) => Some(raw),
        (None, None, hex) => hex.map(|hex| format!("bytes {hex}")),
    };
    let cut = |text: String| match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}… ({} bytes in all)", text.get(..end).unwrap_or_default(), text.len()),
        None => text,
    };
    Letter {
        file: letter.file,
        offset: letter.offset,
        stage: letter.stage,
        field: letter.field,
        message: letter.message,
        validator: letter.validator,
        redacted: letter.redacted,
        document: document.map(cut),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(run: &str, code: &str, rest: &str) -> String {
        format!(
            "{{\"run\":\"{run}\",\"file\":\"f\",\"offset\":3,\"stage\":\"decode\",\"code\":\"{code}\",\"message\":\"m\"{rest}}}\n"
        )
    }

    #[test]
    fn some_of_each_code() {
        let refusals = [("a".to_owned(), 5), ("b".to_owned(), 1)].into();
        let text = [
            letter("r", "a", ",\"document\":{\"x\":1}"),
            letter("r", "a", ",\"raw\":\"<\""),
            letter("r", "a", ",\"raw\":\"third\""),
            letter("r", "b", ""),
            letter("other", "a", ""),
        ]
        .concat();
        let found = read("r", 2, &refusals, text.as_bytes(), LOCAL);
        assert_eq!(found.note, None, "all were found before the other run's");
        let documents: Vec<_> = found.by_code.values().flatten().map(|l| l.document.as_deref()).collect();
        assert_eq!(documents, [Some("{\n  \"x\": 1\n}"), Some("<"), None]);
        let found = read("r", 9, &refusals, text.as_bytes(), LOCAL);
        assert!(found.note.unwrap().contains("another run"));
        let found = read("r", 9, &refusals, &b"nothing\n"[..], LOCAL);
        assert!(found.note.unwrap().contains("no letters"));
    }

    #[test]
    fn long_documents_are_cut() {
        let text = letter("r", "a", &format!(",\"raw\":\"{}\"", "é".repeat(5_000)));
        let found = read("r", 1, &[("a".to_owned(), 1)].into(), text.as_bytes(), LOCAL);
        let document = found.by_code["a"][0].document.clone().unwrap();
        assert!(document.ends_with("… (10000 bytes in all)") && document.chars().count() < 2_100);
    }
}
