//! A run, from top to bottom: prepare, map, prove, reduce, gate, load, commit.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use gristmill_decode::Projection;
use gristmill_plugin::Severity;
use gristmill_record::Table;
use gristmill_record::arrow::table_schema;
use gristmill_sink::{Begun, Load, Sink, TableCount};
use gristmill_source::{Ahead, Compression, FileCount, Input, Proof, Split};
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;

use crate::dead::{DeadLetters, Postmark};
use crate::dedup::{Repeat, Resolved, Survivors, repeats, resolve};
use crate::error::RunError;
use crate::files::RowFiles;
use crate::job::Job;
use crate::kept::Keep;
use crate::keys::{Entry, KeyIndex};
use crate::late::{Late, Why, file_of, write_late};
use crate::ledger::{Ledger, Records, Rows, Rule, count_code};
use crate::letterbox::LetterBox;
use crate::load::{Staying, load_table};
use crate::map::{Map, SplitTally, TableStore, UniqueStore};
use crate::memory::Budget;
use crate::origins::Replayed;
use crate::output::{Keeps, Observer, TableOutput};
use crate::progress::{Phase, Progress};
use crate::rows::{RowStore, lock};
use crate::verdicts::{RuleCounts, count_rule};

/// Parts into which input is cut where nothing else is said: a crash then costs little of a run, and none of them is small enough to cost anything itself.
const SPLITS: u64 = 64;
/// The smallest of them, in bytes.
const LEAST_SPLIT_BYTES: u64 = 4 << 20;
/// The largest of them, in bytes, and any where nothing of a split is kept.
pub(crate) const SPLIT_BYTES: u64 = 32 << 20;
/// Bytes of a partition of keys at most, of documents as small as they can be: so that the hash table of one lies in a processor's own cache.
const PARTITION_BYTES: u64 = 1 << 20;
/// Fewer bytes than any row's document takes in any format: for guessing how many rows there will be at most.
const LEAST_DOCUMENT_BYTES: u64 = 100;

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
    pub dead_letters: Option<LetterBox>,
    /// How many of them have no room there, and were counted only.
    pub letters_left_out: u64,
    /// Bytes written to the work folder because memory was full.
    pub spilled: u64,
    /// Whether the destination said that it holds this very load.
    pub already_loaded: bool,
    /// What is kept of the rows that the run put out, by table.
    pub outputs: Vec<TableOutput>,
}

