//! SIGKILL at random instants: run again and again until the job is done, it is as if nothing had happened (invariant 3).

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gristmill_servers::{MariaDb, Postgres};
use serde_json::Value;

use super::{Job, Random, sqlite_rows};
use crate::databases::engine::Engine;
use crate::kit::{assert_balanced, tree};
use crate::warehouse::cloud::{Cloud, TABLE};

/// Documents of the job: some forty splits of 128 KiB.
const DOCUMENTS: u64 = 20_000;
const WORKERS: u64 = 2;

/// What a run leaves, but for its id and its time. Where the time was given, other runs may have had the id, and rows that are there come as `already`.
fn account(summary: &Value, time_was_given: bool) -> Value {
    let of = |name: &str| summary[name].clone();
    let mut rows = of("rows");
    if time_was_given {
        let n = |name: &str| rows[0][name].as_u64().unwrap();
        rows[0]["inserted"] = (n("inserted") + n("already")).into();
        rows[0]["already"] = 0.into();
    }
    serde_json::json!([of("records"), rows, of("refusals")])
}

/// Dead letters without the id of their run.
fn letters(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path.join("dead.jsonl")).unwrap();
    text.lines().map(|line| line.split_once("\",\"file\"").unwrap().1.to_owned()).collect()
}

/// Bytes of rows that no claim covers: what a worker of the process that was killed wrote of splits that do not count. Gives the most of any of its
/// files, and the most that any claimed split has. `seen`: the files of processes before it, which are not looked at again.
fn unclaimed(job: &Job, seen: &mut HashSet<PathBuf>) -> (u64, u64) {
    let Some(db) = job.database() else { return (0, 0) };
    let Ok(mut select) = db.prepare("SELECT run, made FROM splits") else { return (0, 0) };
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let made: Vec<(String, String)> = select.query_map([], row).unwrap().map(Result::unwrap).collect();
    let (mut claimed, mut largest) = (HashMap::<(String, u64), u64>::new(), 0);
    for (run, made) in made {
        let made: Value = serde_json::from_str(&made).unwrap();
        let n = |name: &str| made["rows"][name].as_u64().unwrap();
        *claimed.entry((run, n("file"))).or_default() += n("length");
        largest = largest.max(n("length"));
    }
    let mut most = 0;
    for folder in job.kept() {
        let run = folder.file_name().unwrap().to_string_lossy().into_owned();
        for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            if let Some(number) = name.strip_prefix("rows-").and_then(|n| n.strip_suffix(".arrows"))
                && seen.insert(entry.path())
            {
                let key = (run.clone(), number.parse().unwrap());
                let of_claims = claimed.get(&key).copied().unwrap_or_default();
                most = most.max(entry.metadata().unwrap().len().checked_sub(of_claims).expect("claims that are true"));
            }
        }
    }
    (most, largest)
}

/// Names a run also where several had the same id, as those have that are given their time.
fn name(run: &Value) -> String {
    format!("{} begun at {}", run["id"], run["begun_at"])
}

/// The account of the newest run, if it is done and none of these: its process may have been killed after that, before it could say so.
fn done_since(job: &Job, known: &[String]) -> Option<Value> {
    let newest = job.runs().into_iter().next()?;
    (newest["state"] == "done" && !known.contains(&name(&newest))).then(|| newest["ledger"].clone())
}

/// As many kills as this destination has of all that are wanted: `GRISTMILL_KILLS=200` is what is asked of a release, and takes minutes.
fn share(percent: usize) -> usize {
    let all = std::env::var("GRISTMILL_KILLS").map_or(60, |kills| kills.parse().expect("GRISTMILL_KILLS is a number"));
    (all * percent / 100).max(4)
}

/// Kills so many runs, each job again from an empty destination when it is done. `check` is shown each finished job.
fn killed(
    kills: usize,
    seed: u64,
    job: &Job,
    expected: &Value,
    took: Duration,
    mut check: impl FnMut(&Value),
    mut clear: impl FnMut(),
) {
    let mut random = Random(seed);
    let (mut killed, mut jobs, mut resumed, mut taken_over) = (0, 0, 0, 0);
    let (mut lost, mut split, mut seen) = (Vec::new(), 0, HashSet::new());
    let mut known: Vec<String> = job.runs().iter().map(name).collect();
    let letters_expected = letters(job.path());
    // Few kills may all come before the first split or after the last.
    while killed < kills || (taken_over == 0 && jobs < 4 * kills) {
        jobs += 1;
        let mut of_job = 0_u32;
        let summary = loop {
            let mut child = job
                .command(&[])
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            // Past the end of an undisturbed run as well, and further with each kill, so that jobs end.
            let span = took * (5 + of_job) / 4;
            let at = Duration::from_micros(random.below(u64::try_from(span.as_micros()).unwrap()));
            let start = Instant::now();
            while start.elapsed() < at && child.try_wait().unwrap().is_none() {
                std::thread::sleep(Duration::from_millis(1));
            }
            let _ = child.kill();
            let output = child.wait_with_output().unwrap();
            if let Some(code) = output.status.code() {
                assert_eq!(code, 0, "{}", String::from_utf8_lossy(&output.stderr));
                break serde_json::from_slice::<Value>(&output.stdout).unwrap();
            }
            killed += 1;
            of_job += 1;
            assert!(of_job < 100, "{of_job} kills, and the job does not come to its end");
            if let Some(account) = done_since(job, &known) {
                break account;
            }
            let (most, largest) = unclaimed(job, &mut seen);
            // Rows of the split under way, and of the one before it where its claim was being written.
            assert!(largest == 0 || most <= largest * 3, "{most} bytes were lost, and a split has {largest}");
            if largest > 0 {
                lost.push(most);
                split = split.max(largest);
            }
        };
        if let Some(n) = summary["splits_taken_over"].as_u64() {
            resumed += 1;
            taken_over += n;
        }
        assert_balanced(&summary);
        let given = job.arguments.iter().any(|a| a == "--started-at");
        assert_eq!(account(&summary, given), account(expected, given));
        assert_eq!(letters(job.path()), letters_expected);
        known.push(name(&job.runs()[0]));
        check(&summary);
        clear();
        // Where the time was given, the next job has the same folder.
        seen.clear();
    }
    // What a process left that was killed between its last word and cleaning up goes with the next run.
    job.run(&[]).ok();
    assert_eq!(job.kept().len(), 0, "nothing is kept of a run that is done");
    println!(
        "{killed} kills in {jobs} jobs, of which {resumed} ended with a run that took over splits: {taken_over} in all"
    );
    let average = lost.iter().sum::<u64>() / (lost.len() as u64).max(1);
    println!("a thread did {average} bytes of rows again after a kill, and a split has up to {split}");
    assert!(average < split, "less than one split a kill");
    assert!(taken_over > 0, "kills that nothing was taken over after show nothing");
}

