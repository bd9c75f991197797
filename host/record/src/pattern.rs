//! Which documents a plugin takes: `teams/{team}/reports/{report}`.

use std::fmt;

/// A pattern over the path of a document below `…/documents/`, segment by segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
    segments: Vec<Segment>,
}

/// One segment of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Matches this text and no other.
    Literal(String),
    /// `{name}`: matches any one segment, and captures it.
    Capture(String),
    /// `*`: matches any one segment.
    Any,
}

/// Why a text is not a pattern.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("document pattern `{pattern}`: {what}; a pattern is like `teams/{{team}}/reports/*`")]
pub struct PatternError {
    /// The text.
    pub pattern: String,
    /// What is wrong with it.
    pub what: String,
}

impl PathPattern {
    /// Reads a pattern. It has an even number of segments, none empty, and no capture twice.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let fail = |what: String| Err(PatternError { pattern: text.to_owned(), what });
        let mut segments = Vec::new();
        for part in text.split('/') {
            let segment = if part.is_empty() {
                return fail("it has an empty segment".into());
            } else if part == "*" {
                Segment::Any
            } else if let Some(name) = part.strip_prefix('{').and_then(|p| p.strip_suffix('}')) {
                if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
                    return fail(format!("`{part}` is not a capture: a name has letters, digits, `_` and `-`"));
                }
                if segments.contains(&Segment::Capture(name.to_owned())) {
                    return fail(format!("it captures `{name}` twice"));
                }
                Segment::Capture(name.to_owned())
            } else if part.contains(['{', '}']) || part.contains('*') {
                return fail(format!("`{part}` mixes text with a wildcard; a segment is one or the other"));
            } else {
                Segment::Literal(part.to_owned())
            };
            segments.push(segment);
        }
        if segments.len() % 2 != 0 {
            return fail(format!(
                "it has {} segments and so ends with a collection, not with a document",
                segments.len()
            ));
        }
        Ok(Self { text: text.to_owned(), segments })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its segments, from the root.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The segment index of a capture.
    pub fn capture(&self, name: &str) -> Option<usize> {
        self.segments.iter().position(|s| matches!(s, Segment::Capture(n) if n == name))
    }

    /// The names of the captures, from the root.
    pub fn captures(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|s| match s {
            Segment::Capture(n) => Some(n.as_str()),
            _ => None,
        })
    }

    /// Whether segments match, one by one.
    pub fn matches<'a>(&self, mut path: impl Iterator<Item = &'a str>) -> bool {
        self.segments.iter().all(|s| match (s, path.next()) {
            (_, None) => false,
            (Segment::Literal(l), Some(p)) => l == p,
            (_, Some(_)) => true,
        }) && path.next().is_none()
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_segment_by_segment() {
        let p = PathPattern::parse("teams/{team}/reports/*").unwrap();
        assert!(p.matches("teams/a/reports/b".split('/')));
        assert!(!p.matches("teams/a/reports".split('/')));
        assert!(!p.matches("teams/a/reports/b/c/d".split('/')));
        assert!(!p.matches("team/a/reports/b".split('/')));
        assert_eq!(p.capture("team"), Some(1));
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, part) in [
            ("teams", "ends with a collection"),
            ("teams//a/b", "empty segment"),
            ("teams/a*", "mixes"),
            ("a/{x}/b/{x}", "twice"),
            ("a/{}", "not a capture"),
        ] {
            let error = PathPattern::parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
