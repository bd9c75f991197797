//! A run, from top to bottom: prepare, map, prove, reduce, gate, load, commit.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use gristmill_decode::Projection;
use gristmill_plugin::Severity;
use gristmill_record::arrow::table_schema;
use gristmill_record::{Refusal, Stage};
use gristmill_sink::{Begun, Load, Sink, TableCount};
use gristmill_source::{Compression, FileCount, Proof, Split};
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;

use crate::dead::{Content, DeadLetters, Postmark};
use crate::dedup::{Collision, Resolved, Survivors, resolve};
use crate::error::RunError;
use crate::job::Job;
use crate::keys::KeyIndex;
use crate::ledger::{Ledger, Records, Rows, Rule, count_code};
use crate::load::load_table;
use crate::map::{Map, SplitTally, TableStore};
use crate::memory::Budget;
use crate::progress::{Phase, Progress};
use crate::reading::SplitReader;
use crate::rows::{RowStore, lock};
use crate::verdicts::{RuleCounts, count_rule};

/// Input bytes that a worker takes on at a time: the unit of work where the format allows cutting a file.
pub(crate) const SPLIT_BYTES: u64 = 32 << 20;
/// Fewer bytes than any row's document takes in any format: for guessing how many rows there will be at most.
const LEAST_DOCUMENT_BYTES: u64 = 100;
/// Code of a key that belongs to another document.
const COLLISION: &str = "dedup.collision";

/// What a run did.
#[derive(Debug)]
pub struct Finished {
    /// The account.
    pub ledger: Ledger,
    /// What was proved of each binary export.
    pub proofs: Vec<Proof>,
    /// Values of types that only Datastore mode writes, read as plain values.
    pub legacy_values: u64,
    /// Where the dead letters are, where there are any.
    pub dead_letters: Option<PathBuf>,
    /// Bytes written to the work folder because memory was full.
    pub spilled: u64,
    /// Whether the destination said that it holds this very load.
    pub already_loaded: bool,
}

