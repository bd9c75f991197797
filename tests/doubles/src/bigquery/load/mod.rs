//! Load jobs.
//!
//! Everything or nothing: the table is put in its place when every file has been read. Messages are those that users of BigQuery
//! report; where there is no report, the comment says so.

mod config;
mod csv;
mod json;
mod parquet;
mod records;
mod uris;

use std::io::Read;

use serde_json::{Map, Value as Json, json};

use super::ObjectStore;
use super::job::Outcome;
use super::names::JobName;
use super::refusal::Refusal;
use super::schema::{self, Field, Type};
use super::state::{State, now};
use super::table::Table;
use super::value::{Row, Value};
pub(crate) use config::LoadJob;
use config::{Format, WriteDisposition};
use parquet::ParquetFile;
use records::Records;
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

/// The table as it is, or a new one.
fn target(state: &State, load: &LoadJob, job: &JobName) -> Result<Table, Refusal> {
    let name = &load.table;
    let dataset = state.dataset(&name.dataset)?;
    if !dataset.location.eq_ignore_ascii_case(&job.location) {
        let message = format!("Not found: Dataset {} was not found in location {}", name.dataset, job.location);
        return Err(Refusal::new("notFound", message));
    }
    let mut table = match dataset.tables.get(&name.table) {
        Some(table) => {
            if load.write == WriteDisposition::Empty && !table.rows.is_empty() {
                return Err(Refusal::new("duplicate", format!("Already Exists: Table {name}")));
            }
            check_division(load, table)?;
            Table::clone(table)
        }
        None if !load.create => return Err(Refusal::new("notFound", format!("Not found: Table {name}"))),
        None => {
            let mut made = Table::parse(name.clone(), &json!({}), &dataset.location, now())?;
            made.partitioning.clone_from(&load.partitioning);
            made.clustering.clone_from(&load.clustering);
            made
        }
    };
    if let Some(fields) = &load.schema {
        if load.format == Format::Parquet && fields.iter().any(|f| has_json(&f.ty)) {
            // https://github.com/googleapis/python-bigquery/issues/1966
            return Err(Refusal::invalid("Unsupported field type: JSON"));
        }
        adopt(load, &mut table, fields, true)?;
    }
    Ok(table)
}

fn has_json(ty: &Type) -> bool {
    match ty {
        Type::Json => true,
        Type::Array(item) => has_json(item),
        Type::Struct(fields) => fields.iter().any(|f| has_json(&f.ty)),
        _ => false,
    }
}

/// Refuses a partitioning or clustering other than the table's.
fn check_division(load: &LoadJob, table: &Table) -> Result<(), Refusal> {
    let differs =
        load.partitioning.as_ref().is_some_and(|new| {
            table.partitioning.as_ref().is_none_or(|old| old.by != new.by || old.field != new.field)
        }) || (!load.clustering.is_empty() && load.clustering != table.clustering);
    if !differs {
        return Ok(());
    }
    let describe = |partitioning: Option<&super::table::Partitioning>, clustering: &[String]| {
        let partitioning = partitioning.map(super::table::Partitioning::describe);
        let clustering = (!clustering.is_empty()).then(|| format!("clustering({})", clustering.join(",")));
        let parts: Vec<_> = partitioning.into_iter().chain(clustering).collect();
        if parts.is_empty() { "none".to_owned() } else { parts.join(" ") }
    };
    Err(Refusal::invalid(format!(
        "Incompatible table partitioning specification. Expects partitioning specification {}, but input partitioning specification \
         is {}",
        describe(table.partitioning.as_ref(), &table.clustering),
        describe(load.partitioning.as_ref(), &load.clustering)
    )))
}

/// Gives the table the schema of the job, or refuses it. `explicit`: it was given, not read from a file.
fn adopt(load: &LoadJob, table: &mut Table, fields: &[Field], explicit: bool) -> Result<(), Refusal> {
    let fresh = table.fields.is_empty();
    if fresh || load.write == WriteDisposition::Truncate {
        table.rows.clear();
        table.fields = fields.to_vec();
        return table.check();
    }
    let mismatch =
        |what: String| Refusal::invalid(format!("Provided Schema does not match Table {}. {what}", table.name));
    let mut merged = table.fields.clone();
    for new in fields {
        let Some(old) = schema::position(&merged, &new.name).and_then(|at| merged.get_mut(at)) else {
            if !load.allow_addition {
                return Err(mismatch(format!("Cannot add fields (field: {})", new.name)));
            }
            if new.required && explicit {
                return Err(mismatch(format!(
                    "Cannot add required fields to an existing schema. (field: {})",
                    new.name
                )));
            }
            merged.push(Field { required: false, ..new.clone() });
            continue;
        };
        table.check_same_type(old, new)?;
        match (old.required, new.required) {
            (true, false) if load.allow_relaxation => old.required = false,
            (true, false) => {
                return Err(mismatch(format!("Field {} has changed mode from REQUIRED to NULLABLE", old.name)));
            }
            // A file's column that happens to be required goes into one that need not be: no report says otherwise.
            (false, true) if explicit => {
                return Err(mismatch(format!("Field {} has changed mode from NULLABLE to REQUIRED", old.name)));
            }
            _ => {}
        }
    }
    let missing = table.fields.iter().find(|f| f.required && schema::position(fields, &f.name).is_none());
    if let Some(missing) = missing {
        return Err(mismatch(format!("Field {} is missing in new schema", missing.name)));
    }
    table.widen(merged);
    Ok(())
}

fn sources(load: &LoadJob, objects: &dyn ObjectStore) -> Result<Vec<Source>, Refusal> {
    match &load.media {
        Some(bytes) => Ok(vec![Source { uri: None, bytes: bytes.clone() }]),
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
