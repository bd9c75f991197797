//! The map: splits are read, decoded, transformed; rows and keys are kept, refused records become dead letters.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use arrow_buffer::NullBuffer;
use crossbeam_channel::Sender;
use gristmill_decode::{Batch, Projection};
use gristmill_plugin::{Mapped, Part, TransformWorker, Unique};
use gristmill_record::{Refusal, Table};
use gristmill_sink::ValueLimits;
use gristmill_source::{Ahead, Compression, FileCount, InputFile, Split};
use gristmill_state::FinishedSplit;
use serde::{Deserialize, Serialize};

use crate::content::Content128;
use crate::dead::{Content, DeadLetters, LetterWriter};
use crate::error::RunError;
use crate::files::{RowFiles, RowWriter};
use crate::job::Job;
use crate::kept::{Keep, Made, record_all};
use crate::keys::{Entry, KeyHasher, KeyIndex, RowPosition};
use crate::ledger::{Records, count_code};
use crate::memory::Budget;
use crate::outcome::{of_fault, of_rejection, outcomes_of};
use crate::progress::Progress;
use crate::reading::SplitReader;
use crate::rows::{Collector, RowStore, lock};
use crate::storable::take_unstorable;
use crate::stored;
use crate::taken::length;
use crate::verdicts::{Place, RuleCounts, Validators};

/// Entries that a worker gathers before it hands them to the index.
const ENTRIES_AT_ONCE: usize = 8_192;

/// Where the map puts what it makes of one table.
pub(crate) struct TableStore {
    pub(crate) rows: RowStore,
    /// Absent for a table without a key.
    pub(crate) keys: Option<KeyIndex>,
    /// What must be unique besides, by the rules of validators.
    pub(crate) uniques: Vec<UniqueStore>,
}

/// Values that no two rows of a table may have.
pub(crate) struct UniqueStore {
    /// Whose rule it is.
    pub(crate) validator: usize,
    pub(crate) rule: Unique,
    pub(crate) keys: KeyIndex,
}

/// What all workers of a map share.
pub(crate) struct Map<'a> {
    /// Where finished splits are recorded, if they are.
    pub(crate) keep: Option<&'a Keep>,
    /// What a process before this one finished, a slot a split.
    pub(crate) finished: Vec<Mutex<Option<Made>>>,
    pub(crate) files: &'a RowFiles,
    pub(crate) job: &'a Job,
    pub(crate) splits: &'a [Split],
    pub(crate) ahead: Ahead<'a>,
    pub(crate) projection: Arc<Projection>,
    pub(crate) tables: &'a [TableStore],
    pub(crate) letters: &'a DeadLetters,
    pub(crate) row_budget: &'a Budget,
    pub(crate) key_budget: &'a Budget,
    pub(crate) progress: &'a Progress,
    /// What the destination cannot hold.
    pub(crate) limits: ValueLimits,
    pub(crate) seed: u64,
}

/// What a split's map counted.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(crate) struct SplitTally {
    pub(crate) records: Records,
    pub(crate) refusals: BTreeMap<String, u64>,
    #[serde(with = "stored::count")]
    pub(crate) count: FileCount,
    pub(crate) legacy_values: u64,
    /// Rows of each table that a validator refused.
    pub(crate) invalid: Vec<u64>,
    #[serde(with = "stored::rules")]
    pub(crate) rules: RuleCounts,
    /// The first dead letter of the split: where its record begins, and its code.
    pub(crate) first_refused: Option<(u64, String)>,
    /// Of the split's bytes, decompressed.
    pub(crate) content: u128,
}