/// Runs a job into a sink. Whatever the error, nothing of the load is visible in the destination; rows on stdout, which cannot be taken
/// back, are the exception.
pub fn run(job: &Job, sink: &mut dyn Sink, progress: &Progress) -> Result<Finished, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|e| RunError::work(std::path::Path::new("(async runtime)"), e))?;
    let description = job.transform.description();
    progress.enter(Phase::Prepare);
    runtime.block_on(sink.check(description.tables()))?;
    DeadLetters::check(&job.options.dead_letters)?;
    std::fs::create_dir_all(&job.options.work_dir).map_err(|e| RunError::work(&job.options.work_dir, e))?;
    let folder = tempfile::Builder::new()
        .prefix("gristmill-")
        .tempdir_in(&job.options.work_dir)
        .map_err(|e| RunError::work(&job.options.work_dir, e))?;
    let splits = job.input.splits(SPLIT_BYTES);
    let input_bytes: u64 = job.input.bytes();
    let documents_at_most =
        job.input.files.iter().map(|f| f.size * expansion(f.compression)).sum::<u64>() / LEAST_DOCUMENT_BYTES;
    progress.bytes_total.store(input_bytes, Ordering::Relaxed);
    // Rows and keys have budgets of their own, so that rows that fill theirs do not drive keys to disk piece by piece.
    let (row_budget, key_budget) = (Budget::new(job.options.memory / 4 * 3), Budget::new(job.options.memory / 4));
    let partition_bytes = job.options.memory / 16 / job.options.workers.max(1) as u64;
    let mut tables: Vec<TableStore> = (description.tables().iter().enumerate())
        .map(|(i, table)| TableStore {
            rows: RowStore::new(table_schema(table), i, splits.len(), folder.path()),
            keys: (!table.key().is_empty())
                .then(|| KeyIndex::new(i, folder.path(), documents_at_most, partition_bytes)),
        })
        .collect();
    let postmark = Postmark {
        run_id: job.run_id.clone(),
        plugin: job.plugin.name.clone(),
        plugin_digest: job.plugin.digest.clone(),
        config_digest: gristmill_plugin::digest(job.plugin.config.as_bytes()),
        validators: job.validators.iter().map(|v| (v.name().to_owned(), v.digest().to_owned())).collect(),
    };
    let letters = DeadLetters::new(postmark, folder.path(), splits.len());
    // No output depends on the seed: it only keeps anyone from preparing keys whose hashes agree.
    let seed = RandomState::new().hash_one(&job.run_id);
    let projection = Arc::new(Projection::new(description, seed));

    progress.enter(Phase::Map);
    let map = Map {
        job,
        splits: &splits,
        projection,
        tables: &tables,
        letters: &letters,
        row_budget: &row_budget,
        key_budget: &key_budget,
        progress,
        limits: sink.limits(),
        seed,
    };
    let tallies = map.run()?;
    let mut ledger = account(job, &tallies)?;
    let proofs = job.input.prove(&file_counts(job, &splits, &tallies))?;

    progress.enter(Phase::Dedup);
    let mut survivors = Vec::with_capacity(tables.len());
    let mut collisions = Vec::new();
    for (index, (store, table)) in tables.iter_mut().zip(description.tables()).enumerate() {
        let rows_of_splits = store.rows.rows_of_splits();
        let invalid: u64 = tallies.iter().filter_map(|t| t.invalid.get(index)).sum();
        let made = rows_of_splits.iter().sum::<u64>() + invalid;
        let stay = Survivors::all(rows_of_splits);
        // Taken, so that their memory is free for the load.
        let resolved = match store.keys.take() {
            Some(keys) => reduce(&keys, &stay, job.options.workers)?,
            None => Resolved::default(),
        };
        let collision = resolved.collisions.len() as u64;
        ledger.rows.push(Rows {
            table: table.name().to_owned(),
            made,
            invalid,
            duplicate: resolved.duplicates,
            collision,
            ..Rows::default()
        });
        collisions.extend(resolved.collisions.into_iter().map(|c| (index, c)));
        survivors.push(stay);
    }
    if !collisions.is_empty() {
        *ledger.refusals.entry(COLLISION.to_owned()).or_default() += collisions.len() as u64;
        write_collisions(job, &splits, &letters, collisions)?;
    }
    ledger.balance_records()?;
    let has_letters = letters.publish(&job.options.dead_letters)?;
    if let Some(what) = job.options.max_rejected.exceeded(&ledger) {
        let dead_letters = has_letters.then(|| job.options.dead_letters.clone());
        return Err(RunError::Gate { what, dead_letters, ledger: Box::new(ledger) });
    }
    if let Some(what) = job.options.gates.iter().find_map(|gate| gate.exceeded(&ledger)) {
        let dead_letters = has_letters.then(|| job.options.dead_letters.clone());
        return Err(RunError::Gate { what, dead_letters, ledger: Box::new(ledger) });
    }
    if progress.is_cancelled() {
        return Err(RunError::Cancelled);
    }

    progress.enter(Phase::Load);
    let load = Load {
        run_id: job.run_id.clone(),
        job: job_digest(job, &splits, &tallies),
        started_at: job.started_at,
        tables: description.tables().to_vec(),
        on_conflict: job.options.on_conflict,
        plugin: job.plugin.name.clone(),
        plugin_digest: job.plugin.digest.clone(),
    };
    let to_load: u64 = ledger.rows.iter().map(|r| r.made - r.invalid - r.duplicate - r.collision).sum();
    progress.rows_to_load.store(to_load, Ordering::Relaxed);
    let (counts, already_loaded) = match runtime.block_on(sink.begin(&load))? {
        Begun::AlreadyLoaded(counts) => (counts, true),
        Begun::Ready => match write_and_commit(&runtime, sink, &tables, &survivors, &splits, progress) {
            Ok(counts) => (counts, false),
            Err(error) => {
                // The error that broke the load matters more than one that follows from it.
                if let Err(abort) = runtime.block_on(sink.abort()) {
                    tracing::warn!(error = %abort, "the load could not be rolled back");
                }
                return Err(error);
            }
        },
    };
    for (rows, count) in ledger.rows.iter_mut().zip(counts) {
        rows.inserted = count.inserted;
        rows.updated = count.updated;
        rows.already = count.already;
    }
    ledger.balance()?;
    Ok(Finished {
        ledger,
        proofs,
        legacy_values: tallies.iter().map(|t| t.legacy_values).sum(),
        dead_letters: has_letters.then(|| job.options.dead_letters.clone()),
        spilled: progress.spilled.load(Ordering::Relaxed),
        already_loaded,
    })
}

