//! The reduce: of rows with one key, which stays.
//!
//! The document that comes first in input order owns the key. Of its rows (and those of copies of it) the newest by `latest-by` stays,
//! the first in input order where there is none or they are equal; the others are duplicates. Rows of any other document are
//! collisions. Nothing depends on the order in which rows arrived.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::keys::{Entry, RowPosition};

/// A row whose key belongs to another document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Collision {
    /// The row that is refused.
    pub(crate) loser: RowPosition,
    /// Where the document of the loser begins in its file.
    pub(crate) loser_offset: u64,
    /// The first row with that key.
    pub(crate) owner: RowPosition,
    /// Where the document of the owner begins in its file.
    pub(crate) owner_offset: u64,
}

/// What the reduce of one partition found.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    pub(crate) duplicates: u64,
    pub(crate) collisions: Vec<Collision>,
}

impl Resolved {
    /// Adds what another partition had.
    pub(crate) fn join(&mut self, other: Self) {
        self.duplicates += other.duplicates;
        self.collisions.extend(other.collisions);
    }
}

/// The hash of a key is its own hash.
#[derive(Default)]
struct KeyIsHash(u64);

impl Hasher for KeyIsHash {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {}
    #[expect(clippy::cast_possible_truncation, reason = "the low half is as good a hash as the whole")]
    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }
}

/// A row with values that must be unique, and are those of a row before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Repeat {
    /// The row.
    pub(crate) row: RowPosition,
    /// Where its document begins in its file.
    pub(crate) offset: u64,
    /// The first row with those values.
    pub(crate) first: RowPosition,
    /// Where the document of the first row begins in its file.
    pub(crate) first_offset: u64,
}

/// Repeats among the rows of a partition that stay.
pub(crate) fn repeats(mut entries: Vec<Entry>, stay: &Survivors) -> Vec<Repeat> {
    entries.retain(|e| stay.stays(e.position.split as usize, u64::from(e.position.row)));
    let mut found = Vec::new();
    for group in repeated(&entries).chunk_by(|a, b| a.key == b.key) {
        let Some((first, others)) = group.split_first() else { continue };
        found.extend(others.iter().map(|e| Repeat {
            row: e.position,
            offset: e.offset,
            first: first.position,
            first_offset: first.offset,
        }));
    }
    found
}

/// Entries whose key occurs more than once, by key and then in input order.
fn repeated(entries: &[Entry]) -> Vec<Entry> {
    let mut first_of: HashMap<u128, u32, BuildHasherDefault<KeyIsHash>> =
        HashMap::with_capacity_and_hasher(entries.len(), BuildHasherDefault::default());
    // Nearly every key occurs once: only those that do not are gathered and sorted.
    let mut repeated: Vec<Entry> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        match first_of.entry(entry.key) {
            std::collections::hash_map::Entry::Vacant(slot) => {
                slot.insert(index);
            }
            std::collections::hash_map::Entry::Occupied(mut slot) => {
                let seen = std::mem::replace(slot.get_mut(), u32::MAX);
                if let Some(first) = usize::try_from(seen).ok().and_then(|i| entries.get(i)) {
                    repeated.push(*first);
                }
                repeated.push(*entry);
            }
        }
    }
    repeated.sort_unstable_by_key(|e| (e.key, e.position));
    repeated
}

/// Resolves a partition: every row that does not stay is passed to `drop_row`.
pub(crate) fn resolve(entries: &[Entry], mut drop_row: impl FnMut(RowPosition)) -> Resolved {
    let mut resolved = Resolved::default();
    for group in repeated(entries).chunk_by(|a, b| a.key == b.key) {
        let Some(owner) = group.first() else { continue };
        let stays = group
            .iter()
            .filter(|e| e.identity == owner.identity)
            .max_by(|a, b| a.latest.cmp(&b.latest).then(b.position.cmp(&a.position)))
            .map_or(owner.position, |e| e.position);
        for entry in group.iter().filter(|e| e.position != stays) {
            drop_row(entry.position);
            if entry.identity == owner.identity {
                resolved.duplicates += 1;
            } else {
                resolved.collisions.push(Collision {
                    loser: entry.position,
                    loser_offset: entry.offset,
                    owner: owner.position,
                    owner_offset: owner.offset,
                });
            }
        }
    }
    resolved
}