impl Map<'_> {
    /// Maps every split. Of several errors, the one of the first split is told, so that the message does not depend on threads.
    pub(crate) fn run(&self) -> Result<Vec<SplitTally>, RunError> {
        let mut journal = self.keep.map(|keep| keep.journal(self.job)).transpose()?;
        if self.keep.is_some() {
            self.progress.drain();
        }
        for (index, _) in self.finished.iter().enumerate().filter(|(_, slot)| lock(slot).is_some()) {
            self.ahead.skip(index);
        }
        // Unbounded: a finished split is some hundred bytes here, and the journal is faster than any map.
        let (send, finished) = crossbeam_channel::unbounded();
        let next = AtomicUsize::new(0);
        let stop = AtomicBool::new(false);
        let outcomes: Mutex<Vec<Option<Result<SplitTally, RunError>>>> =
            Mutex::new(self.splits.iter().map(|_| None).collect());
        let threads = self.job.options.workers.clamp(1, self.splits.len().max(1));
        let start_error = Mutex::new(None);
        let (next, stop, outcomes, start_error) = (&next, &stop, &outcomes, &start_error);
        std::thread::scope(|scope| {
            if let Some(journal) = &mut journal {
                scope.spawn(move || {
                    if let Err(e) = record_all(journal, &finished) {
                        stop.store(true, Ordering::Relaxed);
                        lock(start_error).get_or_insert(e);
                    }
                });
            }
            let send = self.keep.map(|_| send);
            for _ in 0..threads {
                let send = send.clone();
                scope.spawn(move || {
                    let mut worker = match Worker::new(self, send) {
                        Ok(worker) => worker,
                        Err(e) => {
                            stop.store(true, Ordering::Relaxed);
                            lock(start_error).get_or_insert(e);
                            return;
                        }
                    };
                    while !stop.load(Ordering::Relaxed) && !self.progress.is_cancelled() {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(split) = self.splits.get(index) else { break };
                        let outcome = worker.do_split(index, split);
                        if outcome.is_err() {
                            stop.store(true, Ordering::Relaxed);
                        }
                        if let Some(slot) = lock(outcomes).get_mut(index) {
                            *slot = Some(outcome);
                        }
                    }
                    // After an error the run is over, and that error is the one to tell.
                    if !stop.load(Ordering::Relaxed)
                        && let Err(e) = worker.finish()
                    {
                        lock(start_error).get_or_insert(e);
                    }
                });
            }
        });
        if let Some(error) = lock(start_error).take() {
            return Err(error);
        }
        let outcomes = std::mem::take(&mut *lock(outcomes));
        let mut tallies = Vec::with_capacity(outcomes.len());
        let mut unmapped = false;
        for outcome in outcomes {
            match outcome {
                Some(Ok(tally)) => tallies.push(tally),
                Some(Err(error)) => return Err(error),
                None => unmapped = true,
            }
        }
        if unmapped && self.progress.is_cancelled() {
            if let Some(journal) = &mut journal {
                journal.sync()?;
            }
            return Err(RunError::Cancelled);
        }
        if unmapped {
            return Err(RunError::Bug("a split was left out of the map without an error".into()));
        }
        Ok(tallies)
    }
}

pub(crate) struct Worker<'a> {
    pub(crate) map: &'a Map<'a>,
    /// To the journal, if there is one.
    record: Option<Sender<FinishedSplit>>,
    rows: RowWriter<'a>,
    /// That of the last split, for its buffers.
    reader: Option<SplitReader<'a>>,
    transform: Box<dyn TransformWorker>,
    validators: Validators,
    pub(crate) tables: Vec<TableWorker>,
    document: Vec<u8>,
}

/// A worker's part in one table.
pub(crate) struct TableWorker {
    key: Option<KeyWorker>,
    uniques: Vec<KeyWorker>,
    latest_by: Option<usize>,
}

impl TableWorker {
    fn new(table: &Table, store: &TableStore, seed: u64) -> Self {
        Self {
            key: store.keys.is_some().then(|| KeyWorker::new(table.key(), seed)),
            uniques: store.uniques.iter().map(|unique| KeyWorker::new(&unique.rule.columns, seed)).collect(),
            latest_by: table.latest_by(),
        }
    }

