//! The seam's other side: the client `gcp-bigquery-client`.
//!
//! Jobs and tables are read past it, with its own HTTP client: its types leave out what a MERGE did to rows (`dmlStats`), how long a
//! column's text may be, and whether a column has a default.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gcp_bigquery_client::Client;
use gcp_bigquery_client::client_builder::ClientBuilder;
use gcp_bigquery_client::error::BQError;
use gcp_bigquery_client::model::clustering::Clustering;
use gcp_bigquery_client::model::field_type::FieldType;
use gcp_bigquery_client::model::get_query_results_parameters::GetQueryResultsParameters;
use gcp_bigquery_client::model::job::Job as ApiJob;
use gcp_bigquery_client::model::job_configuration::JobConfiguration;
use gcp_bigquery_client::model::job_configuration_load::JobConfigurationLoad;
use gcp_bigquery_client::model::job_configuration_query::JobConfigurationQuery;
use gcp_bigquery_client::model::job_reference::JobReference;
use gcp_bigquery_client::model::query_request::QueryRequest;
use gcp_bigquery_client::model::query_response::QueryResponse;
use gcp_bigquery_client::model::table::Table as ApiTable;
use gcp_bigquery_client::model::table_field_schema::TableFieldSchema;
use gcp_bigquery_client::model::table_reference::TableReference;
use gcp_bigquery_client::model::table_schema::TableSchema;
use gcp_bigquery_client::model::time_partitioning::TimePartitioning;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::address::Address;
use super::answer;
use super::auth::{Tokens, innermost};
use super::client::{CallError, Column, FoundTable, Job, JobId, NewTable, Service, Work};

/// Where BigQuery is, where no emulator is named.
const HOST: &str = "https://bigquery.googleapis.com";
/// The label by which a process knows its jobs.
pub(super) const LABEL: &str = "gristmill_process";
/// How long a request may take: those for rows of a query wait for it on the other side.
const TIMEOUT: Duration = Duration::from_secs(120);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// Milliseconds that BigQuery is to wait for a query before it answers that it is not done.
const QUERY_WAIT: i32 = 30_000;

pub(super) struct GoogleBigQuery {
    client: Client,
    http: reqwest::Client,
    tokens: Tokens,
    /// `https://…/bigquery/v2`.
    base: String,
    project: String,
    dataset: String,
}

impl GoogleBigQuery {
    /// Sends nothing yet. `emulator`: `http://HOST:PORT` or `HOST:PORT`.
    pub(super) async fn connect(address: &Address, tokens: Tokens, emulator: Option<&str>) -> Result<Self, CallError> {
        // Where other libraries bring another, rustls does not choose between two. Whoever was first is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let host = match emulator {
            Some(host) if host.contains("://") => host.trim_end_matches('/').to_owned(),
            Some(host) => format!("http://{host}"),
            None => HOST.to_owned(),
        };
        let base = format!("{host}/bigquery/v2");
        let http = reqwest::Client::builder().timeout(TIMEOUT).connect_timeout(CONNECT_TIMEOUT).build();
        let http = http.map_err(|e| CallError::Unreachable(innermost(&e)))?;
        let mut builder = ClientBuilder::new();
        builder.with_v2_base_url(base.clone()).with_client(http.clone());
        let client = builder.build_from_authenticator(Arc::new(tokens.clone())).await.map_err(error)?;
        Ok(Self { client, http, tokens, base, project: address.project.clone(), dataset: address.dataset.clone() })
    }

    /// A resource as it is in JSON.
    async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Value, CallError> {
        let token = self.tokens.get().await.map_err(CallError::Credentials)?;
        let mut url = format!("{}/projects/{}", self.base, encoded(&self.project));
        for step in path {
            url.push('/');
            url.push_str(&encoded(step));
        }
        let sent = self.http.get(url).query(query).bearer_auth(token).send().await;
        let response = sent.map_err(|e| transport(&e))?;
        let status = response.status().as_u16();
        let body = response.bytes().await.map_err(|e| transport(&e))?;
        let json: Option<Value> = serde_json::from_slice(&body).ok();
        match json {
            Some(json) if (200..300).contains(&status) => Ok(json),
            Some(json) if json.get("error").is_some() => Err(answer::refusal(status, &json)),
            _ => Err(CallError::NoAnswer(format!("an answer that is not BigQuery's (HTTP {status})"))),
        }
    }

    fn reference(&self, table: &str) -> TableReference {
        TableReference::new(&self.project, &self.dataset, table)
    }
}

fn encoded(step: &str) -> String {
    utf8_percent_encode(step, NON_ALPHANUMERIC).to_string()
}

fn transport(error: &reqwest::Error) -> CallError {
    let what = innermost(error);
    if error.is_connect() { CallError::Unreachable(what) } else { CallError::NoAnswer(what) }
}

fn error(error: BQError) -> CallError {
    match error {
        BQError::ResponseError { error } => {
            let error = error.error;
            let reason = error.errors.first().and_then(|e| e.get("reason")).cloned().unwrap_or_default();
            CallError::Refused { status: u16::try_from(error.code).unwrap_or_default(), reason, message: error.message }
        }
        BQError::RequestError(error) if error.is_decode() => {
            CallError::NoAnswer("an answer that is not BigQuery's".to_owned())
        }
        BQError::RequestError(error) => transport(&error),
        BQError::InvalidServiceAccountAuthenticator(why) => CallError::Credentials(why.to_string()),
        other => CallError::NoAnswer(innermost(&other)),
    }
}

