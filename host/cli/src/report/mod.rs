//! `gristmill report`: a run as a page that needs nothing but itself: no scripts, no network, no other files.
//!
//! Whatever comes from records, plugins or files is hostile: [`html::Html`] lets nothing but text through, and the page's own policy forbids what it
//! should never ask for.

mod charts;
mod flow;
mod html;
mod letters;
mod page;
mod tables;

use std::io::{ErrorKind, Read};
use std::path::Path;

use crate::args::Cli;
use crate::error::CliError;
use crate::history::{ReportArgs, find};
use crate::job::file_error;
use crate::recorded::open_state;
use crate::text::print;

/// Writes the page of a run.
pub(crate) fn report(cli: &Cli, args: &ReportArgs) -> Result<(), CliError> {
    let state = open_state(&args.state)?;
    let run = find(&state, args.run.as_deref())?;
    let mut samples = letters::samples(&run, args.samples.into(), &args.google.credentials);
    samples.are_wanted = args.samples > 0;
    let page = page::page(&run, state.finished_splits(&run.id)?, &samples);
    if args.output == Path::new("-") {
        return print(&page);
    }
    may_replace(&args.output)?;
    std::fs::write(&args.output, &page).map_err(|e| file_error(&args.output, e))?;
    let path = args.output.display().to_string();
    if cli.json {
        return print(&format!("{}\n", serde_json::json!({ "run": run.id, "report": path, "bytes": page.len() })));
    }
    if !cli.quiet {
        eprintln!("{path}: run {}, {}", run.id, run.state.name());
    }
    Ok(())
}

/// Whether a page may take the place of what is there: nothing, an empty file, another page, a device.
fn may_replace(path: &Path) -> Result<(), CliError> {
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(file_error(path, e)),
    };
    if file.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        return Ok(());
    }
    let mut start = Vec::new();
    let read = file.by_ref().take(page::BEGINS.len() as u64).read_to_end(&mut start);
    read.map_err(|e| file_error(path, e))?;
    match start.is_empty() || start == page::BEGINS.as_bytes() {
        true => Ok(()),
        false => Err(CliError::NotAReport { path: path.to_owned() }),
    }
}
