//! Targets of a job: what its runs of the last days are held against.

use std::time::Duration;

use clap::Args;
use gristmill_state::{Filter, RunRecord, RunState, State};
use serde::{Deserialize, Serialize};

use crate::args::Cli;
use crate::error::CliError;
use crate::history::RunsTargetsArgs;
use crate::job::now;
use crate::letters::REPLAYS;
use crate::recorded::open_state;
use crate::text::{print, table};

/// Runs that began in this time count, microseconds.
const WINDOW: i64 = 30 * 86_400 * 1_000_000;
/// Where a run's record has them, among its details.
pub(crate) const KEY: &str = "targets";

/// Targets of the runs of a job.
#[derive(Debug, Args)]
pub(crate) struct TargetArgs {
    /// What 95 of 100 runs that ended well may take at most, such as 20m
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) target_duration_p95: Option<Duration>,
    /// The share of runs that have to end well, such as 99%
    #[arg(long, value_name = "SHARE%", value_parser = crate::args::parse_share)]
    pub(crate) target_success_rate: Option<f64>,
    /// How long ago the last run that ended well may be, such as 26h
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) target_freshness: Option<Duration>,
    /// How often work may have to be done again
    #[arg(long, value_name = "COUNT")]
    pub(crate) target_reprocess_count: Option<u32>,
    /// End with exit code 9 where the run ended well and a target is missed
    #[arg(long)]
    pub(crate) fail_on_missed_target: bool,
}

/// The same, as a run's record has them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Targets {
    /// Seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) duration_p95: Option<f64>,
    /// A part of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) success_rate: Option<f64>,
    /// Seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) freshness: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reprocess_count: Option<u32>,
}

