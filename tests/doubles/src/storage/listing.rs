//! Listing: in the order of names, in pages, folded at a delimiter, filtered by a glob.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};

use super::glob::Glob;
use super::object::Object;
use super::refusal::Refusal;

/// Objects and prefixes in a page, at most.
const PAGE: usize = 1_000;

/// What to list of a bucket.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    pub(crate) prefix: String,
    /// Names are cut behind the first of these that follows the prefix, and listed once.
    pub(crate) delimiter: String,
    /// Lists objects that end in the delimiter as objects too.
    pub(crate) include_trailing_delimiter: bool,
    pub(crate) match_glob: String,
    /// The first name, itself included.
    pub(crate) start: String,
    /// The first name after the last; empty for none.
    pub(crate) end: String,
    /// 0 for as many as the service gives.
    pub(crate) page_size: usize,
    /// From the page before; empty for the first.
    pub(crate) page_token: String,
}

/// One page of a listing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    pub(crate) objects: Vec<Arc<Object>>,
    pub(crate) prefixes: Vec<String>,
    /// For the next page; nothing on the last.
    pub(crate) next: Option<String>,
}

impl Page {
    /// The page of `objects` that `query` asks for.
    pub(crate) fn of(objects: &BTreeMap<String, Arc<Object>>, query: &Query) -> Result<Self, Refusal> {
        let glob = Glob::new(&query.match_glob)?;
        let size = if query.page_size == 0 { PAGE } else { query.page_size.min(PAGE) };
        let mut page = Self::default();
        let mut last = (!query.page_token.is_empty()).then(|| read_token(&query.page_token)).transpose()?;
        let first = [query.prefix.as_str(), query.start.as_str(), last.as_deref().unwrap_or_default()];
        let first = first.into_iter().max().unwrap_or_default().to_owned();
        for (name, object) in objects.range::<str, _>((Bound::Included(first.as_str()), Bound::Unbounded)) {
            if !name.starts_with(&query.prefix) || (!query.end.is_empty() && *name >= query.end) {
                break;
            }
            let folded = query.fold(name);
            let entry = folded.unwrap_or(name);
            // Names of one prefix stand together, so that the last entry is the only one that can come again; a
            // prefix and an object of the same name are one place in the order.
            if last.as_deref().is_some_and(|last| entry <= last) || !glob.matches(entry) {
                continue;
            }
            if page.objects.len() + page.prefixes.len() >= size {
                page.next = last.as_deref().map(write_token);
                break;
            }
            match folded {
                Some(prefix) => page.prefixes.push(prefix.to_owned()),
                None => page.objects.push(Arc::clone(object)),
            }
            if folded == Some(name) && query.include_trailing_delimiter {
                page.objects.push(Arc::clone(object));
            }
            last = Some(entry.to_owned());
        }
        Ok(page)
    }
}

impl Query {
    /// The prefix that a name is listed as, where it has the delimiter behind the prefix.
    fn fold<'a>(&self, name: &'a str) -> Option<&'a str> {
        if self.delimiter.is_empty() {
            return None;
        }
        let rest = name.get(self.prefix.len()..)?;
        let at = rest.find(&self.delimiter)?;
        name.get(..self.prefix.len() + at + self.delimiter.len())
    }
}

fn write_token(last: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(last)
}

fn read_token(token: &str) -> Result<String, Refusal> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok();
    let name = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    name.ok_or_else(|| Refusal::invalid("Invalid argument: the page token is not one that a listing gave."))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::super::object::{Attributes, Checksums};
    use super::*;

    fn objects(names: &[&str]) -> BTreeMap<String, Arc<Object>> {
        let object = |name: &str| Object {
            name: name.to_owned(),
            generation: 1,
            metageneration: 1,
            created: SystemTime::UNIX_EPOCH,
            attributes: Attributes::default(),
            checksums: Checksums::of(b""),
            bytes: Default::default(),
        };
        names.iter().map(|name| ((*name).to_owned(), Arc::new(object(name)))).collect()
    }

    /// All pages, `name` for objects and `name>` for prefixes.
    fn pages(names: &[&str], mut query: Query) -> Vec<Vec<String>> {
        let objects = objects(names);
        let mut pages = Vec::new();
        loop {
            let page = Page::of(&objects, &query).unwrap();
            let listed = page.objects.iter().map(|o| o.name.clone());
            pages.push(listed.chain(page.prefixes.iter().map(|p| format!("{p}>"))).collect());
            match page.next {
                Some(next) => query.page_token = next,
                None => return pages,
            }
        }
    }

    #[test]
    fn names_come_in_the_order_of_their_bytes() {
        let found = pages(&["b", "a", "é", "Z", "a/b", "a-b"], Query::default());
        assert_eq!(found, [["Z", "a", "a-b", "a/b", "b", "é"]]);
    }

    #[test]
    fn pages_are_full_and_the_last_one_has_no_token() {
        let names = ["a", "b", "c", "d"];
        let two = || Query { page_size: 2, ..Query::default() };
        assert_eq!(pages(&names, two()), [["a", "b"], ["c", "d"]]);
        assert_eq!(pages(&names, Query { prefix: "z".into(), ..two() }), [[""; 0]]);
        let bad = Query { page_token: "?".into(), ..two() };
        assert_eq!(Page::of(&objects(&names), &bad).unwrap_err().status, 400);
    }

    #[test]
    fn a_page_holds_a_thousand_at_most() {
        let names: Vec<String> = (0..1_001).map(|n| format!("{n:04}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let found = pages(&names, Query { page_size: 5_000, ..Query::default() });
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [1_000, 1]);
    }

    /// The example of <https://cloud.google.com/storage/docs/json_api/v1/objects/list>.
    #[test]
    fn a_delimiter_folds() {
        let names = ["a/b", "a/c", "d", "e", "e/f", "e/g/h"];
        let folded = |prefix: &str| Query { delimiter: "/".into(), prefix: prefix.into(), ..Query::default() };
        assert_eq!(pages(&names, folded("")), [["d", "e", "a/>", "e/>"]]);
        assert_eq!(pages(&names, folded("e/")), [["e/f", "e/g/>"]]);
        assert_eq!(pages(&names, Query { page_size: 1, ..folded("") }), [["a/>"], ["d"], ["e"], ["e/>"]]);
    }

    #[test]
    fn offsets_are_from_and_to() {
        let query = Query { start: "b".into(), end: "d".into(), ..Query::default() };
        assert_eq!(pages(&["a", "b", "c", "d"], query), [["b", "c"]]);
    }
}
