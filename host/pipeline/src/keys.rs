//! The shuffle: keys of rows, partitioned by their hash.
//!
//! Of each row only an [`Entry`] is shuffled: a 128-bit hash of its key, a hash of its document's path, its position, and the value by
//! which the newest is told. Two keys count as equal when their 128-bit hashes are; the seed of the hash is drawn anew for each run, and
//! nothing that a run puts out depends on it. Among 10^10 different keys, two share a hash with a probability of about 10^-19.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::error::RunError;
use crate::memory::Budget;
use crate::progress::Progress;
use crate::rows::lock;

/// Bytes of an entry in the spill file.
const ENTRY_BYTES: usize = 48;

/// What the reduce needs to know of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Of the key columns.
    pub(crate) key: u128,
    /// Of the document's path: rows with one key and different identities are a collision.
    pub(crate) identity: u64,
    /// Where the row lies among all rows of its table.
    pub(crate) position: RowPosition,
    /// Where its document begins in the split's file.
    pub(crate) offset: u64,
    /// The newest wins; `i64::MIN` where there is no value, so that it is the oldest.
    pub(crate) latest: i64,
}

/// Position of a row: the split, then the row in the split. Ordered as the input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RowPosition {
    pub(crate) split: u32,
    pub(crate) row: u32,
}

impl RowPosition {
    pub(crate) fn new(split: u32, row: u64) -> Result<Self, RunError> {
        let row = u32::try_from(row)
            .map_err(|_| RunError::Bug("a split holds more than 2^32 rows; cut the input into smaller files".into()))?;
        Ok(Self { split, row })
    }
}

impl Entry {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.key.to_le_bytes());
        out.extend_from_slice(&self.identity.to_le_bytes());
        out.extend_from_slice(&self.position.split.to_le_bytes());
        out.extend_from_slice(&self.position.row.to_le_bytes());
        out.extend_from_slice(&self.offset.to_le_bytes());
        out.extend_from_slice(&self.latest.to_le_bytes());
    }

    fn decode(bytes: &[u8; ENTRY_BYTES]) -> Self {
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(bytes.get(at..at + 8).unwrap_or(&[0; 8]));
            u64::from_le_bytes(word)
        };
        let position = word(24);
        Self {
            key: u128::from(word(0)) | u128::from(word(8)) << 64,
            identity: word(16),
            #[expect(clippy::cast_possible_truncation, reason = "the two halves of the word are meant")]
            position: RowPosition { split: position as u32, row: (position >> 32) as u32 },
            offset: word(32),
            latest: i64::from_le_bytes(word(40).to_le_bytes()),
        }
    }
}

/// Entries that were added together, gathered by partition: those of partition `p` are `entries[starts[p]..starts[p + 1]]`.
///
/// Not one growing vector a partition: every time it grew, all that it held was copied into memory that the kernel clears first.
struct Piece {
    entries: Box<[Entry]>,
    starts: Box<[u32]>,
}

impl Piece {
    fn of(&self, partition: usize) -> &[Entry] {
        let place = |i: usize| self.starts.get(i).map(|at| *at as usize);
        place(partition).zip(place(partition + 1)).and_then(|(from, to)| self.entries.get(from..to)).unwrap_or_default()
    }
}

/// The keys of all rows of one table.
pub(crate) struct KeyIndex {
    /// Bits of the hash that choose the partition.
    bits: u32,
    held: Mutex<Held>,
    spill: Mutex<Spill>,
}

/// What is in memory.
#[derive(Default)]
struct Held {
    pieces: Vec<Piece>,
    /// Bytes taken from the budget for it.
    taken: u64,
}

struct Spill {
    path: PathBuf,
    file: Option<File>,
    end: u64,
    /// Per partition: offset and number of entries of each range of the file.
    ranges: Vec<Vec<(u64, u64)>>,
}

impl KeyIndex {
    /// An index for about `expected` rows, that spills into a file of its name in `folder`; a partition of it should fit in `partition_bytes`.
    pub(crate) fn new(name: &str, folder: &Path, expected: u64, partition_bytes: u64) -> Self {
        let wanted = expected.saturating_mul(ENTRY_BYTES as u64) / partition_bytes.max(1);
        let bits = wanted.next_power_of_two().trailing_zeros().clamp(4, 12);
        Self {
            bits,
            held: Mutex::default(),
            spill: Mutex::new(Spill {
                path: folder.join(format!("keys-{name}.bin")),
                file: None,
                end: 0,
                ranges: vec![Vec::new(); 1 << bits],
            }),
        }
    }

    /// How many partitions there are.
    pub(crate) fn partitions(&self) -> usize {
        1 << self.bits
    }

    /// The highest bits choose the partition, so that the lowest are left to a hash table within it.
    fn partition_of(&self, key: u128) -> usize {
        usize::try_from(key >> (128 - self.bits)).unwrap_or_default()
    }

