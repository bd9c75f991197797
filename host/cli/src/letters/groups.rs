//! `gristmill dead-letters ls`: letters counted by who refused the records and why.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use gristmill_pipeline::letters::{LeftOut, Letter, Line};
use gristmill_record::Stage;
use serde::Serialize;

use super::args::LsArgs;
use super::{letters_of, plain, refused_by};
use crate::args::Cli;
use crate::error::CliError;
use crate::text::{count, print, table};

/// Kinds that are counted apart: a plugin that makes a code of every record must not fill memory.
const KINDS: usize = 1_000;
/// What those beyond are counted as.
const OTHER: &str = "(other codes)";

/// Letters of one kind.
#[derive(Debug, Serialize)]
struct Group {
    code: String,
    stage: &'static str,
    plugin: String,
    validator: Option<String>,
    letters: u64,
    /// Of all letters that are there, 0 to 1.
    share: f64,
    samples: Vec<Sample>,
}

#[derive(Debug, Serialize)]
struct Sample {
    path: Option<String>,
    file: String,
    offset: u64,
    field: Option<String>,
    message: String,
}

impl Sample {
    fn of(letter: &Letter) -> Self {
        Self {
            path: letter.path(),
            file: letter.file.clone(),
            offset: letter.offset,
            field: letter.field.clone(),
            message: letter.message.clone(),
        }
    }
}

/// The kinds of letters in a file.
#[derive(Debug, Default)]
struct Groups {
    by_kind: BTreeMap<(String, &'static str, String, Option<String>), Group>,
    letters: u64,
    runs: Vec<String>,
    left_out: Option<LeftOut>,
}

pub(super) fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Decode => "decode",
        Stage::Transform => "transform",
        Stage::Validate => "validate",
        Stage::Dedup => "dedup",
    }
}

impl Groups {
    fn add(&mut self, letter: &Letter, samples: usize) {
        self.letters += 1;
        if self.runs.len() < 2 && !self.runs.contains(&letter.run) {
            self.runs.push(letter.run.clone());
        }
        let stage = stage_name(letter.stage);
        let mut kind = (letter.code.clone(), stage, letter.plugin.clone(), letter.validator.clone());
        if self.by_kind.len() >= KINDS && !self.by_kind.contains_key(&kind) {
            kind.0 = OTHER.to_owned();
        }
        let group = self.by_kind.entry(kind).or_insert_with_key(|(code, stage, plugin, validator)| Group {
            code: code.clone(),
            stage,
            plugin: plugin.clone(),
            validator: validator.clone(),
            letters: 0,
            share: 0.0,
            samples: Vec::new(),
        });
        group.letters += 1;
        if group.samples.len() < samples {
            group.samples.push(Sample::of(letter));
        }
    }

    /// The most frequent first.
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    fn finish(self) -> (Vec<Group>, u64, Vec<String>, Option<LeftOut>) {
        let mut all: Vec<Group> = self.by_kind.into_values().collect();
        all.iter_mut().for_each(|group| group.share = group.letters as f64 / self.letters as f64);
        all.sort_by(|a, b| b.letters.cmp(&a.letters).then_with(|| a.code.cmp(&b.code)));
        (all, self.letters, self.runs, self.left_out)
    }
}

pub(super) fn ls(cli: &Cli, args: &LsArgs) -> Result<(), CliError> {
    let letter_box = letters_of(&args.which)?;
    let mut groups = Groups::default();
    for line in letter_box.read()? {
        match line? {
            Line::Letter(letter, _) => groups.add(&letter, args.samples),
            Line::LeftOut(left_out) => groups.left_out = Some(left_out),
        }
    }
    let (groups, letters, runs, left_out) = groups.finish();
    if cli.json {
        let object = serde_json::json!({
            "dead_letters": letter_box.to_string(),
            "runs": runs,
            "letters": letters,
            "left_out": left_out.map_or(0, |left_out| left_out.letters),
            "groups": groups,
        });
        return print(&format!("{object}\n"));
    }
    print(&text(&letter_box.to_string(), &groups, letters, &runs, left_out))
}

fn text(place: &str, groups: &[Group], letters: u64, runs: &[String], left_out: Option<LeftOut>) -> String {
    let letters = if letters == 1 { "1 dead letter".to_owned() } else { format!("{} dead letters", count(letters)) };
    let of = match runs {
        [run] => format!(" of run {}", plain(run)),
        [] => String::new(),
        _ => " of several runs".to_owned(),
    };
    let mut out = format!("{letters}{of}, in {place}\n");
    // Writing to a string cannot fail.
    if let Some(LeftOut { letters, max_bytes }) = left_out {
        let size = indicatif::BinaryBytes(max_bytes);
        let _ = writeln!(out, "{} more had no room: the file may have {size} by --dead-letters-max", count(letters));
    }
    let rows: Vec<Vec<String>> = groups
        .iter()
        .map(|g| {
            let by = g.validator.as_ref().unwrap_or(&g.plugin);
            vec![count(g.letters), format!("{:.1} %", g.share * 100.0), plain(&g.code), g.stage.to_owned(), plain(by)]
        })
        .collect();
    if !rows.is_empty() {
        out.push_str(&table(
            &["letters", "share", "code", "stage", "refused by"],
            &rows,
            &[true, true, false, false, false],
        ));
    }
    for group in groups.iter().filter(|group| !group.samples.is_empty()) {
        let _ = writeln!(out, "\n{}", plain(&group.code));
        for sample in &group.samples {
            let path = sample.path.clone().unwrap_or_else(|| format!("{}, offset {}", sample.file, sample.offset));
            let field = sample.field.as_ref().map(|field| format!("{}: ", plain(field))).unwrap_or_default();
            let _ = writeln!(out, "  {}\n    {field}{}", plain(&path), plain(&sample.message));
        }
    }
    out
}

/// Who refused it and where, for the head of a letter.
pub(super) fn headline(letter: &Letter) -> String {
    format!("{}, by {}", stage_name(letter.stage), plain(refused_by(letter)))
}
