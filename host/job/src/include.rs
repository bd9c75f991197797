//! A file and those that it includes, as one.

use crate::Findings;
use crate::field::INCLUDE;
use crate::tree::{Entry, Node, Place, Table, Value, parse};

/// Where files come from.
pub trait Files {
    /// The text of a file, by a path or an address such as `gs://bucket/job.toml`.
    ///
    /// # Errors
    /// Why it cannot be read, for people.
    fn read(&self, name: &str) -> Result<String, String>;
}

/// Reads a file. What it says goes before what its includes say, and a later include goes before an earlier one.
pub(crate) fn read(name: &str, files: &dyn Files, findings: &mut Findings) -> Table {
    let mut reader = Reader { files, open: Vec::new() };
    reader.file(name, None, findings)
}

struct Reader<'a> {
    files: &'a dyn Files,
    /// The file that is read, and those that include it.
    open: Vec<String>,
}

impl Reader<'_> {
    /// `included` is the place of the file's name.
    fn file(&mut self, name: &str, included: Option<Place>, findings: &mut Findings) -> Table {
        if self.open.iter().any(|open| open == name) {
            let way = self.open.join("`, which includes `");
            let what = format!("a file includes itself: `{way}`, which includes `{name}`");
            findings.add("job.include", included, &[INCLUDE], what);
            return Table::default();
        }
        let content = match self.files.read(name) {
            Ok(content) => content,
            Err(why) => {
                let what = format!("`{name}` cannot be read: {why}");
                findings.add("job.read", included, &[], what);
                return Table::default();
            }
        };
        let text = findings.add_text(name, content);
        let mut own = parse(text, findings);
        let mut all = Table::default();
        self.open.push(name.to_owned());
        if let Some(entry) = own.take(INCLUDE) {
            for (part, place) in names(entry, findings) {
                all.override_by(self.file(&resolve(name, &part), Some(place), findings));
            }
        }
        self.open.pop();
        all.override_by(own);
        all
    }
}

fn names(entry: Entry, findings: &mut Findings) -> Vec<(String, Place)> {
    let mut names = Vec::new();
    let mut take = |node: Node| match node.value {
        Value::Text(name) => names.push((name, node.place)),
        other => {
            let what = format!("`include` takes names of files, not {}", other.kind());
            findings.add("job.type", Some(node.place), &[INCLUDE], what);
        }
    };
    match entry.node.value {
        Value::List(all) => all.into_iter().for_each(take),
        value => take(Node { place: entry.node.place, value }),
    }
    names
}

/// The folder of a file, as it would be typed.
pub(crate) fn folder(file: &str) -> &str {
    file.rsplit_once('/').map_or(".", |(folder, _)| folder)
}

/// A file that is named in another: by an address or a path from the root as it is, otherwise from the folder of the other.
fn resolve(file: &str, named: &str) -> String {
    match file.rsplit_once('/') {
        Some((folder, _)) if !named.contains("://") && !named.starts_with('/') => {
            format!("{folder}/{}", named.trim_start_matches("./"))
        }
        _ => named.to_owned(),
    }
}
