//! Load jobs: dispositions, schemas, URIs, bad records, limits.

use serde_json::{Value, json};

use crate::kit::{Kit, PROJECT, failure, load, reference, schema, success};

fn count(kit: &Kit, table: &str) -> i64 {
    kit.rows(&format!("SELECT COUNT(*) AS n FROM d.{table}"))[0]["n"].as_i64().unwrap()
}

#[test]
fn write_dispositions() {
    let kit = Kit::new();
    let more = |write: &str| json!({"writeDisposition": write, "schema": schema(&["n INT64"])});
    success(&kit.load_json("empty-1", "t", "{\"n\": 1}", more("WRITE_EMPTY")));
    let again = kit.load_json("empty-2", "t", "{\"n\": 2}", more("WRITE_EMPTY"));
    assert_eq!(failure(&again), ("duplicate".into(), "Already Exists: Table test-project:d.t".into()));
    success(&kit.load_json("append", "t", "{\"n\": 2}\n{\"n\": 3}\n", more("WRITE_APPEND")));
    assert_eq!(count(&kit, "t"), 3);
    success(&kit.load_json("data", "t", "{\"n\": 4}", more("WRITE_TRUNCATE_DATA")));
    assert_eq!(kit.rows("SELECT * FROM d.t"), [json!({"n": 4})]);
    let other = kit.load_json(
        "data-2",
        "t",
        "{\"m\": 4}",
        json!({"writeDisposition": "WRITE_TRUNCATE_DATA", "schema": schema(&["m STRING"])}),
    );
    assert_eq!(
        failure(&other).1,
        "Provided Schema does not match Table test-project:d.t. Cannot add fields (field: m)"
    );
    success(&kit.load_json(
        "truncate",
        "t",
        "{\"m\": \"x\"}",
        json!({"writeDisposition": "WRITE_TRUNCATE", "schema": schema(&["m STRING"])}),
    ));
    assert_eq!(kit.rows("SELECT * FROM d.t"), [json!({"m": "x"})]);

    let never = json!({"createDisposition": "CREATE_NEVER", "schema": schema(&["n INT64"])});
    let job = kit.load_json("never", "u", "{\"n\": 1}", never);
    assert_eq!(failure(&job), ("notFound".into(), "Not found: Table test-project:d.u".into()));
    let mut elsewhere = load("t", &["gs://b/append.json"], "NEWLINE_DELIMITED_JSON", json!({}));
    elsewhere["load"]["destinationTable"]["datasetId"] = json!("none");
    assert_eq!(failure(&kit.run("nowhere", &elsewhere)).1, "Not found: Dataset test-project:none");
}

#[test]
fn a_load_is_all_or_nothing() {
    let kit = Kit::new();
    kit.objects.put("b", "good.json", "{\"n\": 1}\n");
    kit.objects.put("b", "bad.json", "{\"n\": 2}\n{\"n\": \"x\"}\n");
    let job = kit.run(
        "j",
        &load(
            "t",
            &["gs://b/good.json", "gs://b/bad.json"],
            "NEWLINE_DELIMITED_JSON",
            json!({"schema": schema(&["n INT64"])}),
        ),
    );
    let (reason, message) = failure(&job);
    assert_eq!(reason, "invalid");
    assert!(message.contains("JSON table encountered too many errors, giving up. Rows: 3; errors: 1."), "{message}");
    assert_eq!(job["status"]["errorResult"]["location"], "gs://b/bad.json");
    let errors = job["status"]["errors"].to_string();
    assert!(
        errors.contains(
            "JSON parsing error in row starting at position 9: Could not convert value to integer. Field: n; Value: x"
        ),
        "{errors}"
    );
    assert!(kit.double.table(PROJECT, "d", "t").is_none(), "a failed load makes no table");
    assert_eq!(job["statistics"]["load"], json!({}));
}