    /// Adds rows to every index of the table; `entry` makes an entry of a row and the hash of its key.
    pub(crate) fn add_rows(
        &mut self,
        store: &TableStore,
        rows: &RecordBatch,
        entry: impl Fn(usize, u128) -> Result<Entry, RunError>,
        map: &Map<'_>,
    ) -> Result<(), RunError> {
        for (worker, keys) in self.indexes(store) {
            worker.add(rows, &entry)?;
            if worker.entries.len() >= ENTRIES_AT_ONCE {
                keys.add(&mut worker.entries, map.key_budget, map.progress)?;
            }
        }
        Ok(())
    }

    /// The worker's part in each index of the table.
    fn indexes<'s>(&mut self, store: &'s TableStore) -> impl Iterator<Item = (&mut KeyWorker, &'s KeyIndex)> {
        let uniques = self.uniques.iter_mut().zip(store.uniques.iter().map(|unique| &unique.keys));
        self.key.iter_mut().zip(&store.keys).chain(uniques)
    }
}

/// A worker's part in one index: entries wait until there are many.
struct KeyWorker {
    hasher: KeyHasher,
    hashes: Vec<u128>,
    entries: Vec<Entry>,
}

impl KeyWorker {
    fn new(columns: &[usize], seed: u64) -> Self {
        Self { hasher: KeyHasher::new(columns, seed), hashes: Vec::new(), entries: Vec::new() }
    }

    /// Adds an entry for each row whose columns all have a value; `entry` makes it of the row and the hash.
    fn add(
        &mut self,
        rows: &RecordBatch,
        entry: impl Fn(usize, u128) -> Result<Entry, RunError>,
    ) -> Result<(), RunError> {
        self.hasher.hash(rows, &mut self.hashes)?;
        let has_nulls = self.hasher.has_nulls(rows);
        for (row, hash) in self.hashes.iter().enumerate() {
            if !has_nulls || self.hasher.is_whole(rows, row) {
                self.entries.push(entry(row, *hash)?);
            }
        }
        Ok(())
    }
}

/// A letter that waits for those before it in the file.
struct PendingLetter {
    offset: u64,
    refusal: Refusal,
    /// Which validator refused it.
    validator: Option<usize>,
    content: PendingContent,
}

enum PendingContent {
    Row(usize),
    Document(Vec<u8>),
    Raw(Vec<u8>),
}

/// A split under way.
struct SplitWork<'a> {
    split: u32,
    file: &'a InputFile,
    collectors: Vec<Collector<'a>>,
    letters: LetterWriter<'a>,
    tally: SplitTally,
}

impl<'a> Worker<'a> {
    fn new(map: &'a Map<'a>, record: Option<Sender<FinishedSplit>>) -> Result<Self, RunError> {
        let tables = map.job.transform.description().tables();
        Ok(Self {
            map,
            record,
            rows: map.files.writer(),
            reader: None,
            transform: map.job.transform.worker()?,
            validators: Validators::new(&map.job.validators)?,
            tables: tables.iter().zip(map.tables).map(|(t, store)| TableWorker::new(t, store, map.seed)).collect(),
            document: Vec::new(),
        })
    }

    /// Takes a split over from a process before this one, if it can be, or else maps it.
    fn do_split(&mut self, index: usize, split: &Split) -> Result<SplitTally, RunError> {
        let began = Instant::now();
        let made = self.map.finished.get(index).and_then(|slot| lock(slot).take());
        if let Some(made) = made {
            if let Some(tally) = self.take_over(index, split, made)? {
                self.split_done(index, split, &tally, true, began);
                return Ok(tally);
            }
            tracing::warn!("what was kept of split {} is not whole; it is mapped again", index + 1);
        }
        let tally = self.map_split(index, split)?;
        self.split_done(index, split, &tally, false, began);
        Ok(tally)
    }