/// Runs a job into a sink. Whatever the error, nothing of the load is visible in the destination; rows on stdout, which cannot be taken
/// back, are the exception.
///
/// Where its work is kept, a run that ends early can be run again from where it was.
pub fn run(job: &Job, sink: &mut dyn Sink, progress: &Progress, keep: Option<&Keep>) -> Result<Finished, RunError> {
    let runtime = gristmill_sink::runtime().map_err(|e| RunError::work(std::path::Path::new("(async runtime)"), e))?;
    let description = job.transform.description();
    progress.enter(Phase::Prepare);
    runtime.block_on(sink.check(description.tables()))?;
    let letter_box = job.options.dead_letters.open()?;
    std::fs::create_dir_all(&job.options.work_dir).map_err(|e| RunError::work(&job.options.work_dir, e))?;
    let folder = tempfile::Builder::new()
        .prefix("gristmill-")
        .tempdir_in(&job.options.work_dir)
        .map_err(|e| RunError::work(&job.options.work_dir, e))?;
    let splits = job.input.splits(job.options.split_bytes)?;
    let finished = match keep {
        Some(keep) => keep.take_up(job, splits.len())?,
        None => splits.iter().map(|_| None).collect(),
    };
    progress.splits.store(splits.len() as u64, Ordering::Relaxed);
    let kept_in = keep.map_or(folder.path(), |keep| keep.folder.as_path());
    let files = RowFiles::new(kept_in.to_owned());
    let input_bytes: u64 = job.input.bytes();
    let documents_at_most =
        job.input.files.iter().map(|f| f.size * expansion(f.compression)).sum::<u64>() / LEAST_DOCUMENT_BYTES;
    progress.bytes_total.store(input_bytes, Ordering::Relaxed);
    // Rows and keys have budgets of their own, so that rows that fill theirs do not drive keys to disk piece by piece.
    let (row_budget, key_budget) = (Budget::new(job.options.memory / 4 * 3), Budget::new(job.options.memory / 4));
    let partition_bytes = (job.options.memory / 16 / job.options.workers.max(1) as u64).min(PARTITION_BYTES);
    let index = |name: &str| KeyIndex::new(name, folder.path(), documents_at_most, partition_bytes);
    let mut tables: Vec<TableStore> = (description.tables().iter().enumerate())
        .map(|(i, table)| TableStore {
            rows: RowStore::new(table_schema(table), splits.len(), keep.is_some()),
            keys: (!table.key().is_empty()).then(|| index(&i.to_string())),
            uniques: uniques_of(job, i, &index),
        })
        .collect();
    let postmark = Postmark {
        run_id: job.run_id.clone(),
        plugin: job.plugin.name.clone(),
        plugin_digest: job.plugin.digest.clone(),
        config_digest: gristmill_plugin::digest(job.plugin.config.as_bytes()),
        validators: job.validators.iter().map(|v| (v.name().to_owned(), v.digest().to_owned())).collect(),
        redact: job.options.redact.clone(),
        origins: match &job.replayed {
            Some(Replayed::Letters(origins)) => Some(Arc::clone(origins)),
            _ => None,
        },
        max: job.options.dead_letters_max,
    };
    let letters = DeadLetters::new(postmark, kept_in, splits.len());
    // No output depends on the seed: it only keeps anyone from preparing keys whose hashes agree. What is kept holds hashes made with it.
    let seed = keep.map_or_else(|| new_seed(&job.run_id), |keep| lock(&keep.record).seed);
    let seed = seed.cast_unsigned();
    let projection = Arc::new(Projection::new(description, seed));

    progress.enter(Phase::Map);
    let map = Map {
        keep,
        finished: finished.into_iter().map(Mutex::new).collect(),
        files: &files,
        job,
        splits: &splits,
        ahead: Ahead::new(&job.input, &splits),
        projection,
        tables: &tables,
        letters: &letters,
        row_budget: &row_budget,
        key_budget: &key_budget,
        progress,
        limits: sink.limits(),
        seed,
    };
    let tallies = map.run().inspect_err(|error| {
        // Who interrupts a run may be about to turn the machine off.
        if matches!(error, RunError::Cancelled)
            && keep.is_some()
            && let Err(error) = files.sync().and_then(|()| letters.sync())
        {
            tracing::warn!("what the run has done may not survive a failure of power: {error}");
        }
    })?;
    map.ahead.verify()?;
    let (mut ledger, mut broken) = account(job, &tallies)?;
    let proofs = job.input.prove(&file_counts(job, &splits, &tallies))?;

    progress.enter(Phase::Dedup);
    let reduce = Reduce { workers: job.options.workers, progress };
    let mut survivors = Vec::with_capacity(tables.len());
    let (mut late, mut uniques) = (Vec::new(), Vec::new());
    for (index, (store, table)) in tables.iter_mut().zip(description.tables()).enumerate() {
        let rows_of_splits = store.rows.rows_of_splits();
        let invalid: u64 = tallies.iter().filter_map(|t| t.invalid.get(index)).sum();
        let made = rows_of_splits.iter().sum::<u64>() + invalid;
        let stay = Survivors::all(rows_of_splits);
        // Taken, so that their memory is free for the load.
        let keys = store.keys.take();
        let resolved = match &keys {
            Some(keys) => {
                let one = |entries: Vec<Entry>| resolve(&entries, |row| stay.drop_row(row));
                reduce.all(keys, one, Resolved::join)?
            }
            None => Resolved::default(),
        };
        // Each rule over all rows that dedup leaves, so that none depends on the others.
        let mut repeated: Vec<(u32, Repeat)> = Vec::new();
        for unique in std::mem::take(&mut store.uniques) {
            let rule = u32::try_from(uniques.len()).map_err(|_| RunError::Bug("more than 2^32 rules".into()))?;
            find_repeats(job, &reduce, &unique, rule, &stay, &mut broken, &mut repeated)?;
            // Not its index, whose memory is free for the load.
            uniques.push((unique.validator, unique.rule));
        }
        // By the first rule of the first validator: a row is refused once.
        repeated.sort_unstable_by_key(|(rule, repeat)| (repeat.row, *rule));
        repeated.dedup_by_key(|(_, repeat)| repeat.row);
        repeated.iter().for_each(|(_, repeat)| stay.drop_row(repeat.row));
        let elsewhere = match (&job.replayed, &keys) {
            (Some(Replayed::Places(places)), Some(keys)) => {
                let one = |entries: Vec<Entry>| drop_others(job, &splits, places, &entries, &stay);
                reduce.all(keys, one, |sum: &mut u64, more| *sum += more)?
            }
            _ => 0,
        };
        drop(keys);
        ledger.rows.push(Rows {
            table: table.name().to_owned(),
            made,
            invalid: invalid + repeated.len() as u64,
            duplicate: resolved.duplicates,
            collision: resolved.collisions.len() as u64,
            elsewhere,
            ..Rows::default()
        });
        let repeats = repeated.into_iter().map(|(rule, repeat)| Why::Repeat(rule, repeat));
        let whys = repeats.chain(resolved.collisions.into_iter().map(Why::Collision));
        late.extend(whys.map(|why| Late { table: index, why }));
        survivors.push(stay);
    }
    ledger.rules = rules(job, broken, &ledger.rows);
    if !late.is_empty() {
        late.iter().for_each(|letter| count_code(&mut ledger.refusals, letter.why.code(&uniques), 1));
        write_late(job, &splits, &letters, &uniques, late, progress)?;
    }
    ledger.balance_records()?;
    let letters_left_out = letters.publish(&letter_box, ledger.dead_letters())?;
    let has_letters = letters_left_out.is_some();
    if let Some(mut what) = job.options.max_rejected.exceeded(&ledger) {
        if ledger.all_refused().is_some() {
            what.push_str(&first_refused(job, &splits, &tallies));
        }
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
    let to_load: u64 = ledger.rows.iter().map(|r| r.made - r.invalid - r.duplicate - r.collision - r.elsewhere).sum();
    progress.rows_to_load.store(to_load, Ordering::Relaxed);
    // The keys are gone, and each row goes from the store to the sink.
    sink.set_resources(job.options.memory, job.options.workers);
    // A process before this one may have died between the commit and the last word of it.
    let committed = match keep {
        Some(keep) if keep.resumed && keep.is_unique => runtime.block_on(sink.loaded(&load))?,
        _ => None,
    };
    let begun = match committed {
        Some(counts) => Err(counts),
        None => Ok(runtime.block_on(sink.begin(&load))?),
    };
    let staying: Vec<Staying<'_>> = (tables.iter().zip(&survivors))
        .map(|(store, stay)| Staying { rows: &store.rows, stay, splits: splits.len() })
        .collect();
    let observer = |table: &Table| Observer::new(table, &job.known_as, job.started_at, job.options.keeps);
    let mut observers: Vec<Observer> = description.tables().iter().map(observer).collect();
    if !matches!(begun, Ok(Begun::Ready)) && job.options.keeps != Keeps::default() {
        staying.iter().zip(&mut observers).try_for_each(|(rows, observer)| rows.look(observer))?;
    }
    let (counts, already_loaded) = match begun {
        Err(counts) => (counts, false),
        Ok(Begun::AlreadyLoaded(counts)) => (counts, true),
        Ok(Begun::Ready) => match write_and_commit(&runtime, sink, &staying, &mut observers, progress) {
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
        letters_left_out: letters_left_out.unwrap_or_default(),
        spilled: progress.spilled.load(Ordering::Relaxed),
        already_loaded,
        outputs: observers.into_iter().map(Observer::finish).collect(),
    })
}

/// Input bytes that a worker takes on at a time where nothing else is said. They depend on the input alone, as a run that goes on needs it.
pub fn split_bytes(input: &Input) -> u64 {
    (input.bytes() / SPLITS).clamp(LEAST_SPLIT_BYTES, SPLIT_BYTES)
}

/// A seed for the hashes of a run: 63 bits, as databases have numbers.
pub fn new_seed(run_id: &str) -> i64 {
    (RandomState::new().hash_one(run_id) >> 1).cast_signed()
}

fn write_and_commit(
    runtime: &Runtime,
    sink: &mut dyn Sink,
    rows: &[Staying<'_>],
    observers: &mut [Observer],
    progress: &Progress,
) -> Result<Vec<TableCount>, RunError> {
    for (index, (rows, observer)) in rows.iter().zip(observers).enumerate() {
        load_table(runtime, sink, index, rows, observer, progress)?;
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

/// What validators want to be unique in a table, with an index for each.
fn uniques_of(job: &Job, table: usize, index: &impl Fn(&str) -> KeyIndex) -> Vec<UniqueStore> {
    let all = job.validators.iter().enumerate().flat_map(|(i, v)| v.uniques().iter().map(move |rule| (i, rule)));
    let mut of_table: Vec<_> = all.filter(|(_, rule)| rule.table == table).collect();
    // In the order in which a row is refused by one of them.
    of_table.sort_by(|a, b| (a.0, &a.1.rule).cmp(&(b.0, &b.1.rule)));
    let numbered = of_table.into_iter().enumerate();
    numbered
        .map(|(number, (validator, rule))| UniqueStore {
            validator,
            rule: rule.clone(),
            keys: index(&format!("{table}-unique-{number}")),
        })
        .collect()
}

fn account(job: &Job, tallies: &[SplitTally]) -> Result<(Ledger, RuleCounts), RunError> {
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
                return Err(too_many_rules(job, *validator));
            }
        }
    }
    Ok((Ledger { records, rows: Vec::new(), refusals, rules: Vec::new() }, broken))
}

fn too_many_rules(job: &Job, validator: usize) -> RunError {
    let name = job.validators.get(validator).map(|v| v.name().to_owned());
    RunError::TooManyRules { validator: name.unwrap_or_default() }
}

/// The account of rules that were broken.
fn rules(job: &Job, broken: RuleCounts, made: &[Rows]) -> Vec<Rule> {
    let rules = broken.into_iter().map(|((validator, rule, severity), rows)| Rule {
        validator: job.validators.get(validator).map(|v| v.name().to_owned()).unwrap_or_default(),
        of: made
            .iter()
            .enumerate()
            .filter(|(table, _)| job.validators.get(validator).is_some_and(|v| v.is_about(&rule, *table)))
            .map(|(_, rows)| rows.made)
            .sum(),
        rule,
        severity: match severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        },
        rows,
    });
    rules.collect()
}

