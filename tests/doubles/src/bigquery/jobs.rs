//! `jobs.insert`, `get`, `list` and `cancel`.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::ObjectStore;
use super::fault::{Strike, Touched};
use super::http::{Answer, Request};
use super::job::{Job, Outcome, Wait, Work};
use super::load::{self, LoadJob};
use super::names::{JobName, is_job_id};
use super::page::Page;
use super::refusal::Refusal;
use super::sql::{self, QueryJob};
use super::state::{DEFAULT_LOCATION, State, now};

/// The tables that a `Job` would touch, for faults.
pub(crate) fn touched(job: &Json) -> Touched<'_> {
    let configuration = job.get("configuration");
    let part = |name: &str| configuration.and_then(|c| c.get(name));
    let names = ["load", "query"].into_iter().filter_map(|name| part(name)?.get("destinationTable"));
    let text = |table: &Json, key: &str| table.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    Touched {
        names: names.map(|t| format!("{}.{}", text(t, "datasetId"), text(t, "tableId"))).collect(),
        query: part("query").and_then(|q| q.get("query")).and_then(Json::as_str),
    }
}

/// `jobs.insert`: takes a `Job`, and of an upload the bytes that come with it.
pub(crate) fn insert(
    state: &mut State,
    objects: &dyn ObjectStore,
    project: &str,
    body: &Json,
    media: Option<Vec<u8>>,
    strike: &Strike,
) -> Result<Answer, Refusal> {
    let at = create(state, project, body, media, strike)?;
    // It begins at once, but a job that has just been accepted is not done yet.
    let base = state.base.clone();
    let mut answer = state.jobs.get(at).map(|job| job.to_json(&base)).unwrap_or_default();
    if let Some(status) = answer.get_mut("status") {
        *status = json!({"state": if strike.slow.is_some() { "PENDING" } else { "RUNNING" }});
    }
    settle(state, objects);
    Ok(Answer::json(&answer))
}

/// Makes a job, which then waits to be run. Its place among the jobs.
pub(crate) fn create(
    state: &mut State,
    project: &str,
    body: &Json,
    media: Option<Vec<u8>>,
    strike: &Strike,
) -> Result<usize, Refusal> {
    state.check_project_of_job(project)?;
    let reference = body.get("jobReference");
    let given = |key: &str| reference.and_then(|r| r.get(key)).and_then(Json::as_str).filter(|t| !t.is_empty());
    if let Some(other) = given("projectId").filter(|p| *p != project) {
        return Err(Refusal::invalid(format!(
            "Value {other} for jobReference.projectId does not match project {project}"
        )));
    }
    let id = match given("jobId") {
        Some(id) if is_job_id(id) => id.to_owned(),
        Some(id) => {
            return Err(Refusal::invalid(format!(
                "Invalid job ID \"{id}\". Job IDs must be alphanumeric (plus underscores and dashes) and must be at most 1024 characters long."
            )));
        }
        None => state.make_id("job"),
    };
    let mut configuration = body.get("configuration").cloned().unwrap_or_default();
    let work = if let Some(config) = configuration.get("load").filter(|c| !c.is_null()) {
        Work::Load(LoadJob::parse(config, project, media)?)
    } else if let Some(config) = configuration.get("query").filter(|c| !c.is_null()) {
        Work::Query(QueryJob::parse(config, project)?)
    } else if configuration.get("copy").or(configuration.get("extract")).is_some() {
        return Err(Refusal::new("notImplemented", "The double of BigQuery has neither copy nor extract jobs."));
    } else {
        return Err(Refusal::new("required", "Required parameter is missing: configuration"));
    };
    if configuration.get("dryRun").and_then(Json::as_bool).unwrap_or_default() {
        return Err(Refusal::new("notImplemented", "The double of BigQuery has no dry runs but those of jobs.query."));
    }
    if let Json::Object(object) = &mut configuration {
        object.insert("jobType".into(), json!(if matches!(work, Work::Load(_)) { "LOAD" } else { "QUERY" }));
    }
    let location = match given("location") {
        Some(location) => location.to_owned(),
        None => location_of(state, &work),
    };
    let name = JobName { project: project.to_owned(), location, job: id };
    if let Some(used) = find(state, project, &name.job) {
        let used = state.jobs.get(used).map(|j| j.name.to_string()).unwrap_or_default();
        return Err(Refusal::new("duplicate", format!("Already Exists: Job {used}")));
    }
    let created = now();
    let mut fail = strike.fail.clone();
    if let Work::Load(load) = &work
        && let Err(refusal) = state.count_load(&load.table, created)
    {
        fail = Some(refusal);
    }
    state.jobs.push(Job {
        name,
        configuration,
        work: Arc::new(work),
        created,
        started: None,
        ended: None,
        wait: Wait::of(strike.slow),
        fail,
        outcome: None,
    });
    Ok(state.jobs.len() - 1)
}

