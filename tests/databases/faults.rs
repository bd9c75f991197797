//! What happens to a load on its way. Always: run again, the table is that of an undisturbed run.

use std::process::{Child, Stdio};
use std::time::Duration;

use gristmill_servers::{Fault, FullDisk, MariaDb, Postgres, Proxy};

use super::engine::{Engine, counts, job, run};
use crate::kit::folder;

/// The rows of an undisturbed run, and how many messages it sends.
fn undisturbed<E: Engine>(server: &E) -> (Vec<String>, usize) {
    let f = folder();
    server.create("undisturbed");
    let proxy = Proxy::start(server.port(), E::FRAMING, 0, Fault::Hold);
    run(f.path(), &server.url("undisturbed", proxy.port()), &[]).ok();
    (server.quality_rows("undisturbed"), proxy.seen())
}

/// Whether the chosen message came before the program's end.
fn wait(proxy: &Proxy, child: &mut Child) -> bool {
    loop {
        if proxy.reached(Duration::from_millis(20)) {
            return true;
        }
        if child.try_wait().unwrap().is_some() {
            return proxy.reached(Duration::ZERO);
        }
    }
}

/// Killed before each message that the program sends: into a database without the table, and into one that has half of the rows.
fn killed_at_every_step<E: Engine>() {
    let server = E::start();
    let (rows, messages) = undisturbed(&server);
    assert!(messages > 15, "{messages}");
    let f = folder();
    for half in [false, true] {
        let database = if half { "half" } else { "empty" };
        server.create(database);
        if half {
            run(f.path(), &server.url(database, server.port()), &[]).ok();
        }
        let mut reached = 0;
        // With a table that is there the steps are others, and fewer or more.
        for at in 1..=messages + 20 {
            if half {
                server.sql(database, "DELETE FROM quality_stream WHERE gaps = 0");
            }
            let proxy = Proxy::start(server.port(), E::FRAMING, at, Fault::Hold);
            let mut child =
                job(f.path(), &server.url(database, proxy.port()), &[]).stdout(Stdio::null()).spawn().unwrap();
            let came = wait(&proxy, &mut child);
            child.kill().unwrap();
            child.wait().unwrap();
            drop(proxy);
            let again = run(f.path(), &server.url(database, server.port()), &[]).ok();
            assert_eq!(counts(&again).iter().sum::<u64>(), rows.len() as u64, "message {at}");
            assert!(server.quality_rows(database) == rows, "message {at}: the rows are others");
            if !half {
                server.drop_tables(database);
            }
            if !came {
                break;
            }
            reached += 1;
        }
        assert!(reached > 15, "{reached}");
    }
}

/// The connection is cut at every message: the program says so, and what to do; run again it is done.
fn cut_at_every_step<E: Engine>() {
    let server = E::start();
    let (rows, messages) = undisturbed(&server);
    let f = folder();
    server.create("q");
    for at in (1..=messages).rev() {
        let proxy = Proxy::start(server.port(), E::FRAMING, at, Fault::Cut);
        let ran = run(f.path(), &server.url("q", proxy.port()), &[]);
        // Saying good-bye is not part of the load; nor is a look at the tables before it.
        if ran.code != 0 {
            let ran = ran.fails(5, &["sink."]);
            assert!(
                ran.stderr.contains("run the same command again") || ran.stderr.contains("Check host"),
                "{}",
                ran.stderr
            );
        }
        drop(proxy);
        run(f.path(), &server.url("q", server.port()), &[]).ok();
        assert!(server.quality_rows("q") == rows, "message {at}: the rows are others");
        server.drop_tables("q");
    }
}

/// The answer to each message is lost, the one to COMMIT among them: then the program asks the server and goes on.
fn lost_answers<E: Engine>() {
    let server = E::start();
    let (rows, messages) = undisturbed(&server);
    let f = folder();
    server.create("q");
    let mut went_on = 0;
    for at in (messages.saturating_sub(8)..=messages).rev() {
        let proxy = Proxy::start(server.port(), E::FRAMING, at, Fault::Swallow);
        let ran = run(f.path(), &server.url("q", proxy.port()), &[]);
        let is_loaded = server.try_sql("q", "SELECT count(*) FROM _gristmill_loads").is_ok_and(|n| n != "0");
        assert_eq!(ran.code == 0, is_loaded, "message {at}: {}", ran.stderr);
        went_on += usize::from(ran.code == 0);
        if ran.code == 0 {
            assert_eq!(counts(&ran), [rows.len() as u64, 0, 0], "message {at}");
        }
        drop(proxy);
        run(f.path(), &server.url("q", server.port()), &[]).ok();
        assert!(server.quality_rows("q") == rows, "message {at}: the rows are others");
        server.drop_tables("q");
    }
    // COMMIT itself, and whatever comes after it.
    assert!(went_on >= 1, "{went_on}");
}

/// The server's disk is full: it is told, nothing is loaded, and with room it works.
fn full_disk<E: Engine>() {
    let (disk, f) = (FullDisk::new(), folder());
    let server = E::start_on(&disk);
    let (rows, _) = undisturbed(&server);
    server.create("q");
    let to = server.url("q", server.port());
    disk.fill();
    let ran = run(f.path(), &to, &[]).fails(5, &["sink.full", "Free space"]);
    eprintln!("{}", ran.stderr);
    disk.free();
    assert_eq!(counts(&run(f.path(), &to, &[]).ok()), [rows.len() as u64, 0, 0]);
    assert_eq!(server.quality_rows("q"), rows);
}

#[test]
fn postgresql_killed_at_every_step() {
    killed_at_every_step::<Postgres>();
}

#[test]
fn postgresql_cut_at_every_step() {
    cut_at_every_step::<Postgres>();
}

#[test]
fn postgresql_lost_answers() {
    lost_answers::<Postgres>();
}

#[test]
fn postgresql_full_disk() {
    full_disk::<Postgres>();
}

#[test]
fn mariadb_killed_at_every_step() {
    killed_at_every_step::<MariaDb>();
}

#[test]
fn mariadb_cut_at_every_step() {
    cut_at_every_step::<MariaDb>();
}

#[test]
fn mariadb_lost_answers() {
    lost_answers::<MariaDb>();
}

#[test]
fn mariadb_full_disk() {
    full_disk::<MariaDb>();
}
