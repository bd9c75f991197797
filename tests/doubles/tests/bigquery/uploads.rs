//! Files that come with the request.

use gristmill_doubles::bigquery::{Fault, FaultKind, Loss};
use serde_json::{Value, json};

use crate::kit::{Kit, PROJECT, reference, schema, success};

fn job(id: &str) -> Value {
    let load = json!({"destinationTable": reference("t"), "sourceFormat": "NEWLINE_DELIMITED_JSON", "schema": schema(&["n INT64"])});
    json!({"jobReference": {"projectId": PROJECT, "jobId": id}, "configuration": {"load": load}})
}

fn address(kit: &Kit, kind: &str) -> String {
    format!("{}/upload/bigquery/v2/projects/{PROJECT}/jobs?uploadType={kind}", kit.double.endpoint())
}

#[test]
fn in_one_request_of_two_parts() {
    let kit = Kit::new();
    let media = "{\"n\": 1}\r\n{\"n\": 2}\n--not-a-boundary\n".replace("--not-a-boundary\n", "");
    let body = format!(
        "--edge\r\nContent-Type: application/json\r\n\r\n{}\r\n--edge\r\nContent-Type: application/octet-stream\r\n\r\n{media}\r\n--edge--\r\n",
        job("multi")
    );
    let headers = [("content-type", "multipart/related; boundary=\"edge\"")];
    let answer = kit.try_send("POST", &address(&kit, "multipart"), &headers, body.as_bytes()).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    let done = kit.wait("multi");
    success(&done);
    assert_eq!(done["statistics"]["load"]["inputFileBytes"], media.len().to_string());
    assert_eq!(kit.rows("SELECT SUM(n) AS n FROM d.t"), [json!({"n": 3})]);
    let again = kit.try_send("POST", &address(&kit, "multipart"), &headers, body.as_bytes()).unwrap();
    assert_eq!(again.status, 409);
    assert_eq!(kit.double.requests()[0].body.as_ref().unwrap()["jobReference"]["jobId"], "multi");
}

#[test]
fn by_pieces() {
    let kit = Kit::new();
    let media = b"{\"n\": 1}\n{\"n\": 2}\n{\"n\": 3}\n";
    let start = || {
        let body = job("pieces").to_string();
        let headers = [("content-type", "application/json"), ("x-upload-content-type", "application/octet-stream")];
        kit.try_send("POST", &address(&kit, "resumable"), &headers, body.as_bytes()).unwrap()
    };
    let begun = start();
    assert_eq!(begun.status, 200);
    let place = begun.location.unwrap();
    assert!(place.starts_with(&kit.double.endpoint()), "{place}");
    let put = |range: &str, bytes: &[u8]| kit.try_send("PUT", &place, &[("content-range", range)], bytes);
    let first = put("bytes 0-9/27", &media[..10]).unwrap();
    assert_eq!((first.status, first.range.as_deref()), (308, Some("bytes=0-9")));
    let asked = put("bytes */27", b"").unwrap();
    assert_eq!((asked.status, asked.range.as_deref()), (308, Some("bytes=0-9")));
    assert_eq!(put("bytes 20-26/27", &media[20..]).unwrap().status, 400, "a gap");
    // The answer to the last piece is lost; the piece comes again.
    kit.double.fault(Fault::new("jobs.insert", FaultKind::LoseAnswer(Loss::Cut)).on_table("d.t"));
    assert!(put("bytes 10-26/27", &media[10..]).is_err());
    let last = put("bytes */27", b"").unwrap();
    assert_eq!((last.status, &last.body["jobReference"]["jobId"]), (200, &json!("pieces")), "{}", last.body);
    success(&kit.wait("pieces"));
    assert_eq!(kit.rows("SELECT SUM(n) AS n FROM d.t"), [json!({"n": 6})]);
}

#[test]
fn a_file_and_uris_exclude_each_other() {
    let kit = Kit::new();
    let answer = kit.post("/jobs", &job("none"));
    assert_eq!((answer.status, answer.message()), (400, "Load configuration must specify at least one source URI"));
}
