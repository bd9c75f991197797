//! Calling a plugin on one thread, and finding the record to blame when a call fails.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use gristmill_record::Description;

use crate::PluginError;
use crate::bindings::schema;
use crate::faults::{self, Faults};
use crate::input::Lowered;
use crate::instance::{Fault, Instance, Maker};
use crate::output::{self, Promised};
use crate::transform::{Mapped, Part, RecordFault, TransformWorker};

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

impl Job {
    /// The same with faults of its own.
    pub(crate) fn uncounted(&self) -> Self {
        Self {
            maker: self.maker.clone(),
            config: self.config.clone(),
            run_id: self.run_id.clone(),
            started_at: self.started_at,
            description: self.description.clone(),
            table_schemas: self.table_schemas.clone(),
            faults: Faults::default(),
        }
    }

    /// A fresh instance, opened, that declares what the first one declared.
    fn instance(&self) -> Result<Instance, PluginError> {
        let plugin = || self.maker.plugin.to_string();
        let (instance, description) = open(&self.maker, &self.config, &self.run_id, self.started_at)?;
        if crate::describe::check(&self.maker.plugin, description)? != self.description {
            return Err(PluginError::Inconsistent { plugin: plugin() });
        }
        Ok(instance)
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
                self.instance = (!instance.is_worn()).then_some(instance);
                self.is_used = true;
                Ok(Part { first_row, rows, tables, rejections })
            }
            Err(fault) => {
                job.faults.lose(&job.maker, instance.elapsed(), &fault)?;
                Err(fault)
            }
        })
    }

    /// Halves a batch that failed down to the records that do it, each part in a fresh instance.
    fn halve(&mut self, input: &RecordBatch, fault: Fault) -> Result<Mapped, PluginError> {
        let job = Arc::clone(&self.job);
        let mut mapped = Mapped::default();
        let blame = |row: u32, fault: Fault| {
            mapped.faults.push(RecordFault { row, code: fault.code, message: fault.message });
        };
        let parts = &mut mapped.parts;
        faults::halve(input.num_rows(), fault, &job.maker, &job.faults, blame, |first_row, rows, limit| {
            self.instance = None;
            let part = input.slice(first_row as usize, rows);
            Ok(self.call(&part, first_row, limit)?.map(|part| parts.push(part)))
        })?;
        Ok(mapped)
    }
}

impl TransformWorker for Worker {
    fn memory(&self) -> Option<u64> {
        self.instance.as_ref().map(Instance::memory)
    }

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
