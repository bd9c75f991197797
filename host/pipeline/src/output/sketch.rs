//! A sketch of many rows in some hundred kilobytes, from which it can be told which rows two runs do not have in common.
//!
//! It has two parts. The *cells* are an invertible Bloom lookup table (Goodrich and Mitzenmacher, 2011): each row is added to three of them,
//! and where the cells of one run are subtracted from those of another, what both have is gone, and what is left can be taken apart again, exactly, as
//! long as it is no more than some thousand rows. Beyond that, the *sample* tells about how many there are: it has the rows with the smallest
//! hashes of keys, so that two runs sample the same keys. A table with no more rows than the sample has room for is in it whole.

use crate::output::difference::{self, Difference};
use crate::output::hash::fold;

/// Each row is in one cell of each part.
const PARTS: usize = 3;
/// Cells of a part; a power of two.
const CELLS: usize = 1 << 11;
/// Rows of the sample.
pub(super) const SAMPLE: usize = 1 << 11;
/// The layout below.
const FORMAT: u8 = 2;
/// Bits of a hash that a cell has: with so few, a sum of copies of one row can be divided again.
const CELL_BITS: u32 = 56;
/// Copies of a row that a sum is taken apart into.
const COPIES: i64 = 127;

/// The sum of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Cell {
    count: i32,
    check: u32,
    key: u64,
    row: u64,
}

/// The hash of the key of a row, and that of all its values.
pub(super) type Pair = (u64, u64);

/// The sketch of the rows of one table.
#[derive(Debug, Clone)]
pub struct Sketch {
    rows: u64,
    /// Empty in a finished one whose sample has all rows.
    cells: Vec<Cell>,
    /// In a finished one sorted.
    sample: Vec<Pair>,
    /// Only keys up to this one are in the sample.
    below: u64,
}

impl Default for Sketch {
    fn default() -> Self {
        Self { rows: 0, cells: vec![Cell::default(); PARTS * CELLS], sample: Vec::new(), below: u64::MAX }
    }
}

impl Cell {
    /// Adds a row so many times, or takes it away.
    fn add(&mut self, (key, row): Pair, check: u32, times: i32) {
        let wide = i64::from(times).cast_unsigned();
        self.count = self.count.wrapping_add(times);
        self.check = self.check.wrapping_add(check.wrapping_mul(times.cast_unsigned()));
        self.key = self.key.wrapping_add(key.wrapping_mul(wide));
        self.row = self.row.wrapping_add(row.wrapping_mul(wide));
    }

    fn minus(self, other: Self) -> Self {
        Self {
            count: self.count.wrapping_sub(other.count),
            check: self.check.wrapping_sub(other.check),
            key: self.key.wrapping_sub(other.key),
            row: self.row.wrapping_sub(other.row),
        }
    }

    /// The only row in it, how often, and by the sign of that on which side.
    fn only(self) -> Option<(Pair, i32)> {
        let times = i64::from(self.count);
        if times == 0 || times.abs() > COPIES {
            return None;
        }
        let (key, row) = (self.key.cast_signed(), self.row.cast_signed());
        if key % times != 0 || row % times != 0 {
            return None;
        }
        let pair = ((key / times).cast_unsigned(), (row / times).cast_unsigned());
        (places(pair).1.wrapping_mul(self.count.cast_unsigned()) == self.check).then_some((pair, self.count))
    }
}

/// The cells of a row, and what checks it: parts of one hash.
#[expect(clippy::cast_possible_truncation, reason = "parts of a hash")]
fn places((key, row): Pair) -> ([usize; PARTS], u32) {
    let hash = fold(key, row | 1);
    let place = |part: usize| part * CELLS + (hash >> (11 * part)) as usize % CELLS;
    ([place(0), place(1), place(2)], (hash >> 32) as u32)
}

impl Sketch {
    /// How many rows there are.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds a row.
    pub(super) fn add(&mut self, key: u64, row: u64) {
        self.rows += 1;
        let of_cells = (key >> (u64::BITS - CELL_BITS), row >> (u64::BITS - CELL_BITS));
        let (places, check) = places(of_cells);
        for place in places {
            if let Some(cell) = self.cells.get_mut(place) {
                cell.add(of_cells, check, 1);
            }
        }
        if key <= self.below {
            self.sample.push((key, row));
            if self.sample.len() >= 2 * SAMPLE {
                self.cut();
            }
        }
    }

