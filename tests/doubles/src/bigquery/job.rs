//! A job: what it is to do, how far it is, and its resource in JSON.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value as Json, json};

use super::fault::Slow;
use super::load::LoadJob;
use super::names::JobName;
use super::record::JobRecord;
use super::refusal::Refusal;
use super::schema::Field;
use super::sql::QueryJob;
use super::value::Row;

/// A job and how it went.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) name: JobName,
    /// The configuration as it was sent, with what BigQuery fills in.
    pub(crate) configuration: Json,
    pub(crate) work: Arc<Work>,
    /// Milliseconds since the epoch.
    pub(crate) created: i64,
    pub(crate) started: Option<i64>,
    pub(crate) ended: Option<i64>,
    pub(crate) wait: Wait,
    /// How it is to end, where a test said so.
    pub(crate) fail: Option<Refusal>,
    /// `None` until it is done.
    pub(crate) outcome: Option<Outcome>,
}

/// What a job does.
#[derive(Debug)]
pub(crate) enum Work {
    Load(LoadJob),
    Query(QueryJob),
}

/// How a job ended.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) error: Option<Refusal>,
    /// What went wrong on the way, also in a job that succeeded.
    pub(crate) warnings: Vec<Refusal>,
    /// `statistics.load` or `statistics.query`.
    pub(crate) statistics: Map<String, Json>,
    /// Bytes that it read.
    pub(crate) bytes: u64,
    /// The rows of a query.
    pub(crate) result: Option<ResultRows>,
}

/// The rows that a query gave.
#[derive(Debug, Clone)]
pub(crate) struct ResultRows {
    pub(crate) fields: Vec<Field>,
    pub(crate) rows: Arc<Vec<Row>>,
}

/// What a job still waits for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wait {
    Polls { pending: u32, running: u32 },
    Until(Instant),
}

impl Wait {
    pub(crate) fn of(slow: Option<Slow>) -> Self {
        match slow {
            None => Self::Polls { pending: 0, running: 0 },
            Some(Slow::Polls { pending, running }) => Self::Polls { pending, running },
            Some(Slow::For(duration)) => Self::Until(Instant::now() + duration),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        match self {
            Self::Polls { pending, running } => *pending == 0 && *running == 0,
            Self::Until(at) => Instant::now() >= *at,
        }
    }

    /// Takes note that somebody looked.
    pub(crate) fn look(&mut self) {
        if let Self::Polls { pending, running } = self {
            let one = if *pending > 0 { pending } else { running };
            *one = one.saturating_sub(1);
        }
    }

    /// How long until time alone ends it.
    pub(crate) fn rest(&self) -> Option<Duration> {
        match self {
            Self::Polls { .. } => None,
            Self::Until(at) => Some(at.saturating_duration_since(Instant::now())),
        }
    }
}

impl Job {
    pub(crate) fn state(&self) -> &'static str {
        match (&self.outcome, self.wait) {
            (Some(_), _) => "DONE",
            (None, Wait::Polls { pending: 1.., .. }) => "PENDING",
            (None, _) => "RUNNING",
        }
    }

    pub(crate) fn error(&self) -> Option<&Refusal> {
        self.outcome.as_ref().and_then(|o| o.error.as_ref())
    }

    fn status(&self) -> Json {
        let mut status = json!({"state": self.state()});
        if let (Some(outcome), Json::Object(status)) = (&self.outcome, &mut status) {
            status.extend(outcome.error.iter().map(|e| ("errorResult".to_owned(), e.proto())));
            let errors: Vec<_> = outcome.error.iter().chain(&outcome.warnings).map(Refusal::proto).collect();
            if !errors.is_empty() {
                status.insert("errors".into(), json!(errors));
            }
        }
        status
    }

    fn statistics(&self) -> Json {
        let mut statistics = Map::new();
        statistics.insert("creationTime".into(), json!(self.created.to_string()));
        statistics.extend(self.started.map(|t| ("startTime".to_owned(), json!(t.to_string()))));
        if let (Some(outcome), Some(ended)) = (&self.outcome, self.ended) {
            statistics.insert("endTime".into(), json!(ended.to_string()));
            statistics.insert("totalSlotMs".into(), json!("1"));
            statistics.insert("totalBytesProcessed".into(), json!(outcome.bytes.to_string()));
            let part = match *self.work {
                Work::Load(_) => "load",
                Work::Query(_) => "query",
            };
            statistics.insert(part.into(), Json::Object(outcome.statistics.clone()));
        }
        Json::Object(statistics)
    }

    /// The `Job` resource.
    pub(crate) fn to_json(&self, base: &str) -> Json {
        let JobName { project, location, job } = &self.name;
        json!({
            "kind": "bigquery#job",
            "etag": super::text::base64(format!("{} {}", self.name, self.state()).as_bytes()),
            "id": self.name.to_string(),
            "selfLink": format!("{base}/projects/{project}/jobs/{job}?location={location}"),
            "user_email": "tests@example.com",
            "jobReference": self.name.reference(),
            "configuration": self.configuration,
            "statistics": self.statistics(),
            "status": self.status(),
        })
    }

    /// The job of a list.
    pub(crate) fn listed(&self, base: &str) -> Json {
        let mut json = self.to_json(base);
        if let Json::Object(object) = &mut json {
            object.remove("etag");
            object.remove("selfLink");
            object.insert("state".into(), json!(self.state()));
            object.extend(self.error().map(|e| ("errorResult".to_owned(), e.proto())));
        }
        json
    }

    pub(crate) fn record(&self, base: &str) -> JobRecord {
        JobRecord {
            project: self.name.project.clone(),
            location: self.name.location.clone(),
            id: self.name.job.clone(),
            state: self.state(),
            error: self.error().map(|e| e.reason.clone()),
            resource: self.to_json(base),
        }
    }
}
