//! Parts of the input: the unit of work, of retry and of resume.

use crate::log::BLOCK;
use crate::store::Store;
use crate::{Format, Input, InputFile, SourceError, json_lines};

/// Threads that ask a bucket where its objects can be cut.
const THREADS: usize = 32;

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
    ///
    /// # Errors
    /// When a file cannot be read where it might be cut.
    pub fn splits(&self, target_bytes: u64) -> Result<Vec<Split>, SourceError> {
        let cuts = self.cuts(target_bytes)?;
        let mut splits = Vec::new();
        for (index, of_file) in cuts.into_iter().enumerate() {
            let number = u32::try_from(index).unwrap_or(u32::MAX);
            let mut start = 0;
            for offset in of_file {
                splits.push(Split { file: number, start, end: Some(offset) });
                start = offset;
            }
            splits.push(Split { file: number, start, end: None });
        }
        Ok(splits)
    }

    /// Where each file is cut, ascending.
    fn cuts(&self, target: u64) -> Result<Vec<Vec<u64>>, SourceError> {
        let of_file = |(index, file)| steps(file, target).map(move |offset| (index, offset));
        let wanted: Vec<(usize, u64)> = self.files.iter().enumerate().flat_map(of_file).collect();
        let mut cuts = vec![Vec::new(); self.files.len()];
        for ((index, offset), is_sound) in wanted.iter().zip(self.are_sound(&wanted)) {
            if let (Some(offsets), true) = (cuts.get_mut(*index), is_sound?) {
                offsets.push(*offset);
            }
        }
        Ok(cuts)
    }

    fn are_sound(&self, wanted: &[(usize, u64)]) -> Vec<Result<bool, SourceError>> {
        let is_sound = |(index, offset): &(usize, u64)| match self.files.get(*index) {
            Some(file) if file.format == Format::Json => {
                let is_sound = json_lines::is_sound(&self.store, &file.path, file.size, *offset);
                is_sound.map_err(|e| SourceError::unreadable(&file.path, e))
            }
            _ => Ok(true),
        };
        let Store::Bucket(_) = self.store else { return wanted.iter().map(is_sound).collect() };
        // Each costs a way to the bucket and back.
        let share = wanted.len().div_ceil(THREADS).max(1);
        std::thread::scope(|scope| {
            let threads: Vec<_> = wanted
                .chunks(share)
                .map(|wanted| (wanted.len(), scope.spawn(move || wanted.iter().map(is_sound).collect::<Vec<_>>())))
                .collect();
            let lost = |count| (0..count).map(|_| Err(SourceError::Internal("a thread was lost".into()))).collect();
            threads.into_iter().flat_map(|(count, thread)| thread.join().unwrap_or_else(|_| lost(count))).collect()
        })
    }
}

/// Where a file might be cut.
fn steps(file: &InputFile, target: u64) -> impl Iterator<Item = u64> + use<> {
    let step = match file.format {
        Format::Log => target.max(1).checked_next_multiple_of(BLOCK as u64).unwrap_or(u64::MAX),
        Format::Json => target.max(1),
    };
    // The last part takes the remainder, so that none is tiny.
    let parts = if file.splittable { file.size / step } else { 0 };
    (1..parts).map(move |k| k * step)
}
