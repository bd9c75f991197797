//! What became of every record and every row. Summary, progress and JSON output all print this, so that they cannot disagree.

use std::collections::BTreeMap;

use gristmill_record::outcome::is_host_code;
use serde::{Deserialize, Serialize};

/// Counts of records, by how each ended (invariant 1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Records {
    /// Records read from the input.
    pub read: u64,
    /// Documents that the plugin's pattern does not take.
    pub other: u64,
    /// Records that became rows.
    pub mapped: u64,
    /// Records that the plugin made nothing of, on purpose.
    pub filtered: u64,
    /// Records that are dead letters.
    pub refused: u64,
}

impl Records {
    /// Adds the counts of a part of the input.
    pub fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.other += other.other;
        self.mapped += other.mapped;
        self.filtered += other.filtered;
        self.refused += other.refused;
    }
}

/// Counts of the rows of one table, by how each ended (invariant 1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    /// The table's name.
    pub table: String,
    /// Rows that the plugin made.
    pub made: u64,
    /// Rows that a validator refused: dead letters.
    pub invalid: u64,
    /// Rows new in the destination.
    pub inserted: u64,
    /// Rows that replaced another with their key in the destination.
    pub updated: u64,
    /// Rows that the destination held already.
    pub already: u64,
    /// Rows whose key another row of the same document, or of a copy of it, has in this run.
    pub duplicate: u64,
    /// Rows whose key another document's row has: dead letters.
    pub collision: u64,
    /// In a replay: rows of records that are not replayed, which the run that is replayed loaded.
    #[serde(default, skip_serializing_if = "is_none")]
    pub elsewhere: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

/// The whole account of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ledger {
    /// Every record read.
    pub records: Records,
    /// Every row made, by table, in the plugin's order.
    pub rows: Vec<Rows>,
    /// Dead letters by code.
    pub refusals: BTreeMap<String, u64>,
    /// Rules that rows broke, by validator in the job's order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
}

/// A rule of a validator, and how many rows broke it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// `name@version` of the validator.
    pub validator: String,
    /// The rule.
    pub rule: String,
    /// `error` or `warning`.
    pub severity: &'static str,
    /// Rows that broke it.
    pub rows: u64,
    /// Rows of the tables that it is about, which is what shares are of.
    pub of: u64,
}

/// Different codes that are counted apart. A plugin chooses its codes, and one that makes a code of every record must not fill memory.
pub(crate) const CODES: usize = 1_000;
/// What the codes beyond them are counted as.
pub(crate) const OTHER_CODES: &str = "(other codes)";

/// Counts dead letters by code.
pub(crate) fn count_code(counts: &mut BTreeMap<String, u64>, code: &str, by: u64) {
    // The host's own are few, and gates stand on them.
    let known = is_host_code(code) || counts.len() < CODES || counts.contains_key(code);
    let code = if known { code } else { OTHER_CODES };
    *counts.entry(code.to_owned()).or_default() += by;
}

/// Totals that do not add up: a bug, which the run reports instead of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imbalance(pub String);

impl Ledger {
    /// Records and rows that ended as dead letters.
    pub fn dead_letters(&self) -> u64 {
        self.records.refused + self.rows.iter().map(|r| r.invalid + r.collision).sum::<u64>()
    }

    /// What was refused, where that is all that there was: no record was filtered, and no row is left.
    pub fn all_refused(&self) -> Option<String> {
        let Records { mapped, filtered, refused, .. } = self.records;
        let rows: u64 = self.rows.iter().map(|r| r.made).sum();
        let duplicates: u64 = self.rows.iter().map(|r| r.duplicate).sum();
        let dead: u64 = self.rows.iter().map(|r| r.invalid + r.collision).sum();
        if filtered > 0 || dead + duplicates < rows || self.dead_letters() == 0 {
            return None;
        }
        Some(match (mapped, refused) {
            (0, 1) => "the only record was refused".to_owned(),
            (0, _) => format!("all {refused} records were refused"),
            (_, 0) => format!("all {dead} rows were refused"),
            (_, _) => {
                format!("{refused} of {} records were refused, and all {dead} rows of the others", mapped + refused)
            }
        })
    }

    /// Checks the records, which are all accounted for once the input is mapped.
    pub fn balance_records(&self) -> Result<(), Imbalance> {
        let r = &self.records;
        let sum = r.other + r.mapped + r.filtered + r.refused;
        if sum != r.read {
            return Err(Imbalance(format!(
                "{} records were read, but {sum} are accounted for ({} other, {} mapped, {} filtered, {} refused)",
                r.read, r.other, r.mapped, r.filtered, r.refused
            )));
        }
        let coded: u64 = self.refusals.values().sum();
        if coded != self.dead_letters() {
            return Err(Imbalance(format!("{} dead letters, but {coded} by code", self.dead_letters())));
        }
        Ok(())
    }

    /// Checks records and rows, which are all accounted for once the load is committed.
    pub fn balance(&self) -> Result<(), Imbalance> {
        self.balance_records()?;
        for r in &self.rows {
            let sum = r.inserted + r.updated + r.already + r.duplicate + r.collision + r.invalid + r.elsewhere;
            if sum != r.made {
                return Err(Imbalance(format!(
                    "table {}: {} rows were made, but {sum} are accounted for ({} inserted, {} updated, {} already there, \
                     {} duplicate, {} collision, {} invalid, {} loaded before)",
                    r.table, r.made, r.inserted, r.updated, r.already, r.duplicate, r.collision, r.invalid, r.elsewhere
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn one_lost_record_is_seen(other in 0..1000_u64, mapped in 0..1000_u64, filtered in 0..1000_u64, refused in 0..1000_u64, lost in 0..3_u64) {
            let records = Records { read: other + mapped + filtered + refused + lost, other, mapped, filtered, refused };
            let ledger = Ledger { records, rows: vec![], refusals: [("x".to_owned(), refused)].into(), ..Ledger::default() };
            prop_assert_eq!(ledger.balance().is_ok(), lost == 0);
        }

        /// One row that stays, or one record that is left out on purpose, and not all is refused.
        #[test]
        fn all_is_refused_where_nothing_is_left(refused in 0..9_u64, mapped in 0..9_u64, filtered in 0..2_u64, left in 0..2_u64, duplicate in 0..3_u64) {
            let records = Records { read: refused + mapped + filtered, mapped, filtered, refused, ..Records::default() };
            let invalid = 2 * mapped;
            let left = left.min(mapped);
            let rows = vec![Rows { made: invalid + left + duplicate, invalid, duplicate, ..Rows::default() }];
            let said = Ledger { records, rows, ..Ledger::default() }.all_refused();
            prop_assert_eq!(said.is_some(), filtered == 0 && left == 0 && refused + mapped > 0, "{:?}", said);
        }

        #[test]
        fn one_lost_row_is_seen(inserted in 0..1000_u64, already in 0..1000_u64, duplicate in 0..1000_u64, lost in 0..3_u64) {
            let made = inserted + already + duplicate + lost;
            let rows = Rows { table: "t".into(), made, inserted, already, duplicate, ..Rows::default() };
            let ledger = Ledger { rows: vec![rows], ..Ledger::default() };
            prop_assert_eq!(ledger.balance().is_ok(), lost == 0);
        }
    }
}
