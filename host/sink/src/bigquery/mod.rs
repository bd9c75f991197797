//! BigQuery: one table of the dataset for each table of the plugin, or the one that is named.
//!
//! Rows go as Parquet objects to Cloud Storage, and from there by one load job a table into a table of the load's own, which goes by itself after a
//! day. One MERGE a table then brings what is not there yet into the table that readers see. A load job and a statement change everything
//! or nothing; two tables change one after the other.
//!
//! | step | repeated, lost, or killed |
//! | --- | --- |
//! | object | named by its content: one that is there is the one that is wanted |
//! | load job | an id made of run, job, target and content; a job of this id that went well is not run again |
//! | table | one that is there meanwhile is compared and taken |
//! | MERGE | an id of its own; done again it finds every key there. Without a key: one id for the input, so never twice |
//! | tidying | what is left goes by itself, or with the next run of the job |
//!
//! | plugin | BigQuery |
//! | --- | --- |
//! | boolean, int64, float64 | `BOOL`, `INT64`, `FLOAT64` |
//! | timestamp, date | `TIMESTAMP`, `DATE` |
//! | string, reference | `STRING` |
//! | bytes | `BYTES` |
//! | json, list, struct | `JSON` |
//!
//! A table that is there may have `STRING(n)`, `BYTES(n)`, and `STRING` in the place of `JSON`: values that do not fit are found before anything is sent
//! ([`ValueLimits`]). There is no unique key in BigQuery: that a row is there once is MERGE's doing, and other writers may do otherwise.

mod address;
mod answer;
mod area;
mod auth;
mod client;
mod fault;
mod google;
mod jobs;
mod load;
mod look;
mod retry;
mod schema;
mod sql;
mod staging;

use std::collections::hash_map::RandomState;
use std::fmt::Write as _;
use std::hash::BuildHasher;
use std::sync::Arc;

use arrow_array::RecordBatch;
use async_trait::async_trait;
use gristmill_record::Table;
use sha2::{Digest, Sha256};

use self::address::Address;
use self::area::Area;
use self::auth::Tokens;
use self::fault::Context;
use self::google::GoogleBigQuery;
use self::jobs::Jobs;
use self::load::Loading;
use self::retry::Patience;
use crate::limits::ColumnLimit;
use crate::{Begun, Load, OpenOptions, Sink, SinkError, TableCount, TableState, ValueLimits};

/// Names an emulator, `http://HOST:PORT` or `HOST:PORT`, as for Google's own tools.
const EMULATOR: &str = "BIGQUERY_EMULATOR_HOST";

/// The sink of `bigquery:PROJECT.DATASET` and `bigquery:PROJECT.DATASET.TABLE`. Its functions need [`runtime`](crate::runtime).
pub struct BigQuery {
    address: Address,
    options: OpenOptions,
    limits: ValueLimits,
    loading: Option<Loading>,
    /// The run that may have been committed by a process before this one.
    goes_on: Option<String>,
}

impl BigQuery {
    /// By what stands after `bigquery:`; what is wrong with it otherwise. Touches nothing.
    pub fn new(rest: &str, options: OpenOptions) -> Result<Self, String> {
        let address = Address::parse(rest)?;
        if options.staging.is_none() && !options.look_only {
            return Err("rows go to BigQuery by way of Cloud Storage: say where with --staging gs://BUCKET/FOLDER, in the place of the dataset".to_owned());
        }
        let limits = ValueLimits { any_year: false, ..ValueLimits::default() };
        Ok(Self { address, options, limits, loading: None, goes_on: None })
    }

    async fn jobs(&self) -> Result<Jobs, SinkError> {
        connect(&self.address, &self.options).await
    }

    async fn area(&self, job: &str) -> Result<Option<Area>, SinkError> {
        match &self.options.staging {
            Some(staging) => {
                let emulator = self.options.emulators.as_ref().map(|e| e.storage.clone());
                Area::open(&self.options.google_credentials, emulator, staging, job).await.map(Some)
            }
            None => Ok(None),
        }
    }

    fn set_limits<'a>(&mut self, limits: impl Iterator<Item = (&'a Table, &'a Vec<ColumnLimit>)>) {
        self.limits.columns = limits.map(|(t, l)| (t.name().to_owned(), l.clone())).collect();
    }
}

