//! Whole jobs, measured in one run: gristmill from both formats into Parquet, the same mapping without a sandbox, and what people
//! use instead, on the same documents. Prints Markdown; compare the ratios, since the times are those of one machine.

mod measure;
mod native;
mod objects;
mod peers;
mod resume;
mod servers;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use gristmill_generator::{Layout, Spec, write_binary, write_json};
use gristmill_pipeline::{Job, LetterBox, MaxRejected, Options, PluginIdentity, Progress};
use gristmill_plugin::{Context, Engine, Limits, Plugin, Transform};
use gristmill_sink::OnConflict;
use gristmill_source::{DiscoverOptions, discover};

use crate::measure::{Usage, measure, median};
use crate::native::Native;

// As the program itself has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The one time of every run.
const STARTED_AT: &str = "2026-01-01T00:00:00Z";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[derive(Debug, Parser)]
#[command(about = "Measures whole jobs; `cargo xtask bench` runs it")]
struct Cli {
    #[command(subcommand)]
    command: Option<Task>,
    #[command(flatten)]
    jobs: Jobs,
}

#[derive(Debug, clap::Args)]
struct Jobs {
    /// Numbers of documents
    #[arg(long, value_delimiter = ',', default_values_t = [100_000, 1_000_000])]
    documents: Vec<u64>,
    /// Runs of each command, of which the median counts
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// A folder of scripts `peer_*.py` that do the same job; those whose packages are installed are measured
    #[arg(long)]
    peers: Option<PathBuf>,
    /// Documents from which on peers are left out: their memory grows with the input
    #[arg(long, default_value_t = 1_000_000)]
    peers_up_to: u64,
    /// Where the exports are made and kept
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
    /// The program
    #[arg(long, default_value = "target/release/gristmill")]
    gristmill: PathBuf,
    /// The default plugin as a component
    #[arg(long, default_value = "target/guests/firestore-quality-stream.wasm")]
    plugin: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Make an export of quality reports
    Generate {
        /// Where it goes
        folder: PathBuf,
        /// How many
        documents: u64,
        /// `{"documents":[…]}` files in place of a binary export
        #[arg(long)]
        json: bool,
    },
    /// What it costs that a run can go on after a crash, and what it saves
    Resume {
        /// How many documents
        #[arg(long, default_value_t = 1_000_000)]
        documents: u64,
        /// Runs of each kind
        #[arg(long, default_value_t = 7)]
        runs: usize,
    },
    /// Many small objects of a bucket with latency, beside the same files on the local disk
    Objects(objects::Objects),
    /// The sinks of databases beside the clients of their engines
    Servers(servers::Servers),
    /// Run the job without a sandbox
    Native {
        /// What is read
        export: String,
        /// A folder for Parquet
        to: PathBuf,
        /// The default plugin as a component, for what it declares
        plugin: PathBuf,
    },
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    match cli.command {
        Some(Task::Generate { folder, documents, json }) => generate(&folder, documents, json),
        Some(Task::Native { export, to, plugin }) => run_native(&export, &to, &plugin),
        Some(Task::Resume { documents, runs }) => resume::run(&cli.jobs, documents, runs),
        Some(Task::Objects(task)) => objects::objects(&task),
        Some(Task::Servers(task)) => servers::servers(&task),
        None => jobs(&cli.jobs),
    }
}

fn generate(folder: &Path, documents: u64, json: bool) -> Result<()> {
    let spec =
        Spec { documents, files: u32::try_from(documents.div_ceil(50_000)).unwrap_or(u32::MAX), ..Spec::default() };
    let made = if json { write_json(folder, Layout::Documents, &spec)? } else { write_binary(folder, &spec)? };
    eprintln!("{} documents, {} bytes in {}", made.documents, made.bytes, folder.display());
    Ok(())
}

/// The job as the program runs it, with the mapping of this program in place of a component.
fn run_native(export: &str, to: &Path, plugin: &Path) -> Result<()> {
    let started_at = gristmill_record::time::parse_rfc3339(STARTED_AT.as_bytes()).unwrap_or_default();
    // The description alone is wanted: compiled once, as the program does.
    let engine = Engine::new(Some(std::env::temp_dir().join("gristmill-bench-cache")))?;
    let loaded = Plugin::load(&engine, "plugin", &fs::read(plugin)?, Limits::default())?;
    let context = Context { run_id: "native".to_owned(), started_at };
    let configured = loaded.configure(&serde_json::Map::new(), context)?;
    let config = configured.config().to_owned();
    let transform = Native {
        description: configured.description().clone(),
        config: config.clone(),
        run_id: "native".to_owned(),
        started_at,
    };
    let input = discover(export, &DiscoverOptions::default())?;
    let split_bytes = gristmill_pipeline::split_bytes(&input);
    let job = Job {
        input,
        transform: Arc::new(transform),
        plugin: PluginIdentity {
            name: "native".to_owned(),
            digest: "native".to_owned(),
            config,
            limits: Limits::default(),
        },
        validators: Vec::new(),
        run_id: "native".to_owned(),
        known_as: "native".to_owned(),
        started_at,
        replayed: None,
        options: Options {
            workers: std::thread::available_parallelism()?.get(),
            batch_rows: 4096,
            memory: 128 << 20,
            gates: Vec::new(),
            verify: 0.0,
            max_rejected: MaxRejected::Unlimited,
            on_conflict: OnConflict::Keep,
            dead_letters: LetterBox::File(to.join("dead.jsonl")),
            work_dir: std::env::temp_dir(),
            redact: None,
            dead_letters_max: None,
            max_document: 32 << 20,
            split_bytes,
            keeps: gristmill_pipeline::output::Keeps::default(),
        },
    };
    let mut sink = gristmill_sink::open(&format!("parquet:{}", to.display()), gristmill_sink::OpenOptions::default())?;
    let finished = gristmill_pipeline::run(&job, sink.as_mut(), &Progress::default(), None)?;
    eprintln!("{} records", finished.ledger.records.read);
    Ok(())
}

