//! What can be wrong with a file of rules.

use gristmill_record::{Blame, Diagnose};

/// Why rules cannot be used. `place` is the file and the line.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// It is not TOML, or not of the form of rules.
    #[error("{place}: {what}")]
    Syntax {
        /// File and line.
        place: String,
        /// What is wrong there.
        what: String,
    },
    /// A rule cannot be applied.
    #[error("{place}: the rule `{rule}` {what}")]
    Rule {
        /// File and line.
        place: String,
        /// The rule.
        rule: String,
        /// What is wrong with it.
        what: String,
    },
}

impl Diagnose for RulesError {
    fn code(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "rules.syntax",
            Self::Rule { .. } => "rules.rule",
        }
    }

    fn blame(&self) -> Blame {
        Blame::Usage
    }

    fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Syntax { .. } => "Correct the file; docs/rules.md shows each kind of rule.".into(),
            Self::Rule { .. } => {
                "Correct the rule; `gristmill plugin inspect` lists the tables of the plugin with their columns.".into()
            }
        })
    }
}
