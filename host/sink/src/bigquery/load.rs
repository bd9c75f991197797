//! One load: rows are staged as objects, loaded into tables of the load's own, and merged from there.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arrow_array::RecordBatch;
use gristmill_record::Table;

use super::address::Address;
use super::area::Area;
use super::client::{FoundTable, Work};
use super::jobs::{Done, Holds, Jobs, Series};
use super::retry::Patience;
use super::schema::{Check, limits_of_new, new_table, staged_columns};
use super::sql::{Days, Merge, runs};
use super::staging::Stager;
use crate::limits::ColumnLimit;
use crate::{Load, OnConflict, SinkError, TableCount, TableState};

/// Objects that a load job takes at most.
const URIS: usize = 10_000;
/// Partitions that a statement may change are 4,000: half of them for rows that come, and room for those that are changed elsewhere.
const PARTITIONS: usize = 2_000;
/// After so long a staging table goes by itself.
const STAGING_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// A table of the plugin and what is there for it.
pub(super) struct Target {
    /// Its name there.
    pub(super) name: String,
    /// `None`: it is to be made.
    pub(super) found: Option<FoundTable>,
    pub(super) limits: Vec<ColumnLimit>,
}

impl Target {
    pub(super) fn state(&self) -> TableState {
        match &self.found {
            None => TableState::Absent,
            Some(found) => TableState::Present { rows: found.rows },
        }
    }
}

/// Looks at the tables that are there, and compares them.
pub(super) async fn look(jobs: &Jobs, address: &Address, tables: &[Table]) -> Result<Vec<Target>, SinkError> {
    let mut targets = Vec::with_capacity(tables.len());
    for (name, table) in address.targets(tables)?.into_iter().zip(tables) {
        let found = find(jobs, address, &name, table).await?;
        let limits = match &found {
            None => limits_of_new(table),
            Some((_, limits)) => limits.clone(),
        };
        targets.push(Target { name, found: found.map(|(found, _)| found), limits });
    }
    Ok(targets)
}

async fn find(
    jobs: &Jobs,
    address: &Address,
    name: &str,
    table: &Table,
) -> Result<Option<(FoundTable, Vec<ColumnLimit>)>, SinkError> {
    // A dataset's name says where; the message names the table.
    let place = format!("BigQuery dataset {}.{}", address.project, address.dataset);
    let check = Check { address, place: &place, name, table };
    check.declared()?;
    match Patience::default().call(|| jobs.service.table(name)).await {
        Ok(found) => check.found(&found).map(|limits| Some((found, limits))),
        Err(error) if error.is_missing_table() => Ok(None),
        Err(error) => Err(jobs.context.call(&format!("looking at table {name}"), &error)),
    }
}

/// An open load.
pub(super) struct Loading {
    address: Address,
    jobs: Jobs,
    area: Area,
    load: Load,
    /// Whether statements that a process before this one has done are this run's own.
    goes_on: bool,
    tables: Vec<LoadingTable>,
    /// Tables of this load's own that may be there.
    staged: Vec<String>,
}

struct LoadingTable {
    target: Target,
    stager: Stager,
    /// The objects of its rows.
    uris: Vec<String>,
    /// Rows that were written.
    rows: u64,
    /// Whether this job's rows are in the table, which has no key that could tell: how many.
    repeated: Option<u64>,
}

impl Loading {
    /// Checks the tables. `Err` with the counts where there is nothing to do. Changes nothing.
    pub(super) async fn begin(
        address: &Address,
        jobs: Jobs,
        area: Area,
        load: &Load,
        goes_on: bool,
    ) -> Result<Result<Self, Vec<TableCount>>, SinkError> {
        let targets = look(&jobs, address, &load.tables).await?;
        let mut tables = Vec::with_capacity(targets.len());
        for (target, table) in targets.into_iter().zip(&load.tables) {
            let repeated = match &target.found {
                Some(_) if table.key().is_empty() => {
                    let doing = format!("looking for an earlier load of this job into table {}", target.name);
                    let series = append_series(address, &jobs, load, &target.name);
                    let holds = Holds::SinceCreated { table: &target.name };
                    let earlier = jobs.find(&doing, &series, holds).await?;
                    earlier.map(|job| job.changed.map_or(0, |(inserted, _)| inserted))
                }
                _ => None,
            };
            let divides = match &target.found {
                Some(found) => found.partition.as_ref().and_then(|p| position(table, &p.column)),
                None => table.partition_by(),
            };
            let stager = Stager::new(table, divides);
            tables.push(LoadingTable { target, stager, uris: Vec::new(), rows: 0, repeated });
        }
        if tables.iter().all(|t| t.repeated.is_some()) {
            let already =
                |t: &LoadingTable| TableCount { already: t.repeated.unwrap_or_default(), ..TableCount::default() };
            return Ok(Err(tables.iter().map(already).collect()));
        }
        Ok(Ok(Self { address: address.clone(), jobs, area, load: load.clone(), goes_on, tables, staged: Vec::new() }))
    }

