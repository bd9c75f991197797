//! What two sets of rows do not have in common.

use crate::output::sketch::Pair;

/// How many rows differ between two runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Difference {
    /// Rows whose key only the first run has.
    pub only_first: u64,
    /// Rows whose key only the second run has.
    pub only_second: u64,
    /// Rows whose key both have, with other values.
    pub changed: u64,
    /// Whether these are counts; otherwise they are estimates, from so many differing rows of a sample.
    pub is_exact: bool,
    /// Rows of the sample that differ, where there is one.
    pub sampled: u64,
}

impl Difference {
    /// Rows that differ in any way.
    pub fn differing(&self) -> u64 {
        self.only_first + self.only_second + self.changed
    }

    /// How far the true number may be off, as a share of it, 19 times of 20; 0 for a count.
    pub fn error(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        if self.is_exact { 0.0 } else { 2.0 / (self.sampled.max(1) as f64).sqrt() }
    }

    /// The estimate for all rows, where these are the counts for the keys up to one.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate"
    )]
    pub(super) fn of_sample(self, below: u64) -> Self {
        let share = (below as f64 + 1.0) / 2.0_f64.powi(64);
        let all = |n: u64| (n as f64 / share).round() as u64;
        Self {
            only_first: all(self.only_first),
            only_second: all(self.only_second),
            changed: all(self.changed),
            is_exact: false,
            sampled: self.differing(),
        }
    }
}

/// Counts what differs between rows.
pub(super) fn of_rows(first: &[Pair], second: &[Pair]) -> Difference {
    let sorted = |rows: &[Pair]| {
        let mut rows = rows.to_vec();
        rows.sort_unstable();
        rows
    };
    let (first, second) = without_common(&sorted(first), &sorted(second));
    let mut found = Difference { is_exact: true, ..Difference::default() };
    let (mut ours, mut theirs) = (first.iter().peekable(), second.iter().peekable());
    loop {
        match (ours.peek(), theirs.peek()) {
            (Some(a), Some(b)) if a.0 == b.0 => {
                found.changed += 1;
                ours.next();
                theirs.next();
            }
            (Some(a), Some(b)) if a.0 < b.0 => {
                found.only_first += 1;
                ours.next();
            }
            (Some(_), None) => {
                found.only_first += 1;
                ours.next();
            }
            (_, Some(_)) => {
                found.only_second += 1;
                theirs.next();
            }
            (None, None) => return found,
        }
    }
}

/// Two sorted lists without what both have, one for one.
fn without_common(first: &[Pair], second: &[Pair]) -> (Vec<Pair>, Vec<Pair>) {
    let (mut ours, mut theirs) = (first.iter().peekable(), second.iter().peekable());
    let (mut only_first, mut only_second) = (Vec::new(), Vec::new());
    loop {
        match (ours.peek(), theirs.peek()) {
            (Some(a), Some(b)) if a == b => {
                ours.next();
                theirs.next();
            }
            (Some(a), Some(b)) if a < b => only_first.extend(ours.next()),
            (Some(_), None) => only_first.extend(ours.next()),
            (_, Some(_)) => only_second.extend(theirs.next()),
            (None, None) => return (only_first, only_second),
        }
    }
}
