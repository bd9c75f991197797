//! What validators say of rows: errors take rows out, warnings are counted.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use gristmill_plugin::{Severity, TableRows, Validate, ValidateWorker, Violation};
use gristmill_record::{Refusal, Stage, Table};

use crate::error::RunError;
use crate::ledger::CODES;
use crate::storable::retain;

/// Rows that break rules, by validator (in the job's order), rule and severity.
pub(crate) type RuleCounts = BTreeMap<(usize, String, Severity), u64>;

/// The validators of one worker.
pub(crate) struct Validators(Vec<(Arc<dyn Validate>, Box<dyn ValidateWorker>)>);

/// Where the records of a part lie.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) file: &'a str,
    /// Where each begins.
    pub(crate) offsets: &'a [u64],
}

/// A row that was taken out.
pub(crate) struct Refused {
    /// The row of the part that it was made from.
    pub(crate) origin: usize,
    /// Which validator.
    pub(crate) validator: usize,
    /// The first of its errors.
    pub(crate) refusal: Refusal,
}

impl Validators {
    pub(crate) fn new(validators: &[Arc<dyn Validate>]) -> Result<Self, RunError> {
        let with_worker = |v: &Arc<dyn Validate>| Ok((Arc::clone(v), v.worker()?));
        Ok(Self(validators.iter().map(with_worker).collect::<Result<_, RunError>>()?))
    }

    /// Takes the rows out of `made` that any validator refuses. Every validator judges every row, so that what one says has no influence on the
    /// verdicts of another. Where the rows are `verified`, each judges them again in a fresh instance, which must come to the same.
    pub(crate) fn judge(
        &mut self,
        index: usize,
        table: &Table,
        made: &mut TableRows,
        counts: &mut RuleCounts,
        verified: Option<Place<'_>>,
    ) -> Result<Vec<Refused>, RunError> {
        let rows = made.rows.num_rows();
        // By row: of several errors the first, of the first validator that has one.
        let mut refused: BTreeMap<u32, Refused> = BTreeMap::new();
        for (validator, (judge, worker)) in self.0.iter_mut().enumerate() {
            let violations = settled(worker.validate(index, &made.rows)?);
            if let Some(place) = verified {
                let again = settled(judge.second_worker()?.validate(index, &made.rows)?);
                if let Some(violation) = first_difference(&violations, &again) {
                    let record = made.origin(violation.row as usize);
                    return Err(RunError::NotDeterministicVerdict {
                        validator: judge.name().to_owned(),
                        table: table.name().to_owned(),
                        rule: violation.rule.clone(),
                        file: place.file.to_owned(),
                        offset: place.offsets.get(record).copied().unwrap_or_default(),
                    });
                }
            }
            for violation in violations {
                if !count_rule(counts, validator, &violation.rule, violation.severity, 1) {
                    return Err(RunError::TooManyRules { validator: judge.name().to_owned() });
                }
                if violation.severity != Severity::Error {
                    continue;
                }
                refused.entry(violation.row).or_insert_with(|| Refused {
                    origin: made.origin(violation.row as usize),
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
            let is_refused = |row| u32::try_from(row).is_ok_and(|row| refused.contains_key(&row));
            let keep: Vec<bool> = (0..rows).map(|row| !is_refused(row)).collect();
            retain(made, &keep)?;
        }
        Ok(refused.into_values().collect())
    }
}

/// Violations by row, errors first. A plugin may return them in any order, and a rule counts once a row.
pub(crate) fn settled(mut violations: Vec<Violation>) -> Vec<Violation> {
    violations.sort_by(order);
    violations.dedup_by(|a, b| (a.row, a.severity, &a.rule) == (b.row, b.severity, &b.rule));
    violations
}

fn order(a: &Violation, b: &Violation) -> Ordering {
    (a.row, b.severity, &a.rule, &a.column, &a.message).cmp(&(b.row, a.severity, &b.rule, &b.column, &b.message))
}

/// The first violation that only one of two judgements of the same rows has.
fn first_difference<'a>(one: &'a [Violation], other: &'a [Violation]) -> Option<&'a Violation> {
    let longest = one.len().max(other.len());
    let differing = (0..longest).map(|i| (one.get(i), other.get(i))).find(|(a, b)| a != b)?;
    match differing {
        (Some(a), Some(b)) => Some(if order(a, b).is_le() { a } else { b }),
        (a, b) => a.or(b),
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