/// Where a job runs that names no location: where the dataset is that it writes.
fn location_of(state: &State, work: &Work) -> String {
    let dataset = match work {
        Work::Load(load) => Some(load.table.dataset.clone()),
        Work::Query(query) => query.dataset(),
    };
    let found = dataset.and_then(|d| state.datasets.get(&d)).map(|d| d.location.clone());
    found.unwrap_or_else(|| DEFAULT_LOCATION.to_owned())
}

/// The place of a job by its id, wherever it runs.
pub(crate) fn find(state: &State, project: &str, id: &str) -> Option<usize> {
    state.jobs.iter().position(|j| j.name.project == project && j.name.job == id)
}

/// The place of a job that a request names. Without a location only jobs in the US and EU are found.
pub(crate) fn locate(state: &State, request: &Request, project: &str, id: &str) -> Result<usize, Refusal> {
    state.check_project(project)?;
    let location = request.param("location");
    let fits = |at: &usize| {
        state.jobs.get(*at).is_some_and(|job| match location {
            Some(location) => job.name.location.eq_ignore_ascii_case(location),
            None => matches!(job.name.location.as_str(), "US" | "EU"),
        })
    };
    find(state, project, id).filter(fits).ok_or_else(|| {
        let id = location.map_or_else(|| id.to_owned(), |location| format!("{location}.{id}"));
        Refusal::new("notFound", format!("Not found: Job {project}:{id}"))
    })
}

/// Runs every job whose time has come.
pub(crate) fn settle(state: &mut State, objects: &dyn ObjectStore) {
    let due = |job: &Job| job.outcome.is_none() && job.wait.is_over();
    while let Some(at) = state.jobs.iter().position(due) {
        let Some(job) = state.jobs.get_mut(at) else { return };
        job.started = Some(now());
        let (work, fail, name) = (job.work.clone(), job.fail.clone(), job.name.clone());
        let outcome = match (fail, &*work) {
            (Some(error), _) => Outcome { error: Some(error), ..Outcome::default() },
            (None, Work::Load(load)) => load::run(state, objects, load, &name),
            (None, Work::Query(query)) => sql::run(state, query, &name),
        };
        if let Some(job) = state.jobs.get_mut(at) {
            job.ended = Some(now());
            job.outcome = Some(outcome);
        }
    }
}

/// `jobs.get`.
pub(crate) fn get(state: &mut State, request: &Request, project: &str, id: &str) -> Result<Answer, Refusal> {
    let at = locate(state, request, project, id)?;
    let base = state.base.clone();
    let Some(job) = state.jobs.get_mut(at) else { return Err(Refusal::new("notFound", "Not found: Job")) };
    let answer = Answer::json(&job.to_json(&base));
    job.wait.look();
    Ok(answer)
}

/// `jobs.cancel`: a job that is not done ends there, and has changed nothing.
pub(crate) fn cancel(state: &mut State, request: &Request, project: &str, id: &str) -> Result<Answer, Refusal> {
    let at = locate(state, request, project, id)?;
    let base = state.base.clone();
    let Some(job) = state.jobs.get_mut(at) else { return Err(Refusal::new("notFound", "Not found: Job")) };
    if job.outcome.is_none() {
        let error = Refusal::new("stopped", "Job execution was cancelled: User requested cancellation");
        job.outcome = Some(Outcome { error: Some(error), ..Outcome::default() });
        job.ended = Some(now());
    }
    Ok(Answer::json(&json!({"kind": "bigquery#jobCancelResponse", "job": job.to_json(&base)})))
}

/// `jobs.list`: the newest first.
pub(crate) fn list(state: &State, request: &Request, project: &str) -> Result<Answer, Refusal> {
    state.check_project(project)?;
    let wanted = request.param("stateFilter").map(str::to_ascii_uppercase);
    let jobs = state.jobs.iter().rev().filter(|j| j.name.project == project);
    let jobs: Vec<_> = jobs.filter(|j| wanted.as_ref().is_none_or(|w| w == j.state())).collect();
    let page = Page::of(request, 1_000)?;
    let (jobs, next) = page.cut(&jobs);
    let mut object = Map::new();
    object.insert("kind".into(), json!("bigquery#jobList"));
    object.insert("etag".into(), json!("jobs"));
    object.insert("jobs".into(), jobs.iter().map(|j| j.listed(&state.base)).collect());
    object.extend(next.map(|token| ("nextPageToken".to_owned(), json!(token))));
    Ok(Answer::json(&Json::Object(object)))
}
