//! Calling a plugin on one thread, and finding the record to blame when a call fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use gristmill_record::Description;

use crate::PluginError;
use crate::bindings::schema;
use crate::input::Lowered;
use crate::instance::{Fault, Instance, Maker};
use crate::output::{self, Promised};
use crate::transform::{Mapped, Part, RecordFault, TransformWorker};

/// Time that may be lost to failed calls before the run gives up, over all workers, in limits of one call: with an endless loop on
/// every record each fault costs one.
const LOST_CALLS: u32 = 30;

/// A part of a failed batch gets this share of the time limit: to run out of it only means to be halved again.
const PART_SHARE: u32 = 8;

/// Least time limit of a part.
const PART_LEAST: Duration = Duration::from_millis(20);

/// A configured plugin, as all its workers share it.
pub(crate) struct Job {
    pub(crate) maker: Maker,
    pub(crate) config: String,
    pub(crate) run_id: String,
    pub(crate) started_at: i64,
    pub(crate) description: Description,
    pub(crate) table_schemas: Vec<SchemaRef>,
    pub(crate) faults: Faults,
}

/// How often a plugin failed, and what that cost.
#[derive(Default)]
pub(crate) struct Faults {
    records: AtomicU32,
    lost_micros: AtomicU64,
}

impl Job {
    /// A fresh instance, opened, that declares what the first one declared.
    fn instance(&self) -> Result<Instance, PluginError> {
        let plugin = || self.maker.plugin.to_string();
        let (instance, description) = open(&self.maker, &self.config, &self.run_id, self.started_at)?;
        if crate::describe::check(&self.maker.plugin, description)? != self.description {
            return Err(PluginError::Inconsistent { plugin: plugin() });
        }
        Ok(instance)
    }

    fn too_many(&self, fault: &Fault, limit: String) -> PluginError {
        PluginError::TooManyFaults {
            plugin: self.maker.plugin.to_string(),
            records: self.faults.records.load(Ordering::Relaxed),
            last_code: fault.code,
            limit,
        }
    }

    /// Counts the time of a failed call.
    fn lose(&self, time: Duration, fault: &Fault) -> Result<(), PluginError> {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let lost = self.faults.lost_micros.fetch_add(micros, Ordering::Relaxed).saturating_add(micros);
        let limit = self.maker.limits.call_time.saturating_mul(LOST_CALLS);
        if u128::from(lost) <= limit.as_micros() {
            return Ok(());
        }
        Err(self.too_many(fault, format!("{} s of processor time in calls that failed", limit.as_secs_f64())))
    }

    /// Counts a record.
    fn blame(&self, fault: &Fault) -> Result<(), PluginError> {
        let records = self.faults.records.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let limit = self.maker.limits.faults;
        if records <= limit {
            return Ok(());
        }
        Err(self.too_many(fault, format!("the limit of {limit} such records")))
    }
}

/// A fresh instance and what it declares for a configuration.
pub(crate) fn open(
    maker: &Maker,
    config: &str,
    run_id: &str,
    started_at: i64,
) -> Result<(Instance, schema::Description), PluginError> {
    let plugin = || maker.plugin.to_string();
    let failed =
        |during| move |f: Fault| PluginError::Failed { plugin: plugin(), during, code: f.code, message: f.message };
    let mut instance = maker.make().map_err(failed("start"))?;
    let context = schema::Context { run_id, started_at };
    let description = instance
        .open(maker.limits.call_time, config, context)
        .map_err(failed("open"))?
        .map_err(|why| PluginError::Refused { plugin: plugin(), why: crate::text::tame(&why, 1024) })?;
    Ok((instance, description))
}

/// A worker: one instance, as long as it behaves.
pub(crate) struct Worker {
    job: Arc<Job>,
    instance: Option<Instance>,
    /// Whether the instance has been handed records.
    is_used: bool,
}

