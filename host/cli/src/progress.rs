//! How far a run is: a bar on a terminal, a line now and then elsewhere, or objects for machines.

use std::io::IsTerminal;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gristmill_pipeline::{Phase, Progress};
use gristmill_record::time::format_rfc3339;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::args::Cli;
use crate::error::CliError;
use crate::job::now;
use crate::monitor::{Show, ended, tell};
use crate::pace::{Figures, Pace, rounded, time_left};
use crate::text::count;

/// Between two looks at the counters on a terminal.
const TICK: Duration = Duration::from_millis(100);
/// Between two lines elsewhere.
const LINE: Duration = Duration::from_secs(10);
/// Between two objects for machines.
const OBJECT: Duration = Duration::from_secs(1);

/// A thread that shows a run's progress on stderr until it is told that the run is over.
pub(crate) struct Display {
    over: mpsc::Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Display {
    pub(crate) fn start(cli: &Cli, show: Show, progress: Arc<Progress>) -> Self {
        let (over, ended) = mpsc::channel();
        let show: Option<fn(&Progress, &mpsc::Receiver<()>)> = match show {
            Show::Auto if cli.quiet || cli.json => None,
            Show::Auto if std::io::stderr().is_terminal() => Some(bar),
            Show::Auto | Show::Lines => Some(lines),
            Show::Bar => Some(bar),
            Show::Json => Some(objects),
            Show::None => None,
        };
        let thread = show.map(|show| std::thread::spawn(move || show(&progress, &ended)));
        Self { over, thread }
    }

    /// Takes the bar away.
    pub(crate) fn finish(self) {
        drop(self.over);
        if let Some(thread) = self.thread {
            // The display is no part of the run: should it have failed, the run's outcome stands.
            let _ = thread.join();
        }
    }
}

fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Prepare => "preparing",
        Phase::Map => "mapping",
        Phase::Dedup => "removing duplicates",
        Phase::Load => "loading",
        Phase::Commit => "committing",
    }
}

/// A count on the bar: at most nine columns, in millions from eight digits on.
fn short(n: u64) -> String {
    if n < 10_000_000 { count(n) } else { format!("{} M", count(n / 1_000_000)) }
}

/// What is done.
fn done(phase: Phase, figures: &Figures, count: fn(u64) -> String) -> String {
    let Figures { splits_done, splits, documents, rows, refused, rows_loaded, rows_to_load, .. } = *figures;
    match phase {
        Phase::Load => format!("{} of {} rows", count(rows_loaded), count(rows_to_load)),
        Phase::Commit => format!("{} rows", count(rows_to_load)),
        _ => {
            let splits = if splits > 0 { format!("{splits_done} of {splits} splits, ") } else { String::new() };
            let refused = if refused > 0 { format!(", {} refused", count(refused)) } else { String::new() };
            format!("{splits}{} documents, {} rows{refused}", count(documents), count(rows))
        }
    }
}

/// How fast, and how long yet, where that is known.
fn speed(figures: &Figures, count: fn(u64) -> String) -> Vec<String> {
    let documents = figures.documents_per_second.map(|n| format!("{} documents/s", count(whole(n))));
    let rows = figures.rows_per_second.map(|n| format!("{} rows/s", count(whole(n))));
    let left = figures.phase_left_seconds.map(|left| format!("{} left", time_left(left)));
    [documents, rows, left].into_iter().flatten().collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate for people")]
fn whole(n: f64) -> u64 {
    n.max(0.0) as u64
}

/// Two lines for a terminal, neither of which is wider than 79 columns.
fn messages(phase: Phase, figures: &Figures, is_known: bool) -> String {
    let speed = if is_known { speed(figures, short).join(", ") } else { String::new() };
    format!("{speed}\n  {}", done(phase, figures, short))
}

fn bar(progress: &Progress, ended: &mpsc::Receiver<()>) {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    // Of phases whose end is known, `mapping` and `loading`, the names are short.
    let with_bar = ProgressStyle::with_template("{prefix:>8} [{bar:20}] {percent:>3} %  {msg}");
    let spinner = ProgressStyle::with_template("  {prefix} {spinner}{msg}");
    let (Ok(with_bar), Ok(spinner)) = (with_bar.map(|s| s.progress_chars("=> ")), spinner) else { return };
    let mut drawn = false;
    let mut shown = None;
    let start = Instant::now();
    let mut pace = Pace::new();
    while let Err(mpsc::RecvTimeoutError::Timeout) = ended.recv_timeout(TICK) {
        let (figures, percent) = pace.look(progress);
        // Short runs end before a bar is worth drawing.
        if start.elapsed() < TICK * 3 {
            continue;
        }
        let phase = progress.phase();
        if shown != Some((phase, percent.is_some())) {
            shown = Some((phase, percent.is_some()));
            bar.set_style(if percent.is_some() { with_bar.clone() } else { spinner.clone() });
            bar.set_prefix(phase_name(phase));
            bar.set_length(100);
        }
        bar.set_position(percent.unwrap_or_default());
        bar.set_message(messages(phase, &figures, percent.is_some()));
        bar.tick();
        drawn = true;
    }
    if drawn {
        bar.finish_and_clear();
    }
}

fn lines(progress: &Progress, ended: &mpsc::Receiver<()>) {
    let (mut pace, mut since) = (Pace::new(), Instant::now());
    // Looked at more often than it is told, so that the speed is that of the last seconds.
    while let Err(mpsc::RecvTimeoutError::Timeout) = ended.recv_timeout(OBJECT) {
        let (figures, percent) = pace.look(progress);
        if since.elapsed() < LINE {
            continue;
        }
        since = Instant::now();
        let percent = percent.map(|percent| format!("{percent} %"));
        let all: Vec<String> = percent
            .into_iter()
            .chain([done(progress.phase(), &figures, count)])
            .chain(speed(&figures, count))
            .collect();
        tell(&format!("{}: {}", phase_name(progress.phase()), all.join(", ")));
    }
}

/// A line of `--progress json`.
#[derive(Serialize)]
struct Line<'a> {
    r#type: &'static str,
    time: String,
    #[serde(flatten)]
    figures: &'a Figures,
    #[serde(flatten)]
    end: Option<LineEnd<'a>>,
}

