//! A plugin that judges rows: opened for each table, called with the columns that it asked for.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use gristmill_record::outcome::{HOST_CODES, LONGEST_CODE, is_code};
use gristmill_record::{DataType, Table};

use crate::PluginError;
use crate::bindings::schema;
use crate::bindings::validate::{Severity as RawSeverity, Violation as RawViolation};
use crate::faults::{self, Faults};
use crate::input::Lowered;
use crate::instance::{Fault, Instance, Maker};
use crate::judge::{Severity, Validate, ValidateWorker, Violation};
use crate::output::MESSAGE;
use crate::table::TableWords;
use crate::text::tame;

/// Violations of one row: more are no help to anyone, and fill memory.
const VIOLATIONS_A_ROW: usize = 64;

/// A configured validator, as all its workers share it.
pub(crate) struct Judge {
    pub(crate) maker: Maker,
    pub(crate) name: String,
    pub(crate) digest: String,
    pub(crate) config: String,
    pub(crate) run_id: String,
    pub(crate) started_at: i64,
    tables: Vec<Judged>,
    faults: Faults,
}

/// A table, with what the validator reads of it.
#[derive(Clone)]
struct Judged {
    table: Table,
    /// Indexes of columns. None: it does not judge the table.
    columns: Vec<usize>,
}

impl Judge {
    /// Opens the validator for every table, and checks what it asks for.
    pub(crate) fn open(
        maker: Maker,
        name: String,
        digest: String,
        config: String,
        context: crate::Context,
        tables: &[Table],
    ) -> Result<Self, PluginError> {
        let crate::Context { run_id, started_at } = context;
        let mut judge =
            Self { maker, name, digest, config, run_id, started_at, tables: Vec::new(), faults: Faults::default() };
        for table in tables {
            let (_, columns) = judge.instance(table)?;
            judge.tables.push(Judged { table: table.clone(), columns });
        }
        Ok(judge)
    }

    /// The same with faults of its own.
    fn uncounted(&self) -> Self {
        Self {
            maker: self.maker.clone(),
            name: self.name.clone(),
            digest: self.digest.clone(),
            config: self.config.clone(),
            run_id: self.run_id.clone(),
            started_at: self.started_at,
            tables: self.tables.clone(),
            faults: Faults::default(),
        }
    }

    /// A fresh instance, opened for a table, and the columns that it reads.
    fn instance(&self, table: &Table) -> Result<(Instance, Vec<usize>), PluginError> {
        let plugin = || self.maker.plugin.to_string();
        let failed =
            |during| move |f: Fault| PluginError::Failed { plugin: plugin(), during, code: f.code, message: f.message };
        let mut instance = self.maker.make().map_err(failed("start"))?;
        let context = schema::Context { run_id: &self.run_id, started_at: self.started_at };
        let words = TableWords::of(table);
        let limit = self.maker.limits.call_time;
        let names = words
            .with(|types, table| instance.open_validate(limit, &self.config, context, types, table))
            .map_err(failed("open"))?
            .map_err(|why| PluginError::NotApplicable {
                plugin: plugin(),
                table: table.name().to_owned(),
                why: tame(&why, 1024),
            })?;
        let wrong = |what: String| PluginError::Columns { plugin: plugin(), table: table.name().to_owned(), what };
        let mut columns = Vec::with_capacity(names.len());
        for name in names {
            let shown = tame(&name, 128);
            let index = table.columns().iter().position(|c| c.name == name);
            let index = index.ok_or_else(|| wrong(format!("it has no column `{shown}`")))?;
            if columns.contains(&index) {
                return Err(wrong(format!("`{shown}` is asked for twice")));
            }
            columns.push(index);
        }
        Ok((instance, columns))
    }
}

/// A validator that is ready to judge.
pub struct ConfiguredValidator(pub(crate) Arc<Judge>);

impl ConfiguredValidator {
    /// For each table, the names of the columns that it reads; none where it does not judge the table.
    pub fn columns(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        self.0.tables.iter().map(|judged| {
            let name = |i: &usize| judged.table.columns().get(*i).map(|c| c.name.as_str());
            (judged.table.name(), judged.columns.iter().filter_map(name).collect())
        })
    }
}

impl Validate for ConfiguredValidator {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn digest(&self) -> &str {
        &self.0.digest
    }

    fn config(&self) -> &str {
        &self.0.config
    }

    fn refused_calls(&self) -> Vec<(String, u64)> {
        self.0.maker.refused()
    }

    /// Which of its rules it applies to which table is its own business.
    fn is_about(&self, _: &str, table: usize) -> bool {
        self.0.tables.get(table).is_some_and(|judged| !judged.columns.is_empty())
    }

    fn worker(&self) -> Result<Box<dyn ValidateWorker>, PluginError> {
        Ok(Box::new(Worker::new(Arc::clone(&self.0))))
    }

    fn second_worker(&self) -> Result<Box<dyn ValidateWorker>, PluginError> {
        Ok(Box::new(Worker::new(Arc::new(self.0.uncounted()))))
    }
}

/// A worker: one instance a table, as long as it behaves.
struct Worker {
    judge: Arc<Judge>,
    instances: Vec<Option<Used>>,
    failed_calls: u64,
}

struct Used {
    instance: Instance,
    /// Whether it has been handed rows.
    is_used: bool,
}

impl Worker {
    fn new(judge: Arc<Judge>) -> Self {
        let instances = judge.tables.iter().map(|_| None).collect();
        Self { judge, instances, failed_calls: 0 }
    }

