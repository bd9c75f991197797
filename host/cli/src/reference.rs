//! The reference pages, made from the code so that they cannot say anything else.

use std::fmt::Write as _;
use std::path::Path;

use clap::CommandFactory;

use crate::args::Cli;
use crate::error::CliError;
use crate::exit::MEANINGS;
use crate::job::file_error;

/// Width that help is wrapped to in the pages.
const WIDTH: usize = 110;

/// The exit codes, for the end of `--help`.
pub(crate) fn exit_codes_help() -> String {
    let mut out = "Exit codes:\n".to_owned();
    for (exit, meaning) in MEANINGS {
        let _ = writeln!(out, "  {:>3}  {meaning}", exit.code());
    }
    out
}

/// Writes every page into a folder.
pub(crate) fn write(folder: &Path) -> Result<(), CliError> {
    std::fs::create_dir_all(folder).map_err(|e| file_error(folder, e))?;
    for (name, text) in [("cli.md", cli_page()), ("exit-codes.md", exit_codes_page())] {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|e| file_error(&path, e))?;
    }
    Ok(())
}

fn exit_codes_page() -> String {
    let mut out = "# Exit codes\n\nMade by `cargo xtask docs`. A code never changes its meaning.\n\n| code | meaning |\n| ---: | --- |\n".to_owned();
    for (exit, meaning) in MEANINGS {
        let _ = writeln!(out, "| {} | {meaning} |", exit.code());
    }
    out
}

fn cli_page() -> String {
    let mut out = "# Command line\n\nMade by `cargo xtask docs` from the program's own help.\n".to_owned();
    let mut root = Cli::command().term_width(WIDTH);
    root.build();
    describe(&mut root, &mut out);
    out
}

fn describe(command: &mut clap::Command, out: &mut String) {
    let help = command.clone().term_width(WIDTH).render_help().to_string();
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).replace('-', " ");
    let _ = write!(out, "\n## `{name}`\n\n```text\n{}\n```\n", help.trim_end());
    for sub in command.get_subcommands_mut() {
        if !sub.is_hide_set() && sub.get_name() != "help" {
            describe(sub, out);
        }
    }
}
