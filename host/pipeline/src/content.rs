//! What tells the content of a split from another.

use gristmill_source::Split;
use xxhash_rust::xxh3::Xxh3;

/// Digest of the bytes of a split, however they are cut into reads: bytes beyond the split's end are left out.
pub(crate) struct Content128 {
    hash: Xxh3,
    left: u64,
}

impl Content128 {
    pub(crate) fn new(split: &Split) -> Self {
        Self { hash: Xxh3::new(), left: split.end.map_or(u64::MAX, |end| end.saturating_sub(split.start)) }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        let take = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
        self.hash.update(bytes.get(..take).unwrap_or_default());
        self.left -= take as u64;
    }

    pub(crate) fn finish(&self) -> u128 {
        self.hash.digest128()
    }
}
