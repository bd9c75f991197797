//! What there is to be told of a run at an instant.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gristmill_pipeline::{Ledger, PHASES, Progress};

use crate::metrics::{
    self, BUILD_INFO, DEAD_LETTERS, DURATION, EXIT_CODE, INPUT_READ, INPUT_SIZE, LAST_COMPLETION, LAST_SUCCESS, Metric,
    PEAK_MEMORY, PHASE, PHASE_DURATION, RECORDS_READ, RECORDS_REFUSED, ROWS_MADE, ROWS_SENT, ROWS_TO_LOAD, RUN_INFO,
    SHUFFLED, SPILLED, SPLITS, SPLITS_DONE, SPLITS_TAKEN_OVER, START, SUCCESS,
};

/// Codes of dead letters that are told apart: a plugin chooses its codes, and each is a series for ever.
const CODES: usize = 50;
/// What those beyond them are counted as.
const OTHER_CODES: &str = "(other codes)";

/// What a run is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// The id of the run.
    pub run: String,
    /// The name of its job; empty where it has none.
    pub job: String,
    /// `name@version` of the plugin that maps.
    pub plugin: String,
    /// What it reads, as it was named.
    pub input: String,
    /// Where it goes, in words, without a password.
    pub destination: String,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// The exit code of the program; 0: it ended well.
    pub exit_code: u8,
    /// The code of the error that ended it.
    pub error: Option<String>,
    /// The account, where it got so far.
    pub ledger: Option<Ledger>,
}

impl End {
    /// Whether all is loaded, which it is where only a target is missed.
    fn is_well(&self) -> bool {
        self.exit_code == 0 || self.error.as_deref() == Some("run.target-missed")
    }
}

/// The value of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// A count, or bytes.
    Count(u64),
    /// Seconds.
    Seconds(f64),
}

/// A metric, its labels in its own order, and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// Which.
    pub metric: &'static Metric,
    /// One for each of the metric's labels.
    pub labels: Vec<String>,
    /// How much.
    pub number: Number,
}

#[derive(Debug, Default)]
struct Now {
    about: About,
    progress: Option<Arc<Progress>>,
    began: Option<(SystemTime, Instant)>,
    ended: Option<(End, SystemTime, Duration)>,
    last_success: Option<f64>,
}

/// A run as others see it. Threads share it; it is read from the run's own counters when somebody asks.
#[derive(Debug)]
pub struct Watched {
    version: &'static str,
    contract: &'static str,
    now: Mutex<Now>,
}

