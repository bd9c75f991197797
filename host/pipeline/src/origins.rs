//! Records that are replayed: where they lay when they were read first.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use gristmill_source::InputFile;

use crate::job::Job;

/// Where the records of a file of replayed records lay: its dead letters and messages name those places, which a reader can look up.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    /// Names of files, as the run that is replayed knew them.
    files: Vec<String>,
    /// Where a record begins in the file of replayed records, ascending; the index of the file it is from, and its offset there.
    places: Vec<(u64, u32, u64)>,
}

impl Origins {
    /// No records yet, from files with these names.
    pub fn new(files: Vec<String>) -> Self {
        Self { files, places: Vec::new() }
    }

    /// Adds the next record, which begins at `at` in the file of replayed records and lay in the file with index `file` at `offset`.
    pub fn push(&mut self, at: u64, file: u32, offset: u64) {
        self.places.push((at, file, offset));
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Where the record lay that begins at `at`.
    pub fn of(&self, at: u64) -> Option<(&str, u64)> {
        let index = self.places.binary_search_by_key(&at, |(at, _, _)| *at).ok()?;
        let (_, file, offset) = self.places.get(index)?;
        Some((self.files.get(*file as usize)?, *offset))
    }
}

/// What a run replays of another one.
#[derive(Debug, Clone)]
pub enum Replayed {
    /// The input is a file of records that were taken from dead letters.
    Letters(Arc<Origins>),
    /// The input is that of the run. Only rows of the records at these places are loaded, by name of file and offset: the others were.
    Places(Arc<HashMap<String, HashSet<u64>>>),
}

impl Job {
    /// Where a record of this input lies, in words that make sense to whoever knows the export.
    pub(crate) fn place<'a>(&'a self, file: &'a InputFile, offset: u64) -> (&'a str, u64) {
        let origin = match &self.replayed {
            Some(Replayed::Letters(origins)) => origins.of(offset),
            _ => None,
        };
        origin.unwrap_or((&file.name, offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_found_by_its_beginning() {
        let mut origins = Origins::new(vec!["a".into(), "b".into()]);
        assert!(origins.is_empty());
        origins.push(0, 1, 70);
        origins.push(12, 0, 7);
        assert_eq!((origins.of(0), origins.of(12), origins.of(5)), (Some(("b", 70)), Some(("a", 7)), None));
        assert_eq!(origins.len(), 2);
    }
}