    /// One call. `Ok(Err(…))` is a fault, after which there is no instance.
    fn call(
        &mut self,
        table: usize,
        rows: &RecordBatch,
        limit: Duration,
    ) -> Result<Result<Vec<Violation>, Fault>, PluginError> {
        let judge = Arc::clone(&self.judge);
        let plugin = || judge.maker.plugin.to_string();
        let missing = || PluginError::Batch { plugin: plugin(), what: format!("there is no table {table}") };
        let judged = judge.tables.get(table).ok_or_else(missing)?;
        let slot = self.instances.get_mut(table).ok_or_else(missing)?;
        let mut used = match slot.take() {
            Some(used) => used,
            None => {
                let (instance, columns) = judge.instance(&judged.table)?;
                if columns != judged.columns {
                    return Err(PluginError::Inconsistent { plugin: plugin() });
                }
                Used { instance, is_used: false }
            }
        };
        let types: Vec<&DataType> =
            judged.columns.iter().filter_map(|i| judged.table.columns().get(*i)).map(|c| &c.ty).collect();
        let lowered = rows
            .project(&judged.columns)
            .map_err(|e| e.to_string())
            .and_then(|rows| Lowered::new(&rows, types.into_iter()))
            .map_err(|what| PluginError::Batch { plugin: plugin(), what })?;
        let outcome = lowered
            .with(|batch| used.instance.validate(limit, batch))
            .and_then(|said| check(said, rows.num_rows(), judged).map_err(Fault::output));
        Ok(match outcome {
            Ok(violations) => {
                used.is_used = true;
                *slot = (!used.instance.is_worn()).then_some(used);
                Ok(violations)
            }
            Err(fault) => {
                self.failed_calls = self.failed_calls.saturating_add(1);
                judge.faults.lose(&judge.maker, used.instance.elapsed(), &fault)?;
                Err(fault)
            }
        })
    }

    /// Halves a batch that failed down to the rows that do it, each part in a fresh instance. No verdict is to be had on such a row, so it is refused.
    fn halve(&mut self, table: usize, rows: &RecordBatch, fault: Fault) -> Result<Vec<Violation>, PluginError> {
        let judge = Arc::clone(&self.judge);
        let mut found = Vec::new();
        let mut faulty = Vec::new();
        let blame = |row: u32, fault: Fault| {
            let message = format!("the validator failed on the row, so there is no verdict on it: {}", fault.message);
            let rule = fault.code.to_owned();
            faulty.push(Violation { row, rule, column: None, severity: Severity::Error, message });
        };
        faults::halve(rows.num_rows(), fault, &judge.maker, &judge.faults, blame, |first_row, n, limit| {
            if let Some(slot) = self.instances.get_mut(table) {
                *slot = None;
            }
            let verdict = self.call(table, &rows.slice(first_row as usize, n), limit)?;
            Ok(verdict.map(|violations| {
                let moved = violations.into_iter().map(|v| Violation { row: v.row.saturating_add(first_row), ..v });
                found.extend(moved);
            }))
        })?;
        found.extend(faulty);
        Ok(found)
    }
}

impl ValidateWorker for Worker {
    fn failed_calls(&self) -> u64 {
        self.failed_calls
    }

    fn validate(&mut self, table: usize, rows: &RecordBatch) -> Result<Vec<Violation>, PluginError> {
        let is_judged = self.judge.tables.get(table).is_some_and(|judged| !judged.columns.is_empty());
        if !is_judged || rows.num_rows() == 0 {
            return Ok(Vec::new());
        }
        let limit = self.judge.maker.limits.call_time;
        let was_used = self.instances.get(table).and_then(Option::as_ref).is_some_and(|used| used.is_used);
        let fault = match self.call(table, rows, limit)? {
            Ok(violations) => return Ok(violations),
            Err(fault) => fault,
        };
        // A row alone is not to blame for what calls before it did to the instance.
        if rows.num_rows() == 1
            && was_used
            && let Ok(violations) = self.call(table, rows, limit)?
        {
            return Ok(violations);
        }
        self.halve(table, rows, fault)
    }
}

/// Checks what `validate` returned.
fn check(said: Vec<RawViolation>, rows: usize, judged: &Judged) -> Result<Vec<Violation>, String> {
    let mut counts = vec![0_usize; rows];
    said.into_iter()
        .map(|v| {
            let Some(count) = counts.get_mut(v.row as usize) else {
                return Err(format!("a violation names row {} of {rows}", v.row));
            };
            *count = count.saturating_add(1);
            if *count > VIOLATIONS_A_ROW {
                return Err(format!("row {} has more than {VIOLATIONS_A_ROW} violations", v.row));
            }
            if !is_code(&v.rule) {
                return Err(format!(
                    "the rule of a violation must have 1 to {LONGEST_CODE} lower-case letters, digits, `-` and `.`, \
                     and not begin with {}",
                    HOST_CODES.join(", ")
                ));
            }
            let is_read = |name: &String| {
                let column = |i: &usize| judged.table.columns().get(*i).is_some_and(|c| c.name == *name);
                judged.columns.iter().any(column)
            };
            if v.column.as_ref().is_some_and(|name| !is_read(name)) {
                return Err(format!("the violation of `{}` names a column that the validator does not read", v.rule));
            }
            if v.message.len() > MESSAGE {
                let size = v.message.len();
                return Err(format!("the message on `{}` has {size} bytes, more than {MESSAGE}", v.rule));
            }
            let severity = match v.severity {
                RawSeverity::Warning => Severity::Warning,
                RawSeverity::Error => Severity::Error,
            };
            // Warnings are counted by rule; what they say is shown to nobody, and would fill memory.
            let message = if severity == Severity::Error { v.message } else { String::new() };
            Ok(Violation { row: v.row, rule: v.rule, column: v.column, severity, message })
        })
        .collect()
}