impl Worker {
    pub(crate) fn new(job: Arc<Job>) -> Result<Self, PluginError> {
        let instance = Some(job.instance()?);
        Ok(Self { job, instance, is_used: false })
    }

    /// One call. `Ok(Err(…))` is a fault, after which there is no instance.
    fn call(
        &mut self,
        input: &RecordBatch,
        first_row: u32,
        limit: Duration,
    ) -> Result<Result<Part, Fault>, PluginError> {
        let job = Arc::clone(&self.job);
        let mut instance = match self.instance.take() {
            Some(instance) => instance,
            None => {
                self.is_used = false;
                job.instance()?
            }
        };
        let lowered = Lowered::new(input, job.description.inputs().iter().map(|i| &i.ty))
            .map_err(|what| PluginError::Batch { plugin: job.maker.plugin.to_string(), what })?;
        let rows = u32::try_from(input.num_rows()).unwrap_or(u32::MAX);
        let promised = Promised {
            description: &job.description,
            schemas: &job.table_schemas,
            input_rows: rows,
            max_elements: job.maker.limits.output,
        };
        let outcome = lowered
            .with(|batch| instance.transform(limit, batch))
            .and_then(|output| output::check(output, &promised).map_err(Fault::output));
        Ok(match outcome {
            Ok((tables, rejections)) => {
                self.instance = Some(instance);
                self.is_used = true;
                Ok(Part { first_row, rows, tables, rejections })
            }
            Err(fault) => {
                job.lose(instance.elapsed(), &fault)?;
                Err(fault)
            }
        })
    }

    /// Halves a batch that failed down to the records that do it, each part in a fresh instance.
    fn halve(&mut self, input: &RecordBatch, fault: Fault) -> Result<Mapped, PluginError> {
        let full = self.job.maker.limits.call_time;
        let share = full.checked_div(PART_SHARE).unwrap_or(full).max(PART_LEAST).min(full);
        let mut mapped = Mapped::default();
        // Parts that are known to fail, the first on top.
        let mut failed: Vec<(usize, usize, Fault)> = vec![(0, input.num_rows(), fault)];
        let mut waiting: Vec<(usize, usize)> = Vec::new();
        loop {
            if let Some((first, rows, fault)) = failed.pop() {
                let half = rows / 2;
                if half > 0 {
                    waiting.push((first.saturating_add(half), rows - half));
                    waiting.push((first, half));
                } else {
                    self.job.blame(&fault)?;
                    let row = u32::try_from(first).unwrap_or(u32::MAX);
                    mapped.faults.push(RecordFault { row, code: fault.code, message: fault.message });
                }
            }
            let Some((first, rows)) = waiting.pop() else { return Ok(mapped) };
            self.instance = None;
            let limit = if rows == 1 { full } else { share };
            let first_row = u32::try_from(first).unwrap_or(u32::MAX);
            match self.call(&input.slice(first, rows), first_row, limit)? {
                Ok(part) => mapped.parts.push(part),
                Err(fault) => failed.push((first, rows, fault)),
            }
        }
    }
}

impl TransformWorker for Worker {
    fn transform(&mut self, input: &RecordBatch) -> Result<Mapped, PluginError> {
        let rows = input.num_rows();
        if rows == 0 {
            return Ok(Mapped::default());
        }
        let limit = self.job.maker.limits.call_time;
        let was_used = self.is_used && self.instance.is_some();
        let fault = match self.call(input, 0, limit)? {
            Ok(part) => return Ok(Mapped { parts: vec![part], faults: Vec::new() }),
            Err(fault) => fault,
        };
        // A record alone is not to blame for what calls before it did to the instance.
        if rows == 1 && was_used {
            return match self.call(input, 0, limit)? {
                Ok(part) => Ok(Mapped { parts: vec![part], faults: Vec::new() }),
                Err(fault) => self.halve(input, fault),
            };
        }
        self.halve(input, fault)
    }
}
