//! `gristmill dead-letters show`: the letters themselves.

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};

use gristmill_pipeline::letters::{Letter, Line};
use gristmill_record::Stage;
use serde_json::Value;

use super::args::{ShowArgs, StageName};
use super::groups::headline;
use super::{letters_of, plain};
use crate::args::Cli;
use crate::error::CliError;
use crate::text::count;

/// Bytes of a record that is no document, which are shown at most.
const RAW_SHOWN: usize = 4_096;

pub(super) fn show(cli: &Cli, args: &ShowArgs) -> Result<(), CliError> {
    let letter_box = letters_of(&args.which)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let (mut shown, mut seen) = (0_u64, 0_u64);
    for line in letter_box.read()? {
        match line? {
            Line::Letter(letter, line) => {
                seen += 1;
                if !is_wanted(args, &letter) {
                    continue;
                }
                if args.limit.is_some_and(|limit| shown >= limit) {
                    break;
                }
                shown += 1;
                let text = if cli.json { line + "\n" } else { text(shown, &letter) };
                out.write_all(text.as_bytes()).map_err(CliError::Stdout)?;
            }
            Line::LeftOut(left_out) if !cli.json && !cli.quiet => {
                let more = count(left_out.letters);
                writeln!(out, "{more} more letters had no room in the file").map_err(CliError::Stdout)?;
            }
            Line::LeftOut(_) => {}
        }
    }
    out.flush().map_err(CliError::Stdout)?;
    if shown == 0 && seen > 0 && !cli.quiet && args.limit != Some(0) {
        eprintln!("none of {} dead letters is such a one", count(seen));
    }
    Ok(())
}

fn is_wanted(args: &ShowArgs, letter: &Letter) -> bool {
    let stage = match letter.stage {
        Stage::Decode => StageName::Decode,
        Stage::Transform => StageName::Transform,
        Stage::Validate => StageName::Validate,
        Stage::Dedup => StageName::Dedup,
    };
    let has_path = || match &args.path {
        None => true,
        Some(pattern) => letter.path().is_some_and(|path| pattern.matches(path.split('/'))),
    };
    args.code.as_ref().is_none_or(|code| *code == letter.code)
        && args.stage.is_none_or(|wanted| wanted == stage)
        && has_path()
}

fn text(number: u64, letter: &Letter) -> String {
    let mut out = String::new();
    let path = letter.path().map_or_else(|| "(a record that is no document)".to_owned(), |path| plain(&path));
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{number}. {path}");
    let mut line = |label: &str, text: &str| {
        let _ = writeln!(out, "   {label:<9}{text}");
    };
    line("code", &format!("{} ({})", plain(&letter.code), headline(letter)));
    if let Some(field) = &letter.field {
        line("field", &plain(field));
    }
    line("message", &plain(&letter.message));
    line("record", &format!("{}, offset {}", plain(&letter.file), letter.offset));
    if !letter.redacted.is_empty() {
        line("redacted", &plain(&letter.redacted.join(", ")));
    }
    if let Some(document) = &letter.document {
        // Strings in it are escaped as JSON has them; what turns the direction of text is not, so it is here.
        let pretty = serde_json::from_str::<Value>(document.get())
            .and_then(|value| serde_json::to_string_pretty(&value))
            .unwrap_or_else(|_| document.get().to_owned());
        pretty.lines().for_each(|l| {
            let _ = writeln!(out, "   {}", plain(l));
        });
    }
    let (label, raw) = match (&letter.raw, &letter.raw_hex) {
        (Some(text), _) => ("bytes", text),
        (None, Some(hex)) => ("hex", hex),
        (None, None) => {
            out.push('\n');
            return out;
        }
    };
    let beginning: String = raw.chars().take(RAW_SHOWN).collect();
    let more = if beginning.len() < raw.len() { "… (--json has all of it)" } else { "" };
    let _ = writeln!(out, "   {label:<9}{}{more}\n", plain(&beginning));
    out
}