/// The job undisturbed, how long it took, and the job ready to be killed.
fn undisturbed(to: &str, more: &[&str]) -> (Job, Value, Duration) {
    undisturbed_in(Vec::new(), to, more)
}

fn undisturbed_in(environment: Vec<(&'static str, String)>, to: &str, more: &[&str]) -> (Job, Value, Duration) {
    let workers = WORKERS.to_string();
    let mut job = Job::new(DOCUMENTS, to, &[&["--workers", workers.as_str()], more].concat());
    job.environment = environment;
    // The first compiles the plugin, or finds it compiled.
    job.run(&["--no-resume", "--to", "ndjson:warm"]).ok();
    let start = Instant::now();
    let summary = job.run(&[]).ok().json();
    assert!(
        summary["splits"].as_u64().unwrap() > 20 && summary["records"]["refused"].as_u64().unwrap() > 50,
        "{summary}"
    );
    assert_eq!(job.made.documents, DOCUMENTS);
    (job, summary, start.elapsed())
}

#[test]
fn sqlite() {
    let (job, expected, took) = undisturbed("sqlite:q.db", &[]);
    let rows = job.sqlite_rows();
    let database = job.path().join("q.db");
    let clear = || {
        for name in ["q.db", "q.db-journal"] {
            let _ = std::fs::remove_file(job.path().join(name));
        }
    };
    clear();
    let check = |_: &Value| {
        assert!(sqlite_rows(&database) == rows, "the rows are others");
        let loads = "SELECT count(*) FROM _gristmill_loads";
        let loads: i64 = rusqlite::Connection::open(&database).unwrap().query_row(loads, [], |r| r.get(0)).unwrap();
        assert_eq!(loads, 1, "one load");
    };
    killed(share(35), 0x5eed_0001, &job, &expected, took, check, clear);
}

/// With a time that is given the files of every run are equal byte for byte, and so is the manifest.
#[test]
fn parquet() {
    let (job, expected, took) = undisturbed("parquet:p", &["--started-at", "2026-01-02T03:04:05Z"]);
    let folder = job.path().join("p");
    let files = tree(&folder);
    assert!(files.len() > 2, "{:?}", files.keys());
    let clear = || std::fs::remove_dir_all(&folder).unwrap();
    clear();
    let check = |_: &Value| assert!(tree(&folder) == files, "the files are others");
    killed(share(25), 0x5eed_0002, &job, &expected, took, check, clear);
}

fn server<E: Engine>(kills: usize, seed: u64) {
    let server = E::start();
    server.create("q");
    let (job, expected, took) = undisturbed(&server.url("q", server.port()), &[]);
    // But for the time of the run, which is the last column.
    let rows = || -> Vec<String> {
        let all = server.quality_rows("q").into_iter();
        all.map(|row| row.rsplit_once('\t').unwrap().0.to_owned()).collect()
    };
    let wanted = rows();
    server.drop_tables("q");
    let check = |_: &Value| {
        assert!(rows() == wanted, "the rows are others");
        assert_eq!(server.sql("q", "SELECT count(*) FROM _gristmill_loads").trim(), "1", "one load");
    };
    killed(kills, seed, &job, &expected, took, check, || server.drop_tables("q"));
}

#[test]
fn postgresql() {
    server::<Postgres>(share(16), 0x5eed_0003);
}

#[test]
fn mariadb() {
    server::<MariaDb>(share(14), 0x5eed_0004);
}

#[test]
fn bigquery() {
    let cloud = Cloud::new();
    let to = format!("bigquery:{TABLE}");
    let (job, expected, took) = undisturbed_in(cloud.environment(), &to, &["--staging", "gs://staging/rows"]);
    let rows =
        || -> Vec<String> { cloud.rows().into_iter().map(|row| row.rsplit_once('\t').unwrap().0.to_owned()).collect() };
    let wanted = rows();
    cloud.drop_table();
    let check = |_: &Value| assert!(rows() == wanted, "the rows are others");
    killed(share(10), 0x5eed_0005, &job, &expected, took, check, || cloud.drop_table());
    cloud.assert_tidy();
}