/// The first dead letter of the map, for a message: what all records have in common shows in it.
fn first_refused(job: &Job, splits: &[Split], tallies: &[SplitTally]) -> String {
    let found = splits.iter().zip(tallies).find_map(|(split, tally)| Some((split, tally.first_refused.as_ref()?)));
    match found.map(|(split, first)| (job.input.files.get(split.file as usize), first)) {
        Some((Some(file), (offset, code))) => {
            let (file, offset) = job.place(file, *offset);
            format!("; the first with `{code}`, in {file} at offset {offset}")
        }
        _ => String::new(),
    }
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
    // A part of what the same job would load at first.
    if let Some(Replayed::Places(places)) = &job.replayed {
        for (file, offsets) in places.iter().collect::<BTreeMap<_, _>>() {
            hash.update((file.len() as u64).to_le_bytes());
            hash.update(file);
            let offsets: std::collections::BTreeSet<u64> = offsets.iter().copied().collect();
            hash.update((offsets.len() as u64).to_le_bytes());
            offsets.iter().for_each(|offset| hash.update(offset.to_le_bytes()));
        }
    }
    // What judges by the time of the run may judge otherwise at another.
    if job.validators.iter().any(|v| v.is_timed()) {
        hash.update(job.started_at.to_le_bytes());
    }
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

/// Goes through the partitions of an index.
struct Reduce<'a> {
    workers: usize,
    progress: &'a Progress,
}

