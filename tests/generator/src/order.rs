//! Which document stands at which place: shuffled, duplicates among them, without a list of them in memory.

/// A good mix of all bits (the finalizer of splitmix64).
pub(crate) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number below `limit`, which is above 0, evenly distributed enough for test data.
pub(crate) fn below(random: u64, limit: u64) -> u64 {
    let wide = u128::from(random) * u128::from(limit);
    u64::try_from(wide >> 64).unwrap_or_default()
}

/// A shuffled sequence of `documents` places that holds every number below `unique` once, and in its other places one of them again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order {
    documents: u64,
    unique: u64,
    seed: u64,
    /// Half the bits of the permutation's domain.
    half: u32,
}

impl Order {
    pub(crate) fn new(documents: u64, unique: u64, seed: u64) -> Self {
        let bits = 64 - documents.leading_zeros();
        Self { documents, unique, seed, half: bits.div_ceil(2).max(1) }
    }

    /// The document at `place`, and whether it is the only one of its kind or the original of the others.
    pub(crate) fn at(&self, place: u64) -> (u64, bool) {
        let mut slot = self.permute(place);
        // Walking the cycle of a permutation of a larger domain stays within `documents` in the end.
        while slot >= self.documents {
            slot = self.permute(slot);
        }
        if slot < self.unique { (slot, true) } else { (below(mix(self.seed ^ mix(slot)), self.unique.max(1)), false) }
    }

    /// A Feistel network: a permutation whatever its round function is.
    fn permute(&self, value: u64) -> u64 {
        let mask = (1_u64 << self.half) - 1;
        let (mut left, mut right) = (value >> self.half, value & mask);
        for round in 0..3_u64 {
            (left, right) = (right, left ^ (mix(right ^ self.seed.rotate_left(17) ^ (round << 56)) & mask));
        }
        left << self.half | right
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_once_and_duplicates_besides() {
        for (documents, unique) in [(1, 1), (2, 1), (1_000, 950), (4_097, 4_000), (10, 10)] {
            let order = Order::new(documents, unique, 7);
            let places: Vec<_> = (0..documents).map(|p| order.at(p)).collect();
            let mut originals: Vec<u64> = places.iter().filter(|p| p.1).map(|p| p.0).collect();
            originals.sort_unstable();
            assert!(originals.iter().copied().eq(0..unique), "{documents} {unique}");
            assert!(places.iter().all(|p| p.0 < unique));
        }
        let head = |seed| (0..5).map(|p| Order::new(1_000, 1_000, seed).at(p).0).collect::<Vec<_>>();
        assert_ne!(head(1), head(2));
        assert_ne!(head(1), [0, 1, 2, 3, 4]);
    }
}
