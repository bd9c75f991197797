//! Job files: the same as flags, told what is wrong, filled in, in files and in buckets.

use std::path::Path;

use gristmill_doubles::storage::StorageDouble;
use serde_json::{Value, json};

use crate::kit::{assert_balanced, export, folder, gristmill, root, run_in};

const JOB: &str = r#"
description = "Reports into lines of JSON."

[parameters.export]
required = true
help = "what is read"

[parameters.workers]
type = "integer"
default = 2

[source]
export = "${export}"

[plugin]
config = { overall-score-max = 100 }

[destination]
to = "ndjson:rows.ndjson"

[quality]
dead-letters = "dead.jsonl"
gates = { "decode.utf8" = "1%", created-at-type = 1000 }

[execution]
started-at = 2024-01-01T00:00:00Z
workers = "${workers}"
"#;

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// A job file and the flags that say the same give the same rows, and each is printed as the other.
#[test]
fn a_job_file_and_flags_are_two_spellings_of_one_thing() {
    let f = folder();
    write(f.path(), "job.toml", JOB);
    let export = export("yago");
    let set = format!("export={export}");
    let by_file = run_in(f.path(), &["run", "job.toml", "--set", &set, "--json"]).ok().json();
    assert_balanced(&by_file);
    assert_eq!(by_file["input"], json!(export));
    let rows = std::fs::read(f.path().join("rows.ndjson")).unwrap();
    let flags = ["--config", "overall-score-max=100", "--to", "ndjson:flags.ndjson", "--dead-letters", "dead2.jsonl"];
    let more = ["--gate", "decode.utf8=1%", "--gate", "created-at-type=1000", "--workers", "2"];
    let words = [&["run", &export, "--started-at", "2024-01-01T00:00:00Z"], &flags[..], &more].concat();
    run_in(f.path(), &words).ok();
    assert!(std::fs::read(f.path().join("flags.ndjson")).unwrap() == rows && !rows.is_empty());

    // From flags to a file, and from a file to a file: what is printed is printed again.
    let printed = run_in(f.path(), &[&words[..], &["--print-job"]].concat()).ok().stdout;
    write(f.path(), "printed.toml", &printed);
    assert_eq!(run_in(f.path(), &["run", "printed.toml", "--print-job"]).ok().stdout, printed);
    let of_job = run_in(f.path(), &["run", "job.toml", "--set", &set, "--print-job"]).ok().stdout;
    let same = |text: &str| text.replace("flags.ndjson", "rows.ndjson").replace("dead2", "dead");
    assert_eq!(same(&printed), of_job);
    assert!(of_job.contains("overall-score-max = 100") && of_job.contains("\"decode.utf8\" = \"1%\""), "{of_job}");

    // Flags go before the file, and names are added to it.
    let over = ["--set", "workers=1", "--to", "ndjson:-", "--config", "coverage-max=2.5", "--memory=1GiB"];
    let over = run_in(f.path(), &[&["run", "job.toml", "--set", &set, "--print-job"], &over[..]].concat()).ok().stdout;
    for part in ["to = \"ndjson:-\"", "overall-score-max = 100\ncoverage-max = 2.5", "memory = \"1GiB\"", "workers = 1"]
    {
        assert!(over.contains(part), "{part}: {over}");
    }
    // It is planned, too.
    assert!(run_in(f.path(), &["plan", "job.toml", "--set", &set]).ok().stdout.contains("NDJSON file rows.ndjson"));
}

/// Ten mistakes, each told with its place and what was meant.
#[test]
fn every_mistake_is_told_at_once() {
    let f = folder();
    let text = "[parameters.day]\ntype = \"txt\"\n\n[source]\nexprt = \"exports/${dya}\"\nallow-partial = \"yes\"\n\n\
                [destination]\nto = \"sqlit:reports.db\"\non-conflict = \"kep\"\npassword = \"hunter2\"\nworkers = 4\n\n\
                [quality]\nmax-rejected = \"150%\"\n\n[execution]\nmemory = \"1 giraffe\"\nstarted-at = \"yesterday\"\n\n[plugn]\n";
    write(f.path(), "job.toml", text);
    let ran = run_in(f.path(), &["job", "check", "job.toml"]).fails(2, &["error[cli.job]", "nothing was done"]);
    for part in [
        "job.toml:2:8",
        "there is no type `txt`",
        "there is no `exprt` in [source]",
        "did you mean `export`?",
        "there is no parameter `dya`",
        "`allow-partial` takes `true` or `false`, not a string",
        "there is no kind `sqlit`",
        "did you mean `keep`?",
        "name where it is, env:NAME or file:PATH",
        "`workers` stands in [execution]",
        "`150%` is neither a count like `100` nor a share like `0.5%`",
        "`memory`: ",
        "`yesterday` is not a time in RFC 3339",
        "did you mean `plugin`?",
        "`export` is missing from [source]",
    ] {
        assert!(ran.stderr.contains(part), "{part}\n{}", ran.stderr);
    }
    assert!(!ran.stderr.contains("hunter2") && ran.stdout.is_empty(), "{}", ran.stderr);
    let json = run_in(f.path(), &["job", "check", "job.toml", "--json"]).fails(2, &["\"cli.job\""]).json();
    let findings = json["findings"].as_array().unwrap();
    assert!(findings.len() >= 13 && findings.iter().all(|f| f["code"].as_str().unwrap().starts_with("job.")), "{json}");
    assert!(findings.iter().any(|f| f["pointer"] == "/destination/to" && f["place"]["line"] == 9), "{json}");
    // Neither does it run, nor is anything left behind.
    run_in(f.path(), &["run", "job.toml"]).fails(2, &["cli.job"]);
    assert_eq!(std::fs::read_dir(f.path()).unwrap().count(), 1);
}

