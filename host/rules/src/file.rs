//! The file: TOML to rules as they were written.

use gristmill_record::outcome::{HOST_CODES, LONGEST_CODE, is_code};
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
    pub(crate) unique: Option<UniqueDraft>,
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

/// By itself, or together with other columns.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "`unique` is `true`, or `{ with = [\"another column\"] }`")]
pub(crate) enum UniqueDraft {
    Alone(bool),
    With(WithDraft),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WithDraft {
    pub(crate) with: Vec<String>,
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
            if !is_code(name) {
                let what = format!(
                    "needs a name of 1 to {LONGEST_CODE} lower-case letters, digits, `-` and `.`; none that begins like a code of gristmill: {}",
                    HOST_CODES.join(", ")
                );
                return Err(file.wrong(rule, what));
            }
            if !names.insert(name) {
                return Err(file.wrong(rule, "stands in the file twice; violations are counted by name"));
            }
        }
        Ok(file)
    }

    /// The text of the file.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The gates, by rule, their limits as `read` reads them.
    ///
    /// # Errors
    /// Where `read` says that one cannot be read.
    pub fn gates<G>(&self, read: impl Fn(&str) -> Result<G, String>) -> Result<Vec<(&str, G)>, RulesError> {
        let mut gates = Vec::new();
        for rule in &self.rules {
            let RuleDraft { name, gate: Some(gate), .. } = rule.get_ref() else { continue };
            let limit = read(gate);
            gates.push((
                name.as_str(),
                limit.map_err(|what| self.wrong(rule, format!("has a gate that cannot be read: {what}")))?,
            ));
        }
        Ok(gates)
    }

    /// An error that names the place of a rule.
    pub(crate) fn wrong(&self, rule: &Spanned<RuleDraft>, what: impl Into<String>) -> RulesError {
        RulesError::Rule {
            place: place(&self.source, &self.text, rule.span().start),
            rule: rule.get_ref().name.clone(),
            what: what.into(),
        }
    }
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
        let file = RulesFile::parse("r", text).unwrap();
        assert_eq!(file.gates(|limit| Ok(limit.to_owned())).unwrap(), [("a", "0.1%".to_owned())]);
        let error = file.gates(|_| Err::<(), _>("no".into())).unwrap_err().to_string();
        assert_eq!(error, "r, line 1: the rule `a` has a gate that cannot be read: no");
    }
}
