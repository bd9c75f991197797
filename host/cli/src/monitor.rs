//! How a run is watched by others: what is asked for, and who is told.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use clap::{Args, ValueEnum, ValueHint};
use gristmill_pipeline::{Ledger, Progress};
use gristmill_record::Diagnose;
use gristmill_telemetry::{About, End, Endpoint, Otlp, Server, Watched, check_file, write_file};

use crate::args::JobArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::job::Prepared;

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Show {
    /// A bar on a terminal, lines elsewhere; nothing with --quiet or --json
    #[default]
    Auto,
    /// A bar
    Bar,
    /// A line every ten seconds
    Lines,
    /// A JSON object a line, every second and at the end
    Json,
    /// Nothing
    None,
}

/// Who is told how a run goes, and by which name.
#[derive(Debug, Args)]
pub(crate) struct MonitorArgs {
    /// The name under which runs of this job are found together [default: the name of the job file, without .toml]
    #[arg(long, value_name = "NAME")]
    pub(crate) job: Option<String>,
    /// How progress is shown, on stderr
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Show::Auto)]
    pub(crate) progress: Show,
    /// Serve metrics for Prometheus at http://ADDRESS/metrics while the run goes on, such as 127.0.0.1:9464; with port 0 stderr says which port it is
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = parse_address)]
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// Write metrics for Prometheus into this file when the run ends, for the textfile collector of node_exporter; its name ends with .prom
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = parse_file)]
    pub(crate) metrics_file: Option<PathBuf>,
    /// Send a trace and metrics to a receiver of OpenTelemetry by OTLP/HTTP, such as http://127.0.0.1:4318; `env` takes the address from OTEL_EXPORTER_OTLP_ENDPOINT
    #[arg(long, value_name = "URL|env", value_parser = parse_endpoint)]
    pub(crate) otlp: Option<Endpoint>,
}

impl MonitorArgs {
    /// What is said to `resume` goes before what was said to the run.
    pub(crate) fn overridden(&mut self, by: &Self) {
        let Self { job, progress, metrics_listen, metrics_file, otlp } = by;
        if *progress != Show::Auto {
            self.progress = *progress;
        }
        self.metrics_listen = metrics_listen.or(self.metrics_listen);
        if job.is_some() {
            self.job.clone_from(job);
        }
        if metrics_file.is_some() {
            self.metrics_file.clone_from(metrics_file);
        }
        if otlp.is_some() {
            self.otlp.clone_from(otlp);
        }
    }
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("`{text}` is no address with a port, such as 127.0.0.1:9464 or [::1]:9464"))
}

fn parse_file(text: &str) -> Result<PathBuf, String> {
    if text.ends_with(gristmill_telemetry::ENDING) && Path::new(text).file_name().is_some_and(|n| n != ".prom") {
        Ok(text.into())
    } else {
        Err("its name does not end with .prom, and the textfile collector reads no other".to_owned())
    }
}

fn parse_endpoint(text: &str) -> Result<Endpoint, String> {
    text.parse().map_err(|error: gristmill_telemetry::TelemetryError| error.to_string())
}

/// Those who watch the runs of this process.
pub(crate) struct Monitor {
    watched: Arc<Watched>,
    file: Option<PathBuf>,
    ledger: Mutex<Option<Ledger>>,
    otlp: Option<Otlp>,
    _server: Option<Server>,
}

impl Monitor {
    /// Begins to listen and to send. Whoever asked to be told must not find out at the end of a long run that he cannot be.
    pub(crate) fn start(args: &MonitorArgs) -> Result<Self, CliError> {
        let watched = Arc::new(Watched::new(env!("CARGO_PKG_VERSION"), gristmill_plugin::CONTRACT));
        if let Some(file) = &args.metrics_file {
            check_file(file)?;
        }
        let server = args.metrics_listen.map(|address| Server::start(address, Arc::clone(&watched))).transpose()?;
        if let Some(server) = &server {
            // Said even with --quiet: with port 0 nobody else knows it.
            tell(&format!("metrics are at http://{}/metrics", server.address()));
        }
        let otlp = args.otlp.as_ref().map(|to| Otlp::start(to, env!("CARGO_PKG_VERSION"), &watched)).transpose()?;
        Ok(Self { watched, file: args.metrics_file.clone(), ledger: Mutex::default(), otlp, _server: server })
    }

    /// A run begins, or goes on. Before it does, so that they miss nothing.
    pub(crate) fn begin(&self, progress: &Arc<Progress>) {
        self.watched.begin(Arc::clone(progress));
        self.account_is(None);
        if let Some(otlp) = &self.otlp {
            progress.observe(otlp.begin());
        }
    }

    /// What is run is known.
    pub(crate) fn is(&self, args: &JobArgs, prepared: &Prepared) {
        let about = About {
            run: prepared.job.run_id.clone(),
            job: args.monitor.job.clone().unwrap_or_default(),
            plugin: prepared.job.plugin.name.clone(),
            input: prepared.replay.as_ref().map_or(&args.export.export, |replay| &replay.input).clone(),
            destination: prepared.sink.describe(),
        };
        if let Some(otlp) = &self.otlp {
            otlp.is(&about);
        }
        self.watched.is(about);
    }

    /// When a run of the same work last ended well, microseconds since the Unix epoch.
    pub(crate) fn succeeded_at(&self, micros: Option<i64>) {
        if let Some(micros) = micros {
            self.watched.succeeded_at(micros);
        }
    }

    /// The account of the run.
    pub(crate) fn account_is(&self, ledger: Option<&Ledger>) {
        *self.ledger.lock().unwrap_or_else(PoisonError::into_inner) = ledger.cloned();
    }

    /// The run has ended, or with `is_last` unset one of the times that it is tried, which a trace has for itself. What it was is settled: that it
    /// cannot be told is only said.
    pub(crate) fn end(&self, outcome: &Result<(), CliError>, is_last: bool) {
        let ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (exit, error) = ended(outcome);
        let end = End { exit_code: exit.code(), error: error.map(str::to_owned), ledger };
        if let Some(otlp) = &self.otlp {
            otlp.end(&end);
        }
        if !is_last {
            return;
        }
        self.watched.end(end);
        if let Some(file) = &self.file
            && let Err(error) = write_file(file, &self.watched)
        {
            tracing::warn!("{error}");
        }
    }
}

/// How the program ends with this outcome, and the code of the error.
pub(crate) fn ended(outcome: &Result<(), CliError>) -> (Exit, Option<&'static str>) {
    match outcome {
        Ok(()) => (Exit::Success, None),
        Err(CliError::Stdout(e)) if e.kind() == std::io::ErrorKind::BrokenPipe => (Exit::Success, None),
        Err(error) if error.code() == "sink.output-closed" => (Exit::Success, None),
        Err(error) => (Exit::of(error.blame(), error.code()), Some(error.code())),
    }
}

/// A line on stderr, where nobody may be listening.
pub(crate) fn tell(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{line}");
}
