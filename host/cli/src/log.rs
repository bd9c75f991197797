//! What the program says of what it does, for those who look for something.

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use crate::args::Cli;

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    #[default]
    Text,
    /// A JSON object a line, with `timestamp`, `level`, `target` and `message`
    Json,
}

/// Diagnostics go to stderr: warnings always, more with `-v`, anything with `GRISTMILL_LOG`, which takes the directives of
/// tracing's `EnvFilter`.
pub(crate) fn start(cli: &Cli) {
    let level = match (cli.quiet, cli.verbose) {
        (true, _) => "error",
        (_, 0) => "warn",
        // The target of what plugins say is `gristmill::plugin`.
        (_, 1) => "warn,gristmill::plugin=info",
        (_, 2) => "warn,gristmill=debug,gristmill_plugin=debug,gristmill_pipeline=debug",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_env("GRISTMILL_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Nobody may be listening, and then there is nobody to tell either.
        .log_internal_errors(false);
    match cli.log_format {
        LogFormat::Text => log
            .with_ansi(anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never)
            .without_time()
            .with_target(false)
            .init(),
        LogFormat::Json => log.json().flatten_event(true).with_current_span(false).with_span_list(false).init(),
    }
}
