//! The files of partitions, written on several threads.
//!
//! A partition is written by one thread, so what is in its files depends on its rows alone.

use std::thread;

use arrow_array::RecordBatch;
use crossbeam_channel::{Receiver, Sender, bounded};

use super::manifest::FileEntry;
use super::parts::Parts;
use crate::SinkError;

/// What a file takes while it is written, about: the encoded pages of a row group, a chunk, and what waits for it.
const FILE_BYTES: u64 = 32 << 20;
/// Batches of a partition that wait for the thread that writes it.
const WAITING: usize = 2;

/// How many of `wanted` threads may write where `memory` bytes are for rows; one in any case.
pub(super) fn threads(wanted: usize, memory: u64) -> usize {
    wanted.min(usize::try_from(memory / FILE_BYTES).unwrap_or(usize::MAX)).max(1)
}

/// A partition's number, and its rows as they come.
type Partition = (u32, Receiver<RecordBatch>);

/// Writes what `feed` puts out: the rows of one partition after those of another, each with the partition's number. `create` begins the files of one.
pub(super) fn write<F>(
    threads: usize,
    create: impl Fn(u32) -> Result<Parts, SinkError> + Sync,
    feed: F,
) -> Result<Vec<FileEntry>, SinkError>
where
    F: FnOnce(&mut dyn FnMut(u32, RecordBatch) -> Result<(), SinkError>) -> Result<(), SinkError>,
{
    let create = &create;
    thread::scope(|scope| {
        let (partitions, taken) = bounded::<Partition>(0);
        let mut crew = Vec::new();
        for _ in 0..threads.max(1) {
            let taken = taken.clone();
            let thread = thread::Builder::new().name("parquet".to_owned());
            let member = thread.spawn_scoped(scope, move || write_partitions(&taken, create));
            crew.push(member.map_err(SinkError::io("starting a thread for", "files".as_ref()))?);
        }
        // So that nobody waits for a crew that is gone.
        drop(taken);
        let fed = hand_out(partitions, feed);
        let mut files = Vec::new();
        let mut failed = None;
        for member in crew {
            match member.join() {
                Ok(Ok(written)) => files.extend(written),
                Ok(Err(error)) => failed = failed.or(Some(error)),
                Err(_) => failed = failed.or(Some(SinkError::Order("a thread that writes files failed"))),
            }
        }
        // Where a member failed, feeding failed for that reason.
        failed.map_or(fed, Err).map(|()| files)
    })
}

fn write_partitions(
    taken: &Receiver<Partition>,
    create: &impl Fn(u32) -> Result<Parts, SinkError>,
) -> Result<Vec<FileEntry>, SinkError> {
    let mut files = Vec::new();
    for (number, batches) in taken {
        let mut parts = create(number)?;
        batches.iter().try_for_each(|rows| parts.push(&rows))?;
        files.extend(parts.finish()?);
    }
    Ok(files)
}

fn hand_out<F>(partitions: Sender<Partition>, feed: F) -> Result<(), SinkError>
where
    F: FnOnce(&mut dyn FnMut(u32, RecordBatch) -> Result<(), SinkError>) -> Result<(), SinkError>,
{
    let gone = || SinkError::Order("nobody writes the files any more");
    let mut open: Option<(u32, Sender<RecordBatch>)> = None;
    feed(&mut |number, rows| {
        let batches = match &mut open {
            Some((current, batches)) if *current == number => batches,
            _ => {
                let (batches, taken) = bounded(WAITING);
                // The end of the one before, whose thread is then free for another.
                open = None;
                partitions.send((number, taken)).map_err(|_| gone())?;
                &mut open.insert((number, batches)).1
            }
        };
        batches.send(rows).map_err(|_| gone())
    })
}
