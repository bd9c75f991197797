//! How many dead letters a run may have before it loads nothing.

use std::str::FromStr;

use crate::ledger::{Ledger, Rule};

/// What stands for any number.
const UNLIMITED: &str = "unlimited";

/// A limit on dead letters, as a count or as a share of the records that the plugin was to take.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum MaxRejected {
    /// Any number, but not all of them: a run of which nothing is left is a mistake of somebody's.
    #[default]
    NotAll,
    /// Any number.
    Unlimited,
    /// At most this many.
    Count(u64),
    /// At most this share, in percent, 0 to 100. Under 100 % no run has too many, though a record may be several dead letters.
    Percent(f64),
}

impl MaxRejected {
    /// Why the ledger exceeds the limit, or `None` where it keeps it.
    pub fn exceeded(&self, ledger: &Ledger) -> Option<String> {
        let dead = ledger.dead_letters();
        let taken = ledger.records.read - ledger.records.other;
        match *self {
            Self::NotAll => ledger.all_refused(),
            Self::Unlimited => None,
            // Of records and of rows: both are dead letters.
            Self::Count(max) => {
                (dead > max).then(|| format!("there are {dead} dead letters, and at most {max} may be"))
            }
            Self::Percent(max) => {
                let share = percent(dead, taken);
                (share > max && max < 100.0).then(|| {
                    format!("there are {dead} dead letters for {taken} records, which is {share:.3} %, and at most {max} % may be")
                })
            }
        }
    }
}

/// A limit on one rule or code: more, and nothing is loaded.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// The one validator whose rule is meant. None: a rule of any, and the code of dead letters as well.
    pub validator: Option<String>,
    /// The rule of a validator, whose warnings count too, or the code of dead letters.
    pub code: String,
    /// How many rows may break the rule, or what share of those that were made; and how many dead letters may have the code, or what share of the
    /// records that the plugin was to take they may be.
    pub max: MaxRejected,
}

impl Gate {
    /// Why the ledger exceeds the limit, or `None` where it keeps it.
    pub fn exceeded(&self, ledger: &Ledger) -> Option<String> {
        let is_meant = |rule: &&Rule| {
            rule.rule == self.code && self.validator.as_ref().is_none_or(|validator| *validator == rule.validator)
        };
        let broken = ledger.rules.iter().filter(is_meant).map(|r| r.rows).sum();
        // Of validators with a rule of the same name, that which is about the most.
        let of = ledger.rules.iter().filter(is_meant).map(|r| r.of).max().unwrap_or_default();
        let rows = self.max.passed_by(broken, of, "rows");
        if let Some(text) = rows {
            return Some(format!("the rule `{}` is broken by {text}", self.code));
        }
        // Each by itself: a validator must not be able to hide refusals behind a rule of the same name.
        let refused = ledger.refusals.get(&self.code).filter(|_| self.validator.is_none())?;
        let taken = ledger.records.read - ledger.records.other;
        let text = self.max.passed_by(*refused, taken, "records")?;
        Some(format!("refused with `{}` are {text}", self.code))
    }
}

impl MaxRejected {
    /// `5 of 100 rows, which is 5.000 %, and at most 1 % may`, where that is so.
    fn passed_by(&self, count: u64, of: u64, what: &str) -> Option<String> {
        let share = percent(count, of);
        match *self {
            Self::Count(max) if count > max => Some(format!("{count} {what}, and at most {max} may")),
            Self::Percent(max) if share > max => {
                Some(format!("{count} of {of} {what}, which is {share:.3} %, and at most {max} % may"))
            }
            _ => None,
        }
    }
}

impl FromStr for Gate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (code, max) = text.split_once('=').ok_or("it is not RULE=COUNT or RULE=SHARE%".to_owned())?;
        Ok(Self { validator: None, code: code.to_owned(), max: max.parse()? })
    }
}

fn percent(count: u64, of: u64) -> f64 {
    // A count of records is far below 2^53, where a double is exact.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    let share = if of == 0 { 0.0 } else { count as f64 * 100.0 / of as f64 };
    share
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
            None if text == UNLIMITED => Ok(Self::Unlimited),
            None => text.parse().map(Self::Count).map_err(|_| wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Records, Rows};

    #[test]
    fn gates_of_rules_and_codes() {
        let rule = |severity, rows| Rule { validator: "v@1".into(), rule: "range".into(), severity, rows, of: 2_000 };
        let ledger = Ledger {
            records: Records { read: 1_000, mapped: 990, refused: 10, ..Records::default() },
            // Of two tables, and the rule is about one of them.
            rows: [2_000, 8_000].map(|made| Rows { made, ..Rows::default() }).into(),
            refusals: [("decode.utf8".to_owned(), 10)].into(),
            rules: vec![rule("error", 2), rule("warning", 3)],
        };
        for (gate, ok) in [
            ("range=5", true),
            ("range=4", false),
            ("range=0.25%", true),
            ("range=0.2%", false),
            ("decode.utf8=1%", true),
            ("decode.utf8=9", false),
            ("unheard-of=0", true),
        ] {
            assert_eq!(gate.parse::<Gate>().unwrap().exceeded(&ledger).is_none(), ok, "{gate}");
        }
        let said = "range=4".parse::<Gate>().unwrap().exceeded(&ledger).unwrap();
        assert_eq!(said, "the rule `range` is broken by 5 rows, and at most 4 may");
        // A rule of the same name hides no refusals, and a gate of one validator does not look at others.
        let hiding = Ledger {
            rules: vec![Rule {
                validator: "w@1".into(),
                rule: "decode.utf8".into(),
                severity: "warning",
                rows: 1,
                of: 2_000,
            }],
            ..ledger.clone()
        };
        assert!("decode.utf8=9".parse::<Gate>().unwrap().exceeded(&hiding).is_some());
        let of = |validator: &str| Gate { validator: Some(validator.into()), ..Gate::from_str("range=4").unwrap() };
        assert!(of("v@1").exceeded(&ledger).is_some() && of("w@1").exceeded(&ledger).is_none());
        assert!("range".parse::<Gate>().is_err() && "range=x".parse::<Gate>().is_err());
    }

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
        let rows = vec![Rows { made: 3_000, invalid: 3_000, ..Rows::default() }];
        let rows_too = Ledger { rows, ..ledger };
        assert!("99.9%".parse::<MaxRejected>().unwrap().exceeded(&rows_too).is_some());
        assert_eq!("100%".parse::<MaxRejected>().unwrap().exceeded(&rows_too), None);
        for text in ["", "-1", "101%", "NaN%", "x"] {
            assert!(text.parse::<MaxRejected>().is_err(), "{text}");
        }
    }
}
