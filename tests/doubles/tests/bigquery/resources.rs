//! Datasets and tables.

use std::sync::Arc;

use gristmill_doubles::bigquery::{MemoryObjects, Options, serve_forever};
use serde_json::{Value, json};

use crate::kit::{Kit, reference, schema};

#[test]
fn datasets() {
    let kit = Kit::new();
    let body =
        json!({"datasetReference": {"datasetId": "new"}, "location": "EU", "description": "x", "labels": {"a": "b"}});
    let made = kit.post("/datasets", &body);
    assert_eq!(
        (made.status, &made.body["id"], &made.body["location"]),
        (200, &json!("test-project:new"), &json!("EU"))
    );
    let again = kit.post("/datasets", &body);
    assert_eq!(
        (again.status, again.reason(), again.message()),
        (409, "duplicate", "Already Exists: Dataset test-project:new")
    );
    let list = kit.get("/datasets").body;
    let ids: Vec<_> =
        list["datasets"].as_array().unwrap().iter().map(|d| d["datasetReference"]["datasetId"].clone()).collect();
    assert_eq!(ids, ["d", "new"]);
    assert_eq!(kit.send("PATCH", "/datasets/new", &json!({"description": null})).body["description"], Value::Null);
    kit.execute("CREATE TABLE new.t (n INT64)");
    let in_use = kit.send("DELETE", "/datasets/new", &Value::Null);
    assert_eq!((in_use.status, in_use.reason()), (400, "resourceInUse"));
    assert_eq!(kit.send("DELETE", "/datasets/new?deleteContents=true", &Value::Null).status, 204);
    let gone = kit.get("/datasets/new");
    assert_eq!((gone.status, gone.reason(), gone.message()), (404, "notFound", "Not found: Dataset test-project:new"));
    assert_eq!(kit.post("/datasets", &json!({"datasetReference": {"datasetId": "a b"}})).status, 400);
}

#[test]
fn tables() {
    let kit = Kit::new();
    let mut body = json!({
        "tableReference": reference("t"),
        "schema": schema(&["k STRING REQUIRED", "ts TIMESTAMP", "f FLOAT64 NULLABLE", "b BOOL"]),
        "timePartitioning": {"type": "MONTH", "field": "ts"},
        "clustering": {"fields": ["k"]},
        "requirePartitionFilter": true,
        "labels": {"team": "x"},
    });
    let made = kit.post("/datasets/d/tables", &body);
    assert_eq!(made.status, 200, "{}", made.body);
    let again = kit.post("/datasets/d/tables", &body);
    assert_eq!(
        (again.status, again.reason(), again.message()),
        (409, "duplicate", "Already Exists: Table test-project:d.t")
    );
    let table = kit.get("/datasets/d/tables/t").body;
    assert_eq!(table["id"], "test-project:d.t");
    assert_eq!((&table["numRows"], &table["type"], &table["location"]), (&json!("0"), &json!("TABLE"), &json!("US")));
    assert_eq!(table["timePartitioning"], json!({"type": "MONTH", "field": "ts"}));
    assert_eq!((&table["clustering"]["fields"], &table["requirePartitionFilter"]), (&json!(["k"]), &json!(true)));
    // Types by the names of the API, modes where they were given.
    assert_eq!(
        table["schema"]["fields"],
        json!([
            {"name": "k", "type": "STRING", "mode": "REQUIRED"}, {"name": "ts", "type": "TIMESTAMP"},
            {"name": "f", "type": "FLOAT", "mode": "NULLABLE"}, {"name": "b", "type": "BOOLEAN"},
        ])
    );
    let filter = kit.error("SELECT * FROM d.t");
    assert!(
        filter.contains("Cannot query over table 'test-project.d.t' without a filter over column(s) 'ts'"),
        "{filter}"
    );
    assert!(kit.error("DELETE FROM d.t WHERE k = 'a'").contains("without a filter"));
    kit.execute("SELECT * FROM d.t WHERE ts > '2024-01-01'");

    let missing = kit.get("/datasets/d/tables/none");
    assert_eq!(
        (missing.status, missing.reason(), missing.message()),
        (404, "notFound", "Not found: Table test-project:d.none")
    );
    assert_eq!(kit.get("/datasets/none/tables/t").message(), "Not found: Dataset test-project:none");
    body["tableReference"] = reference("a$20240101");
    assert_eq!(kit.post("/datasets/d/tables", &body).status, 400);
    body["tableReference"] = reference("u");
    body["clustering"] = json!({"fields": ["f"]});
    assert!(kit.post("/datasets/d/tables", &body).message().contains("cannot be used for clustering"));
    for bad in ["n WHAT", "n INT64 SOMETIMES", "1n INT64", "n-m INT64"] {
        let answer =
            kit.post("/datasets/d/tables", &json!({"tableReference": reference("u"), "schema": schema(&[bad])}));
        assert_eq!((answer.status, answer.reason()), (400, "invalid"), "{bad}");
    }
    assert_eq!(kit.double.tables("test-project", "d"), ["t"]);
    assert_eq!(kit.send("DELETE", "/datasets/d/tables/t", &Value::Null).status, 204);
    assert_eq!(kit.send("DELETE", "/datasets/d/tables/t", &Value::Null).status, 404);
}

