//! A double, and requests to it.

use std::sync::{Arc, LazyLock};

use gristmill_doubles::bigquery::{BigQueryDouble, Discovery, MemoryObjects};
use serde_json::{Value, json};

pub(crate) const PROJECT: &str = "test-project";

/// What the API says answers look like, where the Cloud SDK is installed.
pub(crate) static DISCOVERY: LazyLock<Option<Discovery>> = LazyLock::new(Discovery::installed);

/// The type of a body by what it calls itself.
fn type_of(kind: &str) -> &str {
    match kind {
        "bigquery#getQueryResultsResponse" => "GetQueryResultsResponse",
        "bigquery#queryResponse" => "QueryResponse",
        "bigquery#jobCancelResponse" => "JobCancelResponse",
        "bigquery#tableDataList" => "TableDataList",
        "bigquery#datasetList" => "DatasetList",
        "bigquery#projectList" => "ProjectList",
        "bigquery#tableList" => "TableList",
        "bigquery#jobList" => "JobList",
        "bigquery#dataset" => "Dataset",
        "bigquery#table" => "Table",
        "bigquery#job" => "Job",
        other => panic!("an answer of the kind {other}"),
    }
}

/// Fails where an answer has fields that the API does not have.
fn check(body: &Value) {
    if let (Some(discovery), Some(kind)) = (&*DISCOVERY, body["kind"].as_str()) {
        let wrong = discovery.check(type_of(kind), body);
        assert!(wrong.is_empty(), "{wrong:#?}\n{body:#}");
    }
}

/// A double with the dataset `d`, the bucket `b`, and a client that takes every status as an answer.
pub(crate) struct Kit {
    pub(crate) double: BigQueryDouble,
    pub(crate) objects: Arc<MemoryObjects>,
    agent: ureq::Agent,
}

/// Status, headers and body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) range: Option<String>,
    pub(crate) body: Value,
}

impl Answer {
    /// The reason of an error.
    pub(crate) fn reason(&self) -> &str {
        self.body["error"]["errors"][0]["reason"].as_str().unwrap_or_default()
    }

    /// The message of an error.
    pub(crate) fn message(&self) -> &str {
        self.body["error"]["message"].as_str().unwrap_or_default()
    }
}

impl Kit {
    pub(crate) fn new() -> Self {
        let objects = Arc::new(MemoryObjects::default());
        let double = BigQueryDouble::start(objects.clone()).unwrap();
        double.create_dataset(PROJECT, "d");
        let agent = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into();
        Self { double, objects, agent }
    }

    /// A request below `/bigquery/v2/projects/test-project`, or at a whole address. An error: no answer came.
    pub(crate) fn try_send(
        &self,
        verb: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, ureq::Error> {
        let url = match path.strip_prefix('/') {
            Some(path) => format!("{}/bigquery/v2/projects/{PROJECT}/{path}", self.double.endpoint()),
            None => path.to_owned(),
        };
        let mut request = ureq::http::Request::builder().method(verb).uri(url).header("authorization", "Bearer t");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = self.agent.run(request.body(body.to_vec()).unwrap())?;
        let header = |name: &str| response.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
        let (location, range) = (header("location"), header("range"));
        let bytes = response.body_mut().read_to_vec()?;
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        check(&body);
        Ok(Answer { status: response.status().as_u16(), location, range, body })
    }

    pub(crate) fn send(&self, verb: &str, path: &str, body: &Value) -> Answer {
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.try_send(verb, path, &[("content-type", "application/json")], &bytes).unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &Value::Null)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, body)
    }

    /// Makes a table of `name type mode` fields.
    pub(crate) fn create(&self, table: &str, fields: &[&str]) {
        let answer =
            self.post("/datasets/d/tables", &json!({"tableReference": reference(table), "schema": schema(fields)}));
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// Inserts a job under an id, and gives the answer.
    pub(crate) fn insert(&self, id: &str, configuration: &Value) -> Answer {
        let job = json!({"jobReference": {"projectId": PROJECT, "jobId": id}, "configuration": configuration});
        self.post("/jobs", &job)
    }

    /// Runs a job and gives its resource when it is done.
    pub(crate) fn run(&self, id: &str, configuration: &Value) -> Value {
        let answer = self.insert(id, configuration);
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_ne!(answer.body["status"]["state"], "DONE", "a job that was just accepted is not done");
        self.wait(id)
    }

    pub(crate) fn wait(&self, id: &str) -> Value {
        for _ in 0..100 {
            let job = self.get(&format!("/jobs/{id}"));
            assert_eq!(job.status, 200, "{}", job.body);
            if job.body["status"]["state"] == "DONE" {
                return job.body;
            }
        }
        panic!("job {id} is never done");
    }

    /// Loads lines of JSON that lie at `gs://b/{id}.json`.
    pub(crate) fn load_json(&self, id: &str, table: &str, lines: &str, more: Value) -> Value {
        self.objects.put("b", &format!("{id}.json"), lines);
        self.run(id, &load(table, &[&format!("gs://b/{id}.json")], "NEWLINE_DELIMITED_JSON", more))
    }

    /// The rows of a query, as tests read them.
    pub(crate) fn rows(&self, sql: &str) -> Vec<Value> {
        let rows = self.double.query(PROJECT, sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
        rows.into_iter().map(Value::Object).collect()
    }

    /// What is wrong with a statement.
    pub(crate) fn error(&self, sql: &str) -> String {
        match self.double.query(PROJECT, sql) {
            Ok(rows) => panic!("{sql}: {rows:?}"),
            Err(e) => e.to_string(),
        }
    }

    pub(crate) fn execute(&self, sql: &str) {
        self.rows(sql);
    }
}

pub(crate) fn reference(table: &str) -> Value {
    json!({"projectId": PROJECT, "datasetId": "d", "tableId": table})
}

/// A schema of fields as `name type mode`.
pub(crate) fn schema(fields: &[&str]) -> Value {
    let field = |text: &&str| {
        let mut parts = text.split(' ');
        let mut field = json!({"name": parts.next(), "type": parts.next()});
        if let Some(mode) = parts.next() {
            field["mode"] = json!(mode);
        }
        field
    };
    json!({"fields": fields.iter().map(field).collect::<Vec<_>>()})
}

/// The configuration of a load job, with `more` in it.
pub(crate) fn load(table: &str, uris: &[&str], format: &str, more: Value) -> Value {
    let mut load = json!({"destinationTable": reference(table), "sourceUris": uris, "sourceFormat": format});
    load.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    json!({"load": load})
}

/// The configuration of a query job.
pub(crate) fn query(sql: &str) -> Value {
    json!({"query": {"query": sql, "useLegacySql": false}})
}

/// The reason and message of a job's error.
pub(crate) fn failure(job: &Value) -> (String, String) {
    assert_eq!(job["status"]["state"], "DONE", "{job}");
    let error = &job["status"]["errorResult"];
    let text = |key: &str| error[key].as_str().unwrap_or_else(|| panic!("no error: {job}")).to_owned();
    (text("reason"), text("message"))
}

/// Fails where the job has failed.
pub(crate) fn success(job: &Value) {
    assert_eq!(job["status"], json!({"state": "DONE"}), "{job}");
}
