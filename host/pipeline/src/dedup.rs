//! The reduce: of rows with one key, which stays.
//!
//! The document that comes first in input order owns the key. Of its rows (and those of copies of it) the newest by `latest-by` stays,
//! the first in input order where there is none or they are equal; the others are duplicates. Rows of any other document are
//! collisions. Nothing depends on the order in which rows arrived.

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
    // Nearly every key occurs once: only those that do not are gathered and sorted.
    let mut repeated: Vec<Entry> = Vec::new();
    let mut seen = Seen::with_room_for(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        seen.meet(entries, index, entry, &mut repeated);
    }
    repeated.sort_unstable_by_key(|e| (e.key, e.position));
    repeated
}

/// A hash table of entries by their key, which is its own hash. A place is one word: part of the key, and which entry it is. So the table of a
/// partition lies in a processor's own cache, and an entry is looked at only where that part agrees.
struct Seen {
    /// From the highest bit: 24 bits of the key; whether the entry was gathered; its index and one. 0 where there is none.
    places: Vec<u64>,
}

/// Bits of an index: no machine holds so many entries.
const INDEX: u32 = 39;
const GATHERED: u64 = 1 << INDEX;
/// The bits of a key that stand in a place.
const TAG: u64 = u64::MAX >> (INDEX + 1);

impl Seen {
    /// A table for so many keys, at most half full.
    fn with_room_for(keys: usize) -> Self {
        Self { places: vec![0; keys.saturating_mul(2).next_power_of_two()] }
    }

    /// Meets the entry with this index. One whose key was met before is gathered, and the first with that key before it, once.
    fn meet(&mut self, entries: &[Entry], index: usize, entry: &Entry, gathered: &mut Vec<Entry>) {
        // The highest bits of the key are those that chose the partition, the lowest choose the place.
        let (low, tag) = (entry.key as usize, (entry.key >> 64) as u64 & TAG);
        let mask = self.places.len() - 1;
        let mut at = low & mask;
        while let Some(place) = self.places.get_mut(at) {
            if *place == 0 {
                *place = tag << (INDEX + 1) | (index as u64 + 1);
                return;
            }
            if *place >> (INDEX + 1) == tag
                && let Some(first) = entries.get((*place & (GATHERED - 1)) as usize - 1)
                && first.key == entry.key
            {
                if *place & GATHERED == 0 {
                    *place |= GATHERED;
                    gathered.push(*first);
                }
                gathered.push(*entry);
                return;
            }
            at = (at + 1) & mask;
        }
    }
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
