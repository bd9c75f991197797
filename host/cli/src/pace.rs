//! How far a run is and how fast, from looks at its counters.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gristmill_pipeline::{Phase, Progress};
use serde::Serialize;

/// The speed is that of the last seconds.
const WINDOW: Duration = Duration::from_secs(15);
/// Before it is known for so long, nothing is said of the time that is left.
const ENOUGH: Duration = Duration::from_secs(2);
/// A time that is left beyond this is a guess about nothing.
const LONGEST: f64 = 30.0 * 86_400.0;

/// A run at an instant. The fields are those of a line of `--progress json`: docs/watching.md says what they mean.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Figures {
    pub(crate) phase: &'static str,
    pub(crate) elapsed_seconds: f64,
    pub(crate) phase_elapsed_seconds: f64,
    /// Of the phase, not of the run; none where it is not known.
    pub(crate) phase_left_seconds: Option<f64>,
    pub(crate) splits_done: u64,
    pub(crate) splits: u64,
    pub(crate) read_bytes: u64,
    pub(crate) input_bytes: u64,
    pub(crate) documents: u64,
    pub(crate) refused: u64,
    pub(crate) rows: u64,
    pub(crate) rows_to_load: u64,
    pub(crate) rows_loaded: u64,
    /// Documents while they are mapped, rows while they are loaded; none in other phases, and before it is known.
    pub(crate) documents_per_second: Option<f64>,
    pub(crate) rows_per_second: Option<f64>,
}

/// Done and all of the present phase, and of that what is told a second.
fn position(progress: &Progress) -> (u64, u64, u64) {
    match progress.phase() {
        Phase::Map => (load(&progress.bytes_read), load(&progress.bytes_total), load(&progress.records)),
        Phase::Load => {
            let done = load(&progress.rows_loaded);
            (done, load(&progress.rows_to_load), done)
        }
        _ => (0, 0, 0),
    }
}

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// Looks at one run, again and again.
#[derive(Debug)]
pub(crate) struct Pace {
    start: Instant,
    phase: Option<(Phase, Instant)>,
    /// When, what was done of the phase, and what is told a second.
    looks: VecDeque<(Instant, u64, u64)>,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), phase: None, looks: VecDeque::new() }
    }

    /// What the counters say now, and the percentage of the phase that is done where it is known.
    pub(crate) fn look(&mut self, progress: &Progress) -> (Figures, Option<u64>) {
        self.look_at(progress, Instant::now())
    }

    fn look_at(&mut self, progress: &Progress, now: Instant) -> (Figures, Option<u64>) {
        let phase = progress.phase();
        let (done, all, told) = position(progress);
        let (phase_elapsed, left, told_speed) = self.paced(phase, (done, all, told), now);
        let of = |wanted: Phase| told_speed.filter(|_| phase == wanted).map(rounded);
        let figures = Figures {
            phase: phase.name(),
            elapsed_seconds: rounded(now.duration_since(self.start).as_secs_f64()),
            phase_elapsed_seconds: rounded(phase_elapsed.as_secs_f64()),
            phase_left_seconds: left.map(rounded),
            splits_done: load(&progress.splits_done),
            splits: load(&progress.splits),
            read_bytes: load(&progress.bytes_read),
            input_bytes: load(&progress.bytes_total),
            documents: load(&progress.records),
            refused: load(&progress.refused),
            rows: load(&progress.rows),
            rows_to_load: load(&progress.rows_to_load),
            rows_loaded: load(&progress.rows_loaded),
            documents_per_second: of(Phase::Map),
            rows_per_second: of(Phase::Load),
        };
        (figures, (done.min(all) * 100).checked_div(all))
    }

    /// Takes note of a look. How long the phase has taken, how long it will take yet, and what is told a second.
    fn paced(
        &mut self,
        phase: Phase,
        (done, all, told): (u64, u64, u64),
        now: Instant,
    ) -> (Duration, Option<f64>, Option<f64>) {
        let began = match self.phase {
            Some((same, began)) if same == phase => began,
            _ => {
                self.looks.clear();
                self.phase = Some((phase, now));
                now
            }
        };
        self.looks.push_back((now, done, told));
        while self.looks.front().is_some_and(|(at, ..)| now.duration_since(*at) > WINDOW) {
            self.looks.pop_front();
        }
        let (speed, told_speed) = self.speeds();
        let left = match speed {
            Some(speed) if all > 0 && speed > 0.0 => {
                Some(as_float(all.saturating_sub(done)) / speed).filter(|left| *left < LONGEST)
            }
            _ => None,
        };
        (now.duration_since(began), left, told_speed)
    }

    /// A second, of the phase and of what is told; known when it was looked at for long enough.
    fn speeds(&self) -> (Option<f64>, Option<f64>) {
        let (Some(first), Some(last)) = (self.looks.front(), self.looks.back()) else { return (None, None) };
        let took = last.0.duration_since(first.0);
        if took < ENOUGH {
            return (None, None);
        }
        let a_second = |from: u64, to: u64| as_float(to.saturating_sub(from)) / took.as_secs_f64();
        (Some(a_second(first.1, last.1)), Some(a_second(first.2, last.2)))
    }
}