/// One command to measure.
struct Contender {
    name: String,
    command: Box<dyn Fn(&Path) -> Command>,
    usages: Vec<Usage>,
}

impl Contender {
    fn new(name: &str, command: impl Fn(&Path) -> Command + 'static) -> Self {
        Self { name: name.to_owned(), command: Box::new(command), usages: Vec::new() }
    }
}

fn jobs(jobs: &Jobs) -> Result<()> {
    println!("| documents | job | wall s | CPU s | documents / CPU s | peak MiB | to reference |");
    println!("| ---: | --- | ---: | ---: | ---: | ---: | ---: |");
    for documents in &jobs.documents {
        let binary = jobs.folder.join(format!("binary-{documents}"));
        let json = jobs.folder.join(format!("json-{documents}"));
        for (folder, is_json) in [(&binary, false), (&json, true)] {
            if !folder.exists() {
                generate(folder, *documents, is_json)?;
            }
        }
        let mut contenders = Vec::new();
        for (format, folder) in [("binary", binary), ("JSON", json.clone())] {
            contenders.push(gristmill(jobs, format, folder.clone()));
            contenders.push(without_sandbox(jobs, format, folder)?);
        }
        if let Some(scripts) = jobs.peers.as_ref().filter(|_| *documents <= jobs.peers_up_to) {
            contenders.extend(peers::installed(scripts).into_iter().map(|peer| {
                let json = json.clone();
                Contender::new(&peer.name.clone(), move |out| peer.command(&json, out))
            }));
        }
        let order: Vec<String> = contenders.iter().map(|c| c.name.clone()).collect();
        measure_in_turn(&mut contenders, jobs.runs)?;
        contenders.sort_by_key(|c| order.iter().position(|name| *name == c.name));
        report(*documents, contenders);
    }
    Ok(())
}

fn gristmill(jobs: &Jobs, format: &str, export: PathBuf) -> Contender {
    let program = jobs.gristmill.clone();
    Contender::new(&format!("gristmill, {format}"), move |out| {
        let mut command = Command::new(&program);
        command.arg("run").arg(&export).arg("--to").arg(format!("parquet:{}", out.display()));
        command
            .args(["--started-at", STARTED_AT, "--quiet", "--no-resume", "--dead-letters"])
            .arg(out.join("dead.jsonl"));
        command
    })
}

fn without_sandbox(jobs: &Jobs, format: &str, export: PathBuf) -> Result<Contender> {
    let (program, plugin) = (std::env::current_exe()?, jobs.plugin.clone());
    Ok(Contender::new(&format!("without a sandbox, {format}"), move |out| {
        let mut command = Command::new(&program);
        command.arg("native").arg(&export).arg(out).arg(&plugin);
        command
    }))
}

/// Runs the commands in turn, A B C, then B C A, so that a slow moment of the machine, and what the one before left behind, fall on all.
/// A first run of each that is no peer is not counted: it finds the files on disk, the others in the cache. Slow peers run once.
fn measure_in_turn(contenders: &mut [Contender], runs: usize) -> Result<()> {
    for contender in contenders.iter().filter(|c| !c.name.starts_with("peer")) {
        let out = tempfile::tempdir()?;
        measure(&mut (contender.command)(out.path()))?;
    }
    for round in 0..runs.max(1) {
        if round > 0 {
            contenders.rotate_left(1);
        }
        for contender in contenders.iter_mut() {
            let is_slow = contender.usages.iter().any(|u| u.cpu.as_secs() > 30);
            if round > 0 && is_slow && contender.name.starts_with("peer") {
                continue;
            }
            let out = tempfile::tempdir()?;
            let usage = measure(&mut (contender.command)(out.path()))?;
            eprintln!(
                "{}: {:.2} s wall, {:.2} s CPU",
                contender.name,
                usage.wall.as_secs_f64(),
                usage.cpu.as_secs_f64()
            );
            contender.usages.push(usage);
        }
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn report(documents: u64, contenders: Vec<Contender>) {
    let rate = |u: &Usage| documents as f64 / u.cpu.as_secs_f64().max(1e-6);
    let medians: Vec<(String, Usage)> =
        contenders.into_iter().filter_map(|c| Some((c.name, median(c.usages)?))).collect();
    let reference = medians.iter().find(|(name, _)| name == peers::REFERENCE).map(|(_, u)| rate(u));
    for (name, usage) in &medians {
        println!(
            "| {documents} | {name} | {:.2} | {:.2} | {:.0} | {:.0} | {} |",
            usage.wall.as_secs_f64(),
            usage.cpu.as_secs_f64(),
            rate(usage),
            usage.peak as f64 / f64::from(1 << 20),
            reference.map_or_else(String::new, |r| format!("{:.1}", rate(usage) / r)),
        );
    }
}