fn write_and_commit(
    runtime: &Runtime,
    sink: &mut dyn Sink,
    tables: &[TableStore],
    survivors: &[Survivors],
    splits: &[Split],
    progress: &Progress,
) -> Result<Vec<TableCount>, RunError> {
    for (index, (store, stay)) in tables.iter().zip(survivors).enumerate() {
        load_table(runtime, sink, index, &store.rows, stay, splits.len(), progress)?;
    }
    progress.enter(Phase::Commit);
    Ok(runtime.block_on(sink.commit())?)
}

/// How many times as large a file may become when it is unpacked, for a guess: reports of one kind pack well.
fn expansion(compression: Compression) -> u64 {
    match compression {
        Compression::None => 1,
        Compression::Gzip | Compression::Zstd => 20,
    }
}

fn account(job: &Job, tallies: &[SplitTally]) -> Result<Ledger, RunError> {
    let mut records = Records::default();
    let mut refusals: BTreeMap<String, u64> = BTreeMap::new();
    let mut broken = RuleCounts::new();
    for tally in tallies {
        records.add(&tally.records);
        for (code, count) in &tally.refusals {
            count_code(&mut refusals, code, *count);
        }
        for ((validator, rule, severity), rows) in &tally.rules {
            if !count_rule(&mut broken, *validator, rule, *severity, *rows) {
                let name = job.validators.get(*validator).map(|v| v.name().to_owned());
                return Err(RunError::TooManyRules { validator: name.unwrap_or_default() });
            }
        }
    }
    let rules = broken.into_iter().map(|((validator, rule, severity), rows)| Rule {
        validator: job.validators.get(validator).map(|v| v.name().to_owned()).unwrap_or_default(),
        rule,
        severity: match severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        },
        rows,
    });
    Ok(Ledger { records, rows: Vec::new(), refusals, rules: rules.collect() })
}

fn file_counts(job: &Job, splits: &[Split], tallies: &[SplitTally]) -> Vec<FileCount> {
    let mut counts = vec![FileCount::default(); job.input.files.len()];
    for (split, tally) in splits.iter().zip(tallies) {
        if let Some(count) = counts.get_mut(split.file as usize) {
            count.documents += tally.count.documents;
            count.payload_bytes += tally.count.payload_bytes;
        }
    }
    counts
}

