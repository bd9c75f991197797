//! Parquet: versions in a folder or below an address of a bucket, and a manifest that names the current one.
//!
//! ```text
//! DIR/manifest.json                                             which version is current, its files with rows, bytes and CRC-32C
//! DIR/v=RUN/TABLE/part-00000.parquet                            a table that is not partitioned
//! DIR/v=RUN/TABLE/event_ts_day=2024-01-31/part-00000.parquet    one that is, by the UTC day of `event_ts`
//! ```
//!
//! A load is a new version: it holds the rows of this load and no others. In a folder it is written below `.gristmill-tmp-RUN`, made durable and renamed; in a
//! bucket its files are uploaded as they are done. Then the
//! manifest is replaced, which is the commit: who follows the manifest sees the old version or the new one, whole. Earlier versions stay
//! until somebody removes them; the manifest lists them. When the manifest's version is the result of the same job, and its
//! files are there, nothing is written, unless the load asks for an update.
//!
//! Partition folders are named in Hive's way, which DuckDB, Spark and BigQuery's external tables read: the column's name and `_day`, or `_value` for
//! a string column, so that it is no column of the files. Rows with null, or an empty string, are in `…=__HIVE_DEFAULT_PARTITION__`.
//!
//! Timestamps are `TIMESTAMP` in microseconds, adjusted to UTC; dates `DATE`; JSON has the logical type `JSON`. Files depend on the rows and the
//! load alone, byte for byte. Memory is bounded, however many days its rows are spread over: by what the sink was given for all tables, by 16 MiB a
//! table where that is more, the same again while they are sorted, and some MiB for each file that is being written: partitions are written on several threads, each by one.

mod bucket;
mod crew;
mod encoding;
mod folder;
mod manifest;
mod partition;
mod parts;
mod place;
mod scatter;
mod slab;
mod spool;
mod table;

use std::path::PathBuf;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use arrow_select::concat::concat_batches;
use async_trait::async_trait;
use gristmill_record::Table;
use gristmill_storage::{Address, Storage};

pub(crate) use self::folder::sync_folder;
use self::manifest::{Manifest, TableEntry};
use self::place::{Held, Place};
use self::table::TableWriter;
use crate::{Begun, Load, OnConflict, OpenOptions, Sink, SinkError, TableCount, TableState, ValueLimits};

/// The longest value of a partition, escaped: names of files end at 255 bytes, and the column's name is in there too.
const MAX_PARTITION_BYTES: usize = 180;

/// Versions in a folder or a bucket.
pub struct Parquet {
    place: Place,
    /// Bytes of rows that a load may hold.
    memory: u64,
    /// That encode files.
    threads: usize,
    loading: Option<Loading>,
}

struct Loading {
    load: Load,
    version: String,
    tables: Vec<TableWriter>,
    held: Box<dyn Held>,
}

impl Parquet {
    /// A sink for this folder, which is created when a load begins and it is not there.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self::at(Place::folder(dir.into()))
    }

    /// A sink for objects below an address. The error says what is wrong with it.
    ///
    /// `client`: where there is one already; else one is made by the credentials of the options when it is needed.
    pub fn in_bucket(address: Address, client: Option<Storage>, options: &OpenOptions) -> Result<Self, String> {
        Ok(Self::at(Place::bucket(address, client, options)?))
    }

    fn at(place: Place) -> Self {
        Self { place, memory: slab::SLAB_BYTES, threads: 1, loading: None }
    }

    fn states(&self, manifest: Option<&Manifest>, tables: &[Table]) -> Result<Vec<TableState>, SinkError> {
        let state = |table: &Table| match manifest.and_then(|m| m.table(table.name())) {
            None => Ok(TableState::Absent),
            Some(entry) => {
                entry.check(&self.place.name(), table).map(|()| TableState::Present { rows: Some(entry.rows) })
            }
        };
        tables.iter().map(state).collect()
    }
}

#[async_trait]
impl Sink for Parquet {
    fn describe(&self) -> String {
        self.place.name()
    }