/// Which rows of a table stay: one bit a row, made only for splits that lose a row. Partitions set bits at the same time.
#[derive(Debug)]
pub(crate) struct Survivors {
    splits: Vec<std::sync::OnceLock<Box<[AtomicU64]>>>,
    rows: Vec<u64>,
}

impl Survivors {
    /// All rows of splits with so many rows.
    pub(crate) fn all(rows: Vec<u64>) -> Self {
        Self { splits: rows.iter().map(|_| std::sync::OnceLock::new()).collect(), rows }
    }

    /// Takes a row out.
    pub(crate) fn drop_row(&self, row: RowPosition) {
        let split = row.split as usize;
        let (Some(slot), Some(rows)) = (self.splits.get(split), self.rows.get(split)) else { return };
        let words = slot.get_or_init(|| (0..rows.div_ceil(64)).map(|_| AtomicU64::new(u64::MAX)).collect());
        if let Some(word) = words.get(row.row as usize / 64) {
            word.fetch_and(!(1 << (row.row % 64)), Ordering::Relaxed);
        }
    }

    /// Whether all rows of a split stay.
    pub(crate) fn is_whole(&self, split: usize) -> bool {
        self.splits.get(split).is_none_or(|s| s.get().is_none())
    }

    /// Whether a row stays.
    pub(crate) fn stays(&self, split: usize, row: u64) -> bool {
        let word = |words: &[AtomicU64]| {
            let index = usize::try_from(row / 64).ok()?;
            Some(words.get(index)?.load(Ordering::Relaxed) >> (row % 64) & 1 == 1)
        };
        self.splits.get(split).and_then(|s| s.get()).and_then(|w| word(w)).unwrap_or(true)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// What the module's first paragraph says, written as naively as possible.
    fn model(entries: &[Entry]) -> (Vec<RowPosition>, u64, u64) {
        let mut groups: BTreeMap<u128, Vec<Entry>> = BTreeMap::new();
        for e in entries {
            groups.entry(e.key).or_default().push(*e);
        }
        let (mut dropped, mut duplicates, mut collisions) = (vec![], 0, 0);
        for group in groups.values_mut() {
            group.sort_by_key(|e| e.position);
            let owner = group[0].identity;
            let newest = group.iter().filter(|e| e.identity == owner).map(|e| e.latest).max().unwrap();
            let stays = group.iter().find(|e| e.identity == owner && e.latest == newest).unwrap().position;
            for e in group.iter().filter(|e| e.position != stays) {
                dropped.push(e.position);
                if e.identity == owner { duplicates += 1 } else { collisions += 1 }
            }
        }
        dropped.sort();
        (dropped, duplicates, collisions)
    }

    proptest! {
        #[test]
        fn agrees_with_the_model(rows in proptest::collection::vec((0..20_u64, 0..3_u64, 0..3_i64), 0..200), seed in any::<u64>()) {
            let mut entries: Vec<Entry> = rows.iter().enumerate().map(|(i, (key, identity, latest))| Entry {
                key: u128::from(*key) << 100 | u128::from(*key),
                identity: *identity,
                position: RowPosition { split: u32::try_from(i).unwrap() / 50, row: u32::try_from(i).unwrap() % 50 },
                offset: i as u64,
                latest: *latest,
            }).collect();
            let expected = model(&entries);
            // Arrival in another order must not matter.
            entries.sort_by_key(|e| (e.offset.wrapping_mul(seed | 1)).rotate_left(17));
            let mut dropped = vec![];
            let resolved = resolve(&entries, |p| dropped.push(p));
            dropped.sort();
            prop_assert_eq!((dropped, resolved.duplicates, resolved.collisions.len() as u64), expected);
        }
    }

    #[test]
    fn survivors_are_told_by_bit() {
        let s = Survivors::all(vec![130, 0, 5]);
        assert!(s.is_whole(0));
        s.drop_row(RowPosition { split: 0, row: 129 });
        assert!(!s.is_whole(0) && s.is_whole(2));
        assert!(s.stays(0, 128) && !s.stays(0, 129) && s.stays(2, 4));
    }
}
