//! How a run goes on: by its command, by its id, after a signal, after a full disk.

use std::time::{Duration, Instant};

use gristmill_servers::FullDisk;
use serde_json::Value;

use super::{Job, ended, signal};
use crate::kit::{export, folder, run_in};

const DOCUMENTS: u64 = 60_000;

fn job() -> Job {
    Job::new(DOCUMENTS, "sqlite:q.db", &["--workers", "2"])
}

/// The rows of the job when nothing happens to it.
fn undisturbed(job: &Job) -> (Vec<String>, Value) {
    let summary = job.run(&[]).ok().json();
    assert!(summary.get("splits_taken_over").is_none(), "{summary}");
    let rows = job.sqlite_rows();
    std::fs::remove_file(job.path().join("q.db")).unwrap();
    (rows, summary)
}

fn taken_over(summary: &Value) -> usize {
    usize::try_from(summary["splits_taken_over"].as_u64().unwrap()).unwrap()
}

#[test]
fn by_the_same_command() {
    let job = job();
    let (rows, expected) = undisturbed(&job);
    let done = job.killed_after(5, &[]);
    let listed = &job.runs()[0];
    assert_eq!((listed["state"].as_str(), listed["resumable"].as_bool()), (Some("killed"), Some(true)), "{listed}");
    let text = job.call(&["runs", "ls", "--unfinished"]).ok().stdout;
    assert!(text.contains("killed, can go on") && text.lines().count() == 2, "{text}");
    let again = job.run(&[]).ok().json();
    assert_eq!(taken_over(&again), done, "{again}");
    assert_eq!(again["run_id"], listed["id"]);
    assert_eq!(again["rows"], expected["rows"]);
    assert_eq!(job.sqlite_rows(), rows);
    let listed = &job.runs()[0];
    assert_eq!((listed["state"].as_str(), listed["attempts"].as_u64()), (Some("done"), Some(2)), "{listed}");
    assert_eq!(listed["ledger"]["records"], expected["records"]);
    assert!(
        listed["details"]["phases"]
            .as_array()
            .unwrap()
            .iter()
            .any(|p| p["phase"] == "map" && p["seconds"].as_f64() > Some(0.0))
    );
    assert!(job.kept().is_empty());
    // It is done: the same command is another run, which finds the rows.
    let third = job.run(&[]).ok().json();
    assert!(third["run_id"] != again["run_id"] && third["rows"][0]["inserted"] == 0, "{third}");
}

/// From another folder, by the beginning of the id, with other flags for the threads, which change no row.
#[test]
fn by_its_id() {
    let job = job();
    let (rows, _) = undisturbed(&job);
    job.call(&["resume"]).fails(2, &["cli.resume", "no run can go on"]);
    let done = job.killed_after(3, &[]);
    let elsewhere = folder();
    let id = job.runs()[0]["id"].as_str().unwrap().to_owned();
    let state = job.path().join("state").display().to_string();
    let ran = run_in(elsewhere.path(), &["resume", &id[..20], "--state", &state]).ok();
    assert!(ran.stderr.contains(&format!("resumed       {done} of ")), "{}", ran.stderr);
    assert_eq!(job.sqlite_rows(), rows);
    job.call(&["resume", &id]).fails(2, &["cli.resume", "is done"]);
    job.call(&["resume", "nobody"]).fails(2, &["state.no-run"]);
    job.killed_after(3, &[]);
    job.killed_after(3, &["--to", "sqlite:other.db"]);
    job.call(&["resume"]).fails(2, &["cli.resume", "several runs"]);
}

/// With little memory rows are read back from where they are kept, and only from there.
#[test]
fn with_little_memory() {
    let job = Job::new(DOCUMENTS, "sqlite:q.db", &["--memory", "100KiB"]);
    let (rows, expected) = undisturbed(&job);
    assert!(expected["spilled_bytes"].as_u64() > Some(1 << 20), "{expected}");
    job.killed_after(4, &[]);
    let again = job.run(&[]).ok().json();
    assert_eq!((&again["rows"], job.sqlite_rows()), (&expected["rows"], rows));
}

