//! `gristmill dead-letters`: what was refused, and running it again.

mod args;
mod groups;
mod replay;
mod show;
mod taken;

use std::path::{Path, PathBuf};

use gristmill_pipeline::LetterBox;
use gristmill_pipeline::letters::Letter;
use gristmill_source::Credentials;
use gristmill_state::{Filter, RunRecord, State};

pub(crate) use args::{KeepArgs, LettersCommand};
pub(crate) use replay::{REPLAYS, Replay, Replaying, Replays};

use crate::args::Cli;
use crate::error::CliError;
use crate::job::letter_box;
use crate::recorded::open_state;

pub(crate) fn run(cli: &Cli, command: &LettersCommand) -> Result<(), CliError> {
    match command {
        LettersCommand::Ls(args) => groups::ls(cli, args),
        LettersCommand::Show(args) => show::show(cli, args),
        LettersCommand::Replay(args) => replay::replay(cli, args),
    }
}

/// The letters that are meant: of a file, or of a run.
fn letters_of(which: &args::WhichArgs) -> Result<LetterBox, CliError> {
    let google = &which.google.credentials;
    match (&which.file, &which.run) {
        (Some(file), None) => letter_box(file, google),
        (Some(file), Some(_)) => {
            let what = "a run and a file are named; a file has the letters of one run".to_owned();
            Err(CliError::Letters { what: format!("{}: {what}", file.display()), remedy: "Name one of them" })
        }
        (None, run) => {
            let state = open_state(&which.state)?;
            let record = run_with_letters(&state, run.as_deref(), |_| true)?;
            letters_of_run(&record, google)
        }
    }
}

/// The run that is named, or the newest one that has dead letters and is meant.
fn run_with_letters(
    state: &State,
    wanted: Option<&str>,
    is_meant: impl Fn(&RunRecord) -> bool,
) -> Result<RunRecord, CliError> {
    let found = match wanted {
        Some(id) => Some(state.run(id)?),
        None => state.runs(&Filter::default())?.into_iter().find(|run| run.dead_letters.is_some() && is_meant(run)),
    };
    found.ok_or_else(|| CliError::Letters {
        what: format!("no run in {} has dead letters", state.folder().display()),
        remedy: "Name the run, another state folder by --state, or the file by --file",
    })
}

/// Where the letters of a run are.
fn letters_of_run(record: &RunRecord, google: &Credentials) -> Result<LetterBox, CliError> {
    match &record.dead_letters {
        Some(path) => letter_box(&in_folder(&record.command.folder, Path::new(path)), google),
        None => Err(CliError::Letters {
            what: format!("run {} has no dead letters: it is {}", record.id, record.state.name()),
            remedy: "Name their file by --file, if it got so far that there is one; or run its command again",
        }),
    }
}

/// A path as it is meant by whoever was in a folder.
fn in_folder(folder: &Path, path: &Path) -> PathBuf {
    match crate::files::address(path) {
        Some(_) => path.to_owned(),
        None => folder.join(path),
    }
}

/// Who refused a record: `name@version`.
fn refused_by(letter: &Letter) -> &str {
    letter.validator.as_deref().unwrap_or(&letter.plugin)
}

/// A text of somebody's, safe to print: what would move the cursor or change colours is written out.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            _ if c.is_control() => out.extend(c.escape_default()),
            // Marks that turn the direction of what follows.
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                out.extend(c.escape_default())
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_document_says_moves_no_cursor() {
        assert_eq!(plain("Zürich\u{1b}[2J\n\u{202e}x"), "Zürich\\u{1b}[2J\\n\\u{202e}x");
    }

    #[test]
    fn addresses_are_in_no_folder() {
        let folder = Path::new("/jobs");
        assert_eq!(in_folder(folder, Path::new("a/b")), Path::new("/jobs/a/b"));
        assert_eq!(in_folder(folder, Path::new("/a/b")), Path::new("/a/b"));
        assert_eq!(in_folder(folder, Path::new("gs://bucket/b")), Path::new("gs://bucket/b"));
    }
}
