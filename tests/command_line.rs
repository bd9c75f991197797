//! Help, plan, inspect, completions: what a person sees.

use crate::kit::{export, export_file, folder, json_lines, root, run_in, tree};

#[test]
fn help_names_every_command_and_exit_code() {
    let f = folder();
    let help = run_in(f.path(), &["--help"]).ok().stdout;
    for part in ["run", "plan", "export", "plugin", "completions", "Exit codes:", "--max-rejected"] {
        assert!(help.contains(part), "{help}");
    }
    assert!(!help.contains("reference"), "hidden");
    let run = run_in(f.path(), &["run", "--help"]).ok().stdout;
    for option in [
        "--plugin",
        "--config",
        "--to",
        "--workers",
        "--batch-rows",
        "--memory",
        "--max-rejected",
        "--on-conflict",
        "--started-at",
        "--plugin-memory",
        "--plugin-time",
        "--plugin-output",
    ] {
        assert!(run.contains(option), "{option}: {run}");
    }
    run_in(f.path(), &["run"]).fails(2, &["EXPORT"]);
    run_in(f.path(), &["run", "x", "--workers", "0"]).fails(2, &["--workers"]);
    run_in(f.path(), &["run", "x", "--started-at", "yesterday"]).fails(2, &["RFC 3339"]);
}

/// The pages in `docs/reference` are what the program writes.
#[test]
fn reference_pages_are_fresh() {
    let f = folder();
    run_in(f.path(), &["reference", "made"]).ok();
    let (made, kept) = (tree(&f.path().join("made")), tree(&root().join("docs/reference")));
    for (name, bytes) in made {
        let kept = kept.get(&name).unwrap_or_else(|| panic!("docs/reference/{} is missing", name.display()));
        let (made, kept) = (String::from_utf8(bytes).unwrap(), String::from_utf8_lossy(kept));
        let differs = made.lines().zip(kept.lines()).find(|(made, kept)| made != kept);
        assert!(made == *kept, "run `cargo xtask docs`: {differs:?}");
    }
}

/// Every code that the sources name is on the page of codes, and no other.
#[test]
fn codes_are_documented() {
    let mut named = std::collections::BTreeSet::new();
    for (path, bytes) in tree(&root().join("host")) {
        let text = String::from_utf8_lossy(&bytes);
        if path.extension().is_some_and(|e| e == "rs") && path.components().any(|c| c.as_os_str() == "src") {
            named.extend(text.split('"').filter(|s| is_code(s)).map(str::to_owned));
        }
    }
    let page = std::fs::read_to_string(root().join("docs/codes.md")).unwrap();
    let told = page.lines().filter_map(|l| l.strip_prefix("| `")?.split('`').next()).map(str::to_owned).collect();
    assert!(named.len() > 50, "{named:?}");
    assert_eq!(named, told);
}

fn is_code(text: &str) -> bool {
    let Some((room, name)) = text.split_once('.') else { return false };
    ["cli", "job", "source", "storage", "decode", "plugin", "rules", "sink", "state", "run", "dedup", "telemetry"]
        .contains(&room)
        && !["c", "cc", "md", "py", "rs", "toml", "wasm"].contains(&name)
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[test]
fn completions_for_every_shell() {
    let f = folder();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(run_in(f.path(), &["completions", shell]).ok().stdout.contains("gristmill"), "{shell}");
    }
}