#[test]
fn bad_records_are_dropped_up_to_the_number_allowed() {
    let kit = Kit::new();
    let lines = "{\"n\": 1}\nnot json\n{\"n\": 2, \"m\": 3}\n{\"n\": 4}\n{}\n";
    let more = |bad: u64| json!({"maxBadRecords": bad, "schema": schema(&["n INT64 REQUIRED"])});
    let refused = kit.load_json("two", "t", lines, more(2));
    assert!(failure(&refused).1.contains("Rows: 5; errors: 3."));
    let job = kit.load_json("three", "t", lines, more(3));
    assert_eq!(job["status"]["errorResult"], Value::Null);
    assert_eq!(job["status"]["errors"].as_array().unwrap().len(), 3, "errors are listed although the job succeeded");
    assert_eq!(
        (&job["statistics"]["load"]["outputRows"], &job["statistics"]["load"]["badRecords"]),
        (&json!("2"), &json!("3"))
    );
    assert!(job["status"]["errors"].to_string().contains("No such field: m."));
    assert!(job["status"]["errors"].to_string().contains("Missing required field: n."));

    let csv = json!({"schema": schema(&["n INT64", "s STRING"]), "maxBadRecords": 1, "skipLeadingRows": 1});
    kit.objects.put("b", "x.csv", "n,s\n1,\"a,b\"\nx,y\n,\n");
    let job = kit.run("csv", &load("c", &["gs://b/x.csv"], "CSV", csv));
    assert_eq!(job["statistics"]["load"]["badRecords"], "1", "{job}");
    assert_eq!(kit.rows("SELECT * FROM d.c ORDER BY n"), [json!({"n": null, "s": ""}), json!({"n": 1, "s": "a,b"})]);
}

