//! Pages of lists and of rows.

use super::http::Request;
use super::refusal::Refusal;
use super::text;

/// Which part of a list is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    from: usize,
    most: usize,
}

impl Page {
    /// Reads `maxResults`, `pageToken` and `startIndex`; a page holds `most` where the request does not want fewer.
    pub(crate) fn of(request: &Request, most: usize) -> Result<Self, Refusal> {
        let from = match request.param("pageToken") {
            Some(token) => from_token(token).ok_or_else(|| Refusal::invalid("Invalid page token"))?,
            None => request.number("startIndex")?.unwrap_or_default(),
        };
        Ok(Self { from, most: request.number("maxResults")?.unwrap_or(most).min(most) })
    }

    /// The beginning of a list, no more than `most`.
    pub(crate) fn first(most: usize) -> Self {
        Self { from: 0, most }
    }

    /// The part, and the token for the one behind it.
    pub(crate) fn cut<'a, T>(&self, all: &'a [T]) -> (&'a [T], Option<String>) {
        let rest = all.get(self.from..).unwrap_or_default();
        match rest.split_at_checked(self.most) {
            Some((part, behind)) if !behind.is_empty() => (part, Some(token(self.from + self.most))),
            _ => (rest, None),
        }
    }
}

/// Opaque to the client.
fn token(from: usize) -> String {
    text::base64(format!("from {from}").as_bytes())
}

fn from_token(token: &str) -> Option<usize> {
    String::from_utf8(text::parse_base64(token)?).ok()?.strip_prefix("from ")?.parse().ok()
}