#[test]
fn plan_shows_all_and_writes_nothing() {
    let f = folder();
    let args = ["plan", &export("yago"), "--config", "overall-score-max=100", "--to", "sqlite:q.db"];
    let text = run_in(f.path(), &args).ok().stdout;
    for part in [
        "output-0",
        "6,210 documents",
        "metrics.overallScore",
        "table quality_stream",
        "will be created",
        "first rows",
        "insert_id",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert_eq!(std::fs::read_dir(f.path()).unwrap().count(), 0, "a plan writes nothing");
    run_in(f.path(), &["run", &export("yago"), "--config", "overall-score-max=100", "--to", "sqlite:q.db"]).ok();
    let text = run_in(f.path(), &args).ok().stdout;
    assert!(text.contains("its columns fit"), "{text}");
    assert_eq!(
        run_in(f.path(), &["--json", "plan", &export("yago"), "--to", "sqlite:q.db"]).ok().json()["tables"][0]["exists"],
        true
    );
}

#[test]
fn inspect_tells_what_a_plugin_reads() {
    let f = folder();
    let text = run_in(f.path(), &["plugin", "inspect"]).ok().stdout;
    for part in [
        "firestore-quality-stream",
        "sha256",
        "teams/{team}/reports/{report}/qualityReports/{timestamp}",
        "overall-score-max",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let json = run_in(f.path(), &["--json", "plugin", "inspect"]).ok().json();
    assert_eq!(json["tables"][0]["key"][0], "insert_id");
    assert_eq!(json["tables"][0]["partition_by"], "event_ts");
}

#[test]
fn rows_on_stdout_are_nothing_but_rows() {
    let f = folder();
    let ran = run_in(f.path(), &["run", &export("yago"), "--config", "overall-score-max=100", "--to", "ndjson:-"]).ok();
    let rows: Vec<serde_json::Value> = ran.stdout.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let rows = rows.len();
    assert!(rows > 5_500 && ran.stderr.contains("records read"), "{}", ran.stderr);
    let quiet =
        run_in(f.path(), &["-q", "run", &export("yago"), "--config", "overall-score-max=100", "--to", "ndjson:-"]).ok();
    assert_eq!(quiet.stderr, "");
    let json = run_in(f.path(), &["--json", "run", &export("yago"), "--to", "ndjson:-"]).ok();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&json.stderr).unwrap()["rows"][0]["inserted"],
        json.stdout.lines().count()
    );
}

/// A pattern that nothing matches is said, since it is a typing error more often than not.
#[test]
fn nothing_that_matches_is_said() {
    let f = folder();
    let ran = run_in(f.path(), &["run", &export("types"), "--to", "sqlite:q.db"]).ok();
    assert!(ran.stderr.contains("no document matches; the plugin takes teams/"), "{}", ran.stderr);
    let ran = run_in(f.path(), &["export", "cat", &export("yago"), "-d", "team/{team}"]).ok();
    assert!(ran.stdout.is_empty() && ran.stderr.contains("none of 6,210 documents"), "{}", ran.stderr);
    let file = format!("{}/all_namespaces/all_kinds/output-1", export("yago"));
    let ran = run_in(f.path(), &["run", &file, "--to", "sqlite:r.db"]).ok();
    assert!(ran.stderr.contains("cannot be proved complete"), "{}", ran.stderr);
}

/// Errors are JSON, too, where JSON is asked for.
#[test]
fn errors_as_json() {
    let f = folder();
    let ran = run_in(f.path(), &["--json", "run", "none", "--to", "sqlite:q.db"]).fails(3, &[]);
    let error: serde_json::Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!(error["error"]["exit"], 3);
    assert!(error["error"]["code"].as_str().unwrap().starts_with("source."), "{error}");
}

/// With nothing said, the default plugin loads into a SQLite file.
#[test]
fn defaults() {
    let f = folder();
    run_in(f.path(), &["run", &export_file("second").join("export").display().to_string()]).ok();
    assert!(f.path().join("gristmill.db").exists());
    let letters = std::fs::read_dir(f.path().join("dead-letters")).unwrap().next().unwrap().unwrap().path();
    assert_eq!(json_lines(&letters)[0]["code"], "overall-score-range");
}

/// A second version of a Parquet load replaces the first as a whole, and the same job again writes nothing.
#[test]
fn parquet_versions() {
    let f = folder();
    let run = |max: &str| {
        let setting = format!("overall-score-max={max}");
        run_in(f.path(), &["run", &export("yago"), "--config", &setting, "--to", "parquet:p", "--json"]).ok().json()
    };
    let first = run("100");
    let plan = run_in(f.path(), &["plan", &export("yago"), "--to", "parquet:p"]).ok().stdout;
    assert!(plan.contains("is replaced as a whole"), "{plan}");
    let again = run("100");
    assert_eq!((&again["already_loaded"], &again["rows"][0]["inserted"]), (&true.into(), &0.into()));
    assert_eq!(again["rows"][0]["already"], first["rows"][0]["inserted"]);
    let other = run("50");
    assert!(other["rows"][0]["inserted"].as_u64() < first["rows"][0]["inserted"].as_u64());
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(f.path().join("p/manifest.json")).unwrap()).unwrap();
    assert!(manifest.to_string().contains(other["run_id"].as_str().unwrap()), "{manifest}");
}
