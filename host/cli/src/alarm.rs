//! Somebody is told that a run failed, or that a target is missed.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::Args;
use gristmill_record::Diagnose;
use serde_json::{Value, json};

use crate::error::CliError;
use crate::monitor::ended;
use crate::secret::Secret;
use crate::targets::Verdict;

/// How long a command may take.
const COMMAND: Duration = Duration::from_secs(30);

/// Who is told.
#[derive(Debug, Args)]
pub(crate) struct AlarmArgs {
    /// A program that is told on its stdin, as JSON, when a run fails or a target is missed; once for each word of its command line
    #[arg(long, value_name = "WORD", allow_hyphen_values = true)]
    pub(crate) alarm_command: Vec<String>,
    /// An address to which the same is sent by POST, or where it is written: env:NAME or file:PATH
    #[arg(long, value_name = "URL|env:NAME|file:PATH", value_parser = parse_webhook)]
    pub(crate) alarm_webhook: Option<Webhook>,
}

/// An address, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Webhook {
    Url(String),
    Kept(Secret),
}

fn parse_webhook(text: &str) -> Result<Webhook, String> {
    if text.starts_with("http://") || text.starts_with("https://") {
        return Ok(Webhook::Url(text.to_owned()));
    }
    text.parse()
        .map(Webhook::Kept)
        .map_err(|_| "name an address, https://…, or where it is: env:NAME or file:PATH".to_owned())
}

/// What is told of a run.
pub(crate) struct Told<'a> {
    pub(crate) run: &'a str,
    pub(crate) job: Option<&'a str>,
    pub(crate) input: &'a str,
    pub(crate) destination: &'a str,
    pub(crate) verdicts: &'a [Verdict],
}

/// Tells of a run where there is something to tell. That it cannot is only said.
pub(crate) fn sound(args: &AlarmArgs, outcome: &Result<(), CliError>, told: &Told<'_>) {
    let (exit, error) = ended(outcome);
    let missed: Vec<String> = told.verdicts.iter().filter(|v| v.is_missed()).map(Verdict::text).collect();
    let event = match error {
        // Whoever interrupts a run knows it.
        Some("run.interrupted") => return,
        None | Some("run.target-missed") if !missed.is_empty() => "target-missed",
        None => return,
        Some(_) => "run-failed",
    };
    let error = outcome.as_ref().err().filter(|_| error.is_some());
    let error = error.map(|e| json!({ "code": e.code(), "message": e.to_string(), "remedy": e.remedy() }));
    let body = json!({
        "event": event, "gristmill": env!("CARGO_PKG_VERSION"), "run": told.run, "job": told.job, "input": told.input,
        "destination": told.destination, "exit_code": exit.code(), "error": error, "missed": missed, "targets": told.verdicts,
    });
    if let Err(what) = command(&args.alarm_command, &body) {
        tracing::warn!("the alarm's command {what}");
    }
    let sent = match &args.alarm_webhook {
        None => Ok(()),
        Some(Webhook::Url(url)) => gristmill_telemetry::post(url, body.to_string()),
        Some(Webhook::Kept(secret)) => match secret.read() {
            Ok(url) => gristmill_telemetry::post(&url, body.to_string()),
            Err(error) => Err(error.to_string()),
        },
    };
    if let Err(what) = sent {
        tracing::warn!("the alarm's webhook was not reached: {what}");
    }
}

fn command(words: &[String], body: &Value) -> Result<(), String> {
    let Some((program, arguments)) = words.split_first() else { return Ok(()) };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        // Rows may go to stdout.
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| format!("{program} cannot be started: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // In a thread of its own: it may not fit into a pipe, and a program need not read it.
        let text = body.to_string();
        std::thread::spawn(move || {
            let _ = writeln!(stdin, "{text}");
        });
    }
    let start = Instant::now();
    loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(format!("{program} failed: {status}")),
            None if start.elapsed() > COMMAND => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{program} took longer than {} s, and was ended", COMMAND.as_secs()));
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}
