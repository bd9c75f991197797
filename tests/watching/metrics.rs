//! Metrics, read by a parser that is not ours.

use std::net::{SocketAddr, TcpListener};

use serde_json::Value;

use super::{Started, ask, export_of, get, parsed, run, sample};
use crate::kit::{finish, lines, root};

const DOCUMENTS: u64 = 120_000;

/// What `promtool check metrics` asks for, as far as it concerns counters and gauges.
fn lint(text: &str, families: &[Value]) {
    for family in families {
        let (name, kind) = (family["name"].as_str().unwrap(), family["type"].as_str().unwrap());
        assert!(["counter", "gauge"].contains(&kind), "{name} is a {kind}");
        assert!(!family["help"].as_str().unwrap().is_empty(), "{name} has no help");
        assert!(name.starts_with("gristmill_") && !name.contains(':'), "{name}");
        for sample in family["samples"].as_array().unwrap() {
            let name = sample["name"].as_str().unwrap();
            assert_eq!(name.ends_with("_total"), kind == "counter", "{name} is a {kind}");
            let other_units = ["milliseconds", "minutes", "hours", "kilobytes", "megabytes", "percent", "ratio_"];
            assert!(other_units.iter().all(|unit| !name.contains(unit)), "{name} has no base unit");
            assert!(
                sample["labels"].as_object().unwrap().keys().all(|label| label.bytes().all(|b| b.is_ascii_lowercase()))
            );
            assert!(sample["value"].as_f64().is_some_and(|value| value >= 0.0), "{sample}");
        }
    }
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        for what in ["HELP", "TYPE"] {
            assert_eq!(text.matches(&format!("# {what} {name} ")).count(), 1, "{what} of {name}");
        }
    }
}

fn address(started: &Started) -> SocketAddr {
    let line = started.line_with("metrics are at http://");
    line.split("http://").nth(1).unwrap().trim_end_matches("/metrics").parse().unwrap()
}

#[test]
fn while_a_run_goes_on() {
    let f = export_of(DOCUMENTS);
    let started = Started::new(&mut run(f.path(), &["--metrics-listen", "127.0.0.1:0", "--workers", "1", "--quiet"]));
    let address = address(&started);
    let (mut looks, mut most, mut codes) = (0, 0.0, false);
    // Until it is over, and nobody answers.
    while let Some((head, text)) = get(address, "/metrics") {
        assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/plain; version=0.0.4"), "{head}");
        let families = parsed(&text);
        lint(&text, &families);
        let read = sample(&families, "gristmill_records_read_total").unwrap();
        assert!(read >= most, "a counter went back from {most} to {read}");
        most = read;
        looks += 1;
        codes |= text.contains("gristmill_dead_letters_total{code=\"");
        assert_eq!(sample(&families, "gristmill_run_success"), None, "it is not over");
        if looks == 1 {
            assert!(get(address, "/").unwrap().0.starts_with("HTTP/1.1 404"));
            let posted = ask(address, "POST /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").unwrap().0;
            assert!(posted.starts_with("HTTP/1.1 405") && posted.to_lowercase().contains("allow: get"), "{posted}");
        }
    }
    assert!(looks > 1 && most > 0.0 && codes, "{looks} looks, {most} records");
    let (code, rest) = started.end();
    assert_eq!((code, rest), (0, Vec::<String>::new()));
}

/// A client that sends nothing keeps nobody else from an answer, and does not keep the run from its end.
#[test]
fn a_client_that_says_nothing_disturbs_nobody() {
    let f = export_of(DOCUMENTS);
    let started = Started::new(&mut run(f.path(), &["--metrics-listen", "127.0.0.1:0", "--workers", "1"]));
    let address = address(&started);
    let silent: Vec<_> = (0..3).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
    assert!(get(address, "/metrics").unwrap().1.contains("gristmill_build_info"));
    assert!(
        ask(address, &format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(100_000)))
            .is_none_or(|(head, _)| !head.contains(" 200 "))
    );
    assert_eq!(started.end().0, 0);
    drop(silent);
}

