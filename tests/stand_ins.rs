//! Plugins that ask for what no plugin is given: a clock, random numbers, files, sockets, the environment.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::kit::{Ran, assert_balanced, export, finish, folder, gristmill, json_lines, run_in, write_lines};

fn guest(name: &str) -> String {
    gristmill_guest::fixture(name).unwrap_or_else(|e| panic!("{name}: {e}")).display().to_string()
}

/// A run of a plugin over the teams of an export.
fn run(folder: &Path, plugin: &str, more: &[&str], prepare: impl FnOnce(&mut Command)) -> Ran {
    let source = export("second");
    let mut command = gristmill();
    command.current_dir(folder).args([
        "--json",
        "-v",
        "run",
        &source,
        "--plugin",
        plugin,
        "--to",
        "ndjson:rows.ndjson",
    ]);
    command.args(["--dead-letters", "refused.jsonl"]).args(more);
    prepare(&mut command);
    finish(&mut command).ok()
}

/// What the plugin `curious` got when it asked for something: the summary of the run, and the answer of the first record.
fn asked(what: &str) -> (Value, String) {
    let f = folder();
    let summary = run(f.path(), &guest("curious"), &["--config", &format!("asks={what}")], |_| {}).json();
    assert_balanced(&summary);
    let rows = json_lines(&f.path().join("rows.ndjson"));
    let answer = rows.first().map_or_else(String::new, |row| row["answer"].as_str().unwrap().to_owned());
    (summary, answer)
}

fn refused(summary: &Value) -> Vec<&str> {
    let calls = summary["refused_calls"].as_array().map(Vec::as_slice).unwrap_or_default();
    calls.iter().map(|call| call["function"].as_str().unwrap()).collect()
}

/// A library that moves the clock of the program which it is loaded into.
fn clock_of_another_day(folder: &Path) -> PathBuf {
    const DAYS: u32 = 40;
    let code = format!(
        "#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <time.h>\n\
         int clock_gettime(clockid_t id, struct timespec *at) {{\n\
           static int (*real)(clockid_t, struct timespec *);\n\
           if (!real) real = dlsym(RTLD_NEXT, \"clock_gettime\");\n\
           int result = real(id, at);\n\
           if (id == CLOCK_REALTIME) at->tv_sec += {DAYS}L * 86400;\n\
           return result;\n\
         }}\n"
    );
    std::fs::write(folder.join("clock.c"), code).unwrap();
    let library = folder.join("clock.so");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(folder.join("clock.c"))
        .arg("-ldl")
        .status();
    assert!(built.unwrap().success());
    library
}

#[cfg(target_os = "linux")]
#[test]
fn time_and_randomness_are_the_same_on_another_day() {
    let f = folder();
    let library = clock_of_another_day(f.path());
    let started = |summary: &Value| summary["started_at"].as_str().unwrap().get(..10).unwrap().to_owned();
    let on = |name: &str, moved: bool, more: &[&str]| {
        let desk = f.path().join(name);
        std::fs::create_dir(&desk).unwrap();
        let more = [&["--config", "asks=time,random,sleep"], more].concat();
        let ran = run(&desk, &guest("curious"), &more, |command| {
            if moved {
                command.env("LD_PRELOAD", &library);
            }
        });
        (ran.json(), json_lines(&desk.join("rows.ndjson")))
    };

    // The library does what it is for: a run that is not told when it was started takes another day.
    let (today, today_rows) = on("today", false, &[]);
    let (later, later_rows) = on("later", true, &[]);
    assert_ne!(started(&today), started(&later));
    assert_ne!(today_rows, later_rows);

    let fixed = ["--started-at", "2024-05-06T07:08:09.5Z"];
    let (one, rows) = on("fixed", false, &fixed);
    let (other, other_rows) = on("fixed-later", true, &fixed);
    assert_eq!(rows, other_rows);
    let totals = |summary: &Value| (summary["records"].clone(), summary["rows"].clone());
    assert_eq!(totals(&one), totals(&other));
    assert_eq!(rows[0]["answer"], "2024-05-06T07:08:09.500000+00:00 0.0 1714979289.5");
    assert_eq!(rows[2]["answer"], "slept");

    // Another configuration has other numbers.
    let (_, other) = on("configured", false, &[&fixed[..], &["--config", "asks=random"]].concat());
    assert_ne!(other[0]["answer"], rows[1]["answer"]);
}