    fn map_split(&mut self, index: usize, split: &Split) -> Result<SplitTally, RunError> {
        let map = self.map;
        let input = &map.job.input;
        let mut reader = match self.reader.take() {
            Some(mut reader) => reader.reopen(input, split, map.ahead.open(index)?).map(|()| reader)?,
            None => {
                let bytes = map.ahead.open(index)?;
                SplitReader::over(input, split, bytes, &map.projection, map.job.options.max_document)?
            }
        };
        let file = reader.file;
        self.rows.begin();
        let mut work = SplitWork {
            split: split_number(index)?,
            file,
            collectors: map.tables.iter().map(|t| t.rows.collect(map.row_budget, map.progress)).collect(),
            letters: map.letters.part(index),
            tally: SplitTally { invalid: vec![0; map.tables.len()], ..SplitTally::default() },
        };
        let mut content = Content128::new(split);
        let mut left = length(split, Some(file));
        let mut seen = |bytes: &[u8]| {
            content.update(bytes);
            if file.compression == Compression::None {
                Progress::bump_up_to(&map.progress.bytes_read, bytes.len() as u64, &mut left);
            }
            // Here and not once a batch: of documents that are not taken there may be none.
            if map.progress.must_stop() { Err(RunError::Cancelled) } else { Ok(()) }
        };
        while let Some(batch) = reader.next(map.job.options.batch_rows, &mut seen)? {
            self.map_batch(&mut work, &reader, batch)?;
        }
        Progress::bump(&map.progress.bytes_read, left);
        work.tally.content = content.finish();
        reader.close();
        self.reader = Some(reader);
        let mut segments = Vec::with_capacity(work.collectors.len());
        for collector in work.collectors {
            segments.push(collector.finish(index, &mut self.rows)?);
        }
        let letters = map.letters.keep(index, work.letters)?;
        let Some(record) = &self.record else { return Ok(work.tally) };
        let made = Made { tally: work.tally, rows: self.rows.range(), segments, letters, sum: map.ahead.sum(index) };
        let text =
            serde_json::to_string(&made).map_err(|e| RunError::Bug(format!("a split cannot be recorded: {e}")))?;
        // Nobody receives it only where the journal failed, and that is what is told.
        let _ = record.send(FinishedSplit { split: work.split, made: text });
        Ok(made.tally)
    }

    /// Hands over the entries that wait: those of many small splits make one piece.
    fn finish(mut self) -> Result<(), RunError> {
        for (table, store) in self.tables.iter_mut().zip(self.map.tables) {
            for (worker, keys) in table.indexes(store) {
                keys.add(&mut worker.entries, self.map.key_budget, self.map.progress)?;
            }
        }
        Ok(())
    }

    fn map_batch(
        &mut self,
        work: &mut SplitWork<'a>,
        reader: &SplitReader<'_>,
        mut batch: Batch,
    ) -> Result<(), RunError> {
        let progress = self.map.progress;
        let rows = batch.columns.num_rows();
        let mut letters = Vec::new();
        let records = &mut work.tally.records;
        let read = batch.tally.records;
        records.read += read;
        records.other += batch.tally.other_documents;
        work.tally.count.documents += read;
        work.tally.count.payload_bytes += batch.tally.payload_bytes;
        work.tally.legacy_values += batch.tally.legacy_values;
        for refused in std::mem::take(&mut batch.refused) {
            let content = match refused.document {
                Some(document) => PendingContent::Document(document),
                None => PendingContent::Raw(refused.raw),
            };
            letters.push(PendingLetter { offset: refused.offset, refusal: refused.refusal, validator: None, content });
        }
        if rows > 0 {
            let mapped = self.transform.transform(&batch.columns)?;
            let verified = self.is_verified(work.split, &batch.offsets);
            if verified {
                self.verify(work.file, &batch.columns, &batch.offsets, &mapped)?;
            }
            let Mapped { parts, faults } = mapped;
            let answered = parts.iter().map(|p| p.rows as usize).sum::<usize>() + faults.len();
            if answered != rows {
                return Err(RunError::Bug(format!("of a batch of {rows} records {answered} were answered for")));
            }
            for fault in faults {
                letters.push(pending(&batch.offsets, fault.row as usize, of_fault(fault)));
            }
            for part in parts {
                self.keep_part(work, &batch, part, verified, &mut letters)?;
            }
        }
        // Rows that a validator refused are counted as rows.
        work.tally.records.refused += letters.iter().filter(|l| l.validator.is_none()).count() as u64;
        let refused = letters.len() as u64;
        Progress::bump(&progress.records, read);
        Progress::bump(&progress.refused, refused);
        self.write_letters(work, reader, letters)
    }

