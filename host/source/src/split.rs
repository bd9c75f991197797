//! Parts of the input: the unit of work, of retry and of resume.

use crate::log::BLOCK;
use crate::store::Store;
use crate::{Format, Input, InputFile, json_lines};

/// A file, or a byte range of one: the records that begin in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Split {
    /// Index into [`Input::files`].
    pub file: u32,
    /// Offset of its first byte.
    pub start: u64,
    /// Offset of the first byte after it; `None`: the end of the file.
    pub end: Option<u64>,
}

impl Input {
    /// The whole input in parts of about `target_bytes` (never less, but for smaller files; less than twice as much where
    /// the layout allows), in input order.
    ///
    /// Plain logs are split at blocks of 32 KiB, plain JSON with one document a line at offsets where a document surely begins at the next line;
    /// other files are one part each. The same files and the same target give the same parts. At least one for each file.
    pub fn splits(&self, target_bytes: u64) -> Vec<Split> {
        let mut splits = Vec::new();
        for (index, file) in self.files.iter().enumerate() {
            let number = u32::try_from(index).unwrap_or(u32::MAX);
            let mut start = 0;
            for offset in boundaries(&self.store, file, target_bytes) {
                splits.push(Split { file: number, start, end: Some(offset) });
                start = offset;
            }
            splits.push(Split { file: number, start, end: None });
        }
        splits
    }
}

/// Where a file is cut, ascending.
fn boundaries(store: &Store, file: &InputFile, target: u64) -> Vec<u64> {
    if !file.splittable {
        return Vec::new();
    }
    let step = match file.format {
        Format::Log => target.max(1).checked_next_multiple_of(BLOCK as u64).unwrap_or(u64::MAX),
        Format::Json => target.max(1),
    };
    // The last part takes the remainder, so that none is tiny.
    let offsets = (1..file.size / step).map(|k| k * step);
    match file.format {
        Format::Log => offsets.collect(),
        // Whoever opens the file meets the same error, and says so.
        Format::Json => json_lines::sound_offsets(store, &file.path, file.size, offsets).unwrap_or_default(),
    }
}