    /// Adds entries, in any order, and spills all that is held when memory is full. `entries` is empty after it.
    pub(crate) fn add(&self, entries: &mut Vec<Entry>, budget: &Budget, progress: &Progress) -> Result<(), RunError> {
        if entries.is_empty() {
            return Ok(());
        }
        let piece = self.gather(entries)?;
        entries.clear();
        let bytes = (piece.entries.len() * ENTRY_BYTES + piece.starts.len() * size_of::<u32>()) as u64;
        let fits = budget.try_take(bytes);
        let full = {
            let mut held = lock(&self.held);
            held.pieces.push(piece);
            if fits {
                held.taken += bytes;
                return Ok(());
            }
            std::mem::take(&mut *held)
        };
        let spilled = self.spill(&full.pieces, progress);
        drop(full.pieces);
        budget.give(full.taken);
        spilled
    }

    /// Sorts entries by partition: they are counted, then each is put in its place.
    fn gather(&self, entries: &[Entry]) -> Result<Piece, RunError> {
        u32::try_from(entries.len()).map_err(|_| RunError::Bug("more than 2^32 keys were added at once".into()))?;
        let mut starts = vec![0_u32; self.partitions() + 1];
        for entry in entries {
            if let Some(count) = starts.get_mut(self.partition_of(entry.key) + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut next = starts.clone();
        let mut gathered: Box<[Entry]> = entries.into();
        for entry in entries {
            if let Some(place) = next.get_mut(self.partition_of(entry.key)) {
                if let Some(slot) = gathered.get_mut(*place as usize) {
                    *slot = *entry;
                }
                *place += 1;
            }
        }
        Ok(Piece { entries: gathered, starts: starts.into() })
    }

    /// Writes pieces to the spill file, partition by partition.
    fn spill(&self, pieces: &[Piece], progress: &Progress) -> Result<(), RunError> {
        let spill = &mut *lock(&self.spill);
        let fail = |e| RunError::work(&spill.path, e);
        let file = match &mut spill.file {
            Some(file) => file,
            none => {
                none.insert(File::options().create_new(true).read(true).write(true).open(&spill.path).map_err(fail)?)
            }
        };
        let mut buffer = Vec::new();
        let mut written = 0;
        for (partition, ranges) in spill.ranges.iter_mut().enumerate() {
            buffer.clear();
            pieces.iter().flat_map(|piece| piece.of(partition)).for_each(|e| e.encode(&mut buffer));
            if buffer.is_empty() {
                continue;
            }
            file.seek(SeekFrom::Start(spill.end)).and_then(|_| file.write_all(&buffer)).map_err(fail)?;
            ranges.push((spill.end, (buffer.len() / ENTRY_BYTES) as u64));
            spill.end += buffer.len() as u64;
            written += buffer.len() as u64;
        }
        Progress::bump(&progress.spilled, written);
        Ok(())
    }

    /// All entries of a partition, in no order.
    pub(crate) fn entries(&self, partition: usize) -> Result<Vec<Entry>, RunError> {
        let spill = lock(&self.spill);
        let held = lock(&self.held);
        let ranges = spill.ranges.get(partition).map(Vec::as_slice).unwrap_or_default();
        let spilled = ranges.iter().map(|(_, count)| usize::try_from(*count).unwrap_or(usize::MAX)).sum::<usize>();
        let in_memory = held.pieces.iter().map(|piece| piece.of(partition).len()).sum::<usize>();
        let mut entries = Vec::with_capacity(spilled.saturating_add(in_memory));
        held.pieces.iter().for_each(|piece| entries.extend_from_slice(piece.of(partition)));
        let mut bytes = Vec::new();
        for (offset, count) in ranges {
            let len = usize::try_from(*count).unwrap_or(usize::MAX).saturating_mul(ENTRY_BYTES);
            bytes.resize(len, 0);
            let file = spill.file.as_ref().ok_or_else(|| RunError::Bug("keys were spilled to no file".into()))?;
            file.read_exact_at(&mut bytes, *offset).map_err(|e| RunError::work(&spill.path, e))?;
            entries.extend(bytes.as_chunks::<ENTRY_BYTES>().0.iter().map(Entry::decode));
        }
        Ok(entries)
    }
}

/// Hashes the keys of rows.
#[derive(Debug, Clone)]
pub(crate) struct KeyHasher {
    columns: Vec<usize>,
    seed: u64,
    scratch: Vec<u8>,
}

impl KeyHasher {
    /// For keys made of these columns.
    pub(crate) fn new(columns: &[usize], seed: u64) -> Self {
        Self { columns: columns.to_vec(), seed, scratch: Vec::new() }
    }

    /// Whether all columns of a row have a value. Those of a table's key do: the plugin's output is checked.
    pub(crate) fn is_whole(&self, rows: &RecordBatch, row: usize) -> bool {
        self.columns.iter().filter_map(|i| rows.columns().get(*i)).all(|column| column.is_valid(row))
    }

    /// Whether any column has a null.
    pub(crate) fn has_nulls(&self, rows: &RecordBatch) -> bool {
        self.columns.iter().filter_map(|i| rows.columns().get(*i)).any(|column| column.null_count() > 0)
    }

    /// Replaces `out` by one hash a row; that of a row which is not whole means nothing.
    pub(crate) fn hash(&mut self, rows: &RecordBatch, out: &mut Vec<u128>) -> Result<(), RunError> {
        out.clear();
        if let [only] = self.columns[..]
            && let Some(strings) = rows.columns().get(only).and_then(|c| c.as_string_opt::<i32>())
        {
            out.extend(strings.iter().map(|s| xxh3_128_with_seed(s.unwrap_or_default().as_bytes(), self.seed)));
            return Ok(());
        }
        for row in 0..rows.num_rows() {
            self.scratch.clear();
            for column in &self.columns {
                let array =
                    rows.columns().get(*column).ok_or_else(|| RunError::Bug("a key column is missing".into()))?;
                encode_key(array.as_ref(), row, &mut self.scratch)?;
            }
            out.push(xxh3_128_with_seed(&self.scratch, self.seed));
        }
        Ok(())
    }
}

/// Appends a key value so that different keys have different bytes: variable lengths are preceded by their length.
/// Zeros of either sign are one value, as in every destination, and so are all NaNs.
fn encode_key(array: &dyn Array, row: usize, out: &mut Vec<u8>) -> Result<(), RunError> {
    let mut varlen = |bytes: &[u8]| {
        out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        out.extend_from_slice(bytes);
    };
    match array.data_type() {
        DataType::Utf8 => varlen(array.as_string::<i32>().value(row).as_bytes()),
        DataType::Binary => varlen(array.as_binary::<i32>().value(row)),
        DataType::Boolean => out.push(u8::from(array.as_boolean().value(row))),
        DataType::Int64 => out.extend_from_slice(&array.as_primitive::<Int64Type>().value(row).to_le_bytes()),
        DataType::Timestamp(..) => {
            out.extend_from_slice(&array.as_primitive::<TimestampMicrosecondType>().value(row).to_le_bytes());
        }
        DataType::Date32 => out.extend_from_slice(&array.as_primitive::<Date32Type>().value(row).to_le_bytes()),
        DataType::Float64 => {
            let value = array.as_primitive::<Float64Type>().value(row);
            let canonical = if value.is_nan() { f64::NAN } else { value + 0.0 };
            out.extend_from_slice(&canonical.to_le_bytes());
        }
        other => return Err(RunError::Bug(format!("a key column has the type {other}, which no description allows"))),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Float64Array, StringArray};

    use super::*;

    fn entry(n: u64) -> Entry {
        let mixed = xxh3_128_with_seed(&n.to_le_bytes(), 0);
        Entry {
            key: mixed,
            identity: n,
            position: RowPosition { split: 7, row: u32::try_from(n).unwrap() },
            offset: n * 3,
            latest: -1,
        }
    }

    #[test]
    fn entries_survive_the_spill() {
        let folder = tempfile::tempdir().unwrap();
        let progress = Progress::default();
        let (small, large) = (Budget::new(10_000), Budget::new(u64::MAX));
        let index = |name| KeyIndex::new(name, folder.path(), 5_000, 1_000);
        let (spilling, memory) = (index("spilling"), index("memory"));
        for chunk in 0..50_u64 {
            let mut entries: Vec<_> = (chunk * 100..chunk * 100 + 100).map(entry).collect();
            spilling.add(&mut entries.clone(), &small, &progress).unwrap();
            memory.add(&mut entries, &large, &progress).unwrap();
        }
        assert!(progress.spilled.load(std::sync::atomic::Ordering::Relaxed) > 0);
        let mut total = 0;
        for p in 0..memory.partitions() {
            let sorted = |mut v: Vec<Entry>| {
                v.sort_by_key(|e| e.position);
                v
            };
            let (a, b) = (sorted(spilling.entries(p).unwrap()), sorted(memory.entries(p).unwrap()));
            total += a.len();
            assert_eq!(a, b);
        }
        assert_eq!(total, 5_000);
    }

    #[test]
    fn keys_of_several_columns_do_not_run_together() {
        let batch = |a: &str, b: &str| {
            let columns: [(&str, ArrayRef); 2] =
                [("a", Arc::new(StringArray::from(vec![a]))), ("b", Arc::new(StringArray::from(vec![b])))];
            RecordBatch::try_from_iter(columns).unwrap()
        };
        let mut hasher = KeyHasher::new(&[0, 1], 1);
        let (mut x, mut y) = (vec![], vec![]);
        hasher.hash(&batch("ab", "c"), &mut x).unwrap();
        hasher.hash(&batch("a", "bc"), &mut y).unwrap();
        assert_ne!(x, y);
    }

    #[test]
    fn zeros_of_either_sign_are_one_key() {
        let column: ArrayRef = Arc::new(Float64Array::from(vec![0.0, -0.0, 1.0]));
        let batch = RecordBatch::try_from_iter([("a", column)]).unwrap();
        let mut out = vec![];
        KeyHasher::new(&[0], 1).hash(&batch, &mut out).unwrap();
        assert_eq!(out[0], out[1]);
        assert_ne!(out[0], out[2]);
    }
}