    pub(super) fn table(&self, index: usize) -> Result<&Table, SinkError> {
        self.load.tables.get(index).ok_or(SinkError::Order("the load has no table of this index"))
    }

    pub(super) fn limits(&self) -> impl Iterator<Item = (&Table, &Vec<ColumnLimit>)> {
        self.load.tables.iter().zip(self.tables.iter().map(|t| &t.target.limits))
    }

    pub(super) async fn write(&mut self, index: usize, rows: &RecordBatch) -> Result<(), SinkError> {
        let Some(table) = self.tables.get_mut(index) else {
            return Err(SinkError::Order("the load has no table of this index"));
        };
        table.rows += rows.num_rows() as u64;
        if table.repeated.is_some() {
            return Ok(());
        }
        let mut start = 0;
        while start < rows.num_rows() {
            let (taken, file) = table.stager.push(rows, start)?;
            start += taken;
            if let Some(file) = file {
                table.uris.push(self.area.put(file).await?);
            }
        }
        Ok(())
    }

    pub(super) async fn commit(&mut self) -> Result<Vec<TableCount>, SinkError> {
        for table in &mut self.tables {
            if let Some(file) = table.stager.finish()? {
                table.uris.push(self.area.put(file).await?);
            }
        }
        // All that takes long comes first, so that the tables change as close together as can be.
        let mut staging = Vec::with_capacity(self.tables.len());
        for index in 0..self.tables.len() {
            staging.push(self.stage(index).await?);
        }
        let mut counts = Vec::with_capacity(self.tables.len());
        for (index, staging) in staging.iter().enumerate() {
            counts.push(self.merge(index, staging.as_deref()).await?);
        }
        self.tidy().await;
        Ok(counts)
    }

    fn state(&self, index: usize) -> Result<(&Table, &LoadingTable), SinkError> {
        let none = SinkError::Order("the load has no table of this index");
        self.load.tables.get(index).zip(self.tables.get(index)).ok_or(none)
    }

    /// Loads the objects of a table into a table of this load's own; its name, where there are rows.
    async fn stage(&mut self, index: usize) -> Result<Option<String>, SinkError> {
        let (table, state) = self.state(index)?;
        if state.uris.is_empty() {
            return Ok(None);
        }
        let (rows, target, uris) = (state.rows, state.target.name.clone(), state.uris.clone());
        let doing = format!("loading rows for table {target}");
        if uris.len() > URIS {
            let what =
                format!("the rows make {} objects, and a load job takes {URIS}: load the export in parts", uris.len());
            return Err(self.jobs.context.odd(&doing, what, None));
        }
        let parts = self.parts(&target, &uris);
        let name = format!("_gristmill_{}", super::digest(&parts));
        let columns = staged_columns(table);
        let mut made = new_table(&name, table);
        made.columns.clone_from(&columns);
        (made.partition_by, made.cluster_by) = (None, Vec::new());
        made.description = format!("Rows on their way to {target}, of gristmill's run {}", self.load.run_id);
        made.expires = Some(in_millis(SystemTime::now() + STAGING_LIFE));
        self.staged.push(name.clone());
        match Patience::default().call(|| self.jobs.service.create_table(&made)).await {
            Err(error) if !error.is(409) => return Err(self.jobs.context.call(&doing, &error)),
            _ => {}
        }
        let series = Series::new("load", &self.parts(&target, &uris));
        let work = Work::Load { table: name.clone(), columns, uris };
        let Done { id, job } = self.jobs.run(&doing, &series, &work, Holds::Rows { table: &name, rows }).await?;
        match job.loaded {
            Some(loaded) if loaded == rows => Ok(Some(name)),
            loaded => {
                let loaded = loaded.map_or("an unknown number".to_owned(), |n| n.to_string());
                Err(self.jobs.context.odd(&doing, format!("{loaded} of {rows} rows were loaded"), Some(&id)))
            }
        }
    }