#[test]
fn values_of_json() {
    let kit = Kit::new();
    let mut fields =
        schema(&["i INT64", "f FLOAT64", "t TIMESTAMP", "d DATE", "y BYTES", "b BOOL", "j JSON", "l STRING REPEATED"]);
    fields["fields"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "r", "type": "STRUCT", "mode": "REPEATED", "fields": [{"name": "x", "type": "INT64"}]}));
    let lines = r#"{"i": "9223372036854775807", "f": "-Infinity", "t": "2024-01-01T00:00:00+01:00", "d": "2024-02-29", "y": "AP8=", "b": true, "j": {"b": [1, null], "a": "x"}, "l": ["p", "q"], "r": [{"x": 1}, {}]}
{"t": 1.5}
"#;
    success(&kit.load_json("v", "t", lines, json!({"schema": fields})));
    let rows = kit.rows("SELECT * FROM d.t ORDER BY i DESC");
    let first = json!({
        "i": i64::MAX, "f": "-Infinity", "t": "2023-12-31T23:00:00Z", "d": "2024-02-29", "y": "AP8=", "b": true,
        "j": {"a": "x", "b": [1, null]}, "l": ["p", "q"], "r": [{"x": 1}, {"x": null}],
    });
    assert_eq!(rows[0], first);
    assert_eq!((&rows[1]["t"], &rows[1]["l"]), (&json!("1970-01-01T00:00:01.500Z"), &json!([])));
    let api = kit.get("/datasets/d/tables/t/data?maxResults=1").body;
    assert_eq!(api["rows"][0]["f"][6]["v"], "{\"a\":\"x\",\"b\":[1,null]}", "JSON is its text");
    for (i, (line, message)) in [
        (r#"{"l": null}"#, "Only optional fields can be set to NULL. Field: l; Value: NULL"),
        (r#"{"l": ["a", null]}"#, "Only optional fields can be set to NULL. Field: l; Value: NULL"),
        (r#"{"l": "a"}"#, "Array expected. Field: l; Value: a"),
        (r#"{"i": [1]}"#, "Array specified for non-repeated field: i."),
        (r#"{"i": 1.5}"#, "Could not convert value to integer. Field: i; Value: 1.5"),
        (r#"{"r": [{"z": 1}]}"#, "No such field: r.z."),
        (r#"{"t": "soon"}"#, "Couldn't convert value to timestamp: Could not parse 'soon' as a timestamp."),
    ]
    .into_iter()
    .enumerate()
    {
        let job = kit.load_json(&format!("bad-{i}"), "t", line, json!({}));
        let errors = job["status"]["errors"].to_string();
        assert!(errors.contains(message), "{line}: {errors}");
    }
}

#[test]
fn gzip_is_read() {
    use std::io::Write;
    let kit = Kit::new();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gz.write_all(b"{\"n\": 1}\n{\"n\": 2}\n").unwrap();
    kit.objects.put("b", "x.json.gz", gz.finish().unwrap());
    success(&kit.run(
        "gz",
        &load("t", &["gs://b/x.json.gz"], "NEWLINE_DELIMITED_JSON", json!({"schema": schema(&["n INT64"])})),
    ));
    assert_eq!(count(&kit, "t"), 2);
}

#[test]
fn a_schema_has_to_be_that_of_the_table_unless_fields_may_be_added() {
    let kit = Kit::new();
    kit.create("t", &["k STRING REQUIRED", "n INT64"]);
    let mismatch = |id: &str, fields: &[&str]| {
        let job = kit.load_json(id, "t", "{\"k\": \"a\"}", json!({"schema": schema(fields)}));
        failure(&job).1.strip_prefix("Provided Schema does not match Table test-project:d.t. ").unwrap().to_owned()
    };
    assert_eq!(mismatch("type", &["k STRING REQUIRED", "n STRING"]), "Field n has changed type from INTEGER to STRING");
    assert_eq!(mismatch("mode", &["k STRING", "n INT64"]), "Field k has changed mode from REQUIRED to NULLABLE");
    assert_eq!(
        mismatch("strict", &["k STRING REQUIRED", "n INT64 REQUIRED"]),
        "Field n has changed mode from NULLABLE to REQUIRED"
    );
    assert_eq!(
        mismatch("many", &["k STRING REQUIRED", "n INT64 REPEATED"]),
        "Field n has changed mode from NULLABLE to REPEATED"
    );
    assert_eq!(mismatch("less", &["n INT64"]), "Field k is missing in new schema");
    assert_eq!(mismatch("more", &["k STRING REQUIRED", "m INT64"]), "Cannot add fields (field: m)");
    success(&kit.load_json("part", "t", "{\"k\": \"a\"}", json!({"schema": schema(&["k STRING REQUIRED"])})));
    let add =
        json!({"schema": schema(&["k STRING REQUIRED", "m INT64"]), "schemaUpdateOptions": ["ALLOW_FIELD_ADDITION"]});
    success(&kit.load_json("add", "t", "{\"k\": \"b\", \"m\": 1}", add.clone()));
    assert_eq!(
        kit.rows("SELECT * FROM d.t ORDER BY k"),
        [json!({"k": "a", "n": null, "m": null}), json!({"k": "b", "n": null, "m": 1})]
    );
    let mut truncate = add;
    truncate["writeDisposition"] = json!("WRITE_TRUNCATE");
    let answer = kit.insert("t", &load("t", &["gs://b/add.json"], "NEWLINE_DELIMITED_JSON", truncate));
    assert_eq!((answer.status, answer.reason()), (400, "invalid"));
    let relax = json!({"schema": schema(&["k STRING", "n INT64"]), "schemaUpdateOptions": ["ALLOW_FIELD_RELAXATION"]});
    success(&kit.load_json("relax", "t", "{\"n\": 5}", relax));
    let job = kit.load_json("none", "fresh", "{\"n\": 5}", json!({}));
    assert_eq!(failure(&job), ("invalid".into(), "No schema specified on job or table.".into()));
}

#[test]
fn wildcards_cross_slashes() {
    let kit = Kit::new();
    for name in ["x/1.json", "x/y/2.json", "x/y/z/3.json", "x/4.txt", "z.json"] {
        kit.objects.put("b", name, "{\"n\": 1}\n");
    }
    let run = |id: &str, uri: &str| {
        kit.run(id, &load(id, &[uri], "NEWLINE_DELIMITED_JSON", json!({"schema": schema(&["n INT64"])})))
    };
    let job = run("all", "gs://b/x/*.json");
    success(&job);
    assert_eq!(job["statistics"]["load"]["inputFiles"], "3");
    assert_eq!(failure(&run("none", "gs://b/q/*")), ("notFound".into(), "Not found: Uris gs://b/q/*".into()));
    assert!(failure(&run("two", "gs://b/*/*.json")).1.contains("only one wildcard"));
    assert!(failure(&run("bucket", "gs://*/x")).1.contains("bucket"));
    assert!(failure(&run("scheme", "s3://b/x")).1.contains("gs://"));
    // A generation is no part of a name, and slashes in a row are one.
    kit.objects.put("b", "x/1.json#17", "{\"n\": 1}\n");
    assert_eq!(failure(&run("generation", "gs://b/x/1.json#17")).0, "notFound");
    kit.objects.put("b", "x//5.json", "{\"n\": 1}\n");
    assert_eq!(failure(&run("slashes", "gs://b/x//5.json")).0, "notFound");
}

#[test]
fn limits() {
    let kit = Kit::new();
    let many: Vec<String> = (0..10_001).map(|i| format!("gs://b/{i}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let answer = kit.insert("uris", &load("t", &many, "PARQUET", json!({})));
    assert_eq!((answer.status, answer.reason()), (400, "invalid"));

    // A job may touch 4,000 partitions.
    let days = |n: i64| (0..n).map(|i| format!("{{\"t\": {}}}\n", i * 86_400)).collect::<String>();
    let partitioned = json!({"schema": schema(&["t TIMESTAMP"]), "timePartitioning": {"type": "DAY", "field": "t"}});
    success(&kit.load_json("fits", "p", &days(4_000), partitioned.clone()));
    let job = kit.load_json("over", "q", &days(4_001), partitioned);
    assert!(failure(&job).1.starts_with("Too many partitions produced by load job, allowed 4000"), "{job}");
    assert!(kit.double.table(PROJECT, "d", "q").is_none());
}

#[test]
fn a_table_takes_1500_load_jobs_a_day_failed_ones_counted() {
    let kit = Kit::new();
    kit.objects.put("b", "one.json", "{\"n\": 1}");
    let config = |uri: &str| load("t", &[uri], "NEWLINE_DELIMITED_JSON", json!({"schema": schema(&["n INT64"])}));
    for i in 0..1_500 {
        let answer = kit.insert(&format!("j{i}"), &config(if i == 0 { "gs://b/one.json" } else { "gs://b/none" }));
        assert_eq!(answer.status, 200);
    }
    let job = kit.run("over", &config("gs://b/one.json"));
    let (reason, message) = failure(&job);
    assert_eq!(reason, "quotaExceeded");
    assert!(
        message.starts_with("Quota exceeded: Your table exceeded quota for imports or query appends per table."),
        "{message}"
    );
    let mut other = config("gs://b/one.json");
    other["load"]["destinationTable"] = reference("u");
    success(&kit.run("other", &other));
}

#[test]
fn partitioning_and_clustering_are_kept_and_must_agree() {
    let kit = Kit::new();
    let division = |field: &str| {
        json!({
            "schema": schema(&["k STRING", "t TIMESTAMP", "u TIMESTAMP"]),
            "timePartitioning": {"type": "DAY", "field": field}, "clustering": {"fields": ["k"]},
        })
    };
    success(&kit.load_json("one", "t", "{\"k\": \"a\"}", division("t")));
    success(&kit.load_json("same", "t", "{\"k\": \"a\"}", division("t")));
    let table = kit.double.table(PROJECT, "d", "t").unwrap();
    assert_eq!(table["timePartitioning"], json!({"type": "DAY", "field": "t"}));
    assert_eq!(table["clustering"], json!({"fields": ["k"]}));
    let message = failure(&kit.load_json("other", "t", "{\"k\": \"a\"}", division("u"))).1;
    assert_eq!(
        message,
        "Incompatible table partitioning specification. Expects partitioning specification interval(type:day,field:t) clustering(k), \
         but input partitioning specification is interval(type:day,field:u) clustering(k)"
    );
    let wrong = json!({"schema": schema(&["k STRING"]), "timePartitioning": {"type": "DAY", "field": "k"}});
    let message = failure(&kit.load_json("wrong", "v", "{\"k\": \"a\"}", wrong)).1;
    assert!(message.contains("can only be of type TIMESTAMP, DATE or DATETIME"), "{message}");
}
