//! `manifest.json`: which version is the current one, and what it is made of.

use std::path::Path;

use gristmill_record::{DataType, Scalar, Table};
use serde::{Deserialize, Serialize};

use crate::{Load, Mismatch, SinkError, TableCount};

/// The manifest's name in its folder.
pub(super) const NAME: &str = "manifest.json";

/// The number of the layout below.
const FORMAT: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) format: u32,
    /// The folder of the current version: `v=RUN`.
    pub(super) version: String,
    pub(super) run_id: String,
    pub(super) job: String,
    pub(super) plugin: String,
    pub(super) plugin_digest: String,
    /// RFC 3339.
    pub(super) started_at: String,
    pub(super) tables: Vec<TableEntry>,
    /// Folders of earlier versions, newest first. They are kept until somebody removes them.
    pub(super) previous: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TableEntry {
    pub(super) name: String,
    pub(super) rows: u64,
    pub(super) columns: Vec<ColumnEntry>,
    pub(super) key: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) partition: Option<PartitionEntry>,
    /// By path.
    pub(super) files: Vec<FileEntry>,
}

#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
pub(super) struct ColumnEntry {
    pub(super) name: String,
    /// As the contract spells it: `timestamp`, `list<float64>`.
    #[serde(rename = "type")]
    pub(super) ty: String,
    pub(super) required: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PartitionEntry {
    /// The column that decides.
    pub(super) column: String,
    /// What stands before `=` in the names of folders.
    pub(super) folder: String,
    /// `day` (in UTC) or `value`.
    pub(super) by: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct FileEntry {
    /// Relative to the manifest, `/` separated.
    pub(super) path: String,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    /// CRC-32C of the file, eight hex digits.
    pub(super) crc32c: String,
}

impl Manifest {
    /// A manifest that was read from `path`.
    pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Self, SinkError> {
        let unfit = |what: String| SinkError::Unfit {
            path: path.to_owned(),
            what,
            remedy: "Name another place: a manifest that gristmill did not write is not overwritten.",
        };
        let manifest: Self = serde_json::from_slice(bytes).map_err(|e| unfit(format!("it is no manifest: {e}")))?;
        if manifest.format != FORMAT {
            return Err(unfit(format!("its format is {}, and this program knows {FORMAT}", manifest.format)));
        }
        Ok(manifest)
    }

    pub(super) fn new(load: &Load, version: String, tables: Vec<TableEntry>, before: Option<&Self>) -> Self {
        let previous = before.map(|b| [&b.version].into_iter().chain(&b.previous).cloned().collect());
        Self {
            format: FORMAT,
            version,
            run_id: load.run_id.clone(),
            job: load.job.clone(),
            plugin: load.plugin.clone(),
            plugin_digest: load.plugin_digest.clone(),
            started_at: String::from_utf8_lossy(&crate::text::TimestampText::default().of(load.started_at))
                .into_owned(),
            tables,
            previous: previous.unwrap_or_default(),
        }
    }

    pub(super) fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        Ok(json)
    }

    /// The folder that a run's version takes: the first of `v=RUN`, `v=RUN.2`, … that no version has, and that is not `taken` otherwise.
    pub(super) fn free_version(before: Option<&Self>, run_id: &str, taken: impl Fn(&str) -> bool) -> String {
        let mut name = format!("v={run_id}");
        let mut number = 2_u64;
        while before.is_some_and(|b| b.has_version(&name)) || taken(&name) {
            name = format!("v={run_id}.{number}");
            number += 1;
        }
        name
    }

    /// Whether a folder is that of the current version or of an earlier one.
    pub(super) fn has_version(&self, name: &str) -> bool {
        self.version == name || self.previous.iter().any(|previous| previous == name)
    }

    /// The files of the current version.
    pub(super) fn files(&self) -> impl Iterator<Item = &FileEntry> {
        self.tables.iter().flat_map(|table| &table.files)
    }

    pub(super) fn table(&self, name: &str) -> Option<&TableEntry> {
        self.tables.iter().find(|t| t.name == name)
    }

    /// What came of a load, where the current version is that which it brought.
    pub(super) fn load_of(&self, load: &Load) -> Option<Vec<TableCount>> {
        let counts = self.result_of(load).filter(|_| self.run_id == load.run_id)?;
        Some(counts.into_iter().map(|c| TableCount { inserted: c.already, ..TableCount::default() }).collect())
    }

    /// The counts of this job's tables, where the current version is its result.
    pub(super) fn result_of(&self, load: &Load) -> Option<Vec<TableCount>> {
        if self.job != load.job || self.tables.len() != load.tables.len() {
            return None;
        }
        let count = |table: &Table| {
            self.table(table.name()).map(|entry| TableCount { already: entry.rows, ..TableCount::default() })
        };
        load.tables.iter().map(count).collect()
    }
}

impl TableEntry {
    pub(super) fn new(table: &Table, files: Vec<FileEntry>) -> Self {
        let name = |i: &usize| table.columns().get(*i).map(|c| c.name.clone());
        Self {
            name: table.name().to_owned(),
            rows: files.iter().map(|f| f.rows).sum(),
            columns: columns(table),
            key: table.key().iter().filter_map(name).collect(),
            partition: table.partition_by().and_then(|i| table.columns().get(i)).map(|column| PartitionEntry {
                column: column.name.clone(),
                folder: super::partition::folder_key(table, column),
                by: if column.ty == DataType::Scalar(Scalar::String) { "value".into() } else { "day".into() },
            }),
            files,
        }
    }

    /// Refuses a table whose columns are not those of the current version.
    pub(super) fn check(&self, place: &str, table: &Table) -> Result<(), SinkError> {
        let wanted = columns(table);
        if self.columns == wanted {
            return Ok(());
        }
        let at = (0..).zip(&wanted).find(|(i, c)| self.columns.get(*i) != Some(c)).map_or(wanted.len(), |(i, _)| i);
        let say = |c: Option<&ColumnEntry>| {
            c.map_or("no further column".to_owned(), |c| {
                format!("`{}` {}{}", c.name, c.ty, if c.required { ", required" } else { "" })
            })
        };
        Err(SinkError::from(Mismatch {
            place: place.to_owned(),
            table: table.name().to_owned(),
            column: wanted.get(at).or(self.columns.get(at)).map(|c| c.name.clone()),
            found: say(self.columns.get(at)),
            expected: say(wanted.get(at)),
            remedy: format!("Load into another place: its readers expect the columns that {NAME} names."),
        }))
    }
}

fn columns(table: &Table) -> Vec<ColumnEntry> {
    let entry = |c: &gristmill_record::OutputColumn| ColumnEntry {
        name: c.name.clone(),
        ty: c.ty.to_string(),
        required: c.required,
    };
    table.columns().iter().map(entry).collect()
}
