//! Random numbers that are the same in every run with the same configuration.

use sha2::{Digest, Sha256};

/// A stream of bytes: SHA-256 of the seed and the number of the block.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    seed: [u8; 32],
    blocks: u64,
    block: [u8; 32],
    /// Bytes of the block that are used up.
    used: usize,
}

impl Random {
    /// The stream of a configuration.
    pub(crate) fn of(config: &str) -> Self {
        Self { seed: Sha256::digest(config).into(), blocks: 0, block: [0; 32], used: 32 }
    }

    /// Begins again: each call of a plugin has the same stream, whatever was called before it on this instance.
    pub(crate) fn restart(&mut self) {
        (self.blocks, self.used) = (0, self.block.len());
    }

    pub(crate) fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            if self.used >= self.block.len() {
                self.block =
                    Sha256::new().chain_update(self.seed).chain_update(self.blocks.to_le_bytes()).finalize().into();
                self.blocks = self.blocks.wrapping_add(1);
                self.used = 0;
            }
            *byte = self.block.get(self.used).copied().unwrap_or_default();
            self.used = self.used.saturating_add(1);
        }
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depends_on_the_configuration_alone() {
        let bytes = |config: &str, lengths: &[usize]| {
            let mut random = Random::of(config);
            lengths
                .iter()
                .flat_map(|n| {
                    let mut out = vec![0; *n];
                    random.fill(&mut out);
                    out
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(bytes("{}", &[100]), bytes("{}", &[1, 31, 1, 67]));
        assert_ne!(bytes("{}", &[32]), bytes("{\"a\":1}", &[32]));
        let mut random = Random::of("{}");
        let first = random.next_u64();
        assert_ne!(first, random.next_u64());
        random.restart();
        assert_eq!(first, random.next_u64());
    }
}