    /// Keeps the smallest rows of the sample.
    fn cut(&mut self) {
        if self.sample.len() > SAMPLE {
            let (_, last, _) = self.sample.select_nth_unstable(SAMPLE - 1);
            self.below = last.0;
            self.sample.truncate(SAMPLE);
        }
    }

    /// Of all rows, as it is kept.
    pub(super) fn finish(mut self) -> Self {
        self.cut();
        self.sample.sort_unstable();
        if self.is_whole() {
            self.cells = Vec::new();
        }
        self
    }

    /// Whether the sample has all rows.
    fn is_whole(&self) -> bool {
        self.sample.len() as u64 == self.rows
    }

    /// What this run's rows have that the other's have not, and the other way round.
    pub fn difference(&self, other: &Self) -> Difference {
        if self.is_whole() && other.is_whole() {
            return difference::of_rows(&self.sample, &other.sample);
        }
        if let Some((ours, theirs)) = take_apart(self.all_cells(), &other.all_cells()) {
            return difference::of_rows(&ours, &theirs);
        }
        // Both sample every key below this one; of rows with this very key some may have had no room.
        let below = self.below.min(other.below);
        let is_in = |(key, _): &Pair| *key < below || below == u64::MAX;
        let up_to = |sample: &[Pair]| sample.iter().copied().filter(is_in).collect::<Vec<_>>();
        difference::of_rows(&up_to(&self.sample), &up_to(&other.sample)).of_sample(below)
    }

    fn all_cells(&self) -> Vec<Cell> {
        if !self.cells.is_empty() {
            return self.cells.clone();
        }
        let mut all = Self::default();
        self.sample.iter().for_each(|(key, row)| all.add(*key, *row));
        all.cells
    }

    /// As bytes, which [`Self::from_bytes`] reads.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        let mut put = |n: u64| bytes.extend(n.to_le_bytes());
        put(self.rows);
        put(self.below);
        put(self.sample.len() as u64);
        put(self.cells.len() as u64);
        for (key, row) in &self.sample {
            put(*key);
            put(*row);
        }
        for Cell { count, check, key, row } in &self.cells {
            put(u64::from(count.cast_unsigned()) << 32 | u64::from(*check));
            put(*key);
            put(*row);
        }
        bytes
    }

    /// A sketch that was written by [`Self::to_bytes`]; none where these bytes are none, or of another version of this program.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (format, rest) = bytes.split_first()?;
        if *format != FORMAT {
            return None;
        }
        let (numbers, tail) = rest.as_chunks::<8>();
        let mut numbers = numbers.iter().map(|n| u64::from_le_bytes(*n));
        let (rows, below) = (numbers.next()?, numbers.next()?);
        let (sampled, cells) = (numbers.next()?, numbers.next()?);
        let expected = sampled.checked_mul(2)?.checked_add(cells.checked_mul(3)?)?;
        if !tail.is_empty()
            || numbers.len() as u64 != expected
            || ![0, PARTS * CELLS].contains(&usize::try_from(cells).ok()?)
        {
            return None;
        }
        let sample = (0..sampled).map(|_| Some((numbers.next()?, numbers.next()?))).collect::<Option<Vec<_>>>()?;
        let mut cell = || {
            let first = numbers.next()?;
            let (count, check) = (u32::try_from(first >> 32).ok()?, u32::try_from(first & 0xffff_ffff).ok()?);
            Some(Cell { count: count.cast_signed(), check, key: numbers.next()?, row: numbers.next()? })
        };
        let cells = (0..cells).map(|_| cell()).collect::<Option<Vec<_>>>()?;
        let sketch = Self { rows, cells, sample, below };
        // One of the two parts must have all rows.
        (!sketch.cells.is_empty() || sketch.is_whole()).then_some(sketch)
    }
}