#[test]
fn in_a_file_when_it_has_ended() {
    let f = export_of(5_000);
    let file = f.path().join("gristmill.prom");
    let ran = finish(&mut run(f.path(), &["--metrics-file", "gristmill.prom", "--job", "nightly", "--json"])).ok();
    let summary = ran.json();
    let text = std::fs::read_to_string(&file).unwrap();
    let families = parsed(&text);
    lint(&text, &families);
    let of = |name: &str| sample(&families, name).unwrap_or_else(|| panic!("{name} is not in\n{text}"));
    let number = |pointer: &str| summary.pointer(pointer).and_then(Value::as_f64).unwrap();
    assert_eq!(of("gristmill_run_success"), 1.0);
    assert_eq!(of("gristmill_run_exit_code"), 0.0);
    assert_eq!(of("gristmill_records_read_total"), number("/records/read"));
    assert_eq!(of("gristmill_records_total{outcome=\"mapped\"}"), number("/records/mapped"));
    assert_eq!(of("gristmill_rows_total{outcome=\"inserted\",table=\"quality_stream\"}"), number("/rows/0/inserted"));
    assert_eq!(of("gristmill_splits_done_total"), of("gristmill_splits"));
    assert_eq!(of("gristmill_input_read_bytes_total"), of("gristmill_input_size_bytes"));
    assert!(of("gristmill_run_phase_duration_seconds{phase=\"map\"}") > 0.0);
    for (code, count) in summary["refusals"].as_object().unwrap() {
        assert_eq!(of(&format!("gristmill_dead_letters_total{{code=\"{code}\"}}")), count.as_f64().unwrap());
    }
    let id = summary["run_id"].as_str().unwrap();
    assert!(text.contains(&format!("run=\"{id}\"")) && text.contains("job=\"nightly\""), "{text}");
    let first = of("gristmill_run_last_success_timestamp_seconds");
    assert!((of("gristmill_run_last_completion_timestamp_seconds") - first).abs() < 0.1 && first > 1.7e9);
    // Nothing is left beside it, and others may read it.
    let names: Vec<_> = std::fs::read_dir(f.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().ends_with(".tmp")), "{names:?}");
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644);

    // One that fails says so, and when it last went well.
    std::fs::remove_dir_all(f.path().join("export")).unwrap();
    finish(&mut run(f.path(), &["--metrics-file", "gristmill.prom"])).fails(3, &["source.not-found"]);
    let text = std::fs::read_to_string(&file).unwrap();
    let families = parsed(&text);
    lint(&text, &families);
    assert_eq!(sample(&families, "gristmill_run_success"), Some(0.0));
    assert_eq!(sample(&families, "gristmill_run_exit_code"), Some(3.0));
    let last = sample(&families, "gristmill_run_last_success_timestamp_seconds").unwrap();
    assert!((last - first).abs() < 0.5, "{last} and {first}");
}

#[test]
fn what_cannot_be_told_is_said_before_anything_is_read() {
    let f = export_of(100);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    finish(&mut run(f.path(), &["--metrics-listen", &address]))
        .fails(2, &["telemetry.listen", &address, "another port"]);
    finish(&mut run(f.path(), &["--metrics-listen", "localhost"])).fails(2, &["no address with a port"]);
    finish(&mut run(f.path(), &["--metrics-file", "metrics.txt"])).fails(2, &["does not end with .prom"]);
    finish(&mut run(f.path(), &["--metrics-file", "nowhere/m.prom"])).fails(2, &["telemetry.file", "nowhere/m.prom"]);
    finish(&mut run(f.path(), &["--otlp", "127.0.0.1:4318"])).fails(2, &["no receiver"]);
    assert!(!f.path().join("q.db").exists());
}

/// Every metric of a run is on the page, with its type and labels; the page itself is compared with the program elsewhere.
#[test]
fn the_page_has_them_all() {
    let f = export_of(1_000);
    finish(&mut run(f.path(), &["--metrics-file", "m.prom", "--job", "j"])).ok();
    let page = lines(&root().join("docs/reference/metrics.md"));
    for family in parsed(&std::fs::read_to_string(f.path().join("m.prom")).unwrap()) {
        for sample in family["samples"].as_array().unwrap() {
            let name = sample["name"].as_str().unwrap();
            let start = format!("| `{name}` | {} |", family["type"].as_str().unwrap());
            let line =
                page.iter().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("{start} is not there"));
            for label in sample["labels"].as_object().unwrap().keys() {
                assert!(line.contains(&format!("`{label}`")), "{label} of {line}");
            }
        }
    }
}