fn field(column: &Column) -> TableFieldSchema {
    let ty = match column.ty.as_str() {
        "BOOL" => FieldType::Boolean,
        "INT64" => FieldType::Integer,
        "FLOAT64" => FieldType::Float,
        "TIMESTAMP" => FieldType::Timestamp,
        "DATE" => FieldType::Date,
        "BYTES" => FieldType::Bytes,
        "JSON" => FieldType::Json,
        _ => FieldType::String,
    };
    let mut field = TableFieldSchema::new(&column.name, ty);
    field.mode = Some(column.mode.name().to_owned());
    field.description = (!column.description.is_empty()).then(|| column.description.clone());
    field
}

fn schema(columns: &[Column]) -> TableSchema {
    TableSchema::new(columns.iter().map(field).collect())
}

#[async_trait]
impl Service for GoogleBigQuery {
    async fn location(&self) -> Result<String, CallError> {
        let dataset = self.client.dataset().get(&self.project, &self.dataset).await.map_err(error)?;
        Ok(dataset.location.unwrap_or_else(|| "US".to_owned()))
    }

    async fn table(&self, name: &str) -> Result<FoundTable, CallError> {
        let json = self.get(&["datasets", &self.dataset, "tables", name], &[]).await?;
        Ok(answer::table(&json))
    }

    async fn create_table(&self, table: &NewTable) -> Result<(), CallError> {
        let mut made = ApiTable::new(&self.project, &self.dataset, &table.name, schema(&table.columns));
        made.description = (!table.description.is_empty()).then(|| table.description.clone());
        made.time_partitioning = table.partition_by.as_ref().map(|c| TimePartitioning::per_day().field(c));
        made.clustering = (!table.cluster_by.is_empty()).then(|| Clustering { fields: Some(table.cluster_by.clone()) });
        made.expiration_time = table.expires.map(|at| at.to_string());
        self.client.table().create(made).await.map(drop).map_err(error)
    }

    async fn delete_table(&self, name: &str) -> Result<(), CallError> {
        self.client.table().delete(&self.project, &self.dataset, name).await.map_err(error)
    }

    async fn insert_job(&self, id: &JobId, work: &Work) -> Result<(), CallError> {
        let mut configuration = JobConfiguration {
            labels: Some(HashMap::from([(LABEL.to_owned(), id.process.clone())])),
            ..JobConfiguration::default()
        };
        match work {
            Work::Load { table, columns, uris } => {
                configuration.load = Some(JobConfigurationLoad {
                    create_disposition: Some("CREATE_IF_NEEDED".to_owned()),
                    destination_table: Some(self.reference(table)),
                    schema: Some(schema(columns)),
                    source_format: Some("PARQUET".to_owned()),
                    source_uris: Some(uris.clone()),
                    write_disposition: Some("WRITE_TRUNCATE".to_owned()),
                    ..JobConfigurationLoad::default()
                });
            }
            Work::Query(sql) => {
                configuration.query = Some(JobConfigurationQuery {
                    query: sql.clone(),
                    use_legacy_sql: Some(false),
                    ..JobConfigurationQuery::default()
                });
            }
        }
        let job = ApiJob {
            configuration: Some(configuration),
            job_reference: Some(JobReference {
                job_id: Some(id.id.clone()),
                location: Some(id.location.clone()),
                project_id: Some(self.project.clone()),
            }),
            ..ApiJob::default()
        };
        self.client.job().insert(&self.project, job).await.map(drop).map_err(error)
    }

    async fn job(&self, id: &JobId) -> Result<Job, CallError> {
        self.get(&["jobs", &id.id], &[("location", &id.location)]).await.map(|json| answer::job(&json))
    }

    async fn dry_run(&self, location: &str, sql: &str) -> Result<(), CallError> {
        let mut request = QueryRequest::new(sql);
        request.dry_run = Some(true);
        request.location = Some(location.to_owned());
        self.client.job().query(&self.project, request).await.map(drop).map_err(error)
    }

    async fn query(&self, location: &str, sql: &str) -> Result<Vec<Vec<Option<String>>>, CallError> {
        let mut request = QueryRequest::new(sql);
        request.location = Some(location.to_owned());
        request.timeout_ms = Some(QUERY_WAIT);
        let mut answer = self.client.job().query(&self.project, request).await.map_err(error)?;
        let mut rows = Vec::new();
        loop {
            rows.extend(answer.rows.iter().flatten().map(cells));
            let is_done = answer.job_complete.unwrap_or_default();
            let job = answer.job_reference.as_ref().and_then(|r| r.job_id.clone());
            let Some(job) = job.filter(|_| !is_done || answer.page_token.is_some()) else { return Ok(rows) };
            let parameters = GetQueryResultsParameters {
                location: Some(location.to_owned()),
                page_token: answer.page_token.filter(|_| is_done),
                timeout_ms: Some(QUERY_WAIT),
                ..GetQueryResultsParameters::default()
            };
            let more = self.client.job().get_query_results(&self.project, &job, parameters).await;
            answer = QueryResponse::from(more.map_err(error)?);
        }
    }
}

fn cells(row: &gcp_bigquery_client::model::table_row::TableRow) -> Vec<Option<String>> {
    let text = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    row.columns.iter().flatten().map(|cell| cell.value.as_ref().and_then(text)).collect()
}
