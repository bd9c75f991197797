//! What BigQuery knows: projects, datasets, tables, jobs, and what a test asked for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value as Json, json};

use super::fault::Fault;
use super::job::Job;
use super::names::{DatasetName, TableName, is_project_id};
use super::record::RequestRecord;
use super::refusal::Refusal;
use super::table::Table;
use super::upload::Upload;

/// Where a dataset lies when nobody says so.
pub(crate) const DEFAULT_LOCATION: &str = "US";

/// Load jobs a table and day, failed ones counted.
const LOADS_A_DAY: u32 = 1_500;
/// Rows that a page holds at most.
const PAGE_ROWS: usize = 100_000;
const DAY_MILLIS: i64 = 86_400_000;

/// Everything behind one lock.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// `http://127.0.0.1:PORT/bigquery/v2`, for links.
    pub(crate) base: String,
    pub(crate) projects: BTreeSet<String>,
    pub(crate) datasets: BTreeMap<DatasetName, Dataset>,
    /// In the order of their creation.
    pub(crate) jobs: Vec<Job>,
    /// Load jobs by table, with the day they are counted for.
    loads: HashMap<TableName, (i64, u32)>,
    pub(crate) uploads: HashMap<String, Upload>,
    /// Job ids of `jobs.query` by `requestId`.
    pub(crate) query_requests: HashMap<String, String>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) requests: Vec<RequestRecord>,
    /// Rows a page, where a test wants few.
    pub(crate) small_pages: Option<usize>,
    made_ids: u64,
}

/// A dataset and its tables.
#[derive(Debug)]
pub(crate) struct Dataset {
    pub(crate) name: DatasetName,
    pub(crate) location: String,
    /// What else was said of it: description, labels.
    pub(crate) extras: Map<String, Json>,
    pub(crate) tables: BTreeMap<String, Arc<Table>>,
    pub(crate) created: i64,
    pub(crate) modified: i64,
}

impl Dataset {
    /// An empty one, as a `Dataset` resource describes it.
    pub(crate) fn parse(name: DatasetName, json: &Json, now: i64) -> Self {
        let location = json.get("location").and_then(Json::as_str).filter(|l| !l.is_empty());
        let mut dataset = Self {
            name,
            location: location.unwrap_or(DEFAULT_LOCATION).to_owned(),
            extras: Map::new(),
            tables: BTreeMap::new(),
            created: now,
            modified: now,
        };
        dataset.patch(json, now);
        dataset
    }

    pub(crate) fn patch(&mut self, json: &Json, now: i64) {
        let known = [
            "description",
            "friendlyName",
            "labels",
            "access",
            "defaultTableExpirationMs",
            "defaultPartitionExpirationMs",
        ];
        for key in known {
            match json.get(key) {
                Some(Json::Null) => drop(self.extras.remove(key)),
                Some(value) => drop(self.extras.insert(key.to_owned(), value.clone())),
                None => {}
            }
        }
        self.modified = now;
    }

    /// What a list of datasets says of it.
    pub(crate) fn head(&self) -> Map<String, Json> {
        let mut object = Map::new();
        object.insert("kind".into(), json!("bigquery#dataset"));
        object.insert("id".into(), json!(self.name.to_string()));
        object.insert("datasetReference".into(), self.name.reference());
        object.insert("location".into(), json!(self.location));
        for key in ["labels", "friendlyName"] {
            object.extend(self.extras.get(key).map(|v| (key.to_owned(), v.clone())));
        }
        object
    }

    /// The `Dataset` resource.
    pub(crate) fn to_json(&self, base: &str) -> Json {
        let mut object = self.head();
        let DatasetName { project, dataset } = &self.name;
        object.insert("type".into(), json!("DEFAULT"));
        object.insert("etag".into(), json!(super::text::base64(format!("{} {}", self.name, self.modified).as_bytes())));
        object.insert("selfLink".into(), json!(format!("{base}/projects/{project}/datasets/{dataset}")));
        object.insert("creationTime".into(), json!(self.created.to_string()));
        object.insert("lastModifiedTime".into(), json!(self.modified.to_string()));
        let owners = json!([{"role": "OWNER", "specialGroup": "projectOwners"}]);
        object.insert("access".into(), owners);
        object.extend(self.extras.clone());
        Json::Object(object)
    }
}

