//! The sinks of databases, beside the best that the engine's own client does in bulk, and beside rows one by one; in one run.
//!
//! A sink gets batches that are in memory, a client a file that was written before. Everything ends with the rows durable in a table with its key.

mod engines;
mod rows;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use gristmill_record::Table;
use gristmill_sink::{Begun, Load, OnConflict, OpenOptions};

use crate::Result;
use engines::Engine;
use rows::{Form, batches, table, write};

#[derive(Debug, clap::Args)]
pub(crate) struct Servers {
    /// Rows of each load
    #[arg(long, default_value_t = 1_000_000)]
    rows: u64,
    /// Rows that are written one by one
    #[arg(long, default_value_t = 20_000)]
    single_rows: u64,
    /// Runs of each path, of which the median counts
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Engines: postgresql, mariadb, sqlite
    #[arg(long, value_delimiter = ',', default_values_t = ["postgresql".to_owned(), "mariadb".to_owned(), "sqlite".to_owned()])]
    engines: Vec<String>,
    /// Where files are made
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
    /// The program; not needed here
    #[arg(long, hide = true)]
    gristmill: Option<PathBuf>,
}

/// What is there before a path is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Start {
    /// No table.
    New,
    /// A table with its key, and no rows.
    Empty,
    /// A table with all the rows.
    Loaded,
}

impl Start {
    fn text(self) -> &'static str {
        match self {
            Self::New => "new table",
            Self::Empty => "empty table",
            Self::Loaded => "all rows are there",
        }
    }
}

/// What is measured against what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sink,
    /// The engine's own client, in bulk.
    Bulk,
    /// A statement a row, each a transaction.
    Single,
}

/// Loads rows; a client gets its file.
pub(crate) type Loading = Box<dyn Fn(&Path) -> Result<()>>;

/// A way for rows to come into a table.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) start: Start,
    /// What it reads, where it is a client.
    pub(crate) form: Option<Form>,
    /// Does it; a client gets its file.
    pub(crate) run: Loading,
}

/// What all paths load.
pub(crate) struct Rows {
    pub(crate) table: Table,
    pub(crate) batches: Vec<RecordBatch>,
}

pub(crate) fn servers(task: &Servers) -> Result<()> {
    std::fs::create_dir_all(&task.folder)?;
    let table = table()?;
    let rows = std::rc::Rc::new(Rows { batches: batches(&table, task.rows)?, table });
    let mut files = Files { task, made: BTreeMap::new() };
    println!("| engine | what is there | way | rows | s | rows / s | sink to it |");
    println!("| --- | --- | --- | ---: | ---: | ---: | ---: |");
    for name in &task.engines {
        // One at a time: a server that waits takes memory, and writes behind.
        measure(task, &engines::open(name, &rows, task.single_rows.min(task.rows))?, &mut files)?;
    }
    Ok(())
}

/// Files for clients, each made once.
struct Files<'a> {
    task: &'a Servers,
    made: BTreeMap<String, PathBuf>,
}

impl Files<'_> {
    fn of(&mut self, form: Form, rows: u64) -> Result<PathBuf> {
        let name = format!("rows-{form:?}-{rows}-of-{}", self.task.rows).to_lowercase();
        if let Some(path) = self.made.get(&name) {
            return Ok(path.clone());
        }
        // Absolute: clients run elsewhere.
        let path = std::path::absolute(self.task.folder.join(&name))?;
        write(&path, form, rows, self.task.rows)?;
        self.made.insert(name, path.clone());
        Ok(path)
    }
}

fn measure(task: &Servers, engine: &Engine, files: &mut Files<'_>) -> Result<()> {
    let rows_of = |way: &Way| if way.kind == Kind::Single { task.single_rows.min(task.rows) } else { task.rows };
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); engine.ways.len()];
    for round in 0..task.runs.max(1) {
        // In turn, and not always in the same order.
        for step in 0..engine.ways.len() {
            let at = (step + round) % engine.ways.len();
            let (Some(way), Some(times)) = (engine.ways.get(at), times.get_mut(at)) else { continue };
            let file = way.form.map(|form| files.of(form, rows_of(way))).transpose()?.unwrap_or_default();
            (engine.prepare)(way.start)?;
            let start = Instant::now();
            (way.run)(&file).map_err(|e| format!("{}, {}: {e}", engine.name, way.name))?;
            let took = start.elapsed();
            eprintln!("{}, {}, {}: {:.2} s", engine.name, way.start.text(), way.name, took.as_secs_f64());
            let there = (engine.count)()?;
            let expected = rows_of(way).to_string();
            if there != expected {
                return Err(format!("{}, {}: {there} rows are there, and not {expected}", engine.name, way.name).into());
            }
            times.push(took);
        }
    }
    report(engine, &times, rows_of);
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn report(engine: &Engine, times: &[Vec<Duration>], rows_of: impl Fn(&Way) -> u64) {
    let median = |times: &Vec<Duration>| {
        let mut sorted = times.clone();
        sorted.sort();
        sorted.get(sorted.len() / 2).copied().unwrap_or_default().as_secs_f64().max(1e-6)
    };
    let results: Vec<_> = engine.ways.iter().zip(times.iter().map(median)).collect();
    let rate = |way: &Way, seconds: f64| rows_of(way) as f64 / seconds;
    for (way, seconds) in &results {
        let sink = results.iter().find(|(other, _)| other.kind == Kind::Sink && other.start == way.start);
        let ratio = sink.filter(|_| way.kind != Kind::Sink).map(|(sink, s)| rate(sink, *s) / rate(way, *seconds));
        println!(
            "| {} | {} | {} | {} | {seconds:.2} | {:.0} | {} |",
            engine.name,
            way.start.text(),
            way.name,
            rows_of(way),
            rate(way, *seconds),
            ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}")),
        );
    }
}

/// A whole load through a sink.
pub(crate) fn load(spec: &str, rows: &Rows) -> Result<()> {
    let runtime = gristmill_sink::runtime()?;
    let mut sink = gristmill_sink::open(spec, OpenOptions::default())?;
    let digest = "0".repeat(64);
    let load = Load {
        run_id: "bench".to_owned(),
        job: digest.clone(),
        started_at: 0,
        tables: vec![rows.table.clone()],
        on_conflict: OnConflict::Keep,
        plugin: "bench@0.0.0".to_owned(),
        plugin_digest: digest,
    };
    runtime.block_on(async {
        sink.check(&load.tables).await?;
        if sink.begin(&load).await? != Begun::Ready {
            return Err("the destination says that the load is there".into());
        }
        for batch in &rows.batches {
            sink.write(0, batch.clone()).await?;
        }
        sink.commit().await?;
        Ok(())
    })
}