impl Watched {
    /// Nothing is known of the run yet but the program that it is run with, and the version of that program's contract with plugins.
    pub fn new(version: &'static str, contract: &'static str) -> Self {
        Self { version, contract, now: Mutex::default() }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        // What is in it is replaced whole.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A process begins to work on the run, whose counters these are; what was known of one before it is forgotten.
    pub fn begin(&self, progress: Arc<Progress>) {
        let last_success = self.now().last_success;
        *self.now() = Now {
            progress: Some(progress),
            began: Some((SystemTime::now(), Instant::now())),
            last_success,
            ..Now::default()
        };
    }

    /// What the run is, when that is known.
    pub fn is(&self, about: About) {
        self.now().about = about;
    }

    /// When a run of the same work last ended well, microseconds since the Unix epoch.
    #[expect(clippy::cast_precision_loss, reason = "a time in seconds, as Prometheus has it")]
    pub fn succeeded_at(&self, micros: i64) {
        self.now().last_success = Some(micros as f64 / 1e6);
    }

    /// How it ended.
    pub fn end(&self, end: End) {
        let mut now = self.now();
        let at = SystemTime::now();
        let took = now.began.map(|(_, began)| began.elapsed()).unwrap_or_default();
        if end.is_well() {
            now.last_success = Some(unix(at));
        }
        now.ended = Some((end, at, took));
    }

    /// All that is known, in the order of [`METRICS`](crate::METRICS).
    pub fn values(&self) -> Vec<Value> {
        let now = self.now();
        let mut all = Values::default();
        all.info(&BUILD_INFO, &[self.version, self.contract]);
        if !now.about.run.is_empty() {
            all.info(&RUN_INFO, &[&now.about.run, &now.about.job, &now.about.plugin]);
        }
        if let Some((at, began)) = now.began {
            all.seconds(&START, &[], unix(at));
            let so_far = now.ended.as_ref().map_or_else(|| began.elapsed(), |(_, _, took)| *took);
            all.seconds(&DURATION, &[], so_far.as_secs_f64());
        }
        let ended = now.ended.as_ref();
        let ledger = ended.and_then(|(end, ..)| end.ledger.as_ref());
        if let Some(progress) = &now.progress {
            counters(&mut all, progress, ended.is_some(), ledger);
        }
        if let Some((end, at, _)) = ended {
            all.count(&SUCCESS, &[], u64::from(end.is_well()));
            all.count(&EXIT_CODE, &[], u64::from(end.exit_code));
            all.seconds(&LAST_COMPLETION, &[], unix(*at));
        }
        if let Some(at) = now.last_success {
            all.seconds(&LAST_SUCCESS, &[], at);
        }
        all.0
    }
}

fn counters(all: &mut Values, progress: &Progress, ended: bool, ledger: Option<&Ledger>) {
    let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    for phase in PHASES {
        all.count(&PHASE, &[phase.name()], u64::from(!ended && phase == progress.phase()));
    }
    for (phase, seconds) in progress.phase_seconds() {
        all.seconds(&PHASE_DURATION, &[phase.name()], seconds);
    }
    all.count(&INPUT_SIZE, &[], of(&progress.bytes_total));
    all.count(&INPUT_READ, &[], of(&progress.bytes_read));
    all.count(&SPLITS, &[], of(&progress.splits));
    all.count(&SPLITS_DONE, &[], of(&progress.splits_done));
    all.count(&SPLITS_TAKEN_OVER, &[], of(&progress.splits_taken_over));
    all.count(&RECORDS_READ, &[], of(&progress.records));
    all.count(&RECORDS_REFUSED, &[], of(&progress.refused));
    if let Some(ledger) = ledger {
        let r = &ledger.records;
        for (outcome, count) in
            [("mapped", r.mapped), ("filtered", r.filtered), ("refused", r.refused), ("other", r.other)]
        {
            all.count(&metrics::RECORDS, &[outcome], count);
        }
    }
    let refusals = ledger.map_or_else(|| progress.refusals(), |ledger| ledger.refusals.clone());
    for (code, count) in few(refusals) {
        all.count(&DEAD_LETTERS, &[&code], count);
    }
    all.count(&ROWS_MADE, &[], of(&progress.rows));
    all.count(&ROWS_TO_LOAD, &[], of(&progress.rows_to_load));
    all.count(&ROWS_SENT, &[], of(&progress.rows_loaded));
    for r in ledger.iter().flat_map(|ledger| &ledger.rows) {
        for (outcome, count) in [
            ("inserted", r.inserted),
            ("updated", r.updated),
            ("already", r.already),
            ("elsewhere", r.elsewhere),
            ("duplicate", r.duplicate),
            ("collision", r.collision),
            ("invalid", r.invalid),
        ] {
            all.count(&metrics::ROWS, &[&r.table, outcome], count);
        }
    }
    all.count(&SPILLED, &[], of(&progress.spilled));
    all.count(&SHUFFLED, &[], of(&progress.shuffled));
    if let Some(bytes) = peak_memory() {
        all.count(&PEAK_MEMORY, &[], bytes);
    }
}

/// The codes with the most dead letters; all others are one. By name, so that the order does not change between two looks.
fn few(refusals: BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    if refusals.len() <= CODES {
        return refusals;
    }
    let mut by_count: Vec<_> = refusals.into_iter().collect();
    by_count.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let rest = by_count.split_off(CODES);
    let mut few: BTreeMap<_, _> = by_count.into_iter().collect();
    *few.entry(OTHER_CODES.to_owned()).or_default() += rest.into_iter().map(|(_, count)| count).sum::<u64>();
    few
}

#[derive(Default)]
struct Values(Vec<Value>);

impl Values {
    fn push(&mut self, metric: &'static Metric, labels: &[&str], number: Number) {
        debug_assert_eq!(labels.len(), metric.labels.len(), "{}", metric.name);
        self.0.push(Value { metric, labels: labels.iter().map(|l| (*l).to_owned()).collect(), number });
    }

    fn info(&mut self, metric: &'static Metric, labels: &[&str]) {
        self.push(metric, labels, Number::Count(1));
    }

    fn count(&mut self, metric: &'static Metric, labels: &[&str], count: u64) {
        self.push(metric, labels, Number::Count(count));
    }

    fn seconds(&mut self, metric: &'static Metric, labels: &[&str], seconds: f64) {
        self.push(metric, labels, Number::Seconds(seconds));
    }
}

/// Seconds since the Unix epoch, to the millisecond.
fn unix(at: SystemTime) -> f64 {
    (at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1e3).round() / 1e3
}

/// The largest resident set of this process so far, bytes, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_few() {
        let many: BTreeMap<String, u64> = (0..200).map(|n| (format!("code-{n:03}"), n)).collect();
        let few = few(many.clone());
        assert_eq!(few.len(), CODES + 1);
        assert_eq!(few.values().sum::<u64>(), many.values().sum::<u64>());
        assert!(few.contains_key("code-199") && !few.contains_key("code-001"), "{few:?}");
    }
}