#[test]
fn parameters_are_told_by_their_names() {
    let f = folder();
    write(f.path(), "job.toml", JOB);
    let shown = run_in(f.path(), &["job", "check", "job.toml"]).ok().stdout;
    for part in
        ["nothing is wrong", "Reports into lines of JSON.", "export   text     required   what is read", "default 2"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let json = run_in(f.path(), &["job", "check", "job.toml", "--json"]).ok().json();
    assert_eq!((&json["ok"], &json["parameters"][1]["type"]), (&json!(true), &json!("integer")));
    run_in(f.path(), &["run", "job.toml"]).fails(2, &["job.parameter-missing", "`export`", "--set export=VALUE"]);
    run_in(f.path(), &["run", "job.toml", "--set", "exprot=secret", "--set", "export=x"])
        .fails(2, &["there is no parameter `exprot`", "did you mean `export`?", "--set exprot=…"]);
    let wrong = run_in(f.path(), &["run", "job.toml", "--set", "export=x", "--set", "workers=two"]);
    wrong.fails(2, &["`workers` takes a value of type integer"]);
    run_in(f.path(), &["run", "in", "--set", "a=b"]).fails(2, &["cli.config", "parameter of a job file"]);
    run_in(f.path(), &["run", "none.toml"]).fails(2, &["job.read", "none.toml"]);
}

#[test]
fn secrets_are_read_where_they_are_and_shown_nowhere() {
    let f = folder();
    let job = "[source]\nexport = \"x\"\n[destination]\nto = \"postgresql://ann@127.0.0.1:1/d\"\npassword = \"env:JOB_PASSWORD\"\n";
    write(f.path(), "job.toml", job);
    let printed = run_in(f.path(), &["run", "job.toml", "--print-job"]).ok().stdout;
    assert!(printed.contains("password = \"env:JOB_PASSWORD\""), "{printed}");
    let run = |password: Option<&str>| {
        let mut command = gristmill();
        command.current_dir(f.path()).args(["run", "job.toml"]).env_remove("JOB_PASSWORD");
        if let Some(password) = password {
            command.env("JOB_PASSWORD", password);
        }
        crate::kit::finish(&mut command)
    };
    run(None).fails(2, &["cli.secret", "env:JOB_PASSWORD", "not set"]);
    let ran = run(Some("s3cret/x"));
    assert!(ran.code != 0 && !ran.stderr.contains("s3cret"), "{}", ran.stderr);
    run_in(f.path(), &["run", "x", "--to", "sqlite:a.db", "--password", "file:none"]).fails(2, &["cli.secret", "none"]);
    write(f.path(), "secret", "s3cret\n");
    run_in(f.path(), &["run", "x", "--to", "sqlite:a.db", "--password", "file:secret"])
        .fails(2, &["takes no password"]);
}

/// The files that are there to begin with.
#[test]
fn the_jobs_of_the_documentation_are_sound() {
    let folder = root().join("docs/jobs");
    let mut jobs = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "toml") {
            run_in(&folder, &["job", "check", &path.display().to_string()]).ok();
            jobs += 1;
        }
    }
    assert!(jobs >= 5);
    let f = crate::kit::folder();
    let job = |name: &str| folder.join(name).display().to_string();
    let set = format!("export={}", export("yago"));
    let (to_sqlite, to_parquet) = (job("quality-to-sqlite.toml"), job("quality-to-parquet.toml"));
    let words = ["run", &to_sqlite, "--set", &set, "--set", "score-max=100", "--json"];
    let gate = run_in(f.path(), &words).fails(7, &["run.max-rejected"]);
    assert!(gate.stderr.contains("at most 1 %"), "{}", gate.stderr);
    let summary = run_in(f.path(), &[&words[..], &["--set", "max-rejected=5%"]].concat()).ok().json();
    assert_balanced(&summary);
    assert_eq!(summary["rows"][0]["inserted"], 5_871);
    let parquet =
        ["--set", "time=2024-01-01T00:00:00Z", "--set", "max-rejected=100%", "--set", "score-max=100", "--json"];
    let parquet = [&["run", &to_parquet, "--set", &set], &parquet[..]].concat();
    assert_eq!(run_in(f.path(), &parquet).ok().json()["started_at"], "2024-01-01T00:00:00Z");
}

/// A job and its parts in a bucket.
#[test]
fn a_job_in_a_bucket() {
    let f = folder();
    write(f.path(), "jobs/job.toml", "include = \"parts/to.toml\"\nsource.export = \"in.ndjson\"\n");
    write(f.path(), "jobs/parts/to.toml", "destination.to = \"parquet:${folder}/rows\"\n");
    let double = StorageDouble::start().unwrap();
    double.create_bucket("ops");
    double.put_folder("ops", "jobs/", &f.path().join("jobs")).unwrap();
    let run = |words: &[&str]| {
        let mut command = gristmill();
        crate::kit::finish(command.current_dir(f.path()).env("STORAGE_EMULATOR_HOST", double.endpoint()).args(words))
    };
    let printed = run(&["run", "gs://ops/jobs/job.toml", "--print-job"]).ok().stdout;
    assert!(
        printed.contains("to = \"parquet:gs://ops/jobs/parts/rows\"") && printed.contains("in.ndjson"),
        "{printed}"
    );
    run(&["job", "check", "gs://ops/jobs/none.toml"]).fails(2, &["job.read", "no such object"]);
}

/// The schema takes what the program takes.
#[test]
fn the_schema_is_one() {
    let text = std::fs::read_to_string(root().join("docs/reference/job.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(schema["properties"]["destination"]["properties"]["on-conflict"]["default"], "keep");
    assert!(
        schema["properties"]["execution"]["properties"]["workers"]["description"].as_str().unwrap().contains("Threads")
    );
}
