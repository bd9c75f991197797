//! How many dead letters a run may have before it loads nothing.

use std::fmt;
use std::str::FromStr;

use crate::ledger::Ledger;

/// A limit on dead letters, as a count or as a share of the records that the plugin was to take.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum MaxRejected {
    /// Any number.
    #[default]
    Unlimited,
    /// At most this many.
    Count(u64),
    /// At most this share, in percent, 0 to 100.
    Percent(f64),
}

impl MaxRejected {
    /// Why the ledger exceeds the limit, or `None` where it keeps it.
    pub fn exceeded(&self, ledger: &Ledger) -> Option<String> {
        let dead = ledger.dead_letters();
        let taken = ledger.records.read - ledger.records.other;
        match *self {
            Self::Unlimited => None,
            Self::Count(max) => (dead > max).then(|| format!("{dead} records were refused, and at most {max} may be")),
            Self::Percent(max) => {
                // A count of records is far below 2^53, where a double is exact.
                #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
                let share = if taken == 0 { 0.0 } else { dead as f64 * 100.0 / taken as f64 };
                (share > max).then(|| {
                    format!("{dead} of {taken} records were refused, which is {share:.3} %, and at most {max} % may be")
                })
            }
        }
    }
}

impl FromStr for MaxRejected {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is neither a count like `100` nor a share like `0.5%`");
        match text.strip_suffix('%') {
            Some(share) => match share.trim().parse::<f64>() {
                Ok(p) if (0.0..=100.0).contains(&p) => Ok(Self::Percent(p)),
                _ => Err(wrong()),
            },
            None if text == "unlimited" => Ok(Self::Unlimited),
            None => text.parse().map(Self::Count).map_err(|_| wrong()),
        }
    }
}

impl fmt::Display for MaxRejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => f.write_str("unlimited"),
            Self::Count(n) => write!(f, "{n}"),
            Self::Percent(p) => write!(f, "{p}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Records;

    #[test]
    fn counts_and_shares() {
        let ledger = Ledger {
            records: Records { read: 1_100, other: 100, refused: 5, mapped: 995, filtered: 0 },
            ..Ledger::default()
        };
        for (text, ok) in
            [("5", true), ("4", false), ("0.5%", true), ("0.49%", false), ("unlimited", true), ("0", false)]
        {
            assert_eq!(text.parse::<MaxRejected>().unwrap().exceeded(&ledger).is_none(), ok, "{text}");
        }
        for text in ["", "-1", "101%", "NaN%", "x"] {
            assert!(text.parse::<MaxRejected>().is_err(), "{text}");
        }
    }
}
