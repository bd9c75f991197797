//! `projects.list` and the methods of datasets and tables.

use std::collections::btree_map::Entry;

use serde_json::{Map, Value as Json, json};

use super::http::{Answer, Request};
use super::names::{DatasetName, TableName};
use super::page::Page;
use super::partition::Partitioning;
use super::refusal::Refusal;
use super::schema::{self, Field};
use super::state::{Dataset, State, now};
use super::table::{self, Table};

/// A list of resources by pages, under the name that the API gives it.
fn listed(kind: &str, key: &str, all: &[Json], request: &Request) -> Result<Answer, Refusal> {
    let (part, next) = Page::of(request, 1_000)?.cut(all);
    let mut object = Map::new();
    object.insert("kind".into(), json!(kind));
    object.insert("etag".into(), json!("list"));
    // An empty list is left out, as the API does.
    if !part.is_empty() {
        object.insert(key.into(), json!(part));
    }
    // Lists of datasets do not say how many there are.
    if key != "datasets" {
        object.insert("totalItems".into(), json!(all.len()));
    }
    object.extend(next.map(|token| ("nextPageToken".to_owned(), json!(token))));
    Ok(Answer::json(&Json::Object(object)))
}

/// `projects.list`.
pub(crate) fn projects(state: &State, request: &Request) -> Result<Answer, Refusal> {
    let project = |id: &String| json!({"kind": "bigquery#project", "id": id, "numericId": "1", "projectReference": {"projectId": id}, "friendlyName": id});
    listed("bigquery#projectList", "projects", &state.projects.iter().map(project).collect::<Vec<_>>(), request)
}

/// `datasets.list`.
pub(crate) fn list(state: &State, request: &Request, project: &str) -> Result<Answer, Refusal> {
    state.check_project(project)?;
    let all: Vec<_> =
        state.datasets.values().filter(|d| d.name.project == project).map(|d| Json::Object(d.head())).collect();
    listed("bigquery#datasetList", "datasets", &all, request)
}

/// `datasets.insert`.
pub(crate) fn insert(state: &mut State, project: &str, body: &Json) -> Result<Answer, Refusal> {
    state.check_project(project)?;
    let reference = body.get("datasetReference").unwrap_or(&Json::Null);
    let name = DatasetName::parse(reference, project)?;
    let dataset = Dataset::parse(name.clone(), body, now());
    let answer = Answer::json(&dataset.to_json(&state.base));
    match state.datasets.entry(name) {
        Entry::Occupied(there) => Err(Refusal::new("duplicate", format!("Already Exists: Dataset {}", there.key()))),
        Entry::Vacant(free) => {
            free.insert(dataset);
            Ok(answer)
        }
    }
}

/// `datasets.get`.
pub(crate) fn get(state: &State, name: &DatasetName) -> Result<Answer, Refusal> {
    Ok(Answer::json(&state.dataset(name)?.to_json(&state.base)))
}

/// `datasets.patch`.
pub(crate) fn patch(state: &mut State, name: &DatasetName, body: &Json) -> Result<Answer, Refusal> {
    state.dataset_mut(name)?.patch(body, now());
    get(state, name)
}

/// `datasets.delete`: one with tables only with `deleteContents`.
pub(crate) fn delete(state: &mut State, request: &Request, name: &DatasetName) -> Result<Answer, Refusal> {
    let dataset = state.dataset(name)?;
    if !dataset.tables.is_empty() && !request.flag("deleteContents") {
        return Err(Refusal::new("resourceInUse", format!("Dataset {name} is still in use")));
    }
    state.datasets.remove(name);
    Ok(Answer::empty())
}

/// `tables.list`.
pub(crate) fn tables(state: &State, request: &Request, name: &DatasetName) -> Result<Answer, Refusal> {
    let all: Vec<_> = state.dataset(name)?.tables.values().map(|t| Json::Object(t.head())).collect();
    listed("bigquery#tableList", "tables", &all, request)
}

