//! Stands in for BigQuery: its REST API of version 2 on a local port, with load jobs, queries, and faults on demand.
//!
//! [`BigQueryDouble::start`] serves `http://127.0.0.1:PORT/bigquery/v2` from a thread of its own. It holds to the rules that a
//! loader depends on: a job's id is used once, a job that is DONE may have failed, a load changes everything or nothing, a MERGE
//! that finds two rows for one is an error. Where BigQuery's behaviour is not documented, the comment beside the code says what
//! is assumed. What it cannot do is refused, with the place; it never guesses an answer.
//!
//! The data is kept in memory. SQLite would be too coarse a store: it holds no NaN, and has no types to refuse a comparison by.

mod api;
mod datasets;
mod discovery;
mod fault;
mod http;
mod job;
mod jobs;
mod load;
mod names;
mod objects;
mod page;
mod partition;
mod queries;
mod record;
mod refusal;
mod route;
mod schema;
mod server;
mod sql;
mod state;
mod table;
mod text;
mod upload;
mod value;
mod wire;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value as Json, json};

pub use discovery::Discovery;
pub use fault::{Fault, FaultKind, Loss, Slow};
pub use objects::{MemoryObjects, ObjectStore};
pub use record::{JobRecord, RequestRecord};
pub use refusal::Refusal;

use http::Request;
use names::{DatasetName, TableName};
use route::Call;
use server::Server;
use state::{Dataset, State, now};

/// A BigQuery of its own for a test. It is gone when it is dropped.
#[derive(Debug)]
pub struct BigQueryDouble {
    shared: Arc<Shared>,
    server: Server,
}

/// How [`serve_forever`] runs.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The port of 127.0.0.1; 0 is any that is free.
    pub port: u16,
    /// Datasets that are there from the start: `project.dataset`, or a project alone.
    pub datasets: Vec<String>,
}

/// Serves until the process ends. `ready` is called with the endpoint.
///
/// # Errors
/// Where the port cannot be had, or a dataset's name is none.
pub fn serve_forever(options: &Options, objects: Arc<dyn ObjectStore>, ready: impl FnOnce(&str)) -> io::Result<()> {
    let double = BigQueryDouble::start_on(options.port, objects)?;
    for name in &options.datasets {
        match name.split_once('.') {
            Some((project, dataset)) => double.create_dataset(project, dataset),
            None => double.create_project(name),
        }
    }
    ready(&double.endpoint());
    double.server.wait();
    Ok(())
}

impl BigQueryDouble {
    /// Starts one on a free port, without any dataset. `objects` is what `gs://` names.
    ///
    /// # Errors
    /// Where no port or thread can be had.
    pub fn start(objects: Arc<dyn ObjectStore>) -> io::Result<Self> {
        Self::start_on(0, objects)
    }

    fn start_on(port: u16, objects: Arc<dyn ObjectStore>) -> io::Result<Self> {
        let listener = Server::bind(port)?;
        let base = format!("http://{}/bigquery/v2", listener.local_addr()?);
        let state = Mutex::new(State::new(base));
        let shared = Arc::new(Shared { state, objects, discovery: discovery::document() });
        Ok(Self { server: Server::start(listener, shared.clone())?, shared })
    }

    /// `http://127.0.0.1:PORT`. The API is below `/bigquery/v2`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Makes a project that has no dataset yet.
    pub fn create_project(&self, project: &str) {
        self.shared.lock().projects.insert(project.to_owned());
    }

    /// Makes a dataset, in the US, and its project.
    pub fn create_dataset(&self, project: &str, dataset: &str) {
        self.create_dataset_in(project, dataset, state::DEFAULT_LOCATION);
    }

    /// Makes a dataset somewhere else.
    pub fn create_dataset_in(&self, project: &str, dataset: &str, location: &str) {
        let mut state = self.shared.lock();
        state.projects.insert(project.to_owned());
        let name = DatasetName::new(project, dataset);
        state
            .datasets
            .entry(name.clone())
            .or_insert_with(|| Dataset::parse(name, &json!({"location": location}), now()));
    }

    /// Runs a statement of GoogleSQL past all faults, also to change a table under way. The rows, with numbers as numbers, instants
    /// in RFC 3339, bytes in base64 and structs as objects; none of a statement that gives none.
    ///
    /// # Errors
    /// What BigQuery would say.
    pub fn query(&self, project: &str, sql: &str) -> Result<Vec<Map<String, Json>>, Refusal> {
        sql::run_now(&mut self.shared.lock(), project, sql)
    }

    /// The resource of a table, as `tables.get` gives it. `None`: there is none.
    pub fn table(&self, project: &str, dataset: &str, table: &str) -> Option<Json> {
        datasets::resource(&self.shared.lock(), &TableName::new(project, dataset, table))
    }

    /// The names of the tables of a dataset.
    pub fn tables(&self, project: &str, dataset: &str) -> Vec<String> {
        let state = self.shared.lock();
        let dataset = state.datasets.get(&DatasetName::new(project, dataset));
        dataset.map(|d| d.tables.keys().cloned().collect()).unwrap_or_default()
    }

    /// Every job so far, the oldest first.
    pub fn jobs(&self) -> Vec<JobRecord> {
        let mut state = self.shared.lock();
        jobs::settle(&mut state, self.shared.objects());
        state.jobs.iter().map(|job| job.record(&state.base)).collect()
    }

    /// Every request so far, the oldest first.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.shared.lock().requests.clone()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.shared.lock().requests.clear();
    }

    /// Asks for a fault, behind those that were asked for before.
    pub fn fault(&self, fault: Fault) {
        self.shared.lock().faults.push(fault);
    }

    /// Takes back what was asked for and has not happened.
    pub fn clear_faults(&self) {
        self.shared.lock().faults.clear();
    }

    /// Lets pages hold no more than so many rows.
    pub fn limit_pages(&self, rows: usize) {
        self.shared.lock().small_pages = Some(rows);
    }
}

/// What the threads of the server share.
struct Shared {
    state: Mutex<State>,
    objects: Arc<dyn ObjectStore>,
    discovery: Option<PathBuf>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Shared {
    /// A thread that panicked has failed its test already; the others may still look.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn objects(&self) -> &dyn ObjectStore {
        &*self.objects
    }

    fn discovery(&self) -> Option<&Path> {
        self.discovery.as_deref()
    }

    /// How long a question for results waits for a job that is still running.
    fn wait_of(&self, request: &Request) -> Option<Duration> {
        let Some(Call::JobsResults { project, job }) = Call::of(request) else { return None };
        let state = self.lock();
        let job = jobs::find(&state, &project, &job).and_then(|at| state.jobs.get(at))?;
        let rest = job.outcome.is_none().then(|| job.wait.rest()).flatten()?;
        let patience = request.param("timeoutMs").and_then(|t| t.parse().ok()).unwrap_or(10_000);
        Some(rest.min(Duration::from_millis(patience)))
    }
}