    /// Whether a batch is mapped, and its rows are judged, a second time: told by its place, so that it is the same batches in every run with as many rows in one.
    fn is_verified(&self, split: u32, offsets: &[u64]) -> bool {
        let share = self.map.job.options.verify;
        let place = (u64::from(split) << 48) ^ offsets.first().copied().unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "a draw between 0 and 1")]
        let draw = xxhash_rust::xxh3::xxh3_64(&place.to_le_bytes()) as f64 / u64::MAX as f64;
        share >= 1.0 || draw < share
    }

    /// Maps a batch again in a fresh instance, and compares.
    fn verify(
        &self,
        file: &InputFile,
        columns: &RecordBatch,
        offsets: &[u64],
        mapped: &Mapped,
    ) -> Result<(), RunError> {
        let again = self.map.job.transform.second_worker()?.transform(columns)?;
        let of = |mapped| outcomes_of(mapped, self.map.job.transform.description(), columns.num_rows()).into_iter();
        let outcomes = of(mapped.clone()).zip(of(again));
        match outcomes.zip(offsets).find(|((a, b), _)| a != b) {
            None => Ok(()),
            Some((_, offset)) => Err(RunError::NotDeterministic {
                plugin: self.map.job.plugin.name.clone(),
                file: file.name.clone(),
                offset: *offset,
            }),
        }
    }

    fn keep_part(
        &mut self,
        work: &mut SplitWork<'a>,
        batch: &Batch,
        mut part: Part,
        verified: bool,
        letters: &mut Vec<PendingLetter>,
    ) -> Result<(), RunError> {
        let Batch { columns, offsets, identities, .. } = batch;
        let description = self.map.job.transform.description();
        let first = part.first_row as usize;
        let unstorable = take_unstorable(&self.map.limits, description.tables(), &mut part)?;
        let rejected = (part.rejections.len() + unstorable.len()) as u64;
        for (row, refusal) in unstorable {
            letters.push(pending(offsets, first + row as usize, refusal));
        }
        for rejection in part.rejections {
            letters.push(pending(offsets, first + rejection.row as usize, of_rejection(rejection, description)));
        }
        let mapped = mapped_rows(&part.tables, part.rows);
        work.tally.records.mapped += mapped;
        // What is neither mapped nor rejected is filtered; more of both than records is a bug that must not pass as balanced.
        work.tally.records.filtered += u64::from(part.rows)
            .checked_sub(mapped + rejected)
            .ok_or_else(|| RunError::Bug(format!("{mapped} mapped and {rejected} refused of {} records", part.rows)))?;
        let place =
            verified.then(|| Place { file: &work.file.name, offsets: offsets.get(first..).unwrap_or_default() });
        for ((index, made), table) in part.tables.iter_mut().enumerate().zip(description.tables()) {
            let refused = self.validators.judge(index, table, made, &mut work.tally.rules, place)?;
            if let Some(invalid) = work.tally.invalid.get_mut(index) {
                *invalid += refused.len() as u64;
            }
            letters.extend(refused.into_iter().map(|r| PendingLetter {
                validator: Some(r.validator),
                ..pending(offsets, first + r.origin, r.refusal)
            }));
        }
        let stores = self.map.tables;
        for (((table, store), collector), made) in
            self.tables.iter_mut().zip(stores).zip(&mut work.collectors).zip(part.tables)
        {
            let latest = LatestBy::of(columns, table.latest_by);
            let first_row = collector.next_row();
            let entry = |row: usize, key: u128| {
                let origin = first + made.origin(row);
                Ok(Entry {
                    key,
                    identity: identities.get(origin).copied().unwrap_or_default(),
                    position: RowPosition::new(work.split, first_row + row as u64)?,
                    offset: offsets.get(origin).copied().unwrap_or_default(),
                    latest: latest.at(origin),
                })
            };
            table.add_rows(store, &made.rows, entry, self.map)?;
            if let Some(origins) = collector.origins() {
                origins.add(&made, first, identities, offsets, |record| latest.at(record));
            }
            Progress::bump(&self.map.progress.rows, made.rows.num_rows() as u64);
            collector.push(made.rows, &mut self.rows)?;
        }
        Ok(())
    }

    /// Writes the letters of a batch in input order, whoever refused the record, so that the file does not depend on batches.
    fn write_letters(
        &mut self,
        work: &mut SplitWork<'a>,
        reader: &SplitReader<'_>,
        mut letters: Vec<PendingLetter>,
    ) -> Result<(), RunError> {
        letters.sort_by_key(|l| l.offset);
        for letter in letters {
            let content = match &letter.content {
                PendingContent::Row(row) => {
                    self.document.clear();
                    reader.write_document(*row, &mut self.document)?;
                    Content::Document(&self.document)
                }
                PendingContent::Document(document) => Content::Document(document),
                PendingContent::Raw(raw) => Content::Raw(raw),
            };
            work.letters.write(&work.file.name, letter.offset, &letter.refusal, letter.validator, &content)?;
            count_code(&mut work.tally.refusals, &letter.refusal.code, 1);
            work.tally.first_refused.get_or_insert((letter.offset, letter.refusal.code));
        }
        Ok(())
    }
}