/// What the last line has besides.
#[derive(Serialize)]
struct LineEnd<'a> {
    exit_code: u8,
    error: Option<&'a str>,
}

fn object(figures: &Figures, end: Option<LineEnd<'_>>) {
    let r#type = if end.is_some() { "end" } else { "progress" };
    if let Ok(text) = serde_json::to_string(&Line { r#type, time: format_rfc3339(now()), figures, end }) {
        tell(&text);
    }
}

fn objects(progress: &Progress, ended: &mpsc::Receiver<()>) {
    let mut pace = Pace::new();
    loop {
        let (figures, _) = pace.look(progress);
        object(&figures, None);
        if !matches!(ended.recv_timeout(OBJECT), Err(mpsc::RecvTimeoutError::Timeout)) {
            break;
        }
    }
}

/// The last object for machines: how it ended. `start` is when the process began to work on the run.
pub(crate) fn last_object(show: Show, progress: &Progress, start: Instant, outcome: &Result<(), CliError>) {
    if show != Show::Json {
        return;
    }
    let (mut figures, _) = Pace::new().look(progress);
    let phase_seconds = progress.phase_seconds().last().map(|(_, seconds)| *seconds);
    figures.elapsed_seconds = rounded(start.elapsed().as_secs_f64());
    figures.phase_elapsed_seconds = rounded(phase_seconds.unwrap_or_default());
    let (exit, error) = ended(outcome);
    object(&figures, Some(LineEnd { exit_code: exit.code(), error }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_in_words() {
        let (mut figures, _) = Pace::new().look(&Progress::default());
        assert_eq!(done(Phase::Prepare, &figures, count), "0 documents, 0 rows");
        (figures.splits, figures.documents, figures.rows) = (30, 1_234_567, 1_230_000);
        (figures.splits_done, figures.refused) = (12, 4_567);
        let text = done(Phase::Map, &figures, count);
        assert_eq!(text, "12 of 30 splits, 1,234,567 documents, 1,230,000 rows, 4,567 refused");
    }

    #[test]
    fn the_bar_fits_into_80_columns() {
        // Before the message: the name, the bar, the percentage.
        const BEFORE: usize = 8 + 2 + 20 + 2 + 3 + 2 + 2;
        let (mut figures, _) = Pace::new().look(&Progress::default());
        assert_eq!(messages(Phase::Prepare, &figures, false), "\n  0 documents, 0 rows");
        (figures.splits, figures.splits_done) = (99_999, 99_999);
        figures.phase_left_seconds = Some(719.0 * 3600.0 + 3599.0);
        for n in [9_999_999, 10_000_000, 99_999_999_999_u64] {
            (figures.documents, figures.rows, figures.refused) = (n, n, n);
            (figures.rows_loaded, figures.rows_to_load) = (n, n);
            for (phase, is_map) in [(Phase::Map, true), (Phase::Load, false)] {
                #[expect(clippy::cast_precision_loss, reason = "a speed")]
                let speed = Some(n as f64);
                figures.documents_per_second = speed.filter(|_| is_map);
                figures.rows_per_second = speed.filter(|_| !is_map);
                let text = messages(phase, &figures, true);
                let (first, second) = text.split_once('\n').unwrap();
                assert!(BEFORE + first.len() < 80 && second.len() < 80, "{text}");
            }
        }
    }
}
