//! The rows of one table on their way to its files.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use gristmill_record::Table;
use gristmill_record::arrow::table_schema;

use super::crew;
use super::encoding::Encoding;
use super::manifest::FileEntry;
use super::partition::{Partitions, folder_key};
use super::parts::Parts;
use super::place::{Done, Room};
use super::slab::Slab;
use super::spool::Spool;
use crate::SinkError;

/// Writes one table.
pub(super) struct TableWriter {
    name: String,
    schema: SchemaRef,
    encoding: Arc<Encoding>,
    /// Where its files are made, and what the manifest calls it.
    folder: PathBuf,
    listed: String,
    done: Done,
    threads: usize,
    way: Way,
}

enum Way {
    /// Rows go to files as they come.
    Straight(Option<Parts>),
    /// Rows are sorted by partition first.
    Partitioned { partitions: Partitions, slab: Slab, spool: Spool },
}

impl TableWriter {
    /// Creates the folder of the table. `memory`: bytes of rows that it may hold. `threads`: how many write its partitions.
    pub(super) fn create(table: &Table, room: &Room, memory: u64, threads: usize) -> Result<Self, SinkError> {
        let folder = room.files.join(table.name());
        let listed = format!("{}/{}", room.version, table.name());
        let done = Arc::clone(&room.done);
        let schema = table_schema(table);
        let encoding = Arc::new(Encoding::new(table).map_err(SinkError::encode("preparing", &folder))?);
        std::fs::create_dir_all(&folder).map_err(SinkError::io("creating", &folder))?;
        let way = match table.partition_by().and_then(|i| table.columns().get(i).map(|c| (i, c))) {
            None => {
                let (folder, listed) = (folder.clone(), listed.clone());
                Way::Straight(Some(Parts::create(schema.clone(), encoding.clone(), folder, listed, done.clone())?))
            }
            Some((index, column)) => Way::Partitioned {
                partitions: Partitions::new(folder_key(table, column)),
                slab: Slab::new(schema.clone(), index, memory),
                spool: Spool::new(schema.clone(), &room.folder),
            },
        };
        Ok(Self { name: table.name().to_owned(), schema, encoding, folder, listed, done, threads, way })
    }

    pub(super) fn write(&mut self, rows: &RecordBatch) -> Result<(), SinkError> {
        let types = |schema: &SchemaRef| schema.fields().iter().map(|f| f.data_type().clone()).collect::<Vec<_>>();
        if rows.schema_ref() != &self.schema && types(rows.schema_ref()) != types(&self.schema) {
            return Err(SinkError::columns(&self.name));
        }
        match &mut self.way {
            Way::Straight(parts) => parts.as_mut().map_or(Ok(()), |p| p.push(rows)),
            Way::Partitioned { partitions, slab, spool } => {
                let mut start = 0;
                while start < rows.num_rows() {
                    // A full slab is put away only when more comes: one that is the last needs no file.
                    if slab.is_full() {
                        spool.add(
                            &slab.sort(partitions).map_err(SinkError::encode("sorting rows for", &self.folder))?,
                        )?;
                    }
                    start += slab.take(rows, start);
                }
                Ok(())
            }
        }
    }

    /// Writes what is left. The files by path, complete but not yet durable. Once.
    pub(super) fn finish(&mut self) -> Result<Vec<FileEntry>, SinkError> {
        let Self { schema, encoding, folder, listed, done, threads, way, .. } = self;
        let (partitions, slab, spool) = match way {
            Way::Straight(parts) => return parts.take().map_or(Ok(Vec::new()), Parts::finish),
            Way::Partitioned { partitions, slab, spool } => (partitions, slab, spool),
        };
        if slab.is_empty() && spool.is_empty() {
            return Ok(Vec::new());
        }
        let sorted = slab.sort(partitions).map_err(SinkError::encode("sorting rows for", folder))?;
        if !spool.is_empty() {
            spool.add(&sorted)?;
        }
        let create = |number: u32| {
            let name = partitions.folder(number as usize);
            let (folder, listed) = (folder.join(&name), format!("{listed}/{name}"));
            Parts::create(schema.clone(), encoding.clone(), folder, listed, done.clone())
        };
        let mut files = crew::write(*threads, create, move |put| {
            if !spool.is_empty() {
                drop(sorted);
                return spool.read(put);
            }
            let mut start = 0;
            for (number, rows) in &sorted.segments {
                put(*number, sorted.rows.slice(start, *rows))?;
                start += rows;
            }
            Ok(())
        })?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }
}
