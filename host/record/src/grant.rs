//! Sets of fields of documents: those that a job lets its plugin read, or those that are left out of dead letters.

use std::fmt;
use std::str::FromStr;

use crate::{Description, Origin};

/// A set of fields: `metrics.*,createdAt`. A path stands for the field and all below it; one that ends in `*` for all fields below; `*` alone for
/// everything. A step that holds a `.` or a `,` stands in backquotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    text: String,
    paths: Vec<Path>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Path {
    steps: Vec<String>,
    /// It ended in `*`.
    below: bool,
}

impl Grant {
    /// Whether the field with these steps is in the set, by itself or because all of a map around it is.
    pub fn covers(&self, steps: &[String]) -> bool {
        self.paths.iter().any(|path| path.covers(steps))
    }

    /// What a plugin declares to read and the grant does not cover, as `input (what it reads)`. Path captures, names and times of documents are
    /// no fields, and need no grant; the whole document needs `*`.
    pub fn exceeded(&self, description: &Description) -> Vec<String> {
        let is_covered = |origin: &Origin| match origin {
            Origin::Field(steps) | Origin::FieldType(steps) => self.paths.iter().any(|path| path.covers(steps)),
            Origin::Document => self.paths.iter().any(|path| path.steps.is_empty()),
            Origin::PathCapture(_) | Origin::DocumentName | Origin::CreateTime | Origin::UpdateTime => true,
        };
        let wanted = description.inputs().iter().filter(|input| !is_covered(&input.origin));
        wanted.map(|input| format!("{} ({})", input.name, input.origin)).collect()
    }
}

impl Path {
    fn covers(&self, steps: &[String]) -> bool {
        steps.starts_with(&self.steps) && (!self.below || steps.len() > self.steps.len())
    }
}

impl FromStr for Grant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut paths = Vec::new();
        let mut steps: Vec<(String, bool)> = Vec::new();
        let (mut step, mut is_quoted, mut was_quoted) = (String::new(), false, false);
        for c in text.chars().map(Some).chain([None]) {
            match c {
                Some('`') => {
                    is_quoted = !is_quoted;
                    was_quoted = true;
                }
                Some('.' | ',') | None if !is_quoted => {
                    let name = std::mem::take(&mut step);
                    let name = if was_quoted { name } else { name.trim().to_owned() };
                    if name.is_empty() {
                        return Err(format!("`{text}` has an empty step; write fields like metrics.*,createdAt"));
                    }
                    steps.push((name, std::mem::take(&mut was_quoted)));
                    if c != Some('.') {
                        paths.push(path(std::mem::take(&mut steps), text)?);
                    }
                }
                Some(c) => step.push(c),
                None => return Err(format!("`{text}` has a backquote without its pair")),
            }
        }
        Ok(Self { text: text.to_owned(), paths })
    }
}

fn path(mut steps: Vec<(String, bool)>, text: &str) -> Result<Path, String> {
    let is_star = |(name, was_quoted): &(String, bool)| name == "*" && !was_quoted;
    let below = steps.pop_if(|step| is_star(step)).is_some();
    if steps.iter().any(is_star) {
        return Err(format!("`{text}` has a `*` that is not the last step"));
    }
    Ok(Path { steps: steps.into_iter().map(|(name, _)| name).collect(), below })
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Input, OnMismatch, OutputColumn, Scalar, TableDraft};

    fn exceeded(grant: &str, origins: &[Origin]) -> Vec<String> {
        let input = |(i, origin): (usize, &Origin)| Input {
            name: format!("i{i}"),
            origin: origin.clone(),
            ty: match origin {
                Origin::Document => Scalar::Json.into(),
                Origin::CreateTime => Scalar::Timestamp.into(),
                _ => Scalar::String.into(),
            },
            required: false,
            on_mismatch: OnMismatch::Null,
        };
        let column =
            OutputColumn { name: "c".into(), ty: Scalar::String.into(), required: false, description: String::new() };
        let table = TableDraft { name: "t".into(), columns: vec![column], ..TableDraft::default() };
        let inputs = origins.iter().enumerate().map(input).collect();
        let description = Description::new("c/{id}", inputs, vec![table]).unwrap();
        grant.parse::<Grant>().unwrap().exceeded(&description)
    }

    fn field(path: &[&str]) -> Origin {
        Origin::Field(path.iter().map(|s| (*s).to_owned()).collect())
    }

    #[test]
    fn covers_what_it_names() {
        let all = [field(&["a"]), field(&["m", "x"]), field(&["m", "x", "y"]), field(&["m"]), field(&["p.q"])];
        assert_eq!(exceeded("*", &all), Vec::<String>::new());
        assert_eq!(exceeded("a, m.*,`p.q`", &all), ["i3 (field m)"]);
        assert_eq!(exceeded("m", &all), ["i0 (field a)", "i4 (field p.q)"]);
        assert_eq!(exceeded("m.x.y,a,m.z", &all).len(), 3);
        let types = [Origin::FieldType(vec!["a".into()]), Origin::PathCapture("id".into()), Origin::CreateTime];
        assert_eq!(exceeded("b", &types), ["i0 (type of field a)"]);
        assert_eq!(exceeded("a", &[Origin::Document]), ["i0 (whole document)"]);
        assert!(exceeded("*", &[Origin::Document]).is_empty());
        assert_eq!(exceeded("`*`", &[field(&["*"]), field(&["a"])]), ["i1 (field a)"]);
    }

    #[test]
    fn what_is_no_set_of_fields() {
        for (text, says) in [
            ("", "empty step"),
            ("a..b", "empty step"),
            ("a,", "empty step"),
            ("*.a", "not the last"),
            ("`a", "its pair"),
        ] {
            assert!(text.parse::<Grant>().unwrap_err().contains(says), "{text}");
        }
    }
}
