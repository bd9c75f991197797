//! What a test can read back: requests and jobs.

use serde_json::Value as Json;

/// A request that was answered, or whose answer was lost on purpose.
#[derive(Debug, Clone)]
pub struct RequestRecord {
    /// The method as in the reference of the API: `jobs.insert`; empty where there is none.
    pub method: String,
    /// `GET`, `POST` and so on.
    pub verb: String,
    /// The path with its query, as it came.
    pub target: String,
    /// The body where it is JSON; of an upload, its first part.
    pub body: Option<Json>,
    /// The status of the answer; `None` where the connection was cut.
    pub status: Option<u16>,
}

/// A job as it is at the moment.
#[derive(Debug, Clone)]
pub struct JobRecord {
    /// Its project.
    pub project: String,
    /// Where it runs.
    pub location: String,
    /// Its id.
    pub id: String,
    /// PENDING, RUNNING or DONE.
    pub state: &'static str,
    /// The reason of `errorResult`, where it has failed.
    pub error: Option<String>,
    /// The `Job` resource.
    pub resource: Json,
}
