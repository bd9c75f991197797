//! `gristmill run`.

use std::sync::Arc;
use std::time::Instant;

use gristmill_pipeline::{Progress, RunError};

use crate::args::{Cli, JobArgs};
use crate::error::CliError;
use crate::job::prepare;
use crate::progress::Display;
use crate::summary::{self, Timing};

pub(crate) fn run(cli: &Cli, args: &JobArgs) -> Result<(), CliError> {
    let start = Instant::now();
    let mut prepared = prepare(args)?;
    let progress = Arc::new(Progress::default());
    let on_signal = Arc::clone(&progress);
    // A second signal ends the process at once.
    ctrlc::set_handler(move || {
        if on_signal.is_cancelled() {
            std::process::exit(crate::exit::Exit::Interrupted.code().into());
        }
        on_signal.cancel();
    })
    .map_err(|e| CliError::Environment(format!("signals cannot be handled: {e}")))?;
    let display = Display::start(cli, Arc::clone(&progress));
    let outcome = gristmill_pipeline::run(&prepared.job, prepared.sink.as_mut(), &progress);
    display.finish();
    let timing = Timing::since(start);
    match outcome {
        Ok(finished) => {
            let summary = summary::Summary::of(&prepared, args, &finished, timing);
            summary.print(cli, args.to == "ndjson:-")
        }
        Err(error) => {
            if let RunError::Gate { ledger, .. } = &error
                && !cli.quiet
                && !cli.json
            {
                eprint!("{}", summary::stopped_text(&prepared, ledger));
            }
            Err(error.into())
        }
    }
}
