//! The double seen by the crate `gcp-bigquery-client`.

use std::sync::Arc;

use gcp_bigquery_client::Client;
use gcp_bigquery_client::auth::Authenticator;
use gcp_bigquery_client::client_builder::ClientBuilder;
use gcp_bigquery_client::error::BQError;
use gcp_bigquery_client::model::job::Job;
use gcp_bigquery_client::model::query_request::QueryRequest;
use gcp_bigquery_client::model::table::Table;
use serde_json::json;

use crate::kit::{DISCOVERY, Kit, PROJECT, load, query, reference, schema};

#[derive(Clone)]
struct NoAuth;

#[async_trait::async_trait]
impl Authenticator for NoAuth {
    async fn access_token(&self) -> Result<String, BQError> {
        Ok("t".to_owned())
    }
}

async fn client(kit: &Kit) -> Client {
    // Where two providers are in one program, the library does not choose by itself.
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut builder = ClientBuilder::new();
    builder.with_v2_base_url(format!("{}/bigquery/v2", kit.double.endpoint()));
    builder.build_from_authenticator(Arc::new(NoAuth)).await.unwrap()
}

fn job(id: &str, configuration: serde_json::Value) -> Job {
    let job =
        json!({"jobReference": {"projectId": PROJECT, "jobId": id, "location": "US"}, "configuration": configuration});
    serde_json::from_value(job).unwrap()
}

#[test]
fn loads_and_merges() {
    let kit = Kit::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = client(&kit).await;
        let fields = ["k STRING REQUIRED", "v FLOAT64", "ts TIMESTAMP"];
        let table = json!({
            "tableReference": reference("t"), "schema": schema(&fields),
            "timePartitioning": {"type": "DAY", "field": "ts"}, "clustering": {"fields": ["k"]},
        });
        client.table().create(serde_json::from_value::<Table>(table).unwrap()).await.unwrap();
        let missing = client.table().get(PROJECT, "d", "none", None).await.unwrap_err();
        let BQError::ResponseError { error } = missing else { panic!("{missing:?}") };
        assert_eq!((error.error.code, error.error.message.as_str()), (404, "Not found: Table test-project:d.none"));

        kit.objects.put(
            "b",
            "rows.json",
            "{\"k\": \"a\", \"v\": 1.5, \"ts\": \"2024-01-01T00:00:00Z\"}\n{\"k\": \"b\"}\n",
        );
        let config = load(
            "s",
            &["gs://b/*.json"],
            "NEWLINE_DELIMITED_JSON",
            json!({"schema": schema(&fields), "writeDisposition": "WRITE_TRUNCATE"}),
        );
        client.job().insert(PROJECT, job("load-1", config.clone())).await.unwrap();
        let done = client.job().get_job(PROJECT, "load-1", Some("US")).await.unwrap();
        let status = done.status.unwrap();
        assert_eq!(status.state.as_deref(), Some("DONE"));
        assert!(status.error_result.is_none(), "{:?}", status.error_result);
        assert_eq!(done.statistics.unwrap().load.unwrap().output_rows.as_deref(), Some("2"));
        let again = client.job().insert(PROJECT, job("load-1", config)).await.unwrap_err();
        let BQError::ResponseError { error } = again else { panic!("{again:?}") };
        assert_eq!(error.error.code, 409);

        let merge =
            "MERGE `d.t` T USING `d.s` S ON T.k = S.k WHEN NOT MATCHED THEN INSERT (k, v, ts) VALUES (S.k, S.v, S.ts)";
        client.job().insert(PROJECT, job("merge-1", query(merge))).await.unwrap();
        let done = client.job().get_job(PROJECT, "merge-1", Some("US")).await.unwrap();
        let statistics = done.statistics.unwrap().query.unwrap();
        assert_eq!(statistics.num_dml_affected_rows.as_deref(), Some("2"));

        let mut rows = gcp_bigquery_client::model::query_response::ResultSet::new_from_query_response(
            client.job().query(PROJECT, QueryRequest::new("SELECT k, v, ts FROM d.t ORDER BY k")).await.unwrap(),
        );
        assert_eq!(rows.row_count(), 2);
        assert!(rows.next_row());
        assert_eq!(rows.get_string_by_name("k").unwrap().as_deref(), Some("a"));
        assert_eq!(rows.get_f64_by_name("v").unwrap(), Some(1.5));
        assert_eq!(rows.get_f64_by_name("ts").unwrap(), Some(1_704_067_200.0));
        assert!(rows.next_row());
        assert_eq!(rows.get_f64_by_name("v").unwrap(), None);

        let table = client.table().get(PROJECT, "d", "t", None).await.unwrap();
        assert_eq!(table.num_rows.as_deref(), Some("2"));
        assert_eq!(table.clustering.unwrap().fields.unwrap(), ["k"]);
        client.table().delete(PROJECT, "d", "s").await.unwrap();
        assert!(kit.double.table(PROJECT, "d", "s").is_none());
        if let Some(discovery) = &*DISCOVERY {
            let wrong: Vec<_> = kit.double.requests().iter().flat_map(|r| discovery.check_request(r)).collect();
            assert_eq!(wrong, [] as [String; 0], "what the client sends");
        }
    });
}
