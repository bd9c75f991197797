//! Targets of a job, and who is told when they are missed.

use std::path::Path;

use serde_json::Value;

use super::{export_of, run};
use crate::kit::{Ran, finish, gristmill};

fn runs_targets(folder: &Path, more: &[&str]) -> Ran {
    let mut command = gristmill();
    command.current_dir(folder).env("GRISTMILL_STATE", "state").args(["runs", "targets"]).args(more);
    finish(&mut command)
}

/// A program that keeps what it is told.
fn keeper(folder: &Path) -> String {
    let path = folder.join("keep.sh");
    std::fs::write(&path, "#!/bin/sh\ncat >> \"$1\"\n").unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

fn told(folder: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("told")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn verdict<'a>(of: &'a Value, target: &str) -> &'a Value {
    of["targets"].as_array().unwrap().iter().find(|v| v["target"] == target).unwrap()
}

#[test]
fn runs_are_held_against_the_targets_of_their_job() {
    let f = export_of(300);
    let keep = keeper(f.path());
    let job = format!(
        "[source]\nexport = \"export\"\n[destination]\nto = \"sqlite:q.db\"\n[quality]\ndead-letters = \"dead.jsonl\"\n\
         [targets]\nduration-p95 = \"10m\"\nsuccess-rate = \"60%\"\nfreshness = \"26h\"\nreprocess-count = 1\n\
         [alarm]\ncommand = [\"{keep}\", \"told\"]\n"
    );
    std::fs::write(f.path().join("nightly.toml"), job).unwrap();
    let nightly = |more: &[&str]| {
        let mut command = gristmill();
        command.current_dir(f.path()).env("GRISTMILL_STATE", "state").args(["run", "nightly.toml"]).args(more);
        finish(&mut command)
    };
    let first = nightly(&["--json"]).ok().json();
    for target in ["duration_p95", "success_rate", "freshness", "reprocess_count"] {
        assert_eq!(verdict(&first, target)["met"], true, "{first}");
    }
    assert_eq!(verdict(&first, "success_rate")["is"], 1.0);
    assert!(told(f.path()).is_empty(), "there is nothing to tell");
    runs_targets(f.path(), &["nightly"]).ok();

    // A run that a gate stops: somebody is told, and two targets are near their end.
    nightly(&["--max-rejected", "0"]).fails(7, &["run.max-rejected", "success_rate", "MISSED"]);
    let tellings = told(f.path());
    assert_eq!(tellings.len(), 1);
    let failed = &tellings[0];
    assert_eq!(
        (&failed["event"], &failed["job"], &failed["exit_code"]),
        (&"run-failed".into(), &"nightly".into(), &7.into())
    );
    assert_eq!(failed["error"]["code"], "run.max-rejected");
    assert_eq!(verdict(failed, "success_rate")["is"], 0.5);
    assert_eq!(
        (&verdict(failed, "success_rate")["met"], &verdict(failed, "reprocess_count")["met"]),
        (&false.into(), &true.into())
    );
    runs_targets(f.path(), &[]).fails(9, &["run.target-missed", "nightly: success_rate is 50%, and 60% is wanted"]);
    let listed = runs_targets(f.path(), &["--json", "nightly"]);
    assert_eq!(listed.code, 9);
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!((&listed[0]["job"], &verdict(&listed[0], "freshness")["met"]), (&"nightly".into(), &true.into()));
    assert!(runs_targets(f.path(), &["other"]).ok().stdout.contains("no run"));

    // One that ends well while a target is missed ends with 0, unless it was asked for otherwise.
    let well = nightly(&["--target-success-rate", "90%"]).ok();
    assert!(well.stderr.contains("success_rate") && well.stderr.contains("66.67%"), "{}", well.stderr);
    nightly(&["--target-success-rate", "90%", "--fail-on-missed-target"]).fails(9, &["run.target-missed", "75%"]);
    let events: Vec<_> = told(f.path()).iter().map(|told| told["event"].clone()).collect();
    assert_eq!(events, ["run-failed", "target-missed", "target-missed"]);
    assert_eq!(told(f.path())[1]["missed"][0], "success_rate is 66.67%, and 90% is wanted (runs: 3)");
}

/// What goes wrong with an alarm is said, and changes nothing.
#[test]
fn an_alarm_that_fails_changes_nothing() {
    let f = export_of(300);
    let failing = ["--max-rejected", "0"];
    let with = |more: &[&str]| finish(&mut run(f.path(), &[&failing, more].concat()));
    with(&["--alarm-command", "/there/is/none"]).fails(7, &["run.max-rejected", "cannot be started"]);
    with(&["--alarm-command", "false"]).fails(7, &["the alarm's command false failed"]);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{closed}/hidden-part");
    let ran = with(&["--alarm-webhook", &url]).fails(7, &["webhook was not reached", "refused"]);
    assert!(!ran.stderr.contains("hidden-part"), "{}", ran.stderr);
    with(&["--alarm-webhook", "env:NO_SUCH_VARIABLE"]).fails(7, &["NO_SUCH_VARIABLE", "not set"]);
    with(&["--alarm-webhook", "hidden-part"]).fails(2, &["env:NAME"]);
}

#[test]
fn a_webhook_is_told() {
    use std::io::{Read as _, Write as _};
    let f = export_of(300);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let heard = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
        let (mut text, mut part) = (String::new(), [0; 65_536]);
        while !text.trim_end().ends_with("}") {
            let read = stream.read(&mut part).unwrap();
            text.push_str(&String::from_utf8_lossy(&part[..read]));
        }
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        text
    });
    let mut command = run(f.path(), &["--max-rejected", "0", "--alarm-webhook", "env:ALARM_URL", "--job", "nightly"]);
    let ran = finish(command.env("ALARM_URL", format!("http://{address}/alarm"))).fails(7, &["run.max-rejected"]);
    assert!(!ran.stderr.contains("webhook"), "{}", ran.stderr);
    let heard = heard.join().unwrap();
    assert!(
        heard.starts_with("POST /alarm ") && heard.to_lowercase().contains("content-type: application/json"),
        "{heard}"
    );
    let body: Value = serde_json::from_str(heard.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!((&body["event"], &body["job"]), (&"run-failed".into(), &"nightly".into()));
}