impl State {
    /// Nothing yet. `base` is the address of the API.
    pub(crate) fn new(base: String) -> Self {
        Self { base, ..Self::default() }
    }

    /// Refuses a project that is not there, in the words for what needs a job.
    pub(crate) fn check_project_of_job(&self, project: &str) -> Result<(), Refusal> {
        if self.projects.contains(project) {
            return Ok(());
        }
        check_project_id(project)?;
        Err(Refusal::access_denied("bigquery.jobs.create", &format!("Project {project}")))
    }

    /// Refuses a project that is not there, in the words for what needs a resource.
    pub(crate) fn check_project(&self, project: &str) -> Result<(), Refusal> {
        if self.projects.contains(project) {
            return Ok(());
        }
        check_project_id(project)?;
        Err(Refusal::new("notFound", format!("Not found: Project {project}")))
    }

    pub(crate) fn dataset(&self, name: &DatasetName) -> Result<&Dataset, Refusal> {
        self.check_project(&name.project)?;
        self.datasets.get(name).ok_or_else(|| Refusal::new("notFound", format!("Not found: Dataset {name}")))
    }

    pub(crate) fn dataset_mut(&mut self, name: &DatasetName) -> Result<&mut Dataset, Refusal> {
        self.check_project(&name.project)?;
        self.datasets.get_mut(name).ok_or_else(|| Refusal::new("notFound", format!("Not found: Dataset {name}")))
    }

    pub(crate) fn table(&self, name: &TableName) -> Result<&Arc<Table>, Refusal> {
        let found = self.dataset(&name.dataset)?.tables.get(&name.table);
        found.ok_or_else(|| Refusal::new("notFound", format!("Not found: Table {name}")))
    }

    /// Puts a table in the place of one of that name, or beside the others.
    pub(crate) fn put_table(&mut self, mut table: Table) -> Result<(), Refusal> {
        table.modified = now();
        let dataset = self.dataset_mut(&table.name.dataset)?;
        dataset.tables.insert(table.name.table.clone(), Arc::new(table));
        Ok(())
    }

    /// Counts a load job, and refuses it where the table has had its number of the day.
    pub(crate) fn count_load(&mut self, table: &TableName, now: i64) -> Result<(), Refusal> {
        let today = now.div_euclid(DAY_MILLIS);
        let (day, count) = self.loads.entry(table.clone()).or_insert((today, 0));
        if *day != today {
            (*day, *count) = (today, 0);
        }
        *count += 1;
        if *count > LOADS_A_DAY {
            return Err(Refusal::new(
                "quotaExceeded",
                "Quota exceeded: Your table exceeded quota for imports or query appends per table. For more information, see \
                 https://cloud.google.com/bigquery/docs/troubleshoot-quotas",
            )
            .at("load_job_per_table.long"));
        }
        Ok(())
    }

    /// Rows that a page holds at most.
    pub(crate) fn page_rows(&self) -> usize {
        self.small_pages.unwrap_or(PAGE_ROWS)
    }

    /// An id that was not there before.
    pub(crate) fn make_id(&mut self, prefix: &str) -> String {
        self.made_ids += 1;
        format!("{prefix}_{:x}_{:08x}", now(), self.made_ids)
    }
}

fn check_project_id(project: &str) -> Result<(), Refusal> {
    if is_project_id(project) {
        return Ok(());
    }
    Err(Refusal::invalid(format!(
        "Invalid project ID '{project}'. Project IDs must contain 6-63 lowercase letters, digits, or dashes. Some project IDs also \
         include domain name separated by a colon. IDs must start with a letter and may not end with a dash."
    )))
}

/// Milliseconds since the epoch.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or_default()
}
