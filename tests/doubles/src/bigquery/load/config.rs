//! What a load job is to do: `JobConfigurationLoad`.

use std::sync::Mutex;

use serde_json::Value as Json;

use super::csv::CsvOptions;
use crate::bigquery::names::TableName;
use crate::bigquery::partition::Partitioning;
use crate::bigquery::refusal::Refusal;
use crate::bigquery::schema::{self, Field};
use crate::bigquery::table;

/// URIs in the configuration of a job.
const MOST_URIS: usize = 10_000;

/// A load job.
#[derive(Debug)]
pub(crate) struct LoadJob {
    pub(crate) table: TableName,
    pub(super) uris: Vec<String>,
    /// The file that came with the request, until the job has run.
    pub(super) media: Mutex<Option<Vec<u8>>>,
    pub(super) format: Format,
    pub(super) schema: Option<Vec<Field>>,
    pub(super) write: WriteDisposition,
    pub(super) create: bool,
    pub(super) max_bad_records: u64,
    pub(super) ignore_unknown: bool,
    pub(super) allow_addition: bool,
    pub(super) allow_relaxation: bool,
    pub(super) partitioning: Option<Partitioning>,
    pub(super) clustering: Vec<String>,
    /// `parquetOptions.enableListInference`.
    pub(super) list_inference: bool,
    pub(super) csv: CsvOptions,
}

/// What the files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Csv,
    Json,
    Parquet,
}

/// What becomes of rows that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WriteDisposition {
    Empty,
    Append,
    /// Rows and schema are replaced.
    Truncate,
    /// Rows are replaced.
    TruncateData,
}

impl LoadJob {
    pub(crate) fn parse(config: &Json, project: &str, media: Option<Vec<u8>>) -> Result<Self, Refusal> {
        let text = |key: &str| config.get(key).and_then(Json::as_str).filter(|t| !t.is_empty());
        let flag = |key: &str| config.get(key).and_then(Json::as_bool).unwrap_or_default();
        let invalid =
            |key: &str, value: &str| Refusal::invalid(format!("Invalid value for {key}: {value} is not a valid value"));
        let table = config.get("destinationTable").unwrap_or(&Json::Null);
        let uris = config.get("sourceUris").and_then(Json::as_array).cloned().unwrap_or_default();
        let uris: Vec<String> = uris.iter().filter_map(Json::as_str).map(str::to_owned).collect();
        if uris.len() > MOST_URIS {
            return Err(Refusal::invalid(format!("Too many source URIs: {}. The maximum is {MOST_URIS}.", uris.len())));
        }
        if uris.is_empty() == media.is_none() {
            return Err(Refusal::invalid(if media.is_none() {
                "Load configuration must specify at least one source URI"
            } else {
                "Load configuration must not specify source URIs when data is uploaded with the request"
            }));
        }
        let format = match text("sourceFormat").unwrap_or("CSV") {
            "CSV" => Format::Csv,
            "NEWLINE_DELIMITED_JSON" => Format::Json,
            "PARQUET" => Format::Parquet,
            other @ ("AVRO" | "ORC" | "DATASTORE_BACKUP") => {
                return Err(Refusal::new("notImplemented", format!("The double of BigQuery does not load {other}.")));
            }
            other => return Err(invalid("sourceFormat", other)),
        };
        if flag("autodetect") && format != Format::Parquet {
            return Err(Refusal::new("notImplemented", "The double of BigQuery detects no schemas: give one."));
        }
        let write = match text("writeDisposition").unwrap_or("WRITE_APPEND") {
            "WRITE_EMPTY" => WriteDisposition::Empty,
            "WRITE_APPEND" => WriteDisposition::Append,
            "WRITE_TRUNCATE" => WriteDisposition::Truncate,
            "WRITE_TRUNCATE_DATA" => WriteDisposition::TruncateData,
            other => return Err(invalid("writeDisposition", other)),
        };
        let create = match text("createDisposition").unwrap_or("CREATE_IF_NEEDED") {
            "CREATE_IF_NEEDED" => true,
            "CREATE_NEVER" => false,
            other => return Err(invalid("createDisposition", other)),
        };
        let updates = config.get("schemaUpdateOptions").and_then(Json::as_array).cloned().unwrap_or_default();
        if !updates.is_empty() && !matches!(write, WriteDisposition::Append | WriteDisposition::TruncateData) {
            // Of WRITE_TRUNCATE only for a single partition, which this double does not address.
            return Err(Refusal::invalid(
                "Schema update options should only be specified with WRITE_APPEND disposition, or with WRITE_TRUNCATE disposition on a \
                 table partition.",
            ));
        }
        let updates: Vec<&str> = updates.iter().filter_map(Json::as_str).collect();
        let bad = config.get("maxBadRecords");
        let bad = bad.and_then(|b| b.as_u64().or_else(|| b.as_str()?.parse().ok())).unwrap_or_default();
        Ok(Self {
            table: TableName::parse(table, project)?,
            uris,
            media: Mutex::new(media),
            format,
            schema: config.get("schema").filter(|s| s.get("fields").is_some()).map(schema::parse_schema).transpose()?,
            write,
            create,
            max_bad_records: bad,
            ignore_unknown: flag("ignoreUnknownValues"),
            allow_addition: updates.contains(&"ALLOW_FIELD_ADDITION"),
            allow_relaxation: updates.contains(&"ALLOW_FIELD_RELAXATION"),
            partitioning: config
                .get("timePartitioning")
                .filter(|t| !t.is_null())
                .map(Partitioning::parse)
                .transpose()?,
            clustering: table::clustering(config.get("clustering")),
            list_inference: config
                .get("parquetOptions")
                .and_then(|p| p.get("enableListInference"))
                .and_then(Json::as_bool)
                .unwrap_or_default(),
            csv: CsvOptions::parse(config)?,
        })
    }
}
