//! How far a run is: a bar on a terminal, a line now and then elsewhere.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gristmill_pipeline::{Phase, Progress};
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::args::Cli;
use crate::text::count;

/// Between two looks at the counters on a terminal.
const TICK: Duration = Duration::from_millis(100);
/// Between two lines elsewhere.
const LINE: Duration = Duration::from_secs(10);

/// A thread that shows a run's progress on stderr until it is told that the run is over.
pub(crate) struct Display {
    over: mpsc::Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Display {
    pub(crate) fn start(cli: &Cli, progress: Arc<Progress>) -> Self {
        let (over, ended) = mpsc::channel();
        let show: Option<fn(&Progress, &mpsc::Receiver<()>)> = if cli.quiet || cli.json {
            None
        } else if std::io::stderr().is_terminal() {
            Some(bar)
        } else {
            Some(lines)
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

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
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

fn figures(progress: &Progress) -> String {
    let refused = load(&progress.refused);
    let refused = if refused > 0 { format!(", {} refused", count(refused)) } else { String::new() };
    match progress.phase() {
        Phase::Load => {
            format!("{} of {} rows", count(load(&progress.rows_loaded)), count(load(&progress.rows_to_load)))
        }
        Phase::Commit => format!("{} rows", count(load(&progress.rows_to_load))),
        _ => format!("{} records{refused}", count(load(&progress.records))),
    }
}

/// Done and all of the present phase.
fn position(progress: &Progress) -> (u64, u64) {
    match progress.phase() {
        Phase::Map => (load(&progress.bytes_read), load(&progress.bytes_total)),
        Phase::Load => (load(&progress.rows_loaded), load(&progress.rows_to_load)),
        _ => (0, 0),
    }
}

fn bar(progress: &Progress, ended: &mpsc::Receiver<()>) {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    let with_bar =
        ProgressStyle::with_template("{prefix:>19} [{bar:28}] {percent:>3} %  {msg}; {elapsed} gone, {eta} left");
    let spinner = ProgressStyle::with_template("{prefix:>19} {spinner} {msg}");
    let (Ok(with_bar), Ok(spinner)) = (with_bar.map(|s| s.progress_chars("=> ")), spinner) else { return };
    let mut drawn = false;
    let mut shown = None;
    let start = Instant::now();
    while let Err(mpsc::RecvTimeoutError::Timeout) = ended.recv_timeout(TICK) {
        // Short runs end before a bar is worth drawing.
        if start.elapsed() < TICK * 3 {
            continue;
        }
        let phase = progress.phase();
        let (done, all) = position(progress);
        if shown != Some(phase) {
            shown = Some(phase);
            bar.set_style(if all > 0 { with_bar.clone() } else { spinner.clone() });
            bar.set_prefix(phase_name(phase));
            bar.reset();
        }
        bar.set_length(all);
        bar.set_position(done.min(all));
        let speed = match phase {
            Phase::Map => format!(", {}/s", HumanBytes(rate(done, bar.elapsed()))),
            _ => String::new(),
        };
        bar.set_message(format!("{}{speed}", figures(progress)));
        bar.tick();
        drawn = true;
    }
    if drawn {
        bar.finish_and_clear();
    }
}

/// Per second.
fn rate(done: u64, elapsed: Duration) -> u64 {
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    done.saturating_mul(1_000) / millis
}

fn lines(progress: &Progress, ended: &mpsc::Receiver<()>) {
    while let Err(mpsc::RecvTimeoutError::Timeout) = ended.recv_timeout(LINE) {
        let (done, all) = position(progress);
        let percent =
            (done.min(all) * 100).checked_div(all).map_or_else(String::new, |percent| format!("{percent} %, "));
        eprintln!("{}: {percent}{}", phase_name(progress.phase()), figures(progress));
    }
}
