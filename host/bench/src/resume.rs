//! Runs that can go on: what that costs a run that is never disturbed, and how long a run takes that was killed half way.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::measure::{Usage, measure};
use crate::{Jobs, Result, STARTED_AT, generate};

/// A run of the job.
fn job(jobs: &Jobs, export: &Path, out: &Path, keeps: bool) -> Command {
    let mut command = Command::new(&jobs.gristmill);
    command.arg("run").arg(export).arg("--to").arg(format!("parquet:{}", out.join("rows").display()));
    command.args(["--started-at", STARTED_AT, "--quiet", "--dead-letters"]).arg(out.join("dead.jsonl"));
    command.arg("--state").arg(out.join("state"));
    if !keeps {
        command.arg("--no-resume");
    }
    command
}

pub(crate) fn run(jobs: &Jobs, documents: u64, runs: usize) -> Result<()> {
    let export = jobs.folder.join(format!("binary-{documents}"));
    if !export.exists() {
        generate(&export, documents, false)?;
    }
    // On the disk of the exports: the folder for temporary files may be memory.
    let place = || tempfile::tempdir_in(&jobs.folder);
    let once = |keeps: bool| -> Result<Usage> {
        let out = place()?;
        Ok(measure(&mut job(jobs, &export, out.path(), keeps))?)
    };
    // Not counted: these find the files on disk, the others in the cache.
    once(false)?;
    once(true)?;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for round in 0..runs.max(1) {
        for keeps in if round % 2 == 0 { [false, true] } else { [true, false] } {
            let usage = once(keeps)?;
            eprintln!(
                "keeps its work: {keeps}: {:.3} s wall, {:.3} s CPU",
                usage.wall.as_secs_f64(),
                usage.cpu.as_secs_f64()
            );
            if keeps { with.push(usage) } else { without.push(usage) }
        }
    }
    println!("| {documents} documents, binary, into Parquet | wall s | CPU s | peak MiB |");
    println!("| --- | ---: | ---: | ---: |");
    let (base, kept) = (Medians::of(&without), Medians::of(&with));
    base.print("--no-resume");
    kept.print("can go on");
    println!("| ratio | {:.3} | {:.3} | {:.3} |", kept.wall / base.wall, kept.cpu / base.cpu, kept.peak / base.peak);

    println!("\n| killed after | goes on in, wall s | CPU s | of a whole run's time |");
    println!("| --- | ---: | ---: | ---: |");
    for share in [0.25, 0.5, 0.75] {
        let mut times = Vec::new();
        let mut shares = Vec::new();
        for _ in 0..runs.max(1) {
            // Beside a whole run of the same moment: machines are not as fast at all times.
            let whole = once(true)?.wall.as_secs_f64();
            let out = place()?;
            let mut child = job(jobs, &export, out.path(), true).stdin(Stdio::null()).spawn()?;
            std::thread::sleep(Duration::from_secs_f64(whole * share));
            child.kill()?;
            if child.wait()?.success() {
                eprintln!("it was done before it was killed");
                continue;
            }
            let again = measure(&mut job(jobs, &export, out.path(), true))?;
            shares.push(again.wall.as_secs_f64() / whole);
            times.push(again);
            // A run that is done keeps nothing.
            let left = fs::read_dir(out.path().join("state/runs"))?.count();
            if left > 0 {
                return Err("something is kept of a run that is done".into());
            }
        }
        let again = Medians::of(&times);
        shares.sort_by(f64::total_cmp);
        println!(
            "| {:.0} % of its time | {:.2} | {:.2} | {:.0} % |",
            share * 100.0,
            again.wall,
            again.cpu,
            100.0 * shares.get(shares.len() / 2).copied().unwrap_or(f64::NAN)
        );
    }
    Ok(())
}

/// The median of each measure by itself.
struct Medians {
    wall: f64,
    cpu: f64,
    /// MiB.
    peak: f64,
}

impl Medians {
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn of(runs: &[Usage]) -> Self {
        let median = |of: &dyn Fn(&Usage) -> f64| {
            let mut all: Vec<f64> = runs.iter().map(of).collect();
            all.sort_by(f64::total_cmp);
            all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
        };
        Self {
            wall: median(&|u| u.wall.as_secs_f64()),
            cpu: median(&|u| u.cpu.as_secs_f64()),
            peak: median(&|u| u.peak as f64 / f64::from(1 << 20)),
        }
    }

    fn print(&self, name: &str) {
        println!("| {name} | {:.3} | {:.3} | {:.0} |", self.wall, self.cpu, self.peak);
    }
}
