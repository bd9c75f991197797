//! One request from its arrival to its answer.

use std::time::Duration;

use serde_json::Value as Json;

use super::fault::{Before, Loss, Strike, Touched};
use super::http::{Answer, Request, parse_json};
use super::names::{DatasetName, TableName};
use super::record::RequestRecord;
use super::refusal::Refusal;
use super::route::Call;
use super::state::State;
use super::upload::{self, Piece};
use super::{ObjectStore, Shared, datasets, jobs, queries};

/// What the server does with a request.
pub(crate) enum Reply {
    Answer(Answer),
    /// Close the connection.
    Cut,
}

/// Answers a request; also how long the answer is to wait.
pub(crate) fn respond(shared: &Shared, target: &str, request: &Request) -> (Reply, Option<Duration>) {
    let call = Call::of(request);
    let method = call.as_ref().map(Call::method).unwrap_or_default();
    let mut state = shared.lock();
    let mut exchange = Exchange { method, body: None, strike: Strike::default() };
    let result = match &call {
        None => {
            Err(Refusal::new("notFound", format!("The double of BigQuery has no method at {} {target}", request.verb))
                .with_status(404))
        }
        Some(Call::Discovery) => discovery(shared),
        Some(_) if !has_token(request) => Err(Refusal::unauthenticated()),
        Some(call) => exchange.run(&mut state, shared.objects(), call, request),
    };
    let mut answer = result.unwrap_or_else(|refusal| Answer::refusal(&refusal));
    let cut = match (&exchange.strike.before, exchange.strike.lose) {
        (Some(Before::Cut), _) | (_, Some(Loss::Cut)) => true,
        (Some(Before::Foreign(status, body)), _) => {
            let headers = vec![("content-type", "text/html; charset=UTF-8".to_owned())];
            answer = Answer { status: *status, headers, body: body.clone().into_bytes() };
            false
        }
        (_, Some(Loss::Unavailable)) => {
            answer = Answer::refusal(&Refusal::unavailable());
            false
        }
        _ => false,
    };
    state.requests.push(RequestRecord {
        method: exchange.method.to_owned(),
        verb: request.verb.clone(),
        target: target.to_owned(),
        body: exchange.body,
        status: (!cut).then_some(answer.status),
    });
    (if cut { Reply::Cut } else { Reply::Answer(answer) }, exchange.strike.delay)
}

fn has_token(request: &Request) -> bool {
    request
        .header("authorization")
        .and_then(|a| a.strip_prefix("Bearer "))
        .is_some_and(|token| !token.trim().is_empty())
}

/// The discovery document of the Cloud SDK, where it is installed.
fn discovery(shared: &Shared) -> Result<Answer, Refusal> {
    let document = shared.discovery().and_then(|path| std::fs::read(path).ok());
    let body =
        document.ok_or_else(|| Refusal::new("notFound", "No discovery document: the Cloud SDK is not installed."))?;
    Ok(Answer { status: 200, headers: vec![("content-type", "application/json".to_owned())], body })
}

/// A request under way.
struct Exchange {
    method: &'static str,
    body: Option<Json>,
    strike: Strike,
}

impl Exchange {
    /// Lets befall the request what a test asked for. An error: nothing else is to happen.
    fn strike(&mut self, state: &mut State, touched: &Touched<'_>) -> Result<(), Refusal> {
        self.strike = Strike::take(&mut state.faults, self.method, touched);
        match &self.strike.before {
            None => Ok(()),
            Some(Before::Refuse(refusal)) => Err(refusal.clone()),
            // What goes out instead is seen to by the caller.
            Some(Before::Foreign(..) | Before::Cut) => Err(Refusal::unavailable()),
        }
    }