/// The rows of either side of which the other has none; none where they are too many.
fn take_apart(ours: Vec<Cell>, theirs: &[Cell]) -> Option<(Vec<Pair>, Vec<Pair>)> {
    let mut cells: Vec<Cell> = ours.into_iter().zip(theirs).map(|(a, b)| a.minus(*b)).collect();
    let mut waiting: Vec<usize> = (0..cells.len()).collect();
    let (mut plus, mut minus) = (Vec::new(), Vec::new());
    while let Some(place) = waiting.pop() {
        let Some((pair, times)) = cells.get(place).and_then(|cell| cell.only()) else { continue };
        let (places, check) = places(pair);
        if !places.contains(&place) {
            continue;
        }
        for place in places {
            cells.get_mut(place)?.add(pair, check, -times);
            waiting.push(place);
        }
        // A sum that only looks like a row could go round for ever.
        if plus.len() + minus.len() > cells.len() {
            return None;
        }
        let copies = std::iter::repeat_n(pair, times.unsigned_abs() as usize);
        if times > 0 { plus.extend(copies) } else { minus.extend(copies) }
    }
    cells.iter().all(|cell| *cell == Cell::default()).then_some((plus, minus))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Rows with these keys; a row has `version` for its values.
    fn sketch(rows: impl Iterator<Item = (u64, u64)>) -> Sketch {
        let mut sketch = Sketch::default();
        for (key, version) in rows {
            sketch.add(
                fold(key ^ 0x1234_5678_9abc_def1, 0x9e37_79b9_7f4a_7c15),
                fold(key * 7 + version + 1, 0x6a09_e667_f3bc_c909),
            );
        }
        Sketch::from_bytes(&sketch.finish().to_bytes()).unwrap()
    }

    fn counts(d: &Difference) -> [u64; 3] {
        [d.only_first, d.only_second, d.changed]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Whatever the number of rows, a few that differ are counted exactly.
        #[test]
        fn a_few_are_counted(rows in 0..20_000_u64, added in 0..400_u64, removed in 0..400_u64, changed in 0..400_u64) {
            let (removed, changed) = (removed.min(rows / 2), changed.min(rows / 2));
            let one = sketch((0..rows).map(|k| (k, 0)));
            let two = sketch((removed..rows + added).map(|k| (k, u64::from(k >= rows - changed && k < rows))));
            let found = one.difference(&two);
            prop_assert!(found.is_exact);
            prop_assert_eq!(counts(&found), [removed, added, changed]);
            prop_assert_eq!(counts(&two.difference(&one)), [added, removed, changed]);
            prop_assert_eq!(one.difference(&one).differing(), 0);
        }
    }

    #[test]
    fn thousands_exactly_and_more_than_that_about() {
        let one = sketch((0..200_000).map(|k| (k, 0)));
        let some = one.difference(&sketch((0..200_000).map(|k| (k, u64::from(k % 100 == 0)))));
        assert!(some.is_exact);
        assert_eq!(counts(&some), [0, 0, 2_000]);
        let many = one.difference(&sketch((50_000..200_000).map(|k| (k, u64::from(k % 2 == 0)))));
        assert!(!many.is_exact);
        for (found, true_count) in counts(&many).into_iter().zip([50_000_u64, 0, 75_000]) {
            assert!(found.abs_diff(true_count) <= true_count / 8, "{many:?}");
        }
    }

    #[test]
    fn equal_rows_without_a_key_count_each() {
        let one = sketch([1, 1, 1, 2].into_iter().map(|k| (k, 0)));
        let two = sketch([1, 2, 2, 3].into_iter().map(|k| (k, 0)));
        assert_eq!(counts(&one.difference(&two)), [2, 2, 0]);
    }

    /// The same of so many rows that the sample has not all of them: copies are taken apart as well.
    #[test]
    fn copies_are_counted_among_many_rows() {
        let rows = |one: usize, two: usize| {
            (10..20_000).chain(std::iter::repeat_n(1, one)).chain(std::iter::repeat_n(2, two)).map(|k| (k, 0))
        };
        let (one, two) = (sketch(rows(9, 5)), sketch(rows(7, 105)));
        let found = one.difference(&two);
        assert!(found.is_exact);
        assert_eq!(counts(&found), [2, 100, 0]);
        assert_eq!(counts(&two.difference(&one)), [100, 2, 0]);
    }

    #[test]
    fn bytes_that_are_none() {
        let bytes = sketch((0..5_000).map(|k| (k, 0))).to_bytes();
        assert!(Sketch::from_bytes(&bytes).is_some());
        assert!(Sketch::from_bytes(&bytes[..bytes.len() - 1]).is_none());
        assert!(Sketch::from_bytes(&bytes[..bytes.len() - 8]).is_none());
        assert!(Sketch::from_bytes(&[]).is_none());
        assert!(Sketch::from_bytes(&[&[FORMAT + 1], &bytes[1..]].concat()).is_none());
    }
}
