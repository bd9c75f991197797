//! Splits that a process before this one has mapped: taken over where they are whole.

use std::sync::Arc;
use std::time::Instant;

use gristmill_source::{InputFile, Split};

use crate::error::RunError;
use crate::files::Place;
use crate::kept::Made;
use crate::keys::{Entry, RowPosition};
use crate::map::{SplitTally, Worker, split_number};
use crate::progress::{Progress, SplitDone};

/// How many bytes of its file a split is, as they lie on disk.
pub(crate) fn length(split: &Split, file: Option<&InputFile>) -> u64 {
    let end = split.end.or(file.map(|f| f.size)).unwrap_or_default();
    end.saturating_sub(split.start)
}

impl Worker<'_> {
    /// Takes over what a process before this one made of a split; none where it is not there, or not whole.
    pub(crate) fn take_over(
        &mut self,
        index: usize,
        split: &Split,
        made: Made,
    ) -> Result<Option<SplitTally>, RunError> {
        let Made { tally, rows, segments, letters, sum } = made;
        let map = self.map;
        let file = match &rows {
            None if segments.iter().any(|of_table| !of_table.is_empty()) => return Ok(None),
            None => None,
            Some(range) => match map.files.get(range.file) {
                Ok(file) if file.holds(range) && segments.len() == map.tables.len() => Some(file),
                _ => return Ok(None),
            },
        };
        if !map.letters.take_over(index, letters.as_ref()) {
            return Ok(None);
        }
        let number = split_number(index)?;
        let mut made_rows = 0;
        for ((table, store), segments) in self.tables.iter_mut().zip(map.tables).zip(segments) {
            let in_file = |segment| file.as_ref().map(|file| Place { file: Arc::clone(file), segment });
            let places = segments.into_iter().filter_map(in_file).collect();
            store.rows.take_over(index, places, map.row_budget, |first_row, rows, origins| {
                made_rows += rows.num_rows() as u64;
                let entry = |row: usize, key: u128| {
                    Ok(Entry {
                        key,
                        identity: origins.identities.get(row).copied().unwrap_or_default(),
                        position: RowPosition::new(number, first_row + row as u64)?,
                        offset: origins.offsets.get(row).copied().unwrap_or_default(),
                        latest: origins.latest.get(row).copied().unwrap_or(i64::MIN),
                    })
                };
                table.add_rows(store, rows, entry, map)
            })?;
        }
        map.ahead.take_over(index, sum);
        let progress = map.progress;
        let file = map.job.input.files.get(split.file as usize);
        Progress::bump(&progress.bytes_read, length(split, file));
        Progress::bump(&progress.records, tally.records.read);
        Progress::bump(&progress.refused, tally.refusals.values().sum());
        Progress::bump(&progress.rows, made_rows);
        Ok(Some(tally))
    }

    /// Tells how far the run is.
    pub(crate) fn split_done(&self, index: usize, split: &Split, tally: &SplitTally, taken_over: bool, began: Instant) {
        let file = self.map.job.input.files.get(split.file as usize).map(|file| file.name.as_str());
        let done = SplitDone {
            index,
            file: file.unwrap_or_default(),
            start: split.start,
            records: tally.records.read,
            refused: tally.refusals.values().sum(),
            taken_over,
            took: began.elapsed(),
        };
        self.map.progress.split_done(&done, &tally.refusals);
    }
}