    /// What makes the jobs of this load its own.
    fn parts<'a>(&'a self, target: &'a str, content: &'a [String]) -> Vec<&'a str> {
        let Address { project, dataset, .. } = &self.address;
        let fixed = [&*self.load.run_id, &self.load.job, project, dataset, target, &self.jobs.location];
        fixed.into_iter().chain(content.iter().map(String::as_str)).collect()
    }

    /// Brings staged rows into their table, which is made where it is missing.
    async fn merge(&self, index: usize, staging: Option<&str>) -> Result<TableCount, SinkError> {
        let (table, state) = self.state(index)?;
        let (rows, target) = (state.rows, state.target.name.clone());
        if state.repeated.is_some() {
            return Ok(TableCount { already: rows, ..TableCount::default() });
        }
        let found = self.made(&target, table).await?;
        let Some(staging) = staging else { return Ok(TableCount::default()) };
        let doing = format!("merging rows into table {target}");
        let (mut inserted, mut updated) = (0, 0);
        let runs = match table.key() {
            // One statement, so that its one id tells whether it was done.
            [] => vec![None],
            _ => day_runs(&found, &state.stager.days, state.stager.has_null_day),
        };
        for days in runs {
            let merge = Merge {
                table,
                found: &found,
                target: &self.address.quoted(&target),
                staging: &self.address.quoted(staging),
                on_conflict: self.load.on_conflict,
                days,
            };
            let sql = merge.sql();
            let (series, holds) = if table.key().is_empty() {
                (append_series(&self.address, &self.jobs, &self.load, &target), Holds::SinceCreated { table: &target })
            } else {
                let mut parts = self.parts(&target, &state.uris);
                parts.push(&sql);
                let holds = match self.goes_on {
                    true => Holds::SinceCreated { table: &target },
                    // It may be done again: rows that are there stay, or become what they are.
                    false => Holds::Unknown,
                };
                (Series::new("merge", &parts), holds)
            };
            let Done { id, job } = self.jobs.run(&doing, &series, &Work::Query(sql), holds).await?;
            let (new, changed) = match (job.changed, job.affected) {
                (Some(changed), _) => changed,
                // Emulators that know the sum alone.
                (None, Some(new)) if self.load.on_conflict == OnConflict::Keep => (new, 0),
                _ => {
                    let what = "BigQuery does not say how many rows it inserted and how many it updated".to_owned();
                    return Err(self.jobs.context.odd(&doing, what, Some(&id)));
                }
            };
            (inserted, updated) = (inserted + new, updated + changed);
            let is_all = inserted == rows || !table.key().is_empty();
            if inserted > rows || !is_all {
                let what = format!("{inserted} rows were inserted, and {rows} were to be merged");
                return Err(self.jobs.context.odd(&doing, what, Some(&id)));
            }
        }
        // Keys that the table has more than once are changed more than once.
        let updated = updated.min(rows - inserted);
        Ok(TableCount { inserted, updated, already: rows - inserted - updated })
    }

    /// The table as it is now, compared once more; made where it is not there.
    async fn made(&self, target: &str, table: &Table) -> Result<FoundTable, SinkError> {
        if let Some((found, _)) = find(&self.jobs, &self.address, target, table).await? {
            return Ok(found);
        }
        let doing = format!("creating table {target}");
        let made = new_table(target, table);
        match Patience::default().call(|| self.jobs.service.create_table(&made)).await {
            Err(error) if !error.is(409) => return Err(self.jobs.context.call(&doing, &error)),
            _ => {}
        }
        match find(&self.jobs, &self.address, target, table).await? {
            Some((found, _)) => Ok(found),
            None => Err(self.jobs.context.odd(&doing, "it was made, and is not there".to_owned(), None)),
        }
    }

    /// Removes what was staged. What is left all the same goes by itself, or with the next run of the job.
    pub(super) async fn tidy(&mut self) {
        for name in std::mem::take(&mut self.staged) {
            match Patience::LITTLE.call(|| self.jobs.service.delete_table(&name)).await {
                Err(error) if !error.is(404) => {
                    let error = self.jobs.context.call(&format!("removing table {name}"), &error);
                    tracing::warn!("a table of rows that are loaded stays for a day: {error}");
                }
                _ => {}
            }
        }
        if self.tables.iter().any(|t| !t.uris.is_empty())
            && let Err(error) = self.area.clear().await
        {
            tracing::warn!("objects stay below {}, which may be removed: {error}", self.area.name());
        }
        self.tables.iter_mut().for_each(|t| t.uris.clear());
    }
}

/// The job that appends rows to a table without a key: one for the same input, however often it is run.
fn append_series(address: &Address, jobs: &Jobs, load: &Load, target: &str) -> Series {
    let Address { project, dataset, .. } = address;
    Series::new("append", &[&load.job, project, dataset, target, &jobs.location])
}

fn position(table: &Table, column: &str) -> Option<usize> {
    table.columns().iter().position(|c| c.name.eq_ignore_ascii_case(column))
}

/// One statement for all rows, or one for so many partitions each.
fn day_runs(found: &FoundTable, days: &BTreeSet<i32>, null: bool) -> Vec<Option<Days>> {
    let a_day = match found.partition.as_ref().map(|p| p.by.as_str()) {
        Some("HOUR") => 24,
        Some("DAY") => 1,
        _ => return vec![None],
    };
    let most = PARTITIONS / a_day;
    if days.len() <= most {
        return vec![None];
    }
    let days: Vec<_> = days.iter().copied().collect();
    runs(&days, most, null).into_iter().map(Some).collect()
}

fn in_millis(at: SystemTime) -> i64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
