//! Many small objects with latency, beside the same files on the local disk: whether the source keeps the workers busy.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use gristmill_doubles::storage::StorageDouble;
use gristmill_generator::{Layout, Spec, write_binary, write_json};

use crate::measure::{Usage, measure, median_wall};
use crate::{Result, STARTED_AT};

#[derive(Debug, clap::Args)]
pub(crate) struct Objects {
    /// Objects of each export
    #[arg(long, default_value_t = 1_000)]
    objects: u32,
    /// Documents in each of them
    #[arg(long, value_delimiter = ',', default_values_t = [1_000])]
    documents: Vec<u64>,
    /// What the double waits before it looks at a request, in milliseconds
    #[arg(long, default_value_t = 50)]
    latency: u64,
    /// Threads that read and map; 0 for one a core
    #[arg(long, value_delimiter = ',', default_values_t = [0, 1])]
    workers: Vec<u16>,
    /// Runs of each command, of which the median counts
    #[arg(long, default_value_t = 7)]
    runs: usize,
    /// Where the exports are made and kept
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
    /// The program
    #[arg(long, default_value = "target/release/gristmill")]
    gristmill: PathBuf,
}

pub(crate) fn objects(task: &Objects) -> Result<()> {
    println!("| export | objects | MiB | workers | local disk, s | with {} ms of latency, s | ratio |", task.latency);
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for documents in &task.documents {
        for (format, is_json) in [("binary", false), ("JSON", true)] {
            let folder = export(task, *documents, is_json)?;
            let double = StorageDouble::start()?;
            double.create_bucket("exports");
            double.put_folder("exports", "all/", &folder)?;
            double.set_latency(Duration::from_millis(task.latency));
            let names = double.list("exports", "");
            let bytes: usize = names.iter().filter_map(|name| double.get("exports", name)).map(|b| b.len()).sum();
            for workers in &task.workers {
                let Compared { local, distant, ratio } = compare(task, &folder, &double, *workers)?;
                println!(
                    "| {format}, {documents} documents each | {} | {} | {} | {:.2} | {:.2} | {:.2} |",
                    task.objects,
                    bytes >> 20,
                    if *workers == 0 { "one a core".to_owned() } else { workers.to_string() },
                    local.as_secs_f64(),
                    distant.as_secs_f64(),
                    ratio,
                );
            }
        }
    }
    Ok(())
}

fn export(task: &Objects, documents: u64, is_json: bool) -> Result<PathBuf> {
    let name = format!("objects-{}-{}x{documents}", if is_json { "json" } else { "binary" }, task.objects);
    let folder = task.folder.join(name);
    if !folder.exists() {
        let spec = Spec { files: task.objects, ..Spec::of(documents * u64::from(task.objects)) };
        // Half an export is none.
        let aside = folder.with_extension("making");
        let made = if is_json { write_json(&aside, Layout::Lines, &spec)? } else { write_binary(&aside, &spec)? };
        std::fs::rename(&aside, &folder)?;
        eprintln!("{} documents, {} bytes in {}", made.documents, made.bytes, folder.display());
    }
    Ok(folder)
}

/// Wall times of both, and their ratio.
struct Compared {
    local: Duration,
    distant: Duration,
    ratio: f64,
}

/// Medians of runs that take turns; of the ratio, the median of pairs of runs that came one after the other, since the speed of a machine changes over
/// minutes. A first pair does not count.
fn compare(task: &Objects, local: &Path, double: &StorageDouble, workers: u16) -> Result<Compared> {
    let (mut of_local, mut of_distant, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=task.runs.max(1) {
        // A B, then B A.
        let mut pair = [None; 2];
        let both = [(local.display().to_string(), 0), ("gs://exports/all".to_owned(), 1)];
        let order: [usize; 2] = if round % 2 == 0 { [0, 1] } else { [1, 0] };
        for (export, place) in order.iter().filter_map(|at| both.get(*at)) {
            let usage = run(task, export, double, workers)?;
            eprintln!("{export}: {:.2} s wall, {:.2} s CPU", usage.wall.as_secs_f64(), usage.cpu.as_secs_f64());
            if let Some(of_pair) = pair.get_mut(*place) {
                *of_pair = Some(usage);
            }
        }
        if let ([Some(local), Some(distant)], 1..) = (pair, round) {
            ratios.push(distant.wall.as_secs_f64() / local.wall.as_secs_f64().max(1e-6));
            of_local.push(local);
            of_distant.push(distant);
        }
    }
    ratios.sort_by(f64::total_cmp);
    let ratio = ratios.get(ratios.len() / 2).copied().unwrap_or_default();
    Ok(Compared { local: median_wall(of_local), distant: median_wall(of_distant), ratio })
}

fn run(task: &Objects, export: &str, double: &StorageDouble, workers: u16) -> Result<Usage> {
    let out = tempfile::tempdir()?;
    let mut command = Command::new(&task.gristmill);
    command.env("STORAGE_EMULATOR_HOST", double.endpoint());
    command.args(["run", export, "--to"]).arg(format!("parquet:{}", out.path().display()));
    command.args(["--started-at", STARTED_AT, "--quiet", "--dead-letters"]).arg(out.path().join("dead.jsonl"));
    if workers > 0 {
        command.args(["--workers", &workers.to_string()]);
    }
    Ok(measure(&mut command)?)
}