    fn replaces(&self) -> bool {
        true
    }

    fn limits(&self) -> ValueLimits {
        ValueLimits { partition_bytes: Some(MAX_PARTITION_BYTES), ..ValueLimits::default() }
    }

    fn set_resources(&mut self, memory: u64, threads: usize) {
        (self.memory, self.threads) = (memory, threads);
    }

    async fn check(&mut self, tables: &[Table]) -> Result<Vec<TableState>, SinkError> {
        let manifest = self.place.check()?;
        self.states(manifest.as_ref(), tables)
    }

    async fn loaded(&mut self, load: &Load) -> Result<Option<Vec<TableCount>>, SinkError> {
        Ok(self.place.manifest()?.and_then(|manifest| manifest.load_of(load)))
    }

    async fn begin(&mut self, load: &Load) -> Result<Begun, SinkError> {
        if self.loading.is_some() {
            return Err(SinkError::Order("a load of the Parquet data set is open already"));
        }
        crate::sink::check_run_id(&load.run_id)?;
        let mut held = self.place.hold()?;
        self.states(held.manifest(), &load.tables)?;
        if load.on_conflict == OnConflict::Keep
            && let Some(counts) = held.manifest().and_then(|m| m.result_of(load))
            && held.is_whole()?
        {
            return Ok(Begun::AlreadyLoaded(counts));
        }
        let room = held.make_room(&load.run_id)?;
        // A table's rows wait until the commit.
        let memory = self.memory / load.tables.len().max(1) as u64;
        let threads = crew::threads(self.threads, self.memory);
        let create = |table| TableWriter::create(table, &room, memory, threads);
        let tables = load.tables.iter().map(create).collect::<Result<_, _>>()?;
        self.loading = Some(Loading { load: load.clone(), version: room.version, tables, held });
        Ok(Begun::Ready)
    }

    async fn write(&mut self, table: usize, rows: RecordBatch) -> Result<(), SinkError> {
        let (limits, place) = (self.limits(), self.place.name());
        let none = SinkError::Order("no load of the Parquet data set is open, or it has no table of this index");
        let Some(Loading { load, tables, .. }) = &mut self.loading else { return Err(none) };
        let (Some(table), Some(writer)) = (load.tables.get(table), tables.get_mut(table)) else { return Err(none) };
        if let Some(breach) = limits.breaches(table, &rows).into_iter().next() {
            let table = table.name().to_owned();
            return Err(SinkError::Unstorable { place, table, column: breach.column, what: breach.what });
        }
        writer.write(&rows)
    }

    async fn commit(&mut self) -> Result<Vec<TableCount>, SinkError> {
        let place = self.place.name();
        let Some(Loading { load, version, tables, held }) = &mut self.loading else {
            return Err(SinkError::Order("no load of the Parquet data set is open"));
        };
        let mut entries = Vec::new();
        for (table, writer) in load.tables.iter().zip(tables) {
            entries.push(TableEntry::new(table, writer.finish()?));
        }
        let counts = entries.iter().map(|e| TableCount { inserted: e.rows, ..TableCount::default() }).collect();
        let manifest = Manifest::new(load, version.clone(), entries, held.manifest());
        let manifest = manifest.to_json().map_err(SinkError::encode("writing the manifest of", place.as_ref()))?;
        held.publish(manifest)?;
        self.loading = None;
        Ok(counts)
    }

    async fn abort(&mut self) -> Result<(), SinkError> {
        match self.loading.take() {
            None => Ok(()),
            Some(Loading { tables, mut held, .. }) => {
                drop(tables);
                held.discard()
            }
        }
    }
}

/// Batches as one; `None` where there are no rows.
fn join(mut batches: Vec<RecordBatch>) -> Result<Option<RecordBatch>, ArrowError> {
    match batches.as_slice() {
        [] => Ok(None),
        [_] => Ok(batches.pop()),
        [first, ..] => concat_batches(&first.schema(), &batches).map(Some),
    }
}
