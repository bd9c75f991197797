//! The table of a load job: as it is, and as the job's schema makes it.

use serde_json::json;

use super::config::{Format, LoadJob, WriteDisposition};
use crate::bigquery::names::JobName;
use crate::bigquery::partition::Partitioning;
use crate::bigquery::refusal::Refusal;
use crate::bigquery::schema::{self, Field, Type};
use crate::bigquery::state::{State, now};
use crate::bigquery::table::Table;

/// The table as it is, or a new one.
pub(super) fn target(state: &State, load: &LoadJob, job: &JobName) -> Result<Table, Refusal> {
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
            // Whatever the file holds: <https://github.com/googleapis/python-bigquery/issues/1966>.
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
    let describe = |partitioning: Option<&Partitioning>, clustering: &[String]| {
        let partitioning = partitioning.map(Partitioning::describe);
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
pub(super) fn adopt(load: &LoadJob, table: &mut Table, fields: &[Field], explicit: bool) -> Result<(), Refusal> {
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
