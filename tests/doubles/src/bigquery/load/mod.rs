//! Load jobs.
//!
//! Everything or nothing: the table is put in its place when every file has been read. Messages are those that users of BigQuery
//! report; where there is no report, the comment says so.

mod config;
mod csv;
mod json;
mod parquet;
mod records;
mod target;
mod uris;

use std::io::Read;
use std::sync::PoisonError;

use serde_json::{Map, Value as Json, json};

use super::ObjectStore;
use super::job::Outcome;
use super::names::JobName;
use super::refusal::Refusal;
use super::schema::{self, Field, Type};
use super::state::State;
use super::table::Table;
use super::value::{Row, Value};
pub(crate) use config::LoadJob;
use config::{Format, WriteDisposition};
use parquet::ParquetFile;
use records::Records;
use target::{adopt, target};
use uris::Source;

/// How a load failed: the error of the job, and what it lists besides.
type Failure = (Refusal, Vec<Refusal>);

/// Runs a load job.
pub(crate) fn run(state: &mut State, objects: &dyn ObjectStore, load: &LoadJob, job: &JobName) -> Outcome {
    match try_run(state, objects, load, job) {
        Ok(outcome) => outcome,
        Err((error, warnings)) => Outcome { error: Some(error), warnings, ..Outcome::default() },
    }
}

fn try_run(state: &mut State, objects: &dyn ObjectStore, load: &LoadJob, job: &JobName) -> Result<Outcome, Failure> {
    let mut table = target(state, load, job).map_err(alone)?;
    let sources = sources(load, objects).map_err(alone)?;
    let input: u64 = sources.iter().map(|s| s.bytes.len() as u64).sum();
    let files = sources.len();
    let records = match load.format {
        Format::Parquet => read_parquet(load, &mut table, sources)?,
        Format::Json | Format::Csv => read_records(load, &mut table, &sources)?,
    };
    let output: u64 = records.rows.iter().flat_map(|r| r.iter()).map(Value::size).sum();
    let count = records.rows.len();
    if !matches!(load.write, WriteDisposition::Append) {
        table.rows.clear();
    }
    table.check_partitions(&records.rows, "load job").map_err(alone)?;
    table.rows.extend(records.rows);
    state.put_table(table).map_err(alone)?;
    let statistics = json!({
        "inputFiles": files.to_string(),
        "inputFileBytes": input.to_string(),
        "outputRows": count.to_string(),
        "outputBytes": output.to_string(),
        "badRecords": records.bad.to_string(),
    });
    let statistics = match statistics {
        Json::Object(object) => object,
        _ => Map::new(),
    };
    Ok(Outcome { statistics, warnings: records.errors, ..Outcome::default() })
}

fn alone(error: Refusal) -> Failure {
    (error, Vec::new())
}

fn sources(load: &LoadJob, objects: &dyn ObjectStore) -> Result<Vec<Source>, Refusal> {
    match load.media.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(bytes) => Ok(vec![Source { uri: None, bytes }]),
        None => uris::resolve(&load.uris, objects),
    }
}

fn failed(message: String, source: Option<&str>) -> Failure {
    let error = Refusal::invalid(format!("Error while reading data, error message: {message}"));
    alone(match source {
        Some(uri) => error.at(uri),
        None => error,
    })
}

fn read_parquet(load: &LoadJob, table: &mut Table, mut sources: Vec<Source>) -> Result<Records, Failure> {
    // Without a schema, that of the file whose name is last counts.
    sources.sort_by(|a, b| a.uri.cmp(&b.uri));
    let mut files = Vec::new();
    for Source { uri, bytes } in sources {
        let file = ParquetFile::open(bytes, load.list_inference).map_err(|e| failed(e, uri.as_deref()))?;
        files.push((uri, file));
    }
    if let (None, Some((_, last))) = (&load.schema, files.last()) {
        let fields = last.fields.clone();
        adopt(load, table, &fields, false).map_err(alone)?;
    }
    let wanted = wanted(load, table);
    let mut rows = Vec::new();
    for (uri, file) in files {
        let name = uri.as_deref().unwrap_or("the uploaded file");
        let read = file.rows(&wanted, load.ignore_unknown, name).map_err(|e| failed(e, uri.as_deref()))?;
        rows.extend(arranged(read, &wanted, &table.fields));
    }
    Ok(Records::good(rows))
}

/// The columns that files hold: those of the job's schema, as the table has them; else the table's.
fn wanted(load: &LoadJob, table: &Table) -> Vec<Field> {
    match &load.schema {
        None => table.fields.clone(),
        Some(fields) => {
            let column = |f: &Field| schema::position(&table.fields, &f.name).and_then(|at| table.fields.get(at));
            // A struct keeps the job's own fields: the table's may be more.
            fields.iter().map(|f| Field { required: column(f).is_some_and(|c| c.required), ..f.clone() }).collect()
        }
    }
}

/// Rows with the columns of a table, from rows with some of them.
fn arranged(rows: Vec<Row>, have: &[Field], want: &[Field]) -> Vec<Row> {
    if have == want {
        return rows;
    }
    let from: Vec<_> = want.iter().map(|f| schema::position(have, &f.name)).collect();
    let value =
        |row: &Row, field: &Field, at: Option<usize>| match at.and_then(|at| Some((row.get(at)?, have.get(at)?))) {
            Some((value, old)) => super::table::reshape(value, &old.ty, &field.ty),
            None if matches!(field.ty, Type::Array(_)) => Value::Array([].into()),
            None => Value::Null,
        };
    rows.iter().map(|row| want.iter().zip(&from).map(|(f, at)| value(row, f, *at)).collect()).collect()
}

fn read_records(load: &LoadJob, table: &mut Table, sources: &[Source]) -> Result<Records, Failure> {
    if table.fields.is_empty() {
        return Err(alone(Refusal::invalid("No schema specified on job or table.")));
    }
    let wanted = wanted(load, table);
    let mut records = Records::default();
    for source in sources {
        let plain = unpacked(&source.bytes).map_err(|e| failed(e, source.uri.as_deref()))?;
        let bytes = plain.as_deref().unwrap_or(&source.bytes);
        match load.format {
            Format::Csv => {
                let mut reader = load.csv.reader(bytes);
                for record in reader.records().skip(load.csv.skip_rows) {
                    let row =
                        record.map_err(|e| e.to_string()).and_then(|r| load.csv.row(&r, &wanted, load.ignore_unknown));
                    records.push(row, load.max_bad_records, "CSV", source)?;
                }
            }
            _ => {
                let text = std::str::from_utf8(bytes)
                    .map_err(|e| failed(format!("Invalid UTF-8: {e}"), source.uri.as_deref()))?;
                let mut position = 0;
                for line in text.split_inclusive('\n') {
                    if !line.trim().is_empty() {
                        let row = json::record(line, position, &wanted, load.ignore_unknown);
                        records.push(row, load.max_bad_records, "JSON", source)?;
                    }
                    position += line.len();
                }
            }
        }
    }
    records.rows = arranged(std::mem::take(&mut records.rows), &wanted, &table.fields);
    Ok(records)
}

/// The content of a file that is compressed.
fn unpacked(bytes: &[u8]) -> Result<Option<Vec<u8>>, String> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(None);
    }
    let mut plain = Vec::new();
    let read = flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut plain);
    read.map_err(|e| format!("Input is not a valid gzip file: {e}"))?;
    Ok(Some(plain))
}