/// The first signal: what is under way is finished and kept, and how to go on is said. The second one: at once.
#[test]
fn after_a_signal() {
    let job = job();
    let (rows, _) = undisturbed(&job);
    let child = job.start_until(3, &[]);
    signal(&child, "-INT");
    let ran = ended(child);
    assert_eq!(ran.code, 130, "{}", ran.stderr);
    let json = ran.stderr.lines().last().unwrap();
    let error: Value = serde_json::from_str(json).unwrap_or_else(|e| panic!("{e}: {}", ran.stderr));
    let id = job.runs()[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(error["error"]["code"], "run.interrupted");
    assert!(error["error"]["remedy"].as_str().unwrap().contains(&format!("gristmill resume {id}")), "{error}");
    assert_eq!(
        (job.runs()[0]["state"].as_str(), job.runs()[0]["exit_code"].as_u64()),
        (Some("interrupted"), Some(130))
    );
    let done = job.finished();
    assert_eq!(error["unfinished"]["splits_done"], done);
    assert!(!job.path().join("q.db").exists());
    assert_eq!(taken_over(&job.call(&["--json", "resume"]).ok().json()), done);
    assert_eq!(job.sqlite_rows(), rows);

    let child = job.start_until(3, &["--to", "sqlite:second.db"]);
    signal(&child, "-STOP");
    signal(&child, "-INT");
    signal(&child, "-TERM");
    signal(&child, "-CONT");
    assert_eq!(ended(child).code, 130);
    job.run(&["--to", "sqlite:second.db"]).ok();
    assert_eq!(super::sqlite_rows(&job.path().join("second.db")), rows);
}

/// Nothing of the run's own fits on the disk any more: it says so, keeps what it has, and goes on when there is room.
#[test]
fn after_a_full_disk() {
    let (job, disk) = (job(), FullDisk::new());
    let (rows, _) = undisturbed(&job);
    let mut command = job.command(&[]);
    let child = command.envs(disk.environment()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    while job.finished() < 4 && start.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(1));
    }
    disk.fill();
    let ran = ended(child);
    assert_eq!(ran.code, 6, "{}", ran.stderr);
    for part in ["state", "Free some space", "gristmill resume"] {
        assert!(ran.stderr.contains(part), "{part} is not in {}", ran.stderr);
    }
    disk.free();
    let again = job.run(&[]).ok().json();
    assert!(taken_over(&again) >= 4, "{again}");
    assert_eq!(job.sqlite_rows(), rows);
}

/// What is not on the disk as it was claimed is made again, and what is damaged as well.
#[test]
fn after_a_failure_of_power() {
    let job = job();
    let (rows, expected) = undisturbed(&job);
    let done = job.killed_after(6, &[]);
    let kept = &job.kept()[0];
    let files = |what: &str| {
        let all = std::fs::read_dir(kept).unwrap().map(|e| e.unwrap().path());
        all.filter(|p| p.file_name().unwrap().to_string_lossy().starts_with(what)).collect::<Vec<_>>()
    };
    // The end of one file never came to the disk, nor did the letters of one split; in another file a byte is other.
    let [first, second] = &files("rows-")[..] else { panic!("two workers wrote: {:?}", files("rows-")) };
    let length = std::fs::metadata(first).unwrap().len();
    std::fs::File::options().write(true).open(first).unwrap().set_len(length * 2 / 3).unwrap();
    let mut bytes = std::fs::read(second).unwrap();
    bytes[100] ^= 1;
    std::fs::write(second, bytes).unwrap();
    std::fs::write(&files("letters-")[0], "").unwrap();
    let again = job.run(&[]).ok();
    let summary = again.json();
    assert!(again.stderr.contains("is not whole"), "{}", again.stderr);
    assert!(summary["splits_taken_over"].as_u64().unwrap_or_default() < done as u64, "{summary}");
    assert_eq!((&summary["rows"], &summary["refusals"]), (&expected["rows"], &expected["refusals"]));
    assert_eq!(job.sqlite_rows(), rows);
}

