//! What validators say of rows: errors take rows out, warnings are counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::BooleanArray;
use arrow_select::filter::filter_record_batch;
use gristmill_plugin::{Severity, TableRows, Validate, ValidateWorker};
use gristmill_record::{Refusal, Stage, Table};

use crate::error::RunError;
use crate::ledger::CODES;

/// Rows that break rules, by validator (in the job's order), rule and severity.
pub(crate) type RuleCounts = BTreeMap<(usize, String, Severity), u64>;

/// The validators of one worker, and their names.
pub(crate) struct Validators(Vec<Box<dyn ValidateWorker>>, Vec<String>);

/// A row that was taken out.
pub(crate) struct Refused {
    /// The row of the part that it was made from.
    pub(crate) origin: u32,
    /// Which validator.
    pub(crate) validator: usize,
    /// The first of its errors.
    pub(crate) refusal: Refusal,
}

impl Validators {
    pub(crate) fn new(validators: &[Arc<dyn Validate>]) -> Result<Self, RunError> {
        let workers = validators.iter().map(|v| v.worker()).collect::<Result<_, _>>()?;
        Ok(Self(workers, validators.iter().map(|v| v.name().to_owned()).collect()))
    }

    /// Takes the rows out of `made` that any validator refuses. Every validator judges every row, so that what one says has no influence on the
    /// verdicts of another.
    pub(crate) fn judge(
        &mut self,
        index: usize,
        table: &Table,
        made: &mut TableRows,
        counts: &mut RuleCounts,
    ) -> Result<Vec<Refused>, RunError> {
        let rows = made.rows.num_rows();
        // By row: of several errors the first, of the first validator that has one.
        let mut refused: BTreeMap<u32, Refused> = BTreeMap::new();
        for (validator, worker) in self.0.iter_mut().enumerate() {
            let mut violations = worker.validate(index, &made.rows)?;
            // A plugin may return them in any order, and a rule counts once a row.
            violations
                .sort_by(|a, b| (a.row, b.severity, &a.rule, &a.column).cmp(&(b.row, a.severity, &b.rule, &b.column)));
            violations.dedup_by(|a, b| (a.row, a.severity, &a.rule) == (b.row, b.severity, &b.rule));
            for violation in violations {
                if !count_rule(counts, validator, &violation.rule, violation.severity, 1) {
                    return Err(RunError::TooManyRules {
                        validator: self.1.get(validator).cloned().unwrap_or_default(),
                    });
                }
                if violation.severity != Severity::Error {
                    continue;
                }
                let origin =
                    made.origins.as_ref().map_or(Some(violation.row), |o| o.get(violation.row as usize).copied());
                refused.entry(violation.row).or_insert_with(|| Refused {
                    origin: origin.unwrap_or_default(),
                    validator,
                    refusal: Refusal {
                        stage: Stage::Validate,
                        code: violation.rule,
                        field: Some(match violation.column {
                            Some(column) => format!("{}.{column}", table.name()),
                            None => table.name().to_owned(),
                        }),
                        message: violation.message,
                    },
                });
            }
        }
        if !refused.is_empty() {
            let row = |i: usize| u32::try_from(i).unwrap_or(u32::MAX);
            let keep: BooleanArray = (0..rows).map(|i| Some(!refused.contains_key(&row(i)))).collect();
            let origins = (0..rows).filter(|i| !refused.contains_key(&row(*i))).map(|i| match &made.origins {
                Some(origins) => origins.get(i).copied().unwrap_or_default(),
                None => row(i),
            });
            made.origins = Some(origins.collect());
            made.rows = filter_record_batch(&made.rows, &keep)
                .map_err(|e| RunError::Bug(format!("rows could not be filtered: {e}")))?;
        }
        Ok(refused.into_values().collect())
    }
}

/// Counts rows that break a rule. A validator chooses its rules, and one that makes a rule of every row must not fill memory: false where it has
/// more than are counted.
pub(crate) fn count_rule(counts: &mut RuleCounts, validator: usize, rule: &str, severity: Severity, by: u64) -> bool {
    let key = (validator, rule.to_owned(), severity);
    if !counts.contains_key(&key) && counts.keys().filter(|(v, ..)| *v == validator).count() >= CODES {
        return false;
    }
    *counts.entry(key).or_default() += by;
    true
}
