//! Errors on the way to a server, as their reader sees them: who, what, where, and what to do.

use gristmill_servers::{Certificates, MariaDb, MariaDbOptions, Postgres};

use super::engine::{Engine, run};
use crate::kit::folder;

#[test]
fn postgresql_says_who_what_where_and_what_to_do() {
    let (server, f) = (Postgres::start(), folder());
    let port = server.port();
    let at = |who: &str, database: &str| format!("postgresql://{who}127.0.0.1:{port}/{database}");
    for sql in
        ["CREATE ROLE reader LOGIN PASSWORD 'r'", "CREATE DATABASE q", "CREATE DATABASE bare", "CREATE DATABASE locked"]
    {
        server.sql("postgres", sql).unwrap();
    }
    server.sql("q", "REVOKE CREATE ON SCHEMA public FROM PUBLIC").unwrap();
    run(f.path(), &at("postgres:a-secret@", "locked"), &[]).ok();
    std::fs::remove_file(f.path().join("dead.jsonl")).unwrap();
    server.sql("bare", "DROP SCHEMA public").unwrap();
    let cases = [
        (at("postgres:wrong@", "q"), "sink.login", vec!["connecting as postgres", "PGPASSWORD", "28P01"]),
        (at("postgres@", "q"), "sink.login", vec!["none was given", "PGPASSWORD"]),
        (at("postgres:a-secret@", "none"), "sink.missing", vec!["does not exist", "createdb none"]),
        (at("postgres:a-secret@", "bare"), "sink.missing", vec!["no schema", "search_path"]),
        (
            at("reader:r@", "q"),
            "sink.right",
            vec!["no right to create tables in schema public", "GRANT CREATE ON SCHEMA"],
        ),
        (at("reader:r@", "locked"), "sink.right", vec!["table quality_stream", "GRANT SELECT, INSERT"]),
        (
            "postgresql://postgres:a-secret@127.0.0.1:1/q".into(),
            "sink.unreachable",
            vec!["127.0.0.1:1", "refused", "host and port"],
        ),
        (at("postgres:a-secret@", "q?sslmode=require"), "sink.tls", vec!["does not support TLS", "sslmode=disable"]),
        (at("postgres:a-secret@", "q?sslmode=maybe"), "sink.spec", vec!["sslmode"]),
    ];
    for (to, code, parts) in cases {
        let ran = run(f.path(), &to, &[]);
        eprintln!("{}", ran.stderr);
        let exit = if code == "sink.spec" { 2 } else { 5 };
        let ran = ran.fails(exit, &[&[code], &parts[..]].concat());
        assert!(!ran.stderr.contains("a-secret") && !ran.stderr.contains("wrong"), "{}", ran.stderr);
    }
    let letters = f.path().join("dead.jsonl");
    assert!(!letters.exists(), "an export was read although its destination cannot be used");
}

#[test]
fn postgresql_is_believed_only_with_its_certificate() {
    let (certificates, others) = (Certificates::new(), Certificates::new());
    let (server, f) = (<Postgres as Engine>::start_with_tls(&certificates), folder());
    Engine::create(&server, "q");
    let to = |host: &str, mode: &str, authority: &Certificates| {
        let (port, file) = (server.port(), authority.authority());
        format!("postgresql://postgres:a-secret@{host}:{port}/q?sslmode={mode}&sslrootcert={}", file.display())
    };
    for (host, mode, authority, code) in [
        ("localhost", "verify-full", &certificates, None),
        ("127.0.0.1", "verify-full", &certificates, Some("sink.tls")),
        ("127.0.0.1", "verify-ca", &certificates, None),
        ("127.0.0.1", "verify-ca", &others, Some("sink.tls")),
        ("localhost", "verify-full", &others, Some("sink.tls")),
        ("127.0.0.1", "require", &others, None),
        ("127.0.0.1", "prefer", &others, None),
        ("127.0.0.1", "disable", &others, Some("sink.login")),
    ] {
        let ran = run(f.path(), &to(host, mode, authority), &[]);
        match code {
            None => drop(ran.ok()),
            Some(code) => {
                eprintln!("{}", ran.stderr);
                ran.fails(5, &[code, "sslmode"]);
            }
        }
    }
}

