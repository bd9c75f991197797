//! What is wrong with a job file, and how it is shown.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde_json::json;

use crate::tree::Place;

/// What is no TOML.
pub(crate) const SYNTAX: &str = "job.syntax";

/// The name of a text that was typed and is in no file.
pub(crate) const COMMAND_LINE: &str = "the command line";

/// A text that findings point into.
#[derive(Debug, Clone)]
struct Text {
    name: String,
    content: String,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Stable: see docs/codes.md.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do about it; may be empty.
    pub hint: String,
    /// The keys that lead to it.
    pub pointer: Vec<String>,
    place: Option<Place>,
    is_secret: bool,
}

/// All that is wrong with a job file, and the texts that it stands in.
#[derive(Debug, Default)]
pub struct Findings {
    texts: Vec<Text>,
    all: Vec<Finding>,
}

impl Findings {
    /// Adds a text; its index.
    pub(crate) fn add_text(&mut self, name: &str, content: String) -> usize {
        self.texts.push(Text { name: name.to_owned(), content });
        self.texts.len() - 1
    }

    pub(crate) fn text(&self, index: usize) -> &str {
        self.texts.get(index).map_or("", |text| &text.content)
    }

    pub(crate) fn name(&self, index: usize) -> &str {
        self.texts.get(index).map_or("", |text| &text.name)
    }

    /// Adds a finding, which can be told more about.
    pub(crate) fn add(
        &mut self,
        code: &'static str,
        place: Option<Place>,
        pointer: &[&str],
        message: String,
    ) -> &mut Finding {
        let pointer = pointer.iter().map(|key| (*key).to_owned()).collect();
        let message = crate::suggest::without_password(&message);
        let finding = Finding { code, message, hint: String::new(), pointer, place, is_secret: false };
        let at = self.all.len();
        self.all.push(finding);
        // It was pushed just now.
        #[expect(clippy::indexing_slicing, reason = "it was pushed just now")]
        &mut self.all[at]
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How many things are wrong.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// What is wrong.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.all.iter()
    }

    /// In the order of the texts and their lines.
    pub(crate) fn sorted(mut self) -> Self {
        self.all.sort_by_key(|f| f.place.as_ref().map(|place| (place.text, place.span.start)));
        // Of a line that is no TOML, what else is said of it is said of what was made of it.
        let texts = &self.texts;
        let line = |f: &Finding| {
            let place = f.place.as_ref()?;
            Some((place.text, Position::of(&texts.get(place.text)?.content, place.span.start).line))
        };
        let broken: Vec<_> = self.all.iter().filter(|f| f.code == SYNTAX).map(line).collect();
        let mut told = Vec::new();
        self.all.retain(|finding| {
            let line = line(finding);
            let is_broken = broken.contains(&line);
            let is_first = finding.code == SYNTAX && !told.contains(&line);
            if is_first {
                told.push(line);
            }
            !is_broken || is_first
        });
        self
    }

    /// For people: of each its place and the line, with a mark below it. With escape codes of a terminal.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for finding in &self.all {
            self.show(finding, &mut out);
        }
        out
    }

    fn show(&self, finding: &Finding, out: &mut String) {
        let (red, bold) = (AnsiColor::Red.on_default().bold(), Style::new().bold());
        let blue = AnsiColor::Blue.on_default().bold();
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{red}error{red:#}{bold}[{}]: {}{bold:#}", finding.code, finding.message);
        let hint = &finding.hint;
        let Some((place, text)) = finding.place.as_ref().and_then(|p| Some((p, self.texts.get(p.text)?))) else {
            let _ = if hint.is_empty() { writeln!(out) } else { writeln!(out, "  {bold}to do{bold:#}: {hint}\n") };
            return;
        };
        let at = Position::of(&text.content, place.span.start);
        let number = at.line.to_string();
        let gap = " ".repeat(number.len());
        let mut line = at.text.replace('\t', " ");
        let length =
            text.content.get(place.span.clone()).map_or(0, |span| span.lines().next().unwrap_or("").chars().count());
        if finding.is_secret {
            // The value, and not the name before it.
            line = line.split_once('=').map_or("…".to_owned(), |(name, _)| format!("{name}= …"));
        }
        let line = crate::suggest::without_password(&line);
        let before = " ".repeat((at.column - 1).min(line.chars().count()));
        let marks = "^".repeat(length.min(line.chars().count().saturating_sub(before.len())).max(1));
        let _ = match text.name.as_str() {
            COMMAND_LINE => writeln!(out, "{gap}{blue}-->{blue:#} {COMMAND_LINE}"),
            name => writeln!(out, "{gap}{blue}-->{blue:#} {name}:{}:{}", at.line, at.column),
        };
        let _ = writeln!(out, "{gap} {blue}|{blue:#}");
        let _ = writeln!(out, "{blue}{number} |{blue:#} {line}");
        let marks = if hint.is_empty() { marks } else { format!("{marks} {hint}") };
        let _ = writeln!(out, "{gap} {blue}|{blue:#} {before}{red}{marks}{red:#}\n");
    }

    /// For machines.
    pub fn to_json(&self) -> serde_json::Value {
        let one = |finding: &Finding| {
            let place = finding.place.as_ref().and_then(|place| {
                let text = self.texts.get(place.text)?;
                let at = Position::of(&text.content, place.span.start);
                Some(json!({ "file": text.name, "line": at.line, "column": at.column }))
            });
            let escaped = |key: &String| format!("/{}", key.replace('~', "~0").replace('/', "~1"));
            let pointer: String = finding.pointer.iter().map(escaped).collect();
            let hint = (!finding.hint.is_empty()).then_some(&finding.hint);
            json!({ "code": finding.code, "message": finding.message, "hint": hint, "pointer": pointer, "place": place })
        };
        self.all.iter().map(one).collect()
    }
}

impl Finding {
    pub(crate) fn hint(&mut self, hint: impl Into<String>) -> &mut Self {
        self.hint = hint.into();
        self
    }

    /// The value is shown to nobody.
    pub(crate) fn secret(&mut self) -> &mut Self {
        self.is_secret = true;
        self
    }
}

/// A place in a text as people count: from 1.
struct Position<'a> {
    line: usize,
    /// In characters.
    column: usize,
    text: &'a str,
}

impl<'a> Position<'a> {
    fn of(text: &'a str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        let column = before.get(start..).unwrap_or_default().chars().count() + 1;
        Self { line: before.matches('\n').count() + 1, column, text: line }
    }
}