#[expect(clippy::cast_precision_loss, reason = "speeds and times for people")]
fn as_float(n: u64) -> f64 {
    n as f64
}

/// To the tenth.
pub(crate) fn rounded(n: f64) -> f64 {
    (n * 10.0).round() / 10.0
}

/// A time that is left, for people.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is not below 0, and a month at most")]
pub(crate) fn time_left(seconds: f64) -> String {
    match seconds.max(0.0).ceil() as u64 {
        0..=99 => format!("{} s", seconds.max(0.0).ceil()),
        whole @ 100..=5_999 => format!("{} min", whole.div_ceil(60)),
        whole => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_that_is_left_is_that_of_the_phase_by_its_last_seconds() {
        let (mut pace, start) = (Pace::new(), Instant::now());
        let mut look = |phase: Phase, done: u64, all: u64, told: u64, seconds: u64| {
            let (took, left, speed) = pace.paced(phase, (done, all, told), start + Duration::from_secs(seconds));
            (took.as_secs(), left, speed)
        };
        // Of preparing it is not known how much there is.
        assert_eq!(look(Phase::Prepare, 0, 0, 0, 0), (0, None, None));
        assert_eq!(look(Phase::Prepare, 0, 0, 0, 9).1, None);
        // A new phase begins anew, and is looked at for two seconds first.
        assert_eq!(look(Phase::Map, 0, 1_000, 0, 10), (0, None, None));
        assert_eq!(look(Phase::Map, 100, 1_000, 20, 11), (1, None, None));
        assert_eq!(look(Phase::Map, 200, 1_000, 40, 12), (2, Some(8.0), Some(20.0)));
        // The first two looks are older than fifteen seconds.
        assert_eq!(look(Phase::Map, 500, 1_000, 100, 27), (17, Some(25.0), Some(4.0)));
        // Where nothing moves, nothing is promised.
        assert_eq!(look(Phase::Map, 500, 1_000, 100, 60), (50, None, None));
        assert_eq!(look(Phase::Map, 500, 1_000, 100, 62), (52, None, Some(0.0)));
        // What the map has done is no part of the load.
        assert_eq!(look(Phase::Load, 0, 10, 0, 63), (0, None, None));
        assert_eq!(look(Phase::Load, 10, 10, 10, 65), (2, Some(0.0), Some(5.0)));
    }

    #[test]
    fn more_than_a_month_is_a_guess() {
        let (mut pace, start) = (Pace::new(), Instant::now());
        pace.paced(Phase::Map, (0, u64::MAX, 0), start);
        let (_, left, speed) = pace.paced(Phase::Map, (1, u64::MAX, 1), start + Duration::from_secs(10));
        assert_eq!((left, speed), (None, Some(0.1)));
    }

    #[test]
    fn a_time_for_people() {
        let cases = [
            (0.0, "0 s"),
            (4.2, "5 s"),
            (99.0, "99 s"),
            (99.1, "2 min"),
            (5_999.0, "100 min"),
            (6_000.0, "1 h 40 min"),
            (7_260.0, "2 h 1 min"),
        ];
        cases.iter().for_each(|(seconds, text)| assert_eq!(time_left(*seconds), *text));
    }
}
