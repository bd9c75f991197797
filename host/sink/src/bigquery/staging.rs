//! Rows to Parquet, in memory, a file at a time.
//!
//! Snappy and zstd are what every list of what BigQuery reads has had; zstd is the smaller by a quarter, and what is small is soon uploaded. Pages
//! are of the first version, with dictionaries and plain values. What is written depends on the rows alone, so that the same rows make the
//! same objects, whatever batches they came in.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use gristmill_record::Table;
use gristmill_record::arrow::table_schema;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use crate::SinkError;
use crate::json::Cells;
use crate::weight::{Bounds, Gatherer};

/// What the encoder is handed at once.
const CHUNK: Bounds = Bounds { rows: 8192, weight: 4 << 20 };
/// A row group ends with the chunk that reaches either; those below 16 MiB load slowly.
/// <https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-parquet#input_file_requirements>
const ROW_GROUP: Bounds = Bounds { rows: 1 << 20, weight: 32 << 20 };
/// A file ends with the row group that reaches it. It is held in memory until it is uploaded, encoded.
const FILE_WEIGHT: u64 = 128 << 20;

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Makes files of the rows of one table.
pub(super) struct Stager {
    /// Names the table in errors.
    name: String,
    schema: SchemaRef,
    properties: WriterProperties,
    gathered: Gatherer,
    /// A writer is for one thread at a time, and who holds a load may be looked at by several; nobody waits for this lock.
    open: Mutex<Option<File>>,
    /// The column whose days are kept.
    day_column: Option<usize>,
    pub(super) days: BTreeSet<i32>,
    /// Whether rows have no day.
    pub(super) has_null_day: bool,
}

struct File {
    writer: ArrowWriter<Vec<u8>>,
    group: Bounds,
    weight: u64,
}

impl Stager {
    /// `day_column`: index of the column that divides the table.
    pub(super) fn new(table: &Table, day_column: Option<usize>) -> Self {
        let staged = |field: &Arc<Field>| match field.data_type() {
            DataType::List(_) | DataType::Struct(_) => Field::new(field.name(), DataType::Utf8, field.is_nullable()),
            // Without what makes Parquet call it JSON: that would be bytes to BigQuery.
            ty => Field::new(field.name(), ty.clone(), field.is_nullable()),
        };
        let fields: Vec<_> = table_schema(table).fields().iter().map(staged).collect();
        let compression = Compression::ZSTD(ZstdLevel::default());
        let properties = WriterProperties::builder()
            .set_created_by("gristmill version 1".to_owned())
            .set_compression(compression)
            .set_write_batch_size(CHUNK.rows)
            .set_offset_index_disabled(true)
            .set_max_row_group_row_count(None)
            .build();
        Self {
            name: table.name().to_owned(),
            schema: Arc::new(Schema::new(fields)),
            properties,
            gathered: Gatherer::new(CHUNK),
            open: Mutex::new(None),
            day_column,
            days: BTreeSet::new(),
            has_null_day: false,
        }
    }

    /// Takes rows of a batch from `start` on; how many. A file that has become large enough is given, and room made for the next.
    pub(super) fn push(&mut self, rows: &RecordBatch, start: usize) -> Result<(usize, Option<Vec<u8>>), SinkError> {
        if start == 0 {
            self.note_days(rows);
        }
        let taken = self.gathered.take(rows, start);
        let file = if self.gathered.is_full() { self.write_chunk()? } else { None };
        Ok((taken, file))
    }

    /// The last file, if there are rows for one.
    pub(super) fn finish(&mut self) -> Result<Option<Vec<u8>>, SinkError> {
        if !self.gathered.is_empty()
            && let Some(file) = self.write_chunk()?
        {
            return Ok(Some(file));
        }
        self.opened().take().map(|file| self.close(file)).transpose()
    }

    fn write_chunk(&mut self) -> Result<Option<Vec<u8>>, SinkError> {
        let (batches, weight) = self.gathered.drain();
        let Some(first) = batches.first() else { return Ok(None) };
        let rows = concat_batches(&first.schema(), &batches).map_err(|e| self.bug(&e))?;
        let rows = self.staged(&rows)?;
        let mut file = match self.opened().take() {
            Some(file) => file,
            None => {
                let (schema, properties) = (self.schema.clone(), self.properties.clone());
                let writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties)).map_err(|e| self.encode(e))?;
                File { writer, group: Bounds { rows: 0, weight: 0 }, weight: 0 }
            }
        };
        file.writer.write(&rows).map_err(|e| self.encode(e))?;
        file.group.rows += rows.num_rows();
        file.group.weight += weight;
        file.weight += weight;
        if file.group.rows >= ROW_GROUP.rows || file.group.weight >= ROW_GROUP.weight {
            file.writer.flush().map_err(|e| self.encode(e))?;
            file.group = Bounds { rows: 0, weight: 0 };
            if file.weight >= FILE_WEIGHT {
                return self.close(file).map(Some);
            }
        }
        *self.opened() = Some(file);
        Ok(None)
    }

    fn opened(&mut self) -> &mut Option<File> {
        self.open.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self, file: File) -> Result<Vec<u8>, SinkError> {
        file.writer.into_inner().map_err(|e| self.encode(e))
    }

    /// The rows with lists and structs as text.
    fn staged(&self, rows: &RecordBatch) -> Result<RecordBatch, SinkError> {
        let fields = rows.schema_ref().fields().iter().zip(rows.columns());
        let columns = fields.map(|(field, array)| self.column(field, array)).collect::<Result<_, _>>()?;
        RecordBatch::try_new(self.schema.clone(), columns).map_err(|e| self.bug(&e))
    }

    fn column(&self, field: &Field, array: &ArrayRef) -> Result<ArrayRef, SinkError> {
        if !matches!(field.data_type(), DataType::List(_) | DataType::Struct(_)) {
            return Ok(array.clone());
        }
        let mut cells = Cells::new(field, array.as_ref()).ok_or_else(|| SinkError::columns(&self.name))?;
        let mut json = Vec::new();
        let mut text = |row: usize| {
            json.clear();
            cells.write(row, &mut json);
            String::from_utf8_lossy(&json).into_owned()
        };
        let texts = (0..array.len()).map(|row| array.is_valid(row).then(|| text(row)));
        Ok(Arc::new(texts.collect::<StringArray>()))
    }

    fn note_days(&mut self, rows: &RecordBatch) {
        let Some(array) = self.day_column.and_then(|i| rows.columns().get(i)) else { return };
        self.has_null_day |= array.null_count() > 0;
        match array.data_type() {
            DataType::Date32 => self.days.extend(array.as_primitive::<Date32Type>().iter().flatten()),
            DataType::Timestamp(..) => {
                let mut last = None;
                for micros in array.as_primitive::<TimestampMicrosecondType>().iter().flatten() {
                    let day = micros.div_euclid(MICROS_PER_DAY);
                    // Neighbours are often of one day.
                    if last != Some(day) {
                        self.days.extend(i32::try_from(day));
                        last = Some(day);
                    }
                }
            }
            _ => {}
        }
    }

    fn bug(&self, error: &arrow_schema::ArrowError) -> SinkError {
        SinkError::encode("staging the rows of", Path::new(&self.name))(error)
    }

    fn encode(&self, error: ParquetError) -> SinkError {
        SinkError::encode("staging the rows of", Path::new(&self.name))(error)
    }
}