impl Reduce<'_> {
    /// What `one` makes of every partition, several at a time, joined by `join`.
    fn all<T: Default + Send>(
        &self,
        keys: &KeyIndex,
        one: impl Fn(Vec<Entry>) -> T + Sync,
        join: impl Fn(&mut T, T) + Sync,
    ) -> Result<T, RunError> {
        let next = AtomicUsize::new(0);
        let total: Mutex<Result<T, RunError>> = Mutex::new(Ok(T::default()));
        std::thread::scope(|scope| {
            for _ in 0..self.workers.clamp(1, keys.partitions()) {
                scope.spawn(|| {
                    loop {
                        let partition = next.fetch_add(1, Ordering::Relaxed);
                        if partition >= keys.partitions() || lock(&total).is_err() {
                            break;
                        }
                        let found = match self.progress.is_cancelled() {
                            true => Err(RunError::Cancelled),
                            false => keys.entries(partition).map(&one),
                        };
                        let mut total = lock(&total);
                        match (&mut *total, found) {
                            (Ok(sum), Ok(found)) => join(sum, found),
                            (slot, Err(error)) => *slot = Err(error),
                            (Err(_), Ok(_)) => {}
                        }
                    }
                });
            }
        });
        total.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Takes out the rows of a partition that stay and are of other records than those that are replayed; how many.
fn drop_others(
    job: &Job,
    splits: &[Split],
    places: &HashMap<String, HashSet<u64>>,
    entries: &[Entry],
    stay: &Survivors,
) -> u64 {
    let is_replayed = |entry: &Entry| {
        let file = file_of(job, splits, entry.position.split).ok();
        file.and_then(|file| places.get(&file.name)).is_some_and(|offsets| offsets.contains(&entry.offset))
    };
    let stays = |entry: &&Entry| stay.stays(entry.position.split as usize, u64::from(entry.position.row));
    let others = entries.iter().filter(stays).filter(|entry| !is_replayed(entry));
    others.map(|entry| stay.drop_row(entry.position)).count() as u64
}

/// Counts the rows that break a rule. Where they are refused, they are added to `refused` with the number of the rule.
fn find_repeats(
    job: &Job,
    reduce: &Reduce<'_>,
    unique: &UniqueStore,
    number: u32,
    stay: &Survivors,
    broken: &mut RuleCounts,
    refused: &mut Vec<(u32, Repeat)>,
) -> Result<(), RunError> {
    let UniqueStore { validator, rule, keys } = unique;
    let count = match rule.severity {
        // They go on, so nobody needs to know which they are.
        Severity::Warning => {
            reduce.all(keys, |entries| repeats(entries, stay).len(), |sum: &mut usize, more| *sum += more)?
        }
        Severity::Error => {
            let before = refused.len();
            let found: Vec<Repeat> =
                reduce.all(keys, |entries| repeats(entries, stay), |all: &mut Vec<_>, more| all.extend(more))?;
            refused.extend(found.into_iter().map(|repeat| (number, repeat)));
            refused.len() - before
        }
    };
    if count > 0 && !count_rule(broken, *validator, &rule.rule, rule.severity, count as u64) {
        return Err(too_many_rules(job, *validator));
    }
    Ok(())
}