/// Names what a load is made of, whenever it is run: the content of the input, the plugin, its configuration, and what else can
/// change which rows there are: the ceilings, and this program.
fn job_digest(job: &Job, splits: &[Split], tallies: &[SplitTally]) -> String {
    let mut hash = Sha256::new();
    for (split, tally) in splits.iter().zip(tallies) {
        hash.update(split.start.to_le_bytes());
        hash.update(tally.content.to_le_bytes());
    }
    let ceilings = format!("{:?} {}", job.plugin.limits, job.options.max_document);
    let validators = job.validators.iter().flat_map(|v| [v.digest(), v.config()]);
    for part in
        [&job.plugin.digest, &job.plugin.config, &ceilings, env!("CARGO_PKG_VERSION")].into_iter().chain(validators)
    {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    // What judges by the time of the run may judge otherwise at another.
    if job.validators.iter().any(|v| v.is_timed()) {
        hash.update(job.started_at.to_le_bytes());
    }
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

/// Resolves every partition of an index, several at a time.
fn reduce(keys: &KeyIndex, stay: &Survivors, workers: usize) -> Result<Resolved, RunError> {
    let next = AtomicUsize::new(0);
    let total: Mutex<Result<Resolved, RunError>> = Mutex::new(Ok(Resolved::default()));
    std::thread::scope(|scope| {
        for _ in 0..workers.clamp(1, keys.partitions()) {
            scope.spawn(|| {
                loop {
                    let partition = next.fetch_add(1, Ordering::Relaxed);
                    if partition >= keys.partitions() || lock(&total).is_err() {
                        break;
                    }
                    let resolved = keys.entries(partition).map(|entries| resolve(&entries, |row| stay.drop_row(row)));
                    let mut total = lock(&total);
                    match (&mut *total, resolved) {
                        (Ok(sum), Ok(one)) => {
                            sum.duplicates += one.duplicates;
                            sum.collisions.extend(one.collisions);
                        }
                        (slot, Err(error)) => *slot = Err(error),
                        (Err(_), Ok(_)) => {}
                    }
                }
            });
        }
    });
    total.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Writes the dead letters of collisions, in input order. Their documents are read again: a collision is rare, and known only now.
fn write_collisions(
    job: &Job,
    splits: &[Split],
    letters: &DeadLetters,
    mut collisions: Vec<(usize, Collision)>,
) -> Result<(), RunError> {
    // By document within a split: rows are numbered by table, and documents are read forwards.
    collisions.sort_by_key(|(table, c)| (c.loser.split, c.loser_offset, *table, c.loser.row));
    let file_of = |split: u32| {
        splits
            .get(split as usize)
            .and_then(|s| job.input.files.get(s.file as usize))
            .ok_or_else(|| RunError::Bug("a row came from a split that does not exist".into()))
    };
    let tables = job.transform.description().tables();
    // The projection of the map: what it took, it takes again.
    let projection = Arc::new(Projection::new(job.transform.description(), 0));
    let mut part = letters.part(splits.len());
    for group in collisions.chunk_by(|a, b| a.1.loser.split == b.1.loser.split) {
        let Some(index) = group.first().map(|(_, c)| c.loser.split) else { continue };
        let Some(split) = splits.get(index as usize) else { continue };
        let file = file_of(index)?;
        let mut documents = Documents::open(job, split, &projection)?;
        for (table, collision) in group {
            let owner = file_of(collision.owner.split)?;
            let name = tables.get(*table).map(gristmill_record::Table::name).unwrap_or_default();
            let refusal = Refusal {
                stage: Stage::Dedup,
                code: COLLISION.to_owned(),
                field: None,
                message: format!(
                    "its key in table {name} is that of another document, which comes first: the one at {}, offset {}; \
                     give them different keys",
                    owner.name, collision.owner_offset
                ),
            };
            let document = documents.at(collision.loser_offset)?;
            part.write(&file.name, collision.loser_offset, &refusal, None, &Content::Document(document))?;
        }
    }
    letters.keep(splits.len(), part)
}

/// Reads documents of a split again, at ascending offsets.
struct Documents<'a> {
    reader: SplitReader<'a>,
    offset: Option<u64>,
    document: Vec<u8>,
}

impl<'a> Documents<'a> {
    fn open(job: &'a Job, split: &Split, projection: &Arc<Projection>) -> Result<Self, RunError> {
        let reader = SplitReader::open(&job.input, split, projection, job.options.max_document)?;
        Ok(Self { reader, offset: None, document: Vec::new() })
    }

    /// The document that begins at `offset`, in the form of the REST API.
    fn at(&mut self, offset: u64) -> Result<&[u8], RunError> {
        while self.offset != Some(offset) {
            let batch = self.reader.next(1, |_| Ok(()))?;
            let batch = batch.ok_or_else(|| RunError::Changed { file: self.reader.file.name.clone(), offset })?;
            if let Some(found) = batch.offsets.first() {
                self.offset = Some(*found);
                self.document.clear();
                self.reader.write_document(0, &mut self.document)?;
            }
        }
        Ok(&self.document)
    }
}
