//! `jobs.query`, `jobs.getQueryResults` and `tabledata.list`: rows in answers.

use serde_json::{Map, Value as Json, json};

use super::ObjectStore;
use super::fault::{Strike, Touched};
use super::http::{Answer, Request};
use super::job::Job;
use super::jobs;
use super::names::TableName;
use super::page::Page;
use super::refusal::Refusal;
use super::schema::{self, Field};
use super::sql::{self, QueryJob};
use super::state::{DEFAULT_LOCATION, State};
use super::value::Row;
use super::wire::{self, Instants};

/// What answers of `jobs.getQueryResults` call themselves.
const GET_RESULTS: &str = "bigquery#getQueryResultsResponse";

/// The tables that a `QueryRequest` touches, for faults.
pub(crate) fn touched(body: &Json) -> Touched<'_> {
    Touched { names: Vec::new(), query: body.get("query").and_then(Json::as_str) }
}

/// `jobs.query`.
pub(crate) fn query(
    state: &mut State,
    objects: &dyn ObjectStore,
    project: &str,
    body: &Json,
    strike: &Strike,
) -> Result<Answer, Refusal> {
    let text = |key: &str| body.get(key).and_then(Json::as_str).filter(|t| !t.is_empty());
    if body.get("dryRun").and_then(Json::as_bool).unwrap_or_default() {
        return dry_run(state, project, body, text("location").unwrap_or(DEFAULT_LOCATION));
    }
    let again =
        text("requestId").and_then(|id| state.query_requests.get(id)).and_then(|job| jobs::find(state, project, job));
    let at = match again {
        Some(at) => at,
        None => {
            let mut config = body.as_object().cloned().unwrap_or_default();
            config.retain(|key, _| {
                matches!(
                    key.as_str(),
                    "query" | "useLegacySql" | "defaultDataset" | "queryParameters" | "parameterMode" | "useQueryCache"
                )
            });
            let mut job = json!({"configuration": {"query": config}, "jobReference": {"projectId": project}});
            for key in ["labels", "dryRun"] {
                if let (Some(value), Some(Json::Object(configuration))) = (body.get(key), job.get_mut("configuration"))
                {
                    configuration.insert(key.to_owned(), value.clone());
                }
            }
            if let (Some(location), Some(Json::Object(reference))) = (text("location"), job.get_mut("jobReference")) {
                reference.insert("location".into(), json!(location));
            }
            jobs::create(state, project, &job, None, strike)?
        }
    };
    jobs::settle(state, objects);
    let Some(job) = state.jobs.get(at) else { return Err(Refusal::new("notFound", "Not found: Job")) };
    let id = job.name.job.clone();
    let instants = instants(body.get("formatOptions").and_then(|f| f.get("useInt64Timestamp")).and_then(Json::as_bool));
    let most = body.get("maxResults").and_then(Json::as_u64).and_then(|n| usize::try_from(n).ok());
    let page = Page::first(most.unwrap_or(usize::MAX).min(state.page_rows()));
    let answer = results(job, "bigquery#queryResponse", page, instants);
    if let Some(request) = text("requestId").map(str::to_owned) {
        state.query_requests.insert(request, id);
    }
    answer
}

/// `jobs.getQueryResults`.
pub(crate) fn get(state: &mut State, request: &Request, project: &str, id: &str) -> Result<Answer, Refusal> {
    let at = jobs::locate(state, request, project, id)?;
    let page = Page::of(request, state.page_rows())?;
    let instants = instants(Some(request.flag("formatOptions.useInt64Timestamp")));
    let Some(job) = state.jobs.get_mut(at) else { return Err(Refusal::new("notFound", "Not found: Job")) };
    let answer = results(job, GET_RESULTS, page, instants);
    job.wait.look();
    answer
}

/// Whether a query could be run: no job comes of it.
fn dry_run(state: &State, project: &str, body: &Json, location: &str) -> Result<Answer, Refusal> {
    state.check_project_of_job(project)?;
    sql::dry_run(state, &QueryJob::parse(body, project)?, location)?;
    Ok(Answer::json(&json!({
        "kind": "bigquery#queryResponse",
        "jobReference": {"projectId": project, "location": location},
        "jobComplete": true,
        "cacheHit": false,
        "totalBytesProcessed": "0",
        "totalRows": "0",
    })))
}

fn instants(micros: Option<bool>) -> Instants {
    if micros == Some(true) { Instants::Micros } else { Instants::Seconds }
}

/// What is to be said of a query: nothing yet, its error, or its rows.
fn results(job: &Job, kind: &str, page: Page, instants: Instants) -> Result<Answer, Refusal> {
    let mut object = Map::new();
    let mut put = |key: &str, value: Json| object.insert(key.to_owned(), value);
    put("kind", json!(kind));
    put("jobReference", job.name.reference());
    put("jobComplete", json!(job.outcome.is_some()));
    let Some(outcome) = &job.outcome else { return Ok(Answer::json(&Json::Object(object))) };
    if let Some(error) = &outcome.error {
        return Err(error.clone());
    }
    if kind == GET_RESULTS {
        put("etag", json!(super::text::base64(job.name.job.as_bytes())));
    }
    put("cacheHit", json!(false));
    put("totalBytesProcessed", json!(outcome.bytes.to_string()));
    for key in ["numDmlAffectedRows", "dmlStats"] {
        if let Some(value) = outcome.statistics.get(key) {
            put(key, value.clone());
        }
    }
    match &outcome.result {
        None => {
            put("totalRows", json!("0"));
        }
        Some(result) => {
            let (rows, next) = page.cut(&result.rows);
            put("schema", schema::schema_json(&result.fields));
            put("totalRows", json!(result.rows.len().to_string()));
            put("rows", rows_json(&result.fields, rows, instants));
            if let Some(token) = next {
                put("pageToken", json!(token));
            }
        }
    }
    Ok(Answer::json(&Json::Object(object)))
}

fn rows_json(fields: &[Field], rows: &[Row], instants: Instants) -> Json {
    rows.iter().map(|row| wire::row(fields, row, instants)).collect()
}

/// `tabledata.list`.
pub(crate) fn rows(state: &State, request: &Request, name: &TableName) -> Result<Answer, Refusal> {
    let table = state.table(name)?;
    let instants = instants(Some(request.flag("formatOptions.useInt64Timestamp")));
    let (rows, next) = Page::of(request, state.page_rows())?.cut(&table.rows);
    let rows = match request.param("selectedFields") {
        None => rows_json(&table.fields, rows, instants),
        Some(selected) => {
            let place = |name: &str| {
                schema::position(&table.fields, name).ok_or_else(|| Refusal::invalid(format!("No such field: {name}")))
            };
            let places = selected.split(',').map(place).collect::<Result<Vec<_>, _>>()?;
            let fields: Vec<_> = places.iter().filter_map(|at| table.fields.get(*at)).cloned().collect();
            let part = |row: &Row| places.iter().filter_map(|at| row.get(*at)).cloned().collect::<Row>();
            rows_json(&fields, &rows.iter().map(part).collect::<Vec<_>>(), instants)
        }
    };
    let mut object = Map::new();
    object.insert("kind".into(), json!("bigquery#tableDataList"));
    object.insert("etag".into(), json!("rows"));
    object.insert("totalRows".into(), json!(table.rows.len().to_string()));
    object.insert("rows".into(), rows);
    object.extend(next.map(|token| ("pageToken".to_owned(), json!(token))));
    Ok(Answer::json(&Json::Object(object)))
}