/// Each call has the same numbers, whichever instance makes it, and whatever that did before: also those of a generator that a language keeps.
#[test]
fn random_numbers_do_not_depend_on_who_is_called() {
    let f = folder();
    std::fs::create_dir(f.path().join("teams")).unwrap();
    for file in 0..40 {
        let team = |i: u32| json!({ "name": format!("projects/p/databases/(default)/documents/teams/t{file}-{i}"), "fields": {} });
        write_lines(&f.path().join(format!("teams/{file:02}.ndjson")), &(0..20).map(team).collect::<Vec<_>>());
    }
    let curious = guest("curious");
    let mut made = Vec::new();
    for workers in ["1", "3", "3", "2"] {
        let words = ["run", "teams", "--plugin", &curious, "--config", "asks=random", "--to", "ndjson:rows.ndjson"];
        run_in(f.path(), &[&words[..], &["--workers", workers, "--started-at", "2024-01-01T00:00:00Z"]].concat()).ok();
        made.push(std::fs::read(f.path().join("rows.ndjson")).unwrap());
    }
    assert!(made.windows(2).all(|pair| pair[0] == pair[1]));
    let rows = json_lines(&f.path().join("rows.ndjson"));
    assert_eq!(rows.len(), 800);
    assert_ne!(rows[0]["answer"], rows[1]["answer"]);
}

#[test]
fn nothing_is_said_of_a_plugin_that_asks_for_nothing_it_does_not_get() {
    let (summary, answer) = asked("time,random,sleep,print");
    assert!(answer.starts_with("20"), "{answer}");
    assert_eq!(refused(&summary), [""; 0]);
}

#[test]
fn what_is_printed_goes_to_the_log() {
    let f = folder();
    let ran = run(f.path(), &guest("curious"), &["--config", "asks=print"], |_| {});
    for text in ["INFO printed by the plugin", "WARN logged by the plugin"] {
        assert!(ran.stderr.contains(text), "{}", ran.stderr);
    }
    assert!(ran.stderr.contains("curious"), "{}", ran.stderr);
}

#[test]
fn files_are_refused_and_the_run_says_so() {
    for what in ["file", "write"] {
        let (summary, answer) = asked(what);
        assert!(answer.starts_with("FileNotFoundError"), "{answer}");
        assert_eq!(refused(&summary), ["wasi:filesystem/preopens.get-directories"], "{what}");
        assert_eq!(summary["refused_calls"][0]["plugin"], "curious@0.1.0");
    }
}

#[test]
fn sockets_are_refused_and_the_run_says_so() {
    let (summary, answer) = asked("socket");
    assert!(answer.starts_with("PermissionError"), "{answer}");
    assert_eq!(refused(&summary), ["wasi:sockets/tcp-create-socket.create-tcp-socket"]);
}

#[test]
fn the_environment_is_empty_and_the_run_says_so() {
    // What a language asks for as it starts is nobody's wish.
    let (summary, answer) = asked("environment");
    assert_eq!((answer.as_str(), refused(&summary)), ("[]", Vec::new()));

    let f = folder();
    let summary = run(f.path(), &guest("peeper"), &[], |command| {
        command.env("A_SECRET", "hidden");
    })
    .json();
    assert!(json_lines(&f.path().join("rows.ndjson")).iter().all(|row| row["variables"] == 0));
    assert_eq!(refused(&summary), ["wasi:cli/environment.get-environment"]);

    let text = finish(gristmill().current_dir(f.path()).args([
        "run",
        &export("second"),
        "--plugin",
        &guest("peeper"),
        "--to",
        "ndjson:again.ndjson",
    ]))
    .ok();
    let line = "not given     peeper@0.1.0 called wasi:cli/environment.get-environment (2×)";
    assert!(text.stderr.contains(line), "{}", text.stderr);
}

#[test]
fn a_plugin_that_ends_its_program_is_blamed_for_the_record() {
    let f = folder();
    let asks = ["--config", "asks=exit"];
    let all = [&asks[..], &["--max-rejected", "100%"]].concat();
    let summary = run(f.path(), &guest("curious"), &all, |_| {}).json();
    assert_eq!(summary["refusals"], json!({ "plugin.trap": 2 }));
    let letters = json_lines(&f.path().join("refused.jsonl"));
    assert!(letters[0]["message"].as_str().unwrap().contains("it asked for wasi:cli/exit.exit"), "{}", letters[0]);
    assert_eq!(refused(&summary), ["wasi:cli/exit.exit"]);

    // All are refused, and without being asked to nobody takes that for a run. Why it may be is shown all the same.
    let (source, curious) = (export("second"), guest("curious"));
    let words = ["run", &source, "--plugin", &curious, "--config", "asks=exit", "--to", "ndjson:none.ndjson"];
    let ran = finish(gristmill().current_dir(f.path()).args(words));
    ran.fails(
        7,
        &["all 2 records were refused", "`plugin.trap`", "not given", "curious@0.1.0 called wasi:cli/exit.exit ("],
    );
    assert!(!f.path().join("none.ndjson").exists());
}

/// What a person is told before a run.
#[test]
fn inspect_says_what_a_plugin_of_wasi_gets() {
    let f = folder();
    let shown = finish(gristmill().current_dir(f.path()).args(["plugin", "inspect", &guest("curious")])).ok().stdout;
    assert!(shown.contains("WASI 0.2 (25 interfaces: a clock that stands"), "{shown}");
    assert!(!shown.contains("wasi:"), "{shown}");
}
