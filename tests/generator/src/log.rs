//! Records framed as a LevelDB log. Source: <https://github.com/google/leveldb/blob/main/doc/log_format.md>.

use std::io::{self, Write};

/// Bytes of a block.
const BLOCK: usize = 32_768;
/// Bytes of a fragment's header: masked CRC32C, u16 length, type, all little endian.
const HEADER: usize = 7;
const ZEROS: [u8; 4_096] = [0; 4_096];

/// Writes records into a LevelDB log, split into fragments at blocks of 32 KiB, each with its checksum.
#[derive(Debug)]
pub struct LogWriter<W> {
    inner: W,
    /// Bytes used of the current block.
    used: usize,
    written: u64,
    /// Checksums of the type bytes 0 to 4, with which every fragment's checksum begins.
    type_crcs: [u32; 5],
}

impl<W: Write> LogWriter<W> {
    /// A log that begins at the beginning of `inner`, which should be buffered.
    pub fn new(inner: W) -> Self {
        Self { inner, used: 0, written: 0, type_crcs: [0, 1, 2, 3, 4].map(|t: u8| crc32c::crc32c(&[t])) }
    }

    /// Appends a record of any length.
    pub fn record(&mut self, mut data: &[u8]) -> io::Result<()> {
        let mut is_first = true;
        loop {
            let mut free = BLOCK - self.used;
            if free < HEADER {
                self.zeros(free)?;
                free = BLOCK;
            }
            let (fragment, rest) = data.split_at_checked(free - HEADER).unwrap_or((data, &[]));
            let is_last = fragment.len() == data.len();
            let kind = match (is_first, is_last) {
                (true, true) => 1,
                (true, false) => 2,
                (false, false) => 3,
                (false, true) => 4,
            };
            self.fragment(kind, fragment)?;
            if is_last {
                return Ok(());
            }
            (data, is_first) = (rest, false);
        }
    }

    fn fragment(&mut self, kind: u8, data: &[u8]) -> io::Result<()> {
        let type_crc = self.type_crcs.get(usize::from(kind)).copied().unwrap_or_default();
        let masked = crc32c::crc32c_append(type_crc, data).rotate_right(15).wrapping_add(0xa282_ead8);
        // At most a block less a header, which fits.
        let [l0, l1] = u16::try_from(data.len()).unwrap_or(u16::MAX).to_le_bytes();
        let [c0, c1, c2, c3] = masked.to_le_bytes();
        self.inner.write_all(&[c0, c1, c2, c3, l0, l1, kind])?;
        self.inner.write_all(data)?;
        self.advance(HEADER + data.len());
        Ok(())
    }

    fn zeros(&mut self, count: usize) -> io::Result<()> {
        let mut left = count;
        while left > 0 {
            let chunk = ZEROS.get(..left).unwrap_or(&ZEROS);
            self.inner.write_all(chunk)?;
            left -= chunk.len();
        }
        self.advance(count);
        Ok(())
    }

    fn advance(&mut self, count: usize) {
        self.used = (self.used + count) % BLOCK;
        self.written += count as u64;
    }

    /// Bytes written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Flushes; with `pad` the log is first filled with zeros to whole blocks, as managed exports did until 2023.
    pub fn finish(mut self, pad: bool) -> io::Result<W> {
        if pad && self.used > 0 {
            self.zeros(BLOCK - self.used)?;
        }
        self.inner.flush()?;
        Ok(self.inner)
    }
}

/// The records of a sound log, for tests that look at what was written; checksums are not looked at.
pub fn log_records(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut records: Vec<Vec<u8>> = Vec::new();
    for mut block in bytes.chunks(BLOCK) {
        while let Some(([_, _, _, _, l0, l1, kind @ 1..=4], rest)) = block.split_first_chunk::<HEADER>() {
            let length = usize::from(u16::from_le_bytes([*l0, *l1]));
            let (data, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            match records.last_mut() {
                Some(record) if *kind > 2 => record.extend_from_slice(data),
                _ => records.push(data.to_vec()),
            }
            block = after;
        }
    }
    records
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn seven_bytes_left_hold_an_empty_first_fragment_and_fewer_are_zeros() {
        let frame = |first: usize| {
            let mut log = LogWriter::new(Vec::new());
            log.record(&vec![b'x'; first]).unwrap();
            log.record(b"second").unwrap();
            log.finish(false).unwrap()
        };
        let seven = frame(BLOCK - 2 * HEADER);
        assert_eq!(seven[BLOCK - 3..BLOCK], [0, 0, 2], "length 0, FIRST");
        assert_eq!(seven[BLOCK + 6], 4, "LAST");
        let six = frame(BLOCK - 2 * HEADER + 1);
        assert_eq!(six[BLOCK - 6..BLOCK], [0; 6]);
        assert_eq!(six[BLOCK + 6], 1, "FULL");
    }

    #[test]
    fn frames_as_the_emulator_does() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../exports/empty/export/export.overall_export_metadata");
        let mut log = LogWriter::new(Vec::new());
        log.record(b"3").unwrap();
        // The emulator ends an empty export with an empty record.
        log.record(b"").unwrap();
        assert_eq!(log.finish(false).unwrap(), std::fs::read(path).unwrap());
        let mut log = LogWriter::new(Vec::new());
        log.record(&[0; 40_000]).unwrap();
        assert_eq!(log.finish(true).unwrap().len(), 2 * BLOCK);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(sizes in proptest::collection::vec(0_usize..40_000, 0..6), pad: bool) {
            let written: Vec<Vec<u8>> = sizes.iter().map(|n| vec![b'x'; *n]).collect();
            let mut log = LogWriter::new(Vec::new());
            for record in &written {
                log.record(record).unwrap();
            }
            prop_assert_eq!(log_records(&log.finish(pad).unwrap()), written);
        }
    }
}
