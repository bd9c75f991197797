//! `gristmill runs show`: all that is known of a run.

use std::fmt::Write as _;

use gristmill_record::time::format_rfc3339;
use gristmill_state::{PluginRecord, RunRecord, RunState};
use indicatif::{BinaryBytes, DecimalBytes};
use serde_json::Value;

use crate::args::Cli;
use crate::error::CliError;
use crate::history::{ShowArgs, find, ledger_of, shell_words};
use crate::letters::Replays;
use crate::recorded::open_state;
use crate::summary::ledger_text;
use crate::text::{count, print, table};

/// Prints the record of a run.
pub(crate) fn show(cli: &Cli, args: &ShowArgs) -> Result<(), CliError> {
    let state = open_state(&args.state)?;
    let run = find(&state, args.run.as_deref())?;
    if cli.json {
        let text = serde_json::to_string(&run).map_err(|e| CliError::Environment(e.to_string()))?;
        return print(&format!("{text}\n"));
    }
    print(&text_of(&run, state.finished_splits(&run.id)?))
}

/// How it stands, in words.
pub(crate) fn state_text(run: &RunRecord) -> String {
    let can_go_on = if run.is_unfinished() && run.state != RunState::Running { ", can go on" } else { "" };
    format!("{}{can_go_on}", run.state.name())
}

fn text_of(run: &RunRecord, finished_splits: u64) -> String {
    let mut out = String::new();
    let mut line = |label: &str, text: &str| {
        let _ = writeln!(out, "{label:<13} {text}");
    };
    line("run", &run.id);
    if let Some(job) = &run.job {
        line("job", job);
    }
    line("state", &state_text(run));
    if let Some(error) = &run.error {
        line("error", &format!("[{}] {}", error.code, error.message));
        if let Some(remedy) = &error.remedy {
            line("to do", &crate::text::sentence(remedy));
        }
    }
    if let Some(code) = run.exit_code {
        line("exit code", &code.to_string());
    }
    let seconds = |micros: i64| format_rfc3339(micros.div_euclid(1_000_000) * 1_000_000);
    if let Some(replays) = Replays::of(run) {
        line("replays", &replays.text());
        for not in &replays.not_replayed {
            line("not replayed", &format!("{}: {}", count(not.count), not.why));
        }
    }
    line("began", &seconds(run.begun_at));
    if let Some(ended) = run.ended_at {
        line("ended", &seconds(ended));
    }
    if run.started_at.abs_diff(run.begun_at) > 60_000_000 {
        line("its time", &format!("{}, as far as its rows know", format_rfc3339(run.started_at)));
    }
    let phases: Vec<_> = run.details.phases.iter().map(|p| format!("{} {:.1} s", p.phase, p.seconds)).collect();
    let phases = if phases.is_empty() { String::new() } else { format!(": {}", phases.join(", ")) };
    line("took", &format!("{:.1} s{phases}", run.seconds));
    if run.attempts > 1 {
        let taken_over = format!("{} of {} splits were taken over", count(run.splits_taken_over), count(run.splits));
        line("attempts", &format!("{}; by the last of them, {taken_over}", run.attempts));
    }
    if run.is_unfinished() {
        line("kept", &format!("{} of {} splits are finished", count(finished_splits), count(run.splits)));
    }
    line("shuffled", &format!("{} of rows were written to the state folder", BinaryBytes(run.shuffled_bytes)));
    if let Some(peak) = run.peak_memory {
        line("memory", &format!("{} at most", BinaryBytes(peak)));
    }
    let files = match run.input.files.len() {
        1 => "1 file".to_owned(),
        n => format!("{} files", count(n as u64)),
    };
    line("input", &format!("{}: {files}, {}", run.input.name, DecimalBytes(run.input.bytes)));
    for proof in run.details.more.get("proofs").and_then(Value::as_array).into_iter().flatten() {
        let export = proof["export"].as_str().unwrap_or_default();
        match proof["why_not"].as_str() {
            None => line("complete", &format!("{export}, as its metadata says")),
            Some(why) => line("NOT PROVEN", &format!("{export}: {why}")),
        }
    }
    line("destination", &run.destination);
    if run.details.more.get("already_loaded").and_then(Value::as_bool) == Some(true) {
        line("loaded before", "the destination held the result of this very job; nothing was written");
    }
    plugin(&mut line, "plugin", &run.plugin);
    for validator in &run.validators {
        plugin(&mut line, "validator", validator);
    }
    if let Some(letters) = &run.dead_letters {
        line("dead letters", letters);
    }
    line("command", &format!("gristmill {}", shell_words(&run.command.arguments)));
    line("in", &run.command.folder.display().to_string());
    line("program", &format!("gristmill {}, contract {}", run.program, run.contract));
    match ledger_of(run) {
        Some(ledger) => out.push_str(&ledger_text(&ledger)),
        None => match run.details.samples.last() {
            Some(last) => out.push_str(&table(
                &["", ""],
                &[
                    vec![count(last.records), "records read, when it was last looked at".to_owned()],
                    vec![count(last.rows), "rows made".to_owned()],
                    vec![count(last.refused), "refused".to_owned()],
                    vec![count(last.loaded), "rows handed to the destination".to_owned()],
                ],
                &[true, false],
            )),
            None => out.push_str("nothing is known of what it read\n"),
        },
    }
    out
}

fn plugin(line: &mut impl FnMut(&str, &str), label: &str, plugin: &PluginRecord) {
    line(label, &format!("{}, SHA-256 {}", plugin.name, plugin.digest));
    for (name, value) in plugin.config.as_object().into_iter().flatten() {
        line("", &format!("  {name} = {value}"));
    }
}