/// A client that knows who we are and where the dataset lies.
async fn connect(address: &Address, options: &OpenOptions) -> Result<Jobs, SinkError> {
    let emulator = match &options.emulators {
        Some(emulators) => Some(emulators.bigquery.clone()),
        None => std::env::var(EMULATOR).ok().filter(|host| !host.is_empty()),
    };
    let account = match &emulator {
        Some(_) => "nobody (an emulator)".to_owned(),
        None => options.google_credentials.name(),
    };
    let context =
        Context { place: address.place(), project: address.project.clone(), dataset: address.dataset.clone(), account };
    let tokens = match &emulator {
        Some(_) => Tokens::Emulator,
        None => Tokens::of(&options.google_credentials)?,
    };
    let service = GoogleBigQuery::connect(address, tokens, emulator.as_deref()).await;
    let service = service.map_err(|e| context.call("connecting", &e))?;
    let mut jobs = Jobs { service: Arc::new(service), context, location: String::new(), process: process() };
    jobs.location = match &options.location {
        Some(location) => location.clone(),
        None => {
            let asked = Patience::default().call(|| jobs.service.location()).await;
            asked.map_err(|e| jobs.context.call("looking at the dataset", &e))?
        }
    };
    Ok(jobs)
}

#[async_trait]
impl Sink for BigQuery {
    fn describe(&self) -> String {
        self.address.place()
    }

    fn limits(&self) -> ValueLimits {
        self.limits.clone()
    }

    async fn check(&mut self, tables: &[Table]) -> Result<Vec<TableState>, SinkError> {
        let jobs = self.jobs().await?;
        let targets = load::look(&jobs, &self.address, tables).await?;
        // Tells whether jobs may be begun, by one that is not.
        let asked = Patience::default().call(|| jobs.service.dry_run(&jobs.location, "SELECT 1")).await;
        asked.map_err(|e| jobs.context.call("asking whether jobs may be begun", &e))?;
        if let Some(area) = self.area("").await? {
            area.look().await?;
        }
        self.set_limits(tables.iter().zip(targets.iter().map(|t| &t.limits)));
        Ok(targets.iter().map(load::Target::state).collect())
    }

    /// What tells are the jobs, whose ids come from the rows: so that is found out when they are there.
    async fn loaded(&mut self, load: &Load) -> Result<Option<Vec<TableCount>>, SinkError> {
        self.goes_on = Some(load.run_id.clone());
        Ok(None)
    }

    async fn begin(&mut self, load: &Load) -> Result<Begun, SinkError> {
        if self.loading.is_some() {
            return Err(SinkError::Order("a load of the BigQuery dataset is open already"));
        }
        crate::sink::check_run_id(&load.run_id)?;
        let area = self.area(&digest(&[&load.job])).await?;
        let area = area.ok_or(SinkError::Order("a load of BigQuery has no staging area"))?;
        let goes_on = self.goes_on.take().is_some_and(|run| run == load.run_id);
        match Loading::begin(&self.address, self.jobs().await?, area, load, goes_on).await? {
            Ok(loading) => {
                self.set_limits(loading.limits());
                self.loading = Some(loading);
                Ok(Begun::Ready)
            }
            Err(counts) => Ok(Begun::AlreadyLoaded(counts)),
        }
    }

    async fn write(&mut self, table: usize, rows: RecordBatch) -> Result<(), SinkError> {
        let (limits, place) = (self.limits.clone(), self.address.place());
        let loading = self.loading.as_mut().ok_or(NOT_OPEN)?;
        if let Some(breach) = limits.breaches(loading.table(table)?, &rows).into_iter().next() {
            let table = loading.table(table)?.name().to_owned();
            return Err(SinkError::Unstorable { place, table, column: breach.column, what: breach.what });
        }
        loading.write(table, &rows).await
    }

    async fn commit(&mut self) -> Result<Vec<TableCount>, SinkError> {
        let counts = self.loading.as_mut().ok_or(NOT_OPEN)?.commit().await?;
        self.loading = None;
        Ok(counts)
    }

    async fn abort(&mut self) -> Result<(), SinkError> {
        if let Some(mut loading) = self.loading.take() {
            loading.tidy().await;
        }
        Ok(())
    }
}

const NOT_OPEN: SinkError = SinkError::Order("no load of the BigQuery dataset is open");

/// Some 32 hexadecimal digits for texts, each of which counts with its length.
fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex(&hash.finalize()).chars().take(32).collect()
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A name for this process, such as a label takes it.
fn process() -> String {
    // Every state of a hash table's hasher is seeded anew.
    format!("{:016x}", RandomState::new().hash_one(std::process::id()))
}