/// `tables.insert`.
pub(crate) fn insert_table(state: &mut State, name: &DatasetName, body: &Json) -> Result<Answer, Refusal> {
    let dataset = state.dataset(name)?;
    let reference = body.get("tableReference").unwrap_or(&Json::Null);
    let table = TableName::parse(reference, &name.project)?;
    if table.dataset != *name {
        return Err(Refusal::invalid(format!(
            "Value {} in tableReference does not match dataset {name}",
            table.dataset
        )));
    }
    if dataset.tables.contains_key(&table.table) {
        return Err(Refusal::new("duplicate", format!("Already Exists: Table {table}")));
    }
    let made = Table::parse(table.clone(), body, &dataset.location, now())?;
    state.put_table(made)?;
    get_table(state, &table)
}

/// `tables.get`.
pub(crate) fn get_table(state: &State, name: &TableName) -> Result<Answer, Refusal> {
    Ok(Answer::json(&state.table(name)?.to_json(&state.base)))
}

/// `tables.delete`.
pub(crate) fn delete_table(state: &mut State, name: &TableName) -> Result<Answer, Refusal> {
    state.table(name)?;
    state.dataset_mut(&name.dataset)?.tables.remove(&name.table);
    Ok(Answer::empty())
}

/// `tables.patch` and `tables.update`: descriptions, columns that are added or may be null from now on, clustering.
pub(crate) fn patch_table(state: &mut State, name: &TableName, body: &Json) -> Result<Answer, Refusal> {
    let mut changed = Table::clone(state.table(name)?);
    if let Some(schema) = body.get("schema").filter(|s| !s.is_null()) {
        let fields = schema::parse_schema(schema)?;
        check_change(&changed, &fields)?;
        changed.widen(fields);
    }
    if let Some(clustering) = body.get("clustering") {
        changed.clustering = table::clustering(Some(clustering));
    }
    if let Some(time) = body.get("timePartitioning").filter(|t| !t.is_null()) {
        let new = Partitioning::parse(time)?;
        let same = |old: &Partitioning| old.by == new.by && old.field == new.field;
        if !changed.partitioning.as_ref().is_some_and(same) {
            return Err(Refusal::invalid("Cannot change partitioning/clustering of a table."));
        }
        changed.partitioning = Some(new);
    }
    if let Some(filter) = body.get("requirePartitionFilter").and_then(Json::as_bool) {
        changed.require_filter = filter;
    }
    for key in ["description", "friendlyName", "labels", "expirationTime"] {
        match body.get(key) {
            Some(Json::Null) => drop(changed.extras.remove(key)),
            Some(value) => drop(changed.extras.insert(key.to_owned(), value.clone())),
            None => {}
        }
    }
    changed.check()?;
    state.put_table(changed)?;
    get_table(state, name)
}

/// Columns stay, keep their type, and become at most less strict; new ones may be null.
fn check_change(table: &Table, new: &[Field]) -> Result<(), Refusal> {
    let mismatch =
        |what: String| Refusal::invalid(format!("Provided Schema does not match Table {}. {what}", table.name));
    for old in &table.fields {
        let Some(field) = schema::position(new, &old.name).and_then(|i| new.get(i)) else {
            return Err(mismatch(format!("Field {} is missing in new schema", old.name)));
        };
        table.check_same_type(old, field)?;
        if field.required && !old.required {
            return Err(mismatch(format!("Field {} has changed mode from {} to REQUIRED", old.name, old.mode())));
        }
    }
    match new.iter().find(|f| f.required && schema::position(&table.fields, &f.name).is_none()) {
        Some(field) => {
            Err(mismatch(format!("Cannot add required fields to an existing schema. (field: {})", field.name)))
        }
        None => Ok(()),
    }
}

/// The resource of a table, if there is one.
pub(crate) fn resource(state: &State, name: &TableName) -> Option<Json> {
    Some(state.table(name).ok()?.to_json(&state.base))
}