#[test]
fn a_schema_may_grow_and_be_relaxed_and_no_more() {
    let kit = Kit::new();
    kit.create("t", &["k STRING REQUIRED", "n INT64"]);
    kit.execute("INSERT d.t VALUES ('a', 1)");
    let patch = |fields: &[&str]| kit.send("PATCH", "/datasets/d/tables/t", &json!({"schema": schema(fields)}));
    assert_eq!(
        patch(&["k STRING"]).message(),
        "Provided Schema does not match Table test-project:d.t. Field n is missing in new schema"
    );
    assert!(patch(&["k STRING", "n FLOAT64"]).message().ends_with("Field n has changed type from INTEGER to FLOAT"));
    assert!(
        patch(&["k STRING", "n INT64 REQUIRED"])
            .message()
            .ends_with("Field n has changed mode from NULLABLE to REQUIRED")
    );
    assert!(patch(&["k STRING", "n INT64", "m INT64 REQUIRED"]).message().contains("Cannot add required fields"));
    assert_eq!(patch(&["k STRING", "m STRING REPEATED", "n INT64"]).status, 200);
    assert_eq!(kit.rows("SELECT * FROM d.t"), [json!({"k": "a", "m": [], "n": 1})]);
    assert_eq!(kit.send("PATCH", "/datasets/d/tables/t", &json!({"description": "x"})).body["description"], "x");
}

#[test]
fn lists_come_in_pages() {
    let kit = Kit::new();
    for i in 0..5 {
        kit.execute(&format!("CREATE TABLE d.t{i} (n INT64)"));
    }
    let mut names = Vec::new();
    let mut path = "/datasets/d/tables?maxResults=2".to_owned();
    loop {
        let page = kit.get(&path).body;
        assert_eq!(page["totalItems"], 5);
        let tables = page["tables"].as_array().unwrap();
        names.extend(tables.iter().map(|t| t["tableReference"]["tableId"].as_str().unwrap().to_owned()));
        match page["nextPageToken"].as_str() {
            Some(token) => path = format!("/datasets/d/tables?maxResults=2&pageToken={token}"),
            None => break,
        }
    }
    assert_eq!(names, ["t0", "t1", "t2", "t3", "t4"]);
    assert_eq!(kit.get("/datasets/d/tables?pageToken=nonsense").status, 400);
    let projects = kit.get(&format!("{}/bigquery/v2/projects", kit.double.endpoint())).body;
    assert_eq!(projects["projects"][0]["id"], "test-project");
    assert_eq!(kit.get("/nothing/here").status, 404);
}

#[test]
fn the_discovery_document_tells_right_from_wrong() {
    let Some(discovery) = &*crate::kit::DISCOVERY else {
        use std::io::Write;
        writeln!(
            std::io::stderr(),
            "the Cloud SDK is not installed: answers are not compared with the API's own types"
        )
        .unwrap();
        return;
    };
    let right = json!({"id": "x", "numRows": "1", "schema": {"fields": [{"name": "n", "type": "INTEGER"}]}, "labels": {"a": "b"}});
    assert_eq!(discovery.check("Table", &right), [] as [String; 0]);
    let wrong = json!({"numRows": 1, "numBytes": "many", "schema": {"fields": [{"name": "n", "kind": "INTEGER"}]}, "labels": {"a": 1}});
    assert_eq!(discovery.check("Table", &wrong).len(), 4);
    let kit = Kit::new();
    kit.post("/jobs", &json!({"configuration": {"load": {"sourceUri": "gs://b/x"}}}));
    let request = &kit.double.requests()[0];
    assert_eq!(discovery.check_request(request), ["Job.configuration.load.sourceUri: the API has no such field"]);
}

#[test]
fn served_for_others_to_use() {
    let (tell, told) = std::sync::mpsc::channel();
    let options = Options { port: 0, datasets: vec!["some-project.d".into(), "other-project".into()] };
    // It ends with the process.
    std::thread::spawn(move || {
        serve_forever(&options, Arc::new(MemoryObjects::default()), |at| tell.send(at.to_owned()).unwrap())
    });
    let endpoint = told.recv().unwrap();
    let kit = Kit::new();
    let datasets = kit.get(&format!("{endpoint}/bigquery/v2/projects/some-project/datasets")).body;
    assert_eq!(datasets["datasets"][0]["id"], "some-project:d");
    assert_eq!(kit.get(&format!("{endpoint}/bigquery/v2/projects")).body["totalItems"], 2);
}