/// A process that dies between the commit and its last word: the destination says that it has the load.
#[test]
fn after_the_commit() {
    let job = job();
    let (rows, expected) = undisturbed(&job);
    job.killed_after(3, &[]);
    let state = job.path().join("state");
    let before = crate::kit::tree(&state);
    let summary = job.run(&[]).ok().json();
    // As if nothing had been written to the state folder since.
    std::fs::remove_dir_all(&state).unwrap();
    for (path, bytes) in before {
        let path = state.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let again = job.run(&[]).ok().json();
    assert_eq!((&again["run_id"], &again["rows"]), (&summary["run_id"], &expected["rows"]));
    assert_eq!(job.sqlite_rows(), rows);
}

/// A pipe cannot be taken back: such a run is recorded, and cannot go on. With --no-resume nothing is kept, and no state folder is needed.
#[test]
fn runs_that_cannot_go_on() {
    let job = job();
    let child = job.start(&["--to", "ndjson:-"]);
    std::thread::sleep(Duration::from_millis(200));
    assert!(job.finished() == 0);
    assert_eq!(ended(child).code, 0);
    job.run(&["--no-resume"]).ok();
    let runs = job.runs();
    assert_eq!(runs.iter().map(|r| r["resumable"].as_bool()).collect::<Vec<_>>(), [Some(false), Some(false)]);
    assert_eq!(runs[1]["shuffled_bytes"], 0);
    assert!(job.kept().is_empty());
    let f = folder();
    std::fs::write(f.path().join("file"), "").unwrap();
    let args = ["run", &export("second"), "--to", "sqlite:q.db", "--state", "file/state"];
    run_in(f.path(), &args).fails(6, &["state.folder", "file/state", "--no-resume", "GRISTMILL_STATE"]);
    let ran = run_in(f.path(), &[&args[..], &["--no-resume"]].concat()).ok();
    assert!(ran.stderr.contains("the run is not recorded"), "{}", ran.stderr);
}

/// A gate is final, and so is a broken input: nothing is kept of them.
#[test]
fn final_failures() {
    let job = job();
    job.run(&["--max-rejected", "0"]).fails(7, &["run.max-rejected"]);
    let listed = &job.runs()[0];
    assert_eq!((listed["state"].as_str(), listed["exit_code"].as_u64()), (Some("refused"), Some(7)), "{listed}");
    assert!(listed["refusals"].as_object().unwrap().len() > 1);
    assert!(job.kept().is_empty());
    let id = listed["id"].as_str().unwrap();
    job.call(&["resume", id]).fails(2, &["stopped by a gate"]);
    let last = job.made.files.last().unwrap();
    let bytes = std::fs::read(last).unwrap();
    std::fs::write(last, &bytes[..bytes.len() / 2]).unwrap();
    job.run(&[]).fails(3, &[]);
    assert!(job.kept().is_empty());
    std::fs::write(last, &bytes).unwrap();
    job.run(&[]).ok();
}

#[test]
fn pruning() {
    let job = job();
    job.killed_after(3, &[]);
    job.run(&["--to", "sqlite:other.db"]).ok();
    let dry = job.call(&["--json", "runs", "prune", "--max-size", "1KiB", "--dry-run"]).ok().json();
    assert!(dry["pruned"][0]["bytes"].as_u64().unwrap() > 1 << 16, "{dry}");
    assert_eq!(job.kept().len(), 1);
    let text = job.call(&["runs", "prune"]).ok().stdout;
    assert!(text.contains("name --older-than or --max-size"), "{text}");
    assert_eq!(job.kept().len(), 1);
    let text = job.call(&["runs", "prune", "--max-size", "1KiB"]).ok().stdout;
    assert!(text.contains("freed") && text.contains("too large"), "{text}");
    assert!(job.kept().is_empty());
    assert_eq!(job.runs().len(), 2);
    job.call(&["resume"]).fails(2, &["no run can go on"]);
    job.call(&["runs", "prune", "--older-than", "0s"]).ok();
    assert_eq!(job.runs().len(), 0);
}
