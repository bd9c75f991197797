//! How columns are encoded, by what they hold.
//!
//! Measured on a million rows of the table of `benches/sinks.rs`, spread over a year of days, one busy core (µs of CPU and bytes a row): uncompressed
//! 0.43 and 78; LZ4 0.49 and 46; Snappy 0.52 and 46; zstd 1 0.63 and 35. From LZ4 on: keys as DELTA_BYTE_ARRAY 0.50 and 43, integers plain 0.53
//! and 52, in a dictionary 0.55 and 50, doubles byte-stream-split 0.53 and 46, in a dictionary 0.57 and 50.

use arrow_schema::{DataType, Field, Schema};
use gristmill_record::Table;
use gristmill_record::arrow::{EXTENSION_KEY, JSON_EXTENSION, table_schema};
use parquet::arrow::ArrowSchemaConverter;
use parquet::basic::{Compression, ConvertedType, Encoding as PageEncoding, Type};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};

/// Rows that the encoder is handed at once; it looks at the size of its pages so often.
pub(super) const CHUNK_ROWS: usize = 8192;

/// Key of the metadata of an extension type, which the reader of `arrow.json` expects to be there.
const EXTENSION_METADATA_KEY: &str = "ARROW:extension:metadata";

/// The Parquet schema of a table, and how it is written.
pub(super) struct Encoding {
    pub(super) schema: SchemaDescriptor,
    pub(super) properties: WriterProperties,
}

impl Encoding {
    pub(super) fn new(table: &Table) -> Result<Self, ParquetError> {
        let fields: Vec<_> = table_schema(table).fields().iter().map(|f| annotated(f)).collect();
        let schema = ArrowSchemaConverter::new().schema_root("rows").convert(&Schema::new(fields))?;
        let mut properties = WriterProperties::builder()
            // Of the form that readers expect of a writer's name; the layout's number, so that a release alone changes no byte.
            .set_created_by("gristmill version 1".to_owned())
            .set_compression(Compression::LZ4_RAW)
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true)
            .set_write_batch_size(CHUNK_ROWS)
            .set_data_page_row_count_limit(usize::MAX)
            .set_dictionary_page_size_limit(256 << 10)
            // Files are cut by `parts`.
            .set_max_row_group_row_count(None);
        let only_key = match table.key() {
            [one] => Some(*one),
            _ => None,
        };
        for (leaf, column) in schema.columns().iter().enumerate() {
            let is_key = only_key.is_some_and(|key| key == schema.get_column_root_idx(leaf));
            let path = column.path().clone();
            properties = match encoding_of(column, is_key) {
                Some(encoding) => {
                    properties.set_column_dictionary_enabled(path.clone(), false).set_column_encoding(path, encoding)
                }
                None => properties.set_column_dictionary_enabled(path, true),
            };
        }
        Ok(Self { properties: properties.build(), schema })
    }
}

/// `None`: a dictionary, until it grows too large.
fn encoding_of(column: &ColumnDescriptor, is_key: bool) -> Option<PageEncoding> {
    match column.physical_type() {
        // Neighbours differ little, or not at all.
        Type::INT64 | Type::INT32 => Some(PageEncoding::DELTA_BINARY_PACKED),
        Type::BYTE_ARRAY => {
            // Hardly two are alike: keys, documents, bytes.
            let distinct = is_key || column.converted_type() != ConvertedType::UTF8;
            distinct.then_some(PageEncoding::PLAIN)
        }
        _ => Some(PageEncoding::PLAIN),
    }
}

/// The field with what makes Parquet call its JSON so.
fn annotated(field: &Field) -> Field {
    let ty = match field.data_type() {
        DataType::List(item) => DataType::List(annotated(item).into()),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(|f| annotated(f)).collect()),
        other => other.clone(),
    };
    let mut metadata = field.metadata().clone();
    if metadata.get(EXTENSION_KEY).is_some_and(|e| e == JSON_EXTENSION) {
        metadata.insert(EXTENSION_METADATA_KEY.to_owned(), String::new());
    }
    Field::new(field.name(), ty, field.is_nullable()).with_metadata(metadata)
}