impl Targets {
    pub(crate) fn of(args: &TargetArgs) -> Self {
        Self {
            duration_p95: args.target_duration_p95.map(|time| time.as_secs_f64()),
            success_rate: args.target_success_rate,
            freshness: args.target_freshness.map(|time| time.as_secs_f64()),
            reprocess_count: args.target_reprocess_count,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A target, and how the runs stand to it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Verdict {
    target: &'static str,
    /// Seconds, a part of one, or a count, as the target is.
    wanted: f64,
    /// None where no run says anything.
    is: Option<f64>,
    /// None where no run says anything.
    pub(crate) met: Option<bool>,
    /// Runs that it was judged by.
    runs: usize,
}

impl Verdict {
    fn new(target: &'static str, wanted: f64, is: Option<f64>, met: impl Fn(f64) -> bool, runs: usize) -> Self {
        Self { target, wanted, is, met: is.map(met), runs }
    }

    pub(crate) fn is_missed(&self) -> bool {
        self.met == Some(false)
    }

    fn shown(&self, number: f64) -> String {
        match self.target {
            "success_rate" => format!("{}%", (number * 10_000.0).round() / 100.0),
            "reprocess_count" => format!("{number}"),
            _ => humantime::format_duration(Duration::from_secs_f64(number.max(0.0).round())).to_string(),
        }
    }

    /// What is said of a target that is missed.
    pub(crate) fn text(&self) -> String {
        let is = self.is.map_or_else(|| "not known".to_owned(), |is| self.shown(is));
        format!("{} is {is}, and {} is wanted (runs: {})", self.target, self.shown(self.wanted), self.runs)
    }
}

/// Holds runs of one job, newest first, against its targets. `at` is now, microseconds since the Unix epoch.
#[expect(clippy::cast_precision_loss, reason = "shares and seconds")]
fn judge(targets: &Targets, all: &[RunRecord], at: i64) -> Vec<Verdict> {
    let runs: Vec<&RunRecord> = all.iter().filter(|run| run.begun_at >= at - WINDOW).collect();
    let done: Vec<&RunRecord> = runs.iter().filter(|run| run.state == RunState::Done).copied().collect();
    // Who interrupts a run does not say that it failed, and one that goes on has not ended yet.
    let is_bad = |run: &&&RunRecord| matches!(run.state, RunState::Failed | RunState::Refused | RunState::Killed);
    let bad: Vec<&RunRecord> = runs.iter().filter(is_bad).copied().collect();
    let ended = done.len() + bad.len();
    let mut verdicts = Vec::new();
    if let Some(wanted) = targets.duration_p95 {
        let mut seconds: Vec<f64> = done.iter().map(|run| run.seconds).collect();
        seconds.sort_by(f64::total_cmp);
        // The nearest rank: the least of the times that 95 of 100 runs do not exceed.
        let rank = (seconds.len() * 95).div_ceil(100).saturating_sub(1);
        let is = seconds.get(rank).copied();
        verdicts.push(Verdict::new("duration_p95", wanted, is, |is| is <= wanted, done.len()));
    }
    if let Some(wanted) = targets.success_rate {
        let is = (ended > 0).then(|| done.len() as f64 / ended as f64);
        verdicts.push(Verdict::new("success_rate", wanted, is, |is| is + 1e-9 >= wanted, ended));
    }
    if let Some(wanted) = targets.freshness {
        // However long ago: what has not run for months is not fresh.
        let last = all.iter().filter(|run| run.state == RunState::Done).filter_map(|run| run.ended_at).max();
        let is = last.map(|last| (at - last).max(0) as f64 / 1e6);
        let mut verdict = Verdict::new("freshness", wanted, is, |is| is <= wanted, done.len());
        if is.is_none() && ended > 0 {
            // None has ever ended well.
            verdict.met = Some(false);
        }
        verdicts.push(verdict);
    }
    if let Some(wanted) = targets.reprocess_count {
        let again: u64 = runs.iter().map(|run| u64::from(run.attempts.saturating_sub(1))).sum();
        let anew = bad.iter().filter(|run| !run.is_unfinished()).count();
        let is = (ended > 0).then_some((again + anew as u64) as f64);
        verdicts.push(Verdict::new("reprocess_count", f64::from(wanted), is, |is| is <= f64::from(wanted), runs.len()));
    }
    verdicts
}

/// Whether a run is held against the targets of its job: a replay brings nothing new, and takes as long as what was refused.
fn counts(run: &RunRecord) -> bool {
    !run.details.more.contains_key(REPLAYS)
}

/// How the runs that are like this one stand to its targets: those of its job, or of its work where the job has no name.
pub(crate) fn of_run(state: &State, run: &RunRecord, targets: &Targets) -> Result<Vec<Verdict>, CliError> {
    if targets.is_empty() {
        return Ok(Vec::new());
    }
    let work = run.job.is_none().then(|| run.work.clone());
    let mut runs = state.runs(&Filter { job: run.job.clone(), work, ..Filter::default() })?;
    runs.retain(counts);
    Ok(judge(targets, &runs, now()))
}

/// The verdicts for people.
pub(crate) fn text(verdicts: &[Verdict]) -> String {
    let row = |v: &Verdict| {
        let met = match v.met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "no runs yet",
        };
        let is = v.is.map_or_else(|| "-".to_owned(), |is| v.shown(is));
        vec![v.target.to_owned(), v.shown(v.wanted), is, v.runs.to_string(), met.to_owned()]
    };
    let rows: Vec<Vec<String>> = verdicts.iter().map(row).collect();
    table(&["target", "wanted", "is", "runs", ""], &rows, &[false, true, true, true, false])
}

/// `gristmill runs targets`: the targets that the newest run of each job had, held against all of the job's runs.
pub(crate) fn show(cli: &Cli, args: &RunsTargetsArgs) -> Result<(), CliError> {
    let state = open_state(&args.state)?;
    let runs = state.runs(&Filter { job: args.job.clone(), ..Filter::default() })?;
    let mut jobs: Vec<(&str, Vec<Verdict>)> = Vec::new();
    for run in &runs {
        let Some(job) = run.job.as_deref().filter(|job| jobs.iter().all(|(known, _)| known != job)) else { continue };
        let targets = run.details.more.get(KEY).cloned();
        let targets: Targets = targets.and_then(|targets| serde_json::from_value(targets).ok()).unwrap_or_default();
        jobs.push((job, of_run(&state, run, &targets)?));
    }
    let missed: Vec<String> = (jobs.iter())
        .flat_map(|(job, verdicts)| {
            verdicts.iter().filter(|v| v.is_missed()).map(move |v| format!("{job}: {}", v.text()))
        })
        .collect();
    if cli.json {
        let all: Vec<_> =
            jobs.iter().map(|(job, verdicts)| serde_json::json!({ "job": job, "targets": verdicts })).collect();
        print(&format!("{}\n", serde_json::Value::from(all)))?;
    } else if jobs.is_empty() {
        print("no run belongs to a job with a name; name it by --job\n")?;
    } else {
        for (job, verdicts) in &jobs {
            let of_job = if verdicts.is_empty() { "  no targets\n".to_owned() } else { text(verdicts) };
            print(&format!("{job}\n{of_job}"))?;
        }
    }
    if missed.is_empty() { Ok(()) } else { Err(CliError::TargetMissed { missed }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400 * 1_000_000;

    fn run(state: RunState, days_ago: i64, seconds: f64, attempts: u32) -> RunRecord {
        let begun_at = 100 * DAY - days_ago * DAY;
        let ended_at = Some(begun_at + DAY / 24);
        RunRecord { state, seconds, attempts, ended_at, ..RunRecord::new("run", begun_at) }
    }

    fn all() -> Targets {
        Targets {
            duration_p95: Some(19.0),
            success_rate: Some(0.9),
            freshness: Some(86_400.0),
            reprocess_count: Some(3),
        }
    }

    #[test]
    fn runs_are_held_against_targets() {
        let mut runs: Vec<RunRecord> = (1..=20).map(|n| run(RunState::Done, n, 21.0 - n as f64, 1)).collect();
        runs.push(run(RunState::Failed, 2, 500.0, 3));
        runs.push(run(RunState::Interrupted, 2, 900.0, 1));
        runs.push(run(RunState::Failed, 31, 500.0, 9));
        let verdicts = judge(&all(), &runs, 100 * DAY);
        let is: Vec<_> = verdicts.iter().map(|v| (v.target, v.is.unwrap(), v.met.unwrap(), v.runs)).collect();
        // 19 of 20 took 19 s at most; 20 of 21 ended well; the last ended 23 hours ago; two more attempts, and one is to be done anew.
        assert_eq!(is[0], ("duration_p95", 19.0, true, 20));
        assert_eq!((is[1].0, is[1].2, is[1].3), ("success_rate", true, 21));
        assert!((is[1].1 - 20.0 / 21.0).abs() < 1e-9);
        assert_eq!(is[2], ("freshness", 23.0 * 3600.0, true, 20));
        assert_eq!(is[3], ("reprocess_count", 3.0, true, 22));
        runs.push(run(RunState::Killed, 1, 1.0, 1));
        runs.push(run(RunState::Refused, 1, 1.0, 1));
        let verdicts = judge(&Targets { duration_p95: Some(18.9), ..all() }, &runs, 100 * DAY + DAY);
        assert!(verdicts.iter().all(Verdict::is_missed), "{verdicts:?}");
    }

    #[test]
    fn without_runs_nothing_is_missed() {
        assert!(judge(&all(), &[], 0).iter().all(|v| v.met.is_none()));
        let failed = judge(&all(), &[run(RunState::Failed, 1, 1.0, 1)], 100 * DAY);
        let met: Vec<_> = failed.iter().map(|v| v.met).collect();
        assert_eq!(met, [None, Some(false), Some(false), Some(true)]);
    }
}
