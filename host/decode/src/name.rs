//! Names of documents: `projects/P/databases/D/documents/teams/t1/reports/r1`.

use gristmill_record::pattern::Segment;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::projection::Projection;
use crate::value::Halt;

/// The name of the document at hand, its buffers kept from one to the next.
#[derive(Debug, Default)]
pub(crate) struct Name {
    /// The resource name.
    pub(crate) text: Vec<u8>,
    /// The application and database that the name begins with, where it was made of a key, and where its path begins: documents of
    /// one file have them in common.
    app: Vec<u8>,
    database: Vec<u8>,
    root: usize,
    /// Bytes of the text that are known to be UTF-8.
    checked: usize,
    /// Where the path below `…/documents/` begins in it.
    path: usize,
    /// The segments of the path: first byte, byte after the last.
    segments: Vec<(usize, usize)>,
}

impl Name {
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.segments.clear();
        self.path = 0;
        self.root = 0;
        self.checked = 0;
    }

    /// Takes a resource name as text.
    pub(crate) fn read(&mut self, name: &[u8]) -> Result<(), Halt> {
        self.clear();
        self.text.extend_from_slice(name);
        let unusable = |what: &str| Err(Halt::refuse("decode.document-name", Some("name".into()), what));
        // Where the path begins: behind the first segment called `documents` that does not begin the name.
        let mut path = None;
        let mut from = 0;
        for at in memchr::memchr_iter(b'/', name).chain([name.len()]) {
            if path.is_some() {
                if at == from {
                    return unusable("the path of the document has an empty segment");
                }
                self.segments.push((from, at));
            } else if from > 0 && at < name.len() && name.get(from..at) == Some(b"documents") {
                path = Some(at + 1);
            }
            from = at + 1;
        }
        let Some(path) = path else {
            return unusable(
                "the name of a document is like `projects/P/databases/D/documents/COLLECTION/ID`, and this has no `/documents/`",
            );
        };
        self.path = path;
        if !self.segments.len().is_multiple_of(2) {
            return unusable("the path of the document has an odd number of segments: it ends with a collection");
        }
        Ok(())
    }

    /// Begins a name from a key's parts: `app` is like `s~project`, the database `(default)` where the key has none.
    #[inline]
    pub(crate) fn begin(&mut self, app: &[u8], database: &[u8]) {
        if self.root > 0 && self.app == app && self.database == database {
            self.text.truncate(self.root);
            self.segments.clear();
            return;
        }
        self.clear();
        let project = memchr::memchr(b'~', app).and_then(|at| app.get(at + 1..)).unwrap_or(app);
        self.text.extend_from_slice(b"projects/");
        self.text.extend_from_slice(project);
        self.text.extend_from_slice(b"/databases/");
        self.text.extend_from_slice(if database.is_empty() { b"(default)" } else { database });
        self.text.extend_from_slice(b"/documents");
        self.root = self.text.len();
        self.path = self.root + 1;
        app.clone_into(&mut self.app);
        database.clone_into(&mut self.database);
    }

    /// Adds a segment, which `write` appends to the text.
    pub(crate) fn segment(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.text.push(b'/');
        let from = self.text.len();
        write(&mut self.text);
        self.segments.push((from, self.text.len()));
    }

    /// What of the text is not yet known to be UTF-8.
    pub(crate) fn unchecked(&self) -> &[u8] {
        self.text.get(self.checked..).unwrap_or_default()
    }

    /// Says that all of the text is UTF-8: what names of one file have in common need not be looked at again.
    pub(crate) fn check(&mut self) {
        self.checked = self.root;
    }

    pub(crate) fn segments(&self) -> usize {
        self.segments.len()
    }

    pub(crate) fn get(&self, segment: usize) -> Option<&[u8]> {
        let (from, to) = self.segments.get(segment)?;
        self.text.get(*from..*to)
    }

    /// Whether the projection takes the document.
    #[inline]
    pub(crate) fn is_taken(&self, projection: &Projection) -> bool {
        let Some(pattern) = &projection.pattern else { return true };
        pattern.len() == self.segments.len()
            && pattern.iter().enumerate().all(|(i, segment)| match segment {
                Segment::Literal(text) => self.get(i) == Some(text.as_bytes()),
                Segment::Capture(_) | Segment::Any => true,
            })
    }

    /// The hash of the path.
    pub(crate) fn identity(&self, seed: u64) -> u64 {
        xxh3_64_with_seed(self.text.get(self.path..).unwrap_or_default(), seed)
    }
}
