//! The file: TOML to rules as they were written.

use serde::Deserialize;
use toml::Spanned;

use crate::RulesError;

/// A file of rules, read but not yet fitted to tables.
#[derive(Debug)]
pub struct RulesFile {
    pub(crate) source: String,
    pub(crate) text: String,
    pub(crate) rules: Vec<Spanned<RuleDraft>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Draft {
    #[serde(default)]
    rule: Vec<Spanned<RuleDraft>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RuleDraft {
    pub(crate) name: String,
    pub(crate) table: Option<String>,
    pub(crate) column: String,
    #[serde(default)]
    pub(crate) severity: SeverityDraft,
    pub(crate) gate: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) required: Option<bool>,
    pub(crate) range: Option<RangeDraft>,
    pub(crate) one_of: Option<Vec<toml::Value>>,
    pub(crate) pattern: Option<String>,
    pub(crate) length: Option<LengthDraft>,
    pub(crate) freshness: Option<FreshnessDraft>,
    pub(crate) compare: Option<CompareDraft>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SeverityDraft {
    Warning,
    #[default]
    Error,
}

/// Both ends belong to the range.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RangeDraft {
    pub(crate) min: Option<toml::Value>,
    pub(crate) max: Option<toml::Value>,
}

/// Characters of a string, bytes of bytes, elements of a list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LengthDraft {
    pub(crate) min: Option<u64>,
    pub(crate) max: Option<u64>,
}

/// Against the one time that the run knows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct FreshnessDraft {
    pub(crate) max_age: Option<String>,
    pub(crate) max_ahead: Option<String>,
}

/// Against another column of the row.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CompareDraft {
    Equals(String),
    Differs(String),
    AtLeast(String),
    AtMost(String),
    Above(String),
    Below(String),
}

impl RulesFile {
    /// Reads a file; `source` names it in messages.
    ///
    /// # Errors
    /// Where the text is not TOML or a rule has unknown or missing parts.
    pub fn parse(source: &str, text: &str) -> Result<Self, RulesError> {
        let draft: Draft = toml::from_str(text).map_err(|e| RulesError::Syntax {
            place: place(source, text, e.span().map_or(0, |span| span.start)),
            what: e.message().to_owned(),
        })?;
        let file = Self { source: source.to_owned(), text: text.to_owned(), rules: draft.rule };
        let mut names = std::collections::HashSet::new();
        for rule in &file.rules {
            let name = &rule.get_ref().name;
            if !is_name(name) {
                return Err(file.wrong(rule, "needs a name of 1 to 64 lower-case letters, digits, `-` and `.`"));
            }
            if ["decode.", "plugin.", "sink.", "dedup."].iter().any(|prefix| name.starts_with(prefix)) {
                return Err(file.wrong(
                    rule,
                    "has a name that begins like a code of gristmill: decode., plugin., sink. or dedup.",
                ));
            }
            if !names.insert(name) {
                return Err(file.wrong(rule, "stands in the file twice; violations are counted by name"));
            }
        }
        Ok(file)
    }

    /// The gates: rule and limit, as they were written.
    pub fn gates(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rules.iter().filter_map(|rule| {
            let rule = rule.get_ref();
            rule.gate.as_deref().map(|gate| (rule.name.as_str(), gate))
        })
    }

    /// An error that names the place of a rule.
    pub(crate) fn wrong(&self, rule: &Spanned<RuleDraft>, what: impl Into<String>) -> RulesError {
        RulesError::Rule {
            place: place(&self.source, &self.text, rule.span().start),
            rule: rule.get_ref().name.clone(),
            what: what.into(),
        }
    }

    /// The same, by the rule's name: for what is found when a gate is read.
    pub fn wrong_gate(&self, name: &str, what: &str) -> Option<RulesError> {
        let rule = self.rules.iter().find(|rule| rule.get_ref().name == name)?;
        Some(self.wrong(rule, format!("has a gate that cannot be read: {what}")))
    }
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
}

/// `FILE, line N`.
fn place(source: &str, text: &str, offset: usize) -> String {
    let before = text.as_bytes().get(..offset).unwrap_or_default();
    let line = before.iter().filter(|b| **b == b'\n').count() + 1;
    format!("{source}, line {line}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_and_where() {
        let good = "[[rule]]\nname = \"a\"\ncolumn = \"c\"\nrequired = true\n";
        assert_eq!(RulesFile::parse("r.toml", good).unwrap().rules.len(), 1);
        for (text, says) in [
            ("[[rule]\n", "r.toml, line 1: "),
            ("\n\n[[rule]]\nname = \"a\"\ncolumn = \"c\"\nrang = {}\n", "r.toml, line 6: unknown field `rang`"),
            ("[[rule]]\nname = \"a\"\n", "missing field `column`"),
            ("[[rule]]\nname = \"A b\"\ncolumn = \"c\"\n", "line 1: the rule `A b` needs a name"),
            ("[[rule]]\nname = \"plugin.trap\"\ncolumn = \"c\"\n", "begins like a code of gristmill"),
            (&format!("{good}\n{good}"), "line 6: the rule `a` stands in the file twice"),
        ] {
            let error = RulesFile::parse("r.toml", text).unwrap_err().to_string();
            assert!(error.contains(says), "{says}: {error}");
        }
    }

    #[test]
    fn gates_by_rule() {
        let text = "[[rule]]\nname = \"a\"\ncolumn = \"c\"\nrequired = true\ngate = \"0.1%\"\n";
        assert_eq!(RulesFile::parse("r", text).unwrap().gates().collect::<Vec<_>>(), [("a", "0.1%")]);
    }
}