#[test]
fn mariadb_says_who_what_where_and_what_to_do() {
    let (server, f) = (<MariaDb as Engine>::start(), folder());
    let port = server.port();
    let at = |who: &str, database: &str| format!("mysql://{who}127.0.0.1:{port}/{database}");
    for sql in [
        "CREATE DATABASE q",
        "CREATE DATABASE locked",
        "CREATE USER reader@'%' IDENTIFIED BY 'r', stager@'%' IDENTIFIED BY 'r'",
        "GRANT SELECT, CREATE TEMPORARY TABLES ON q.* TO reader@'%'",
        "GRANT SELECT, CREATE TEMPORARY TABLES ON locked.* TO reader@'%'",
        "GRANT SELECT, INSERT, UPDATE ON locked.* TO stager@'%'",
    ] {
        server.sql("", sql).unwrap();
    }
    run(f.path(), &at("tester:a-secret@", "locked"), &[]).ok();
    std::fs::remove_file(f.path().join("dead.jsonl")).unwrap();
    let cases = [
        (at("tester:wrong@", "q"), "sink.login", vec!["connecting as tester", "MYSQL_PWD", "1045"]),
        (at("tester@", "q"), "sink.login", vec!["connecting as tester", "using password: NO", "MYSQL_PWD"]),
        (at("tester:a-secret@", "none"), "sink.missing", vec!["Unknown database", "CREATE DATABASE `none`"]),
        (at("reader:r@", "mysql"), "sink.right", vec!["denied", "GRANT"]),
        (at("reader:r@", "q"), "sink.right", vec!["right to create table", "CREATE command denied", "1142", "GRANT"]),
        (at("reader:r@", "locked"), "sink.right", vec!["right to write table quality_stream", "INSERT", "GRANT"]),
        (at("stager:r@", "locked"), "sink.right", vec!["right to stage rows", "CREATE TEMPORARY TABLES"]),
        (
            "mysql://tester:a-secret@127.0.0.1:1/q".into(),
            "sink.unreachable",
            vec!["127.0.0.1:1", "refused", "host and port"],
        ),
        (at("tester:a-secret@", "q?ssl-mode=REQUIRED"), "sink.tls", vec!["does not speak TLS", "ssl-mode=DISABLED"]),
        (at("tester:a-secret@", "q?ssl-mode=maybe"), "sink.spec", vec!["ssl-mode"]),
    ];
    for (to, code, parts) in cases {
        let ran = run(f.path(), &to, &[]);
        eprintln!("{}", ran.stderr);
        let exit = if code == "sink.spec" { 2 } else { 5 };
        let ran = ran.fails(exit, &[&[code], &parts[..]].concat());
        assert!(!ran.stderr.contains("a-secret") && !ran.stderr.contains("wrong"), "{}", ran.stderr);
    }
    let letters = f.path().join("dead.jsonl");
    assert!(!letters.exists(), "an export was read although its destination cannot be used");
}

#[test]
fn mariadb_that_takes_no_more_says_so() {
    let settings = vec![("read-only", "1".to_owned()), ("max-connections", "10".to_owned())];
    let (server, f) = (MariaDb::start_with(&MariaDbOptions { settings, ..MariaDbOptions::default() }), folder());
    for sql in ["CREATE DATABASE q", "CREATE USER ann@'%' IDENTIFIED BY 'r'", "GRANT ALL ON q.* TO ann@'%'"] {
        server.sql("", sql).unwrap();
    }
    let to = format!("mysql://ann:r@127.0.0.1:{}/q", server.port());
    let ran = run(f.path(), &to, &[]).fails(5, &["sink.right", "read-only", "replica", "1290"]);
    eprintln!("{}", ran.stderr);
    server.sql("", "SET GLOBAL read_only = 0").unwrap();
    let mut others: Vec<_> = (0..12)
        .filter_map(|_| {
            server.client("q").args(["-e", "SELECT SLEEP(60)"]).stderr(std::process::Stdio::null()).spawn().ok()
        })
        .collect();
    let ran = loop {
        let ran = run(f.path(), &to, &[]);
        if ran.code != 0 {
            break ran.fails(5, &["sink.busy", "Too many connections", "max_connections"]);
        }
    };
    eprintln!("{}", ran.stderr);
    for other in &mut others {
        other.kill().unwrap();
        other.wait().unwrap();
    }
}

#[test]
fn mariadb_is_believed_only_with_its_certificate() {
    let (certificates, others) = (Certificates::new(), Certificates::new());
    let (server, f) = (<MariaDb as Engine>::start_with_tls(&certificates), folder());
    Engine::create(&server, "q");
    let to = |host: &str, mode: &str, authority: &Certificates| {
        let (port, file) = (server.port(), authority.authority());
        format!("mysql://tester:a-secret@{host}:{port}/q?ssl-mode={mode}&ssl-ca={}", file.display())
    };
    for (host, mode, authority, code) in [
        ("localhost", "VERIFY_IDENTITY", &certificates, None),
        ("127.0.0.1", "VERIFY_IDENTITY", &certificates, Some("sink.tls")),
        ("127.0.0.1", "VERIFY_CA", &certificates, None),
        ("127.0.0.1", "VERIFY_CA", &others, Some("sink.tls")),
        ("localhost", "VERIFY_IDENTITY", &others, Some("sink.tls")),
        ("127.0.0.1", "REQUIRED", &others, None),
        ("127.0.0.1", "PREFERRED", &others, None),
        // MariaDB says no more than that it knows no such user.
        ("127.0.0.1", "DISABLED", &others, Some("sink.login")),
    ] {
        let ran = run(f.path(), &to(host, mode, authority), &[]);
        match code {
            None => drop(ran.ok()),
            Some(code) => {
                eprintln!("{}", ran.stderr);
                ran.fails(5, &[code, "ssl-mode"]);
            }
        }
    }
}