pub(crate) fn split_number(index: usize) -> Result<u32, RunError> {
    u32::try_from(index).map_err(|_| RunError::Bug("more than 2^32 splits".into()))
}

fn pending(offsets: &[u64], row: usize, refusal: Refusal) -> PendingLetter {
    let offset = offsets.get(row).copied().unwrap_or_default();
    PendingLetter { offset, refusal, validator: None, content: PendingContent::Row(row) }
}

/// How many of `rows` input rows at least one row was made of, in any table.
fn mapped_rows(tables: &[gristmill_plugin::TableRows], rows: u32) -> u64 {
    let distinct = |origins: &[u32]| origins.chunk_by(|a, b| a == b).count() as u64;
    match tables {
        _ if tables.iter().any(|t| t.origins.is_none()) => u64::from(rows),
        [only] => only.origins.as_deref().map_or(0, distinct),
        several => {
            let mut all: Vec<u32> = several.iter().flat_map(|t| t.origins.iter().flatten().copied()).collect();
            all.sort_unstable();
            distinct(&all)
        }
    }
}

/// The values by which the newest is told.
enum LatestBy<'a> {
    None,
    Values(&'a [i64], Option<&'a NullBuffer>),
}

impl<'a> LatestBy<'a> {
    fn of(columns: &'a RecordBatch, input: Option<usize>) -> Self {
        let Some(array) = input.and_then(|i| columns.columns().get(i)) else { return Self::None };
        if let Some(times) = array.as_primitive_opt::<TimestampMicrosecondType>() {
            Self::Values(times.values(), array.nulls())
        } else if let Some(numbers) = array.as_primitive_opt::<Int64Type>() {
            Self::Values(numbers.values(), array.nulls())
        } else {
            Self::None
        }
    }

    /// `i64::MIN`, the oldest, where there is no value.
    fn at(&self, row: usize) -> i64 {
        match self {
            Self::Values(values, nulls) if nulls.is_none_or(|nulls| nulls.is_valid(row)) => {
                values.get(row).copied().unwrap_or(i64::MIN)
            }
            _ => i64::MIN,
        }
    }
}
