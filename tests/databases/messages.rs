//! Errors on the way to a server, as their reader sees them: who, what, where, and what to do.

use gristmill_servers::{Certificates, Postgres};

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