    fn run(
        &mut self,
        state: &mut State,
        objects: &dyn ObjectStore,
        call: &Call,
        request: &Request,
    ) -> Result<Answer, Refusal> {
        jobs::settle(state, objects);
        match call {
            Call::JobsInsert { project } => {
                let (job, media) = match request.param("uploadType") {
                    Some(_) => upload::multipart(request).map(|(job, media)| (job, Some(media)))?,
                    None => (request.json()?, None),
                };
                self.insert(state, objects, project, job, media)
            }
            Call::UploadPiece { project } => match upload::piece(state, request)? {
                Piece::More(answer) => Ok(answer),
                Piece::Complete { id, job, media } => {
                    // The job begins now, so faults of jobs.insert befall this request.
                    self.method = "jobs.insert";
                    let answer = self.insert(state, objects, project, job, Some(media))?;
                    upload::done(state, &id, &answer);
                    Ok(answer)
                }
            },
            Call::JobsQuery { project } => {
                let body = request.json()?;
                self.body = Some(body.clone());
                self.strike(state, &queries::touched(&body))?;
                queries::query(state, objects, project, &body, &self.strike)
            }
            Call::JobsGet { project, job } | Call::JobsCancel { project, job } | Call::JobsResults { project, job } => {
                let at = jobs::find(state, project, job).and_then(|at| state.jobs.get(at));
                let body = at.map(|job| serde_json::json!({"configuration": job.configuration})).unwrap_or_default();
                self.strike(state, &jobs::touched(&body))?;
                match call {
                    Call::JobsGet { .. } => jobs::get(state, request, project, job),
                    Call::JobsCancel { .. } => jobs::cancel(state, request, project, job),
                    _ => queries::get(state, request, project, job),
                }
            }
            _ => {
                let parsed = (!request.body.is_empty()).then(|| parse_json(&request.body)).transpose()?;
                self.body = parsed;
                let path = call.table();
                let body = self.body.clone().unwrap_or_default();
                let made = body.get("tableReference").and_then(|t| TableName::parse(t, "").ok()).map(|t| t.short());
                self.strike(state, &Touched { names: path.or(made).into_iter().collect(), query: None })?;
                resources(state, call, request, &body)
            }
        }
    }

    fn insert(
        &mut self,
        state: &mut State,
        objects: &dyn ObjectStore,
        project: &str,
        job: Json,
        media: Option<Vec<u8>>,
    ) -> Result<Answer, Refusal> {
        self.body = Some(job.clone());
        self.strike(state, &jobs::touched(&job))?;
        jobs::insert(state, objects, project, &job, media, &self.strike)
    }
}

/// The methods that make no job.
fn resources(state: &mut State, call: &Call, request: &Request, body: &Json) -> Result<Answer, Refusal> {
    match call {
        Call::ProjectsList => datasets::projects(state, request),
        Call::DatasetsList { project } => datasets::list(state, request, project),
        Call::DatasetsInsert { project } => datasets::insert(state, project, body),
        Call::DatasetsGet { project, dataset } => datasets::get(state, &DatasetName::new(project, dataset)),
        Call::DatasetsPatch { project, dataset } => datasets::patch(state, &DatasetName::new(project, dataset), body),
        Call::DatasetsDelete { project, dataset } => {
            datasets::delete(state, request, &DatasetName::new(project, dataset))
        }
        Call::TablesList { project, dataset } => datasets::tables(state, request, &DatasetName::new(project, dataset)),
        Call::TablesInsert { project, dataset } => {
            datasets::insert_table(state, &DatasetName::new(project, dataset), body)
        }
        Call::TablesGet { project, dataset, table } => {
            datasets::get_table(state, &TableName::new(project, dataset, table))
        }
        Call::TablesPatch { project, dataset, table, .. } => {
            datasets::patch_table(state, &TableName::new(project, dataset, table), body)
        }
        Call::TablesDelete { project, dataset, table } => {
            datasets::delete_table(state, &TableName::new(project, dataset, table))
        }
        Call::Rows { project, dataset, table } => {
            queries::rows(state, request, &TableName::new(project, dataset, table))
        }
        Call::JobsList { project } => jobs::list(state, request, project),
        Call::UploadStart { project } => upload::start(state, project, body.clone()),
        Call::Discovery
        | Call::JobsInsert { .. }
        | Call::JobsGet { .. }
        | Call::JobsCancel { .. }
        | Call::JobsQuery { .. }
        | Call::JobsResults { .. }
        | Call::UploadPiece { .. } => Err(Refusal::new("internalError", "The request went astray.")),
    }
}
